#include "module/integritymonitoring/section.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "module/integritymonitoring/policy.h"
#include "module/module.h"

/* What a policy's part says: {"state","rules":[...],"settings":{...},"variables":{...}}, the rules
 * as the API has them. */

static int parse_state(struct rules *r, const json_t *in, struct err *why)
{
	const char *state = json_text(in, "state", "off");
	r->real_time = strcmp(state, "real-time") == 0;
	r->on = r->real_time || strcmp(state, "on") == 0;
	if (!r->on && strcmp(state, "off") != 0)
		return err_set(why, -EINVAL, "state: expected real-time, on or off");
	return 0;
}

static enum im_cpu cpu_of(const json_t *settings)
{
	const char *level = json_text(settings, "integrityMonitoringSettingCpuUsageLevel", "High");
	if (strcmp(level, "Low") == 0)
		return IM_CPU_LOW;
	return strcmp(level, "Medium") == 0 ? IM_CPU_MEDIUM : IM_CPU_HIGH;
}

static void rules_free(struct rules *r)
{
	if (!r)
		return;
	im_rules_done(&r->im);
	free(r);
}

static void rules_freep(struct rules **r)
{
	rules_free(*r);
}

static int parse(const json_t *in, struct rules **out, struct err *why)
{
	AUTO(rules_freep) struct rules *r = xcalloc(1, sizeof(*r));
	const json_t *settings = json_object_at(in, "settings"), *list = json_array_at(in, "rules");
	if (!json_is_object(in))
		return err_set(why, -EINVAL, "integritymonitoring is no object");
	const char *hash =
		json_text(settings, "integrityMonitoringSettingContentHashAlgorithm", "sha256");
	uint32_t contents = im_attributes_named(IM_FILE, str_of(hash), 0) & IM_HASHES;
	if (!contents)
		return err_set(why, -EINVAL,
		               "%.60s is no hash: expected md5, sha1, sha256 or sha512", hash);
	r->cpu = cpu_of(settings);
	im_rules_init(&r->im, contents, json_object_at(in, "variables"));
	int rc = parse_state(r, in, why);
	/* Either of the two says it. */
	const char *also =
		json_text(settings, "integrityMonitoringSettingRealtimeEnabled", "false");
	r->real_time = r->real_time || (r->on && strcmp(also, "true") == 0);
	for (size_t i = 0; i < json_array_size(list) && rc == 0; i++) {
		const json_t *rule = json_array_get(list, i);
		rc = im_rules_add_json(&r->im, rule, why);
		if (rc < 0)
			err_add(why, rc, "rule %.100s", json_text(rule, "name", ""));
	}
	if (rc < 0)
		return rc;
	*out = TAKE(r);
	return 0;
}

const struct section integritymonitoring_section = {
	.name = "integritymonitoring",
	.events = &event_class_integritymonitoring,
	.parse = parse,
	.free = rules_free,
};
