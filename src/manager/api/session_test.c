#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/api/totp.h"
#include "manager/tasks/try.h"

/* Signing in, sessions, keys: what is let in, and for how long. */

#define SIGN_IN "{'userName':'admin','password':'a Password 4 tests'}"

static bool says(const struct try *t, const char *what)
{
	return strcmp(json_text(t->out, "message", ""), what) == 0;
}

static void a_wrong_password_is_refused_and_the_fifth_locks(void **state)
{
	struct try *t = *state;
	for (int i = 0; i < 5; i++) {
		try_must(t, 401, "POST", "/api/sessions", "{'userName':'admin','password':'x'}");
		assert_true(says(t, "The user name or password is incorrect."));
	}
	try_must(t, 401, "POST", "/api/sessions", SIGN_IN);
	assert_true(strstr(t->text, "locked out") != NULL);
	assert_int_equal(try_events(t, "user-locked-out"), 1);
	const json_t *o = try_must(t, 200, "GET", "/api/administrators/1", NULL);
	assert_int_equal(json_int(o, "unsuccessfulSignInAttempts", 0), 5);
	assert_true(json_int(o, "unlockTime", 0) > (int64_t)clock_ms());
	try_must(t, 200, "POST", "/api/administrators/1", "{'unlockTime':0}");
	try_must(t, 200, "POST", "/api/sessions", SIGN_IN);
}

static void an_unknown_user_is_refused_in_the_same_words(void **state)
{
	struct try *t = *state;
	try_must(t, 401, "POST", "/api/sessions", "{'userName':'nobody','password':'x'}");
	assert_true(says(t, "The user name or password is incorrect."));
	try_must(t, 401, "POST", "/api/sessions", "{}");
	try_must(t, 401, "POST", "/api/sessions", "{'userName':7,'password':[]}");
}

static void a_session_needs_its_rid_and_ends_when_idle(void **state)
{
	struct try *t = *state;
	char rid[64];
	snprintf(rid, sizeof(rid), "%s", t->rid);
	snprintf(t->rid, sizeof(t->rid), "of another page");
	try_must(t, 401, "GET", "/api/policies", NULL);
	/* Only who one is may be asked with the cookie alone, so that a reload keeps the session.
	 */
	try_must(t, 200, "GET", "/api/sessions/current", NULL);
	assert_string_equal(json_text(t->out, "RID", ""), rid);
	snprintf(t->rid, sizeof(t->rid), "%s", rid);
	try_must(t, 200, "GET", "/api/policies", NULL);
	try_sql(t, "update session set seen = seen - 1800001");
	try_must(t, 401, "GET", "/api/policies", NULL);
	assert_true(says(t, "You are not signed in."));
}

static void the_cookie_is_for_this_site_and_no_script(void **state)
{
	struct try *t = *state;
	assert_non_null(strstr(t->set_cookie, "; HttpOnly"));
	assert_non_null(strstr(t->set_cookie, "; Secure"));
	assert_non_null(strstr(t->set_cookie, "; SameSite=Strict"));
	/* What is stored is of no use to who reads it. */
	try_must(t, 200, "GET", "/api/sessions/current", NULL);
}

static void more_sessions_than_allowed_are_refused(void **state)
{
	struct try *t = *state;
	for (int i = 0; i < 9; i++)
		try_must(t, 200, "POST", "/api/sessions", SIGN_IN);
	try_must(t, 401, "POST", "/api/sessions", SIGN_IN);
	assert_true(says(t, "The user has the highest number of sessions already."));
	try_must(t, 204, "DELETE", "/api/sessions/current", NULL);
	try_must(t, 200, "POST", "/api/sessions", SIGN_IN);
}

static int64_t key(struct try *t, const char *body)
{
	int64_t id = json_int(try_must(t, 200, "POST", "/api/apikeys", body), "ID", 0);
	snprintf(t->key, sizeof(t->key), "%s", json_text(t->out, "secretKey", ""));
	return id;
}

