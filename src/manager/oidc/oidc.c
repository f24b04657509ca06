#include "manager/oidc/oidc.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/rand.h"
#include "manager/api/resources.h"
#include "manager/api/sign_in.h"
#include "manager/forward/post.h"
#include "manager/oidc/jwt.h"

enum { SECRET = 43, LIFE_MS = 600000, FLOWS_MAX = 200, CLAIM_MAX = 200 };

static const char kind[] = "identityproviders";
#define CALLBACK "/api/sessions/oidc/callback"

/* Where a sign-in stands. */
enum stage {
	STAGE_DISCOVERY, /* the provider's addresses are asked for; a browser waits */
	STAGE_AWAY,      /* the person is at the provider */
	STAGE_TOKEN,     /* the code is exchanged; a browser waits */
	STAGE_KEYS,      /* the provider's keys are asked for; a browser waits */
};

struct oidc_flow {
	LIST_ENTRY(oidc_flow) next;
	int64_t id, provider;
	enum stage stage;
	bool asked;       /* the courier has the stage's order */
	uint64_t request; /* that waits; 0: none */
	uint64_t began_ms;
	char state[SECRET + 1], browser[SECRET + 1], nonce[SECRET + 1], verifier[SECRET + 1];
	char address[64];
	json_t *found;      /* owned: what discovery said */
	char *code, *token; /* owned */
};

/* ---- the collection ---- */

/* clang-format off */
static const struct field fields[] = {
	NAME_FIELD,
	{ "issuer",        T_TEXT, F_REQUIRED, .max = 1000, .doc = "https://...; its configuration is at /.well-known/openid-configuration below" },
	{ "clientID",      T_TEXT, F_REQUIRED, .max = 500, .doc = "our name there" },
	{ "clientSecret",  T_TEXT, F_NOT_SEARCHED | F_SECRET, .otherwise = "\"\"", .max = 2000, .doc = "our password there; empty: PKCE alone; never shown" },
	{ "scopes",        T_TEXT, 0, .otherwise = "\"openid profile\"", .max = 500, .doc = "what is asked for" },
	{ "userClaim",     T_TEXT, 0, .otherwise = "\"preferred_username\"", .max = 100, .doc = "which claim is the administrator's username" },
	{ "caCertificate", T_TEXT, F_NOT_SEARCHED, .otherwise = "\"\"", .max = 200000, .doc = "whom to trust, PEM; empty: what the system trusts" },
	{ "enabled",       T_BOOL, 0, .otherwise = "true", .doc = "is offered at the sign-in" },
	ID_FIELD,
	{ 0 },
};
/* clang-format on */

static bool is_https(const char *url)
{
	return strncmp(url, "https://", 8) == 0 && url[8] && !strpbrk(url, " \t\r\n\"<>\\#");
}

static int check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id, (void)old;
	if (!is_https(json_text(o, "issuer", "")) || strchr(json_text(o, "issuer", ""), '?'))
		return err_set(&c->why, -EINVAL,
		               "Invalid value for issuer. It must begin with https://.");
	if (!strstr(json_text(o, "scopes", ""), "openid"))
		return err_set(&c->why, -EINVAL, "Invalid value for scopes. openid must be there.");
	return 0;
}

/* clang-format off */
const struct resource oidc_resources[] = {
	{ "identityproviders", "identityProviders", "identity provider", "name", NULL, fields, V_EVERY, .check = check,
	  .view = "canViewSettings", .make = "canEditSettings", .edit = "canEditSettings", .erase = "canEditSettings" },
	{ 0 },
};
/* clang-format on */

/* ---- flows ---- */

static void flow_free(struct oidc_flow *f)
{
	LIST_REMOVE(f, next);
	json_decref(f->found);
	free(f->code);
	free(f->token);
	explicit_bzero(f, sizeof(*f));
	free(f);
}

