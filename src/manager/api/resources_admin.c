#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "manager/api/access.h"
#include "manager/api/resources.h"
#include "manager/api/sign_in.h"

/* Who may sign in and what they may do: administrators, contacts, API keys, roles. */

/* clang-format off */
static const struct field key_fields[] = {
	{ "keyName",                    T_TEXT,   F_REQUIRED, .max = 254, .doc = "unique" },
	DESCRIPTION_FIELD,
	{ "locale",                     T_CHOICE, F_NOT_SEARCHED, "en-US|ja-JP", "\"en-US\"", .doc = "of messages" },
	{ "roleID",                     T_INT,    0, .otherwise = "1", .min = 1, .doc = "what it may do" },
	{ "timeZone",                   T_TEXT,   0, .otherwise = "\"UTC\"", .max = 60, .doc = "of times in texts" },
	{ "active",                     T_BOOL,   0, .otherwise = "true", .doc = "false: refused" },
	{ "created",                    T_TIME,   F_READ_ONLY, .doc = "when it was made" },
	{ "lastSignIn",                 T_TIME,   F_READ_ONLY, .doc = "when it was last used, to the minute" },
	{ "unlockTime",                 T_TIME,   F_OMIT_EMPTY, .doc = "locked until then; 0 unlocks" },
	{ "unsuccessfulSignInAttempts", T_INT,    F_READ_ONLY, .otherwise = "0", .doc = "with a wrong secret" },
	{ "expiryDate",                 T_TIME,   F_OMIT_EMPTY, .doc = "refused from then on" },
	{ "serviceAccount",             T_BOOL,   F_READ_ONLY, .otherwise = "false", .doc = "of the primary tenant" },
	ID_FIELD, { 0 },
};

static const struct field no_fields[] = { { 0 } };
static const struct field role_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "urn",                T_TEXT,   F_READ_ONLY | F_NOT_SEARCHED, .doc = "of a predefined role" },
	{ "immutable",          T_BOOL,   F_READ_ONLY | F_NOT_SEARCHED, .otherwise = "false", .doc = "predefined: it stays as it is" },
	{ "canOnlyManipulateUsersWithEqualOrLesserRights", T_BOOL, 0, .otherwise = "true", .doc = "and roles" },
	{ "allComputers",       T_BOOL,   0, .otherwise = "false", .doc = "false: those of computerIDs and computerGroupIDs" },
	{ "allPolicies",        T_BOOL,   0, .otherwise = "false", .doc = "false: those of policyIDs" },
	{ "allowUserInterface", T_BOOL,   0, .otherwise = "true", .doc = "may use the console" },
	{ "allowWebService",    T_BOOL,   0, .otherwise = "false", .doc = "may have API keys" },
	{ "rights",             T_OBJECT, F_READ_ONLY | F_NOT_SEARCHED, .otherwise = "{}", .doc = "what it may do (rights.def)", .members = no_fields },
	{ "computerIDs",        T_IDS,    0, .otherwise = "[]", .doc = "the computers it reaches" },
	{ "computerGroupIDs",   T_IDS,    0, .otherwise = "[]", .doc = "the groups whose computers it reaches, with those below" },
	{ "policyIDs",          T_IDS,    0, .otherwise = "[]", .doc = "the policies it reaches" },
	ID_FIELD, { 0 },
};

#define CONTACT_FIELDS \
	{ "phoneNumber",  T_TEXT, 0, .otherwise = "\"\"", .max = 60, .doc = "to reach the person" }, \
	{ "mobileNumber", T_TEXT, 0, .otherwise = "\"\"", .max = 60, .doc = "the same" }, \
	{ "pagerNumber",  T_TEXT, 0, .otherwise = "\"\"", .max = 60, .doc = "the same" }, \
	{ "emailAddress", T_TEXT, 0, .otherwise = "\"\"", .max = 254, .doc = "where alerts and reports go" }
