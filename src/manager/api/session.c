#include <argon2.h>
#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/rand.h"
#include "manager/api/access.h"
#include "manager/api/sign_in.h"
#include "model/setting.h"

enum {
	LOCK_MS = 10 * 60 * 1000,
	RATE_WINDOW = 60,      /* seconds */
	RATE_KEY = 500,        /* requests of one key in that time */
	RATE_MANAGER = 10000,  /* of all keys */
	SEEN_EVERY_MS = 10000, /* how exactly idle time is measured */
	PASSWORD_MAX = 1000,
};

/* ---- what the system settings say ---- */

static int64_t limit(struct app *a, const char *name, int64_t unlimited)
{
	AUTO(freep) char *value = system_setting(a, name);
	int64_t n = 0;
	return str_i64(str_of(value), 0, INT64_MAX, &n) == 0 ? n : unlimited;
}

/* A time in ms; "Never" and "No Limit" are as good as for ever. */
static int64_t span_ms(struct app *a, const char *name)
{
	AUTO(freep) char *value = system_setting(a, name);
	uint64_t s = setting_seconds(str_of(value));
	return s ? (int64_t)s * 1000 : INT64_MAX / 2;
}

static bool is_set(struct app *a, const char *name)
{
	AUTO(freep) char *value = system_setting(a, name);
	return strcmp(value, "true") == 0;
}

/* ---- passwords ---- */

/* Argon2id (RFC 9106), its second recommended choice: 64 MiB, 3 passes. */
enum { HASH_PASSES = 3, HASH_KIB = 64 * 1024, HASH_BYTES = 32, SALT_BYTES = 16 };

int password_hash(const char *password, char out[static 128])
{
	uint8_t salt[SALT_BYTES];
	rand_bytes(salt, sizeof(salt));
	return argon2id_hash_encoded(HASH_PASSES, HASH_KIB, 1, password, strlen(password), salt,
	                             sizeof(salt), HASH_BYTES, out, 128) == ARGON2_OK
	               ? 0
	               : -ENOMEM;
}

static bool password_fits(const char *password, const char *hash)
{
	return argon2id_verify(hash, password, strlen(password)) == ARGON2_OK;
}

void text_digest(struct str text, char out[static 65])
{
	struct sha256_ctx ctx;
	uint8_t sum[SHA256_DIGEST_SIZE];
	sha256_init(&ctx);
	sha256_update(&ctx, text.n, (const uint8_t *)text.p);
	sha256_digest(&ctx, sizeof(sum), sum);
	hex_lower(out, sum, sizeof(sum));
}

/* Keys and session names are long random texts: a plain hash keeps the stored copy from being of
 * use. */
static void digest(const char *secret, char out[static 65])
{
	text_digest(str_of(secret), out);
}

static const char *header(const struct request *rq, const char *name)
{
	return json_text(rq->headers, name, NULL);
}

static int refuse(struct call *c, int status, const char *code, const char *text)
{
	c->code = code;
	err_set(&c->why, 0, "%s", text);
	return status;
}

/* ---- rate limit: rest-api.md 7 ---- */

/* Requests in each of the last seconds; a second's slot is used again after RATE_WINDOW. */
struct rate {
	uint64_t second[RATE_WINDOW];
	unsigned n[RATE_WINDOW];
};

static struct rate *rate_of(struct app *a, int64_t key)
{
	struct str k = { (const char *)&key, sizeof(key) };
	struct rate *r = map_get(&a->rates, k);
	if (!r) {
		r = xcalloc(1, sizeof(*r));
		map_set(&a->rates, k, r);
	}
	return r;
}

static unsigned rate_sum(const struct rate *r, uint64_t now)
{
	unsigned n = 0;
	for (size_t i = 0; i < RATE_WINDOW; i++)
		if (r->second[i] + RATE_WINDOW > now)
			n += r->n[i];
	return n;
}

static void rate_add(struct rate *r, uint64_t now)
{
	size_t at = now % RATE_WINDOW;
	if (r->second[at] != now)
		r->n[at] = 0;
	r->second[at] = now;
	r->n[at]++;
}

/* A refused call is not counted. Key 0 stands for all of them. */
static bool too_many(struct app *a, int64_t key)
{
	struct rate *own = rate_of(a, key), *all = rate_of(a, 0);
	uint64_t now = clock_mono_ms() / 1000;
	if (rate_sum(own, now) >= RATE_KEY || rate_sum(all, now) >= RATE_MANAGER)
		return true;
	rate_add(own, now);
	rate_add(all, now);
	return false;
}

