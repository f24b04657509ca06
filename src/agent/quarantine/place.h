#pragma once
#include <limits.h>

#include "agent/quarantine/kept.h"

/*
 * Names in folders. A folder is held by its descriptor and reached without any symbolic link, so
 * nobody can lead a deed elsewhere between look and deed. Who may exchange a name inside it may
 * remove that name anyway: only names that are the file itself, which the caller holds open, go.
 */
struct place {
	int dir; /* owned; -1: none */
	char name[256];
};

/*
 * The folder of an absolute path: 0, -ELOOP (a symbolic link is on the way), -errno. mount 0: as
 * this process sees it; otherwise in a namespace that has this mount, -ESTALE: there is none now,
 * or the folder is not on it.
 */
int place_open(struct str path, uint64_t mount, struct place *out);
void place_done(struct place *p);

/* Which file this descriptor is. */
int identity_of(int fd, struct identity *out);
/* The same file as then, unchanged? */
bool identity_is(const struct identity *then, const struct identity *now);

/*
 * The place where the open file is: at path, or where its descriptor says that it was moved, here
 * or in the namespace that it was opened in. r gets path, mount and the further names that it has
 * in that folder. -ENOENT: it has no name any more; -ESTALE: none that can be found.
 */
int place_find(int fd, struct str path, struct place *out, struct kept *r);
/* Removes the name if it is the open file: 0, -ESTALE (it is another one now), -errno. */
int place_unlink(const struct place *p, const char *name, int fd);
/* After a crash, where nobody has the file open: removes the name if it is that very file. */
int place_unlink_same(const struct place *p, const char *name, const struct identity *then);
int place_sync(const struct place *p);

/* What is remembered of the open file beside its bytes: owner, mode, times, flags, attributes. */
int traits_read(int fd, struct kept *r);
/* Gives them to another file; how many extended attributes could not be given, or -errno. */
int traits_give(int fd, const struct kept *r);
/* Takes the immutable and append-only flags off (0) or puts them back (r->flags). */
int flags_lift(int fd, const struct kept *r);
int flags_give(int fd, const struct kept *r);
