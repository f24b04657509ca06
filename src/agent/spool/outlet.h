#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "agent/spool/journal.h"

/*
 * Events that this agent forwards to syslog receivers by itself (docs/forwarding.md): a journal of
 * its own for each receiver, below the spool's folder, so that one that is away holds up nobody.
 */
struct outlet {
	LIST_ENTRY(outlet) next;
	int64_t id; /* of the syslog configuration */
	struct journal journal;
	bool in_flight;
	uint64_t again_ms, pause_ms; /* it took nothing: not before then; monotonic */
};

struct outlets {
	int dir; /* borrowed */
	uint64_t max_bytes;
	LIST_HEAD(, outlet) list;
	json_t *routes; /* owned: {CLASS:ID}; NULL: none */
};

/* Goes on with what the routes were, so that nothing slips by before the policy is there. */
int outlets_open(struct outlets *o, int dir, uint64_t max_bytes, struct err *why);
void outlets_done(struct outlets *o);
/* New routes, {CLASS:ID} or NULL. A receiver that none leads to loses its queue. */
int outlets_route(struct outlets *o, const json_t *routes);
/* Keeps the event for the receiver of its class, if it has one; for certain after the commit. */
int outlets_add(struct outlets *o, const struct event *ev, struct str text);
int outlets_commit(struct outlets *o);
int outlets_limit(struct outlets *o, uint64_t max_bytes);
/*
 * The next events of a receiver that may have some, as journal_batch(); its ID, 0: there is none.
 * Then outlets_answer(): it has everything up to seq; 0: it does not take any now, and is asked
 * again after a while.
 */
int64_t outlets_next(struct outlets *o, unsigned max_events, size_t max_bytes, struct buf *out);
int outlets_answer(struct outlets *o, int64_t id, uint64_t seq);
void outlets_restart(struct outlets *o); /* whoever sends for us began anew */
/* Events that a full queue gave up since the last call, of any one receiver. 0: none. */
uint64_t outlets_lost(struct outlets *o, int64_t *id);
