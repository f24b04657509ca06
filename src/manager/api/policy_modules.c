#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/policy.h"

/* The modules' objects inside policies and computers (rest-api.md 9.2). */

/* clang-format off */
static const struct field assignment_fields[] = {
	{ "interfaceID",             T_INT, F_OMIT_EMPTY, .doc = "of a computer" },
	{ "interfaceTypeID",         T_INT, F_OMIT_EMPTY, .doc = "of a policy" },
	{ "statefulConfigurationID", T_INT, 0, .otherwise = "0", .doc = "what holds there" },
	{ 0 },
};

static const struct field assignments_fields[] = {
	{ "statefulConfigurationAssignments", T_OBJECTS, 0, .otherwise = "[]", .doc = "one each", .members = assignment_fields },
	{ 0 },
};

static const struct field firewall_fields[] = {
	{ "globalStatefulConfigurationID",    T_INT,    F_OMIT_EMPTY, "statefulconfigurations", .doc = "for all interfaces" },
	{ "statefulConfigurationAssignments", T_OBJECT, F_OMIT_EMPTY, .doc = "for single ones", .members = assignments_fields },
	{ "ruleIDs",                          T_IDS,    F_OMIT_EMPTY, "firewallrules", .doc = "assigned here; shown: and above" },
	{ 0 },
};

static const struct field prevention_fields[] = {
	{ "ruleIDs", T_IDS, F_OMIT_EMPTY, "intrusionpreventionrules", .doc = "assigned here; shown: and above, with their applicationTypeIDs" },
	{ 0 },
};

static const struct field integrity_fields[] = {
	{ "ruleIDs", T_IDS, F_OMIT_EMPTY, "integritymonitoringrules", .doc = "assigned here; shown: and above" },
	{ 0 },
};

static const struct field inspection_fields[] = {
	{ "ruleIDs", T_IDS, F_OMIT_EMPTY, "loginspectionrules", .doc = "assigned here; shown: and above" },
	{ 0 },
};

static const struct field control_fields[] = {
	{ "blockUnrecognized",       T_BOOL,   0, .doc = "what is in no ruleset does not run" },
	{ "rulesetID",               T_INT,    F_OMIT_EMPTY, "rulesets", .doc = "a shared ruleset" },
	{ "trustRulesetID",          T_TEXT,   0, .max = 20, .doc = "empty: none; 0: inherit" },
	{ "maintenanceModeStatus",   T_CHOICE, 0, "off|on|start-requested|stop-requested|reset-duration-requested", .doc = "of a computer" },
	{ "maintenanceModeDuration", T_INT,    0, .min = 0, .max = 525600, .doc = "minutes, 0: until it is ended" },
	{ 0 },
};

static void prevention_show(const struct chain *ch, bool own, json_t *o);

const struct policy_module policy_modules[] = {
	{ "antiMalware",         "antimalware",         "on|off",             "antiMalwareSettingState",         NULL, malware_fields, malware_take, malware_show },
	{ "webReputation",       "webreputation",       "on|off",             "webReputationSettingState",       NULL, NULL, NULL, NULL },
	{ "activityMonitoring",  "activitymonitoring",  "on|off",             "activityMonitoringSettingState",  NULL, NULL, NULL, NULL },
	{ "firewall",            "firewall",            "on|off",             "firewallSettingState",            "firewallrules", firewall_fields, NULL, NULL },
	{ "intrusionPrevention", "intrusionprevention", "prevent|detect|off", "intrusionPreventionSettingState", "intrusionpreventionrules", prevention_fields, NULL, NULL, prevention_show },
	{ "integrityMonitoring", "integritymonitoring", "real-time|on|off",   "integrityMonitoringSettingState", "integritymonitoringrules", integrity_fields, NULL, NULL },
	{ "logInspection",       "loginspection",       "on|off",             "logInspectionSettingState",       "loginspectionrules", inspection_fields, NULL, NULL },
	{ "applicationControl",  "applicationcontrol",  "on|off",             "applicationControlSettingState",  NULL, control_fields, NULL, NULL },
	{ "SAP",                 "sap",                 "on|off",             "sapSettingState",                 NULL, NULL, NULL, NULL },
	{ "deviceControl",       "devicecontrol",       "on|off",             NULL,                              NULL, NULL, NULL, NULL },
	{ 0 },
};
/* clang-format on */

