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

static const struct field item_list_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "items", T_TEXTS, 0, .otherwise = "[]", .max = 2000, .doc = "one entry each; # begins a comment" },
	ID_FIELD, { 0 },
};

static const struct field schedule_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "hoursOfWeek", T_BOOLS, F_NOT_SEARCHED, .doc = "168 hours from Sunday 00:00; absent: all" },
	ID_FIELD, { 0 },
};

static const struct field context_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "minimumAgentVersion",         T_TEXT, F_NOT_SEARCHED, .otherwise = "\"4.0.0.0\"", .max = 40, .doc = "older agents do not have it" },
	{ "localConnectionsEnabled",     T_BOOL, F_NOT_SEARCHED, .otherwise = "false", .doc = "while the computer reaches its domain" },
	{ "remoteConnectionsEnabled",    T_BOOL, F_NOT_SEARCHED, .otherwise = "false", .doc = "while it does not, but the Internet" },
	{ "noConnectionEnabled",         T_BOOL, F_NOT_SEARCHED, .otherwise = "false", .doc = "while it reaches neither" },
	{ "noInternetEnabled",           T_BOOL, F_NOT_SEARCHED, .otherwise = "false", .doc = "while it does not reach the Internet" },
	{ "restrictedInterfacesEnabled", T_BOOL, 0, .otherwise = "false", .doc = "on interfaces that are restricted" },
	ID_FIELD, { 0 },
};

static const struct field template_fields[] = {
	{ "name",                    T_TEXT,    F_READ_ONLY | F_NOT_SEARCHED, .doc = "unique" },
	{ "description",             T_TEXT,    F_READ_ONLY | F_NOT_SEARCHED, .otherwise = "\"\"", .doc = "what it shows" },
	{ "timeFilterSupported",     T_BOOL,    F_READ_ONLY, .otherwise = "true", .doc = "of a time range" },
	{ "computerFilterSupported", T_BOOL,    F_READ_ONLY, .otherwise = "true", .doc = "of some computers" },
	{ "tagFilterSupported",      T_BOOL,    F_READ_ONLY, .otherwise = "false", .doc = "of events with tags" },
	{ "supportedFormats",        T_CHOICES, F_READ_ONLY, "pdf|csv|html|plaintext|rtf|xls|xml", "[\"csv\",\"html\"]", .doc = "what it can be made as" },
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

static int item_list_check(struct call *c, const json_t *o, bool (*right)(struct str))
{
	const struct item_kind kinds[] = { { "items", right }, { 0 } };
	return items_right(c, o, kinds);
}

static int ips_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id, (void)old;
	return item_list_check(c, o, item_ip);
}

static int macs_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id, (void)old;
	return item_list_check(c, o, item_mac);
}

static int ports_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id, (void)old;
	return item_list_check(c, o, item_port);
}

enum { HOURS_OF_WEEK = 168 };

static int schedule_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	const json_t *hours = json_object_get(o, "hoursOfWeek");
	(void)id, (void)old;
	return !hours || json_array_size(hours) == HOURS_OF_WEEK
	               ? 0
	               : err_set(&c->why, -EINVAL,
	                         "Invalid value for hoursOfWeek. A week has %d hours.",
	                         HOURS_OF_WEEK);
}

static void schedule_show(struct call *c, int64_t id, const json_t *full, json_t *o)
{
	(void)c;
	if (json_object_get(full, "hoursOfWeek"))
		return;
	json_t *hours = json_array();
	for (int i = 0; i < HOURS_OF_WEEK; i++)
		json_array_append_new(hours, json_true());
	json_object_del(o, "ID");
	json_set(o, "hoursOfWeek", hours);
	json_set_int(o, "ID", id);
}

/* What firewall rules, application types and intrusion prevention rules name. */
static int named_by_rules(struct call *c, int64_t id, const char *const *fields, const char *what)
{
	static const char *const kinds[] = { "firewallrules", "applicationtypes",
		                             "intrusionpreventionrules" };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (resource_named_by(c->app, kinds[i], fields, id))
			return resource_in_use(c, what);
	return 0;
}

static int ips_may_delete(struct call *c, int64_t id)
{
	static const char *const refs[] = { "sourceIPListID", "destinationIPListID", NULL };
	return named_by_rules(c, id, refs, "IP list");
}

static int macs_may_delete(struct call *c, int64_t id)
{
	static const char *const refs[] = { "sourceMACListID", "destinationMACListID", NULL };
	return named_by_rules(c, id, refs, "MAC list");
}

static int ports_may_delete(struct call *c, int64_t id)
{
	static const char *const refs[] = { "sourcePortListID", "destinationPortListID",
		                            "portListID", NULL };
	return named_by_rules(c, id, refs, "port list");
}

static int context_may_delete(struct call *c, int64_t id)
{
	static const char *const refs[] = { "contextID", NULL };
	return named_by_rules(c, id, refs, "context");
}

static int schedule_may_delete(struct call *c, int64_t id)
{
	static const char *const refs[] = { "scheduleID", NULL };
	return module_names(c->app, "antiMalware", "realTimeScanScheduleID", id)
	               ? resource_in_use(c, "schedule")
	               : named_by_rules(c, id, refs, "schedule");
}

/* clang-format off */
const struct resource common_resources[] = {
	{ "directorylists", "directoryLists", "directory list", "name", NULL, list_fields, V_EVERY,
	  .check = directories_check, .changed = policies_affected, .may_delete = list_may_delete, RIGHTS_OF("DirectoryList") },
	{ "filelists", "fileLists", "file list", "name", NULL, list_fields, V_EVERY,
	  .check = files_check, .changed = policies_affected, .may_delete = list_may_delete, RIGHTS_OF("FileList") },
	{ "fileextensionlists", "fileExtensionLists", "file extension list", "name", NULL, list_fields, V_EVERY,
	  .check = extensions_check, .changed = policies_affected, .may_delete = list_may_delete, RIGHTS_OF("FileExtensionList") },
	{ "iplists", "ipLists", "IP list", "name", NULL, item_list_fields, V_EVERY,
	  .check = ips_check, .changed = policies_affected, .may_delete = ips_may_delete, RIGHTS_OF("IPList") },
	{ "maclists", "macLists", "MAC list", "name", NULL, item_list_fields, V_EVERY,
	  .check = macs_check, .changed = policies_affected, .may_delete = macs_may_delete, RIGHTS_OF("MACList") },
	{ "portlists", "portLists", "port list", "name", NULL, item_list_fields, V_EVERY,
	  .check = ports_check, .changed = policies_affected, .may_delete = ports_may_delete, RIGHTS_OF("PortList") },
	{ "schedules", "schedules", "schedule", "name", NULL, schedule_fields, V_EVERY,
	  .check = schedule_check, .show = schedule_show, .changed = policies_affected, .may_delete = schedule_may_delete, RIGHTS_OF("Schedule") },
	{ "contexts", "contexts", "context", "name", NULL, context_fields, V_EVERY,
	  .changed = policies_affected, .may_delete = context_may_delete, RIGHTS_OF("Context") },
	{ "reporttemplates", "reportTemplates", "report template", "name", NULL, template_fields, V_LIST | V_GET | V_SEARCH },
	{ 0 },
};
/* clang-format on */
