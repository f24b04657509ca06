#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/policy.h"

json_t *object_cached(struct app *a, const char *kind, int64_t id)
{
	char key[64];
	snprintf(key, sizeof(key), "%s/%lld", kind, (long long)id);
	json_t *o = json_object_get(a->cache, key);
	if (o)
		return json_incref(o);
	o = object_get(a->store, kind, id);
	if (!o)
		return NULL;
	if (!a->cache)
		a->cache = json_object();
	json_set(a->cache, key, json_incref(o));
	return o;
}

void app_cache_drop(struct app *a)
{
	json_decref(a->cache);
	a->cache = NULL;
}

json_t *settings_document(struct app *a, enum settings_document which)
{
	json_t *o = object_kept(a, "settings", which);
	return o ? o : json_object();
}

json_t *member_of(json_t *o, const char *key)
{
	if (!json_is_object(json_object_get(o, key)))
		json_set(o, key, json_object());
	return json_object_get(o, key);
}

void drop_empty(json_t *o)
{
	const char *key;
	json_t *v;
	void *next;
	json_object_foreach_safe(o, next, key, v)
	{
		if (!json_is_object(v))
			continue;
		drop_empty(v);
		if (json_object_size(v) == 0)
			json_object_del(o, key);
	}
}

void chain_of(struct app *a, struct chain *ch, const char *kind, int64_t id, const json_t *object)
{
	bool computer = strcmp(kind, "computers") == 0;
	*ch = (struct chain){ .app = a, .kind = kind, .n = 1 };
	ch->id[0] = id;
	ch->level[0] = json_incref((json_t *)(uintptr_t)object);
	ch->defaults = settings_document(a, SETTINGS_DEFAULT);
	int64_t up = json_int(object, computer ? "policyID" : "parentID", 0);
	while (up > 0 && ch->n < DEPTH_MAX) {
		json_t *o = object_cached(a, "policies", up);
		if (!o)
			return;
		ch->id[ch->n] = up;
		ch->level[ch->n++] = o;
		up = json_int(o, "parentID", 0);
	}
}

void chain_done(struct chain *ch)
{
	for (size_t i = 0; i < ch->n; i++)
		json_decref(ch->level[i]);
	json_decref(ch->defaults);
	*ch = (struct chain){ .n = 0 };
}

json_t *chain_own(const struct chain *ch, size_t level, const char *module, const char *key)
{
	return json_object_get(json_object_at(ch->level[level], module), key);
}

json_t *chain_member(const struct chain *ch, const char *module, const char *key)
{
	for (size_t i = 0; i < ch->n; i++)
		if (chain_own(ch, i, module, key))
			return chain_own(ch, i, module, key);
	return NULL;
}

const char *chain_own_setting(const struct chain *ch, size_t level, const struct setting *s)
{
	return json_text(json_object_at(ch->level[level], "settings"), s->name, NULL);
}

static const char *default_setting(const struct chain *ch, const struct setting *s)
{
	return json_text(json_object_at(ch->defaults, "settings"), s->name, NULL);
}

/* Adds the entries that are not there yet. */
static void add_entries(struct buf *b, json_t *seen, const char *text, char separator)
{
	for (struct str rest = str_of(text); rest.p;) {
		struct str entry = str_trim(str_cut(&rest, separator));
		AUTO(freep) char *key = str_dup(entry);
		if (entry.n == 0 || json_object_get(seen, key))
			continue;
		json_set(seen, key, json_true());
		if (b->n)
			buf_char(b, separator);
		buf_str(b, entry);
	}
}

static char *list_setting(const struct chain *ch, const struct setting *s)
{
	AUTO(json_decrefp) json_t *seen = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	char separator = s->flags & SF_COMMAS ? ',' : '\n';
	for (size_t i = 0; i < ch->n; i++)
		if (chain_own_setting(ch, i, s))
			add_entries(&b, seen, chain_own_setting(ch, i, s), separator);
	if (default_setting(ch, s))
		add_entries(&b, seen, default_setting(ch, s), separator);
	return b.p ? buf_take(&b) : xstrdup("");
}

char *chain_setting(const struct chain *ch, const struct setting *s)
{
	if (s->flags & (SF_LIST | SF_COMMAS))
		return list_setting(ch, s);
	for (size_t i = 0; i < ch->n; i++)
		if (chain_own_setting(ch, i, s))
			return xstrdup(chain_own_setting(ch, i, s));
	const char *v = default_setting(ch, s);
	return xstrdup(v ? v : s->otherwise);
}

