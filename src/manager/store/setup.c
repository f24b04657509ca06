#include "manager/store/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/rand.h"
#include "manager/api/app.h"
#include "manager/store/store.h"
#include "module/module.h"

/* What a new manager knows, under the names and IDs that existing clients look up (rest-api.md
 * section 11). */

static int add(struct store *s, const char *kind, int64_t id, json_t *given)
{
	const struct resource *r = resource_find(str_of(kind));
	AUTO(json_decrefp) json_t *o = given;
	int64_t out = 0;
	struct err why = { { 0 } };
	AUTO(json_decrefp) json_t *copy = json_deep_copy(o);
	if (fields_take(r->fields, copy, o, true, &why) < 0)
		return -EINVAL;
	return object_add(s, r, id, o, &out);
}

static int seed(struct store *s)
{
	int64_t now = (int64_t)clock_ms();
	struct {
		const char *kind;
		int64_t id;
		json_t *object;
	} rows[] = {
		{ "roles", 1,
		  json_pack("{s:s,s:s,s:s,s:b,s:b,s:b,s:b}", "name", "Full Access", "description",
		            "May do everything.", "urn", "urn:yagura:role:full-access", "immutable",
		            1, "allComputers", 1, "allPolicies", 1, "allowWebService", 1) },
		{ "roles", 2,
		  json_pack("{s:s,s:s,s:s,s:b,s:b,s:b,s:b}", "name", "Auditor", "description",
		            "May see everything and change nothing.", "urn",
		            "urn:yagura:role:auditor", "immutable", 1, "allComputers", 1,
		            "allPolicies", 1, "allowWebService", 1) },
		{ "administrators", 1,
		  json_pack("{s:s,s:I,s:b,s:I,s:I}", "username", "admin", "roleID", (json_int_t)1,
		            "active", 1, "created", (json_int_t)now, "lastPasswordChange",
		            (json_int_t)now) },
		{ "schedules", 4, json_pack("{s:s}", "name", "Every Day All Day") },
		{ "computergroups", 1,
		  json_pack("{s:s,s:s}", "name", "Computers", "type", "root") },
		{ "antimalwareconfigurations", 1,
		  json_pack("{s:s,s:s}", "name", "Default Real-Time Scan Configuration", "scanType",
		            "real-time") },
		{ "antimalwareconfigurations", 2,
		  json_pack("{s:s,s:s}", "name", "Default Manual Scan Configuration", "scanType",
		            "on-demand") },
		{ "antimalwareconfigurations", 3,
		  json_pack("{s:s,s:s}", "name", "Default Scheduled Scan Configuration", "scanType",
		            "on-demand") },
		{ "antimalwareconfigurations", 4,
		  json_pack("{s:s,s:s,s:I}", "name", "Advanced Real-Time Scan Configuration",
		            "scanType", "real-time", "scanCompressedMaximumLevels",
		            (json_int_t)6) },
		{ "policies", 1,
		  json_pack("{s:s,s:s,s:{s:s,s:I,s:I,s:I,s:I}}", "name", "Base Policy",
		            "description", "What every other policy inherits from.", "antiMalware",
		            "state", "off", "realTimeScanConfigurationID", (json_int_t)1,
		            "realTimeScanScheduleID", (json_int_t)4, "manualScanConfigurationID",
		            (json_int_t)2, "scheduledScanConfigurationID", (json_int_t)3) },
		{ "policies", 2,
		  json_pack("{s:s,s:s,s:I}", "name", "Linux Server", "description",
		            "For servers that run Linux.", "parentID", (json_int_t)1) },
	};
	int rc = 0;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rc == 0)
			rc = add(s, rows[i].kind, rows[i].id, json_incref(rows[i].object));
		json_decref(rows[i].object);
	}
	return rc;
}

static int fill(struct store *s, const struct setup *setup)
{
	char guid[37], token[33], hash[128];
	int rc = password_hash(setup->password, hash);
	if (rc == 0)
		rc = seed(s);
	if (rc == 0)
		rc = store_exec(s, STMT_SECRET_SET,
		                ARGS(VAL_TEXT("administrators"), VAL_INT(1), VAL_TEXT(hash)));
	rand_guid(guid);
	if (rc == 0)
		rc = store_exec(s, STMT_META_SET, ARGS(VAL_TEXT("tenant"), VAL_TEXT(guid)));
	rand_guid(guid);
	if (rc == 0)
		rc = store_exec(s, STMT_META_SET, ARGS(VAL_TEXT("manager"), VAL_TEXT(guid)));
	rand_password(token, 32);
	if (rc == 0)
		rc = store_exec(s, STMT_META_SET, ARGS(VAL_TEXT("token"), VAL_TEXT(token)));
	return rc;
}

static void give(const char *path, const struct setup *setup)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		char full[PATH_MAX + 8];
		snprintf(full, sizeof(full), "%s%s", path, suffixes[i]);
		AUTO(closep) int fd = open(full, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && geteuid() == 0 && fchown(fd, setup->uid, setup->gid) < 0)
			continue;
		if (fd >= 0)
			fchmod(fd, 0600);
	}
}

int setup_database(const struct setup *setup, struct err *why)
{
	char path[PATH_MAX];
	struct store *s = NULL;
	snprintf(path, sizeof(path), "%s/yagura.db", setup->lib);
	if (access(path, F_OK) == 0)
		return err_set(why, -EEXIST, "there is a database already: %s", path);
	umask(0077);
	int rc = store_open(&s, path, why);
	if (rc == 0)
		rc = store_migrate(s, event_classes, why);
	if (rc == 0)
		rc = store_begin(s);
	if (rc == 0) {
		rc = fill(s, setup);
		if (rc < 0)
			err_set(why, rc, "fill the database: %s", store_error(s));
		int end = store_end(s, rc == 0);
		rc = rc < 0 ? rc : end;
	}
	store_free(s);
	if (rc < 0)
		unlink(path);
	else
		give(path, setup);
	return rc;
}
