#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "manager/api/resources.h"

/* Application Control: rulesets and their rules, global and trust rules, software that changed,
 * inventories. */

/* clang-format off */
static const struct field ruleset_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "version",     T_INT,    F_READ_ONLY, .otherwise = "1", .doc = "rises with its rules" },
	{ "type",        T_CHOICE, F_READ_ONLY, "local-file|local-hash|shared-file|shared-hash", "\"shared-hash\"", .doc = "whose, and what its rules name" },
	{ "created",     T_TIME,   F_READ_ONLY, .doc = "when it was made" },
	{ "lastUpdated", T_TIME,   F_READ_ONLY, .doc = "when it changed" },
	ID_FIELD, { 0 },
};

static const struct field control_rule_fields[] = {
	{ "sha256",                   T_TEXT,   F_REQUIRED, .max = 64, .doc = "of the file" },
	{ "size",                     T_INT,    0, .otherwise = "0", .doc = "of the file" },
	{ "action",                   T_CHOICE, 0, "allow|block", "\"allow\"", .doc = "may it run?" },
	{ "path",                     T_TEXT,   0, .otherwise = "\"\"", .max = 4096, .doc = "where it lies" },
	{ "fileName",                 T_TEXT,   F_NOT_SEARCHED, .otherwise = "\"\"", .max = 255, .doc = "its name" },
	{ "lastUpdatedAdministrator", T_INT,    F_READ_ONLY, .otherwise = "0", .doc = "who changed it" },
	{ "lastUpdated",              T_TIME,   F_READ_ONLY, .doc = "when" },
	ID_FIELD, { 0 },
};

static const struct field global_rule_fields[] = {
	{ "sha256",                   T_TEXT,   F_REQUIRED, .max = 64, .doc = "unique" },
	DESCRIPTION_FIELD,
	{ "action",                   T_CHOICE, 0, "block", "\"block\"", .doc = "it never runs" },
	{ "lastUpdatedAdministrator", T_INT,    F_READ_ONLY, .otherwise = "0", .doc = "who changed it" },
	{ "lastUpdated",              T_TIME,   F_READ_ONLY, .doc = "when" },
	ID_FIELD, { 0 },
};

static const struct field attribute_fields[] = {
	{ "type",  T_TEXT, F_REQUIRED, .max = 100, .doc = "what of the file" },
	{ "value", T_TEXT, 0, .otherwise = "\"\"", .max = 4096, .doc = "what it must be" },
	{ 0 },
};
static const struct field trust_rule_fields[] = {
	{ "type",            T_CHOICE,  0, "allowFromSourceTarget|allowFromSource|allowByTarget|ignoreFromSource", "\"allowFromSource\"", .doc = "what it trusts" },
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "isAssigned",      T_BOOL,    F_READ_ONLY | F_NOT_SEARCHED, .otherwise = "false", .doc = "in a ruleset" },
	{ "createdTime",     T_TIME,    F_READ_ONLY, .doc = "when it was made" },
	{ "lastUpdatedTime", T_TIME,    F_READ_ONLY, .doc = "when it changed" },
	{ "rulesetIDs",      T_IDS,     F_READ_ONLY, .otherwise = "[]", .doc = "the trust rulesets that have it" },
	{ "attributes",      T_OBJECTS, F_NOT_SEARCHED, .otherwise = "[]", .doc = "all must fit", .members = attribute_fields },
	ID_FIELD, { 0 },
};

static const struct field trust_ruleset_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "createdTime",     T_TIME, F_READ_ONLY, .doc = "when it was made" },
	{ "lastUpdatedTime", T_TIME, F_READ_ONLY, .doc = "when it changed" },
	{ "ruleIDs",         T_IDS,  0, .otherwise = "[]", .doc = "its trust rules" },
	ID_FIELD, { 0 },
};

