#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/resources.h"
#include "module/module.h"

/* The common objects that rules and configurations name: lists, schedules. */

/* clang-format off */
static const struct field list_fields[] = {
	{ "name",        T_TEXT,  F_REQUIRED, .max = 254, .doc = "unique" },
	{ "description", T_TEXT,  0, .otherwise = "\"\"", .max = 2000, .doc = "in own words" },
	{ "items",       T_TEXTS, 0, .otherwise = "[]", .doc = "one entry each (docs/antimalware.md)" },
	ID_FIELD, { 0 },
};

static const struct field schedule_fields[] = {
	{ "name",        T_TEXT, F_REQUIRED, .max = 254, .doc = "unique" },
	{ "description", T_TEXT, 0, .otherwise = "\"\"", .doc = "" },
	ID_FIELD, { 0 },
};
/* clang-format on */

/* An entry that the agent could not understand is refused here, by the same code. */
static int list_check(struct call *c, const json_t *o, const char *key)
{
	AUTO(json_decrefp)
	json_t *part = json_pack("{s:{s:O}}", "manual", key, json_object_get(o, "items"));
	const struct section *s = section_find("antimalware");
	struct rules *r = NULL;
	struct err why = { { 0 } };
	int rc = s->parse(part, &r, &why);
	s->free(r);
	return rc < 0 ? err_set(&c->why, -EINVAL, "Invalid items: %s.", why.text) : 0;
}

static int directories_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id, (void)old;
	return list_check(c, o, "excludedDirectoryList");
}

static int files_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id, (void)old;
	return list_check(c, o, "excludedFileList");
}

static int extensions_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id, (void)old;
	return list_check(c, o, "excludedFileExtensionList");
}

static int list_may_delete(struct call *c, int64_t id)
{
	static const char *const d[] = { "directoryListID", "excludedDirectoryListID", NULL };
	static const char *const f[] = { "excludedFileListID", "excludedProcessImageFileListID",
		                         NULL };
	static const char *const e[] = { "fileExtensionListID", "excludedFileExtensionListID",
		                         NULL };
	const char *path = c->rq->path;
	const char *const *refs = strstr(path, "directory") ? d : strstr(path, "extension") ? e : f;
	return resource_named_by(c->app, "antimalwareconfigurations", refs, id)
	               ? resource_in_use(c, "list")
	               : 0;
}

/* clang-format off */
const struct resource common_resources[] = {
	{ "directorylists", "directoryLists", "directory list", "name", NULL, list_fields, V_EVERY,
	  .check = directories_check, .changed = policies_affected, .may_delete = list_may_delete },
	{ "filelists", "fileLists", "file list", "name", NULL, list_fields, V_EVERY,
	  .check = files_check, .changed = policies_affected, .may_delete = list_may_delete },
	{ "fileextensionlists", "fileExtensionLists", "file extension list", "name", NULL, list_fields, V_EVERY,
	  .check = extensions_check, .changed = policies_affected, .may_delete = list_may_delete },
	{ "schedules", "schedules", "schedule", "name", NULL, schedule_fields, V_LIST | V_GET | V_SEARCH },
	{ 0 },
};
/* clang-format on */
