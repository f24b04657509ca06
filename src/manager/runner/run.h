#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "proc/loop.h"

/* One script that runs. */
struct script_run {
	struct loop *loop;
	struct watch out, child, timer;
	pid_t pid;         /* 0: none runs */
	struct buf output; /* its first bytes; standard output and error as they came */
	size_t more;       /* bytes that were not kept */
	int status;        /* of waitpid(2) */
	bool late;         /* it took too long and was ended */
	void (*done)(struct script_run *r);
	void *owner;
};

/*
 * Starts DIR/NAME in the folder `work`, which is also its TMPDIR and HOME. -EPERM with a sentence
 * unless folder and file belong to root and nobody else can write them.
 * done() is called when it has ended and closed its output, or was ended after timeout_ms; whatever
 * it left behind is ended, too.
 */
int script_start(struct script_run *r, const char *dir, const char *name, const char *work,
                 uint64_t timeout_ms, struct err *why);
void script_end(struct script_run *r); /* at once, without done() */
/* "ended with status 3", "was ended after 10 s", ...; NULL: it went well. */
const char *script_failure(const struct script_run *r, char room[static 80]);
