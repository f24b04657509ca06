#pragma once
#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * The store of quarantined files: LIB/quarantine, root's. A record is ID.bin, the file encrypted
 * with the store's key (AES-256-GCM in chunks, docs/quarantine.md), and ID.json, what it was. The
 * order of steps keeps a file whole in one place at any moment: bytes and record are on disk before
 * the original's name goes.
 */

struct quarantine_file {
	int fd;               /* borrowed: the file */
	const char *path;     /* raw */
	uint64_t dev, ino;    /* the name is only removed while it still is this file */
	const json_t *detail; /* "malware", "scanType", "user", "unique" */
};

/* Opens or makes the store below lib; finishes or undoes what a crash interrupted. A descriptor, or
 * -errno. */
int quarantine_open(const char *lib, struct err *why);
/* record: the entry (agent.h STORE_CHANGED); new reference. */
int quarantine_put(int dir, const struct quarantine_file *f, json_t **record, struct err *why);
int quarantine_restore(int dir, const char *id, json_t **record, struct err *why);
int quarantine_delete(int dir, const char *id, json_t **record, struct err *why);
json_t *quarantine_list(int dir); /* an array of entries; new reference */
int quarantine_fetch(int dir, const char *id,
                     struct err *why); /* the encrypted file: a descriptor */
/*
 * Removes path if it still is this file, unchanged since ctime_ns (0: whenever it changed); 0, also
 * when there is none, or -errno (-ESTALE: it is another one now).
 */
int quarantine_unlink(const char *path, uint64_t dev, uint64_t ino, int64_t ctime_ns);
