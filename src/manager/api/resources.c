#include "manager/api/resources.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/tasks/tasks.h"

/* The families of collections, a file each (resources_NAME.c). */
const struct resource *const resource_families[] = {
	computer_resources, malware_resources, common_resources,
	admin_resources,    task_resources,    NULL,
};

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
