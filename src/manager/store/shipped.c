#include "manager/store/shipped.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/app.h"

static const char kind_types[] = "applicationtypes";
/* Those whose objects are found again by their identifier. */
static const char *const kinds_of_rules[] = { "intrusionpreventionrules",
	                                      "integritymonitoringrules", "loginspectionrules" };

/* Adds identifier -> ID of the rules of a kind that are there. */
static void add_there(struct store *s, const char *kind, json_t *out)
{
	struct rows r;
	if (store_query(s, STMT_OBJECT_LIST, ARGS(VAL_TEXT(kind)), &r) == 0) {
		while (rows_next(&r) == 1) {
			AUTO(json_decrefp) json_t *o = json_parse(col_str(&r, 1), NULL);
			const char *identifier = json_text(o, "identifier", "");
			if (*identifier)
				json_set_int(out, identifier, r.col[0].i);
		}
	}
	rows_done(&r);
}

/* kind -> identifier -> ID. */
static json_t *rules_there(struct store *s)
{
	json_t *out = json_object();
	for (size_t i = 0; i < ARRAY_LEN(kinds_of_rules); i++) {
		json_t *of_kind = json_object();
		add_there(s, kinds_of_rules[i], of_kind);
		json_set(out, kinds_of_rules[i], of_kind);
	}
	return out;
}

/* Names are unique, and an administrator may have had the same idea. */
static void name_apart(struct store *s, const char *kind, int64_t id, json_t *object)
{
	const char *name = json_text(object, "name", "");
	int64_t other = object_named(s, kind, name);
	if (other <= 0 || other == id)
		return;
	char longer[512];
	snprintf(longer, sizeof(longer), "%s (%s)", name,
	         json_text(object, "identifier", "Yagura"));
	json_set_text(object, "name", longer);
}

/* What fields have when nobody says anything, and what the object says besides. */
static json_t *completed(const struct resource *r, const json_t *object)
{
	json_t *o = json_object();
	struct err why = { { 0 } };
	if (fields_take(r->fields, object, o, true, &why) < 0) {
		json_decref(o);
		return NULL;
	}
	json_object_update(o, (json_t *)(uintptr_t)object); /* what only we may say */
	return o;
}

static int add(struct store *s, const char *kind, int64_t id, const json_t *object, int64_t *out)
{
	const struct resource *r = resource_find(str_of(kind));
	AUTO(json_decrefp) json_t *o = r ? completed(r, object) : NULL;
	if (!o)
		return -EINVAL;
	name_apart(s, kind, 0, o);
	return object_add(s, r, id, o, out);
}

static int say_anew(struct store *s, const char *kind, int64_t id, const json_t *object)
{
	AUTO(json_decrefp) json_t *o = object_get(s, kind, id);
	if (!o)
		return -ENOENT;
	json_object_update(o, (json_t *)(uintptr_t)object);
	name_apart(s, kind, id, o);
	return object_set(s, resource_find(str_of(kind)), id, o);
}

static int take_type(struct store *s, const json_t *entry)
{
	int64_t id = json_int(entry, "ID", 0);
	AUTO(json_decrefp) json_t *there = object_get(s, kind_types, id);
	int64_t out = 0;
	return there ? 0 : add(s, kind_types, id, json_object_get(entry, "object"), &out);
}

/* What it depends on, by the IDs that it has here. */
static void set_dependencies(const json_t *there, const json_t *entry, json_t *object)
{
	const json_t *on = json_array_at(entry, "dependsOn");
	json_t *ids = json_array();
	for (size_t i = 0; i < json_array_size(on); i++) {
		const char *identifier = json_string_value(json_array_get(on, i));
		int64_t id = identifier ? json_int(there, identifier, 0) : 0;
		if (id > 0)
			json_array_append_new(ids, json_integer(id));
	}
	if (json_array_size(ids))
		json_set(object, "dependsOnRuleIDs", ids);
	else
		json_decref(ids);
}

static int take_rule(struct store *s, json_t *there, const json_t *entry)
{
	const char *kind = json_text(entry, "kind", "");
	const char *identifier = json_text(entry, "identifier", "");
	json_t *of_kind = json_object_get(there, kind);
	AUTO(json_decrefp) json_t *object = json_copy(json_object_get(entry, "object"));
	int64_t id = json_int(of_kind, identifier, 0);
	set_dependencies(of_kind, entry, object);
	if (id > 0)
		return say_anew(s, kind, id, object);
	int rc = add(s, kind, 0, object, &id);
	if (rc == 0)
		json_set_int(of_kind, identifier, id);
	return rc;
}

/* there: NULL takes the types alone. */
static int take(struct store *s, json_t *there)
{
	int rc = 0;
	for (const char *const *text = shipped_objects; rc == 0 && *text; text++) {
		AUTO(json_decrefp) json_t *entry = json_parse(str_of(*text), NULL);
		if (strcmp(json_text(entry, "kind", ""), kind_types) == 0)
			rc = take_type(s, entry);
		else if (there)
			rc = take_rule(s, there, entry);
	}
	return rc;
}

int shipped_types(struct store *s)
{
	return take(s, NULL);
}

static bool is_new(struct store *s)
{
	struct rows r;
	bool is = true;
	if (store_query(s, STMT_META_GET, ARGS(VAL_TEXT("content")), &r) == 0 && rows_next(&r) == 1)
		is = !str_is(col_str(&r, 0), shipped_version);
	rows_done(&r);
	return is;
}

int shipped_renew(struct store *s, struct err *why)
{
	int rc = store_begin(s);
	if (rc == 0 && is_new(s)) {
		AUTO(json_decrefp) json_t *there = rules_there(s);
		rc = take(s, there);
		if (rc == 0)
			rc = store_exec(s, STMT_META_SET,
			                ARGS(VAL_TEXT("content"), VAL_TEXT(shipped_version)));
	}
	if (rc < 0)
		err_set(why, rc, "bring in the rules that we ship: %s", store_error(s));
	int end = store_end(s, rc == 0);
	return rc < 0 ? rc : end;
}
