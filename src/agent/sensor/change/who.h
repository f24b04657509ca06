#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "module/integritymonitoring/integritymonitoring.h"

/*
 * Who acts: programs, users and containers of processes, also of those that have ended. The
 * kernel's process connector (CONFIG_PROC_EVENTS) tells of each program that begins and each
 * process that is forked, so that what is known of one does not have to be read when it is asked
 * for.
 */
struct whos;

/* Shared by everybody who points to it. */
struct person {
	unsigned refs;
	struct im_actor actor; /* points into text */
	char text[];
};

struct whos *whos_new(void);
void whos_free(struct whos *w);
/* What the kernel says of this process; gone: it has ended, /proc is of nobody or another. A new
 * reference, never NULL. */
struct person *whos_get(struct whos *w, pid_t pid, bool gone);
void person_drop(struct person *p);
struct person *person_hold(struct person *p);
/* A datagram of the connector: true when a process began or ended. */
bool whos_told(struct whos *w, struct str datagram);
/* Events were lost: what was known is read anew. */
void whos_forget(struct whos *w);
