#pragma once
#include "manager/manager.h"

/*
 * Runs the scripts of scheduled tasks, for the core: one at a time, as a user of its own, without
 * any right, in a box that its children cannot leave. Which scripts there are is root's to say: the
 * folder ETC/scripts and every file that may run belong to root, and nobody else can write them.
 */

enum { RUNNER_OUTPUT = 4096 }; /* bytes of a script's output that are kept */

extern int (*const runner_on[])(struct self *me, struct peer *p, struct imsg *m);
/* In the guard: its folder for temporary files, empty. */
int runner_prepare(struct self *guard, unsigned instance,
                   struct birth_fd out[static BIRTH_FDS_MAX]);
int runner_start(struct self *me);
void runner_stop(struct self *me);