static const struct field change_fields[] = {
	{ "computerID",        T_INT,  F_READ_ONLY, .doc = "where" },
	{ "computerGroupID",   T_INT,  F_READ_ONLY, .doc = "its group" },
	{ "vendorName",        T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "of the package" },
	{ "productName",       T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "the same" },
	{ "productVersion",    T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "the same" },
	{ "fileVersion",       T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "of the file" },
	{ "fileDescription",   T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "the same" },
	{ "sha1",              T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "of the file" },
	{ "sha256",            T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "the same" },
	{ "md5",               T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "the same" },
	{ "fileName",          T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "its name" },
	{ "installPath",       T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "its folder" },
	{ "fileSize",          T_INT,  F_READ_ONLY, .otherwise = "0", .doc = "bytes" },
	{ "changeEventTime",   T_TIME, F_READ_ONLY, .doc = "when" },
	{ "changeByUser",      T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "who" },
	{ "changeByUserID",    T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "the same" },
	{ "changeByProcess",   T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "with what" },
	{ "changeByProcessID", T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "the same" },
	ID_FIELD, { 0 },
};

static const struct field inventory_fields[] = {
	{ "computerID",    T_INT,    F_REQUIRED, .min = 1, .doc = "whose software" },
	{ "name",          T_TEXT,   F_REQUIRED, .max = 254, .doc = "unique" },
	DESCRIPTION_FIELD,
	{ "state",         T_CHOICE, F_READ_ONLY, "unknown|building|complete|failed|requested", "\"requested\"", .doc = "how far it is" },
	{ "startDate",     T_TIME,   F_READ_ONLY, .doc = "when it was asked for" },
	{ "completedDate", T_TIME,   F_READ_ONLY | F_OMIT_EMPTY, .doc = "when it was there" },
	{ "initiatorID",   T_INT,    F_READ_ONLY, .otherwise = "0", .doc = "who asked" },
	ID_FIELD, { 0 },
};

static const struct field item_fields[] = {
	{ "vendorName",      T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "of the package" },
	{ "productName",     T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "the same" },
	{ "productVersion",  T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "the same" },
	{ "fileVersion",     T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "of the file" },
	{ "fileDescription", T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "the same" },
	{ "category",        T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "executable, script, library" },
	{ "sha256",          T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "of the file" },
	{ "sha1",            T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "the same" },
	{ "md5",             T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "the same" },
	{ "fileName",        T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "its name" },
	{ "path",            T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "its folder" },
	{ "size",            T_INT,  F_READ_ONLY, .otherwise = "0", .doc = "bytes" },
	ID_FIELD, { 0 },
};
/* clang-format on */

static void stamp(struct call *c, const json_t *old, json_t *o, const char *made, const char *by)
{
	int64_t now = (int64_t)clock_ms();
	if (!old && made)
		json_set_int(o, made, now);
	if (by)
		json_set_int(o, by, c->who.administrator);
}

static int ruleset_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id;
	stamp(c, old, o, "created", NULL);
	json_set_int(o, "lastUpdated", (int64_t)clock_ms());
	return 0;
}

static int hash_right(struct call *c, const json_t *o)
{
	const char *hash = json_text(o, "sha256", "");
	return strlen(hash) == 64 && strspn(hash, "0123456789abcdefABCDEF") == 64
	               ? 0
	               : err_set(&c->why, -EINVAL,
	                         "Invalid value for sha256. It has 64 hexadecimal digits.");
}

static int control_rule_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id;
	stamp(c, old, o, NULL, "lastUpdatedAdministrator");
	json_set_int(o, "lastUpdated", (int64_t)clock_ms());
	return hash_right(c, o);
}

static int trust_rule_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id;
	stamp(c, old, o, "createdTime", NULL);
	json_set_int(o, "lastUpdatedTime", (int64_t)clock_ms());
	return 0;
}

