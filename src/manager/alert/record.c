#include "manager/alert/record.h"

#include <stdio.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/alert/alert.h"

static const char kind[] = "systemevents";

/* clang-format off */
static const struct field fields[] = {
	{ "record",  T_BOOL, 0, .doc = "off: it is not stored" },
	{ "forward", T_BOOL, 0, .doc = "off: it is stored and not forwarded" },
	{ 0 },
};
/* clang-format on */

static bool is_on(struct app *a, uint32_t number, const char *member)
{
	AUTO(json_decrefp) json_t *o = object_get(a->store, kind, number);
	return json_bool(o, member, true);
}

bool event_recorded(struct app *a, uint32_t number)
{
	return is_on(a, number, "record");
}

bool event_forwarded(struct app *a, uint32_t number)
{
	return is_on(a, number, "forward");
}

static bool is_raised(uint32_t number)
{
	for (const struct event_kind *k = event_class_system.kinds; k->name; k++)
		if (k->number == number)
			return true;
	return false;
}

static json_t *show(struct app *a, const struct system_number *n)
{
	static const char *const words[] = { "info", "warning", "error" };
	json_t *o = json_object();
	json_set_int(o, "number", n->number);
	json_set(o, "title", json_pack("{s:s,s:s}", "en", n->en, "ja", n->ja));
	json_set_text(o, "severity", words[n->severity]);
	json_set_bool(o, "raised", is_raised(n->number));
	json_set_bool(o, "record", event_recorded(a, n->number));
	json_set_bool(o, "forward", event_forwarded(a, n->number));
	return o;
}

static int list(struct call *c)
{
	json_t *all = json_array();
	for (const struct system_number *n = system_numbers; n->en; n++)
		json_array_append_new(all, show(c->app, n));
	c->out = json_object();
	json_set(c->out, "systemEvents", all);
	return 200;
}

static int set(struct call *c)
{
	const struct system_number *n = system_number_find((uint32_t)c->id);
	AUTO(json_decrefp) json_t *own = object_get(c->app->store, kind, c->id);
	AUTO(buf_done) struct buf b = { 0 };
	char name[24];
	bool known = own != NULL;
	if (!n || n->number != c->id) {
		c->code = "not-found";
		err_set(&c->why, 0, "There is no system event with this number.");
		return 404;
	}
	if (!own)
		own = json_object();
	AUTO(json_decrefp) json_t *before = show(c->app, n);
	if (!c->body || fields_take(fields, c->body, own, false, &c->why) < 0)
		return 400;
	json_write(&b, own);
	snprintf(name, sizeof(name), "%u", n->number);
	int rc = store_exec(c->app->store, known ? STMT_OBJECT_SET : STMT_OBJECT_ADD,
	                    ARGS(VAL_TEXT(kind), VAL_INT(c->id), VAL_TEXT(name), VAL_INT(0),
	                         VAL_STR(buf_view(&b))));
	if (rc < 0) {
		err_set(&c->why, 0, "The setting could not be stored.");
		return 500;
	}
	c->out = show(c->app, n);
	audit(c, "settings-saved", "system event", c->id, n->en, before, c->out);
	return 200;
}

/* clang-format off */
const struct route record_routes[] = {
	{ "GET",  "/api/systemevents",      list, false, "every system event: is it recorded, is it forwarded?" },
	{ "POST", "/api/systemevents/{id}", set,  true,  "record it, forward it" },
	{ 0 },
};
/* clang-format on */
