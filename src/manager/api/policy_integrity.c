#include <errno.h>
#include <stdio.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/policy.h"
#include "manager/api/resources.h"
#include "module/integritymonitoring/section.h"
#include "module/module.h"

/* Integrity Monitoring in policies: what an agent gets (docs/protocol.md, section
 * `integritymonitoring`), and what is refused when a rule is written. */

static const char *const settings[] = { "integrityMonitoringSettingContentHashAlgorithm",
	                                "integrityMonitoringSettingCpuUsageLevel" };

/* A rule with what the levels override of it; NULL: it is no more. */
static json_t *rule_of(struct app *a, const struct chain *ch, int64_t id)
{
	AUTO(json_decrefp) json_t *o = object_cached(a, "integritymonitoringrules", id);
	json_t *rule = o ? json_copy(o) : NULL;
	char key[24];
	if (!rule)
		return NULL;
	snprintf(key, sizeof(key), "%lld", (long long)id);
	for (size_t i = ch->n; i-- > 0;) {
		const json_t *rules = json_object_at(ch->level[i], "rules");
		json_t *own =
			json_object_get(json_object_get(rules, "integritymonitoringrules"), key);
		if (own)
			json_object_update(rule, own);
	}
	json_set_int(rule, "ID", id);
	return rule;
}

json_t *integrity_part(struct app *a, const struct chain *ch)
{
	json_t *o = json_object(), *rules = json_array(), *set = json_object();
	AUTO(json_decrefp) json_t *ids = chain_ids(ch, "integrityMonitoring", "ruleIDs");
	char state[16];
	size_t i;
	json_t *v;
	module_state(ch, policy_module_find("integritymonitoring"), state);
	json_set_text(o, "state", state);
	json_array_foreach (ids, i, v) {
		json_t *rule = rule_of(a, ch, json_integer_value(v));
		if (rule)
			json_array_append_new(rules, rule);
	}
	json_set(o, "rules", rules);
	json_set(o, "variables", chain_variables(ch));
	for (size_t n = 0; n < ARRAY_LEN(settings); n++) {
		AUTO(freep)
		char *value = chain_setting(ch, setting_find(SCOPE_POLICY, settings[n]));
		json_set_text(set, settings[n], value);
	}
	json_set(o, "settings", set);
	return o;
}

int integrity_rule_right(const json_t *rule, struct err *why)
{
	struct im_rules r;
	struct err said = { { 0 } };
	im_rules_init(&r, IM_BIT(IMP_SHA256), NULL);
	int rc = im_rules_add_json(&r, rule, &said);
	im_rules_done(&r);
	return rc < 0 ? err_set(why, -EINVAL, "Invalid rule: %s.", said.text) : 0;
}
