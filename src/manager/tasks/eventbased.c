#include "manager/tasks/eventbased.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "manager/api/resources.h"
#include "manager/tasks/match.h"

enum { GROUPS_DEEP = 20, PARTS_MAX = 50 };

static const char kind[] = "eventbasedtasks";

/* clang-format off */
#define TYPES "computer-created-by-system|computer-moved-by-system|agent-initiated-activation|agent-ip-changed|nsx-protection-changed|computer-powered-on-by-system"
#define ACTIONS "activate|assign-policy|assign-relay|assign-group|deactivate"
#define CONDITIONS "hostname|vcenter|cloudProvider|securityGroup|imageId|esx|folder|platform|applianceProtectionAvailable|applianceProtectionActivated|lastUsedIP|tag|nsxSecurityGroup|cloudVendor|gcpNetworkTag"

static const struct field action_fields[] = {
	{ "type",           T_CHOICE, F_REQUIRED | F_NOT_SEARCHED, ACTIONS, .doc = "what is done" },
	{ "parameterValue", T_INT,    F_NOT_SEARCHED, .min = 0, .doc = "minutes (activate), or the ID that is assigned" },
	{ 0 },
};

static const struct field condition_fields[] = {
	{ "field", T_CHOICE, F_REQUIRED | F_NOT_SEARCHED, CONDITIONS, .doc = "what is looked at" },
	{ "key",   T_TEXT,   F_NOT_SEARCHED, .max = 254, .doc = "of a tag" },
	{ "value", T_TEXT,   F_NOT_SEARCHED, .max = 1000, .doc = "a regular expression that has to fit all of it" },
	{ 0 },
};

const struct field eventbased_fields[] = {
	NAME_FIELD,
	{ "type",        T_CHOICE,  F_REQUIRED, TYPES, .doc = "what has to happen" },
	{ "enabled",     T_BOOL,    0, .otherwise = "true", .doc = "" },
	{ "lastRunTime", T_TIME,    F_READ_ONLY, .doc = "ms since the epoch; absent: never" },
	{ "actions",     T_OBJECTS, F_NOT_SEARCHED, .otherwise = "[]", .members = action_fields, .doc = "in this order" },
	{ "conditions",  T_OBJECTS, F_NOT_SEARCHED, .otherwise = "[]", .members = condition_fields, .doc = "all have to hold" },
	ID_FIELD,
	{ 0 },
};

/* What an action gives a computer; NULL: it is done otherwise. */
static const struct assignment {
	const char *type, *collection, *member;
} assignments[] = {
	{ "assign-policy", "policies",       "policyID" },
	{ "assign-group",  "computergroups", "groupID" },
	{ "assign-relay",  "relaygroups",    "relayListID" },
};
/* clang-format on */

static const struct assignment *assignment_of(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(assignments); i++)
		if (strcmp(assignments[i].type, type) == 0)
			return &assignments[i];
	return NULL;
}

static int check_action(struct call *c, const json_t *action)
{
	const struct assignment *as = assignment_of(json_text(action, "type", ""));
	int64_t id = json_int(action, "parameterValue", 0);
	if (!as || id == 0) /* 0: none, or the root group */
		return 0;
	AUTO(json_decrefp) json_t *there = object_get(c->app->store, as->collection, id);
	return there ? 0
	             : err_set(&c->why, -EINVAL, "parameterValue %lld of %s does not exist.",
	                       (long long)id, as->type);
}

static int check_condition(struct call *c, const json_t *condition)
{
	struct err why = { { 0 } };
	if (match_check(json_text(condition, "value", ""), &why) < 0)
		return err_set(&c->why, -EINVAL, "Invalid value of the condition %s: %s.",
		               json_text(condition, "field", ""), why.text);
	return 0;
}

static int check_all(struct call *c, const json_t *list,
                     int (*check)(struct call *c, const json_t *one))
{
	if (json_array_size(list) > PARTS_MAX)
		return err_set(&c->why, -EINVAL, "At most %d actions and conditions are taken.",
		               PARTS_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		int rc = check(c, json_array_get(list, i));
		if (rc < 0)
			return rc;
	}
	return 0;
}

int eventbased_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id, (void)old;
	int rc = check_all(c, json_array_at(o, "actions"), check_action);
	return rc < 0 ? rc : check_all(c, json_array_at(o, "conditions"), check_condition);
}

/* ---- conditions ---- */

/* "upper/lower": the groups that a computer lies in. */
static void folder(struct app *a, int64_t group, struct buf *out)
{
	AUTO(buf_done) struct buf path = { 0 };
	for (int i = 0; group > 0 && i < GROUPS_DEEP; i++) {
		AUTO(json_decrefp) json_t *o = object_get(a->store, "computergroups", group);
		AUTO(freep) char *below = buf_take(&path);
		buf_z(&path, json_text(o, "name", ""));
		if (below && *below)
			buf_fmt(&path, "/%s", below);
		group = json_int(o, "parentGroupID", 0);
	}
	buf_str(out, buf_view(&path));
}

