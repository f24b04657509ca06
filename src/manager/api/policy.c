#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "manager/api/app.h"
#include "model/setting.h"
#include "module/module.h"

/*
 * Policies are a tree; a computer hangs below the policy it was given. Each stores only what it
 * overrides: members of "antiMalware" and "settings". What is in force is looked up from the object
 * towards the root.
 */

enum { DEPTH_MAX = 50, BASE_POLICY = 1 };

/* clang-format off */
const struct field policy_fields[] = {
	{ "parentID",               T_INT,    F_OMIT_EMPTY, .doc = "the policy that it inherits from; absent: the Base Policy itself" },
	{ "name",                   T_TEXT,   F_REQUIRED, .max = 254, .doc = "unique" },
	{ "description",            T_TEXT,   0, .otherwise = "\"\"", .max = 2000, .doc = "in own words" },
	{ "recommendationScanMode", T_CHOICE, 0, "off|ongoing", "\"off\"", .doc = "accepted" },
	{ "autoRequiresUpdate",     T_CHOICE, 0, "off|on", "\"on\"", .doc = "accepted: changes are sent at once" },
	{ "ID",                     T_INT,    F_READ_ONLY, .doc = "given by the manager" },
	{ 0 },
};

const struct field computer_fields[] = {
	{ "hostName",              T_TEXT, F_REQUIRED, .max = 254, .doc = "the name it reports or was given" },
	{ "displayName",           T_TEXT, 0, .otherwise = "\"\"", .max = 254, .doc = "shown instead" },
	{ "description",           T_TEXT, 0, .otherwise = "\"\"", .max = 2000, .doc = "in own words" },
	{ "lastIPUsed",            T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "where its agent called from" },
	{ "platform",              T_TEXT, F_READ_ONLY, .otherwise = "\"Unknown\"", .doc = "its operating system" },
	{ "groupID",               T_INT,  0, .otherwise = "0", .doc = "0: the root group" },
	{ "policyID",              T_INT,  F_OMIT_EMPTY, .doc = "the policy it obeys" },
	{ "assetImportanceID",     T_INT,  F_OMIT_EMPTY, .doc = "accepted" },
	{ "relayListID",           T_INT,  0, .otherwise = "0", .doc = "accepted" },
	{ "agentFingerPrint",      T_TEXT, F_READ_ONLY | F_OMIT_EMPTY, .doc = "SHA-256 of its certificate" },
	{ "lastAgentCommunication",T_TIME, F_READ_ONLY | F_OMIT_EMPTY, .doc = "its last call" },
	{ "lastSendPolicyRequest", T_TIME, F_READ_ONLY | F_OMIT_EMPTY, .doc = "" },
	{ "lastSendPolicySuccess", T_TIME, F_READ_ONLY | F_OMIT_EMPTY, .doc = "" },
	{ "agentVersion",          T_TEXT, F_READ_ONLY, .otherwise = "\"0.0.0.0\"", .doc = "0.0.0.0: none" },
	{ "hostGUID",              T_TEXT, F_READ_ONLY | F_OMIT_EMPTY, .doc = "its identity" },
	{ "ID",                    T_INT,  F_READ_ONLY, .doc = "given by the manager" },
	{ 0 },
};

/* The references of antiMalware, in the order of the wire; scheduledScanConfigurationID comes last. */
static const struct {
	const char *key, *kind;
} refs[] = {
	{ "realTimeScanConfigurationID",  "antimalwareconfigurations" },
	{ "realTimeScanScheduleID",       "schedules" },
	{ "manualScanConfigurationID",    "antimalwareconfigurations" },
	{ "scheduledScanConfigurationID", "antimalwareconfigurations" },
};

static const char *const scans[] = { "realTimeScan", "manualScan", "scheduledScan" };

/* The inline lists: what their member is called, where their entries go in a CONFIG, which lists they may name. */
static const struct {
	const char *suffix, *config, *ids, *kind;
} inlines[] = {
	{ "DirectorySetting",             "directoryList",             "directoryLists",     "directorylists" },
	{ "ExcludedDirectorySetting",     "excludedDirectoryList",     "directoryLists",     "directorylists" },
	{ "FileExtensionSetting",         "fileExtensionList",         "fileExtensionLists", "fileextensionlists" },
	{ "ExcludedFileExtensionSetting", "excludedFileExtensionList", "fileExtensionLists", "fileextensionlists" },
	{ "ExcludedFileSetting",          "excludedFileList",          "fileLists",          "filelists" },
};
/* clang-format on */

