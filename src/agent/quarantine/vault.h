#pragma once
#include <sys/queue.h>

#include "agent/quarantine/kept.h"
#include "agent/quarantine/place.h"
#include "agent/quarantine/quarantine.h"
#include "agent/quarantine/worker.h"
#include "module/antimalware/seal/seal.h"

/* What the files of this folder share. */

struct entry {
	TAILQ_ENTRY(entry) next;
	char id[KEPT_ID];
	char unique[65]; /* of the event */
	int64_t time_ms;
	uint64_t stored;
	bool busy; /* a job has it */
};

struct quarantine {
	struct loop *loop;
	int dir; /* owned */
	uint8_t key[SEAL_KEY];
	struct quarantine_ears ears;
	TAILQ_HEAD(entries, entry) entries; /* the oldest first */
	uint64_t bytes, max;                /* max: as last told */
	unsigned n;
	json_t *exempt;  /* owned array */
	json_t *arrived; /* owned array: entries of what recovery found restored */
	int64_t told_ms; /* what was taken before this was told, as far as we know */
	TAILQ_HEAD(jobs, job) jobs;
	unsigned running;
};

struct waiter {
	STAILQ_ENTRY(waiter) next;
	struct quarantine_caller caller;
};

struct job_kind {
	/* < 0 with a sentence: it ends here; 0: the worker is under way; 1: it is done already. */
	int (*start)(struct job *j, struct err *why);
	int (*worked)(struct job *j, const struct work_report *r, struct err *why);
	void (*undo)(struct job *j); /* after start() or worked() failed, or when we end */
};

struct job {
	TAILQ_ENTRY(job) next;
	struct quarantine *q;
	const struct job_kind *kind;
	struct worker worker;
	bool running;
	STAILQ_HEAD(, waiter) waiters;
	struct kept r;
	struct entry *entry; /* its record's, marked busy; borrowed */
	struct place place;  /* of the file, or where it is to go */
	int file;            /* owned: the file, or the one that is made */
	int copy;            /* owned: the sealed copy */
	char *path;          /* owned: as asked */
	json_t *detail;      /* owned */
	uint64_t dev, ino, max;
	unsigned tries;
	bool saved, full; /* a record is on disk; see quarantine_answer */
	bool overwrite, again;
	char password[32];
	char note[160];
};

extern const struct job_kind job_take, job_restore, job_pack;

/* vault.c, recover.c */
int vault_open(struct quarantine *q, const char *lib, struct err *why);
int vault_load(const struct quarantine *q, const char *id, struct kept *out, struct err *why);
int vault_save(const struct quarantine *q, const struct kept *r);
void vault_name(const char *id, const char *suffix, char out[static 64]);
struct entry *vault_find(struct quarantine *q, const char *id);
struct entry *vault_find_unique(struct quarantine *q, const char *unique);
struct entry *vault_add(struct quarantine *q, const struct kept *r);
void vault_forget(struct quarantine *q, struct entry *e);
/* The copy and then the record go; the state is on disk before, so that a crash goes on with it. */
int vault_end(struct quarantine *q, struct kept *r, enum kept_state state);
/* Lets the oldest go until need more bytes leave a fifth of max free; -ENOSPC. */
int vault_make_room(struct quarantine *q, uint64_t need, uint64_t max);
/* After a crash. */
void vault_recover(struct quarantine *q);

/* told.c */
void told_load(struct quarantine *q);
void told_note(struct quarantine *q); /* a file was taken now */

/* exempt.c */
void exempt_load(struct quarantine *q);
void exempt_set(struct quarantine *q, const struct identity *file);
void exempt_forget(struct quarantine *q, const struct identity *file);
