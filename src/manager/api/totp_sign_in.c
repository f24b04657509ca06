#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/rand.h"
#include "manager/api/secrets.h"
#include "manager/api/sign_in.h"
#include "manager/api/totp.h"

/*
 * The second factor of administrators. Stored as "BASE32 LASTSTEP", sealed: kind "totp-new" until a
 * first code confirmed that the person's device has it, then "totp". It is shown once, and never
 * logged.
 */

static bool secret_of(struct app *a, const char *kind, int64_t id, struct buf *key, uint64_t *last)
{
	struct rows r;
	bool there = false;
	int rc = store_query(a->store, STMT_SECRET_GET, ARGS(VAL_TEXT(kind), VAL_INT(id)), &r);
	if (rc == 0 && rows_next(&r) == 1) {
		AUTO(buf_done) struct buf text = { 0 };
		there = secret_open(a->store, kind, id, col_str(&r, 0), &text) == 0;
		struct str rest = buf_view(&text);
		there = there && base32_decode(key, str_cut(&rest, ' ')) == 0 &&
		        str_u64(rest, 0, UINT64_MAX, last) == 0;
	}
	rows_done(&r);
	return there;
}

static int keep(struct app *a, const char *kind, int64_t id, const struct buf *key, uint64_t last)
{
	AUTO(buf_done) struct buf b = { 0 }, sealed = { 0 };
	base32_encode(&b, buf_view(key));
	buf_fmt(&b, " %llu", (unsigned long long)last);
	int rc = secret_close(a->store, kind, id, buf_view(&b), &sealed);
	explicit_bzero(b.p, b.n);
	return rc < 0 ? rc
	              : store_exec(a->store, STMT_SECRET_SET,
	                           ARGS(VAL_TEXT(kind), VAL_INT(id), VAL_STR(buf_view(&sealed))));
}

bool totp_enrolled(struct app *a, int64_t id)
{
	/* A row is enough: one that cannot be read lets nobody in without a code. */
	struct rows r;
	int rc = store_query(a->store, STMT_SECRET_GET, ARGS(VAL_TEXT("totp"), VAL_INT(id)), &r);
	bool there = rc < 0 || rows_next(&r) != 0;
	rows_done(&r);
	return there;
}

void totp_forget(struct app *a, int64_t id)
{
	store_exec(a->store, STMT_SECRET_DEL, ARGS(VAL_TEXT("totp"), VAL_INT(id)));
	store_exec(a->store, STMT_SECRET_DEL, ARGS(VAL_TEXT("totp-new"), VAL_INT(id)));
}

static uint64_t fits(struct app *a, const char *kind, int64_t id, const char *code, struct buf *key)
{
	uint64_t last = 0;
	return secret_of(a, kind, id, key, &last)
	               ? totp_fits(buf_view(key), str_of(code), clock_ms(), last)
	               : 0;
}

bool totp_use(struct app *a, int64_t id, const char *code)
{
	AUTO(buf_done) struct buf key = { 0 };
	uint64_t step = fits(a, "totp", id, code, &key);
	return step && keep(a, "totp", id, &key, step) == 0;
}

static int refuse(struct call *c, int status, const char *code, const char *text)
{
	c->code = code;
	err_set(&c->why, 0, "%s", text);
	return status;
}

/* Everybody enrols for themselves only. */
static int own(struct call *c)
{
	return c->who.session && c->who.administrator == c->id
	               ? 0
	               : refuse(c, 403, "forbidden", "Not authorized to edit administrator.");
}

int totp_begin(struct call *c)
{
	AUTO(buf_done) struct buf key = { 0 }, text = { 0 };
	int status = own(c);
	if (status)
		return status;
	rand_bytes(buf_room(&key, TOTP_KEY), TOTP_KEY);
	key.n = TOTP_KEY;
	base32_encode(&text, buf_view(&key));
	if (keep(c->app, "totp-new", c->id, &key, 0) < 0)
		return refuse(c, 500, "database", "The secret could not be stored.");
	c->out = json_pack("{s:s}", "secret", text.p);
	json_set(c->out, "uri",
	         json_sprintf("otpauth://totp/Yagura:%s?secret=%s&issuer=Yagura&digits=6&period=30",
	                      c->who.name, text.p));
	return 200;
}

static void set_type(struct call *c, const char *type)
{
	const struct resource *r = resource_find(STR("administrators"));
	AUTO(json_decrefp) json_t *o = object_get(c->app->store, "administrators", c->id);
	json_set_text(o, "mfaType", type);
	object_set(c->app->store, r, c->id, o);
	audit(c, "object-updated", "second factor of", c->id, c->who.name, NULL, NULL);
}

int totp_confirm(struct call *c)
{
	AUTO(buf_done) struct buf key = { 0 };
	int status = own(c);
	if (status)
		return status;
	uint64_t step = fits(c->app, "totp-new", c->id, json_text(c->body, "code", ""), &key);
	if (!step)
		return refuse(c, 400, "totp-wrong", "The one-time password is incorrect.");
	totp_forget(c->app, c->id);
	if (keep(c->app, "totp", c->id, &key, step) < 0)
		return refuse(c, 500, "database", "The secret could not be stored.");
	set_type(c, "local-totp");
	return 204;
}

/* With a code, so that a session left open is not enough. */
int totp_end(struct call *c)
{
	int status = own(c);
	if (status)
		return status;
	if (totp_enrolled(c->app, c->id) && !totp_use(c->app, c->id, query_text(c->rq, "code", "")))
		return refuse(c, 400, "totp-wrong", "The one-time password is incorrect.");
	totp_forget(c->app, c->id);
	set_type(c, "none");
	return 204;
}
