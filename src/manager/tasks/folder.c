#include "manager/tasks/folder.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/json.h"

enum { NESTED_MAX = 10 };

/* What of a computer a rule looks at. general-policy is a client's word (rest-api.md 9.1), the
 * others are ours in its manner. */
static const struct key {
	const char *key, *member;
	bool number;
} keys[] = {
	{ "general-policy", "policyID", true },
	{ "general-group", "groupID", true },
	{ "general-hostname", "hostName", false },
	{ "general-display-name", "displayName", false },
	{ "general-description", "description", false },
	{ "general-platform", "platform", false },
	{ "general-ip-address", "lastIPUsed", false },
	{ "general-agent-version", "agentVersion", false },
};

static const struct operator
{
	const char *word;
	bool whole, not ;
}
operators[] = { { "equal", true, false },
	        { "not-equal", true, true },
	        { "contains", false, false },
	        { "not-contains", false, true } };

static const struct key *key_of(const json_t *rule)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strcmp(keys[i].key, json_text(rule, "key", "")) == 0)
			return &keys[i];
	return NULL;
}

/* Without a word: numbers are equal, texts contain. */
static const struct operator* operator_of(const json_t *rule, const struct key *k)
{
	const char *word = json_text(rule, "operator", k->number ? "equal" : "contains");
	for (size_t i = 0; i < ARRAY_LEN(operators); i++)
		if (strcmp(operators[i].word, word) == 0)
			return &operators[i];
	return NULL;
}

static bool rule_fits(const json_t *rule, const json_t *computer)
{
	const struct key *k = key_of(rule);
	const struct operator* o = k ? operator_of(rule, k) : NULL;
	const char *want = json_text(rule, "value", "");
	int64_t number = 0;
	if (!o)
		return false;
	if (k->number)
		return (str_i64(str_of(want), 0, INT64_MAX, &number) == 0 &&
		        json_int(computer, k->member, 0) == number) != o->not ;
	const char *have = json_text(computer, k->member, "");
	bool fits = o->whole ? strcasecmp(have, want) == 0 : strcasestr(have, want) != NULL;
	return fits != o->not ;
}

static bool group_fits(const json_t *group, const json_t *computer)
{
	size_t i;
	json_t *rule;
	json_array_foreach (json_object_get(group, "rules"), i, rule)
		if (!rule_fits(rule, computer))
			return false;
	return true;
}

static bool folder_fits(const json_t *folder, const json_t *computer)
{
	const json_t *groups = json_array_at(folder, "ruleGroups");
	for (size_t i = 0; i < json_array_size(groups); i++)
		if (group_fits(json_array_get(groups, i), computer))
			return true;
	return json_array_size(groups) == 0;
}

bool folder_holds(const json_t *folders, const json_t *computer)
{
	for (size_t i = 0; i < json_array_size(folders); i++)
		if (!folder_fits(json_array_get(folders, i), computer))
			return false;
	return json_array_size(folders) > 0;
}

static int rule_check(const json_t *rule, struct err *why)
{
	const struct key *k = key_of(rule);
	if (!k)
		return err_set(why, -EINVAL,
		               "The smart folder has a rule that is not known here: %.100s.",
		               json_text(rule, "key", ""));
	return operator_of(rule, k)
	               ? 0
	               : err_set(why, -EINVAL,
	                         "The smart folder compares in a way that is not known here: %.40s.",
	                         json_text(rule, "operator", ""));
}

int folder_check(const json_t *folders, struct err *why)
{
	size_t i, k, m;
	json_t *folder, *group, *rule;
	json_array_foreach ((json_t *)(uintptr_t)folders, i, folder)
		json_array_foreach (json_object_get(folder, "ruleGroups"), k, group)
			json_array_foreach (json_object_get(group, "rules"), m, rule) {
				int rc = rule_check(rule, why);
				if (rc < 0)
					return rc;
			}
	return 0;
}

json_t *folder_load(struct app *a, int64_t id)
{
	json_t *list = json_array();
	for (int depth = 0; id > 0 && depth < NESTED_MAX; depth++) {
		json_t *o = object_get(a->store, "smartfolders", id);
		if (!o)
			break;
		json_array_append_new(list, o);
		id = json_int(o, "parentSmartFolderID", 0);
	}
	if (json_array_size(list))
		return list;
	json_decref(list);
	return NULL;
}
