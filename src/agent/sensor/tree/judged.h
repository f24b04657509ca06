#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * The file versions that were found clean, so that a scan on demand need not read them again. Only
 * two keyed hashes of a version are kept: which file, and all that the verdict depends on. A hit is
 * a whole match; the hash key is drawn at random for each table. Bounded: a full table gives up an
 * old row for a new one. In memory and as a file, which is refused whole when a bit of it is wrong.
 */
enum { JUDGED_MAX = 1 << 20, JUDGED_BOOT = 36 };

struct judged_key {
	uint64_t dev, mount, ino; /* which file; mount: an id that no other mount ever gets */
	uint64_t ctime_ns, size;  /* which version of it */
	uint64_t conditions;      /* signatures and options that judged it */
};

struct judged {
	struct judged_row *rows; /* owned */
	size_t cap, n, max;      /* rows; max is a power of two */
	uint64_t key[2];
	bool changed; /* since it was read or written */
};

void judged_init(struct judged *j, size_t max);
void judged_done(struct judged *j);
void judged_forget(struct judged *j); /* everything */
bool judged_has(const struct judged *j, const struct judged_key *k);
void judged_put(struct judged *j, const struct judged_key *k);

/* Appends the table as a file's bytes: 0 or -ENOMEM. boot: the kernel's boot_id. */
int judged_write(const struct judged *j, const char boot[static JUDGED_BOOT], struct buf *out);
/*
 * Takes the rows of a file in place of the table's own: 0; -EBADMSG: torn, or none of ours;
 * -ESTALE: of another boot (mount ids begin anew, and a power cut may bring new bytes under an old
 * ctime); -E2BIG: more rows than max. The table is left alone unless 0.
 */
int judged_read(struct judged *j, struct str file, const char boot[static JUDGED_BOOT]);
/* The last eight bytes of a file, over all that stands before. */
uint64_t judged_checksum(struct str before);
