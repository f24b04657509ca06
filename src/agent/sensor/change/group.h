#pragma once
#include "agent/agent.h"

/* What the sensor of changes is born with, made by the guard. */

/* Opens what this kernel has of it; the number of descriptors, or -errno without fanotify. */
int group_prepare(struct birth_fd out[static BIRTH_FDS_MAX]);
/* Marks the file system of a path ("": takes all marks away); -errno. */
int group_mark(int group, const char *path);
/* The connector tells of processes from now on, or no longer; -errno. */
int group_listen(int connector, bool on);
