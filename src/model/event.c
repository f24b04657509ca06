#include "model/event.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/rand.h"

const struct event_field *event_field_find(const struct event_class *class, const char *name)
{
	for (const struct event_field *f = class->fields; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

const struct event_kind *event_kind_find(const struct event_class *class, const char *name)
{
	for (const struct event_kind *k = class->kinds; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

void event_init(struct event *ev, const struct event_class *class, const char *kind)
{
	*ev = (struct event){ .class = class,
		              .kind = event_kind_find(class, kind),
		              .time_ms = clock_ms() };
	rand_guid(ev->unique);
	ev->fields = json_object();
	if (!ev->kind || !ev->fields)
		abort(); /* a kind that no table has is our own mistake */
}

void event_done(struct event *ev)
{
	json_decref(ev->fields);
	*ev = (struct event){ 0 };
}

/* The field must be of the class and of this type: anything else is our own mistake. */
static void must_be(const struct event *ev, const char *field, enum event_type a, enum event_type b)
{
	const struct event_field *f = event_field_find(ev->class, field);
	if (!f || (f->type != a && f->type != b))
		abort();
}

void event_bytes(struct event *ev, const char *field, struct str value)
{
	must_be(ev, field, EV_TEXT, EV_TEXT);
	json_set_bytes(ev->fields, field, value);
}

void event_text(struct event *ev, const char *field, const char *value)
{
	if (value && *value)
		event_bytes(ev, field, str_of(value));
}

void event_int(struct event *ev, const char *field, int64_t value)
{
	must_be(ev, field, EV_INT, EV_TIME);
	json_set_int(ev->fields, field, value);
}

void event_bool(struct event *ev, const char *field, bool value)
{
	must_be(ev, field, EV_BOOL, EV_BOOL);
	json_set_bool(ev->fields, field, value);
}

void event_write(struct buf *b, const struct event *ev)
{
	json_t *j = json_object();
	json_set_text(j, "class", ev->class->name);
	json_set_text(j, "kind", ev->kind->name);
	json_set_int(j, "time", (int64_t)ev->time_ms);
	json_set_text(j, "unique", ev->unique);
	json_set(j, "fields", json_incref(ev->fields));
	json_write(b, j);
	json_decref(j);
}

static bool type_fits(enum event_type type, const json_t *v)
{
	switch (type) {
	case EV_TEXT:
		return json_is_string(v);
	case EV_INT:
	case EV_TIME:
		return json_is_integer(v);
	case EV_BOOL:
		return json_is_boolean(v);
	}
	return false;
}

static int check_fields(const struct event_class *class, const json_t *fields, struct err *why)
{
	const char *name;
	json_t *v;
	json_object_foreach ((json_t *)(uintptr_t)fields, name, v) {
		const struct event_field *f = event_field_find(class, name);
		if (!f)
			return err_set(why, -EINVAL, "%s events have no field %.60s", class->name,
			               name);
		if (!type_fits(f->type, v))
			return err_set(why, -EINVAL, "field %s has the wrong type", name);
	}
	return 0;
}

bool event_unique_fits(const char *u)
{
	size_t n = strspn(u, "0123456789ABCDEFabcdef-");
	return u[n] == '\0' && n >= 16 && n < sizeof(((struct event *)0)->unique);
}

int event_from_json(const json_t *j, const struct event_class *const *classes, struct event *out,
                    struct err *why)
{
	struct event ev = { 0 };
	const char *class = json_text(j, "class", ""), *kind = json_text(j, "kind", "");
	for (; *classes && !ev.class; classes++)
		if (strcmp((*classes)->name, class) == 0)
			ev.class = *classes;
	if (!ev.class)
		return err_set(why, -EINVAL, "unknown event class \"%.40s\"", class);
	ev.kind = event_kind_find(ev.class, kind);
	if (!ev.kind)
		return err_set(why, -EINVAL, "%s events have no kind \"%.40s\"", class, kind);
	int64_t time = json_int(j, "time", -1);
	const char *unique = json_text(j, "unique", "");
	const json_t *fields = json_object_at(j, "fields");
	if (time < 0 || !event_unique_fits(unique) || !fields)
		return err_set(why, -EINVAL, "an event needs time, unique and fields");
	int rc = check_fields(ev.class, fields, why);
	if (rc < 0)
		return rc;
	ev.time_ms = (uint64_t)time;
	memcpy(ev.unique, unique, strlen(unique) + 1);
	ev.fields = json_incref((json_t *)(uintptr_t)fields);
	*out = ev;
	return 0;
}

int event_parse(struct str text, const struct event_class *const *classes, struct event *out,
                struct err *why)
{
	json_t *j = json_parse(text, why);
	int rc = j ? event_from_json(j, classes, out, why) : -EINVAL;
	json_decref(j);
	return rc;
}

int event_load(struct event *ev)
{
	if (ev->fields)
		return 0;
	json_t *j = json_parse(ev->text, NULL);
	json_t *fields = json_object_get(j, "fields");
	if (fields)
		ev->fields = json_incref(fields);
	json_decref(j);
	return fields ? 0 : -EINVAL;
}

static void add_value(struct buf *b, const json_t *v)
{
	if (json_is_string(v))
		buf_z(b, json_string_value(v));
	else if (v)
		json_write(b, v);
}

void event_sentence_of(struct buf *b, const struct event_kind *kind, const char *lang,
                       void (*value)(void *arg, struct str name, struct buf *b), void *arg)
{
	struct str rest = str_of(strcmp(lang, "ja") == 0 ? kind->ja : kind->en);
	while (rest.p) {
		buf_str(b, str_cut(&rest, '{'));
		if (rest.p)
			value(arg, str_cut(&rest, '}'), b);
	}
}

static void field_value(void *arg, struct str name, struct buf *b)
{
	const struct event *ev = arg;
	char key[64];
	if (name.n >= sizeof(key))
		return;
	memcpy(key, name.p, name.n);
	key[name.n] = '\0';
	add_value(b, json_object_get(ev->fields, key));
}

void event_sentence(struct buf *b, const struct event *ev, const char *lang)
{
	struct event borrowed = *ev;
	event_sentence_of(b, ev->kind, lang, field_value, &borrowed);
}
