#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/api/access.h"
#include "manager/api/resources.h"
#include "manager/tasks/try.h"

/*
 * Every route and every collection, asked with keys of several roles about objects within and out
 * of reach. What is expected follows from the role alone, not from the table that decides.
 */

enum { OWN = 1, FOREIGN = 2 }; /* computers, groups and policies of those numbers are made below */

/* clang-format off */
static const struct role {
	const char *name, *body;
	bool full, all_computers, all_policies;
	const char *rights; /* that it has, for what the test looks at */
} roles[] = {
	{ "full",     NULL, true, true, true, "" },
	{ "auditor",  NULL, false, true, true, "" },
	{ "computers", "{'name':'computers','allComputers':true,'allPolicies':true,'allowWebService':true,'rights':{'platformRights':{'computerRights':"
	               "{'canEditComputerProperties':true,'canCreateNewComputers':true,'canDeleteComputers':true}}}}",
	  false, true, true, "canEditComputerProperties canCreateNewComputers canDeleteComputers" },
	{ "policies", "{'name':'policies','allComputers':true,'allPolicies':true,'allowWebService':true,'rights':{'platformRights':{'policyRights':"
	              "{'canEditPolicyProperties':true,'canCreateNewPolicies':true,'canDeletePolicies':true}}}}",
	  false, true, true, "canEditPolicyProperties canCreateNewPolicies canDeletePolicies" },
	{ "group", "{'name':'group','allComputers':false,'computerGroupIDs':[2],'policyIDs':[5],'allowWebService':true,'rights':{'platformRights':{'computerRights':"
	           "{'canEditComputerProperties':true,'canCreateNewComputers':true,'canDeleteComputers':true},'policyRights':{'canEditPolicyProperties':true}},"
	           "'antiMalwareRights':{'identifiedFileRights':{'canRestoreIdentifiedFiles':true}}}}",
	  false, false, false, "canEditComputerProperties canCreateNewComputers canDeleteComputers canEditPolicyProperties canRestoreIdentifiedFiles" },
	{ "nothing", "{'name':'nothing','allowWebService':true}", false, false, false, "" },
};
/* clang-format on */

static char keys[ARRAY_LEN(roles)][200];
static int64_t own, foreign; /* computers */

static void make_key(struct try *t, size_t i)
{
	char body[200];
	int64_t id = (int64_t)i + 1; /* of the predefined ones */
	if (roles[i].body)
		id = json_int(try_must(t, 200, "POST", "/api/roles", roles[i].body), "ID", 0);
	snprintf(body, sizeof(body), "{'keyName':'%s','roleID':%lld}", roles[i].name,
	         (long long)id);
	try_must(t, 200, "POST", "/api/apikeys", body);
	snprintf(keys[i], sizeof(keys[i]), "%s", json_text(t->out, "secretKey", ""));
}

static int setup(void **state)
{
	int rc = try_setup(state);
	struct try *t = *state;
	try_must(t, 200, "POST", "/api/computergroups", "{'name':'reached'}");
	assert_int_equal(json_int(t->out, "ID", 0), 2);
	try_must(t, 200, "POST", "/api/policies", "{'name':'reached','parentID':1}");
	assert_int_equal(json_int(t->out, "ID", 0), 5);
	try_must(t, 200, "POST", "/api/policies", "{'name':'not reached','parentID':1}");
	own = try_agent(t, "own", 1);
	foreign = try_agent(t, "foreign", 1);
	char path[60];
	snprintf(path, sizeof(path), "/api/computers/%lld", (long long)own);
	try_must(t, 200, "POST", path, "{'groupID':2}");
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		make_key(t, i);
	return rc;
}

static void as(struct try *t, size_t role)
{
	t->key[0] = '\0';
	if (role < ARRAY_LEN(roles))
		snprintf(t->key, sizeof(t->key), "%.*s", (int)sizeof(keys[role]) - 1, keys[role]);
}

static bool refused(const struct try *t)
{
	return t->status == 403 &&
	       strncmp(json_text(t->out, "message", ""), "Not authorized to ", 18) == 0;
}

static void expect(struct try *t, const struct role *r, const char *method, const char *path,
                   bool allowed)
{
	if (refused(t) == allowed)
		fail_msg("role %s: %s %s: %d %s, expected it to be %s", r->name, method, path,
		         t->status, t->text, allowed ? "allowed" : "refused");
}

static bool has(const struct role *r, const char *right)
{
	if (r->full || !right)
		return true;
	if (strcmp(r->name, "auditor") == 0)
		return strncmp(right, "canView", 7) == 0;
	for (struct str rest = str_of(r->rights); rest.p;)
		if (str_is(str_cut(&rest, ' '), right))
			return true;
	return false;
}