static void redirect_uri(struct app *a, struct buf *b)
{
	bool v6 = strchr(a->config.host, ':') != NULL;
	buf_fmt(b, "https://%s%s%s:%u" CALLBACK, v6 ? "[" : "", a->config.host, v6 ? "]" : "",
	        a->config.console_port);
}

/* ---- answering ---- */

static void escape(struct buf *b, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		bool plain = (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
		             (*p >= 'a' && *p <= 'z') || strchr("-._~", *p);
		if (plain)
			buf_char(b, (char)*p);
		else
			buf_fmt(b, "%%%c%c", hex[*p >> 4], hex[*p & 15]);
	}
}

static void add(struct buf *b, const char *key, const char *value)
{
	buf_fmt(b, "%s%s=", b->n ? "&" : "", key);
	escape(b, value);
}

/* Ours to the browser: it goes home. A page and no redirection: the session's cookie is for this
 * site alone, and what a stranger's page led to would not bring it along. */
static void go_home(struct app *a, uint64_t request, const char *error, json_t *headers)
{
	AUTO(buf_done) struct buf b = { 0 };
	AUTO(json_decrefp) json_t *h = headers ? headers : json_object();
	buf_z(&b, "<!doctype html><meta charset=\"utf-8\"><title>Yagura</title>"
	          "<meta http-equiv=\"refresh\" content=\"0;url=/");
	if (error)
		buf_fmt(&b, "?signInError=%s", error);
	buf_z(&b, "\"><a href=\"/\">Yagura</a>\n");
	json_set_text(h, "Content-Type", "text/html;charset=utf-8");
	json_set_text(h, "Cache-Control", "no-store");
	a->hooks->reply(a, request, error ? 401 : 200, h, buf_view(&b), false);
}

/* Nobody outside is told why; the event says it. */
static void fail(struct app *a, struct oidc_flow *f, const char *who, const char *text)
{
	AUTO(json_decrefp) json_t *p = object_get(a->store, kind, f->provider);
	AUTO(buf_done) struct buf b = { 0 };
	buf_fmt(&b, "%s: %s", json_text(p, "name", "the provider"), text);
	system_event_about(
		a, "sign-in-failed",
		&(struct subject){
			.by = who, .type = "administrator", .name = who ? who : "", .text = b.p });
	if (f->request)
		go_home(a, f->request, "provider", NULL);
	flow_free(f);
}

/* ---- the way there ---- */

static void challenge(const char *verifier, struct buf *out)
{
	struct sha256_ctx c;
	uint8_t sum[SHA256_DIGEST_SIZE];
	sha256_init(&c);
	sha256_update(&c, strlen(verifier), (const uint8_t *)verifier);
	sha256_digest(&c, sizeof(sum), sum);
	base64url_encode(out, (struct str){ (const char *)sum, sizeof(sum) });
}

static void send_away(struct app *a, struct oidc_flow *f, const json_t *p)
{
	AUTO(buf_done)
	struct buf to = { 0 }, query = { 0 }, proof = { 0 }, cookie = { 0 }, here = { 0 };
	const char *at = json_text(f->found, "authorization_endpoint", "");
	redirect_uri(a, &here);
	challenge(f->verifier, &proof);
	add(&query, "response_type", "code");
	add(&query, "client_id", json_text(p, "clientID", ""));
	add(&query, "redirect_uri", here.p);
	add(&query, "scope", json_text(p, "scopes", "openid"));
	add(&query, "state", f->state);
	add(&query, "nonce", f->nonce);
	add(&query, "code_challenge", proof.p);
	add(&query, "code_challenge_method", "S256");
	buf_fmt(&to, "%s%c%s", at, strchr(at, '?') ? '&' : '?', query.p);
	/* Lax: it has to come along when the provider leads back. */
	buf_fmt(&cookie,
	        "oidc=%s; Path=/api/sessions/oidc; Max-Age=%d; HttpOnly; Secure; SameSite=Lax",
	        f->browser, LIFE_MS / 1000);
	AUTO(json_decrefp)
	json_t *headers = json_pack("{s:s,s:s,s:s}", "Location", to.p, "Set-Cookie", cookie.p,
	                            "Cache-Control", "no-store");
	a->hooks->reply(a, f->request, 302, headers, (struct str){ 0 }, false);
	f->request = 0;
	f->stage = STAGE_AWAY;
}

