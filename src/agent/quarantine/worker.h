#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "proc/loop.h"

/*
 * The bytes of a harmful file are read, sealed and opened by a process of its own, which lives for
 * this one file: an ordinary user in a sandbox without files and network, that holds two
 * descriptors. The guard goes on meanwhile.
 */
enum work_kind {
	WORK_SEAL,   /* a file into the store's form */
	WORK_UNSEAL, /* and back */
	WORK_PACK,   /* from the store's form into one with a password */
};

struct work {
	enum work_kind kind;
	int in, out;               /* borrowed */
	uint64_t size;             /* so many bytes are there */
	uint64_t max;              /* of a sealed file; 0: any */
	const uint8_t *key;        /* the store's */
	struct str password, text; /* WORK_PACK */
};

struct work_report {
	int32_t rc;
	bool hashed;
	uint64_t bytes; /* of the sealed file */
	uint8_t sha256[32];
};

struct worker {
	struct watch watch; /* {.fd = -1}: idle */
	struct watch late;  /* the time for it is up; -1 too */
	struct loop *loop;
	pid_t pid;
	int report; /* owned */
	/* The process ended; a report with -EIO when it left none. */
	void (*done)(struct worker *w, const struct work_report *r);
};

int worker_start(struct worker *w, struct loop *l, const struct work *what);
void worker_stop(struct worker *w); /* kills it, done() is not called; idle is fine */