/* ---- the chain ---- */

/* From the object itself to the root: new references. */
struct chain {
	json_t *level[DEPTH_MAX];
	size_t n;
};

static void chain_done(struct chain *ch)
{
	for (size_t i = 0; i < ch->n; i++)
		json_decref(ch->level[i]);
}

static void chain_up(struct app *a, struct chain *ch, int64_t policy)
{
	while (policy > 0 && ch->n < DEPTH_MAX) {
		json_t *o = object_get(a->store, "policies", policy);
		if (!o)
			return;
		ch->level[ch->n++] = o;
		policy = json_int(o, "parentID", 0);
	}
}

static void chain_of(struct app *a, struct chain *ch, const char *kind, const json_t *object)
{
	ch->level[ch->n++] = json_incref((json_t *)(uintptr_t)object);
	chain_up(a, ch,
	         json_int(object, strcmp(kind, "computers") == 0 ? "policyID" : "parentID", 0));
}

static const json_t *own_am(const struct chain *ch, size_t level, const char *key)
{
	return json_object_get(json_object_at(ch->level[level], "antiMalware"), key);
}

static const json_t *effective_am(const struct chain *ch, const char *key)
{
	for (size_t i = 0; i < ch->n; i++)
		if (own_am(ch, i, key))
			return own_am(ch, i, key);
	return NULL;
}

static const char *effective_setting(const struct chain *ch, const struct setting *s)
{
	for (size_t i = 0; i < ch->n; i++) {
		const char *v = json_text(json_object_at(ch->level[i], "settings"), s->name, NULL);
		if (v)
			return v;
	}
	return s->otherwise;
}

/* Own entries, then, while a level inherits, its parent's. which: "lists" or the name of the IDs.
 */
static json_t *effective_entries(const struct chain *ch, const char *key, const char *which)
{
	json_t *out = json_array();
	for (size_t i = 0; i < ch->n; i++) {
		const json_t *own = own_am(ch, i, key);
		const json_t *entries = json_array_at(own, which);
		if (entries)
			json_array_extend(out, (json_t *)(uintptr_t)entries);
		if (own && !json_bool(own, "inherited", true))
			break;
	}
	return out;
}

/* ---- taking ---- */

static int take_state(struct call *c, const json_t *in, json_t *am)
{
	const char *state = json_text(in, "state", NULL);
	if (!json_object_get(in, "state"))
		return 0;
	if (state && strcmp(state, "inherited") == 0)
		json_object_del(am, "state");
	else if (state && choice_has("on|off", state))
		json_set_text(am, "state", state);
	else
		return err_set(
			&c->why, -EINVAL,
			"Invalid value for antiMalware state. It must be one of on|off|inherited.");
	return 0;
}

static int take_refs(struct call *c, const json_t *in, json_t *am)
{
	for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
		const struct field f[] = { { refs[i].key, T_INT, .doc = "" }, { 0 } };
		AUTO(json_decrefp) json_t *taken = json_object();
		if (fields_take(f, in, taken, false, &c->why) < 0)
			return -EINVAL;
		int64_t id = json_int(taken, refs[i].key, -1);
		if (id < 0)
			continue;
		AUTO(json_decrefp)
		json_t *there = id ? object_get(c->app->store, refs[i].kind, id) : NULL;
		if (id && !there)
			return err_set(&c->why, -EINVAL, "%s %lld does not exist.", refs[i].key,
			               (long long)id);
		const char *type = json_text(there, "scanType", NULL);
		bool real_time = strncmp(refs[i].key, "realTime", 8) == 0;
		if (type && (strcmp(type, "real-time") == 0) != real_time)
			return err_set(&c->why, -EINVAL,
			               "%s names a configuration of the wrong scanType.",
			               refs[i].key);
		if (id)
			json_set_int(am, refs[i].key, id);
		else
			json_object_del(am, refs[i].key);
	}
	return 0;
}

