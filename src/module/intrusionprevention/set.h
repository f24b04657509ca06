#pragma once
#include <hs/hs.h>
#include <stdatomic.h>

#include "module/intrusionprevention/match.h"

/* A compiled set: rules in order of evaluation, and which of them a pattern in a buffer awakes. */

/*
 * Rules that one scan may awake: those whose fast pattern is in one buffer of one side, after the
 * same transforms.
 */
struct group {
	int buffer;            /* enum app_buffer, or IPS_RAW */
	enum app_protocol app; /* of the buffer; APP_UNKNOWN: any */
	enum app_side side;
	const struct list *like; /* its transforms */
	hs_database_t *patterns; /* NULL: none */
	uint32_t npatterns;
	uint32_t *awake;  /* owned: rules by pattern, from first[id] to first[id + 1] */
	uint32_t *first;  /* owned; npatterns + 1 */
	uint32_t *always; /* owned: rules without a fast pattern */
	uint32_t nalways;
	uint32_t overlap; /* the longest pattern, less one */
};

enum raw_kind { RAW_PACKET_TCP, RAW_PACKET_UDP, RAW_PACKET_ICMP, RAW_PACKET_OTHER, RAW_PACKETS };

struct ips_set {
	atomic_uint references;
	struct ips_rules *rules; /* owned */
	struct ips_limits limits;
	struct group packets[RAW_PACKETS]; /* side is not looked at */
	struct group streams[APP_SIDES];
	struct group *txs; /* owned */
	unsigned ntxs;
	/* Rules over transactions with no buffer, by event; the last is of none. */
	uint32_t *events[APP_EVENTS + 1];
	uint32_t nevents[APP_EVENTS + 1];
	bool app_wanted[APP_PROTOCOLS];
	size_t memory;
	struct ips_ports ports;
};

/* group.c */
int group_compile(struct group *g, struct rule *const *rules, const uint32_t *members, size_t n,
                  bool (*of)(const struct rule *r, const struct group *g), struct ips_set *s,
                  const struct ips_cache *cache, struct err *why);
void group_done(struct group *g);
