#pragma once
#include "agent/spool/journal.h"

/* Inside spool/: what replay and journal share. */
void journal_digest(const struct journal *j, struct str unique, uint64_t out[static 2]);
bool journal_knows(const struct journal *j, const uint64_t digest[static 2]);
int journal_push(struct journal *j, const struct item *it);
void segment_name(const struct segment *s, char out[static 32]);