static void a_key_has_its_form_and_is_shown_once(void **state)
{
	struct try *t = *state;
	try_must(t, 200, "POST", "/api/apikeys", "{'keyName':'ci'}");
	const char *secret = json_text(t->out, "secretKey", "");
	assert_int_equal(strcspn(secret, ":"), 36);
	assert_int_equal(secret[strlen(secret) - 1], '=');
	assert_true(json_bool(t->out, "active", false));
	assert_string_equal(json_text(t->out, "locale", ""), "en-US");
	try_must(t, 200, "GET", "/api/apikeys", NULL);
	assert_null(strstr(t->text, "secretKey"));
	try_must(t, 200, "POST", "/api/apikeys/search", "{}");
	assert_null(strstr(t->text, "secretKey"));
}

static void a_key_is_refused_when_wrong_off_expired_or_locked(void **state)
{
	struct try *t = *state;
	int64_t id = key(t, "{'keyName':'ci'}");
	char good[200], path[60];
	snprintf(good, sizeof(good), "%s", t->key);
	snprintf(path, sizeof(path), "/api/apikeys/%lld", (long long)id);
	try_must(t, 200, "GET", "/api/apikeys/current", NULL);
	assert_non_null(strstr(t->text, "\"active\":true"));
	assert_non_null(json_object_get(t->out, "tenantGUID"));
	static const char *const states[][2] = { { "{'active':false}", "{'active':true}" },
		                                 { "{'expiryDate':1000}", "{'expiryDate':0}" } };
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		t->key[0] = '\0';
		try_must(t, 200, "POST", path, states[i][0]);
		snprintf(t->key, sizeof(t->key), "%s", good);
		try_must(t, 401, "GET", "/api/policies", NULL);
		assert_string_equal(t->text, "{\"message\":\"Invalid API Key\"}");
		t->key[0] = '\0';
		try_must(t, 200, "POST", path, states[i][1]);
		snprintf(t->key, sizeof(t->key), "%s", good);
		try_must(t, 200, "GET", "/api/policies", NULL);
	}
	t->key[strlen(t->key) - 2] ^= 1;
	for (int i = 0; i < 5; i++)
		try_must(t, 401, "GET", "/api/policies", NULL);
	snprintf(t->key, sizeof(t->key), "%s", good);
	try_must(t, 401, "GET", "/api/policies", NULL);
	t->key[0] = '\0';
	try_must(t, 200, "POST", path, "{'unlockTime':0}");
	snprintf(t->key, sizeof(t->key), "%s", good);
	try_must(t, 200, "GET", "/api/policies", NULL);
}

static void a_new_secret_ends_the_old_one(void **state)
{
	struct try *t = *state;
	key(t, "{'keyName':'ci'}");
	try_must(t, 200, "POST", "/api/apikeys/current/secretkey", "{}");
	char fresh[200];
	snprintf(fresh, sizeof(fresh), "%s", json_text(t->out, "secretKey", ""));
	try_must(t, 401, "GET", "/api/policies", NULL);
	snprintf(t->key, sizeof(t->key), "%s", fresh);
	try_must(t, 200, "GET", "/api/policies", NULL);
}

static void the_five_hundred_and_first_request_of_a_minute_is_refused(void **state)
{
	struct try *t = *state;
	key(t, "{'keyName':'busy'}");
	for (int i = 0; i < 500; i++)
		try_must(t, 200, "GET", "/api/apikeys/current", NULL);
	try_must(t, 429, "GET", "/api/apikeys/current", NULL);
	assert_string_equal(t->text, "{\"message\":\"Too many API requests.\"}");
	t->key[0] = '\0'; /* the console is not limited */
	for (int i = 0; i < 20; i++)
		try_must(t, 200, "GET", "/api/sessions/current", NULL);
}

static void code_now(const char *base32, int steps, char out[static 7])
{
	AUTO(buf_done) struct buf k = { 0 };
	assert_int_equal(base32_decode(&k, str_of(base32)), 0);
	uint64_t step = clock_ms() / 1000 / TOTP_STEP_S;
	snprintf(out, 7, "%06u",
	         totp_code(buf_view(&k), (uint64_t)((int64_t)step + steps)) % 1000000);
}

