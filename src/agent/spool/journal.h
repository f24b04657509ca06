#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "agent/spool/gone.h"
#include "agent/spool/state.h"
#include "base/buf.h"
#include "base/map.h"
#include "model/event.h"

/*
 * Events on disk until the manager has them. Each severity has its own segment files, so that
 * giving up the oldest of the lowest severity is removing a file, which needs no space. A sequence
 * number is never given twice: the state file reserves them in blocks.
 */
enum { SEVERITIES = SEVERITY_ERROR + 1 };

struct segment {
	TAILQ_ENTRY(segment) next;
	unsigned severity;
	uint64_t first; /* number of its first event; with the severity it names the file */
	uint64_t size;
	uint64_t live; /* events that the manager has not yet */
	bool dirty;
	int fd; /* owned */
};

struct item {
	uint64_t seq;
	uint64_t digest[2];      /* of its unique name */
	struct segment *segment; /* NULL: given up */
	uint64_t body_at;
	uint32_t body_len;
};

struct journal {
	int dir; /* owned */
	const struct disk *disk;
	struct state_file state;
	bool state_dirty;
	uint64_t max_bytes, bytes;
	TAILQ_HEAD(segment_list, segment) segments[SEVERITIES];
	struct item *items; /* owned; by seq, from `head` to `n` */
	size_t head, n, cap;
	size_t committed;                   /* items before this are on disk for certain */
	uint64_t flight_first, flight_last; /* handed out and not yet acknowledged; 0: nothing */
	struct map uniques;
	struct gone gone; /* what is in the count of lost events */
	uint64_t keys[2][2];
	uint64_t next;    /* sequence number */
	uint64_t damaged; /* bytes that replay could not read */
	bool dir_dirty;
	struct buf record; /* being written */
};

/* Replays what lies in dir (taken over), repairs what a crash left. */
int journal_open(struct journal *j, int dir, const struct disk *disk, uint64_t max_bytes,
                 struct err *why);
void journal_done(struct journal *j);

enum journal_fate { JOURNAL_KEPT, JOURNAL_KNOWN, JOURNAL_LOST };
/*
 * Writes an event; it is kept for certain after the next journal_commit(). Full or no space: older
 * events of the same or a lower severity are given up, or else this one, and counted, each once.
 * One that was lost and is told again when there is room is kept, and leaves the count as long as
 * that was not told. < 0: the disk fails.
 */
int journal_add(struct journal *j, enum event_severity severity, struct str unique,
                struct str body);
int journal_commit(struct journal *j);
/* When events were lost and not yet told: an event that says how many. 1: it was written. */
int journal_tell(struct journal *j);
int journal_limit(struct journal *j, uint64_t max_bytes);

/*
 * The next committed events with consecutive numbers as the body of POST /agent/events; they are
 * pinned until journal_ack() or journal_unpin(). 0: how many, 0 when there is nothing.
 */
int journal_batch(struct journal *j, unsigned max_events, size_t max_bytes, struct buf *out);
int journal_ack(struct journal *j, uint64_t seq); /* the manager has everything up to seq */
void journal_unpin(struct journal *j);

uint64_t journal_events(const struct journal *j); /* waiting */