void rates_reset(struct app *a)
{
	struct map_item item;
	for (size_t at = 0; map_next(&a->rates, &at, &item);)
		free(item.value);
	map_done(&a->rates);
}

/* ---- who is it ---- */

static int invalid_key(struct call *c)
{
	return refuse(c, 401, "invalid-key", "Invalid API Key");
}

static void store_key(struct call *c, int64_t id, const json_t *key)
{
	object_set(c->app->store, resource_find(STR("apikeys")), id, key);
}

/* A key's text names it ("TENANT:KEYGUID:SECRET"): wrong secrets of a right name count. */
static int wrong_secret(struct call *c, const char *text)
{
	struct str rest = str_of(text);
	str_cut(&rest, ':');
	struct str guid = str_cut(&rest, ':');
	int64_t id = guid.n ? store_int(c->app->store, STMT_SECRET_FIND,
	                                ARGS(VAL_TEXT("keyguid"), VAL_STR(guid)), 0)
	                    : 0;
	AUTO(json_decrefp) json_t *key = id ? object_get(c->app->store, "apikeys", id) : NULL;
	if (key) {
		int64_t n = json_int(key, "unsuccessfulSignInAttempts", 0) + 1;
		json_set_int(key, "unsuccessfulSignInAttempts", n);
		if (n >= limit(c->app, "platformSettingUserSignInAttemptsAllowedNumber", INT64_MAX))
			json_set_int(key, "unlockTime", (int64_t)clock_ms() + LOCK_MS);
		store_key(c, id, key);
	}
	return invalid_key(c);
}

static int by_key(struct call *c, const char *secret)
{
	char sum[65];
	digest(secret, sum);
	int64_t id = store_int(c->app->store, STMT_SECRET_FIND,
	                       ARGS(VAL_TEXT("apikeys"), VAL_TEXT(sum)), 0);
	AUTO(json_decrefp) json_t *key = id ? object_get(c->app->store, "apikeys", id) : NULL;
	int64_t now = (int64_t)clock_ms(), expiry = json_int(key, "expiryDate", 0);
	if (!key)
		return wrong_secret(c, secret);
	if (!json_bool(key, "active", true) || (expiry && expiry <= now) ||
	    json_int(key, "unlockTime", 0) > now)
		return invalid_key(c);
	if (too_many(c->app, id))
		return refuse(c, 429, "too-many-requests", "Too many API requests.");
	c->who.key = id;
	c->who.role = json_int(key, "roleID", 1);
	snprintf(c->who.name, sizeof(c->who.name), "key %.100s", json_text(key, "keyName", ""));
	if (now - json_int(key, "lastSignIn", 0) > 60000 ||
	    json_int(key, "unsuccessfulSignInAttempts", 0)) {
		json_set_int(key, "lastSignIn", now);
		json_set_int(key, "unsuccessfulSignInAttempts", 0);
		json_object_del(key, "unlockTime");
		store_key(c, id, key);
	}
	return 0;
}

/* The value of a cookie; out is empty when there is none. */
static void cookie(const struct request *rq, const char *name, char *out, size_t size)
{
	struct str rest = str_of(header(rq, "cookie"));
	out[0] = '\0';
	while (rest.p) {
		struct str value = str_trim(str_cut(&rest, ';'));
		struct str key = str_cut(&value, '=');
		if (str_is(key, name) && value.n < size)
			snprintf(out, size, "%.*s", STR_ARG(value));
	}
}

static int session_row(struct call *c, const char *sid, char rid[static 64], int64_t *administrator)
{
	char *sum = c->who.sid;
	struct rows r;
	int found = -ENOENT;
	int64_t seen = 0, now = (int64_t)clock_ms();
	digest(sid, sum);
	int rc = store_query(c->app->store, STMT_SESSION_GET, ARGS(VAL_TEXT(sum)), &r);
	if (rc == 0 && rows_next(&r) == 1) {
		snprintf(rid, 64, "%.*s", STR_ARG(col_str(&r, 0)));
		*administrator = r.col[1].i;
		seen = r.col[3].i;
		bool idle = now - seen >= span_ms(c->app, "platformSettingUserSessionIdleTimeout");
		bool old = now - r.col[2].i >=
		           span_ms(c->app, "platformSettingUserSessionDurationMax");
		found = idle || old ? -ESTALE : 0;
	}
	rows_done(&r);
	if (found == -ESTALE)
		store_exec(c->app->store, STMT_SESSION_DEL, ARGS(VAL_TEXT(sum)));
	if (found == 0 && now - seen > SEEN_EVERY_MS)
		store_exec(c->app->store, STMT_SESSION_SEEN, ARGS(VAL_TEXT(sum), VAL_INT(now)));
	return found;
}

