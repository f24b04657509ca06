#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"
#include "manager/api/policy.h"
#include "manager/api/resources.h"
#include "manager/api/secrets.h"
#include "manager/forward/forward.h"
#include "model/format.h"
#include "module/module.h"

/* What agents that forward by themselves are told of it. */

/* The receiver's configuration goes with the policy; its key is sealed where the policy is stored.
 */
static int add_receiver(struct app *a, json_t *receivers, int64_t id, const json_t *o)
{
	char key[24], place[64];
	snprintf(key, sizeof(key), "%lld", (long long)id);
	snprintf(place, sizeof(place), "forwarding/receivers/%s/", key);
	if (json_object_get(receivers, key))
		return 0;
	json_t *copy = json_deep_copy(o);
	json_object_del(copy, "description");
	json_set(receivers, key, copy);
	return secrets_close_at(a->store, forward_resources[0].fields, "compiled", place, copy);
}

static int64_t chosen(const struct chain *ch, const char *setting)
{
	const struct setting *s = setting_find(SCOPE_POLICY, setting);
	int64_t id = 0;
	AUTO(freep) char *text = s ? chain_setting(ch, s) : NULL;
	str_i64(str_of(text ? text : ""), 0, INT32_MAX, &id);
	return id;
}

json_t *forward_part(struct app *a, const struct chain *ch)
{
	AUTO(json_decrefp) json_t *classes = json_object();
	AUTO(json_decrefp) json_t *receivers = json_object();
	for (const struct event_class *const *k = event_classes; *k; k++) {
		const char *setting = forward_setting(*k);
		int64_t id = setting ? chosen(ch, setting) : 0;
		AUTO(json_decrefp)
		json_t *o = id ? object_cached(a, forward_resources[0].path, id) : NULL;
		bool basic = strcmp(json_text(o, "eventFormat", ""), "basic") == 0;
		if (!o || !forward_is_direct(o) || (basic && !format_has_basic(*k)))
			continue;
		int rc = add_receiver(a, receivers, id, o);
		if (rc < 0) {
			log_error("seal the key of syslog configuration %lld: %s", (long long)id,
			          strerror(-rc));
			continue;
		}
		json_set_int(classes, (*k)->name, id);
	}
	if (json_object_size(classes) == 0)
		return NULL;
	return json_pack("{s:s,s:s,s:O,s:O}", "tenant", TENANT, "tenantID", a->tenant, "classes",
	                 classes, "receivers", receivers);
}
