#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/oidc/jwt.h"
#include "manager/oidc/provider.h"

static json_t *claims_of(const char *text)
{
	AUTO(freep) char *copy = xstrdup(text);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	json_t *o = json_parse(str_of(copy), NULL);
	assert_non_null(o);
	return o;
}

static void both_algorithms_are_checked_with_their_keys(void **state)
{
	static const char *const algorithms[] = { "RS256", "ES256" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
		AUTO(provider_done) struct provider p, other;
		AUTO(buf_done) struct buf token = { 0 };
		AUTO(json_decrefp) json_t *claims = claims_of("{'sub':'me'}"), *got = NULL;
		struct err why;
		provider_init(&p, algorithms[i], "one");
		provider_init(&other, algorithms[i], "one");
		AUTO(json_decrefp)
		json_t *keys = provider_keys(&p), *others = provider_keys(&other);
		provider_sign(&p, NULL, claims, &token);
		if (jwt_verify(buf_view(&token), keys, &got, &why) < 0)
			fail_msg("%s: %s", algorithms[i], why.text);
		assert_true(json_equal(got, claims));
		assert_int_equal(jwt_verify(buf_view(&token), others, &got, &why), -EKEYREJECTED);
		AUTO(json_decrefp) json_t *none = claims_of("{'keys':[]}");
		assert_int_equal(jwt_verify(buf_view(&token), none, &got, &why), -ENOKEY);
	}
}

static void no_change_of_a_token_goes_unseen(void **state)
{
	AUTO(provider_done) struct provider p;
	AUTO(buf_done) struct buf token = { 0 };
	AUTO(json_decrefp) json_t *claims = claims_of("{'sub':'me','aud':'us'}");
	(void)state;
	provider_init(&p, "ES256", "one");
	AUTO(json_decrefp) json_t *keys = provider_keys(&p);
	provider_sign(&p, NULL, claims, &token);
	for (size_t i = 0; i < token.n; i++) {
		json_t *got = NULL;
		char was = token.p[i];
		token.p[i] = was == 'A' ? 'B' : 'A';
		assert_true(jwt_verify(buf_view(&token), keys, &got, NULL) < 0);
		token.p[i] = was;
		assert_true(jwt_verify((struct str){ token.p, i }, keys, &got, NULL) < 0);
	}
}

static void what_is_signed_otherwise_is_not_taken(void **state)
{
	static const char *const heads[] = {
		"{\"alg\":\"none\"}",
		"{\"alg\":\"HS256\"}",
		"{\"alg\":\"RS256\"}",
		"{}",
		"[]",
		"{\"alg\":\"ES256\",\"kid\":\"two\"}",
		"{\"alg\":\"ES256\",\"crit\":[\"b64\"]}",
	};
	AUTO(provider_done) struct provider p;
	AUTO(json_decrefp) json_t *claims = claims_of("{'sub':'me'}");
	(void)state;
	provider_init(&p, "ES256", "one");
	AUTO(json_decrefp) json_t *keys = provider_keys(&p);
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		AUTO(buf_done) struct buf token = { 0 };
		json_t *got = NULL;
		provider_sign(&p, heads[i], claims, &token);
		if (jwt_verify(buf_view(&token), keys, &got, NULL) == 0)
			fail_msg("%s was taken", heads[i]);
	}
}

static void claims_must_be_for_us_now_and_for_this_sign_in(void **state)
{
	static const struct {
		const char *claims;
		bool good;
	} rows[] = {
		{ "{'iss':'https://i','aud':'us','exp':1000,'iat':990,'nonce':'n'}", true },
		{ "{'iss':'https://i','aud':['us'],'exp':1000,'nonce':'n'}", true },
		{ "{'iss':'https://i','aud':['them','us'],'azp':'us','exp':1000,'nonce':'n'}",
		  true },
		{ "{'iss':'https://i','aud':['them','us'],'exp':1000,'nonce':'n'}", false },
		{ "{'iss':'https://j','aud':'us','exp':1000,'nonce':'n'}", false },
		{ "{'iss':'https://i','aud':'them','exp':1000,'nonce':'n'}", false },
		{ "{'iss':'https://i','exp':1000,'nonce':'n'}", false },
		{ "{'iss':'https://i','aud':'us','exp':900,'nonce':'n'}", false },
		{ "{'iss':'https://i','aud':'us','nonce':'n'}", false },
		{ "{'iss':'https://i','aud':'us','exp':5000,'iat':4000,'nonce':'n'}", false },
		{ "{'iss':'https://i','aud':'us','exp':5000,'nbf':4000,'nonce':'n'}", false },
		{ "{'iss':'https://i','aud':'us','exp':1000,'nonce':'m'}", false },
		{ "{'iss':'https://i','aud':'us','exp':1000}", false },
	};
	const struct jwt_expected e = { "https://i", "us", "n", 999 };
	struct err why;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(json_decrefp) json_t *claims = claims_of(rows[i].claims);
		if ((jwt_fits(claims, &e, &why) == 0) != rows[i].good)
			fail_msg("%s", rows[i].claims);
	}
}

/* RFC 7636, appendix B. */
static void base64url_is_that_of_the_standard(void **state)
{
	static const unsigned char bytes[] = { 3, 236, 255, 224, 193 };
	AUTO(buf_done) struct buf b = { 0 }, back = { 0 };
	(void)state;
	base64url_encode(&b, (struct str){ (const char *)bytes, sizeof(bytes) });
	assert_string_equal(b.p, "A-z_4ME");
	assert_int_equal(base64url_decode(&back, buf_view(&b)), 0);
	assert_memory_equal(back.p, bytes, sizeof(bytes));
	assert_int_equal(base64url_decode(&back, STR("A+z/4ME")), -EINVAL);
	assert_int_equal(base64url_decode(&back, STR("A-z_4ME=")), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_algorithms_are_checked_with_their_keys),
		cmocka_unit_test(no_change_of_a_token_goes_unseen),
		cmocka_unit_test(what_is_signed_otherwise_is_not_taken),
		cmocka_unit_test(claims_must_be_for_us_now_and_for_this_sign_in),
		cmocka_unit_test(base64url_is_that_of_the_standard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
