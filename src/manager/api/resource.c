#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/page.h"
#include "manager/api/resources.h"
#include "manager/api/secrets.h"

#define OWNER RESOURCE_OWNER

json_t *object_get(struct store *s, const char *kind, int64_t id)
{
	struct rows r;
	json_t *object = NULL;
	int rc = store_query(s, STMT_OBJECT_GET, ARGS(VAL_TEXT(kind), VAL_INT(id)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		object = secrets_parse(s, kind, id, col_str(&r, 0));
	rows_done(&r);
	return object;
}

json_t *object_kept(struct app *a, const char *kind, int64_t id)
{
	struct kept_object *k =
		&a->kept[((uint64_t)id + (uint64_t)(unsigned char)*kind) % ARRAY_LEN(a->kept)];
	struct rows r;
	int rc = store_query(a->store, STMT_OBJECT_GET, ARGS(VAL_TEXT(kind), VAL_INT(id)), &r);
	bool there = rc == 0 && rows_next(&r) == 1;
	if (there && (k->id != id || strcmp(k->kind, kind) != 0 || !k->o ||
	              !str_eq(buf_view(&k->body), col_str(&r, 0)))) {
		json_decref(k->o);
		k->id = id;
		snprintf(k->kind, sizeof(k->kind), "%s", kind);
		k->o = secrets_parse(a->store, kind, id, col_str(&r, 0));
		buf_clear(&k->body);
		buf_str(&k->body, col_str(&r, 0));
	}
	rows_done(&r);
	return there && k->o ? json_incref(k->o) : NULL;
}

void objects_forget(struct app *a)
{
	for (size_t i = 0; i < ARRAY_LEN(a->kept); i++) {
		json_decref(a->kept[i].o);
		buf_done(&a->kept[i].body);
	}
}

int64_t object_named(struct store *s, const char *kind, const char *name)
{
	return store_int(s, STMT_OBJECT_BY_NAME, ARGS(VAL_TEXT(kind), VAL_TEXT(name)), 0);
}

static bool is_inside(const struct resource *r)
{
	return strchr(r->path, '/') != NULL;
}

/* The member that tells where an object lies; of a collection inside an object it is not shown. */
static int64_t parent_of(const struct resource *r, const json_t *object)
{
	const char *field = is_inside(r) ? OWNER : r->parent_field;
	return field ? json_int(object, field, 0) : 0;
}

/* As it is stored: with its secrets sealed. */
static int stored_body(struct store *s, const struct resource *r, int64_t id, const json_t *object,
                       struct buf *b)
{
	int rc = 0;
	AUTO(json_decrefp)
	json_t *sealed = secrets_sealed(s, r->fields, r->path, id, object, &rc);
	json_write(b, sealed ? sealed : object);
	return rc;
}

/* Names are unique; an object without one has its ID there. */
static void stored_name(const struct resource *r, int64_t id, const json_t *object, struct buf *b)
{
	if (r->name_field)
		buf_z(b, json_text(object, r->name_field, ""));
	else
		buf_fmt(b, "%lld", (long long)id);
}

int object_add(struct store *s, const struct resource *r, int64_t id, const json_t *object,
               int64_t *out)
{
	AUTO(buf_done) struct buf b = { 0 }, name = { 0 };
	int rc = 0;
	if (id > 0)
		rc = store_exec(s, STMT_SEQUENCE_AT_LEAST, ARGS(VAL_TEXT(r->path), VAL_INT(id)));
	else
		id = store_int(s, STMT_SEQUENCE_NEXT, ARGS(VAL_TEXT(r->path)), -EIO);
	if (rc == 0 && id < 0)
		rc = -EIO;
	stored_name(r, id, object, &name);
	if (rc == 0)
		rc = stored_body(s, r, id, object, &b);
	if (rc == 0)
		rc = store_exec(s, STMT_OBJECT_ADD,
		                ARGS(VAL_TEXT(r->path), VAL_INT(id), VAL_STR(buf_view(&name)),
		                     VAL_INT(parent_of(r, object)), VAL_STR(buf_view(&b))));
	if (rc == 0)
		*out = id;
	return rc;
}

int object_set(struct store *s, const struct resource *r, int64_t id, const json_t *object)
{
	AUTO(buf_done) struct buf b = { 0 }, name = { 0 };
	stored_name(r, id, object, &name);
	int rc = stored_body(s, r, id, object, &b);
	return rc < 0 ? rc
	              : store_exec(s, STMT_OBJECT_SET,
	                           ARGS(VAL_TEXT(r->path), VAL_INT(id), VAL_STR(buf_view(&name)),
	                                VAL_INT(parent_of(r, object)), VAL_STR(buf_view(&b))));
}

static json_t *show(struct call *c, const struct resource *r, int64_t id, const json_t *full)
{
	json_t *o = fields_show(r->fields, full, id);
	if (r->show)
		r->show(c, id, full, o);
	return o;
}

/* Adds what a search asks for; `list` gets the shown objects. The statements are used here alone,
 * so that show() may read while their rows come. */
static int find(struct call *c, const struct resource *r, const struct search *s, json_t *list)
{
	struct rows rows;
	int64_t below = is_inside(r) ? c->owner : -1;
	int rc = store_query(
		c->app->store, s->by_id ? STMT_OBJECT_PAGE : STMT_OBJECT_PAGE_NAMES,
		ARGS(VAL_TEXT(r->path), VAL_INT(s->low), VAL_INT(s->high), VAL_INT(below)), &rows);
	while (rc == 0 && json_array_size(list) < (size_t)s->max && (rc = rows_next(&rows)) == 1) {
		int64_t id = rows.col[0].i;
		AUTO(json_decrefp) json_t *full = json_parse(col_str(&rows, 1), NULL);
		rc = 0;
		if (!full || (!s->computed && !search_fits(s, full, id)) ||
		    !access_sees(c, r, id, full))
			continue;
		AUTO(json_decrefp) json_t *shown = show(c, r, id, full);
		if (!s->computed || search_fits(s, shown, id))
			json_array_append_new(list, json_incref(shown));
	}
	rows_done(&rows);
	return rc;
}

static int list(struct call *c, const struct resource *r, bool search)
{
	struct search *s = xcalloc(1, sizeof(*s));
	json_t *items = json_array();
	int rc = search_read(r->fields, search ? c->body : NULL, s, &c->why);
	int status = rc < 0 ? 400 : 200;
	if (!search) {
		s->max = INT64_MAX;
		s->by_id = true;
	}
	if (rc == 0 && page_fits(c, r, s)) {
		status = page_answer(c, r, s);
		json_decref(items);
		free(s);
		return status;
	}
	if (rc == 0 && find(c, r, s, items) < 0)
		status = 500;
	free(s);
	c->out = json_object();
	if (r->count)
		json_set_int(c->out, r->count, (int64_t)json_array_size(items));
	json_set(c->out, r->list, items);
	return status;
}

static int missing(struct call *c, const struct resource *r)
{
	c->code = "not-found";
	err_set(&c->why, 0, "The %s does not exist.", r->noun);
	return 404;
}

static int stored_badly(struct call *c, const struct resource *r, int rc)
{
	if (rc == -EEXIST) {
		c->code = "name-exists";
		err_set(&c->why, 0,
		        "A %s with this name already exists: the name already exists. Name must be unique.",
		        r->noun);
		return 400;
	}
	err_set(&c->why, 0, "The database refused: %s.", store_error(c->app->store));
	return 500;
}

static const char *name_of(const struct resource *r, const json_t *o)
{
	return r->name_field ? json_text(o, r->name_field, "") : "";
}

/* What a stored object may say in an audit event: no secrets. */
static void tell(struct call *c, const struct resource *r, const char *kind, const char *otherwise,
                 int64_t id, const json_t *old, const json_t *object)
{
	AUTO(json_decrefp) json_t *before = old ? fields_show(r->fields, old, id) : NULL;
	AUTO(json_decrefp) json_t *after = object ? fields_show(r->fields, object, id) : NULL;
	audit(c, kind ? kind : otherwise, r->noun, id, name_of(r, object ? object : old), before,
	      after);
}

static int create_one(struct call *c, const struct resource *r, const json_t *in, json_t **out)
{
	AUTO(json_decrefp) json_t *o = json_object();
	int64_t id = 0;
	if (is_inside(r))
		json_set_int(o, OWNER, c->owner);
	if (fields_take(r->fields, in, o, true, &c->why) < 0 ||
	    (r->check && r->check(c, 0, NULL, o) < 0))
		return 400;
	if (!access_object(c, r, 0, o))
		return 403;
	int rc = object_add(c->app->store, r, 0, o, &id);
	if (rc < 0)
		return stored_badly(c, r, rc);
	tell(c, r, r->created, "object-created", id, NULL, o);
	if (r->changed)
		r->changed(c, id, NULL, o);
	*out = show(c, r, id, o);
	if (strcmp(r->path, "apikeys") == 0)
		key_secret_make(c, id, *out);
	return 200;
}

/* A body that is the list object: all of them, or none. */
static int create_many(struct call *c, const struct resource *r, const json_t *list)
{
	json_t *made = json_array();
	size_t i;
	json_t *v;
	c->undo = true;
	c->out = json_object();
	json_set(c->out, r->list, made);
	json_array_foreach ((json_t *)(uintptr_t)list, i, v) {
		json_t *out = NULL;
		int status = create_one(c, r, v, &out);
		if (status != 200)
			return status;
		json_array_append_new(made, out);
	}
	return 200;
}

static int create(struct call *c, const struct resource *r)
{
	if (!c->body) {
		err_set(&c->why, 0, "A JSON object is expected.");
		return 400;
	}
	const json_t *list = r->many ? json_array_at(c->body, r->list) : NULL;
	return list ? create_many(c, r, list) : create_one(c, r, c->body, &c->out);
}

static int modify(struct call *c, const struct resource *r, json_t *old)
{
	AUTO(json_decrefp) json_t *o = json_deep_copy(old);
	if (!c->body) {
		err_set(&c->why, 0, "A JSON object is expected.");
		return 400;
	}
	if (fields_take(r->fields, c->body, o, false, &c->why) < 0 ||
	    (r->check && r->check(c, c->id, old, o) < 0))
		return 400;
	if (!access_object(c, r, c->id, o))
		return 403;
	int rc = object_set(c->app->store, r, c->id, o);
	if (rc < 0)
		return stored_badly(c, r, rc);
	if (!json_equal(old, o)) {
		tell(c, r, r->updated, "object-updated", c->id, old, o);
		if (r->changed)
			r->changed(c, c->id, old, o);
	}
	c->out = show(c, r, c->id, o);
	return 200;
}

/* What lies in it goes with it. */
static void erase_inside(struct call *c, const struct resource *r)
{
	struct str own = str_of(r->path);
	for (const struct resource *const *f = resource_families; *f; f++)
		for (const struct resource *in = *f; in->path; in++)
			if (is_inside(in) && str_starts(str_of(in->path), own) &&
			    in->path[own.n] == '/')
				store_exec(c->app->store, STMT_OBJECT_DEL_BELOW,
				           ARGS(VAL_TEXT(in->path), VAL_INT(c->id)));
}

static int erase(struct call *c, const struct resource *r, json_t *old)
{
	if (r->may_delete && r->may_delete(c, c->id) < 0)
		return c->refusal ? c->refusal : 400;
	int rc =
		store_exec(c->app->store, STMT_OBJECT_DEL, ARGS(VAL_TEXT(r->path), VAL_INT(c->id)));
	if (rc < 0)
		return stored_badly(c, r, rc);
	store_exec(c->app->store, STMT_SECRET_DEL, ARGS(VAL_TEXT(r->path), VAL_INT(c->id)));
	erase_inside(c, r);
	tell(c, r, r->deleted, "object-deleted", c->id, old, NULL);
	if (r->changed)
		r->changed(c, c->id, old, NULL);
	return 204;
}

static int not_allowed(struct call *c)
{
	err_set(&c->why, 0, "The method is not allowed here.");
	return 405;
}

int resource_call(struct call *c, const struct resource *r)
{
	const char *m = c->rq->method;
	bool get = strcmp(m, "GET") == 0, post = strcmp(m, "POST") == 0;
	if (r->begin && r->begin(c) < 0)
		return 400;
	if (c->name && strcmp(c->name, "search") == 0 && post && r->verbs & V_SEARCH)
		return list(c, r, true);
	if (c->name)
		return missing(c, r);
	if (c->id < 0) {
		if (get && r->verbs & V_LIST)
			return list(c, r, false);
		return post && r->verbs & V_CREATE ? create(c, r) : not_allowed(c);
	}
	AUTO(json_decrefp) json_t *old = object_get(c->app->store, r->path, c->id);
	if (!old || (is_inside(r) && json_int(old, OWNER, 0) != c->owner))
		return missing(c, r);
	if (get && r->verbs & V_GET) {
		c->out = show(c, r, c->id, old);
		return 200;
	}
	if (post && r->verbs & V_MODIFY)
		return modify(c, r, old);
	return strcmp(m, "DELETE") == 0 && r->verbs & V_DELETE ? erase(c, r, old) : not_allowed(c);
}