/* The trust rulesets that have this rule. */
static void trust_rule_show(struct call *c, int64_t id, const json_t *full, json_t *o)
{
	struct rows r;
	json_t *ids = json_array();
	(void)full;
	int rc = store_query(c->app->store, STMT_OBJECT_LIST,
	                     ARGS(VAL_TEXT("applicationcontroltrustrulesets")), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		AUTO(json_decrefp) json_t *set = json_parse(col_str(&r, 1), NULL);
		if (ids_have(json_array_at(set, "ruleIDs"), id))
			json_array_append_new(ids, json_integer(r.col[0].i));
	}
	rows_done(&r);
	json_set_bool(o, "isAssigned", json_array_size(ids) > 0);
	json_set(o, "rulesetIDs", ids);
}

static int trust_rule_may_delete(struct call *c, int64_t id)
{
	AUTO(json_decrefp) json_t *o = json_object();
	trust_rule_show(c, id, NULL, o);
	return json_bool(o, "isAssigned", false) ? resource_in_use(c, "trust rule") : 0;
}

static int trust_ruleset_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	static const struct ref refs[] = { { "ruleIDs", "applicationcontroltrustrules" }, { 0 } };
	trust_rule_check(c, id, old, o);
	return refs_right(c, o, refs);
}

static bool trust_ruleset_used(struct app *a, int64_t id)
{
	char text[24];
	snprintf(text, sizeof(text), "%lld", (long long)id);
	return module_says(a, "applicationControl", "trustRulesetID", text);
}

static int trust_ruleset_may_delete(struct call *c, int64_t id)
{
	if (!trust_ruleset_used(c->app, id))
		return 0;
	c->refusal = 405;
	return resource_in_use(c, "trust ruleset");
}

static int ruleset_may_delete(struct call *c, int64_t id)
{
	return module_names(c->app, "applicationControl", "rulesetID", id)
	               ? resource_in_use(c, "ruleset")
	               : 0;
}

static int inventory_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	static const struct ref refs[] = { { "computerID", "computers" }, { 0 } };
	(void)id;
	stamp(c, old, o, "startDate", "initiatorID");
	return refs_right(c, o, refs);
}

/* ---- deeds ---- */

static json_t *trust_ruleset(struct call *c)
{
	json_t *o = object_get(c->app->store, "applicationcontroltrustrulesets", c->id);
	if (!o)
		err_set(&c->why, 0, "The trust ruleset does not exist.");
	return o;
}

static int trust_rules_answer(struct call *c, const json_t *set)
{
	const struct resource *r = resource_find(STR("applicationcontroltrustrules"));
	json_t *list = json_array();
	size_t i;
	json_t *v;
	json_array_foreach (json_object_get(set, "ruleIDs"), i, v) {
		int64_t id = json_integer_value(v);
		AUTO(json_decrefp) json_t *rule = object_get(c->app->store, r->path, id);
		json_t *shown = rule ? fields_show(r->fields, rule, id) : NULL;
		if (!shown)
			continue;
		trust_rule_show(c, id, rule, shown);
		json_array_append_new(list, shown);
	}
	c->out = json_object();
	json_set_int(c->out, r->count, (int64_t)json_array_size(list));
	json_set(c->out, r->list, list);
	return 200;
}

int trust_ruleset_rules(struct call *c)
{
	AUTO(json_decrefp) json_t *set = trust_ruleset(c);
	return set ? trust_rules_answer(c, set) : 404;
}

static int trust_rules_store(struct call *c, json_t *set)
{
	const struct resource *r = resource_find(STR("applicationcontroltrustrulesets"));
	if (trust_ruleset_check(c, c->id, set, set) < 0)
		return 400;
	if (object_set(c->app->store, r, c->id, set) < 0)
		return 500;
	audit(c, "object-updated", r->noun, c->id, json_text(set, "name", ""), NULL, NULL);
	return trust_rules_answer(c, set);
}

