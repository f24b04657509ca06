#include "manager/api/field.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"

enum { DEPTH_MAX = 4, LIST_MAX = 20000 };

static const struct field *find(const struct field *fields, struct str name)
{
	for (const struct field *f = fields; f && f->name; f++)
		if (str_is(name, f->name))
			return f;
	return NULL;
}

const struct field *field_find(const struct field *fields, const char *name)
{
	struct str rest = str_of(name);
	const struct field *f = NULL;
	while (rest.p && (f = find(fields, str_cut(&rest, '/'))))
		fields = f->members;
	return f;
}

const json_t *field_at(const struct field *fields, const json_t *object, const char *name)
{
	struct str rest = str_of(name);
	while (rest.p && object) {
		const struct field *f = find(fields, str_cut(&rest, '/'));
		object = f ? field_value(f, object) : NULL;
		fields = f ? f->members : NULL;
	}
	return object;
}

bool choice_has(const char *choices, const char *word)
{
	for (struct str rest = str_of(choices); rest.p;)
		if (str_is(str_cut(&rest, '|'), word))
			return true;
	return false;
}

static json_t *to_bool(const json_t *v)
{
	struct str s = str_of(json_string_value(v));
	if (json_is_boolean(v))
		return json_boolean(json_is_true(v));
	if (str_eq_nocase(s, STR("true")))
		return json_true();
	return str_eq_nocase(s, STR("false")) ? json_false() : NULL;
}

static json_t *to_int(const struct field *f, const json_t *v)
{
	int64_t i = 0, max = f->max ? f->max : INT64_MAX;
	if (json_is_integer(v))
		i = json_integer_value(v);
	else if (!json_is_string(v) ||
	         str_i64(str_of(json_string_value(v)), INT64_MIN, INT64_MAX, &i) < 0)
		return NULL;
	return i < f->min || i > max ? NULL : json_integer(i);
}

static json_t *to_text(const struct field *f, const json_t *v)
{
	size_t max = f->max ? (size_t)f->max : 10000;
	return json_is_string(v) && json_string_length(v) <= max ? json_string(json_string_value(v))
	                                                         : NULL;
}

/* firewall's priority is a text "0" to "4", and numbers are sent for it. */
static json_t *to_choice(const struct field *f, const json_t *v)
{
	char number[24] = "";
	const char *word = json_string_value(v);
	if (json_is_integer(v)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v));
		word = number;
	}
	return word && choice_has(f->choices, word) ? json_string(word) : NULL;
}

static int take(const struct field *f, const json_t *v, json_t **out, int depth, struct err *why);

static int refuse(const struct field *f, struct err *why)
{
	if (f->type == T_CHOICE || f->type == T_CHOICES)
		return err_set(why, -EINVAL, "Invalid value for %s. It must be one of %.400s.",
		               f->name, f->choices);
	return err_set(why, -EINVAL, "Invalid value for %s.", f->name);
}

/* What the entries of a list are. */
static const enum field_type entries[] = { [T_TEXTS] = T_TEXT,
	                                   [T_IDS] = T_INT,
	                                   [T_CHOICES] = T_CHOICE,
	                                   [T_BOOLS] = T_BOOL,
	                                   [T_OBJECTS] = T_OBJECT };

static int take_list(const struct field *f, const json_t *v, json_t *list, int depth,
                     struct err *why)
{
	struct field item = *f;
	size_t n = json_is_array(v) ? json_array_size(v) : 1;
	item.type = entries[f->type];
	if (n > LIST_MAX)
		return err_set(why, -EINVAL, "%s has at most %d entries.", f->name, LIST_MAX);
	for (size_t i = 0; i < n; i++) {
		json_t *one = NULL;
		int rc = take(&item, json_is_array(v) ? json_array_get(v, i) : v, &one, depth, why);
		if (rc < 0)
			return rc;
		json_array_append_new(list, one);
	}
	return 0;
}