/* false: the computer has no such thing (what clouds and virtual machines have). */
static bool value_of(struct app *a, const json_t *computer, const char *field, struct buf *out)
{
	static const char *const members[][2] = { { "hostname", "hostName" },
		                                  { "platform", "platform" },
		                                  { "lastUsedIP", "lastIPUsed" } };
	if (strcmp(field, "folder") == 0) {
		folder(a, json_int(computer, "groupID", 0), out);
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (strcmp(members[i][0], field) != 0)
			continue;
		buf_z(out, json_text(computer, members[i][1], ""));
		return true;
	}
	return false;
}

/* 1: all hold, 0: one does not, or -errno: one takes too long. */
static int holds(struct app *a, const json_t *task, const json_t *computer)
{
	const json_t *list = json_array_at(task, "conditions");
	int rc = 1;
	for (size_t i = 0; rc == 1 && i < json_array_size(list); i++) {
		const json_t *condition = json_array_get(list, i);
		AUTO(buf_done) struct buf value = { 0 };
		rc = value_of(a, computer, json_text(condition, "field", ""), &value);
		if (rc == 1)
			rc = match_whole(json_text(condition, "value", ""), buf_view(&value));
	}
	return rc;
}

/* ---- actions ---- */

static void say(struct app *a, const char *event, int64_t id, const json_t *task,
                const json_t *computer, const char *what)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_fmt(&b, "%s: %s", json_text(computer, "hostName", ""), what);
	system_event_about(a, event,
	                   &(struct subject){ .type = "event-based task",
	                                      .id = id,
	                                      .name = json_text(task, "name", ""),
	                                      .text = b.p });
}

static void deactivate(struct app *a, int64_t computer)
{
	AUTO(json_decrefp)
	json_t *command = json_pack("{s:s,s:{}}", "command", "deactivate", "args");
	if (agent_there(a, computer))
		job_queue(a, &(struct job_order){ .by = "System",
		                                  .kind = "deactivate",
		                                  .computer = computer,
		                                  .command = command });
}

/* Adds to what was done; object is the computer, which is stored afterwards. */
static void act(struct app *a, const json_t *action, int64_t computer, json_t *object,
                struct buf *what)
{
	const char *type = json_text(action, "type", "");
	const struct assignment *as = assignment_of(type);
	int64_t id = json_int(action, "parameterValue", 0);
	buf_fmt(what, "%s%s", what->n ? ", " : "", type);
	if (as) {
		json_set_int(object, as->member, id);
		buf_fmt(what, " %lld", (long long)id);
	} else if (strcmp(type, "deactivate") == 0) {
		deactivate(a, computer);
	} else if (!agent_there(a, computer)) {
		buf_z(what, " (its agent has to ask for it)");
	}
}

static void run(struct app *a, int64_t id, json_t *task, int64_t computer)
{
	AUTO(json_decrefp) json_t *object = object_get(a->store, "computers", computer);
	AUTO(json_decrefp) json_t *before = json_deep_copy(object);
	AUTO(buf_done) struct buf what = { 0 };
	const json_t *actions = json_array_at(task, "actions");
	int rc = object ? holds(a, task, object) : 0;
	if (rc < 0)
		say(a, "event-task-failed", id, task, object,
		    "a condition takes too long to be looked at");
	if (rc != 1)
		return;
	for (size_t i = 0; i < json_array_size(actions); i++)
		act(a, json_array_get(actions, i), computer, object, &what);
	if (!json_equal(before, object))
		object_set(a->store, resource_find(STR("computers")), computer, object);
	if (json_int(before, "policyID", 0) != json_int(object, "policyID", 0))
		policies_due(a, computer);
	json_set_int(task, "lastRunTime", (int64_t)clock_ms());
	object_set(a->store, resource_find(STR("eventbasedtasks")), id, task);
	say(a, "event-task-triggered", id, task, object, what.p ? what.p : "nothing to do");
}

void event_tasks_run(struct app *a, const char *type, int64_t computer)
{
	struct rows r;
	AUTO(json_decrefp) json_t *list = json_array();
	int rc = store_query(a->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(kind)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		json_t *task = json_parse(col_str(&r, 1), NULL);
		if (task && json_bool(task, "enabled", true) &&
		    strcmp(json_text(task, "type", ""), type) == 0)
			json_array_append_new(list,
			                      json_pack("[I,O]", (json_int_t)r.col[0].i, task));
		json_decref(task);
	}
	rows_done(&r);
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v)
		run(a, json_integer_value(json_array_get(v, 0)), json_array_get(v, 1), computer);
}