static void a_second_factor_is_asked_for_and_never_taken_twice(void **state)
{
	struct try *t = *state;
	char secret[64], code[7], body[200];
	try_must(t, 400, "POST", "/api/administrators/1", "{'mfaType':'local-totp'}");
	try_must(t, 200, "POST", "/api/administrators/1/totp", "{}");
	snprintf(secret, sizeof(secret), "%s", json_text(t->out, "secret", ""));
	assert_int_equal(strlen(secret), 32);
	assert_non_null(
		strstr(json_text(t->out, "uri", ""), "otpauth://totp/Yagura:admin?secret="));
	try_must(t, 200, "POST", "/api/sessions", SIGN_IN); /* not confirmed yet */
	try_must(t, 400, "POST", "/api/administrators/1/totp/confirm", "{'code':'12345'}");
	code_now(secret, -1, code);
	snprintf(body, sizeof(body), "{'code':'%s'}", code);
	try_must(t, 204, "POST", "/api/administrators/1/totp/confirm", body);
	try_must(t, 401, "POST", "/api/sessions", SIGN_IN);
	assert_true(says(t, "A one-time password is required."));
	code_now(secret, 0, code);
	snprintf(body, sizeof(body),
	         "{'userName':'admin','password':'a Password 4 tests','totp':'%s'}", code);
	try_must(t, 200, "POST", "/api/sessions", body);
	try_must(t, 401, "POST", "/api/sessions", body);
	try_must(t, 200, "GET", "/api/administrators/1", NULL);
	assert_null(strstr(t->text, secret));
	assert_string_equal(json_text(t->out, "mfaType", ""), "local-totp");
	try_must(t, 200, "GET", "/api/events/system?maxItems=5000", NULL);
	assert_null(strstr(t->text, secret));
	try_must(t, 200, "POST", "/api/administrators/1", "{'mfaType':'none'}");
	try_must(t, 200, "POST", "/api/sessions", SIGN_IN);
}

static void passwords_follow_the_rules_and_are_kept_nowhere(void **state)
{
	struct try *t = *state;
	try_must(t, 400, "POST", "/api/administrators", "{'username':'hana'}");
	try_must(t, 400, "POST", "/api/administrators", "{'username':'hana','password':'short'}");
	assert_true(says(t, "A password has at least 8 characters."));
	try_must(t, 200, "POST", "/api/administrators",
	         "{'username':'hana','password':'a secret that is hers','roleID':2}");
	assert_null(json_object_get(t->out, "password"));
	try_must(t, 200, "GET", "/api/events/system?maxItems=5000", NULL);
	assert_null(strstr(t->text, "a secret that is hers"));
	try_must(t, 200, "POST", "/api/sessions",
	         "{'userName':'hana','password':'a secret that is hers'}");
	try_must(t, 400, "POST", "/api/administrators/1/password",
	         "{'oldPassword':'no','password':'another Password 5'}");
	try_must(t, 403, "POST", "/api/administrators/2/password",
	         "{'oldPassword':'a secret that is hers','password':'another Password 5'}");
	try_must(t, 204, "POST", "/api/administrators/1/password",
	         "{'oldPassword':'a Password 4 tests','password':'another Password 5'}");
	try_must(t, 401, "POST", "/api/sessions", SIGN_IN);
	try_must(t, 200, "POST", "/api/sessions",
	         "{'userName':'admin','password':'another Password 5'}");
}

static void who_is_switched_off_is_signed_out(void **state)
{
	struct try *t = *state;
	char admin_cookie[128], admin_rid[64];
	snprintf(admin_cookie, sizeof(admin_cookie), "%s", t->cookie);
	snprintf(admin_rid, sizeof(admin_rid), "%s", t->rid);
	try_must(t, 200, "POST", "/api/administrators",
	         "{'username':'hana','password':'a secret that is hers','roleID':2}");
	t->cookie[0] = '\0';
	try_must(t, 200, "POST", "/api/sessions",
	         "{'userName':'hana','password':'a secret that is hers'}");
	char cookie[128], rid[64];
	snprintf(cookie, sizeof(cookie), "%s", t->cookie);
	snprintf(rid, sizeof(rid), "%s", json_text(t->out, "RID", ""));
	snprintf(t->rid, sizeof(t->rid), "%s", rid);
	/* Her own account she may describe, but not raise herself. */
	try_must(t, 200, "POST", "/api/administrators/2", "{'fullName':'Hana'}");
	try_must(t, 400, "POST", "/api/administrators/2", "{'roleID':1}");
	try_must(t, 403, "POST", "/api/administrators/1", "{'fullName':'Hana'}");
	try_must(t, 403, "DELETE", "/api/administrators/2", NULL);
	snprintf(t->cookie, sizeof(t->cookie), "%s", admin_cookie);
	snprintf(t->rid, sizeof(t->rid), "%s", admin_rid);
	try_must(t, 200, "POST", "/api/administrators/2", "{'active':false}");
	snprintf(t->cookie, sizeof(t->cookie), "%s", cookie);
	snprintf(t->rid, sizeof(t->rid), "%s", rid);
	try_must(t, 401, "GET", "/api/policies", NULL);
}