static int by_session(struct call *c, const char *sid, bool need_rid)
{
	char rid[64];
	int64_t id = 0;
	const char *said = header(c->rq, "rid");
	if (!said)
		said = query_text(c->rq, "rID", NULL); /* EventSource cannot send headers */
	if (session_row(c, sid, rid, &id) < 0)
		return refuse(c, 401, "signed-out", "You are not signed in.");
	/* Another origin's page can make the browser send the cookie, but cannot know this. */
	if (need_rid && (!said || strcmp(said, rid) != 0))
		return refuse(c, 401, "signed-out", "The header rID does not fit the session.");
	AUTO(json_decrefp) json_t *admin = object_kept(c->app, "administrators", id);
	if (!admin || !json_bool(admin, "active", true))
		return refuse(c, 401, "signed-out", "You are not signed in.");
	c->who.administrator = id;
	c->who.role = json_int(admin, "roleID", 1);
	c->who.session = true;
	snprintf(c->who.name, sizeof(c->who.name), "%.120s", json_text(admin, "username", ""));
	return 0;
}

/* The API before v1 knows the cookie alone; a browser does not send it from another site. */
static bool is_legacy(const struct request *rq)
{
	return strncmp(rq->path, "/rest/", 6) == 0;
}

static void session_id(const struct request *rq, char *out, size_t size)
{
	cookie(rq, "sID", out, size);
	const char *given = query_text(rq, "sID", "");
	if (is_legacy(rq) && *given && strlen(given) < size)
		snprintf(out, size, "%s", given);
}

int authenticate(struct call *c)
{
	char sid[80];
	const char *key = header(c->rq, "api-secret-key"), *other = header(c->rq, "authorization");
	const char *version = header(c->rq, "api-version");
	if (version && strcmp(version, "v1") != 0)
		return refuse(c, 400, "api-version", "The api-version is unknown.");
	if (!key && other)
		key = strncmp(other, "ApiKey ", 7) == 0 ? other + 7 : other;
	if (key)
		return by_key(c, key);
	session_id(c->rq, sid, sizeof(sid));
	bool current = strcmp(c->rq->path, "/api/sessions/current") == 0 &&
	               strcmp(c->rq->method, "GET") == 0;
	return sid[0] ? by_session(c, sid, !current && !is_legacy(c->rq))
	              : refuse(c, 401, "invalid-key", "Invalid API Key");
}

/* ---- signing in ---- */

static void sign_in_event(struct call *c, const char *kind, const char *user, const char *why)
{
	system_event_about(
		c->app, kind,
		&(struct subject){
			.by = user, .type = "administrator", .name = user, .text = why });
}

static int failed(struct call *c, int64_t id, json_t *admin, const char *user)
{
	const struct resource *r = resource_find(STR("administrators"));
	if (admin) {
		int64_t n = json_int(admin, "unsuccessfulSignInAttempts", 0) + 1;
		json_set_int(admin, "unsuccessfulSignInAttempts", n);
		int64_t most =
			limit(c->app, "platformSettingUserSignInAttemptsAllowedNumber", INT64_MAX);
		if (n >= most)
			json_set_int(admin, "unlockTime", (int64_t)clock_ms() + LOCK_MS);
		object_set(c->app->store, r, id, admin);
		if (n == most)
			sign_in_event(c, "user-locked-out", user, NULL);
	}
	sign_in_event(c, "sign-in-failed", user, "wrong user name or password");
	return refuse(c, 401, "sign-in-failed", "The user name or password is incorrect.");
}