#define PDF_FIELDS \
	{ "reportPDFPasswordEnabled", T_BOOL, 0, .otherwise = "false", .doc = "reports are encrypted" }, \
	{ "reportPDFPassword",        T_TEXT, F_SECRET | F_NOT_SEARCHED, .max = 100, .doc = "with this" }

static const struct field administrator_fields[] = {
	{ "username",                   T_TEXT,   F_REQUIRED, .max = 254, .doc = "unique" },
	{ "password",                   T_TEXT,   F_SECRET | F_NOT_SEARCHED, .max = 1000, .doc = "kept as a hash (Argon2id)" },
	{ "fullName",                   T_TEXT,   0, .otherwise = "\"\"", .max = 254, .doc = "of the person" },
	DESCRIPTION_FIELD,
	{ "roleID",                     T_INT,    0, .otherwise = "2", .min = 1, .doc = "what the user may do" },
	{ "locale",                     T_CHOICE, F_NOT_SEARCHED, "en-US|ja-JP", "\"en-US\"", .doc = "the console's language" },
	{ "timeZone",                   T_TEXT,   0, .otherwise = "\"UTC\"", .max = 60, .doc = "of the console's times" },
	{ "timeFormat",                 T_CHOICE, 0, "12|24", "\"24\"", .doc = "hours" },
	{ "passwordNeverExpires",       T_BOOL,   0, .otherwise = "false", .doc = "whatever the system settings say" },
	{ "active",                     T_BOOL,   0, .otherwise = "true", .doc = "false: cannot sign in" },
	{ "mfaType",                    T_CHOICE, 0, "none|local-totp", "\"none\"", .doc = "local-totp: after an enrolment; none ends it" },
	CONTACT_FIELDS,
	{ "primaryContact",             T_BOOL,   0, .otherwise = "false", .doc = "of the tenant" },
	{ "receiveNotifications",       T_BOOL,   0, .otherwise = "false", .doc = "alerts are mailed" },
	PDF_FIELDS,
	{ "created",                    T_TIME,   F_READ_ONLY, .doc = "when it was made" },
	{ "lastPasswordChange",         T_TIME,   F_READ_ONLY, .doc = "when the password was set" },
	{ "lastSignIn",                 T_TIME,   F_READ_ONLY, .doc = "when the user signed in last" },
	{ "unlockTime",                 T_TIME,   F_OMIT_EMPTY, .doc = "locked until then; 0 unlocks" },
	{ "unsuccessfulSignInAttempts", T_INT,    F_READ_ONLY, .otherwise = "0", .doc = "since the last sign-in" },
	{ "directoryName",              T_TEXT,   F_READ_ONLY | F_OMIT_EMPTY, .doc = "of an external user" },
	{ "directoryInfo",              T_TEXT,   F_READ_ONLY | F_OMIT_EMPTY | F_NOT_SEARCHED, .doc = "the same" },
	{ "external",                   T_BOOL,   F_READ_ONLY, .otherwise = "false", .doc = "signs in elsewhere" },
	{ "externalUserID",             T_TEXT,   F_READ_ONLY | F_OMIT_EMPTY, .doc = "there" },
	{ "type",                       T_CHOICE, F_READ_ONLY, "normal|temporary", "\"normal\"", .doc = "" },
	{ "readOnly",                   T_BOOL,   F_READ_ONLY, .otherwise = "false", .doc = "" },
	ID_FIELD,
	{ "UTCOffset",                  T_TEXT,   F_READ_ONLY | F_OMIT_EMPTY | F_NOT_SEARCHED, .doc = "" },
	{ 0 },
};

static const struct field contact_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	CONTACT_FIELDS,
	{ "locale", T_CHOICE, F_NOT_SEARCHED, "en-US|ja-JP", "\"en-US\"", .doc = "of reports" },
	{ "roleID", T_INT,    0, .otherwise = "2", .min = 1, .doc = "which objects the contact's reports show" },
	PDF_FIELDS,
	ID_FIELD, { 0 },
};
/* clang-format on */

