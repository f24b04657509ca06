#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/app.h"
#include "module/module.h"

/* The collections of the API: fields in the order of the wire (rest-api.md section 9), a row of
 * resources[] each. */

/* clang-format off */
#define ID_FIELD { "ID", T_INT, F_READ_ONLY, .doc = "given by the manager" }

static const struct field group_fields[] = {
	{ "type",          T_CHOICE, F_READ_ONLY | F_NOT_SEARCHED, "folder|root", "\"folder\"", .doc = "folder: made by a user" },
	{ "name",          T_TEXT,   F_REQUIRED, .max = 254, .doc = "unique below its parent" },
	{ "description",   T_TEXT,   0, .otherwise = "\"\"", .max = 2000, .doc = "in own words" },
	{ "parentGroupID", T_INT,    F_OMIT_EMPTY, .doc = "the group it lies in; absent at the root" },
	ID_FIELD, { 0 },
};

static const struct field list_fields[] = {
	{ "name",        T_TEXT,  F_REQUIRED, .max = 254, .doc = "unique" },
	{ "description", T_TEXT,  0, .otherwise = "\"\"", .max = 2000, .doc = "in own words" },
	{ "items",       T_TEXTS, 0, .otherwise = "[]", .doc = "one entry each (docs/antimalware.md)" },
	ID_FIELD, { 0 },
};

