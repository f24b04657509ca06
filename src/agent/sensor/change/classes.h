#pragma once
#include "agent/sensor/change/who.h"
#include "proc/loop.h"

/*
 * What is no path and is watched: processes (the connector tells), ports (the kernel's list of
 * listening sockets is read twice a second: nothing tells of a new one), users, groups, packages
 * and services (inotify(7) on the directories where the host keeps them). Told is that a class was
 * touched; `tree` looks what is different.
 */
struct classes {
	struct loop *loop;      /* borrowed */
	struct whos *whos;      /* borrowed */
	struct watch connector; /* .fd -1: this namespace has none */
	struct watch folders;
	int sockets;
	bool watched[IM_LINUX_CLASSES];
	struct {
		uint64_t due_ms;   /* monotonic; 0: not touched */
		struct person *by; /* owned; NULL: not known */
	} touched[IM_LINUX_CLASSES];
	uint16_t folder_of[4096]; /* by watch descriptor: 1 + row of the table */
	uint64_t round_ms, ports_ms, processes_ms, ports_seen;
};

/* Takes the descriptors that we were born with (-1: there is none). */
int classes_init(struct classes *c, struct loop *l, struct whos *w, int connector, int sockets);
void classes_done(struct classes *c);
/* Which are watched. */
void classes_want(struct classes *c, const struct im_rules *watched);
bool classes_any(const struct classes *c);
/* A path that was touched may be where a class is kept. */
void classes_path(struct classes *c, struct str path, struct person *by, uint64_t now_ms);
void classes_tick(struct classes *c, uint64_t now_ms);
/* A class that was touched and is due (its person is the caller's), or IM_LINUX_CLASSES. */
enum im_class classes_take(struct classes *c, uint64_t now_ms, struct person **by);
/* Reads what the connector has told so far. */
void classes_drain(struct classes *c);
/* NULL last: the files in which the watched classes are kept. */
extern const char *const classes_files[];
