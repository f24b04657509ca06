#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/oidc/jwt.h"
#include "manager/oidc/oidc.h"
#include "manager/oidc/provider.h"
#include "manager/tasks/try.h"

#define ISSUER "https://idp.test/realm"

/* A person's browser, and the provider that it is led to. */
struct visit {
	struct try *t;
	struct provider p;
	char state[64], nonce[64], challenge[64], browser[64];
	size_t seen; /* orders of the courier */
};

/* As a browser that is not signed in. */
static void get(struct visit *v, const char *path, const char *query, const char *cookie)
{
	AUTO(json_decrefp) json_t *q = json_object();
	AUTO(json_decrefp) json_t *headers = json_object();
	for (struct str rest = str_of(query); rest.p && rest.n;) {
		struct str value = str_cut(&rest, '&');
		AUTO(freep) char *name = str_dup(str_cut(&value, '='));
		json_set(q, name, json_pack("[s%]", value.p, value.n));
	}
	if (cookie)
		json_set_text(headers, "cookie", cookie);
	const struct request rq = { .id = ++v->t->next,
		                    .method = "GET",
		                    .path = path,
		                    .query = q,
		                    .headers = headers,
		                    .address = "192.0.2.7" };
	v->t->status = 0;
	app_request(v->t->app, &rq);
}

/* What the courier was given last; it must be something new. */
static const json_t *order(struct visit *v)
{
	assert_int_equal(json_array_size(v->t->orders), v->seen + 1);
	return json_object_get(json_array_get(v->t->orders, v->seen), "order");
}

static void answer(struct visit *v, int rc, const char *text)
{
	const json_t *o = json_array_get(v->t->orders, v->seen++);
	app_sent(v->t->app, (uint64_t)json_int(o, "ticket", 0), rc, text);
}

static void parameter(const char *location, const char *name, char out[static 64])
{
	char key[40];
	snprintf(key, sizeof(key), "%s=", name);
	const char *at = strstr(location, key);
	assert_non_null(at);
	at += strlen(key);
	snprintf(out, 64, "%.*s", (int)strcspn(at, "&"), at);
}

static const char found[] =
	"{\"issuer\":\"" ISSUER "\",\"authorization_endpoint\":\"" ISSUER
	"/auth\",\"token_endpoint\":\"" ISSUER "/token\",\"jwks_uri\":\"" ISSUER "/keys\"}";

static void begin(struct visit *v, struct try *t, const char *alg)
{
	*v = (struct visit){ .t = t };
	provider_init(&v->p, alg, "k1");
	try_must(t, 200, "POST", "/api/identityproviders",
	         "{'name':'Realm','issuer':'" ISSUER
	         "','clientID':'yagura','clientSecret':'SECRET & more'}");
	assert_null(strstr(t->text, "SECRET"));
	v->seen = json_array_size(t->orders);
}

static void leave(struct visit *v)
{
	get(v, "/api/sessions/oidc/1", "", NULL);
	assert_int_equal(v->t->status, 0); /* it waits */
	assert_string_equal(json_text(order(v), "url", ""),
	                    ISSUER "/.well-known/openid-configuration");
	answer(v, 0, found);
	assert_int_equal(v->t->status, 302);
	assert_true(strncmp(v->t->location, ISSUER "/auth?", strlen(ISSUER) + 6) == 0);
	assert_non_null(strstr(v->t->location,
	                       "redirect_uri=https%3A%2F%2Fmanager.test%3A4119%2Fapi%2Fsessions"
	                       "%2Foidc%2Fcallback&"));
	parameter(v->t->location, "state", v->state);
	parameter(v->t->location, "nonce", v->nonce);
	parameter(v->t->location, "code_challenge", v->challenge);
	assert_non_null(strstr(v->t->set_cookie, "HttpOnly; Secure; SameSite=Lax"));
	snprintf(v->browser, sizeof(v->browser), "%.*s", (int)strcspn(v->t->set_cookie, ";"),
	         v->t->set_cookie);
}

/* The verifier of the token's request must be what was promised. */
static void check_proof(struct visit *v, const char *body)
{
	char verifier[64];
	struct sha256_ctx c;
	uint8_t sum[SHA256_DIGEST_SIZE];
	AUTO(buf_done) struct buf b = { 0 };
	parameter(body, "code_verifier", verifier);
	sha256_init(&c);
	sha256_update(&c, strlen(verifier), (const uint8_t *)verifier);
	sha256_digest(&c, sizeof(sum), sum);
	base64url_encode(&b, (struct str){ (const char *)sum, sizeof(sum) });
	assert_string_equal(b.p, v->challenge);
}

static void come_back(struct visit *v, const char *cookie)
{
	char query[200];
	snprintf(query, sizeof(query), "code=c0de&state=%s", v->state);
	get(v, "/api/sessions/oidc/callback", query, cookie);
}

static json_t *usual_claims(const struct visit *v)
{
	json_int_t now = (json_int_t)(clock_ms() / 1000);
	return json_pack("{s:s,s:s,s:I,s:I,s:s,s:s}", "iss", ISSUER, "aud", "yagura", "iat", now,
	                 "exp", now + 60, "nonce", v->nonce, "preferred_username", "admin");
}

static void give_token(struct visit *v, const json_t *claims)
{
	AUTO(buf_done) struct buf token = { 0 }, body = { 0 };
	provider_sign(&v->p, NULL, claims, &token);
	buf_fmt(&body, "{\"id_token\":\"%s\",\"token_type\":\"Bearer\"}", token.p);
	const json_t *o = order(v);
	assert_string_equal(json_text(o, "url", ""), ISSUER "/token");
	const char *form = json_text(o, "body", "");
	assert_non_null(strstr(form, "grant_type=authorization_code&code=c0de&"));
	assert_non_null(strstr(form, "client_secret=SECRET%20%26%20more"));
	check_proof(v, form);
	answer(v, 0, body.p);
}