json_t *chain_ids(const struct chain *ch, const char *module, const char *key)
{
	json_t *out = json_array();
	AUTO(json_decrefp) json_t *seen = json_object();
	for (size_t i = 0; i < ch->n; i++) {
		size_t k;
		json_t *v;
		json_array_foreach (chain_own(ch, i, module, key), k, v) {
			char id[24];
			snprintf(id, sizeof(id), "%lld", (long long)json_integer_value(v));
			if (json_object_get(seen, id))
				continue;
			json_set(seen, id, json_true());
			json_array_append(out, v);
		}
	}
	return out;
}

json_t *types_of_rules(struct app *a, const json_t *ids)
{
	json_t *out = json_array();
	AUTO(json_decrefp) json_t *seen = json_object();
	size_t i;
	json_t *v;
	json_array_foreach ((json_t *)(uintptr_t)ids, i, v) {
		char key[24];
		AUTO(json_decrefp)
		json_t *rule = object_cached(a, "intrusionpreventionrules", json_integer_value(v));
		int64_t type = json_int(rule, "applicationTypeID", 0);
		snprintf(key, sizeof(key), "%lld", (long long)type);
		if (type == 0 || json_object_get(seen, key))
			continue;
		json_set(seen, key, json_true());
		json_array_append_new(out, json_integer(type));
	}
	return out;
}

static json_t *level_told(const struct chain *ch, size_t level)
{
	bool computer = level == 0 && strcmp(ch->kind, "computers") == 0;
	json_t *o = json_object();
	json_set_text(o, "type", computer ? "computer" : "policy");
	json_set_int(o, "ID", ch->id[level]);
	json_set_text(o, "name", json_text(ch->level[level], computer ? "hostName" : "name", ""));
	return o;
}

json_t *chain_told(const struct chain *ch, const char *key,
                   json_t *(*says)(const struct chain *ch, size_t level, const void *of),
                   const void *of)
{
	json_t *list = json_array();
	for (size_t i = 0; i < ch->n; i++) {
		json_t *o = level_told(ch, i), *said = says(ch, i, of);
		if (said)
			json_set(o, key, said);
		json_array_append_new(list, o);
	}
	return list;
}

char *system_setting(struct app *a, const char *name)
{
	const struct setting *s = setting_find(SCOPE_SYSTEM, name);
	AUTO(json_decrefp) json_t *o = settings_document(a, SETTINGS_SYSTEM);
	return xstrdup(json_text(json_object_at(o, "settings"), name, s ? s->otherwise : ""));
}

/* The policy of a computer that overrides nothing; -1: it does, or is not there. */
static int64_t plain_policy(struct app *a, int64_t computer)
{
	struct rows r;
	int64_t policy = -1;
	int rc = store_query(a->store, STMT_COMPUTER_POLICY, ARGS(VAL_INT(computer)), &r);
	if (rc == 0 && rows_next(&r) == 1 && !r.col[1].i)
		policy = r.col[0].i;
	rows_done(&r);
	return policy;
}

static char *value_of(struct app *a, const char *kind, int64_t id, const json_t *o,
                      const char *name)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	chain_of(a, &ch, kind, id, o);
	return chain_setting(&ch, setting_find(SCOPE_POLICY, name));
}

/* Asked for each of many computers: what a policy says is looked up once a request or tick. */
static void plain_value(struct app *a, int64_t policy, const char *name, struct buf *out)
{
	char key[200];
	snprintf(key, sizeof(key), "%s/%lld", name, (long long)policy);
	const char *known = json_text(a->cache, key, NULL);
	if (known) {
		buf_z(out, known);
		return;
	}
	AUTO(json_decrefp) json_t *o = json_object();
	if (policy)
		json_set_int(o, "policyID", policy);
	AUTO(freep) char *value = value_of(a, "computers", 0, o, name);
	buf_z(out, value);
	if (!a->cache)
		a->cache = json_object();
	json_set_text(a->cache, key, value);
}

void setting_value(struct app *a, const char *kind, int64_t id, const char *name, struct buf *out)
{
	int64_t policy = strcmp(kind, "computers") == 0 ? plain_policy(a, id) : -1;
	if (policy >= 0) {
		plain_value(a, policy, name, out);
		return;
	}
	AUTO(json_decrefp) json_t *o = object_get(a->store, kind, id);
	AUTO(json_decrefp) json_t *none = json_object();
	AUTO(freep) char *value = value_of(a, kind, id, o ? o : none, name);
	buf_z(out, value);
}
