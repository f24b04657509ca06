#include "manager/api/access.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"

enum { ROLE_FULL = 1, ROLE_AUDITOR = 2, GROUPS_MAX = 50 };

#define EVERYTHING "*" /* only the role that has every right */

/* clang-format off */
const struct rights_group rights_groups[] = {
#define RIGHTS(area, name, rights) { area, name, rights },
#include "manager/api/rights.def"
#undef RIGHTS
	{ 0 },
};

/* The rights that deeds need, by the beginning of their path; the first row that fits holds. {id} is a number. method
 * NULL: every one that writes. right NULL: everybody. What no row names needs everything. */
static const struct gate {
	const char *method, *path, *right, *noun;
} gates[] = {
	{ NULL,     "/api/sessions/current",              NULL,                           "session" },
	{ NULL,     "/api/apikeys/current",               NULL,                           "API key" },
	{ NULL,     "/api/apikeys/{id}/secretkey",        "canEditApiKeyProperties",      "API key" },
	{ NULL,     "/api/administrators/{id}/password",  NULL,                           "administrator" },
	{ NULL,     "/api/administrators/{id}/totp",      NULL,                           "administrator" },
	{ "POST",   "/api/policies/{id}/firewall/simulate",  NULL,                        "policy" },
	{ "POST",   "/api/policies/{id}/loginspection/test", NULL,                        "policy" },
	{ "POST",   "/api/computers/{id}/loginspection/test", NULL,                       "computer" },
	{ "POST",   "/api/computers/{id}/firewall/simulate", NULL,                        "computer" },
	{ "POST",   "/api/intrusionpreventionrules/capture", NULL,                        "rule" },
	{ "POST",   "/api/computers/{id}/integritybaseline/search", NULL,                 "computer" },
	{ NULL,     "/api/policies/default",              "canEditPolicyProperties",      "policy" },
	{ NULL,     "/api/policies/{id}",                 "canEditPolicyProperties",      "policy" },
	{ "DELETE", "/api/computers",                     "canDeleteComputers",           "computer" },
	{ NULL,     "/api/computers/{id}",                "canEditComputerProperties",    "computer" },
	{ "GET",    "/api/agentdeploymentscripts",        "canCreateNewComputers",        "deployment script" },
	{ NULL,     "/api/agentdeploymentscripts",        "canCreateNewComputers",        "deployment script" },
	{ "GET",    "/api/agentactivationinformation",    "canCreateNewComputers",        "activation information" },
	{ "GET",    "/api/identifiedfiles/{id}/content",  "canDownloadIdentifiedFiles",   "identified file" },
	{ NULL,     "/api/identifiedfiles/{id}/restore",  "canRestoreIdentifiedFiles",    "identified file" },
	{ NULL,     "/api/identifiedfiles/{id}/delete",   "canDeleteIdentifiedFiles",     "identified file" },
	{ NULL,     "/api/identifiedfiles/{id}/download", "canDownloadIdentifiedFiles",   "identified file" },
	{ NULL,     "/api/identifiedfiles/search",        NULL,                           "identified file" },
	{ NULL,     "/api/apiusagemetrics/search",         NULL,                           "API usage" },
	{ NULL,     "/api/jobs/search",                   NULL,                           "job" },
	{ NULL,     "/api/jobs",                          "canEditComputerProperties",    "job" },
	{ NULL,     "/api/integritychanges/{id}",         "canEditComputerProperties",    "integrity change" },
	{ NULL,     "/api/softwarechanges/review",        "canAllowOrBlockDrift",         "software change" },
	{ NULL,     "/api/applicationcontroltrustrulesets/{id}", "canEditAppControlTrustEntities", "trust ruleset" },
	{ NULL,     "/api/agentversioncontrolprofiles/{id}", "canEditAgentVersionControls", "agent version control" },
	{ "GET",    "/api/systemsettings",                "canViewSettings",              "system settings" },
	{ NULL,     "/api/systemsettings",                "canEditSettings",              "system settings" },
	{ NULL,     "/api/alerts",                        "canDismissAlerts",             "alert" },
	{ NULL,     "/api/alerttypes",                    "canEditAlertConfigurations",   "alert type" },
	{ NULL,     "/api/systemevents",                  "canEditSettings",              "system event" },
	{ NULL,     "/api/jobbatches",                    "canEditComputerProperties",    "job batch" },
	{ "GET",    "/api/scheduledtasks",                "canViewScheduledTasks",        "scheduled task" },
	{ "GET",    "/api/scripts",                       "canViewScheduledTasks",        "script" },
	{ "GET",    "/rest/syslog-configurations",        "canViewSettings",              "syslog configuration" },
	{ "POST",   "/rest/syslog-configurations",        "canCreateNewSyslogConfigurations", "syslog configuration" },
	{ "DELETE", "/rest/syslog-configurations",        "canDeleteSyslogConfigurations", "syslog configuration" },
	{ NULL,     "/rest/authentication",               NULL,                           "session" },
	{ NULL,     "/api/events/{name}/search",          NULL,                           "event" },
	{ "GET",    "/",                                  NULL,                           "object" },
	{ NULL,     "/",                                  EVERYTHING,                     "object" },
};
/* clang-format on */

