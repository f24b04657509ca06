#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/resources.h"

/* Who may sign in: administrators, API keys, roles. */

/* clang-format off */
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
/* clang-format on */

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

/* clang-format off */
const struct resource admin_resources[] = {
	{ "apikeys", "apiKeys", "API key", "keyName", NULL, key_fields, V_EVERY, .check = key_check },
	{ "roles", "roles", "role", "name", NULL, role_fields, V_LIST | V_GET | V_SEARCH },
	{ "administrators", "administrators", "administrator", "username", NULL, administrator_fields, V_LIST | V_GET | V_MODIFY | V_SEARCH },
	{ 0 },
};
/* clang-format on */