#define ACTIONS "pass|delete|quarantine|deny-access"
static const struct field am_fields[] = {
	{ "name",                            T_TEXT,   F_REQUIRED, .max = 254, .doc = "unique" },
	{ "description",                     T_TEXT,   0, .otherwise = "\"\"", .max = 2000, .doc = "in own words" },
	{ "scanType",                        T_CHOICE, 0, "real-time|on-demand", "\"real-time\"", .doc = "what it is for" },
	{ "documentExploitProtectionEnabled",T_BOOL,   F_NOT_SEARCHED, .otherwise = "true", .doc = "accepted; no engine of ours does it" },
	{ "documentExploitProtection",       T_CHOICE, 0, "critical-only|critical-and-heuristic", "\"critical-only\"", .doc = "accepted" },
	{ "documentExploitHeuristicLevel",   T_CHOICE, 0, "default|default-and-agressive", "\"default\"", .doc = "accepted" },
	{ "machineLearningEnabled",          T_BOOL,   0, .otherwise = "true", .doc = "accepted" },
	{ "behaviorMonitoringEnabled",       T_BOOL,   F_NOT_SEARCHED, .otherwise = "true", .doc = "accepted" },
	{ "documentRecoveryEnabled",         T_BOOL,   0, .otherwise = "false", .doc = "accepted" },
	{ "intelliTrapEnabled",              T_BOOL,   0, .otherwise = "true", .doc = "accepted" },
	{ "memoryScanEnabled",               T_BOOL,   0, .otherwise = "false", .doc = "accepted" },
	{ "spywareEnabled",                  T_BOOL,   0, .otherwise = "true", .doc = "accepted" },
	{ "alertEnabled",                    T_BOOL,   0, .otherwise = "true", .doc = "accepted" },
	{ "directoriesToScan",               T_CHOICE, 0, "all-directories|directory-list", "\"all-directories\"", .doc = "where" },
	{ "directoryListID",                 T_INT,    F_OMIT_EMPTY, .doc = "with directory-list" },
	{ "filesToScan",                     T_CHOICE, 0, "all-files|intelliscan-file-types|file-extension-list", "\"all-files\"", .doc = "which" },
	{ "fileExtensionListID",             T_INT,    F_OMIT_EMPTY, .doc = "with file-extension-list" },
	{ "excludedDirectoryListID",         T_INT,    F_OMIT_EMPTY, .doc = "directories left out" },
	{ "excludedFileListID",              T_INT,    F_OMIT_EMPTY, .doc = "files left out" },
	{ "excludedFileExtensionListID",     T_INT,    F_OMIT_EMPTY, .doc = "extensions left out" },
	{ "excludedProcessImageFileListID",  T_INT,    F_OMIT_EMPTY, .doc = "programs whose accesses are left out" },
	{ "realTimeScan",                    T_CHOICE, 0, "read-only|write-only|read-write", "\"read-write\"", .doc = "when" },
	{ "scanCompressedEnabled",           T_BOOL,   0, .otherwise = "true", .doc = "look into archives" },
	{ "scanCompressedMaximumSize",       T_INT,    0, .otherwise = "2", .min = 0, .max = 4096, .doc = "MB of a file inside" },
	{ "scanCompressedMaximumLevels",     T_INT,    0, .otherwise = "2", .min = 1, .max = 6, .doc = "archives inside archives" },
	{ "scanCompressedMaximumFiles",      T_INT,    0, .otherwise = "10", .min = 1, .max = 100000, .doc = "files taken out" },
	{ "microsoftOfficeEnabled",          T_BOOL,   0, .otherwise = "true", .doc = "look into OLE objects" },
	{ "microsoftOfficeLayers",           T_INT,    0, .otherwise = "3", .min = 1, .max = 20, .doc = "OLE objects inside OLE objects" },
	{ "networkDirectoriesEnabled",       T_BOOL,   0, .otherwise = "false", .doc = "network file systems too" },
	{ "customRemediationActionsEnabled", T_BOOL,   F_NOT_SEARCHED, .otherwise = "false", .doc = "own actions instead of ActiveAction" },
	{ "customScanActionsEnabled",        T_BOOL,   F_NOT_SEARCHED, .otherwise = "false", .doc = "the same" },
	{ "scanActionForVirus",              T_CHOICE, F_OMIT_EMPTY, "pass|delete|quarantine|clean|deny-access", .doc = "" },
	{ "scanActionForTrojans",            T_CHOICE, F_OMIT_EMPTY, ACTIONS, .doc = "" },
	{ "scanActionForPacker",             T_CHOICE, F_OMIT_EMPTY, ACTIONS, .doc = "" },
	{ "scanActionForSpyware",            T_CHOICE, F_OMIT_EMPTY, ACTIONS, .doc = "" },
	{ "scanActionForOtherThreats",       T_CHOICE, F_OMIT_EMPTY, "pass|delete|quarantine|clean|deny-access", .doc = "" },
	{ "scanActionForCookies",            T_CHOICE, F_OMIT_EMPTY, "pass|delete", .doc = "" },
	{ "scanActionForCVE",                T_CHOICE, F_OMIT_EMPTY, ACTIONS, .doc = "" },
	{ "scanActionForHeuristics",         T_CHOICE, F_OMIT_EMPTY, ACTIONS, .doc = "" },
	{ "scanActionForPossibleMalware",    T_CHOICE, F_OMIT_EMPTY, "active-action|" ACTIONS, .doc = "" },
	{ "amsiScanEnabled",                 T_BOOL,   F_NOT_SEARCHED, .otherwise = "true", .doc = "accepted" },
	{ "scanActionForBehaviorMonitoring", T_CHOICE, F_OMIT_EMPTY, "active-action|pass", .doc = "accepted" },
	{ "scanActionForMachineLearning",    T_CHOICE, F_OMIT_EMPTY, "pass|delete|quarantine", .doc = "accepted" },
	{ "scanActionForAmsi",               T_CHOICE, F_OMIT_EMPTY | F_NOT_SEARCHED, "pass|terminate", .doc = "accepted" },
	ID_FIELD,
	{ "cpuUsage",                        T_CHOICE, F_NOT_SEARCHED, "low|medium|high", "\"high\"", .doc = "on demand: how much of the processor" },
	{ 0 },
};