static int members_take(const struct field *fields, const json_t *in, json_t *object, bool create,
                        int depth, struct err *why);

static json_t *to_scalar(const struct field *f, const json_t *v)
{
	if (f->type == T_BOOL)
		return to_bool(v);
	if (f->type == T_TEXT)
		return to_text(f, v);
	return f->type == T_CHOICE ? to_choice(f, v) : to_int(f, v);
}

/* *out: what was there before (borrowed; an object's members change one by one), then the new one.
 */
static int take(const struct field *f, const json_t *v, json_t **out, int depth, struct err *why)
{
	AUTO(json_decrefp) json_t *taken = NULL;
	int rc = 0;
	if (f->type == T_OBJECT && json_is_object(v) && depth > 0) {
		taken = *out ? json_deep_copy(*out) : json_object();
		rc = members_take(f->members, v, taken, *out == NULL, depth - 1, why);
	} else if (f->type < T_TEXTS) {
		taken = to_scalar(f, v);
	} else if (f->type != T_OBJECT) {
		taken = json_array();
		rc = take_list(f, v, taken, depth, why);
	}
	if (rc < 0)
		return rc;
	if (!taken)
		return refuse(f, why);
	*out = TAKE(taken);
	return 0;
}

static bool is_empty(const json_t *v)
{
	return !v || (json_is_string(v) && json_string_length(v) == 0) ||
	       (json_is_integer(v) && json_integer_value(v) == 0) ||
	       (json_is_array(v) && json_array_size(v) == 0);
}

static int member_take(const struct field *f, const json_t *v, json_t *object, int depth,
                       struct err *why)
{
	json_t *taken = json_object_get(object, f->name);
	int rc = take(f, v, &taken, depth, why);
	if (rc == 0)
		json_set(object, f->name, taken);
	return rc;
}

static int members_take(const struct field *fields, const json_t *in, json_t *object, bool create,
                        int depth, struct err *why)
{
	for (const struct field *f = fields; f->name; f++) {
		const json_t *v = json_object_get(in, f->name);
		int rc = 0;
		if (v && !json_is_null(v) && !(f->flags & F_READ_ONLY))
			rc = member_take(f, v, object, depth, why);
		else if (create && f->otherwise && !json_object_get(object, f->name))
			json_set(object, f->name, json_loads(f->otherwise, JSON_DECODE_ANY, NULL));
		if (rc < 0)
			return rc;
		if ((f->flags & F_REQUIRED) && is_empty(json_object_get(object, f->name)))
			return err_set(why, -EINVAL, "%s is required.", f->name);
	}
	return 0;
}

int fields_take(const struct field *fields, const json_t *in, json_t *object, bool create,
                struct err *why)
{
	return members_take(fields, in, object, create, DEPTH_MAX, why);
}

json_t *field_value(const struct field *f, const json_t *object)
{
	json_t *v = json_object_get(object, f->name);
	if (!v || f->flags & F_SECRET || ((f->flags & F_OMIT_EMPTY) && is_empty(v)))
		return NULL;
	return v;
}

static json_t *show_list(const struct field *f, const json_t *list)
{
	json_t *out = json_array();
	for (size_t i = 0; i < json_array_size(list); i++)
		json_array_append_new(out, fields_show(f->members, json_array_get(list, i), -1));
	return out;
}

json_t *fields_show(const struct field *fields, const json_t *object, int64_t id)
{
	json_t *out = json_object();
	for (const struct field *f = fields; f->name; f++) {
		json_t *v = field_value(f, object);
		if (strcmp(f->name, "ID") == 0 && id >= 0)
			json_set_int(out, "ID", id);
		else if (v && f->type == T_OBJECT)
			json_set(out, f->name, fields_show(f->members, v, -1));
		else if (v && f->type == T_OBJECTS)
			json_set(out, f->name, show_list(f, v));
		else if (v)
			json_set(out, f->name, json_incref(v));
	}
	return out;
}
