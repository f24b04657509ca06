#include "manager/api/secrets.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"
#include "manager/api/resources.h"
#include "manager/store/seal.h"
#include "model/setting.h"

#define MEMBER "@sealed"
#define PREFIX "sealed:"

enum { DEPTH_MAX = 6 };

/* ---- one member ---- */

/* Where it stands: "object/webhooks/3/authorization". */
struct place {
	struct store *store;
	const char *kind;
	int64_t id;
	struct buf path; /* within the object */
};

static void about_of(const struct place *p, const char *name, struct buf *out)
{
	buf_fmt(out, "object/%s/%lld/%.*s%s", p->kind, (long long)p->id,
	        STR_ARG(buf_view(&p->path)), name);
}

static int close_member(const struct place *p, json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);
	const struct seal *seal = store_seal(p->store);
	const struct str secret = { json_string_value(v), json_string_length(v) };
	AUTO(buf_done) struct buf about = { 0 }, sealed = { 0 };
	if (!json_is_string(v) || secret.n == 0)
		return 0;
	if (!seal)
		return -EIO;
	about_of(p, name, &about);
	seal_close(seal, buf_view(&about), secret, &sealed);
	json_t *whole = json_object();
	json_set_text(whole, MEMBER, sealed.p);
	json_set(o, name, whole);
	return 1;
}

static void open_member(const struct place *p, json_t *o, const char *name, const char *sealed)
{
	const struct seal *seal = store_seal(p->store);
	AUTO(buf_done) struct buf about = { 0 }, secret = { 0 };
	about_of(p, name, &about);
	int rc = seal ? seal_open(seal, buf_view(&about), str_of(sealed), &secret) : -EIO;
	if (rc < 0) {
		log_error("open the secret %s: it was sealed for another place or with another key",
		          log_quote(buf_view(&about)));
		json_object_del(o, name);
		return;
	}
	json_set(o, name, json_stringn(secret.p ? secret.p : "", secret.n));
	if (secret.p)
		explicit_bzero(secret.p, secret.n);
}

/* ---- whole objects ---- */

static bool is_secret(const struct field *fields, const char *kind, const char *name)
{
	/* Only a hash of it is stored, elsewhere. */
	if (strcmp(kind, "administrators") == 0 && strcmp(name, "password") == 0)
		return false;
	const struct field *f = fields ? field_find(fields, name) : NULL;
	return f && f->flags & F_SECRET;
}

static int close_settings(struct place *p, json_t *o)
{
	json_t *own = json_object_get(o, "settings");
	size_t before = p->path.n;
	int n = 0;
	if (!json_is_object(own))
		return 0;
	buf_z(&p->path, "settings/");
	for (const struct setting *s = all_settings; s->name && n >= 0; s++)
		if (s->type == ST_SECRET && json_object_get(own, s->name)) {
			int rc = close_member(p, own, s->name);
			n = rc < 0 ? rc : n + rc;
		}
	p->path.n = before;
	return n;
}

static int close_fields(struct place *p, const struct field *fields, json_t *o, int depth)
{
	int n = 0;
	for (const struct field *f = fields; f && f->name && n >= 0; f++) {
		json_t *v = json_object_get(o, f->name);
		int rc = 0;
		if (v && is_secret(fields, p->kind, f->name)) {
			rc = close_member(p, o, f->name);
		} else if (json_is_object(v) && f->members && depth > 0) {
			size_t before = p->path.n;
			buf_fmt(&p->path, "%s/", f->name);
			rc = close_fields(p, f->members, v, depth - 1);
			p->path.n = before;
		}
		n = rc < 0 ? rc : n + rc;
	}
	return n;
}

json_t *secrets_sealed(struct store *s, const struct field *fields, const char *kind, int64_t id,
                       const json_t *o, int *rc)
{
	AUTO(json_decrefp) json_t *copy = json_deep_copy(o);
	struct place p = { .store = s, .kind = kind, .id = id };
	int n = close_fields(&p, fields, copy, DEPTH_MAX),
	    more = n < 0 ? n : close_settings(&p, copy);
	buf_done(&p.path);
	*rc = more < 0 ? more : 0;
	return more >= 0 && n + more > 0 ? TAKE(copy) : NULL;
}