static int discovered(const json_t *p, const json_t *said, struct err *why)
{
	static const char *const urls[] = { "authorization_endpoint", "token_endpoint",
		                            "jwks_uri" };
	if (strcmp(json_text(said, "issuer", ""), json_text(p, "issuer", "")) != 0)
		return err_set(why, -EINVAL, "its configuration is of another issuer");
	for (size_t i = 0; i < ARRAY_LEN(urls); i++)
		if (!is_https(json_text(said, urls[i], "")))
			return err_set(why, -EINVAL, "its %s is no https address", urls[i]);
	return 0;
}

/* ---- who it is ---- */

static void sign_in(struct app *a, struct oidc_flow *f, const char *user)
{
	const struct request rq = {
		.id = f->request, .method = "GET", .path = CALLBACK, .address = f->address
	};
	struct call c = { .app = a, .rq = &rq, .id = -1, .id2 = -1 };
	int64_t id = object_named(a->store, "administrators", user);
	AUTO(json_decrefp) json_t *admin = id ? object_get(a->store, "administrators", id) : NULL;
	if (!admin || !json_bool(admin, "active", true) ||
	    json_int(admin, "unlockTime", 0) > (int64_t)clock_ms()) {
		fail(a, f, user,
		     admin ? "The user is switched off or locked out."
		           : "There is no such administrator.");
		return;
	}
	int status = session_admit(&c, id, admin, user);
	json_decref(c.out);
	if (status != 200) {
		json_decref(c.headers);
		fail(a, f, user, c.why.text);
		return;
	}
	go_home(a, f->request, NULL, c.headers);
	flow_free(f);
}

static void check_token(struct app *a, struct oidc_flow *f, const json_t *p, const json_t *keys)
{
	struct err why = { { 0 } };
	AUTO(json_decrefp) json_t *claims = NULL;
	const struct jwt_expected expected = { .issuer = json_text(p, "issuer", ""),
		                               .client = json_text(p, "clientID", ""),
		                               .nonce = f->nonce,
		                               .now_s = (int64_t)(clock_ms() / 1000) };
	int rc = jwt_verify(str_of(f->token), keys, &claims, &why);
	if (rc == 0)
		rc = jwt_fits(claims, &expected, &why);
	const char *user = json_text(claims, json_text(p, "userClaim", ""), "");
	if (rc < 0 || !*user || strlen(user) > CLAIM_MAX) {
		fail(a, f, NULL, rc < 0 ? why.text : "The token does not say who it is.");
		return;
	}
	AUTO(freep) char *name = xstrdup(user);
	sign_in(a, f, name);
}

/* ---- asking the provider ---- */

static json_t *order_of(struct app *a, const struct oidc_flow *f, const json_t *p)
{
	AUTO(buf_done) struct buf body = { 0 }, url = { 0 }, here = { 0 };
	const char *secret = json_text(p, "clientSecret", "");
	if (f->stage == STAGE_DISCOVERY) {
		const char *issuer = json_text(p, "issuer", "");
		size_t n = strlen(issuer);
		buf_fmt(&url, "%.*s/.well-known/openid-configuration",
		        (int)(n && issuer[n - 1] == '/' ? n - 1 : n), issuer);
	} else {
		buf_z(&url, json_text(f->found,
		                      f->stage == STAGE_TOKEN ? "token_endpoint" : "jwks_uri", ""));
	}
	if (f->stage == STAGE_TOKEN) {
		redirect_uri(a, &here);
		add(&body, "grant_type", "authorization_code");
		add(&body, "code", f->code);
		add(&body, "redirect_uri", here.p);
		add(&body, "client_id", json_text(p, "clientID", ""));
		add(&body, "code_verifier", f->verifier);
		if (*secret)
			add(&body, "client_secret", secret);
	}
	return json_pack("{s:s,s:s,s:s,s:s}", "kind", "fetch", "url", url.p, "ca",
	                 json_text(p, "caCertificate", ""), "body", body.p ? body.p : "");
}

