#pragma once
#include "module/intrusionprevention/set.h"

/* What one thread has, for the files that match. */

/* Counts of thresholds and bits of hosts, in memory of a fixed size; the oldest gives way. */
struct table {
	struct entry {
		uint64_t key; /* 0: free */
		uint64_t start_ms;
		uint64_t until_ms;
		uint32_t count;
		bool told;
	} * entries; /* owned */
	uint32_t mask;
};

int table_init(struct table *t, uint32_t entries);
void table_done(struct table *t);
/* The entry for the key, new ones with until_ms 0; never NULL. */
struct entry *table_get(struct table *t, uint64_t key, uint64_t now_ms);
struct entry *table_find(struct table *t, uint64_t key); /* or NULL */

struct ips {
	struct ips_set *set; /* referenced */
	struct ips_mode mode;
	const struct ips_face *face;
	struct ips_counts counts;
	struct scratch scratch;
	hs_scratch_t *hs;
	uint64_t *awake; /* owned: a bit each rule of the largest set */
	size_t nawake;   /* words */
	uint32_t *found; /* owned: rules whose bit is set */
	size_t nfound, found_cap;
	uint64_t key[2];
	struct table thresholds, bits;
	struct tx_state *spare; /* states of transactions to be used again */
	unsigned nspare;
};

/* The rules that one scan awakes go to i->found, each once, in order; of_always adds the group's
 * rules without a pattern. Call awake_clear() behind it. */
void scan(struct ips *i, const struct group *g, const uint8_t *p, size_t n, bool of_always);
void awake_clear(struct ips *i);

/* state.c */
enum fired { FIRED_NOT, FIRED_QUIET, FIRED_ALERT };
/* May the rule ever hold for what this side sends? Addresses, ports, protocol, direction. */
bool header_holds(const struct rule *r, const struct look *l);
/*
 * All of the rule's buffers matched: conditions, bits, thresholds; then the alert. *verdict becomes
 * stronger. FIRED_NOT: not (yet).
 */
enum fired fire(const struct look *l, const struct rule *r, const struct candidate *c,
                enum ips_verdict *verdict);
void flow_follow(struct ips *i, struct ips_flow *f); /* to the thread's own set */

/* candidates, sorted by rule: the one for the rule, new if need be; NULL: too many */
struct candidate *candidate_add(struct ips *i, struct candidates *all, uint32_t rule, bool *is_new);
struct candidate *candidate_find(const struct candidates *all, uint32_t rule);
void candidates_sweep(struct candidates *all); /* without the dead */

static inline void stronger(enum ips_verdict *verdict, enum ips_verdict other)
{
	if (other > *verdict)
		*verdict = other;
}
