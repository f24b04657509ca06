#pragma once
#include "base/str.h"

/* A line of mountinfo (proc(5)) that is worth protecting: calls each(arg, mount point) for local
 * file systems. */
void mounts_local(struct str mountinfo, void (*each)(void *arg, const char *path), void *arg);
