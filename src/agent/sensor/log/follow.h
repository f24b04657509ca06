#pragma once
#include <sys/queue.h>

#include "agent/sensor/log/positions.h"
#include "module/loginspection/lines.h"

/*
 * A log file that is read while it grows. Nothing of it is kept but the position and the bytes
 * before it: each look reads from there, so that a file that was cut off or written anew is seen.
 */
struct follow {
	TAILQ_ENTRY(follow) next;
	struct position at; /* at.path owned */
	char *name;         /* owned: where it lies now */
	int fd;             /* owned; -1: known, and not found yet */
	struct li_lines lines;
	bool saved;    /* what names its lines is on disk: they may be told */
	uint64_t seen; /* how far there were bytes at the last look */
	uint64_t grown_ms, next_ms;
	int64_t looked_ns; /* when it was looked at last, since the epoch */
	uint64_t left_ms;  /* since when its name means another file; 0: it does not */
	uint64_t nlines, nevents;
};
TAILQ_HEAD(follow_list, follow);

struct follow *follow_new(struct str path, enum li_format format);
void follow_free(struct follow *f);
/* Takes the descriptor; finds out about encoding. */
void follow_open(struct follow *f, int fd, uint64_t dev, uint64_t ino);
/* Begins anew: another content under the same descriptor. at: where. */
void follow_begin(struct follow *f, uint64_t at);
/* Nothing was read yet: the first bytes tell it from others. */
void follow_head(struct follow *f);
/* Are the bytes before the position in this file what they were? */
bool position_holds(const struct position *p, int fd);

/* Room for one look, shared by all files. */
struct look_room {
	char *p; /* owned, FOLLOW_CHUNK bytes */
	struct buf text;
};
enum { FOLLOW_CHUNK = 256 << 10 };

/* A line, or several that are one event. cut: only its beginning. */
typedef void follow_line_fn(void *arg, struct follow *f, struct str text, uint64_t offset,
                            bool cut);

/*
 * One look: how many bytes were taken, 0: nothing is complete; -ESTALE: it is not the file any more
 * that was read (cut off, or written anew). end: nothing will be added any more: an open last line
 * counts.
 */
int64_t follow_look(struct follow *f, struct look_room *room, uint64_t now_ms, bool end,
                    follow_line_fn *line, void *arg);
