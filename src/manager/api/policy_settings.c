#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/policy.h"
#include "manager/api/resources.h"

/* Settings of policies and computers, the defaults of policies and the system's (rest-api.md 8.2,
 * 8.3, 10). */

/* ---- taking and showing ---- */

/* A number or a boolean is as good as its text. */
static bool value_text(const json_t *value, struct buf *b)
{
	if (json_is_string(value))
		buf_z(b, json_string_value(value));
	else if (json_is_boolean(value) || json_is_integer(value))
		json_write(b, value);
	else
		return false;
	return buf_end(b) == 0;
}

static int take_one(struct call *c, const struct setting *s, const json_t *in, json_t *own)
{
	const json_t *value = json_is_object(in) ? json_object_get(in, "value") : in;
	AUTO(buf_done) struct buf b = { 0 };
	AUTO(freep) char *taken = NULL;
	if (value && !json_is_null(value) && !value_text(value, &b))
		return err_set(&c->why, -EINVAL, "Invalid value for %s. It must be a text.",
		               s->name);
	if (!value || json_is_null(value) ||
	    (s->type == ST_SECRET && str_is(buf_view(&b), SETTING_MASK)))
		return 0; /* not given; or a secret as it was shown */
	int rc = setting_take(s, buf_view(&b), &taken, &c->why);
	if (rc == 0)
		json_set_text(own, s->name, taken);
	return rc;
}

int settings_take(struct call *c, enum setting_scope scope, const json_t *in, json_t *own)
{
	const char *name;
	json_t *v;
	json_object_foreach ((json_t *)(uintptr_t)in, name, v) {
		const struct setting *s = setting_find(scope, name);
		int rc = s ? take_one(c, s, v, own) : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

const char *setting_seen(const struct setting *s, const char *value)
{
	return s->type == ST_SECRET && value && *value ? SETTING_MASK : value;
}

static json_t *value_shown(const struct setting *s, const char *value)
{
	json_t *o = json_object();
	json_set_text(o, "value", setting_seen(s, value));
	return o;
}

json_t *settings_shown(const struct chain *ch, bool own)
{
	json_t *o = json_object();
	for (const struct setting *s = all_settings; s->name; s++) {
		if (s->scope != SCOPE_POLICY)
			continue;
		AUTO(freep) char *effective = own ? NULL : chain_setting(ch, s);
		const char *value = own ? chain_own_setting(ch, 0, s) : effective;
		if (value)
			json_set(o, s->name, value_shown(s, value));
	}
	return o;
}

/* For audit events: without secrets. */
static json_t *settings_told(const json_t *own)
{
	json_t *o = json_object();
	for (const struct setting *s = all_settings; s->name; s++) {
		const char *value = json_text(own, s->name, NULL);
		if (value)
			json_set_text(o, s->name, setting_seen(s, value));
	}
	return o;
}

static void tell(struct call *c, const char *type, int64_t id, const char *name, const json_t *old,
                 const json_t *o)
{
	AUTO(json_decrefp) json_t *before = settings_told(json_object_at(old, "settings"));
	AUTO(json_decrefp) json_t *after = settings_told(json_object_at(o, "settings"));
	if (!json_equal(before, after))
		audit(c, "settings-saved", type, id, name, before, after);
}

static int missing(struct call *c, const char *what)
{
	c->code = "not-found";
	err_set(&c->why, 0, "The %s does not exist.", what);
	return 404;
}

static int bad(struct call *c)
{
	c->code = "bad-value";
	return 400;
}

/* A single setting's body is {"value":...}; without one there is nothing to do. */
static int take_body(struct call *c, const struct setting *s, json_t *own)
{
	const json_t *value = json_object_get(c->body, "value");
	if (value && !json_is_null(value))
		return take_one(c, s, value, own);
	return err_set(&c->why, -EINVAL, "Setting %s needs a value.", s->name);
}

/* ---- of a policy or computer ---- */

static const struct resource *owner_of(const struct call *c)
{
	return resource_find(strncmp(c->rq->path, "/api/computers/", 15) == 0 ? STR("computers")
	                                                                      : STR("policies"));
}

static int begin(struct call *c, json_t **o, const struct setting **s)
{
	const struct resource *r = owner_of(c);
	*s = setting_find(SCOPE_POLICY, c->name);
	*o = object_get(c->app->store, r->path, c->id);
	if (*o && *s)
		return 0;
	return missing(c, *o ? "setting" : r->noun);
}

static json_t *says(const struct chain *ch, size_t level, const void *of)
{
	const char *v = chain_own_setting(ch, level, of);
	return v ? json_string(setting_seen(of, v)) : NULL;
}

/* Below the Base Policy there are the defaults, and below them the table. */
static json_t *chain_shown(const struct chain *ch, const struct setting *s)
{
	json_t *list = chain_told(ch, "value", says, s);
	const char *set = json_text(json_object_at(ch->defaults, "settings"), s->name, NULL);
	json_t *defaults = json_pack("{s:s,s:s}", "type", "default", "name", "Default settings");
	if (set)
		json_set_text(defaults, "value", setting_seen(s, set));
	json_array_append_new(list, defaults);
	json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "type", "factory", "name", "Yagura",
	                                      "value", s->otherwise));
	return list;
}