int secrets_close_at(struct store *s, const struct field *fields, const char *kind,
                     const char *place, json_t *o)
{
	struct place p = { .store = s, .kind = kind };
	buf_z(&p.path, place);
	int n = close_fields(&p, fields, o, DEPTH_MAX);
	buf_done(&p.path);
	return n < 0 ? n : 0;
}

static void open_below(struct place *p, json_t *o, int depth)
{
	const char *name;
	json_t *v;
	void *next;
	json_object_foreach_safe(o, next, name, v)
	{
		const char *sealed = json_text(v, MEMBER, NULL);
		if (sealed) {
			open_member(p, o, name, sealed);
		} else if (json_is_object(v) && depth > 0) {
			size_t before = p->path.n;
			buf_fmt(&p->path, "%s/", name);
			open_below(p, v, depth - 1);
			p->path.n = before;
		}
	}
}

void secrets_open(struct store *s, const char *kind, int64_t id, json_t *o)
{
	struct place p = { .store = s, .kind = kind, .id = id };
	open_below(&p, o, DEPTH_MAX);
	buf_done(&p.path);
}

json_t *secrets_parse(struct store *s, const char *kind, int64_t id, struct str body)
{
	static const char mark[] = "\"" MEMBER "\"";
	json_t *o = json_parse(body, NULL);
	if (o && body.n && memmem(body.p, body.n, mark, sizeof(mark) - 1))
		secrets_open(s, kind, id, o);
	return o;
}

/* ---- by themselves ---- */

int secret_close(struct store *s, const char *about, int64_t id, struct str secret, struct buf *out)
{
	AUTO(buf_done) struct buf place = { 0 };
	const struct seal *seal = store_seal(s);
	if (!seal)
		return -EIO;
	buf_fmt(&place, "%s/%lld", about, (long long)id);
	buf_z(out, PREFIX);
	seal_close(seal, buf_view(&place), secret, out);
	return buf_end(out);
}

int secret_open(struct store *s, const char *about, int64_t id, struct str stored, struct buf *out)
{
	AUTO(buf_done) struct buf place = { 0 };
	const struct seal *seal = store_seal(s);
	if (!str_starts(stored, STR(PREFIX))) {
		buf_str(out, stored);
		return buf_end(out);
	}
	buf_fmt(&place, "%s/%lld", about, (long long)id);
	int rc = seal ? seal_open(seal, buf_view(&place), str_skip(stored, sizeof(PREFIX) - 1), out)
	              : -EIO;
	if (rc < 0)
		log_error("open the secret %s: it was sealed for another place or with another key",
		          log_quote(buf_view(&place)));
	return rc;
}

/* ---- what an older version left open ---- */

/* What has to be rewritten is gathered first: no cursor is open while it is. */
static json_t *rows_of(struct store *s, enum stmt st, const char *kind)
{
	struct rows r;
	json_t *list = json_array();
	int rc = store_query(s, st, ARGS(VAL_TEXT(kind)), &r);
	while (rc == 0 && rows_next(&r) == 1)
		json_array_append_new(list, json_pack("[I,s%]", (json_int_t)r.col[0].i,
		                                      (const char *)r.col[1].p, r.col[1].n));
	rows_done(&r);
	return list;
}

static int seal_kind(struct store *s, const struct resource *k, int *sealed)
{
	AUTO(json_decrefp) json_t *list = rows_of(s, STMT_OBJECT_LIST, k->path);
	size_t i;
	json_t *row;
	int rc = 0;
	json_array_foreach (list, i, row) {
		int64_t id = json_integer_value(json_array_get(row, 0));
		AUTO(json_decrefp)
		json_t *o = json_parse(str_of(json_string_value(json_array_get(row, 1))), NULL);
		AUTO(json_decrefp)
		json_t *closed = secrets_sealed(s, k->fields, k->path, id, o, &rc);
		if (rc == 0 && closed)
			rc = object_set(s, k, id, o);
		if (rc < 0)
			return rc;
		*sealed += closed != NULL;
	}
	return 0;
}