/* POST adds {"ruleIDs":[...]}, PUT sets them. */
int trust_ruleset_set_rules(struct call *c)
{
	static const struct field fields[] = { { "ruleIDs", T_IDS, F_REQUIRED, .doc = "" }, { 0 } };
	AUTO(json_decrefp) json_t *set = trust_ruleset(c);
	AUTO(json_decrefp) json_t *in = json_object();
	if (!set)
		return 404;
	if (fields_take(fields, c->body, in, false, &c->why) < 0 || !json_object_get(in, "ruleIDs"))
		return 400;
	bool add = strcmp(c->rq->method, "POST") == 0;
	json_t *ids = add ? json_deep_copy(json_object_get(set, "ruleIDs")) : json_array();
	size_t i;
	json_t *v;
	json_array_foreach (json_object_get(in, "ruleIDs"), i, v)
		if (!ids_have(ids, json_integer_value(v)))
			json_array_append(ids, v);
	json_set(set, "ruleIDs", ids);
	return trust_rules_store(c, set);
}

int trust_ruleset_drop_rule(struct call *c)
{
	AUTO(json_decrefp) json_t *set = trust_ruleset(c);
	json_t *ids = json_object_get(set, "ruleIDs");
	int64_t id = 0;
	if (!set)
		return 404;
	if (str_i64(str_of(c->name), 1, INT64_MAX, &id) < 0 || !ids_have(ids, id)) {
		err_set(&c->why, 0, "The trust rule does not exist there.");
		return 404;
	}
	for (size_t i = json_array_size(ids); i > 0; i--)
		if (json_integer_value(json_array_get(ids, i - 1)) == id)
			json_array_remove(ids, i - 1);
	int status = trust_rules_store(c, set);
	return status == 200 ? 204 : status;
}

int trust_ruleset_assignments(struct call *c)
{
	AUTO(json_decrefp) json_t *set = trust_ruleset(c);
	char text[24];
	if (!set)
		return 404;
	snprintf(text, sizeof(text), "%lld", (long long)c->id);
	c->out = json_object();
	json_set(c->out, "computers",
	         module_users(c->app, "computers", "applicationControl", "trustRulesetID", text));
	json_set(c->out, "policies",
	         module_users(c->app, "policies", "applicationControl", "trustRulesetID", text));
	return 200;
}

/* Allowed or blocked software becomes a rule of its computer's ruleset; without one, the changes
 * stay. */
static int64_t reviewed(struct call *c, const json_t *change, int64_t ruleset, const char *action)
{
	const struct resource *r = resource_find(STR("rulesets/rules"));
	AUTO(json_decrefp) json_t *rule = json_object();
	int64_t id = 0;
	fields_take(r->fields, change, rule, true, NULL);
	json_set_text(rule, "action", action);
	json_set_text(rule, "path", json_text(change, "installPath", ""));
	json_set_int(rule, "size", json_int(change, "fileSize", 0));
	json_set_int(rule, RESOURCE_OWNER, ruleset);
	control_rule_check(c, 0, NULL, rule);
	return object_add(c->app->store, r, 0, rule, &id) == 0 ? id : 0;
}

static int64_t ruleset_of(struct call *c, int64_t computer)
{
	AUTO(json_decrefp) json_t *o = object_get(c->app->store, "computers", computer);
	return json_int(json_object_at(o, "applicationControl"), "rulesetID", 0);
}

