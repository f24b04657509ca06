#pragma once
#include <sys/queue.h>

#include "agent/sensor/change/event.h"
#include "agent/sensor/change/who.h"
#include "base/map.h"

/*
 * Bursts are folded: many events about one name in one directory, until they are told, are one.
 * Bounded: what does not fit is lost, and said so.
 */
enum { FOLD_MAX = 100000 };

/* A name that was touched. */
struct folded {
	TAILQ_ENTRY(folded) next;
	uint64_t mask;        /* of all events */
	uint64_t since_ms;    /* of the first */
	struct person *by;    /* owned: of the last */
	struct str dir, name; /* into text */
	struct str file;      /* the file's own handle; may be empty */
	char *text;           /* owned */
};

struct fold {
	struct map by_name;
	TAILQ_HEAD(folds, folded) list; /* the oldest first */
};

void fold_init(struct fold *f);
void fold_done(struct fold *f);
/* 0, or -ENOBUFS: there are too many. by: a reference is taken. */
int fold_add(struct fold *f, uint64_t mask, struct str dir, struct str name, struct str file,
             struct person *by, uint64_t now_ms);
/* The oldest that waited so long, or NULL; it is the caller's. What is still being written waits
 * longer. */
struct folded *fold_take(struct fold *f, uint64_t now_ms);
void folded_free(struct folded *d);