static int take_inlines(struct call *c, const json_t *in, json_t *am)
{
	for (size_t s = 0; s < ARRAY_LEN(scans); s++) {
		for (size_t i = 0; i < ARRAY_LEN(inlines); i++) {
			char key[80];
			snprintf(key, sizeof(key), "%s%s", scans[s], inlines[i].suffix);
			const json_t *v = json_object_get(in, key);
			const struct field f[] = {
				{ "lists", T_TEXTS, .otherwise = "[]", .doc = "" },
				{ inlines[i].ids, T_IDS, .otherwise = "[]", .doc = "" },
				{ "inherited", T_BOOL, .otherwise = "true", .doc = "" },
				{ 0 }
			};
			if (!v)
				continue;
			json_t *own = json_object_get(am, key)
			                      ? json_deep_copy(json_object_get(am, key))
			                      : json_object();
			int rc =
				json_is_object(v) ? fields_take(f, v, own, true, &c->why) : -EINVAL;
			if (rc < 0) {
				json_decref(own);
				return err_add(&c->why, -EINVAL, "%s", key);
			}
			json_set(am, key, own);
		}
	}
	return 0;
}

static int take_settings(struct call *c, const json_t *in, json_t *own)
{
	const char *name;
	json_t *v;
	json_object_foreach ((json_t *)(uintptr_t)in, name, v) {
		const struct setting *s = setting_find(SCOPE_POLICY, name);
		const json_t *value = json_object_get(v, "value");
		AUTO(buf_done) struct buf b = { 0 };
		AUTO(freep) char *taken = NULL;
		if (!s)
			continue; /* of a module that is not there: ignored like any unknown key */
		if (json_is_string(value))
			buf_z(&b, json_string_value(value));
		else if (json_is_boolean(value) || json_is_integer(value))
			json_write(&b, value);
		else
			return err_set(&c->why, -EINVAL, "Setting %s needs a value.", name);
		if (setting_take(s, buf_view(&b), &taken, &c->why) < 0)
			return -EINVAL;
		json_set_text(own, name, taken);
	}
	return 0;
}

static json_t *member(json_t *o, const char *key)
{
	if (!json_object_get(o, key))
		json_set(o, key, json_object());
	return json_object_get(o, key);
}

static int take_parts(struct call *c, const char *settings_key, json_t *o)
{
	const json_t *am = json_object_at(c->body, "antiMalware");
	const json_t *set = json_object_at(c->body, settings_key);
	int rc = am ? take_state(c, am, member(o, "antiMalware")) : 0;
	if (rc == 0 && am)
		rc = take_refs(c, am, member(o, "antiMalware"));
	if (rc == 0 && am)
		rc = take_inlines(c, am, member(o, "antiMalware"));
	if (rc == 0 && set)
		rc = take_settings(c, set, member(o, "settings"));
	return rc;
}

/* ---- compiling ---- */

static json_t *list_items(struct app *a, const char *kind, int64_t id)
{
	AUTO(json_decrefp) json_t *l = id ? object_get(a->store, kind, id) : NULL;
	json_t *items = json_object_get(l, "items");
	return items ? json_incref(items) : json_array();
}