static int seal_objects(struct store *s, int *sealed)
{
	int rc = seal_kind(s, &settings_resource, sealed);
	for (const struct resource *const *f = resource_families; rc == 0 && *f; f++)
		for (const struct resource *r = *f; rc == 0 && r->path; r++)
			rc = seal_kind(s, r, sealed);
	return rc;
}

static int seal_hashes(struct store *s, const char *kind, int *sealed)
{
	AUTO(json_decrefp) json_t *list = rows_of(s, STMT_SECRET_LIST, kind);
	size_t i;
	json_t *row;
	int rc = 0;
	json_array_foreach (list, i, row) {
		AUTO(buf_done) struct buf b = { 0 };
		int64_t id = json_integer_value(json_array_get(row, 0));
		rc = secret_close(s, kind, id, str_of(json_string_value(json_array_get(row, 1))),
		                  &b);
		if (rc == 0)
			rc = store_exec(s, STMT_SECRET_SET,
			                ARGS(VAL_TEXT(kind), VAL_INT(id), VAL_STR(buf_view(&b))));
		if (rc < 0)
			return rc;
		++*sealed;
	}
	return 0;
}

static int meta_get(struct store *s, const char *key, struct buf *out)
{
	struct rows r;
	int rc = store_query(s, STMT_META_GET, ARGS(VAL_TEXT(key)), &r);
	int got = rc == 0 ? rows_next(&r) : rc;
	if (got == 1)
		buf_str(out, col_str(&r, 0));
	rows_done(&r);
	return got;
}

static int meta_close(struct store *s, const char *key, struct str secret)
{
	AUTO(buf_done) struct buf b = { 0 };
	int rc = secret_close(s, key, 0, secret, &b);
	return rc < 0 ? rc
	              : store_exec(s, STMT_META_SET, ARGS(VAL_TEXT(key), VAL_STR(buf_view(&b))));
}

static int seal_all(struct store *s, int *sealed)
{
	AUTO(buf_done) struct buf token = { 0 };
	int rc = meta_get(s, "token", &token);
	if (rc == 1)
		rc = meta_close(s, "token", buf_view(&token));
	if (rc == 0)
		rc = seal_objects(s, sealed);
	if (rc == 0)
		rc = seal_hashes(s, "totp", sealed);
	if (rc == 0)
		rc = seal_hashes(s, "totp-new", sealed);
	/* Policies that were compiled are compiled again, without secrets in them. */
	if (rc == 0)
		rc = store_exec(s, STMT_POLICY_DUE_ALL, NULL, 0);
	return rc < 0 ? rc : meta_close(s, "sealed", STR("with this key"));
}

static int first_time(struct app *a, struct err *why)
{
	int sealed = 0, rc = store_begin(a->store);
	if (rc == 0) {
		rc = seal_all(a->store, &sealed);
		int end = store_end(a->store, rc == 0);
		rc = rc < 0 ? rc : end;
	}
	/* Pages that are free now still hold what was there in the clear. */
	if (rc == 0)
		rc = store_exec_sql(a->store, "vacuum", NULL, 0);
	if (rc == 0)
		rc = store_exec_sql(a->store, "pragma wal_checkpoint(truncate)", NULL, 0);
	if (rc < 0)
		return err_set(why, rc, "seal the secrets in the database: %s",
		               store_error(a->store));
	if (sealed)
		log_info("%d secrets in the database are sealed now", sealed);
	return 0;
}

int secrets_begin(struct app *a, struct err *why)
{
	AUTO(buf_done) struct buf stored = { 0 }, opened = { 0 };
	if (!store_seal(a->store))
		return err_set(why, -EINVAL, "there is no key for the secrets in the database");
	int rc = meta_get(a->store, "sealed", &stored);
	if (rc < 0)
		return err_set(why, rc, "read the database: %s", store_error(a->store));
	if (rc == 0)
		return first_time(a, why);
	rc = secret_open(a->store, "sealed", 0, buf_view(&stored), &opened);
	return rc < 0 ? err_set(why, -EKEYREJECTED,
	                        "the secrets in the database were sealed with another key: bring the"
	                        " right secrets.key back, see yagura-manager(8)")
	              : 0;
}
