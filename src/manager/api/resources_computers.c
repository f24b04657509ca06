#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/resources.h"

/* Computers, their groups, policies. */

/* clang-format off */
static const struct field group_fields[] = {
	{ "type",          T_CHOICE, F_READ_ONLY | F_NOT_SEARCHED, "folder|root", "\"folder\"", .doc = "folder: made by a user" },
	{ "name",          T_TEXT,   F_REQUIRED, .max = 254, .doc = "unique below its parent" },
	{ "description",   T_TEXT,   0, .otherwise = "\"\"", .max = 2000, .doc = "in own words" },
	{ "parentGroupID", T_INT,    F_OMIT_EMPTY, .doc = "the group it lies in; absent at the root" },
	ID_FIELD, { 0 },
};
/* clang-format on */

static int group_may_delete(struct call *c, int64_t id)
{
	static const char *const refs[] = { "groupID", "parentGroupID", NULL };
	return resource_named_by(c->app, "computers", refs, id) ||
	                       resource_named_by(c->app, "computergroups", refs, id)
	               ? resource_in_use(c, "computer group")
	               : 0;
}

/* clang-format off */
const struct resource computer_resources[] = {
	{ "computers", "computers", "computer", "hostName", NULL, computer_fields, V_EVERY,
	  "computer-created", "computer-updated", "computer-deleted", computer_check, computer_show, computer_changed, computer_may_delete },
	{ "computergroups", "computerGroups", "computer group", "name", "parentGroupID", group_fields, V_EVERY,
	  "group-created", "group-updated", "group-deleted", .may_delete = group_may_delete },
	{ "policies", "policies", "policy", "name", NULL, policy_fields, V_EVERY,
	  "policy-created", "policy-updated", "policy-deleted", policy_check, policy_show, policy_changed, policy_may_delete },
	{ 0 },
};
/* clang-format on */