const struct policy_module *policy_module_find(const char *path)
{
	for (const struct policy_module *m = policy_modules; m->key; m++)
		if (path && strcmp(m->path, path) == 0)
			return m;
	return NULL;
}

/* Those of the rules that are shown; they cannot be set. */
static void prevention_show(const struct chain *ch, bool own, json_t *o)
{
	(void)own;
	json_t *types = types_of_rules(ch->app, json_array_at(o, "ruleIDs"));
	if (json_array_size(types))
		json_set(o, "applicationTypeIDs", types);
	else
		json_decref(types);
}

/* ---- taking ---- */

static int take_state(struct call *c, const struct policy_module *m, const json_t *in, json_t *own)
{
	const json_t *v = json_object_get(in, "state");
	const char *state = json_string_value(v);
	if (!v || json_is_null(v))
		return 0;
	if (state && strcmp(state, "inherited") == 0)
		json_object_del(own, "state");
	else if (state && choice_has(m->states, state))
		json_set_text(own, "state", state);
	else
		return err_set(&c->why, -EINVAL,
		               "Invalid value for %s state. It must be one of %s|inherited.",
		               m->key, m->states);
	return 0;
}

/* A number of another object must be one that is there; collections of other modules may not be
 * there at all. */
static int there(struct call *c, const struct field *f, int64_t id)
{
	if (id == 0 || !f->choices || !resource_find(str_of(f->choices)))
		return 0;
	AUTO(json_decrefp) json_t *o = object_get(c->app->store, f->choices, id);
	return o ? 0 : err_set(&c->why, -EINVAL, "%s %lld does not exist.", f->name, (long long)id);
}