int software_review(struct call *c)
{
	static const struct field fields[] = {
		{ "softwareChangeIDs", T_IDS, F_REQUIRED, .doc = "" },
		{ "action", T_CHOICE, F_REQUIRED, "allow|block", .doc = "" },
		{ 0 },
	};
	AUTO(json_decrefp) json_t *in = json_object();
	json_t *results = json_array();
	size_t i;
	json_t *v;
	c->undo = true;
	c->out = json_object();
	json_set(c->out, "softwareChangeReviewResults", results);
	if (fields_take(fields, c->body, in, true, &c->why) < 0)
		return 400;
	json_array_foreach (json_object_get(in, "softwareChangeIDs"), i, v) {
		int64_t id = json_integer_value(v);
		AUTO(json_decrefp) json_t *o = object_get(c->app->store, "softwarechanges", id);
		int64_t computer = json_int(o, "computerID", 0), set = ruleset_of(c, computer);
		if (!o || !access_computer(c, computer, true) || !set) {
			err_set(&c->why, 0,
			        o ? "Its computer has no ruleset."
			          : "The software change does not exist.");
			return o ? 400 : 404;
		}
		int64_t rule = reviewed(c, o, set, json_text(in, "action", ""));
		store_exec(c->app->store, STMT_OBJECT_DEL,
		           ARGS(VAL_TEXT("softwarechanges"), VAL_INT(id)));
		json_array_append_new(results,
		                      json_pack("{s:I,s:[I]}", "ruleSetID", (json_int_t)set,
		                                "ruleIDs", (json_int_t)rule));
	}
	return 200;
}

/* clang-format off */
#define TRUST_RIGHTS .view = "canViewAppControlTrustEntities", .make = "canCreateAppControlTrustEntities", .edit = "canEditAppControlTrustEntities", .erase = "canDeleteAppControlTrustEntities"
#define RULE_RIGHTS .view = "canViewAppControlRules", .make = "canCreateNewAppControlRules", .edit = "canEditAppControlRulesProperties", .erase = "canDeleteAppControlRules"
const struct resource control_resources[] = {
	{ "rulesets", "rulesets", "ruleset", "name", NULL, ruleset_fields, V_LIST | V_GET | V_CREATE | V_DELETE | V_SEARCH,
	  .check = ruleset_check, .may_delete = ruleset_may_delete,
	  .view = "canViewRulesets", .make = "canCreateNewRulesets", .edit = "canEditRulesetProperties", .erase = "canDeleteRulesets" },
	{ "rulesets/rules", "applicationControlRules", "application control rule", NULL, NULL, control_rule_fields,
	  V_LIST | V_GET | V_MODIFY | V_DELETE | V_SEARCH, .check = control_rule_check, RULE_RIGHTS },
	{ "applicationcontrolglobalrules", "applicationControlGlobalRules", "global rule", "sha256", NULL, global_rule_fields, V_EVERY,
	  .check = control_rule_check, .many = true, RULE_RIGHTS },
	{ "applicationcontroltrustrules", "applicationControlTrustRules", "trust rule", "name", NULL, trust_rule_fields,
	  V_LIST | V_GET | V_CREATE | V_MODIFY | V_DELETE, .count = "trustRuleCount", .check = trust_rule_check, .show = trust_rule_show,
	  .may_delete = trust_rule_may_delete, TRUST_RIGHTS },
	{ "applicationcontroltrustrulesets", "applicationControlTrustRulesets", "trust ruleset", "name", NULL, trust_ruleset_fields,
	  V_LIST | V_GET | V_CREATE | V_MODIFY | V_DELETE, .count = "trustRuleSetCount", .check = trust_ruleset_check,
	  .may_delete = trust_ruleset_may_delete, TRUST_RIGHTS },
	{ "softwarechanges", "softwareChanges", "software change", NULL, NULL, change_fields, V_LIST | V_GET | V_SEARCH, .view = "canViewDrift" },
	{ "softwareinventories", "softwareInventories", "software inventory", "name", NULL, inventory_fields,
	  V_LIST | V_GET | V_CREATE | V_DELETE | V_SEARCH, .check = inventory_check,
	  .view = "canViewSoftwareInventory", .make = "canCreateNewSoftwareInventory", .erase = "canDeleteSoftwareInventory" },
	{ "softwareinventories/items", "inventoryItems", "inventory item", NULL, NULL, item_fields, V_LIST | V_GET | V_SEARCH,
	  .view = "canViewSoftwareInventory" },
	{ 0 },
};
/* clang-format on */
