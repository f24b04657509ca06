#pragma once
#include "module/integritymonitoring/baseline.h"

/*
 * A baseline in a file. It is written beside the old one, synced and renamed over it, so that there
 * is a whole one at every moment; one that is not whole, or of which a bit is another, is refused
 * before anything of it is used.
 */
struct keep {
	int fd;         /* owned */
	json_t *header; /* owned: {"made","program","previous","source"} */
	struct im_totals totals;
	struct im_chain root, chain;
	struct buf chunk; /* what was read and not used */
	uint64_t at, size;
	struct im_unpacker unpacker;
	struct buf block;
	bool ended;
};

/* -ENOENT: there is none; -EBADMSG: it is damaged (why says so). k: keep_close() in any case. */
int keep_open(struct keep *k, int dir, const char *path, struct err *why);
void keep_close(struct keep *k);
/* 1: the next entity (borrowed until the one after), 0: the end, -EBADMSG or -errno. */
int keep_next(struct keep *k, struct im_entity *out);

/* Where a block of entities is, for reading one without those before it. */
struct keep_place {
	uint64_t at;
	struct im_chain before;
};

/* Moves on to the next block of entities: 1 (out: where it is), 0 at the end, -EBADMSG or -errno.
 */
int keep_block(struct keep *k, struct keep_place *out);
/* Back to a block that keep_block() came to: keep_next() goes on with its first entity. */
int keep_seek(struct keep *k, const struct keep_place *p);

struct keeper {
	int dir;                /* borrowed */
	char *path, *temporary; /* owned */
	int fd;                 /* owned */
	struct im_packer packer;
	struct im_chain chain;
	struct im_totals totals;
	struct buf out;
	int error;
};

/* previous: the root of the one that it is made from; NULL: none. -EBUSY: another run is writing
 * this baseline. */
int keeper_open(struct keeper *k, int dir, const char *path, const json_t *source,
                const struct im_chain *previous, struct err *why);
/* Sticky: keeper_commit() says whether all went well. */
void keeper_add(struct keeper *k, const struct im_entity *e);
/* Whole, on disk, and in the place of the old one; k->chain is the root then. */
int keeper_commit(struct keeper *k, struct err *why);
void keeper_close(struct keeper *k); /* what was not committed is removed */

/* The baseline of this name is kept beside the next one as PATH.1; what was PATH.1 becomes PATH.2,
 * up to `kept`. What cannot be kept is no reason not to go on. */
void keep_rotate(int dir, const char *path, int kept);
