#include "manager/api/field.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"

const struct field *field_find(const struct field *fields, const char *name)
{
	for (const struct field *f = fields; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
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

static json_t *to_choice(const struct field *f, const json_t *v)
{
	return json_is_string(v) && choice_has(f->choices, json_string_value(v))
	               ? json_string(json_string_value(v))
	               : NULL;
}

static json_t *to_list(const struct field *f, const json_t *v)
{
	const struct field item = { .type = f->type == T_IDS ? T_INT : T_TEXT };
	AUTO(json_decrefp) json_t *list = json_array();
	size_t n = json_is_array(v) ? json_array_size(v) : 1;
	for (size_t i = 0; i < n; i++) {
		const json_t *in = json_is_array(v) ? json_array_get(v, i) : v;
		json_t *one = item.type == T_INT ? to_int(&item, in) : to_text(&item, in);
		if (!one)
			return NULL;
		json_array_append_new(list, one);
	}
	return json_incref(list);
}

static json_t *convert(const struct field *f, const json_t *v)
{
	switch (f->type) {
	case T_INT:
	case T_TIME:
		return to_int(f, v);
	case T_BOOL:
		return to_bool(v);
	case T_TEXT:
		return to_text(f, v);
	case T_CHOICE:
		return to_choice(f, v);
	case T_TEXTS:
	case T_IDS:
		return to_list(f, v);
	}
	return NULL;
}

static int refuse(const struct field *f, struct err *why)
{
	if (f->type == T_CHOICE)
		return err_set(why, -EINVAL, "Invalid value for %s. It must be one of %s.", f->name,
		               f->choices);
	return err_set(why, -EINVAL, "Invalid value for %s.", f->name);
}

static bool is_empty(const json_t *v)
{
	return !v || (json_is_string(v) && json_string_length(v) == 0) ||
	       (json_is_integer(v) && json_integer_value(v) == 0) ||
	       (json_is_array(v) && json_array_size(v) == 0);
}

int fields_take(const struct field *fields, const json_t *in, json_t *object, bool create,
                struct err *why)
{
	for (const struct field *f = fields; f->name; f++) {
		const json_t *v = json_object_get(in, f->name);
		if (v && !json_is_null(v) && !(f->flags & F_READ_ONLY)) {
			json_t *taken = convert(f, v);
			if (!taken)
				return refuse(f, why);
			json_set(object, f->name, taken);
		} else if (create && f->otherwise && !json_object_get(object, f->name)) {
			json_set(object, f->name, json_loads(f->otherwise, JSON_DECODE_ANY, NULL));
		}
		if ((f->flags & F_REQUIRED) && is_empty(json_object_get(object, f->name)))
			return err_set(why, -EINVAL, "%s is required.", f->name);
	}
	return 0;
}

json_t *fields_show(const struct field *fields, const json_t *object, int64_t id)
{
	json_t *out = json_object();
	for (const struct field *f = fields; f->name; f++) {
		if (strcmp(f->name, "ID") == 0) {
			json_set_int(out, "ID", id);
			continue;
		}
		json_t *v = json_object_get(object, f->name);
		if (v && !(f->flags & F_SECRET) && !((f->flags & F_OMIT_EMPTY) && is_empty(v)))
			json_set(out, f->name, json_incref(v));
	}
	return out;
}
