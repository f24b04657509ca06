#include "manager/api/resources.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/alert/notify.h"
#include "manager/forward/forward.h"
#include "manager/oidc/oidc.h"
#include "manager/tasks/tasks.h"

/* The families of collections, a file each (resources_NAME.c). */
/* clang-format off */
const struct resource *const resource_families[] = {
	computer_resources,
	malware_resources,
	common_resources,
	admin_resources,
	rule_resources,
	control_resources,
	system_resources,
	task_resources,
	forward_resources,
	notify_resources,
	oidc_resources,
	NULL,
};
/* clang-format on */

const struct resource *resource_find(struct str path)
{
	for (const struct resource *const *f = resource_families; *f; f++)
		for (const struct resource *r = *f; r->path; r++)
			if (str_is(path, r->path))
				return r;
	return NULL;
}

void policies_affected(struct call *c, int64_t id, const json_t *old, const json_t *o)
{
	(void)id, (void)old, (void)o;
	policies_due(c->app, 0);
}

int resource_in_use(struct call *c, const char *what)
{
	return err_set(&c->why, -EINVAL, "The %s is in use and cannot be deleted.", what);
}

/* Does any object of a kind name this ID in one of these fields? */
bool resource_named_by(struct app *a, const char *kind, const char *const *fields, int64_t id)
{
	struct rows r;
	bool found = false;
	int rc = store_query(a->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(kind)), &r);
	while (rc == 0 && !found && rows_next(&r) == 1) {
		AUTO(json_decrefp) json_t *o = json_parse(col_str(&r, 1), NULL);
		const json_t *am = json_object_at(o, "antiMalware");
		for (const char *const *f = fields; *f; f++)
			found |= json_int(o, *f, 0) == id || json_int(am, *f, 0) == id;
	}
	rows_done(&r);
	return found;
}

bool ids_have(const json_t *ids, int64_t id)
{
	for (size_t i = 0; i < json_array_size(ids); i++)
		if (json_integer_value(json_array_get(ids, i)) == id)
			return true;
	return false;
}

static bool says(const json_t *v, const char *text)
{
	int64_t id = 0;
	if (json_is_string(v))
		return strcmp(json_string_value(v), text) == 0;
	if (str_i64(str_of(text), 1, INT64_MAX, &id) < 0)
		return false;
	return json_is_array(v) ? ids_have(v, id)
	                        : json_is_integer(v) && json_integer_value(v) == id;
}

json_t *module_users(struct app *a, const char *kind, const char *module, const char *field,
                     const char *text)
{
	struct rows r;
	json_t *ids = json_array();
	int rc = store_query(a->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(kind)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		AUTO(json_decrefp) json_t *o = json_parse(col_str(&r, 1), NULL);
		if (says(json_object_get(json_object_at(o, module), field), text))
			json_array_append_new(ids, json_integer(r.col[0].i));
	}
	rows_done(&r);
	return ids;
}

bool module_says(struct app *a, const char *module, const char *field, const char *text)
{
	AUTO(json_decrefp) json_t *policies = module_users(a, "policies", module, field, text);
	AUTO(json_decrefp) json_t *computers = module_users(a, "computers", module, field, text);
	return json_array_size(policies) + json_array_size(computers) > 0;
}

bool module_names(struct app *a, const char *module, const char *field, int64_t id)
{
	char text[24];
	snprintf(text, sizeof(text), "%lld", (long long)id);
	return module_says(a, module, field, text);
}
