#pragma once
#include <stdint.h>

#include "base/str.h"

/* A line of mountinfo (proc(5)) that is worth protecting. */
struct mount_point {
	uint64_t id;              /* of the mount, the same in no two namespaces */
	uint32_t major, minor;    /* of the file system */
	const char *path;         /* where it is mounted, in its namespace */
	const char *root;         /* which directory of the file system that is */
	struct str type, options; /* of the file system, as they are written there */
};

/* Calls each(arg, mount point) for local file systems. */
void mounts_local(struct str mountinfo, void (*each)(void *arg, const struct mount_point *m),
                  void *arg);
