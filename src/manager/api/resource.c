#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/app.h"

json_t *object_get(struct store *s, const char *kind, int64_t id)
{
	struct rows r;
	json_t *object = NULL;
	int rc = store_query(s, STMT_OBJECT_GET, ARGS(VAL_TEXT(kind), VAL_INT(id)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		object = json_parse(col_str(&r, 0), NULL);
	rows_done(&r);
	return object;
}

int64_t object_named(struct store *s, const char *kind, const char *name)
{
	return store_int(s, STMT_OBJECT_BY_NAME, ARGS(VAL_TEXT(kind), VAL_TEXT(name)), 0);
}

static int64_t parent_of(const struct resource *r, const json_t *object)
{
	return r->parent_field ? json_int(object, r->parent_field, 0) : 0;
}

int object_add(struct store *s, const struct resource *r, int64_t id, const json_t *object,
               int64_t *out)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, object);
	int rc = 0;
	if (id > 0)
		rc = store_exec(s, STMT_SEQUENCE_AT_LEAST, ARGS(VAL_TEXT(r->path), VAL_INT(id)));
	else
		id = store_int(s, STMT_SEQUENCE_NEXT, ARGS(VAL_TEXT(r->path)), -EIO);
	if (rc == 0 && id < 0)
		rc = -EIO;
	if (rc == 0)
		rc = store_exec(s, STMT_OBJECT_ADD,
		                ARGS(VAL_TEXT(r->path), VAL_INT(id),
		                     VAL_TEXT(json_text(object, r->name_field, "")),
		                     VAL_INT(parent_of(r, object)), VAL_STR(buf_view(&b))));
	if (rc == 0)
		*out = id;
	return rc;
}

int object_set(struct store *s, const struct resource *r, int64_t id, const json_t *object)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, object);
	return store_exec(s, STMT_OBJECT_SET,
	                  ARGS(VAL_TEXT(r->path), VAL_INT(id),
	                       VAL_TEXT(json_text(object, r->name_field, "")),
	                       VAL_INT(parent_of(r, object)), VAL_STR(buf_view(&b))));
}

static json_t *show(struct call *c, const struct resource *r, int64_t id, const json_t *full)
{
	json_t *o = fields_show(r->fields, full, id);
	if (r->show)
		r->show(c, id, full, o);
	return o;
}

static json_t *all(struct call *c, const struct resource *r)
{
	struct rows rows;
	json_t *list = json_array();
	int rc = store_query(c->app->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(r->path)), &rows);
	/* Showing an object reads others with the same statements: first collect, then show. */
	json_t *stored = json_array();
	while (rc == 0 && rows_next(&rows) == 1) {
		json_t *full = json_parse(col_str(&rows, 1), NULL);
		if (full)
			json_array_append_new(stored,
			                      json_pack("[I,o]", (json_int_t)rows.col[0].i, full));
	}
	rows_done(&rows);
	size_t i;
	json_t *pair;
	json_array_foreach (stored, i, pair)
		json_array_append_new(list, show(c, r, json_integer_value(json_array_get(pair, 0)),
		                                 json_array_get(pair, 1)));
	json_decref(stored);
	return list;
}

static int list(struct call *c, const struct resource *r, bool search)
{
	json_t *items = all(c, r);
	int rc = search ? search_apply(r->fields, c->body, items, &c->why) : 0;
	c->out = json_object();
	json_set(c->out, r->list, items);
	return rc < 0 ? 400 : 200;
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
	return json_text(o, r->name_field, "");
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

static int create(struct call *c, const struct resource *r)
{
	AUTO(json_decrefp) json_t *o = json_object();
	int64_t id = 0;
	if (!c->body) {
		err_set(&c->why, 0, "A JSON object is expected.");
		return 400;
	}
	if (fields_take(r->fields, c->body, o, true, &c->why) < 0 ||
	    (r->check && r->check(c, 0, NULL, o) < 0))
		return 400;
	int rc = object_add(c->app->store, r, 0, o, &id);
	if (rc < 0)
		return stored_badly(c, r, rc);
	tell(c, r, r->created, "object-created", id, NULL, o);
	if (r->changed)
		r->changed(c, id, NULL, o);
	c->out = show(c, r, id, o);
	if (strcmp(r->path, "apikeys") == 0)
		key_secret_make(c, id, c->out);
	return 200;
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

static int erase(struct call *c, const struct resource *r, json_t *old)
{
	if (r->may_delete && r->may_delete(c, c->id) < 0)
		return 400;
	int rc =
		store_exec(c->app->store, STMT_OBJECT_DEL, ARGS(VAL_TEXT(r->path), VAL_INT(c->id)));
	if (rc < 0)
		return stored_badly(c, r, rc);
	store_exec(c->app->store, STMT_SECRET_DEL, ARGS(VAL_TEXT(r->path), VAL_INT(c->id)));
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
	if (!old)
		return missing(c, r);
	if (get && r->verbs & V_GET) {
		c->out = show(c, r, c->id, old);
		return 200;
	}
	if (post && r->verbs & V_MODIFY)
		return modify(c, r, old);
	return strcmp(m, "DELETE") == 0 && r->verbs & V_DELETE ? erase(c, r, old) : not_allowed(c);
}