static struct oidc_flow *flow_of(struct app *a, int64_t id)
{
	struct oidc_flow *f;
	LIST_FOREACH (f, &a->oidc, next)
		if (f->id == id)
			return f;
	return NULL;
}

static void next_stage(struct app *a, struct oidc_flow *f, const json_t *p, json_t *said)
{
	struct err why = { { 0 } };
	f->asked = false;
	if (f->stage == STAGE_DISCOVERY && discovered(p, said, &why) < 0) {
		fail(a, f, NULL, why.text);
	} else if (f->stage == STAGE_DISCOVERY) {
		f->found = json_incref(said);
		send_away(a, f, p);
	} else if (f->stage == STAGE_TOKEN) {
		const char *token = json_text(said, "id_token", NULL);
		if (!token) {
			fail(a, f, NULL, "It gave no ID token.");
			return;
		}
		f->token = xstrdup(token);
		f->stage = STAGE_KEYS;
	} else {
		check_token(a, f, p, said);
	}
}

static void push(struct app *a);

static void answered(struct app *a, int64_t id, int rc, const char *text)
{
	struct oidc_flow *f = flow_of(a, id);
	if (f) {
		AUTO(json_decrefp) json_t *p = object_get(a->store, kind, f->provider);
		AUTO(json_decrefp) json_t *said = rc == 0 ? json_parse(str_of(text), NULL) : NULL;
		if (rc < 0 || !p || !json_is_object(said))
			fail(a, f, NULL, rc < 0 ? text : "It gave no JSON object.");
		else
			next_stage(a, f, p, said);
	}
	push(a);
}

/* The courier asks for one at a time; mails take turns with it. */
static void push(struct app *a)
{
	struct oidc_flow *f;
	if (post_busy(a, POST_MAIL))
		return;
	LIST_FOREACH (f, &a->oidc, next)
		if (f->request && !f->asked && f->stage != STAGE_AWAY)
			break;
	if (!f)
		return;
	AUTO(json_decrefp) json_t *p = object_get(a->store, kind, f->provider);
	if (!p) {
		fail(a, f, NULL, "It was deleted.");
		return;
	}
	AUTO(json_decrefp) json_t *order = order_of(a, f, p);
	f->asked = true;
	post(a, POST_MAIL, order, answered, f->id);
}

/* ---- the routes ---- */

static int refuse(struct call *c, int status, const char *text)
{
	err_set(&c->why, 0, "%s", text);
	return status;
}

/* What the sign-in page offers, to everybody. */
static int offered(struct call *c)
{
	struct rows r;
	json_t *list = json_array();
	int rc = store_query(c->app->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(kind)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		AUTO(json_decrefp) json_t *o = json_parse(col_str(&r, 1), NULL);
		if (json_bool(o, "enabled", true))
			json_array_append_new(list, json_pack("{s:s,s:I}", "name",
			                                      json_text(o, "name", ""), "ID",
			                                      (json_int_t)r.col[0].i));
	}
	rows_done(&r);
	c->out = json_pack("{s:o}", "identityProviders", list);
	return 200;
}