/* ---- rights ---- */

static bool word_in(const char *words, const char *word)
{
	for (struct str rest = str_of(words); rest.p;)
		if (str_is(str_cut(&rest, ' '), word))
			return true;
	return false;
}

static const struct rights_group *group_of(const char *right)
{
	for (const struct rights_group *g = rights_groups; g->name; g++)
		if (word_in(g->rights, right))
			return g;
	return NULL;
}

bool role_has(const json_t *role, int64_t id, const char *right)
{
	if (id == ROLE_FULL)
		return true;
	if (id == ROLE_AUDITOR)
		return strncmp(right, "canView", 7) == 0;
	const struct rights_group *g = group_of(right);
	const json_t *area = g ? json_object_at(json_object_at(role, "rights"), g->area) : NULL;
	return g && json_bool(json_object_at(area, g->name), right, false);
}

static json_t *member(json_t *o, const char *key)
{
	if (!json_is_object(json_object_get(o, key)))
		json_set(o, key, json_object());
	return json_object_get(o, key);
}

json_t *role_rights(const json_t *role, int64_t id)
{
	json_t *out = json_object();
	for (const struct rights_group *g = rights_groups; g->name; g++) {
		json_t *o = member(member(out, g->area), g->name);
		for (struct str rest = str_of(g->rights); rest.p;) {
			AUTO(freep) char *right = str_dup(str_cut(&rest, ' '));
			json_set_bool(o, right, role_has(role, id, right));
		}
	}
	json_set(out, "hostedServiceRights", json_object());
	return out;
}

int role_rights_take(const json_t *in, json_t *role, struct err *why)
{
	json_t *rights = member(role, "rights");
	for (const struct rights_group *g = rights_groups; g->name; g++) {
		const json_t *given = json_object_at(json_object_at(in, g->area), g->name);
		for (struct str rest = str_of(g->rights); given && rest.p;) {
			AUTO(freep) char *right = str_dup(str_cut(&rest, ' '));
			const struct field one[] = { { right, T_BOOL, .doc = "" }, { 0 } };
			json_t *into = member(member(rights, g->area), g->name);
			if (fields_take(one, given, into, false, why) < 0)
				return -EINVAL;
		}
	}
	return 0;
}

/* Every right, and every computer and policy, that the other one has? */
static bool covers(const json_t *mine, int64_t my_id, const json_t *other, int64_t id)
{
	static const char *const flags[] = { "allComputers", "allPolicies", "allowUserInterface",
		                             "allowWebService" };
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (json_bool(other, flags[i], false) && !json_bool(mine, flags[i], false))
			return false;
	for (const struct rights_group *g = rights_groups; g->name; g++) {
		for (struct str rest = str_of(g->rights); rest.p;) {
			AUTO(freep) char *right = str_dup(str_cut(&rest, ' '));
			if (role_has(other, id, right) && !role_has(mine, my_id, right))
				return false;
		}
	}
	return true;
}

bool access_covers(struct call *c, const json_t *role)
{
	return c->who.role == ROLE_FULL ||
	       !json_bool(c->role, "canOnlyManipulateUsersWithEqualOrLesserRights", true) ||
	       covers(c->role, c->who.role, role, 0);
}