/* A malware scan configuration with its lists in full, and the inline lists of this scan added. */
static json_t *config(struct app *a, const struct chain *ch, size_t scan)
{
	static const struct {
		const char *id, *list, *kind;
	} lists[] = {
		{ "directoryListID", "directoryList", "directorylists" },
		{ "fileExtensionListID", "fileExtensionList", "fileextensionlists" },
		{ "excludedDirectoryListID", "excludedDirectoryList", "directorylists" },
		{ "excludedFileListID", "excludedFileList", "filelists" },
		{ "excludedFileExtensionListID", "excludedFileExtensionList",
		  "fileextensionlists" },
		{ "excludedProcessImageFileListID", "excludedProcessImageFileList", "filelists" },
	};
	static const size_t ref_of[] = { 0, 2, 3 };
	int64_t id = json_integer_value(effective_am(ch, refs[ref_of[scan]].key));
	json_t *o = id ? object_get(a->store, "antimalwareconfigurations", id) : NULL;
	if (!o)
		return json_null();
	json_set_int(o, "ID", id);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		json_set(o, lists[i].list,
		         list_items(a, lists[i].kind, json_int(o, lists[i].id, 0)));
	for (size_t i = 0; i < ARRAY_LEN(inlines); i++) {
		char key[80];
		snprintf(key, sizeof(key), "%s%s", scans[scan], inlines[i].suffix);
		json_t *into = json_object_get(o, inlines[i].config);
		AUTO(json_decrefp) json_t *entries = effective_entries(ch, key, "lists");
		AUTO(json_decrefp) json_t *ids = effective_entries(ch, key, inlines[i].ids);
		json_array_extend(into, entries);
		size_t k;
		json_t *v;
		json_array_foreach (ids, k, v) {
			AUTO(json_decrefp)
			json_t *items = list_items(a, inlines[i].kind, json_integer_value(v));
			json_array_extend(into, items);
		}
	}
	return o;
}

static json_t *variables(const struct chain *ch)
{
	json_t *o = json_object();
	struct str rest = str_of(effective_setting(
		ch, setting_find(SCOPE_POLICY, "platformSettingEnvironmentVariableOverrides")));
	while (rest.p) {
		struct str value = str_cut(&rest, ',');
		struct str name = str_trim(str_cut(&value, '='));
		AUTO(freep) char *key = str_dup(name);
		if (name.n && value.p)
			json_set_bytes(o, key, str_trim(value));
	}
	return o;
}

static json_t *antimalware_part(struct app *a, const struct chain *ch)
{
	json_t *o = json_object(), *set = json_object();
	const char *state = json_string_value(effective_am(ch, "state"));
	json_set_text(o, "state", state ? state : "off");
	json_set(o, "realTime", config(a, ch, 0));
	json_set(o, "manual", config(a, ch, 1));
	json_set(o, "scheduled", config(a, ch, 2));
	for (const struct setting *s = all_settings; s->name; s++)
		if (s->scope == SCOPE_POLICY && strncmp(s->name, "antiMalware", 11) == 0)
			json_set_text(set, s->name, effective_setting(ch, s));
	json_set(o, "settings", set);
	json_set(o, "variables", variables(ch));
	return o;
}

static int parts_right(struct call *c, const char *kind, const json_t *o)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	chain_of(c->app, &ch, kind, o);
	AUTO(json_decrefp) json_t *part = antimalware_part(c->app, &ch);
	const struct section *s = section_find("antimalware");
	struct rules *r = NULL;
	struct err why = { { 0 } };
	int rc = s->parse(part, &r, &why);
	s->free(r);
	return rc < 0 ? err_set(&c->why, -EINVAL, "Invalid antiMalware: %s.", why.text) : 0;
}

/* ---- hooks of the collections ---- */

static int parent_right(struct call *c, int64_t id, const json_t *o)
{
	int64_t up = json_int(o, "parentID", 0);
	for (int depth = 0; up > 0; depth++) {
		if (up == id || depth == DEPTH_MAX - 2)
			return err_set(&c->why, -EINVAL, "A policy cannot inherit from itself.");
		AUTO(json_decrefp) json_t *p = object_get(c->app->store, "policies", up);
		if (!p)
			return err_set(&c->why, -EINVAL, "parentID %lld does not exist.",
			               (long long)up);
		up = json_int(p, "parentID", 0);
	}
	return 0;
}

int policy_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)old;
	if (id != BASE_POLICY && json_int(o, "parentID", 0) == 0)
		json_set_int(o, "parentID", BASE_POLICY);
	if (id == BASE_POLICY)
		json_object_del(o, "parentID");
	int rc = parent_right(c, id, o);
	if (rc == 0)
		rc = take_parts(c, "policySettings", o);
	return rc < 0 ? rc : parts_right(c, "policies", o);
}