static int refuse(struct call *c, const char *text)
{
	return err_set(&c->why, -EINVAL, "%s", text);
}

/* The role must exist, and be no more than what the one who asks has. */
static int role_of_user(struct call *c, const json_t *old, const json_t *o)
{
	int64_t id = json_int(o, "roleID", 0);
	AUTO(json_decrefp) json_t *role = object_get(c->app->store, "roles", id);
	if (!role)
		return err_set(&c->why, -EINVAL, "roleID %lld does not exist.", (long long)id);
	if (!access_grants(c, id) || (old && !access_grants(c, json_int(old, "roleID", 0))))
		return refuse(c, "Not authorized to manage users who have more rights.");
	return 0;
}

static void unlock(json_t *o)
{
	if (json_int(o, "unlockTime", -1) == 0) {
		json_object_del(o, "unlockTime");
		json_set_int(o, "unsuccessfulSignInAttempts", 0);
	}
}

/* ---- API keys ---- */

static int key_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id;
	int rc = role_of_user(c, old, o);
	if (rc < 0)
		return rc;
	if (!old)
		json_set_int(o, "created", (int64_t)clock_ms());
	unlock(o);
	return 0;
}

/* ---- roles ---- */

enum { PREDEFINED = 2 }; /* roles 1 and 2 */

static int ids_right(struct call *c, const json_t *o)
{
	static const struct {
		const char *field, *kind;
	} lists[] = { { "computerIDs", "computers" },
		      { "computerGroupIDs", "computergroups" },
		      { "policyIDs", "policies" } };
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		size_t k;
		json_t *v;
		json_array_foreach (json_object_get(o, lists[i].field), k, v) {
			AUTO(json_decrefp)
			json_t *there =
				object_get(c->app->store, lists[i].kind, json_integer_value(v));
			if (!there)
				return err_set(&c->why, -EINVAL, "%s: %lld does not exist.",
				               lists[i].field, (long long)json_integer_value(v));
		}
	}
	return 0;
}

static int role_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)old;
	if (id > 0 && id <= PREDEFINED)
		return refuse(c, "A predefined role cannot be changed.");
	int rc = role_rights_take(json_object_at(c->body, "rights"), o, &c->why);
	if (rc == 0)
		rc = ids_right(c, o);
	if (rc == 0 && !access_covers(c, o))
		rc = refuse(c, "Not authorized to give more rights than one has.");
	return rc;
}

static void role_show(struct call *c, int64_t id, const json_t *full, json_t *o)
{
	(void)c;
	json_set(o, "rights", role_rights(full, id));
}

static int role_may_delete(struct call *c, int64_t id)
{
	static const char *const refs[] = { "roleID", NULL };
	static const char *const kinds[] = { "administrators", "apikeys", "contacts" };
	if (id <= PREDEFINED)
		return refuse(c, "A predefined role cannot be deleted.");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (resource_named_by(c->app, kinds[i], refs, id))
			return resource_in_use(c, "role");
	return 0;
}

/* ---- administrators ---- */

/* Who may not edit administrators may edit themselves, but for what gives power. */
static int self_right(struct call *c, int64_t id, const json_t *old, const json_t *o)
{
	static const char *const fixed[] = {
		"username", "roleID", "active", "unlockTime", "passwordNeverExpires", "mfaType"
	};
	if (id == 0 || role_has(c->role, c->who.role, "canEditAdministratorProperties"))
		return 0;
	bool same = !json_object_get(o, "password");
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		same &= json_object_get(old, fixed[i]) == json_object_get(o, fixed[i]) ||
		        json_equal(json_object_get(old, fixed[i]), json_object_get(o, fixed[i]));
	return same ? 0 : refuse(c, "Not authorized to change that of one's own account.");
}

