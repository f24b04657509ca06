#pragma once
#include "module/integritymonitoring/integritymonitoring.h"

/*
 * Reading what the rules want of a path beyond statx(2): content, access control lists, extended
 * attributes. A file is opened where the walk stands and read wherever there is a thread free.
 */
struct look {
	int fd;   /* owned; -1: nothing is opened */
	bool fit; /* as in struct found */
	uint32_t wanted;
	struct im_entity *e; /* filled in */
	int error;           /* -errno: what could not be read; e->has tells what is known */
};

/* One for each thread. */
struct reader {
	void *memory;                  /* owned */
	struct gcry_md_handle *md[16]; /* owned: by the set of hashes, as they are asked for */
	uint64_t bytes;                /* read so far */
	void *owner;                   /* borrowed: the survey that it reads for */
};

int reader_init(struct reader *r);
void reader_done(struct reader *r);
/* Opens what has to be read (content) and reads what is read by name (attributes). */
void look_begin(struct look *l, int dir, const char *name, bool follow);
void look_read(struct look *l, struct reader *r);
/* When this was looked at, could somebody still be changing it unseen? */
bool look_is_calm(const struct im_file *f, int64_t now_ns);
/* Nobody touched it since it was read, and all that is wanted of it is known: nothing to read. */
bool look_is_known(const struct im_entity *was, const struct im_entity *is, uint32_t wanted,
                   bool fit);
/* Then: what was read of it before. */
void look_take_known(struct im_entity *is, const struct im_entity *was);
/* What could not be read now is kept as it was known. */
void look_keep_known(struct im_entity *is, const struct im_entity *was, uint32_t wanted);
