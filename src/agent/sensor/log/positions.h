#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * What `logs` knows over a restart: how far each file was read, and the engine's state at that very
 * line. A file is what it was if the bytes before its position are still the same.
 */

enum { STREAM_ID = 16, BEFORE_MAX = 64 };

struct position {
	struct str path; /* under which its lines are told */
	uint8_t format;  /* enum li_format */
	uint64_t dev, ino;
	uint8_t stream[STREAM_ID]; /* drawn at random: with an offset it names a line for ever */
	uint64_t done;             /* everything before it was looked at */
	/* The last bytes before it; where nothing was read yet, the first bytes of the file, if
	 * any. */
	uint8_t before[BEFORE_MAX];
	uint32_t before_n;
	bool skipping; /* in the middle of a line whose beginning was judged */
	bool finite;   /* a rotated copy */
	bool sought;   /* it was rotated away: the rest is looked for in copies */
	bool away;     /* ... and nobody read the log from then on: newer copies count, too */
	int64_t since_ns;
};

struct positions {
	int64_t saved_ns;       /* when, since the epoch */
	struct position *files; /* in the arena, or the caller's */
	size_t nfiles;
	struct str *sources; /* "format location": those that were known */
	size_t nsources;
	struct str cursor; /* of the journal */
	struct str engine; /* li_engine_save() */
};

void positions_write(struct buf *out, const struct positions *p);
/* Borrows from text and the arena. -EBADMSG: no positions. */
int positions_read(struct str text, struct arena *arena, struct positions *out);