static int begin(struct call *c)
{
	struct app *a = c->app;
	AUTO(json_decrefp) json_t *p = object_get(a->store, kind, c->id);
	struct oidc_flow *f = NULL;
	unsigned n = 0;
	LIST_FOREACH (f, &a->oidc, next)
		n++;
	if (!p || !json_bool(p, "enabled", true))
		return refuse(c, 404, "The identity provider does not exist.");
	if (n >= FLOWS_MAX)
		return refuse(c, 503, "Too many people are signing in.");
	f = xcalloc(1, sizeof(*f));
	f->id = (int64_t)++a->ticket;
	f->provider = c->id;
	f->request = c->rq->id;
	f->began_ms = clock_mono_ms();
	char *const secrets[] = { f->state, f->browser, f->nonce, f->verifier };
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		rand_password(secrets[i], SECRET);
	snprintf(f->address, sizeof(f->address), "%s", c->rq->address ? c->rq->address : "");
	LIST_INSERT_HEAD(&a->oidc, f, next);
	c->later = true;
	push(a);
	return 200;
}

static bool same(const char *a, const char *b)
{
	unsigned differ = strlen(a) == strlen(b) ? 0 : 1;
	for (size_t i = 0; a[i] && b[i]; i++)
		differ |= (unsigned)(a[i] ^ b[i]);
	return differ == 0;
}

/* The one that this browser began: the state alone could be another's. */
static struct oidc_flow *flow_back(struct call *c)
{
	const char *state = query_text(c->rq, "state", ""),
		   *cookies = json_text(c->rq->headers, "cookie", "");
	struct oidc_flow *f;
	char browser[SECRET + 1] = "";
	for (struct str rest = str_of(cookies); rest.p;) {
		struct str one = str_trim(str_cut(&rest, ';'));
		if (str_starts(one, STR("oidc=")))
			snprintf(browser, sizeof(browser), "%.*s", STR_ARG(str_skip(one, 5)));
	}
	LIST_FOREACH (f, &c->app->oidc, next)
		if (f->stage == STAGE_AWAY && *state && same(f->state, state))
			return same(f->browser, browser) ? f : NULL;
	return NULL;
}

static int come_back(struct call *c)
{
	struct oidc_flow *f = flow_back(c);
	const char *code = query_text(c->rq, "code", ""), *error = query_text(c->rq, "error", NULL);
	c->later = true;
	if (!f) {
		go_home(c->app, c->rq->id, "expired", NULL);
		return 200;
	}
	f->request = c->rq->id;
	if (error || !*code) {
		fail(c->app, f, NULL,
		     error && str_utf8(str_of(error)) ? error : "It gave no code.");
		return 200;
	}
	f->code = xstrdup(code);
	f->stage = STAGE_TOKEN;
	push(c->app);
	return 200;
}

/* clang-format off */
const struct route oidc_routes[] = {
	{ "GET", "/api/sessions/oidc",      offered,   false, "the identity providers that can be signed in by", .open = true },
	{ "GET", CALLBACK,                  come_back, false, "where an identity provider leads back to", .open = true },
	{ "GET", "/api/sessions/oidc/{id}", begin,     false, "leads to an identity provider", .open = true },
	{ 0 },
};
/* clang-format on */

/* ---- life ---- */

void oidc_tick(struct app *a)
{
	struct oidc_flow *f = LIST_FIRST(&a->oidc);
	for (struct oidc_flow *next = NULL; f; f = next) {
		next = LIST_NEXT(f, next);
		if (clock_mono_ms() - f->began_ms > LIFE_MS)
			fail(a, f, NULL, "It took too long.");
	}
	push(a);
}

bool oidc_gone(struct app *a, uint64_t id)
{
	struct oidc_flow *f;
	LIST_FOREACH (f, &a->oidc, next) {
		if (f->request == id) {
			flow_free(f);
			return true;
		}
	}
	return false;
}

void oidc_free(struct app *a)
{
	while (!LIST_EMPTY(&a->oidc))
		/* The analyzer does not follow LIST_REMOVE().
		 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		flow_free(LIST_FIRST(&a->oidc));
}
