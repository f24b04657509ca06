#pragma once
#include <sys/queue.h>

#include "agent/agent.h"
#include "model/event.h"

/*
 * Events of this process until the spool says that they are on disk. A spool that was started
 * again gets what it had not acknowledged once more; it drops what it knows.
 */
struct outbox {
	struct self *me;
	TAILQ_HEAD(outbox_list, outbox_entry) waiting;
	uint32_t next_id;
	unsigned in_flight;
	size_t bytes; /* of all that wait */
};

void outbox_init(struct outbox *o, struct self *me);
void outbox_done(struct outbox *o);
void outbox_put(struct outbox *o, const struct event *ev);
/* From the handlers of M_EVENT_KEPT, and from `up` and `down` of the spool. */
void outbox_kept(struct outbox *o, uint32_t id);
void outbox_up(struct outbox *o);
void outbox_down(struct outbox *o);
/* In stop(): until all is kept, at most so long. */
void outbox_flush(struct outbox *o, unsigned ms);
/* Shortcut: a system event with at most one description. */
void outbox_system(struct outbox *o, const char *kind, const char *description);
