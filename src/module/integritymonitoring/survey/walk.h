#pragma once
#include "module/integritymonitoring/integritymonitoring.h"

/*
 * A walk over everything that the rules may cover, in im_path_order(): the entries of a directory
 * by name, what is in one right behind it. Pseudo file systems and those of the network are entered
 * only where a rule's base is there. Memory: the names of the directories that are open.
 */
struct walk;

struct found {
	struct im_entity
		entity;   /* key and link target borrowed until the next; from statx(2) alone */
	uint32_t wanted;  /* attributes that the rules want */
	int dir;          /* borrowed: holds it */
	const char *name; /* in there */
	bool fit;         /* on a file system whose change times and leases can be trusted */
	bool followed;    /* the entity is what a link leads to */
	bool unread; /* a directory that could not be read: nothing is known of what is below */
	int error;   /* of unread, -errno */
};

struct walk *walk_new(const struct im_rules *r);
/* Only what is at this path (borrowed) and below, whatever the rules' bases are. */
struct walk *walk_below(const struct im_rules *r, struct str path);
void walk_free(struct walk *w);
/* 1: the next one, 0: the end. */
int walk_next(struct walk *w, struct found *out);
/*
 * Looks at one path as the walk would: 1 (out->wanted may be 0), or 0 when nothing is there or the
 * walk would not come to it: below its rule's base no link is followed. out is borrowed until the
 * next call.
 */
int walk_at(struct walk *w, struct str path, struct found *out);