static void an_error_has_a_code_only_for_who_prefers_it(void **state)
{
	struct try *t = *state;
	try_must(t, 404, "GET", "/api/policies/987", NULL);
	assert_string_equal(t->text, "{\"message\":\"The policy does not exist.\"}");
	snprintf(t->prefer, sizeof(t->prefer), "codes");
	try_must(t, 404, "GET", "/api/policies/987", NULL);
	assert_string_equal(json_text(t->out, "code", ""), "not-found");
	assert_non_null(json_object_get(t->out, "params"));
}

static void what_this_manager_does_not_have_says_so(void **state)
{
	struct try *t = *state;
	static const char *const paths[] = { "/api/awsconnectors", "/api/vcenterconnectors/1",
		                             "/api/datacentergateways/search", "/api/tenants" };
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		try_must(t, 404, "GET", paths[i], NULL);
		assert_non_null(strstr(t->text, "This manager has no such objects"));
	}
	try_must(t, 404, "GET", "/api/nonsense", NULL);
	try_must(t, 404, "GET", "/api/policies/1/nonsense", NULL);
	try_must(t, 404, "GET", "/api/policies/987/interfacetypes", NULL);
}

#define ALONE(name) cmocka_unit_test_setup_teardown(name, try_setup, try_teardown)

/* ---- streams ---- */

static void listen(struct try *t)
{
	try_must(t, 200, "GET", "/api/stream", NULL);
}

static void a_stream_ends_with_its_session(void **state)
{
	struct try *t = *state;
	listen(t);
	listen(t);
	app_tick(t->app);
	assert_int_equal(t->ends, 0);
	try_must(t, 204, "DELETE", "/api/sessions/current", NULL);
	assert_int_equal(t->ends, 2);
	assert_false(stream_heard(t->app));
	app_tick(t->app);
	assert_int_equal(t->ends, 2);
}

static void a_stream_ends_when_its_session_does_not_count_any_more(void **state)
{
	struct try *t = *state;
	listen(t);
	try_sql(t, "update session set seen = 1");
	t->app->swept_ms = 0;
	app_tick(t->app);
	assert_int_equal(t->ends, 1);
}

static void a_stream_ends_with_its_key(void **state)
{
	struct try *t = *state;
	try_must(t, 200, "POST", "/api/apikeys", "{'keyName':'listener','roleID':1}");
	int64_t id = json_int(t->out, "ID", 0);
	snprintf(t->key, sizeof(t->key), "%s", json_text(t->out, "secretKey", ""));
	listen(t);
	t->key[0] = '\0';
	listen(t);
	char path[80];
	snprintf(path, sizeof(path), "/api/apikeys/%lld", (long long)id);
	try_must(t, 200, "POST", path, "{'active':false}");
	app_tick(t->app);
	assert_int_equal(t->ends, 1);
	assert_true(stream_heard(t->app));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(a_wrong_password_is_refused_and_the_fifth_locks),
		ALONE(an_unknown_user_is_refused_in_the_same_words),
		ALONE(a_session_needs_its_rid_and_ends_when_idle),
		ALONE(the_cookie_is_for_this_site_and_no_script),
		ALONE(more_sessions_than_allowed_are_refused),
		ALONE(a_key_has_its_form_and_is_shown_once),
		ALONE(a_key_is_refused_when_wrong_off_expired_or_locked),
		ALONE(a_new_secret_ends_the_old_one),
		ALONE(the_five_hundred_and_first_request_of_a_minute_is_refused),
		ALONE(a_second_factor_is_asked_for_and_never_taken_twice),
		ALONE(passwords_follow_the_rules_and_are_kept_nowhere),
		ALONE(who_is_switched_off_is_signed_out),
		ALONE(an_error_has_a_code_only_for_who_prefers_it),
		ALONE(what_this_manager_does_not_have_says_so),
		ALONE(a_stream_ends_with_its_session),
		ALONE(a_stream_ends_when_its_session_does_not_count_any_more),
		ALONE(a_stream_ends_with_its_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
