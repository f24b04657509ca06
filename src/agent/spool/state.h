#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "agent/spool/disk.h"
#include "base/err.h"

/*
 * What the spool knows beside its segments. The file has two slots that are written in turn, in
 * place: a crash leaves one of them whole, and writing needs no free space on a full disk.
 */
struct state {
	uint64_t generation;
	uint64_t reserved; /* numbers below this may have been given to events */
	uint64_t acked;    /* the manager has everything up to this number */
	uint64_t lost;     /* lost since the beginning */
	uint64_t untold;   /* of these, not yet told by an event */
	uint64_t telling;  /* the event named `unique` that is being written tells so many */
	char unique[65];
	/* The segment that is being given up, with so many events; victim_count 0: none. */
	uint64_t victim, victim_count;
	uint32_t victim_severity;
};

struct state_file {
	int fd; /* owned */
	const struct disk *disk;
	struct state s;
};

/* Opens or creates "state" below dir. *fresh: there was none that could be read. */
int state_open(struct state_file *f, int dir, const struct disk *disk, bool *fresh);
int state_save(struct state_file *f, bool sync);
void state_done(struct state_file *f);
