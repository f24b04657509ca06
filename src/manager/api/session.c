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
#include "manager/api/app.h"

enum {
	IDLE_MS = 30 * 60 * 1000,
	ATTEMPTS_MAX = 5,
	LOCK_MS = 10 * 60 * 1000,
	RATE_PER_MINUTE = 500,
	SEEN_EVERY_MS = 10000, /* how exactly idle time is measured */
	AUDITOR = 2,
};

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

bool password_fits(const char *password, const char *hash)
{
	return argon2id_verify(hash, password, strlen(password)) == ARGON2_OK;
}

/* Keys and session names are long random texts: a plain hash keeps the stored copy from being of
 * use. */
static void digest(const char *secret, char out[static 65])
{
	struct sha256_ctx ctx;
	uint8_t sum[SHA256_DIGEST_SIZE];
	sha256_init(&ctx);
	sha256_update(&ctx, strlen(secret), (const uint8_t *)secret);
	sha256_digest(&ctx, sizeof(sum), sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
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

/* ---- rate limit ---- */

struct rate {
	unsigned n;
};

static bool too_many(struct app *a, int64_t key)
{
	struct str k = { (const char *)&key, sizeof(key) };
	struct rate *r = map_get(&a->rates, k);
	if (!r) {
		r = xcalloc(1, sizeof(*r));
		map_set(&a->rates, k, r);
	}
	/* A refused call is not counted (rest-api.md 7). */
	if (r->n >= RATE_PER_MINUTE)
		return true;
	r->n++;
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

static int by_key(struct call *c, const char *secret)
{
	char sum[65];
	digest(secret, sum);
	int64_t id = store_int(c->app->store, STMT_SECRET_FIND,
	                       ARGS(VAL_TEXT("apikeys"), VAL_TEXT(sum)), 0);
	AUTO(json_decrefp) json_t *key = id ? object_get(c->app->store, "apikeys", id) : NULL;
	int64_t now = (int64_t)clock_ms(), expiry = json_int(key, "expiryDate", 0);
	if (!key || !json_bool(key, "active", true) || (expiry && expiry <= now))
		return refuse(c, 401, "invalid-key", "Invalid API Key");
	if (too_many(c->app, id))
		return refuse(c, 429, "too-many-requests", "Too many API requests.");
	c->who.key = id;
	c->who.role = json_int(key, "roleID", 1);
	snprintf(c->who.name, sizeof(c->who.name), "key %.100s", json_text(key, "keyName", ""));
	if (now - json_int(key, "lastSignIn", 0) > 60000) {
		json_set_int(key, "lastSignIn", now);
		object_set(c->app->store, resource_find(STR("apikeys")), id, key);
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
	char sum[65];
	struct rows r;
	int found = -ENOENT;
	int64_t seen = 0, now = (int64_t)clock_ms();
	digest(sid, sum);
	int rc = store_query(c->app->store, STMT_SESSION_GET, ARGS(VAL_TEXT(sum)), &r);
	if (rc == 0 && rows_next(&r) == 1) {
		snprintf(rid, 64, "%.*s", STR_ARG(col_str(&r, 0)));
		*administrator = r.col[1].i;
		seen = r.col[3].i;
		found = now - seen < IDLE_MS ? 0 : -ESTALE;
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
	AUTO(json_decrefp) json_t *admin = object_get(c->app->store, "administrators", id);
	if (!admin || !json_bool(admin, "active", true))
		return refuse(c, 401, "signed-out", "You are not signed in.");
	c->who.administrator = id;
	c->who.role = json_int(admin, "roleID", 1);
	c->who.session = true;
	snprintf(c->who.name, sizeof(c->who.name), "%.120s", json_text(admin, "username", ""));
	return 0;
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
	cookie(c->rq, "sID", sid, sizeof(sid));
	bool current = strcmp(c->rq->path, "/api/sessions/current") == 0 &&
	               strcmp(c->rq->method, "GET") == 0;
	return sid[0] ? by_session(c, sid, !current)
	              : refuse(c, 401, "invalid-key", "Invalid API Key");
}

/* ---- signing in ---- */

static void sign_in_event(struct call *c, const char *kind, const char *user, const char *why)
{
	struct event ev;
	event_init(&ev, &event_class_system, kind);
	event_text(&ev, "ActionBy", user);
	event_text(&ev, "TargetName", user);
	event_text(&ev, "TargetType", "administrator");
	event_text(&ev, "Description", why);
	system_event(c->app, &ev);
}

static int failed(struct call *c, int64_t id, json_t *admin, const char *user)
{
	const struct resource *r = resource_find(STR("administrators"));
	if (admin) {
		int64_t n = json_int(admin, "unsuccessfulSignInAttempts", 0) + 1;
		json_set_int(admin, "unsuccessfulSignInAttempts", n);
		if (n >= ATTEMPTS_MAX)
			json_set_int(admin, "unlockTime", (int64_t)clock_ms() + LOCK_MS);
		object_set(c->app->store, r, id, admin);
		if (n == ATTEMPTS_MAX)
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

int session_open(struct call *c)
{
	const char *user = json_text(c->body, "userName", ""),
		   *password = json_text(c->body, "password", "");
	int64_t id = object_named(c->app->store, "administrators", user), now = (int64_t)clock_ms();
	AUTO(json_decrefp)
	json_t *admin = id ? object_get(c->app->store, "administrators", id) : NULL;
	char hash[128] = "$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$"
			 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"; /* an unknown user costs as
	                                                                   much time */
	struct rows r;
	if (json_int(admin, "unlockTime", 0) > now) {
		c->headers = json_pack("{s:s}", "Retry-After", "600");
		return refuse(c, 401, "locked-out",
		              "The user is locked out after failed sign-ins. Try again later.");
	}
	int rc = store_query(c->app->store, STMT_SECRET_GET,
	                     ARGS(VAL_TEXT("administrators"), VAL_INT(id)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		snprintf(hash, sizeof(hash), "%.*s", STR_ARG(col_str(&r, 0)));
	rows_done(&r);
	if (strlen(password) > 1000 || !password_fits(password, hash) || !admin ||
	    !json_bool(admin, "active", true))
		return failed(c, id, admin, user);
	json_set_int(admin, "unsuccessfulSignInAttempts", 0);
	json_set_int(admin, "lastSignIn", now);
	json_object_del(admin, "unlockTime");
	object_set(c->app->store, resource_find(STR("administrators")), id, admin);
	make_session(c, id, user);
	return 200;
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
	cookie(c->rq, "sID", sid, sizeof(sid));
	digest(sid, sum);
	store_exec(c->app->store, STMT_SESSION_DEL, ARGS(VAL_TEXT(sum)));
	sign_in_event(c, "user-signed-out", c->who.name, NULL);
	c->headers = json_pack("{s:s}", "Set-Cookie",
	                       "sID=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict");
	return 204;
}

void sessions_sweep(struct app *a)
{
	store_exec(a->store, STMT_SESSION_EXPIRE, ARGS(VAL_INT((int64_t)clock_ms() - IDLE_MS)));
}

int change_password(struct call *c)
{
	const char *old = json_text(c->body, "oldPassword", ""),
		   *fresh = json_text(c->body, "password", "");
	char hash[128] = "";
	struct rows r;
	if (!c->who.session || c->who.administrator != c->id)
		return refuse(c, 403, "forbidden",
		              "Not authorized to change the password of this administrator.");
	int rc = store_query(c->app->store, STMT_SECRET_GET,
	                     ARGS(VAL_TEXT("administrators"), VAL_INT(c->id)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		snprintf(hash, sizeof(hash), "%.*s", STR_ARG(col_str(&r, 0)));
	rows_done(&r);
	if (!password_fits(old, hash))
		return refuse(c, 400, "old-password", "The old password is incorrect.");
	if (strlen(fresh) < 8 || strlen(fresh) > 1000)
		return refuse(c, 400, "password-length", "A password has at least 8 characters.");
	if (password_hash(fresh, hash) < 0 ||
	    store_exec(c->app->store, STMT_SECRET_SET,
	               ARGS(VAL_TEXT("administrators"), VAL_INT(c->id), VAL_TEXT(hash))) < 0)
		return refuse(c, 500, "database", "The password could not be stored.");
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

int key_current(struct call *c)
{
	return c->who.key ? show_key(c, c->who.key, false, true)
	                  : refuse(c, 404, "not-found", "This is no API key.");
}

int key_secret(struct call *c)
{
	return show_key(c, c->id, true, false);
}

int key_current_secret(struct call *c)
{
	return c->who.key ? show_key(c, c->who.key, true, true)
	                  : refuse(c, 404, "not-found", "This is no API key.");
}