static json_t *settings_shown(const struct chain *ch, bool own)
{
	json_t *o = json_object();
	for (const struct setting *s = all_settings; s->name; s++) {
		if (s->scope != SCOPE_POLICY)
			continue;
		const char *mine =
			json_text(json_object_at(ch->level[0], "settings"), s->name, NULL);
		if (!own || mine)
			json_set(
				o, s->name,
				json_pack("{s:s}", "value", own ? mine : effective_setting(ch, s)));
	}
	return o;
}

/* antiMalware as rest-api.md 9.2 shows it: effective, or with overrides=true only what is set here.
 */
static json_t *am_shown(const struct chain *ch, bool own, json_t *status)
{
	json_t *o = json_object();
	const char *state =
		json_string_value(own ? own_am(ch, 0, "state") : effective_am(ch, "state"));
	if (state || !own)
		json_set_text(o, "state", state ? state : "off");
	if (!own)
		json_set(o, "moduleStatus", status);
	else
		json_decref(status);
	for (size_t s = 0; s < ARRAY_LEN(scans); s++) {
		for (size_t i = 0; i < ARRAY_LEN(inlines); i++) {
			char key[80];
			snprintf(key, sizeof(key), "%s%s", scans[s], inlines[i].suffix);
			json_t *mine =
				json_object_get(json_object_at(ch->level[0], "antiMalware"), key);
			if (own) {
				if (mine)
					json_set(o, key, json_incref(mine));
				continue;
			}
			json_t *v = json_object();
			json_set(v, "lists", effective_entries(ch, key, "lists"));
			json_set_bool(v, "inherited", json_bool(mine, "inherited", true));
			json_set(v, inlines[i].ids, effective_entries(ch, key, inlines[i].ids));
			json_set(o, key, v);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
		const json_t *v = own ? own_am(ch, 0, refs[i].key) : effective_am(ch, refs[i].key);
		if (v)
			json_set(o, refs[i].key, json_incref((json_t *)(uintptr_t)v));
	}
	return o;
}

/* Keeps only what an object sets itself, for overrides=true: nothing of its own, not even the ID
 * (rest-api.md 5). */
static void only_own(json_t *o)
{
	const json_t *am = json_object_at(o, "antiMalware");
	const json_t *p = json_object_at(o, "policySettings"),
		     *q = json_object_at(o, "computerSettings");
	if (json_object_size(am) == 0 && json_object_size(p) == 0 && json_object_size(q) == 0)
		json_object_clear(o);
}

void policy_show(struct call *c, int64_t id, const json_t *full, json_t *o)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	(void)id;
	chain_of(c->app, &ch, "policies", full);
	bool own = query_true(c->rq, "overrides");
	const char *state = json_string_value(effective_am(&ch, "state"));
	bool on = state && strcmp(state, "on") == 0;
	json_t *status = json_pack("{s:s,s:s}", "status", on ? "active" : "inactive",
	                           "statusMessage", on ? "On" : "Off");
	json_set(o, "policySettings", settings_shown(&ch, own));
	json_set(o, "antiMalware", am_shown(&ch, own, status));
	if (own)
		only_own(o);
}

void policy_changed(struct call *c, int64_t id, const json_t *old, const json_t *o)
{
	(void)id, (void)old, (void)o;
	policies_due(c->app, 0);
}

int policy_may_delete(struct call *c, int64_t id)
{
	struct rows r;
	bool used = id == BASE_POLICY;
	static const char *const kinds[][2] = { { "policies", "parentID" },
		                                { "computers", "policyID" } };
	for (size_t k = 0; k < ARRAY_LEN(kinds) && !used; k++) {
		int rc = store_query(c->app->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(kinds[k][0])),
		                     &r);
		while (rc == 0 && !used && rows_next(&r) == 1) {
			AUTO(json_decrefp) json_t *o = json_parse(col_str(&r, 1), NULL);
			used = json_int(o, kinds[k][1], 0) == id;
		}
		rows_done(&r);
	}
	return used ? err_set(&c->why, -EINVAL, "The policy is in use and cannot be deleted.") : 0;
}