bool access_grants(struct call *c, int64_t role)
{
	if (c->who.role == ROLE_FULL)
		return true;
	AUTO(json_decrefp) json_t *other = object_get(c->app->store, "roles", role);
	return !json_bool(c->role, "canOnlyManipulateUsersWithEqualOrLesserRights", true) ||
	       covers(c->role, c->who.role, other, role);
}

/* ---- which computers, which policies ---- */

static bool listed(const json_t *role, const char *list, int64_t id)
{
	const json_t *ids = json_array_at(role, list);
	for (size_t i = 0; i < json_array_size(ids); i++)
		if (json_integer_value(json_array_get(ids, i)) == id)
			return true;
	return false;
}

static bool group_reached(struct call *c, int64_t group)
{
	for (int depth = 0; group > 0 && depth < GROUPS_MAX; depth++) {
		if (listed(c->role, "computerGroupIDs", group))
			return true;
		AUTO(json_decrefp) json_t *g = object_get(c->app->store, "computergroups", group);
		group = json_int(g, "parentGroupID", 0);
	}
	return false;
}

/* c->role is NULL where nobody asks: agents, and the manager itself. */
static bool computer_reached(struct call *c, int64_t id, const json_t *o, bool write)
{
	if (!c->role || json_bool(c->role, "allComputers", true) ||
	    listed(c->role, "computerIDs", id) || group_reached(c, json_int(o, "groupID", 0)))
		return true;
	return !write && role_has(c->role, c->who.role, "canViewOtherComputers");
}

bool access_computer(struct call *c, int64_t id, bool write)
{
	if (!c->role || json_bool(c->role, "allComputers", true))
		return true;
	if (id == 0)
		return !write && role_has(c->role, c->who.role, "canViewNotRelatedToComputers");
	AUTO(json_decrefp) json_t *o = object_get(c->app->store, "computers", id);
	return computer_reached(c, id, o, write);
}

static bool policy_reached(struct call *c, int64_t id, bool write)
{
	if (!c->role || json_bool(c->role, "allPolicies", true) || listed(c->role, "policyIDs", id))
		return true;
	return !write && role_has(c->role, c->who.role, "canViewOtherPolicies");
}

static bool reached(struct call *c, const struct resource *r, int64_t id, const json_t *o,
                    bool write)
{
	if (strcmp(r->path, "computers") == 0)
		return computer_reached(c, id, o, write);
	if (strcmp(r->path, "policies") == 0)
		return policy_reached(c, id, write);
	const json_t *computer = json_object_get(o, "computerID");
	return !json_is_integer(computer) ||
	       access_computer(c, json_integer_value(computer), write);
}

bool access_sees(struct call *c, const struct resource *r, int64_t id, const json_t *o)
{
	return reached(c, r, id, o, false);
}

json_t *access_computers(struct call *c)
{
	struct rows rows;
	if (!c->role || json_bool(c->role, "allComputers", true))
		return NULL;
	json_t *ids = json_array();
	int rc = store_query(c->app->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT("computers")), &rows);
	while (rc == 0 && rows_next(&rows) == 1) {
		AUTO(json_decrefp) json_t *o = json_parse(col_str(&rows, 1), NULL);
		if (computer_reached(c, rows.col[0].i, o, false))
			json_array_append_new(ids, json_integer(rows.col[0].i));
	}
	rows_done(&rows);
	if (access_computer(c, 0, false))
		json_array_append_new(ids, json_integer(0));
	return ids;
}

/* ---- before a handler ---- */

static int refuse(struct call *c, const char *action, const char *noun)
{
	c->code = "forbidden";
	err_set(&c->why, 0, "Not authorized to %s %s.", action, noun);
	return 403;
}

bool access_object(struct call *c, const struct resource *r, int64_t id, const json_t *o)
{
	if (reached(c, r, id, o, true))
		return true;
	refuse(c, id ? "edit" : "create", r->noun);
	return false;
}

/* Work over many computers, whichever they will be, is for who reaches all of them. */
static bool is_over_many(struct str path)
{
	static const char *const many[] = { "/api/jobbatches", "/api/scheduledtasks",
		                            "/api/eventbasedtasks" };
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		if (str_starts(path, str_of(many[i])))
			return true;
	return false;
}

