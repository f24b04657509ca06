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
#include "manager/store/seed.h"
#include "manager/store/store.h"
#include "module/module.h"

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