static void make_session(struct call *c, int64_t id, const char *user)
{
	char sid[44], rid[44], sum[65], set_cookie[160];
	int64_t now = (int64_t)clock_ms();
	rand_password(sid, 43);
	rand_password(rid, 43);
	digest(sid, sum);
	store_exec(c->app->store, STMT_SESSION_ADD,
	           ARGS(VAL_TEXT(sum), VAL_TEXT(rid), VAL_INT(id), VAL_INT(now), VAL_INT(now)));
	snprintf(set_cookie, sizeof(set_cookie),
	         "sID=%s; Path=/; HttpOnly; Secure; SameSite=Strict", sid);
	c->headers = json_pack("{s:s}", "Set-Cookie", set_cookie);
	c->out = json_pack("{s:s}", "RID", rid);
	sign_in_event(c, "user-signed-in", user, NULL);
}

/* May one more session begin? The oldest one makes room if the settings say so. */
static bool has_room(struct call *c, int64_t id)
{
	AUTO(freep)
	char *action = system_setting(c->app, "platformSettingActiveSessionsMaxExceededAction");
	int64_t now = (int64_t)clock_ms(),
		idle = span_ms(c->app, "platformSettingUserSessionIdleTimeout");
	int64_t n = store_int(c->app->store, STMT_SESSION_COUNT,
	                      ARGS(VAL_INT(id), VAL_INT(now - idle)), 0);
	if (n < limit(c->app, "platformSettingActiveSessionsMax", INT64_MAX))
		return true;
	return strcmp(action, "Expire oldest session") == 0 &&
	       store_exec(c->app->store, STMT_SESSION_DEL_OLDEST, ARGS(VAL_INT(id))) == 0;
}

static bool password_expired(struct call *c, const json_t *admin)
{
	int64_t age = (int64_t)clock_ms() - json_int(admin, "lastPasswordChange", 0);
	return !json_bool(admin, "passwordNeverExpires", false) &&
	       age > span_ms(c->app, "platformSettingUserPasswordExpiry");
}