/* The computer or policy that the path is about must be within reach. */
static bool path_reached(struct call *c, bool write)
{
	static const struct {
		const char *prefix;
		enum stmt find; /* STMT_COUNT: the number is the computer's own */
		bool policy;
	} kinds[] = {
		{ "/api/computers/", STMT_COUNT, false },
		{ "/api/antimalwarestatus/", STMT_COUNT, false },
		{ "/api/policies/", STMT_COUNT, true },
		{ "/api/jobs/", STMT_JOB_COMPUTER, false },
		{ "/api/identifiedfiles/", STMT_FILE_COMPUTER, false },
		{ "/api/alerts/", STMT_ALERT_COMPUTER, false },
		{ "/api/integritychanges/", STMT_CHANGE_COMPUTER, false },
	};
	if (is_over_many(str_of(c->rq->path)))
		return !c->role || json_bool(c->role, "allComputers", true);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct str path = str_of(c->rq->path), prefix = str_of(kinds[i].prefix);
		int64_t id = 0;
		if (!str_starts(path, prefix))
			continue;
		path = str_skip(path, prefix.n);
		if (kinds[i].policy && write && str_starts(path, STR("default")))
			return !c->role || json_bool(c->role, "allPolicies", true);
		if (str_i64(str_cut(&path, '/'), 1, INT64_MAX, &id) < 0)
			return true; /* a search */
		if (kinds[i].policy)
			return policy_reached(c, id, write);
		if (kinds[i].find != STMT_COUNT)
			id = store_int(c->app->store, kinds[i].find, ARGS(VAL_INT(id)), 0);
		return id == 0 || access_computer(c, id, write);
	}
	return true;
}

static bool begins(struct str path, const char *pattern)
{
	struct str p = str_skip(str_of(pattern), 1), q = str_skip(path, 1);
	int64_t n = 0;
	while (p.n) {
		struct str want = str_cut(&p, '/'), have = str_cut(&q, '/');
		bool fits = str_is(want, "{id}")     ? str_i64(have, 0, INT64_MAX, &n) == 0
		            : str_is(want, "{name}") ? have.n > 0
		                                     : str_eq(want, have);
		if (!fits)
			return false;
	}
	return true;
}

static const char *action_of(const char *method)
{
	return strcmp(method, "GET") == 0      ? "view"
	       : strcmp(method, "DELETE") == 0 ? "delete"
	                                       : "edit";
}

static bool granted(struct call *c, const char *right)
{
	if (!right)
		return true;
	return strcmp(right, EVERYTHING) == 0 ? c->who.role == ROLE_FULL
	                                      : role_has(c->role, c->who.role, right);
}

int access_begin(struct call *c)
{
	c->role = object_kept(c->app, "roles", c->who.role);
	bool allowed =
		json_bool(c->role, c->who.session ? "allowUserInterface" : "allowWebService", true);
	return c->role && allowed ? 0
	                          : refuse(c, "use", c->who.session ? "the console" : "the API");
}

int access_deed(struct call *c)
{
	const char *m = c->rq->method;
	bool write = strcmp(m, "GET") != 0;
	const struct gate *g = gates;
	while (!(begins(str_of(c->rq->path), g->path) &&
	         (g->method ? strcmp(g->method, m) == 0 : write)))
		g++;
	return granted(c, g->right) && path_reached(c, write) ? 0
	                                                      : refuse(c, action_of(m), g->noun);
}

/* Everybody sees, and may edit parts of, their own account (resources_admin.c says which). */
static bool own_account(const struct call *c, const struct resource *r)
{
	return strcmp(r->path, "administrators") == 0 && c->who.session &&
	       c->id == c->who.administrator && strcmp(c->rq->method, "DELETE") != 0;
}

int access_collection(struct call *c, const struct resource *r)
{
	const char *m = c->rq->method;
	if (own_account(c, r))
		return 0;
	bool post = strcmp(m, "POST") == 0, search = c->name && strcmp(c->name, "search") == 0;
	bool view = strcmp(m, "GET") == 0 || search, make = post && c->id < 0;
	const char *right = view ? r->view : make ? r->make : post ? r->edit : r->erase;
	return granted(c, right) && path_reached(c, !view) ? 0
	                                                   : refuse(c,
	                                                            view   ? "view"
	                                                            : make ? "create"
	                                                                   : action_of(m),
	                                                            r->noun);
}