int computer_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	static const struct {
		const char *field, *kind;
	} needs[] = { { "policyID", "policies" }, { "groupID", "computergroups" } };
	(void)id, (void)old;
	for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
		int64_t ref = json_int(o, needs[i].field, 0);
		AUTO(json_decrefp)
		json_t *there = ref ? object_get(c->app->store, needs[i].kind, ref) : NULL;
		if (ref && !there)
			return err_set(&c->why, -EINVAL, "%s %lld does not exist.", needs[i].field,
			               (long long)ref);
	}
	int rc = take_parts(c, "computerSettings", o);
	return rc < 0 ? rc : parts_right(c, "computers", o);
}

struct agent_row {
	bool there, online;
	int64_t seen, sent;
	char fingerprint[65];
	json_t *status; /* owned */
};

static void agent_row_done(struct agent_row *row)
{
	json_decref(row->status);
}

static void agent_row(struct app *a, int64_t computer, struct agent_row *out)
{
	struct rows r;
	*out = (struct agent_row){ 0 };
	int rc = store_query(a->store, STMT_AGENT_GET, ARGS(VAL_INT(computer)), &r);
	if (rc == 0 && rows_next(&r) == 1) {
		out->there = true;
		snprintf(out->fingerprint, sizeof(out->fingerprint), "%.*s",
		         STR_ARG(col_str(&r, 1)));
		out->seen = r.col[2].i;
		out->online = r.col[3].i;
		out->status = json_parse(col_str(&r, 4), NULL);
		out->sent = r.col[6].i;
	}
	rows_done(&r);
}

static json_t *module_status(const struct agent_row *row, bool on)
{
	const json_t *am = json_object_at(json_object_at(row->status, "modules"), "antimalware");
	const char *message = json_text(am, "message", NULL);
	const char *word = "inactive";
	if (!row->there)
		message = "Not Activated";
	else if (!row->online)
		message = on ? "On, agent offline" : "Off";
	else if (!message)
		message = on ? "On, waiting for the agent" : "Off";
	if (row->there && on)
		word = !row->online || !am             ? "warning"
		       : json_bool(am, "error", false) ? "error"
		                                       : "active";
	return json_pack("{s:s,s:s}", "agentStatus", word, "agentStatusMessage", message);
}

static json_t *computer_status(const struct agent_row *row)
{
	if (!row->there)
		return json_pack("{s:s,s:[s]}", "agentStatus", "inactive", "agentStatusMessages",
		                 "Unmanaged (Unknown)");
	json_t *o = json_pack("{s:s,s:[s]}", "agentStatus", row->online ? "active" : "warning",
	                      "agentStatusMessages",
	                      row->online ? "Managed (Online)" : "Managed (Offline)");
	const json_t *more = json_array_at(row->status, "messages");
	if (row->online && json_array_size(more)) {
		json_set_text(o, "agentStatus", "warning");
		json_array_extend(json_object_get(o, "agentStatusMessages"),
		                  (json_t *)(uintptr_t)more);
	}
	return o;
}

/* "expand=a&expand=b" or "expand=a,b"; all without one. */
static bool expands(const struct request *rq, const char *what)
{
	const json_t *all = json_array_at(rq->query, "expand");
	size_t i;
	json_t *v;
	if (json_array_size(all) == 0)
		return true;
	json_array_foreach ((json_t *)(uintptr_t)all, i, v) {
		for (struct str rest = str_of(json_string_value(v)); rest.p;) {
			struct str word = str_cut(&rest, ',');
			if (str_is(word, "all") || str_is(word, what) ||
			    (str_is(word, "allSecurityModules") &&
			     strcmp(what, "antiMalware") == 0))
				return true;
		}
	}
	return false;
}