static int refs_there(struct call *c, const struct field *fields, const json_t *taken)
{
	for (const struct field *f = fields; f->name; f++) {
		const json_t *v = json_object_get(taken, f->name);
		int rc = 0;
		if (f->type == T_INT && v)
			rc = there(c, f, json_integer_value(v));
		for (size_t i = 0; rc == 0 && f->type == T_IDS && i < json_array_size(v); i++)
			rc = there(c, f, json_integer_value(json_array_get(v, i)));
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A request for maintenance is kept as one: an agent has yet to take it up. */
static void request_maintenance(json_t *own)
{
	const char *status = json_text(own, "maintenanceModeStatus", "");
	if (strcmp(status, "on") == 0)
		json_set_text(own, "maintenanceModeStatus", "start-requested");
}

static int take_fields(struct call *c, const struct field *fields, const json_t *in, json_t *own)
{
	AUTO(json_decrefp) json_t *taken = json_object();
	if (fields_take(fields, in, taken, false, &c->why) < 0 || refs_there(c, fields, taken) < 0)
		return -EINVAL;
	const char *key;
	json_t *v;
	json_object_foreach (taken, key, v) {
		const struct field *f = field_find(fields, key);
		bool none = (f->type == T_INT && f->choices && json_integer_value(v) == 0) ||
		            (f->type == T_IDS && json_array_size(v) == 0);
		if (none)
			json_object_del(own, key); /* 0: what is inherited */
		else
			json_set(own, key, json_incref(v));
	}
	request_maintenance(own);
	return 0;
}

static int take_module(struct call *c, const struct policy_module *m, const char *kind,
                       const json_t *in, json_t *own)
{
	int rc = take_state(c, m, in, own);
	if (rc == 0 && m->fields)
		rc = take_fields(c, m->fields, in, own);
	if (rc == 0 && m->take)
		rc = m->take(c, kind, in, own);
	return rc;
}

int modules_take(struct call *c, const char *kind, json_t *o)
{
	for (const struct policy_module *m = policy_modules; m->key; m++) {
		const json_t *in = json_object_at(c->body, m->key);
		int rc = in ? take_module(c, m, kind, in, member_of(o, m->key)) : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- showing ---- */

void module_state(const struct chain *ch, const struct policy_module *m, char out[static 16])
{
	const char *state = json_string_value(chain_member(ch, m->key, "state"));
	if (!state && m->state_setting)
		state = json_text(json_object_at(ch->defaults, "settings"), m->state_setting,
		                  setting_find(SCOPE_DEFAULT, m->state_setting)->otherwise);
	snprintf(out, 16, "%s", state ? state : "off");
	for (char *p = out; *p; p++)
		*p = (char)tolower((unsigned char)*p);
}

void module_words(const struct chain *ch, const struct policy_module *m, struct err *out)
{
	static const struct {
		const char *state, *word;
	} words[] = { { "off", "Off" },
		      { "on", "On" },
		      { "prevent", "On, Prevent" },
		      { "detect", "On, Detect" },
		      { "real-time", "On, Real Time" } };
	char state[16];
	const char *word = "Off";
	module_state(ch, m, state);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].state, state) == 0)
			word = words[i].word;
	AUTO(json_decrefp) json_t *ids = m->rules ? chain_ids(ch, m->key, "ruleIDs") : NULL;
	size_t n = json_array_size(ids);
	if (!m->rules)
		err_set(out, 0, "%s", word);
	else if (n == 0)
		err_set(out, 0, "%s, no rules", word);
	else
		err_set(out, 0, "%s, %zu rule%s", word, n, n == 1 ? "" : "s");
}

static json_t *member_shown(const struct chain *ch, const struct policy_module *m,
                            const struct field *f, bool own)
{
	if (!own && f->type == T_IDS)
		return chain_ids(ch, m->key, f->name);
	json_t *v = own ? chain_own(ch, 0, m->key, f->name) : chain_member(ch, m->key, f->name);
	return v ? json_incref(v) : NULL;
}

static bool is_own(const struct chain *ch, const struct policy_module *m)
{
	for (size_t i = 0; i < ch->n; i++)
		if (json_object_at(ch->level[i], m->key))
			return true;
	return false;
}

json_t *module_shown(const struct chain *ch, const struct policy_module *m, bool own,
                     json_t *status)
{
	char state[16];
	/* Not in the description of the API's first version: there when it was set. */
	if (!m->state_setting && !is_own(ch, m)) {
		json_decref(status);
		return NULL;
	}
	json_t *o = json_object();
	module_state(ch, m, state);
	if (!own || chain_own(ch, 0, m->key, "state"))
		json_set_text(o, "state", state);
	if (status)
		json_set(o, "moduleStatus", status);
	if (m->show)
		m->show(ch, own, o);
	for (const struct field *f = m->fields; f && f->name; f++) {
		json_t *v = member_shown(ch, m, f, own);
		if (v && !(json_is_array(v) && json_array_size(v) == 0))
			json_set(o, f->name, v);
		else
			json_decref(v);
	}
	if (m->show_last)
		m->show_last(ch, own, o);
	return o;
}

void only_own(json_t *o, const char *settings_key)
{
	size_t n = json_object_size(json_object_get(o, settings_key));
	for (const struct policy_module *m = policy_modules; m->key; m++)
		n += json_object_size(json_object_get(o, m->key));
	if (n == 0)
		json_object_clear(o);
}

/* ---- where does it come from ---- */

static json_t *says(const struct chain *ch, size_t level, const void *of)
{
	const struct policy_module *m = of;
	json_t *own = json_object_get(ch->level[level], m->key);
	json_t *rules =
		m->rules ? json_object_get(json_object_get(ch->level[level], "rules"), m->rules)
			 : NULL;
	if (!own && !rules)
		return NULL;
	json_t *o = own ? json_deep_copy(own) : json_object();
	if (rules)
		json_set(o, "rules", json_incref(rules));
	return o;
}

int module_chain(struct call *c)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	const char *kind =
		strncmp(c->rq->path, "/api/computers/", 15) == 0 ? "computers" : "policies";
	const struct policy_module *m = policy_module_find(c->name);
	AUTO(json_decrefp) json_t *o = object_get(c->app->store, kind, c->id);
	if (!o || !m) {
		c->code = "not-found";
		err_set(&c->why, 0, "The %s does not exist.", o ? "module" : "object");
		return 404;
	}
	chain_of(c->app, &ch, kind, c->id, o);
	c->out = json_object();
	json_set(c->out, "chain", chain_told(&ch, "values", says, m));
	return 200;
}
