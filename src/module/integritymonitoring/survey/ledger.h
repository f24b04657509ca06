#pragma once
#include "base/arena.h"
#include "base/map.h"
#include "module/integritymonitoring/survey/keep.h"

/*
 * What is known of the host while real time watches: a baseline, and what was told of since. An
 * entity is found without reading the baseline through (one block of it is read); what changed is
 * kept in memory and in a journal beside the baseline (NAME.changes): blocks as the baseline's, the
 * first of which names the baseline's root, so that a journal of another baseline is none. Its end
 * may be cut off at any byte: then the changes that it lost are found once more.
 */
struct ledger {
	struct keep keep;
	char root[2 * IM_CHAIN + 1]; /* of the baseline, hexadecimal */
	struct ledger_block *blocks; /* owned: the baseline's */
	size_t nblocks, block;       /* block: whose entities keep has at hand; SIZE_MAX: none */
	struct arena arena;          /* the first keys of blocks, names of links */
	struct map lines;            /* by kind and key: struct ledger_line, owned */
	struct map links;            /* by device and inode: struct ledger_link, of the arena */
	struct ledger_inode *inodes; /* owned: of files with one name, by hash: their blocks */
	size_t ninodes, inode_cap;
	struct buf found; /* what the last entity found points to */
	struct im_unpacker unpacker;
	struct ledger_line **frozen; /* owned: in order, as they were when a survey began */
	size_t nfrozen, thawed;
	struct im_unpacker frozen_unpacker;
	struct buf frozen_text;
	uint64_t round; /* counts surveys: lines of this round are newer than the running one */
	int dir;        /* borrowed */
	char *journal;  /* owned: its name */
	int fd;         /* owned: the journal; -1: none yet */
	struct im_chain chain;
	struct im_packer pending; /* told, not yet in the journal */
	size_t bytes;             /* of all lines */
};

/* -ENOENT: there is no baseline; -EBADMSG: it is damaged (why says so). l: ledger_close() in any
 * case. */
int ledger_open(struct ledger *l, int dir, const char *path, struct err *why);
void ledger_close(struct ledger *l);
/* 1: what it was when it was last looked at (borrowed until the next call), 0: there was none. */
int ledger_find(struct ledger *l, enum im_class class, struct str key, struct im_entity *out);
/* How often it was told since the baseline: part of an event's name, so that the same change told
 * twice is one event and two like ones are two. */
unsigned ledger_version(const struct ledger *l, enum im_class class, struct str key);
/* It is like this now; ledger_gone(): it is no more. */
void ledger_put(struct ledger *l, const struct im_entity *e);
void ledger_gone(struct ledger *l, enum im_class class, struct str key);
/* The names of the file, as far as they are known: each(arg, path), which must not look anything
 * up. */
void ledger_links(struct ledger *l, const struct im_file *f,
                  void (*each)(void *arg, struct str path), void *arg);
/* Everything told since the last call goes to the journal, or -errno. */
int ledger_save(struct ledger *l);

/* ---- beside a survey ---- */

/* A survey begins: ledger_thaw() gives what was told so far in order (borrowed until the next). */
void ledger_freeze(struct ledger *l);
int ledger_thaw(struct ledger *l, struct im_entity *out, bool *gone);
/* Was it told after the survey began? */
bool ledger_newer(const struct ledger *l, const struct im_entity *e);
/* Takes over from the ledger of the baseline before what was told after the survey began. */
void ledger_carry(struct ledger *l, struct ledger *before);

/* ---- all that is known ---- */

/* One class, or (paths) what lies below a path; the ledger may change meanwhile. */
struct cursor {
	struct ledger *ledger; /* borrowed */
	struct keep keep;
	struct ledger_line **lines; /* owned */
	size_t nlines, line;
	enum im_class class;
	char *below; /* owned: "/a/b/"; "/": all paths */
	bool passed;
	struct im_unpacker unpacker;
	struct buf text;
};

int cursor_open(struct cursor *c, struct ledger *l, enum im_class class, struct str below);
void cursor_close(struct cursor *c);
/* 1: the next (borrowed until the one after), 0: the end, -errno. */
int cursor_next(struct cursor *c, struct im_entity *out);
