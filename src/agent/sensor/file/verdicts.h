#pragma once
#include <stdbool.h>
#include <stdint.h>

/*
 * What was judged of file versions: (dev, ino) to (ctime, size) and the verdict. Bounded; the
 * oldest of a bucket goes. Every entry is forgotten at once by a new epoch (new signatures, a new
 * policy).
 */
enum known { KNOWN_NOTHING, KNOWN_CLEAN, KNOWN_DENIED };

struct version {
	uint64_t dev, ino, ctime_ns, size;
};

struct verdicts {
	struct verdict_row *rows; /* owned */
	uint32_t epoch;
};

int verdicts_init(struct verdicts *v);
void verdicts_done(struct verdicts *v);
void verdicts_forget(struct verdicts *v); /* everything */
enum known verdicts_get(const struct verdicts *v, const struct version *f);
void verdicts_put(struct verdicts *v, const struct version *f, enum known k);
