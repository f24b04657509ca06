#pragma once
#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "proc/loop.h"

/*
 * The store of quarantined files: LIB/quarantine, root's. A record is ID.bin, the file sealed with
 * the store's key (docs/quarantine.md), and ID.json, what it was. The order of steps keeps a file
 * whole in one place at any moment: bytes and record are on disk before the original's name goes.
 * Bytes are read and written by a process of their own (worker.h): what takes time is answered
 * through a callback.
 */
struct quarantine;

/* Who is told, besides the one who asked. */
struct quarantine_ears {
	void *arg;
	void (*changed)(void *arg, const json_t *entry); /* agent.h STORE_CHANGED */
	/* An old file went because the store was full; count: how many went for this one. */
	void (*dropped)(void *arg, const char *path);
	void (*full)(void *arg, unsigned count);
	void (*exempted)(void *arg); /* quarantine_exempt() says something else now */
	/* quarantine_tell(): the detection (event_write form) of what was taken as this record. */
	void (*tell)(void *arg, const char *event, const char *record_id);
};

struct quarantine_answer {
	int rc;
	bool full;         /* the file does not fit into the store, however empty */
	const char *error; /* a sentence, when rc < 0 */
	const char *note;  /* what is to be known although it went well, or NULL */
	const char *record_id;
	const char *password; /* of the packed file */
	int fd;               /* of the packed file; borrowed; -1 */
};

struct quarantine_caller {
	void (*done)(void *arg, const struct quarantine_answer *a); /* exactly once */
	void *arg;
};

struct quarantine_file {
	int fd;            /* borrowed: the file */
	const char *path;  /* raw */
	uint64_t dev, ino; /* it is only taken while it still is this file */
	uint64_t max;      /* bytes that the store may have; 0: no limit */
	/* "malware", "scanType", "user", "unique", "action", "event" */
	const json_t *detail;
};

struct quarantine_return {
	const char *id;
	const char *path; /* NULL: where it came from */
	bool overwrite;
	bool again; /* it may be found again at once: no exemption is made for it */
};

/* Opens or makes the store below lib; finishes or undoes what a crash interrupted. NULL: why. */
struct quarantine *quarantine_new(struct loop *l, const char *lib,
                                  const struct quarantine_ears *ears, struct err *why);
/* What is under way is undone; its callers are not called any more. */
void quarantine_free(struct quarantine *q);

void quarantine_put(struct quarantine *q, const struct quarantine_file *f,
                    struct quarantine_caller caller);
void quarantine_restore(struct quarantine *q, const struct quarantine_return *what,
                        struct quarantine_caller caller);
/* The file, sealed anew with a password: opened by `yagura quarantine open`. */
void quarantine_fetch(struct quarantine *q, const char *id, struct quarantine_caller caller);
int quarantine_delete(struct quarantine *q, const char *id, struct err *why);

/*
 * Who asked for a file to be taken tells of it, but may have ended, or we, before that was on disk.
 * Tells the events of the last minute's files again (they are known by their `unique`); `started`:
 * of those that a former life of ours left, too.
 */
void quarantine_tell(struct quarantine *q, bool started);

json_t *quarantine_list(const struct quarantine *q); /* an array of entries; new reference */
/* {"bytes","files","max"}; new reference */
json_t *quarantine_report(const struct quarantine *q);
/*
 * Files that were restored: nobody takes them again while they stay what they are. An array of
 * {"dev","ino","ctimeNs","size"}; ctimeNs 0: being put there. New reference.
 */
json_t *quarantine_exempt(const struct quarantine *q);
/* Removes path if it is this open file; 0, -errno. For the action that keeps nothing. */
int quarantine_unlink(int fd, const char *path, unsigned *left);