static void give_keys(struct visit *v)
{
	AUTO(json_decrefp) json_t *keys = provider_keys(&v->p);
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, keys);
	assert_string_equal(json_text(order(v), "url", ""), ISSUER "/keys");
	answer(v, 0, b.p);
}

static void visit_done(struct visit *v)
{
	provider_done(&v->p);
}

static void a_person_signs_in_by_a_provider(void **state)
{
	static const char *const algorithms[] = { "ES256", "RS256" };
	struct try *t = *state;
	AUTO(visit_done) struct visit v;
	begin(&v, t, algorithms[0]);
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
		provider_done(&v.p);
		provider_init(&v.p, algorithms[i], "k1");
		leave(&v);
		AUTO(json_decrefp) json_t *claims = usual_claims(&v);
		come_back(&v, v.browser);
		give_token(&v, claims);
		give_keys(&v);
		assert_int_equal(t->status, 200);
		assert_non_null(strstr(t->text, "url=/\""));
		assert_true(strncmp(t->set_cookie, "sID=", 4) == 0);
		assert_non_null(strstr(t->set_cookie, "SameSite=Strict"));
		char cookie[80];
		snprintf(cookie, sizeof(cookie), "%.*s", (int)strcspn(t->set_cookie, ";"),
		         t->set_cookie);
		get(&v, "/api/sessions/current", "", cookie);
		assert_int_equal(t->status, 200);
		assert_string_equal(json_text(t->out, "userName", ""), "admin");
		/* What has been used is of no use. */
		come_back(&v, v.browser);
		assert_int_equal(t->status, 401);
	}
}

static void failures(struct visit *v, int n)
{
	assert_int_equal(v->t->status, 401);
	assert_non_null(strstr(v->t->text, "signInError=provider"));
	assert_int_equal(try_events(v->t, "sign-in-failed"), n);
}

static void what_a_provider_should_not_say_lets_nobody_in(void **state)
{
	static const struct {
		const char *claim, *value;
	} rows[] = { { "iss", "https://evil.test" },
		     { "aud", "another" },
		     { "nonce", "another" },
		     { "preferred_username", "nobody" },
		     { "preferred_username", "" } };
	struct try *t = *state;
	AUTO(visit_done) struct visit v;
	int n = 0;
	begin(&v, t, "ES256");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		leave(&v);
		AUTO(json_decrefp) json_t *claims = usual_claims(&v);
		json_set_text(claims, rows[i].claim, rows[i].value);
		come_back(&v, v.browser);
		give_token(&v, claims);
		give_keys(&v);
		failures(&v, ++n);
	}
	leave(&v);
	AUTO(json_decrefp) json_t *claims = usual_claims(&v);
	come_back(&v, v.browser);
	give_token(&v, claims);
	provider_done(&v.p);
	provider_init(&v.p, "ES256", "k1"); /* another key under the same name */
	give_keys(&v);
	failures(&v, ++n);
	leave(&v);
	come_back(&v, v.browser);
	answer(&v, -EREMOTEIO, "it answered 400");
	failures(&v, ++n);
	get(&v, "/api/sessions/oidc/1", "", NULL);
	answer(&v, 0, "{\"issuer\":\"https://evil.test\"}");
	failures(&v, ++n);
	get(&v, "/api/sessions/oidc/1", "", NULL);
	answer(&v, 0, "no JSON");
	failures(&v, ++n);
}

static void a_way_back_is_for_the_browser_that_went(void **state)
{
	struct try *t = *state;
	AUTO(visit_done) struct visit v;
	begin(&v, t, "ES256");
	leave(&v);
	static const char *const cookies[] = { NULL, "oidc=", "oidc=another", "other=1" };
	for (size_t i = 0; i < ARRAY_LEN(cookies); i++) {
		come_back(&v, cookies[i]);
		assert_int_equal(t->status, 401);
		assert_non_null(strstr(t->text, "signInError=expired"));
	}
	get(&v, "/api/sessions/oidc/callback", "error=access_denied&state=", v.browser);
	assert_int_equal(t->status, 401);
	assert_int_equal(json_array_size(t->orders), v.seen);
	come_back(&v, v.browser); /* the right one still can */
	order(&v);
}

static void providers_are_offered_to_everybody_and_secrets_to_nobody(void **state)
{
	struct try *t = *state;
	AUTO(visit_done) struct visit v;
	begin(&v, t, "ES256");
	get(&v, "/api/sessions/oidc", "", NULL);
	assert_string_equal(t->text, "{\"identityProviders\":[{\"name\":\"Realm\",\"ID\":1}]}");
	try_must(t, 200, "POST", "/api/identityproviders/1", "{'enabled':false}");
	get(&v, "/api/sessions/oidc", "", NULL);
	assert_string_equal(t->text, "{\"identityProviders\":[]}");
	get(&v, "/api/sessions/oidc/1", "", NULL);
	assert_int_equal(t->status, 404);
	static const char *const bad[] = {
		"{'name':'x','issuer':'http://idp.test','clientID':'y'}",
		"{'name':'x','issuer':'https://idp.test?x=1','clientID':'y'}",
		"{'name':'x','issuer':'https://idp.test','clientID':'y','scopes':'profile'}",
		"{'name':'x','issuer':'https://idp.test'}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		try_must(t, 400, "POST", "/api/identityproviders", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, try_setup, try_teardown)
		T(a_person_signs_in_by_a_provider),
		T(what_a_provider_should_not_say_lets_nobody_in),
		T(a_way_back_is_for_the_browser_that_went),
		T(providers_are_offered_to_everybody_and_secrets_to_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