void computer_show(struct call *c, int64_t id, const json_t *full, json_t *o)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	AUTO(agent_row_done) struct agent_row row = { 0 };
	bool own = query_true(c->rq, "overrides");
	chain_of(c->app, &ch, "computers", full);
	agent_row(c->app, id, &row);
	const char *state = json_string_value(effective_am(&ch, "state"));
	if (row.there) {
		json_set_text(o, "agentFingerPrint", row.fingerprint);
		json_set_int(o, "lastAgentCommunication", row.seen);
		if (row.sent)
			json_set_int(o, "lastSendPolicySuccess", row.sent);
	}
	/* These stand between the scalars and the ID on the wire. */
	AUTO(json_decrefp) json_t *guid = json_incref(json_object_get(o, "hostGUID"));
	json_object_del(o, "hostGUID");
	json_object_del(o, "ID");
	if (!own && expands(c->rq, "computerStatus"))
		json_set(o, "computerStatus", computer_status(&row));
	if (!own && expands(c->rq, "tasks"))
		json_set(o, "tasks", json_pack("{s:[],s:[]}", "agentTasks", "applianceTasks"));
	if (expands(c->rq, "computerSettings"))
		json_set(o, "computerSettings", settings_shown(&ch, own));
	if (!own && expands(c->rq, "interfaces")) {
		json_t *list = json_object_get(row.status, "interfaces");
		json_set(o, "interfaces",
		         json_pack("{s:o}", "interfaces", list ? json_incref(list) : json_array()));
	}
	if (guid)
		json_set(o, "hostGUID", json_incref(guid));
	json_set_int(o, "ID", id);
	if (expands(c->rq, "antiMalware"))
		json_set(
			o, "antiMalware",
			am_shown(&ch, own, module_status(&row, state && strcmp(state, "on") == 0)));
	if (own)
		only_own(o);
}

void computer_changed(struct call *c, int64_t id, const json_t *old, const json_t *o)
{
	if (!o)
		agent_forget(c->app, id);
	else if (old)
		policies_due(c->app, id);
	stream_say(c->app, "computers", "computer",
	           json_pack("{s:s,s:{s:I}}", "op",
	                     !old ? "create"
	                     : !o ? "delete"
	                          : "update",
	                     "object", "ID", (json_int_t)id));
}

int computer_may_delete(struct call *c, int64_t id)
{
	(void)c, (void)id;
	return 0;
}

/* ---- settings one by one: X/settings/{name} ---- */

static const char *kind_of(const struct call *c)
{
	return strncmp(c->rq->path, "/api/computers", 14) == 0 ? "computers" : "policies";
}

static int setting_begin(struct call *c, json_t **o, const struct setting **s)
{
	*s = setting_find(SCOPE_POLICY, c->name);
	*o = object_get(c->app->store, kind_of(c), c->id);
	if (*o && *s)
		return 0;
	err_set(&c->why, 0, "The %s does not exist.", *o ? "setting" : "object");
	return 404;
}

static int setting_answer(struct call *c, const json_t *o, const struct setting *s)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	chain_of(c->app, &ch, kind_of(c), o);
	const char *own = json_text(json_object_at(o, "settings"), s->name, NULL);
	bool overrides = query_true(c->rq, "overrides");
	c->out = json_object();
	if (!overrides || own)
		json_set_text(c->out, "value", overrides ? own : effective_setting(&ch, s));
	return 200;
}

int setting_get(struct call *c)
{
	AUTO(json_decrefp) json_t *o = NULL;
	const struct setting *s = NULL;
	int rc = setting_begin(c, &o, &s);
	return rc ? rc : setting_answer(c, o, s);
}

static int setting_store(struct call *c, json_t *old, json_t *o, const struct setting *s)
{
	const struct resource *r = resource_find(str_of(kind_of(c)));
	if (parts_right(c, r->path, o) < 0)
		return 400;
	if (object_set(c->app->store, r, c->id, o) < 0)
		return 500;
	audit(c, "settings-saved", r->noun, c->id, json_text(o, r->name_field, ""),
	      json_object_at(old, "settings"), json_object_at(o, "settings"));
	r->changed(c, c->id, old, o);
	return setting_answer(c, o, s);
}

int setting_set(struct call *c)
{
	AUTO(json_decrefp) json_t *old = NULL;
	const struct setting *s = NULL;
	int rc = setting_begin(c, &old, &s);
	if (rc)
		return rc;
	AUTO(json_decrefp) json_t *o = json_deep_copy(old);
	AUTO(json_decrefp) json_t *in = json_pack("{s:O*}", c->name, c->body);
	if (take_settings(c, in, member(o, "settings")) < 0)
		return 400;
	return setting_store(c, old, o, s);
}