/* An unknown user costs as much time as a known one. */
static void hash_of(struct app *a, int64_t id, char hash[static 128])
{
	struct rows r;
	snprintf(hash, 128, "$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$%s",
	         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	int rc = store_query(a->store, STMT_SECRET_GET,
	                     ARGS(VAL_TEXT("administrators"), VAL_INT(id)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		snprintf(hash, 128, "%.*s", STR_ARG(col_str(&r, 0)));
	rows_done(&r);
}

static int second_factor(struct call *c, int64_t id, json_t *admin, const char *user)
{
	const char *code = json_text(c->body, "totp", NULL);
	if (!totp_enrolled(c->app, id))
		return 0;
	if (!code)
		return refuse(c, 401, "totp-required", "A one-time password is required.");
	return totp_use(c->app, id, code) ? 0 : failed(c, id, admin, user);
}

static int admit(struct call *c, int64_t id, json_t *admin, const char *user)
{
	int status = second_factor(c, id, admin, user);
	if (status)
		return status;
	if (password_expired(c, admin))
		return refuse(c, 401, "password-expired", "The password has expired.");
	return session_admit(c, id, admin, user);
}

int session_admit(struct call *c, int64_t id, json_t *admin, const char *user)
{
	if (!has_room(c, id))
		return refuse(c, 401, "too-many-sessions",
		              "The user has the highest number of sessions already.");
	json_set_int(admin, "unsuccessfulSignInAttempts", 0);
	json_set_int(admin, "lastSignIn", (int64_t)clock_ms());
	json_object_del(admin, "unlockTime");
	object_set(c->app->store, resource_find(STR("administrators")), id, admin);
	make_session(c, id, user);
	return 200;
}

/* Signs in by the body's userName and password; the session's ID for a cookie is in the headers. */
int session_open(struct call *c)
{
	const char *user = json_text(c->body, "userName", ""),
		   *password = json_text(c->body, "password", "");
	char hash[128];
	int64_t id = object_named(c->app->store, "administrators", user);
	AUTO(json_decrefp)
	json_t *admin = id ? object_get(c->app->store, "administrators", id) : NULL;
	if (json_int(admin, "unlockTime", 0) > (int64_t)clock_ms()) {
		c->headers = json_pack("{s:s}", "Retry-After", "600");
		return refuse(c, 401, "locked-out",
		              "The user is locked out after failed sign-ins. Try again later.");
	}
	hash_of(c->app, id, hash);
	if (strlen(password) > PASSWORD_MAX || !password_fits(password, hash) || !admin ||
	    !json_bool(admin, "active", true))
		return failed(c, id, admin, user);
	return admit(c, id, admin, user);
}

int session_current(struct call *c)
{
	char sid[80], rid[64] = "";
	int64_t id = 0;
	cookie(c->rq, "sID", sid, sizeof(sid));
	if (!c->who.session || session_row(c, sid, rid, &id) < 0)
		return refuse(c, 401, "signed-out", "You are not signed in.");
	AUTO(json_decrefp) json_t *admin = object_get(c->app->store, "administrators", id);
	c->out =
		json_pack("{s:s,s:s,s:s,s:I,s:I,s:s}", "userName", json_text(admin, "username", ""),
	                  "fullName", json_text(admin, "fullName", ""), "locale",
	                  json_text(admin, "locale", "en-US"), "roleID",
	                  (json_int_t)json_int(admin, "roleID", 1), "administratorID",
	                  (json_int_t)id, "RID", rid);
	return 200;
}

int session_close(struct call *c)
{
	char sid[80], sum[65];
	session_id(c->rq, sid, sizeof(sid));
	digest(sid, sum);
	store_exec(c->app->store, STMT_SESSION_DEL, ARGS(VAL_TEXT(sum)));
	stream_review(c->app);
	sign_in_event(c, "user-signed-out", c->who.name, NULL);
	c->headers = json_pack("{s:s}", "Set-Cookie",
	                       "sID=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict");
	return 204;
}

void sessions_sweep(struct app *a)
{
	int64_t now = (int64_t)clock_ms();
	store_exec(a->store, STMT_SESSION_EXPIRE,
	           ARGS(VAL_INT(now - span_ms(a, "platformSettingUserSessionIdleTimeout")),
	                VAL_INT(now - span_ms(a, "platformSettingUserSessionDurationMax"))));
}

void sessions_end(struct app *a, int64_t administrator, const struct call *c)
{
	char sid[80] = "", sum[65] = "";
	if (c && c->who.session && c->who.administrator == administrator) {
		cookie(c->rq, "sID", sid, sizeof(sid));
		digest(sid, sum);
	}
	store_exec(a->store, STMT_SESSION_DEL_OTHERS, ARGS(VAL_INT(administrator), VAL_TEXT(sum)));
	stream_review(a);
}

int password_right(struct app *a, const char *password, const char *user, struct err *why)
{
	bool lower = false, upper = false, digit = false, other = false;
	int64_t least = limit(a, "platformSettingUserPasswordLengthMin", 8);
	for (const char *p = password; *p; p++) {
		bool l = *p >= 'a' && *p <= 'z', u = *p >= 'A' && *p <= 'Z',
		     d = *p >= '0' && *p <= '9';
		lower |= l;
		upper |= u;
		digit |= d;
		other |= !l && !u && !d;
	}
	size_t n = strlen(password);
	if ((int64_t)n < least || n > PASSWORD_MAX)
		return err_set(why, -EINVAL, "A password has at least %lld characters.",
		               (long long)least);
	const struct {
		const char *setting;
		bool holds;
		const char *text;
	} rules[] = {
		{ "platformSettingUserPasswordRequireLettersAndNumbersEnabled",
		  (lower || upper) && digit, "A password has letters and numbers." },
		{ "platformSettingUserPasswordRequireMixedCaseEnabled", lower && upper,
		  "A password has lower-case and upper-case letters." },
		{ "platformSettingUserPasswordRequireSpecialCharactersEnabled", other,
		  "A password has characters that are neither letters nor numbers." },
		{ "platformSettingUserPasswordRequireNotSameAsUsernameEnabled",
		  !str_eq_nocase(str_of(password), str_of(user)),
		  "A password is not the user's name." },
	};
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (!rules[i].holds && is_set(a, rules[i].setting))
			return err_set(why, -EINVAL, "%s", rules[i].text);
	return 0;
}

int password_store(struct app *a, int64_t administrator, const char *password)
{
	char hash[128] = "";
	int rc = password_hash(password, hash);
	return rc < 0 ? rc
	              : store_exec(a->store, STMT_SECRET_SET,
	                           ARGS(VAL_TEXT("administrators"), VAL_INT(administrator),
	                                VAL_TEXT(hash)));
}

static void password_dated(struct call *c)
{
	const struct resource *r = resource_find(STR("administrators"));
	AUTO(json_decrefp) json_t *o = object_get(c->app->store, "administrators", c->id);
	json_set_int(o, "lastPasswordChange", (int64_t)clock_ms());
	object_set(c->app->store, r, c->id, o);
}

int change_password(struct call *c)
{
	const char *old = json_text(c->body, "oldPassword", ""),
		   *fresh = json_text(c->body, "password", "");
	char hash[128];
	if (!c->who.session || c->who.administrator != c->id)
		return refuse(c, 403, "forbidden",
		              "Not authorized to change the password of this administrator.");
	hash_of(c->app, c->id, hash);
	if (strlen(old) > PASSWORD_MAX || !password_fits(old, hash))
		return refuse(c, 400, "old-password", "The old password is incorrect.");
	if (password_right(c->app, fresh, c->who.name, &c->why) < 0) {
		c->code = "password-rules";
		return 400;
	}
	if (password_store(c->app, c->id, fresh) < 0)
		return refuse(c, 500, "database", "The password could not be stored.");
	password_dated(c);
	sessions_end(c->app, c->id, c);
	audit(c, "password-set", "administrator", c->id, c->who.name, NULL, NULL);
	return 204;
}

/* ---- API keys ---- */

void key_secret_make(struct call *c, int64_t id, json_t *object)
{
	char guid[37], sum[65];
	uint8_t raw[32];
	AUTO(buf_done) struct buf b = { 0 };
	rand_guid(guid);
	rand_bytes(raw, sizeof(raw));
	/* "TENANT:KEY:BASE64=", the form that clients check for. */
	buf_fmt(&b, "%s:%s:", c->app->tenant, guid);
	base64_encode(&b, (struct str){ (const char *)raw, sizeof(raw) });
	digest(b.p, sum);
	store_exec(c->app->store, STMT_SECRET_SET,
	           ARGS(VAL_TEXT("apikeys"), VAL_INT(id), VAL_TEXT(sum)));
	store_exec(c->app->store, STMT_SECRET_SET,
	           ARGS(VAL_TEXT("keyguid"), VAL_INT(id), VAL_TEXT(guid)));
	json_set_text(object, "secretKey", b.p);
}

static int show_key(struct call *c, int64_t id, bool fresh, bool current)
{
	const struct resource *r = resource_find(STR("apikeys"));
	AUTO(json_decrefp) json_t *key = object_get(c->app->store, "apikeys", id);
	if (!key)
		return refuse(c, 404, "not-found", "The API key does not exist.");
	c->out = fields_show(r->fields, key, id);
	if (current) {
		json_set_int(c->out, "tenantID", 0);
		json_set_text(c->out, "tenantGUID", c->app->tenant);
	}
	if (fresh) {
		key_secret_make(c, id, c->out);
		audit(c, "object-updated", "secret of API key", id, json_text(key, "keyName", ""),
		      NULL, NULL);
	}
	return 200;
}

static int no_key(struct call *c)
{
	return refuse(c, 404, "not-found", "This is no API key.");
}

int key_current(struct call *c)
{
	return c->who.key ? show_key(c, c->who.key, false, true) : no_key(c);
}

/* POST: what a key may change of itself gives it no power. */
int key_current_set(struct call *c)
{
	static const char *const own[] = { "keyName", "description", "locale", "timeZone" };
	const struct resource *r = resource_find(STR("apikeys"));
	if (!c->who.key)
		return no_key(c);
	AUTO(json_decrefp) json_t *key = object_get(c->app->store, "apikeys", c->who.key);
	AUTO(json_decrefp) json_t *in = json_object();
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (json_object_get(c->body, own[i]))
			json_set(in, own[i], json_incref(json_object_get(c->body, own[i])));
	if (fields_take(r->fields, in, key, false, &c->why) < 0)
		return 400;
	if (object_set(c->app->store, r, c->who.key, key) < 0)
		return refuse(
			c, 400, "name-exists",
			"An API key with this name already exists: the name already exists. Name must be unique.");
	return show_key(c, c->who.key, false, true);
}

/* A new secret for a key that may do more than the one who asks would be a way around roles. */
int key_secret(struct call *c)
{
	AUTO(json_decrefp) json_t *key = object_get(c->app->store, "apikeys", c->id);
	if (key && !access_grants(c, json_int(key, "roleID", 0)))
		return refuse(c, 403, "forbidden", "Not authorized to edit API key.");
	return show_key(c, c->id, true, false);
}

int key_current_secret(struct call *c)
{
	return c->who.key ? show_key(c, c->who.key, true, true) : no_key(c);
}