/* Every collection: what its row asks for, and only that. */
static void every_verb_of_every_collection_needs_its_right(void **state)
{
	struct try *t = *state;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		as(t, i);
		for (const struct resource *const *f = resource_families; *f; f++) {
			for (const struct resource *r = *f; r->path; r++) {
				const struct {
					const char *method, *more, *right;
				} rows[] = { { "GET", "", r->view },
					     { "GET", "/987654321", r->view },
					     { "POST", "/search", r->view },
					     { "POST", "", r->make },
					     { "POST", "/987654321", r->edit },
					     { "DELETE", "/987654321", r->erase } };
				bool many =
					strstr("scheduledtasks eventbasedtasks", r->path) != NULL;
				if (strchr(r->path, '/') || strcmp(r->path, "computers") == 0 ||
				    strcmp(r->path, "policies") == 0)
					continue; /* reach matters, too: below */
				for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
					char path[120];
					snprintf(path, sizeof(path), "/api/%s%s", r->path,
					         rows[k].more);
					try_ask(t, rows[k].method, path, "{}");
					bool reach = !many || roles[i].all_computers;
					expect(t, &roles[i], rows[k].method, path,
					       reach && has(&roles[i], rows[k].right));
				}
			}
		}
	}
}

/* The rights that deeds need, told once more: nothing that the code reads. */
static const char *right_of(const struct route *r)
{
	/* clang-format off */
	static const struct {
		const char *method, *part, *right;
	} rows[] = {
		{ "GET",  "/agentactivationinformation", "canCreateNewComputers" },
		{ "POST", "/agentdeploymentscripts",     "canCreateNewComputers" },
		{ "GET",  "/identifiedfiles/{id}/content", "canDownloadIdentifiedFiles" },
		{ "POST", "/restore",                    "canRestoreIdentifiedFiles" },
		{ "POST", "/identifiedfiles/{id}/delete", "canDeleteIdentifiedFiles" },
		{ "POST", "/identifiedfiles/{id}/download", "canDownloadIdentifiedFiles" },
		{ "GET",  "/systemsettings",             "canViewSettings" },
		{ NULL,   "/systemsettings",             "canEditSettings" },
		{ "GET",  "/rest/syslog-configurations", "canViewSettings" },
		{ "POST", "/rest/syslog-configurations", "canCreateNewSyslogConfigurations" },
		{ "DELETE", "/rest/syslog-configurations", "canDeleteSyslogConfigurations" },
		{ "GET",  "/scheduledtasks",             "canViewScheduledTasks" },
		{ "GET",  "/api/scripts",                "canViewScheduledTasks" },
		{ "GET",  "",                            NULL },
		{ NULL,   "/search",                     NULL },
		{ "POST", "/firewall/simulate",         NULL },
		{ "POST", "/loginspection/test",        NULL },
		{ "POST", "/intrusionpreventionrules/capture", NULL },
		{ NULL,   "/apikeys/current",            NULL },
		{ NULL,   "/sessions/current",           NULL },
		{ NULL,   "/administrators/",            NULL }, /* one's own: their handlers refuse others */
		{ NULL,   "/apikeys/{id}/secretkey",     "canEditApiKeyProperties" },
		{ NULL,   "/api/policies",               "canEditPolicyProperties" },
		{ NULL,   "/api/computers",              "canEditComputerProperties" },
		{ NULL,   "/api/jobs",                   "canEditComputerProperties" },
		{ NULL,   "/api/jobbatches",             "canEditComputerProperties" },
		{ NULL,   "/api/integritychanges",       "canEditComputerProperties" },
		{ NULL,   "/softwarechanges/review",     "canAllowOrBlockDrift" },
		{ NULL,   "/applicationcontroltrustrulesets", "canEditAppControlTrustEntities" },
		{ NULL,   "/agentversioncontrolprofiles", "canEditAgentVersionControls" },
		{ NULL,   "/api/alerts",                 "canDismissAlerts" },
		{ NULL,   "/api/alerttypes",             "canEditAlertConfigurations" },
		{ NULL,   "/api/systemevents",           "canEditSettings" },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if ((!rows[i].method || strcmp(rows[i].method, r->method) == 0) &&
		    strstr(r->path, rows[i].part))
			return rows[i].right;
	return "*";
}

/* {id} and {name} filled in. */
static void path_of(const struct route *r, int64_t id, char out[static 200])
{
	AUTO(buf_done) struct buf b = { 0 };
	struct str rest = str_skip(str_of(r->path), 1);
	while (rest.p) {
		struct str part = str_cut(&rest, '/');
		buf_char(&b, '/');
		if (str_is(part, "{id}"))
			buf_fmt(&b, "%lld", (long long)id);
		else if (str_is(part, "{id2}"))
			buf_char(&b, '1');
		else
			buf_str(&b, str_is(part, "{name}") ? STR("system") : part);
	}
	snprintf(out, 200, "%s", b.p);
}

static bool is_open(const struct route *r)
{
	return r->open || strcmp(r->path, "/api/sessions") == 0 ||
	       strcmp(r->path, "/api/manager") == 0 || strncmp(r->path, "/api/", 5) != 0;
}

/* What asking would do to the keys themselves, or leaves a stream open. */
static bool is_left_out(const struct route *r)
{
	return is_open(r) || strstr(r->path, "current") || strstr(r->path, "/stream") ||
	       strstr(r->path, "administrators");
}

static void look_deed(struct try *t, const struct route *r, size_t role, bool foreign_one)
{
	char path[200];
	const struct role *who = &roles[role];
	bool policy = strncmp(r->path, "/api/policies/{id}", 18) == 0;
	bool computer = strncmp(r->path, "/api/computers/{id}", 19) == 0 ||
	                strncmp(r->path, "/api/antimalwarestatus/", 23) == 0;
	bool many = strstr(r->path, "jobbatches") || strstr(r->path, "scheduledtasks");
	int64_t id = policy     ? (foreign_one ? 6 : 5)
	             : computer ? (foreign_one ? foreign : own)
	                        : 987654;
	bool defaults =
		strncmp(r->path, "/api/policies/default", 21) == 0 && strcmp(r->method, "GET") != 0;
	bool reached = defaults   ? who->all_policies
	               : policy   ? who->all_policies || (!foreign_one && who->rights[0])
	               : computer ? who->all_computers || (!foreign_one && who->rights[0])
	               : many     ? who->all_computers
	                          : true;
	const char *right = right_of(r);
	bool granted = right && strcmp(right, "*") == 0 ? who->full : has(who, right);
	path_of(r, id, path);
	try_ask(t, r->method, path, "{}");
	expect(t, who, r->method, path, granted && reached);
}

static void every_deed_needs_its_right_and_its_object_within_reach(void **state)
{
	struct try *t = *state;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		as(t, i);
		for (const struct route *const *f = console_routes; *f; f++) {
			for (const struct route *r = *f; r->path; r++) {
				if (is_left_out(r) ||
				    (roles[i].full && strstr(r->path, "secretkey")))
					continue;
				look_deed(t, r, i, false);
				look_deed(t, r, i, true);
			}
		}
	}
}