int setting_delete(struct call *c)
{
	AUTO(json_decrefp) json_t *old = NULL;
	const struct setting *s = NULL;
	int rc = setting_begin(c, &old, &s);
	if (rc)
		return rc;
	AUTO(json_decrefp) json_t *o = json_deep_copy(old);
	json_object_del(member(o, "settings"), c->name);
	return setting_store(c, old, o, s);
}

void setting_value(struct app *a, const char *kind, int64_t id, const char *name, struct buf *out)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	const struct setting *s = setting_find(SCOPE_POLICY, name);
	AUTO(json_decrefp) json_t *o = object_get(a->store, kind, id);
	if (o)
		chain_of(a, &ch, kind, o);
	buf_z(out, effective_setting(&ch, s));
}

/* ---- effective policies of agents ---- */

static json_t *compile(struct app *a, int64_t computer, const json_t *o)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	chain_of(a, &ch, "computers", o);
	json_t *set = json_object();
	for (const struct setting *s = all_settings; s->name; s++)
		if (s->scope == SCOPE_POLICY && strncmp(s->name, "platform", 8) == 0)
			json_set_text(set, s->name, effective_setting(&ch, s));
	json_t *p = json_object();
	json_set_int(p, "computerID", computer);
	json_set_text(p, "hostGUID", json_text(o, "hostGUID", ""));
	json_set_text(p, "name", ch.n > 1 ? json_text(ch.level[1], "name", "") : "");
	json_set(p, "settings", set);
	json_set(p, "sections", json_pack("{s:o}", "antimalware", antimalware_part(a, &ch)));
	return p;
}

static void signed_policy(struct app *a, struct signing *s, int rc, struct str result)
{
	if (rc < 0) {
		log_error("sign the policy of computer %lld: %s", (long long)s->computer,
		          strerror(-rc));
		return;
	}
	rc = store_exec(a->store, STMT_POLICY_SET,
	                ARGS(VAL_INT(s->computer), VAL_INT(s->version), VAL_TEXT(s->text),
	                     (struct val){ .type = V_BLOB, .p = result.p, .n = result.n }));
	if (rc < 0)
		log_error("store the policy of computer %lld: %s", (long long)s->computer,
		          store_error(a->store));
	agents_wake(a, s->computer);
}

/* Versions are times, so that they rise whatever happens to the database. */
void policy_compile(struct app *a, int64_t computer)
{
	AUTO(json_decrefp) json_t *o = object_get(a->store, "computers", computer);
	if (!o)
		return;
	struct rows r;
	AUTO(json_decrefp) json_t *p = compile(a, computer, o);
	AUTO(json_decrefp) json_t *old = NULL;
	int64_t version = (int64_t)clock_ms(), have = 0;
	int rc = store_query(a->store, STMT_POLICY_GET, ARGS(VAL_INT(computer)), &r);
	if (rc == 0 && rows_next(&r) == 1) {
		have = r.col[0].i;
		old = r.col[1].type == V_TEXT ? json_parse(col_str(&r, 1), NULL) : NULL;
	}
	rows_done(&r);
	json_object_del(old, "version");
	json_object_del(old, "issued");
	if (old && json_equal(old, p))
		return;
	if (version <= have)
		version = have + 1;
	json_set_int(p, "version", version);
	json_set_int(p, "issued", (int64_t)clock_ms());
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, p);
	struct signing *s = sign_later(a, signed_policy);
	s->computer = computer;
	s->version = version;
	s->text = str_dup(buf_view(&b));
	a->hooks->sign_policy(a, s->ticket, buf_view(&b));
}

void policies_due(struct app *a, int64_t computer)
{
	if (computer) {
		policy_compile(a, computer);
		return;
	}
	struct rows r;
	AUTO(buf_done) struct buf ids = { 0 };
	int rc = store_query(a->store, STMT_AGENT_LIST, NULL, 0, &r);
	while (rc == 0 && rows_next(&r) == 1)
		buf_add(&ids, &r.col[0].i, sizeof(int64_t));
	rows_done(&r);
	for (size_t i = 0; i + sizeof(int64_t) <= ids.n; i += sizeof(int64_t)) {
		int64_t id = 0;
		memcpy(&id, ids.p + i, sizeof(id));
		policy_compile(a, id);
	}
}
