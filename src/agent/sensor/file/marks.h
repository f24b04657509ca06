#pragma once
#include <jansson.h>

#include "agent/agent.h"
#include "base/map.h"

/*
 * Which file systems real time asks about: a mark on each, set by the guard. Those of this host and
 * of every other mount namespace, since a container's file systems may be seen in its own only.
 * Namespaces are looked through in rounds, a few at each tick; a mark lies on the file system
 * itself, so that bind mounts and copies into new namespaces need none.
 */
struct marks {
	struct self *me;
	int group;        /* the sensor's */
	struct map asked; /* "MOUNT-ID MAJOR:MINOR" or a path: struct mark, owned */
	unsigned waiting; /* for the guard's answer */
	unsigned held;    /* mount points open until it comes */
	json_t *failed;   /* owned: sentences for the status */
	char *wanted;     /* owned: the setting in force; NULL: nothing is protected */
	struct round *round;
	uint64_t round_number, rest_until_ms;
	bool single;                      /* wanted is one directory, whatever its name */
	bool settled;                     /* the first round after marks_want() is done */
	void (*changed)(struct marks *m); /* a mark was set, failed, or is gone */
	void *owner;
};

void marks_init(struct marks *m, struct self *me, int group);
void marks_done(struct marks *m);
/* What antiMalwareSettingRealTimeMounts says: "local", or directories with ":" between; NULL:
 * nothing any more. */
void marks_want(struct marks *m, const char *wanted);
/* Another step; now: this namespace's mounts have changed, look at them at once. */
void marks_tick(struct marks *m, bool now);
void marks_answered(struct marks *m, const json_t *answer); /* M_MARKED */
/* Everything that is wanted and known is marked. */
bool marks_complete(const struct marks *m);
json_t *marks_shown(const struct marks *m); /* mount points, one of each file system; new */