static size_t seen(struct try *t, const char *path, const char *list)
{
	return json_array_size(json_array_at(try_must(t, 200, "GET", path, NULL), list));
}

static void lists_show_what_is_within_reach(void **state)
{
	struct try *t = *state;
	static const size_t computers[] = { 2, 2, 2, 2, 1, 0 }, policies[] = { 6, 6, 6, 6, 1, 0 };
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		as(t, i);
		assert_int_equal(seen(t, "/api/computers?expand=none", "computers"), computers[i]);
		assert_int_equal(seen(t, "/api/policies", "policies"), policies[i]);
		try_must(t, 200, "POST", "/api/computers/search?expand=none", "{}");
		assert_int_equal(json_array_size(json_array_at(t->out, "computers")), computers[i]);
	}
	as(t, 4);
	assert_int_equal(seen(t, "/api/events/system", "systemEvents"), 0);
	as(t, 0);
	assert_true(seen(t, "/api/events/system", "systemEvents") > 0);
}

/* What agents and work on them leave behind: an alert, a quarantined file, a job. */
static void leave_traces(struct try *t, int64_t computer)
{
	char body[400];
	snprintf(
		body, sizeof(body),
		"{'first':1,'events':[{'class':'antimalware','kind':'malware-found','time':1764075158822,"
		"'unique':'0123456789abcde%lld','fields':{'MalwareName':'Eicar','InfectedFilePath':'/x'}}]}",
		(long long)computer % 10);
	try_agent_ask(t, computer, "POST", "/agent/events", body);
	assert_int_equal(t->status, 200);
	snprintf(
		body, sizeof(body),
		"{'files':[{'recordID':'0123456789abcdef0123456789abcde%lld','path':'/x','size':68,"
		"'malware':'Eicar','time':1764075158822,'scanType':'realTime','action':'quarantine',"
		"'user':'root','sha256':'','state':'quarantined'}]}",
		(long long)computer % 10);
	try_agent_ask(t, computer, "POST", "/agent/identifiedfiles", body);
	assert_int_equal(t->status, 200);
	snprintf(body, sizeof(body), "/api/computers/%lld/checkstatus", (long long)computer);
	try_ask(t, "POST", body, "{}");
	assert_int_equal(t->status / 100, 2);
}

