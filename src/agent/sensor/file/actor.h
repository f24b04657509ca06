#pragma once
#include "agent/desk.h"

/* Who opened or wrote a file, from /proc, which is never protected. */
struct actors;

enum { WHO_NO_PIDFD = -3 }; /* the kernel gives none; -1: the process is gone, -2: it could not */

struct who {
	pid_t pid;
	int pidfd; /* the sensor's */
};

/* Reads /etc/passwd: to be called before anything is protected. Never NULL. */
struct actors *actors_new(void);
void actors_free(struct actors *a);
/*
 * Completes the look with the actor's image, user and container. A process that has ended meanwhile
 * is described as it was when it last asked for a file that was not known.
 */
void actor_describe(struct actors *a, struct look *l, const struct who *who);
