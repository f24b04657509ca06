#pragma once
#include <stdbool.h>
#include <stdint.h>

/*
 * Names of events that were counted as lost, so that one that is told again (real time and the
 * catch-up walk tell the same file) is not counted again. Bounded: in a place of the table the
 * latest stays. Of this life of the process only. {0} is empty.
 */
struct gone {
	uint64_t (*digests)[2]; /* owned; NULL: none yet */
};

void gone_done(struct gone *g);
bool gone_has(const struct gone *g, const uint64_t digest[2]);
void gone_put(struct gone *g, const uint64_t digest[2]);
void gone_forget(struct gone *g, const uint64_t digest[2]);
