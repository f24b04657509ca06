#include "manager/api/policy.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"

/* The collection of policies. */

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
/* clang-format on */

static int parent_right(struct call *c, int64_t id, const json_t *o)
{
	int64_t up = json_int(o, "parentID", 0);
	for (int depth = 0; up > 0; depth++) {
		if (up == id || depth == DEPTH_MAX - 2)
			return err_set(&c->why, -EINVAL, "A policy cannot inherit from itself.");
		AUTO(json_decrefp) json_t *p = object_cached(c->app, "policies", up);
		if (!p)
			return err_set(&c->why, -EINVAL, "parentID %lld does not exist.",
			               (long long)up);
		up = json_int(p, "parentID", 0);
	}
	return 0;
}

int policy_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	const json_t *set = json_object_at(c->body, "policySettings");
	(void)old;
	if (id != BASE_POLICY && json_int(o, "parentID", 0) == 0)
		json_set_int(o, "parentID", BASE_POLICY);
	if (id == BASE_POLICY)
		json_object_del(o, "parentID");
	int rc = parent_right(c, id, o);
	if (rc == 0)
		rc = modules_take(c, "policies", o);
	if (rc == 0 && set)
		rc = settings_take(c, SCOPE_POLICY, set, member_of(o, "settings"));
	drop_empty(o);
	if (rc == 0)
		rc = malware_right(c, "policies", id, o);
	return rc < 0 ? rc : firewall_right(c, "policies", id, o);
}

static json_t *status(const struct chain *ch, const struct policy_module *m)
{
	struct err words;
	char state[16];
	module_state(ch, m, state);
	module_words(ch, m, &words);
	return json_pack("{s:s,s:s}", "status", strcmp(state, "off") == 0 ? "inactive" : "active",
	                 "statusMessage", words.text);
}

/* {"interfaceTypes":[...]}, its own ones. */
static json_t *interface_types(struct call *c, int64_t id)
{
	const struct resource *r = resource_find(STR("policies/interfacetypes"));
	json_t *list = json_array();
	struct rows rows;
	int rc = store_query(c->app->store, STMT_INTERFACE_TYPES, ARGS(VAL_INT(id)), &rows);
	while (rc == 0 && rows_next(&rows) == 1) {
		AUTO(json_decrefp) json_t *full = json_parse(col_str(&rows, 1), NULL);
		json_array_append_new(list, fields_show(r->fields, full, rows.col[0].i));
	}
	rows_done(&rows);
	return json_pack("{s:o}", "interfaceTypes", list);
}

void policy_show(struct call *c, int64_t id, const json_t *full, json_t *o)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	bool own = query_true(c->rq, "overrides");
	chain_of(c->app, &ch, "policies", id, full);
	json_object_del(o, "ID");
	json_set(o, "policySettings", settings_shown(&ch, own));
	if (!own)
		json_set(o, "interfaceTypes", interface_types(c, id));
	json_set_int(o, "ID", id);
	for (const struct policy_module *m = policy_modules; m->key; m++) {
		json_t *shown = module_shown(&ch, m, own, own ? NULL : status(&ch, m));
		if (shown)
			json_set(o, m->key, shown);
	}
	if (own)
		only_own(o, "policySettings");
}

/* Computers without a policy of their own obey the Base Policy's defaults only: a policy's change
 * is about those below it. */
void policy_changed(struct call *c, int64_t id, const json_t *old, const json_t *o)
{
	app_cache_drop(c->app);
	if (old && o)
		policy_due_below(c->app, id);
}

int policy_may_delete(struct call *c, int64_t id)
{
	bool used = id == BASE_POLICY ||
	            store_int(c->app->store, STMT_POLICY_USED, ARGS(VAL_INT(id)), 0) > 0;
	return used ? err_set(&c->why, -EINVAL, "The policy is in use and cannot be deleted.") : 0;
}