static int answer(struct call *c, const json_t *o, const struct setting *s)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	chain_of(c->app, &ch, owner_of(c)->path, c->id, o);
	AUTO(freep) char *effective = chain_setting(&ch, s);
	const char *value =
		query_true(c->rq, "overrides") ? chain_own_setting(&ch, 0, s) : effective;
	c->out = value ? value_shown(s, value) : json_object();
	if (query_true(c->rq, "chain"))
		json_set(c->out, "chain", chain_shown(&ch, s));
	return 200;
}

int setting_get(struct call *c)
{
	AUTO(json_decrefp) json_t *o = NULL;
	const struct setting *s = NULL;
	int status = begin(c, &o, &s);
	return status ? status : answer(c, o, s);
}

static int keep(struct call *c, json_t *old, json_t *o, const struct setting *s)
{
	const struct resource *r = owner_of(c);
	drop_empty(o);
	if (json_equal(old, o))
		return answer(c, o, s);
	if (malware_right(c, r->path, c->id, o) < 0 || firewall_right(c, r->path, c->id, o) < 0)
		return bad(c);
	if (object_set(c->app->store, r, c->id, o) < 0)
		return 500;
	tell(c, r->noun, c->id, json_text(o, r->name_field, ""), old, o);
	r->changed(c, c->id, old, o);
	return answer(c, o, s);
}

int setting_set(struct call *c)
{
	AUTO(json_decrefp) json_t *old = NULL;
	const struct setting *s = NULL;
	int status = begin(c, &old, &s);
	if (status)
		return status;
	AUTO(json_decrefp) json_t *o = json_deep_copy(old);
	if (take_body(c, s, member_of(o, "settings")) < 0)
		return bad(c);
	return keep(c, old, o, s);
}

int setting_delete(struct call *c)
{
	AUTO(json_decrefp) json_t *old = NULL;
	const struct setting *s = NULL;
	int status = begin(c, &old, &s);
	if (status)
		return status;
	AUTO(json_decrefp) json_t *o = json_deep_copy(old);
	json_object_del(member_of(o, "settings"), s->name);
	return keep(c, old, o, s);
}

/* ---- documents: the defaults of policies, the system's ---- */

const struct resource settings_resource = { .path = "settings",
	                                    .noun = "settings",
	                                    .name_field = "name" };

static const struct {
	enum setting_scope scope;
	const char *name, *type;
} kinds[] = {
	[SETTINGS_DEFAULT] = { SCOPE_DEFAULT, "Default settings", "policy" },
	[SETTINGS_SYSTEM] = { SCOPE_SYSTEM, "System settings", "system settings" },
};