/* The number of that computer's object in a list that everything is seen of. */
static int64_t of_computer(struct try *t, const char *path, const char *list, int64_t computer)
{
	size_t i;
	json_t *v;
	json_array_foreach (json_object_get(try_must(t, 200, "GET", path, NULL), list), i, v)
		if (json_int(v, "computerID", 0) == computer)
			return json_int(v, "ID", 0);
	fail_msg("%s has none of computer %lld", path, (long long)computer);
	return 0;
}

static void jobs_alerts_and_files_of_foreign_computers_are_out_of_reach(void **state)
{
	struct try *t = *state;
	static const struct {
		const char *path, *list;
		const char *deeds[4]; /* by POST; NULL last */
	} kinds[] = {
		{ "/api/jobs", "jobs", { "cancel", "retry" } },
		{ "/api/alerts", "alerts", { "dismiss" } },
		{ "/api/identifiedfiles", "identifiedFiles", { "restore", "delete", "download" } },
	};
	char key[200], path[120];
	as(t, SIZE_MAX);
	leave_traces(t, own);
	leave_traces(t, foreign);
	try_must(
		t, 200, "POST", "/api/roles",
		"{'name':'crew','allComputers':false,'computerGroupIDs':[2],'allowWebService':true,'rights':{"
		"'platformRights':{'computerRights':{'canEditComputerProperties':true,'canDismissAlerts':true}},"
		"'antiMalwareRights':{'identifiedFileRights':{'canRestoreIdentifiedFiles':true,"
		"'canDeleteIdentifiedFiles':true,'canDownloadIdentifiedFiles':true}}}}");
	snprintf(path, sizeof(path), "{'keyName':'crew','roleID':%lld}",
	         (long long)json_int(t->out, "ID", 0));
	snprintf(key, sizeof(key), "%s",
	         json_text(try_must(t, 200, "POST", "/api/apikeys", path), "secretKey", ""));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		as(t, SIZE_MAX);
		int64_t mine = of_computer(t, kinds[i].path, kinds[i].list, own),
			theirs = of_computer(t, kinds[i].path, kinds[i].list, foreign);
		snprintf(t->key, sizeof(t->key), "%s", key);
		try_must(t, 200, "GET", kinds[i].path, NULL);
		size_t at, n = 0;
		json_t *v;
		json_array_foreach (json_object_get(t->out, kinds[i].list), at, v) {
			assert_int_not_equal(json_int(v, "computerID", 0), foreign);
			n += json_int(v, "computerID", 0) == own;
		}
		assert_true(n > 0);
		snprintf(path, sizeof(path), "%s/%lld", kinds[i].path, (long long)theirs);
		try_must(t, 403, "GET", path, NULL);
		snprintf(path, sizeof(path), "%s/%lld", kinds[i].path, (long long)mine);
		try_must(t, 200, "GET", path, NULL);
		for (const char *const *deed = kinds[i].deeds; *deed; deed++) {
			snprintf(path, sizeof(path), "%s/%lld/%s", kinds[i].path, (long long)theirs,
			         *deed);
			try_must(t, 403, "POST", path, "{}");
			snprintf(path, sizeof(path), "%s/%lld/%s", kinds[i].path, (long long)mine,
			         *deed);
			try_ask(t, "POST", path, "{}");
			assert_int_not_equal(t->status, 403);
		}
	}
	as(t, SIZE_MAX);
}

static void a_computer_is_made_and_moved_within_reach_only(void **state)
{
	struct try *t = *state;
	char path[60];
	snprintf(path, sizeof(path), "/api/computers/%lld", (long long)own);
	as(t, 4);
	try_must(t, 403, "POST", "/api/computers", "{'hostName':'at the root'}");
	assert_string_equal(json_text(t->out, "message", ""), "Not authorized to create computer.");
	try_must(t, 200, "POST", "/api/computers", "{'hostName':'inside','groupID':2}");
	snprintf(path, sizeof(path), "/api/computers/%lld", (long long)json_int(t->out, "ID", 0));
	try_must(t, 403, "POST", path, "{'groupID':1}");
	assert_string_equal(json_text(t->out, "message", ""), "Not authorized to edit computer.");
	try_must(t, 204, "DELETE", path, NULL);
	try_must(t, 403, "DELETE", "/api/computers", "{'ids':[2]}");
}