static bool is_last(struct call *c, int64_t id)
{
	struct rows r;
	bool other = false;
	int rc = store_query(c->app->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT("administrators")), &r);
	while (rc == 0 && !other && rows_next(&r) == 1) {
		AUTO(json_decrefp) json_t *o = json_parse(col_str(&r, 1), NULL);
		other = r.col[0].i != id && json_bool(o, "active", true) &&
		        json_int(o, "roleID", 0) == 1;
	}
	rows_done(&r);
	return !other;
}

static int take_password(struct call *c, const json_t *old, json_t *o)
{
	const char *password = json_text(o, "password", NULL);
	if (!password)
		return old ? 0 : refuse(c, "password is required.");
	int rc = password_right(c->app, password, json_text(o, "username", ""), &c->why);
	if (rc < 0)
		return rc;
	c->secret = xstrdup(password);
	json_object_del(o, "password");
	json_set_int(o, "lastPasswordChange", (int64_t)clock_ms());
	return 0;
}

static int take_mfa(struct call *c, int64_t id, json_t *o)
{
	bool on = strcmp(json_text(o, "mfaType", "none"), "local-totp") == 0;
	if (on && !(id && totp_enrolled(c->app, id)))
		return refuse(c, "mfaType local-totp needs an enrolment first.");
	if (!on && id)
		totp_forget(c->app, id);
	return 0;
}

static int administrator_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	int rc = self_right(c, id, old, o);
	if (rc == 0)
		rc = role_of_user(c, old, o);
	bool full = json_int(o, "roleID", 0) == 1 && json_bool(o, "active", true);
	if (rc == 0 && id && !full && is_last(c, id))
		rc = refuse(c, "The last active administrator with full access has to stay one.");
	if (rc == 0)
		rc = take_password(c, old, o);
	if (rc == 0)
		rc = take_mfa(c, id, o);
	if (!old)
		json_set_int(o, "created", (int64_t)clock_ms());
	unlock(o);
	return rc;
}

static void administrator_changed(struct call *c, int64_t id, const json_t *old, const json_t *o)
{
	bool sign_out = !o || c->secret || !json_bool(o, "active", true);
	if (c->secret)
		password_store(c->app, id, c->secret);
	if (old && sign_out)
		sessions_end(c->app, id, c);
	if (!o)
		totp_forget(c->app, id);
}

static int administrator_may_delete(struct call *c, int64_t id)
{
	AUTO(json_decrefp) json_t *o = object_get(c->app->store, "administrators", id);
	if (id == c->who.administrator)
		return refuse(c, "One cannot delete oneself.");
	if (!access_grants(c, json_int(o, "roleID", 0)))
		return refuse(c, "Not authorized to manage users who have more rights.");
	return is_last(c, id) ? refuse(c, "The last administrator with full access has to stay.")
	                      : 0;
}

static int contact_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id;
	return role_of_user(c, old, o);
}

/* clang-format off */
#define ALL_RIGHTS_OF(Noun) .view = "canView" Noun "s", RIGHTS_OF(Noun)
const struct resource admin_resources[] = {
	{ "apikeys", "apiKeys", "API key", "keyName", NULL, key_fields, V_EVERY, .check = key_check, ALL_RIGHTS_OF("ApiKey") },
	{ "roles", "roles", "role", "name", NULL, role_fields, V_EVERY, .check = role_check, .show = role_show,
	  .may_delete = role_may_delete, ALL_RIGHTS_OF("AdministratorRole") },
	{ "administrators", "administrators", "administrator", "username", NULL, administrator_fields, V_EVERY,
	  .check = administrator_check, .changed = administrator_changed, .may_delete = administrator_may_delete, ALL_RIGHTS_OF("Administrator") },
	{ "contacts", "contacts", "contact", "name", NULL, contact_fields, V_EVERY, .check = contact_check, ALL_RIGHTS_OF("Contact") },
	{ 0 },
};
/* clang-format on */
