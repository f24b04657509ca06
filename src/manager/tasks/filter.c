#include "manager/tasks/filter.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/tasks/folder.h"

enum { DEPTH_MAX = 100 };

/* clang-format off */
const struct field computer_filter[] = {
	{ "type",            T_CHOICE, F_NOT_SEARCHED, "computer|all-computers|computers-in-group|computers-in-group-or-subgroup|computers-using-policy|computers-using-policy-or-subpolicy|computers-in-smart-folder", "\"all-computers\"", .doc = "which computers" },
	{ "computerID",      T_INT, F_NOT_SEARCHED, .min = 0, .doc = "" },
	{ "computerGroupID", T_INT, F_NOT_SEARCHED, .min = 0, .doc = "" },
	{ "policyID",        T_INT, F_NOT_SEARCHED, .min = 0, .doc = "" },
	{ "smartFolderID",   T_INT, F_NOT_SEARCHED, .min = 0, .doc = "" },
	{ 0 },
};

/* What a type looks at: the filter's member, its collection, the computer's member, and through which member the
 * collection is a tree. */
static const struct kind {
	const char *type, *id, *collection, *member, *parent;
} kinds[] = {
	{ "all-computers",                        NULL,              NULL,             NULL,       NULL },
	{ "computer",                             "computerID",      "computers",      NULL,       NULL },
	{ "computers-in-group",                   "computerGroupID", "computergroups", "groupID",  NULL },
	{ "computers-in-group-or-subgroup",       "computerGroupID", "computergroups", "groupID",  "parentGroupID" },
	{ "computers-using-policy",               "policyID",        "policies",       "policyID", NULL },
	{ "computers-using-policy-or-subpolicy",  "policyID",        "policies",       "policyID", "parentID" },
	{ "computers-in-smart-folder",            "smartFolderID",   "smartfolders",   NULL,       NULL },
};
/* clang-format on */

static const struct kind *kind_of(const json_t *filter)
{
	const char *type = json_text(filter, "type", "all-computers");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].type, type) == 0)
			return &kinds[i];
	return &kinds[0];
}

static bool is_folder(const struct kind *k)
{
	return k->collection && strcmp(k->collection, "smartfolders") == 0;
}

int filter_check(struct app *a, const json_t *filter, struct err *why)
{
	const struct kind *k = kind_of(filter);
	if (!k->id)
		return 0;
	int64_t id = json_int(filter, k->id, -1);
	if (id < 0)
		return err_set(why, -EINVAL, "%s is required for the computer filter %s.", k->id,
		               k->type);
	AUTO(json_decrefp) json_t *folders = is_folder(k) ? folder_load(a, id) : NULL;
	if (folders && folder_check(folders, why) < 0)
		return -EINVAL;
	AUTO(json_decrefp) json_t *there = object_get(a->store, k->collection, id);
	/* Group 0 is where computers without a group are. */
	if (!there && !(id == 0 && strcmp(k->collection, "computergroups") == 0))
		return err_set(why, -EINVAL, "%s %lld does not exist.", k->id, (long long)id);
	return 0;
}

/* Is id the wanted object, or below it? */
static bool is_below(const json_t *parents, int64_t id, int64_t wanted)
{
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		char key[24];
		if (id == wanted)
			return true;
		if (id <= 0)
			return false;
		snprintf(key, sizeof(key), "%lld", (long long)id);
		id = json_int(parents, key, 0);
	}
	return false;
}

static json_t *parents_of(struct app *a, const struct kind *k)
{
	struct rows r;
	json_t *o = json_object();
	if (!k->parent)
		return o;
	int rc = store_query(a->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(k->collection)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		char key[24];
		AUTO(json_decrefp) json_t *object = json_parse(col_str(&r, 1), NULL);
		snprintf(key, sizeof(key), "%lld", (long long)r.col[0].i);
		json_set_int(o, key, json_int(object, k->parent, 0));
	}
	rows_done(&r);
	return o;
}

/* more: the tree of groups or policies, or the smart folders. */
static bool wanted(const struct kind *k, const json_t *filter, const json_t *more, int64_t id,
                   struct str body)
{
	int64_t want = k->id ? json_int(filter, k->id, -1) : 0;
	if (!k->id)
		return true;
	if (!k->member && !is_folder(k))
		return id == want;
	AUTO(json_decrefp) json_t *o = json_parse(body, NULL);
	if (is_folder(k))
		return folder_holds(more, o);
	return is_below(more, json_int(o, k->member, 0), want);
}

void filter_computers(struct app *a, const json_t *filter, struct buf *out)
{
	const struct kind *k = kind_of(filter);
	AUTO(json_decrefp)
	json_t *more = is_folder(k) ? folder_load(a, json_int(filter, k->id, 0)) : parents_of(a, k);
	struct rows r;
	int rc = store_query(a->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT("computers")), &r);
	while (rc == 0 && rows_next(&r) == 1)
		if (wanted(k, filter, more, r.col[0].i, col_str(&r, 1)))
			buf_add(out, &r.col[0].i, sizeof(int64_t));
	rows_done(&r);
}

int filter_reached(struct call *c, const json_t *filter)
{
	AUTO(buf_done) struct buf ids = { 0 };
	filter_computers(c->app, filter, &ids);
	for (size_t i = 0; i + sizeof(int64_t) <= ids.n; i += sizeof(int64_t)) {
		int64_t id = 0;
		memcpy(&id, ids.p + i, sizeof(id));
		if (!access_computer(c, id, true))
			return err_set(
				&c->why, -EPERM,
				"The computer filter holds computers that you may not change.");
	}
	return 0;
}
