#pragma once
#include <sys/types.h>

#include "base/err.h"

/* What `yagura-manager --setup` knows when it makes the database LIB/yagura.db. */
struct setup {
	const char *lib; /* the directory, which exists and belongs to uid and gid */
	uid_t uid;       /* of the core process: the files must be its */
	gid_t gid;
	const char *host;     /* the name that agents and browsers use, as far as known */
	const char *password; /* of the first administrator, "admin" */
};

/*
 * Creates the database, the tenant, the default policy and lists and the first administrator, or
 * nothing: -EEXIST when there is a database already. Runs as root before any process is started.
 */
int setup_database(const struct setup *s, struct err *why);