static const char *document_value(const json_t *o, const struct setting *s)
{
	return json_text(json_object_at(o, "settings"), s->name, s->otherwise);
}

static int document_answer(struct call *c, enum settings_document which)
{
	AUTO(json_decrefp) json_t *o = settings_document(c->app, which);
	c->out = json_object();
	for (const struct setting *s = all_settings; s->name; s++)
		if (setting_in(s, kinds[which].scope))
			json_set(c->out, s->name, value_shown(s, document_value(o, s)));
	return 200;
}

/* Did one of the system's settings change that are a part of policies: those of the Firewall? */
static bool agents_obey(const json_t *before, const json_t *after)
{
	const json_t *was = json_object_at(before, "settings"),
		     *is = json_object_at(after, "settings");
	for (const struct setting *s = all_settings; s->name; s++)
		if (s->scope == SCOPE_SYSTEM && strncmp(s->name, "firewall", 8) == 0 &&
		    !json_equal(json_object_get(was, s->name), json_object_get(is, s->name)))
			return true;
	return false;
}

static int document_keep(struct call *c, enum settings_document which, const json_t *old, json_t *o)
{
	struct store *st = c->app->store;
	int64_t id = 0;
	json_set_text(o, "name", kinds[which].name);
	if (json_equal(old, o))
		return 0;
	int rc = json_object_get(old, "name") ? object_set(st, &settings_resource, which, o)
	                                      : object_add(st, &settings_resource, which, o, &id);
	if (rc < 0) {
		err_set(&c->why, 0, "The database refused: %s.", store_error(st));
		return 500;
	}
	tell(c, kinds[which].type, 0, kinds[which].name, old, o);
	app_cache_drop(c->app);
	if (which == SETTINGS_DEFAULT || agents_obey(old, o))
		policies_due(c->app, 0);
	return 0;
}

static int document_set(struct call *c, enum settings_document which)
{
	AUTO(json_decrefp) json_t *old = settings_document(c->app, which);
	AUTO(json_decrefp) json_t *o = json_deep_copy(old);
	if (settings_take(c, kinds[which].scope, c->body, member_of(o, "settings")) < 0)
		return bad(c);
	int status = document_keep(c, which, old, o);
	return status ? status : document_answer(c, which);
}

/* One setting: method and document decide what is done. */
static int document_one(struct call *c, enum settings_document which)
{
	const struct setting *s = setting_find(kinds[which].scope, c->name);
	if (!s)
		return missing(c, "setting");
	AUTO(json_decrefp) json_t *old = settings_document(c->app, which);
	AUTO(json_decrefp) json_t *o = json_deep_copy(old);
	json_t *own = member_of(o, "settings");
	int status = 0;
	if (strcmp(c->rq->method, "POST") == 0 && take_body(c, s, own) < 0)
		return bad(c);
	if (strcmp(c->rq->method, "DELETE") == 0)
		json_object_del(own, s->name);
	if (strcmp(c->rq->method, "GET") != 0)
		status = document_keep(c, which, old, o);
	if (status == 0)
		c->out = value_shown(s, document_value(o, s));
	return status ? status : 200;
}

int default_settings_get(struct call *c)
{
	return document_answer(c, SETTINGS_DEFAULT);
}

int default_settings_set(struct call *c)
{
	return document_set(c, SETTINGS_DEFAULT);
}

int default_setting_one(struct call *c)
{
	return document_one(c, SETTINGS_DEFAULT);
}

int system_settings_get(struct call *c)
{
	return document_answer(c, SETTINGS_SYSTEM);
}

int system_settings_set(struct call *c)
{
	return document_set(c, SETTINGS_SYSTEM);
}

int system_setting_one(struct call *c)
{
	return document_one(c, SETTINGS_SYSTEM);
}
