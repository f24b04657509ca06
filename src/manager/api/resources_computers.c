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

static const struct field interface_type_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "matches", T_TEXTS, 0, .otherwise = "[]", .max = 200, .doc = "names of interfaces, * and ? stand for others" },
	ID_FIELD, { 0 },
};

static const struct field criterion_fields[] = {
	{ "key",      T_TEXT, F_REQUIRED, .max = 100, .doc = "what of a computer: general-policy, ..." },
	{ "operator", T_TEXT, F_OMIT_EMPTY, .max = 40, .doc = "how it is compared" },
	{ "value",    T_TEXT, 0, .otherwise = "\"\"", .max = 2000, .doc = "with what" },
	{ 0 },
};
static const struct field rule_group_fields[] = {
	{ "rules", T_OBJECTS, 0, .otherwise = "[]", .doc = "all must fit", .members = criterion_fields },
	{ 0 },
};
static const struct field smart_folder_fields[] = {
	{ "name",                T_TEXT,    F_REQUIRED, .max = 254, .doc = "unique below its parent" },
	DESCRIPTION_FIELD,
	{ "parentSmartFolderID", T_INT,     F_OMIT_EMPTY, .doc = "the folder it lies in" },
	{ "ruleGroups",          T_OBJECTS, F_NOT_SEARCHED, .otherwise = "[]", .doc = "one of them must fit", .members = rule_group_fields },
	ID_FIELD, { 0 },
};

static const struct field relay_group_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "parentRelayGroupID", T_INT, F_OMIT_EMPTY, .doc = "where it gets updates; absent: from the sources" },
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

enum { FOLDERS_MAX = 10 };

/* The way up must exist, be short enough, and not lead back. */
static int parents_right(struct call *c, const struct resource *r, int64_t id, const json_t *o,
                         int most)
{
	int64_t up = json_int(o, r->parent_field, 0);
	for (int depth = 0; up > 0; depth++) {
		if (up == id || depth == most)
			return err_set(&c->why, -EINVAL,
			               "Invalid value for %s: it leads back to itself or too deep.",
			               r->parent_field);
		AUTO(json_decrefp) json_t *p = object_get(c->app->store, r->path, up);
		if (!p)
			return err_set(&c->why, -EINVAL, "%s %lld does not exist.", r->parent_field,
			               (long long)up);
		up = json_int(p, r->parent_field, 0);
	}
	return 0;
}

static int group_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	enum { GROUPS_MAX = 50 };
	(void)old;
	return parents_right(c, resource_find(STR("computergroups")), id, o, GROUPS_MAX);
}

static int folder_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)old;
	return parents_right(c, resource_find(STR("smartfolders")), id, o, FOLDERS_MAX);
}

static int folder_may_delete(struct call *c, int64_t id)
{
	static const char *const refs[] = { "parentSmartFolderID", NULL };
	return resource_named_by(c->app, "smartfolders", refs, id)
	               ? resource_in_use(c, "smart folder")
	               : 0;
}

static int relay_group_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	static const struct ref refs[] = { { "parentRelayGroupID", "relaygroups" }, { 0 } };
	(void)old;
	if (id && json_int(o, "parentRelayGroupID", 0) == id)
		return err_set(&c->why, -EINVAL, "Invalid value for parentRelayGroupID.");
	return refs_right(c, o, refs);
}

static int relay_group_may_delete(struct call *c, int64_t id)
{
	static const char *const refs[] = { "relayListID", "parentRelayGroupID", NULL };
	return resource_named_by(c->app, "computers", refs, id) ||
	                       resource_named_by(c->app, "relaygroups", refs, id)
	               ? resource_in_use(c, "relay group")
	               : 0;
}

/* expand: rest-api.md 4. */
static int computers_begin(struct call *c)
{
	static const char words[] =
		"none|all|computerStatus|tasks|securityUpdates|computerSettings|allSecurityModules|antiMalware|"
		"webReputation|activityMonitoring|firewall|intrusionPrevention|integrityMonitoring|logInspection|"
		"applicationControl|SAP|interfaces|ESXSummary|allVirtualMachineSummaries|"
		"azureARMVirtualMachineSummary|azureVMVirtualMachineSummary|ec2VirtualMachineSummary|"
		"noConnectorVirtualMachineSummary|vmwareVMVirtualMachineSummary|vcloudVMVirtualMachineSummary|"
		"workspaceVirtualMachineSummary|gcpVirtualMachineSummary|deviceControl";
	size_t i;
	json_t *v;
	json_array_foreach (json_object_get(c->rq->query, "expand"), i, v) {
		for (struct str rest = str_of(json_string_value(v)); rest.p;) {
			AUTO(freep) char *word = str_dup(str_trim(str_cut(&rest, ',')));
			if (*word && !choice_has(words, word))
				return err_set(&c->why, -EINVAL, "Unknown value for expand: %.60s.",
				               word);
		}
	}
	return 0;
}

/* clang-format off */
const struct resource computer_resources[] = {
	{ "computers", "computers", "computer", "hostName", NULL, computer_fields, V_EVERY,
	  "computer-created", "computer-updated", "computer-deleted", computer_check, computer_show, computer_changed, computer_may_delete,
	  .begin = computers_begin, .make = "canCreateNewComputers", .edit = "canEditComputerProperties", .erase = "canDeleteComputers" },
	{ "computergroups", "computerGroups", "computer group", "name", "parentGroupID", group_fields, V_EVERY,
	  "group-created", "group-updated", "group-deleted", .check = group_check, .may_delete = group_may_delete,
	  .make = "canAddAndRemoveComputerGroups", .edit = "canAddAndRemoveComputerGroups", .erase = "canAddAndRemoveComputerGroups" },
	{ "policies", "policies", "policy", "name", NULL, policy_fields, V_EVERY,
	  "policy-created", "policy-updated", "policy-deleted", policy_check, policy_show, policy_changed, policy_may_delete,
	  .make = "canCreateNewPolicies", .edit = "canEditPolicyProperties", .erase = "canDeletePolicies" },
	{ "policies/interfacetypes", "interfaceTypes", "interface type", "name", NULL, interface_type_fields, V_EVERY,
	  .changed = policies_affected, .make = "canEditPolicyProperties", .edit = "canEditPolicyProperties", .erase = "canEditPolicyProperties" },
	{ "smartfolders", "smartFolders", "smart folder", "name", "parentSmartFolderID", smart_folder_fields, V_EVERY,
	  .check = folder_check, .may_delete = folder_may_delete,
	  .make = "canAddAndRemoveComputerGroups", .edit = "canAddAndRemoveComputerGroups", .erase = "canAddAndRemoveComputerGroups" },
	{ "relaygroups", "relayGroups", "relay group", "name", NULL, relay_group_fields, V_EVERY,
	  .check = relay_group_check, .may_delete = relay_group_may_delete,
	  .make = "canCreateNewRelayGroups", .edit = "canEditRelayGroupProperties", .erase = "canDeleteRelayGroups" },
	{ 0 },
};
/* clang-format on */