static const struct field key_fields[] = {
	{ "keyName",                    T_TEXT,   F_REQUIRED, .max = 254, .doc = "unique" },
	{ "description",                T_TEXT,   0, .otherwise = "\"\"", .max = 2000, .doc = "in own words" },
	{ "locale",                     T_CHOICE, F_NOT_SEARCHED, "en-US|ja-JP", "\"en-US\"", .doc = "of messages" },
	{ "roleID",                     T_INT,    0, .otherwise = "1", .min = 1, .doc = "what it may do" },
	{ "timeZone",                   T_TEXT,   0, .otherwise = "\"UTC\"", .max = 60, .doc = "" },
	{ "active",                     T_BOOL,   0, .otherwise = "true", .doc = "false: refused" },
	{ "created",                    T_TIME,   F_READ_ONLY, .doc = "" },
	{ "lastSignIn",                 T_TIME,   F_READ_ONLY, .doc = "" },
	{ "unlockTime",                 T_TIME,   F_OMIT_EMPTY, .doc = "" },
	{ "unsuccessfulSignInAttempts", T_INT,    F_READ_ONLY, .otherwise = "0", .doc = "" },
	{ "expiryDate",                 T_TIME,   F_OMIT_EMPTY, .doc = "refused from then on" },
	{ "serviceAccount",             T_BOOL,   F_READ_ONLY, .otherwise = "false", .doc = "" },
	ID_FIELD, { 0 },
};

static const struct field role_fields[] = {
	{ "name",               T_TEXT, F_REQUIRED, .max = 254, .doc = "unique" },
	{ "description",        T_TEXT, 0, .otherwise = "\"\"", .doc = "" },
	{ "urn",                T_TEXT, F_READ_ONLY | F_NOT_SEARCHED, .doc = "" },
	{ "allComputers",       T_BOOL, 0, .otherwise = "true", .doc = "" },
	{ "allPolicies",        T_BOOL, 0, .otherwise = "true", .doc = "" },
	{ "allowUserInterface", T_BOOL, 0, .otherwise = "true", .doc = "" },
	{ "allowWebService",    T_BOOL, 0, .otherwise = "true", .doc = "" },
	ID_FIELD, { 0 },
};

static const struct field administrator_fields[] = {
	{ "username",                   T_TEXT,   F_REQUIRED, .max = 254, .doc = "unique" },
	{ "fullName",                   T_TEXT,   0, .otherwise = "\"\"", .max = 254, .doc = "" },
	{ "description",                T_TEXT,   0, .otherwise = "\"\"", .max = 2000, .doc = "" },
	{ "roleID",                     T_INT,    F_READ_ONLY, .otherwise = "1", .doc = "" },
	{ "locale",                     T_CHOICE, F_NOT_SEARCHED, "en-US|ja-JP", "\"en-US\"", .doc = "" },
	{ "timeZone",                   T_TEXT,   0, .otherwise = "\"UTC\"", .max = 60, .doc = "" },
	{ "active",                     T_BOOL,   F_READ_ONLY, .otherwise = "true", .doc = "" },
	{ "created",                    T_TIME,   F_READ_ONLY, .doc = "" },
	{ "lastPasswordChange",         T_TIME,   F_READ_ONLY, .doc = "" },
	{ "lastSignIn",                 T_TIME,   F_READ_ONLY, .doc = "" },
	{ "unlockTime",                 T_TIME,   F_READ_ONLY | F_OMIT_EMPTY, .doc = "" },
	{ "unsuccessfulSignInAttempts", T_INT,    F_READ_ONLY, .otherwise = "0", .doc = "" },
	{ "external",                   T_BOOL,   F_READ_ONLY, .otherwise = "false", .doc = "" },
	{ "type",                       T_CHOICE, F_READ_ONLY, "normal|temporary", "\"normal\"", .doc = "" },
	{ "readOnly",                   T_BOOL,   F_READ_ONLY, .otherwise = "false", .doc = "" },
	ID_FIELD, { 0 },
};

static const struct field schedule_fields[] = {
	{ "name",        T_TEXT, F_REQUIRED, .max = 254, .doc = "unique" },
	{ "description", T_TEXT, 0, .otherwise = "\"\"", .doc = "" },
	ID_FIELD, { 0 },
};
/* clang-format on */

/* Every list that a malware scan configuration names must be there, and be right. */
static int am_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	static const struct {
		const char *field, *kind;
	} refs[] = {
		{ "directoryListID", "directorylists" },
		{ "fileExtensionListID", "fileextensionlists" },
		{ "excludedDirectoryListID", "directorylists" },
		{ "excludedFileListID", "filelists" },
		{ "excludedFileExtensionListID", "fileextensionlists" },
		{ "excludedProcessImageFileListID", "filelists" },
	};
	(void)id, (void)old;
	for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
		int64_t ref = json_int(o, refs[i].field, 0);
		AUTO(json_decrefp)
		json_t *there = ref ? object_get(c->app->store, refs[i].kind, ref) : NULL;
		if (ref && !there)
			return err_set(&c->why, -EINVAL, "%s %lld does not exist.", refs[i].field,
			               (long long)ref);
	}
	return 0;
}

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