static void nobody_gives_more_rights_than_they_have(void **state)
{
	struct try *t = *state;
	char body[300];
	as(t, SIZE_MAX);
	try_must(
		t, 200, "POST", "/api/roles",
		"{'name':'personnel','allComputers':true,'allPolicies':true,'allowWebService':true,"
		"'rights':{'platformRights':{'administratorRights':{'canCreateNewAdministrators':true,"
		"'canEditAdministratorProperties':true,'canViewAdministrators':true},"
		"'apikeyRights':{'canCreateNewApiKeys':true,'canEditApiKeyProperties':true},"
		"'administratorRoleRights':{'canCreateNewAdministratorRoles':true,"
		"'canEditAdministratorRoleProperties':true}}}}");
	int64_t role = json_int(t->out, "ID", 0);
	snprintf(body, sizeof(body), "{'keyName':'personnel','roleID':%lld}", (long long)role);
	try_must(t, 200, "POST", "/api/apikeys", body);
	snprintf(t->key, sizeof(t->key), "%s", json_text(t->out, "secretKey", ""));
	try_must(t, 400, "POST", "/api/administrators",
	         "{'username':'mighty','password':'a Password 4 tests','roleID':1}");
	try_must(t, 400, "POST", "/api/apikeys", "{'keyName':'mighty','roleID':1}");
	try_must(
		t, 400, "POST", "/api/roles",
		"{'name':'mighty','rights':{'platformRights':{'settingRights':{'canEditSettings':true}}}}");
	snprintf(body, sizeof(body),
	         "{'rights':{'platformRights':{'settingRights':{'canEditSettings':true}}}}");
	char path[60];
	snprintf(path, sizeof(path), "/api/roles/%lld", (long long)role);
	try_must(t, 400, "POST", path, body);
	/* A new secret of the key with full access would be a way around. */
	try_must(t, 403, "POST", "/api/apikeys/1/secretkey", "{}");
	snprintf(body, sizeof(body), "{'keyName':'like oneself','roleID':%lld}", (long long)role);
	try_must(t, 200, "POST", "/api/apikeys", body);
	as(t, SIZE_MAX);
}

static void predefined_roles_and_the_last_administrator_stay(void **state)
{
	struct try *t = *state;
	as(t, SIZE_MAX);
	try_must(t, 400, "POST", "/api/roles/1", "{'name':'mine'}");
	try_must(t, 400, "DELETE", "/api/roles/2", NULL);
	try_must(t, 400, "DELETE", "/api/administrators/1", NULL);
	try_must(t, 400, "POST", "/api/administrators/1", "{'active':false}");
	try_must(t, 400, "POST", "/api/administrators/1", "{'roleID':2}");
	/* A role that somebody has stays, too. */
	try_must(t, 400, "DELETE", "/api/roles/3", NULL);
}

static void rights_come_as_the_whole_tree(void **state)
{
	struct try *t = *state;
	as(t, SIZE_MAX);
	const json_t *o = try_must(t, 200, "GET", "/api/roles/2", NULL);
	const json_t *platform = json_object_at(json_object_at(o, "rights"), "platformRights");
	const json_t *computer = json_object_at(platform, "computerRights");
	assert_true(json_bool(computer, "canViewOtherComputers", false));
	assert_false(json_bool(computer, "canDeleteComputers", true));
	assert_true(json_bool(o, "immutable", false));
	size_t n = 0;
	for (const struct rights_group *g = rights_groups; g->name; g++)
		n += json_object_size(json_object_at(
			json_object_at(json_object_at(o, "rights"), g->area), g->name));
	assert_true(n > 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verb_of_every_collection_needs_its_right),
		cmocka_unit_test(every_deed_needs_its_right_and_its_object_within_reach),
		cmocka_unit_test(lists_show_what_is_within_reach),
		cmocka_unit_test(jobs_alerts_and_files_of_foreign_computers_are_out_of_reach),
		cmocka_unit_test(a_computer_is_made_and_moved_within_reach_only),
		cmocka_unit_test(nobody_gives_more_rights_than_they_have),
		cmocka_unit_test(predefined_roles_and_the_last_administrator_stay),
		cmocka_unit_test(rights_come_as_the_whole_tree),
	};
	return cmocka_run_group_tests(tests, setup, try_teardown);
}