static void any_policy(struct call *c, int64_t id, const json_t *old, const json_t *o)
{
	(void)id, (void)old, (void)o;
	policies_due(c->app, 0);
}

static int key_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id;
	AUTO(json_decrefp)
	json_t *role = object_get(c->app->store, "roles", json_int(o, "roleID", 0));
	if (!role)
		return err_set(&c->why, -EINVAL, "roleID %lld does not exist.",
		               (long long)json_int(o, "roleID", 0));
	if (!old)
		json_set_int(o, "created", (int64_t)c->app->started_ms);
	return 0;
}

static int in_use(struct call *c, const char *what)
{
	return err_set(&c->why, -EINVAL, "The %s is in use and cannot be deleted.", what);
}

/* Does any object of a kind name this ID in one of these fields? */
static bool named_by(struct app *a, const char *kind, const char *const *fields, int64_t id)
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

static int am_may_delete(struct call *c, int64_t id)
{
	static const char *const refs[] = { "realTimeScanConfigurationID",
		                            "manualScanConfigurationID",
		                            "scheduledScanConfigurationID", NULL };
	return named_by(c->app, "policies", refs, id) || named_by(c->app, "computers", refs, id)
	               ? in_use(c, "malware scan configuration")
	               : 0;
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
	return named_by(c->app, "antimalwareconfigurations", refs, id) ? in_use(c, "list") : 0;
}

static int group_may_delete(struct call *c, int64_t id)
{
	static const char *const refs[] = { "groupID", "parentGroupID", NULL };
	return named_by(c->app, "computers", refs, id) ||
	                       named_by(c->app, "computergroups", refs, id)
	               ? in_use(c, "computer group")
	               : 0;
}

/* clang-format off */
const struct resource resources[] = {
	{ "computers", "computers", "computer", "hostName", NULL, computer_fields, V_EVERY,
	  "computer-created", "computer-updated", "computer-deleted", computer_check, computer_show, computer_changed, computer_may_delete },
	{ "computergroups", "computerGroups", "computer group", "name", "parentGroupID", group_fields, V_EVERY,
	  "group-created", "group-updated", "group-deleted", .may_delete = group_may_delete },
	{ "policies", "policies", "policy", "name", NULL, policy_fields, V_EVERY,
	  "policy-created", "policy-updated", "policy-deleted", policy_check, policy_show, policy_changed, policy_may_delete },
	{ "antimalwareconfigurations", "antiMalwareConfigurations", "malware scan configuration", "name", NULL, am_fields, V_EVERY,
	  .check = am_check, .changed = any_policy, .may_delete = am_may_delete },
	{ "directorylists", "directoryLists", "directory list", "name", NULL, list_fields, V_EVERY,
	  .check = directories_check, .changed = any_policy, .may_delete = list_may_delete },
	{ "filelists", "fileLists", "file list", "name", NULL, list_fields, V_EVERY,
	  .check = files_check, .changed = any_policy, .may_delete = list_may_delete },
	{ "fileextensionlists", "fileExtensionLists", "file extension list", "name", NULL, list_fields, V_EVERY,
	  .check = extensions_check, .changed = any_policy, .may_delete = list_may_delete },
	{ "apikeys", "apiKeys", "API key", "keyName", NULL, key_fields, V_EVERY, .check = key_check },
	{ "roles", "roles", "role", "name", NULL, role_fields, V_LIST | V_GET | V_SEARCH },
	{ "administrators", "administrators", "administrator", "username", NULL, administrator_fields, V_LIST | V_GET | V_MODIFY | V_SEARCH },
	{ "schedules", "schedules", "schedule", "name", NULL, schedule_fields, V_LIST | V_GET | V_SEARCH },
	{ 0 },
};
/* clang-format on */
