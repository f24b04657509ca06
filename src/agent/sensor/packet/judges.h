#pragma once
#include "module/firewall/firewall.h"
#include "module/packets.h"

/*
 * The one place where a decoded packet is judged: the rows of module/packets.c, in their order. A
 * policy is taken by all of them or by none.
 */
struct judges {
	struct host *host; /* borrowed */
	struct judge {
		struct instance *instance; /* owned */
		struct rules *rules;       /* owned; NULL: none */
	} rows[PACKET_ROWS_MAX];
	size_t n;
	/* Owned: the network engine when the Firewall is off, but others want to see packets. */
	struct rules *engine_only;
	int64_t version; /* of the policy; 0: none */
};

int judges_init(struct judges *j, struct host *host);
void judges_done(struct judges *j);
/* A policy that was read and compiled; owned. */
struct judges_taken {
	struct rules *rules[PACKET_ROWS_MAX];
	struct rules *engine_only;
	int64_t version;
};

/* policy: the whole document, NULL: protect nothing. Any thread. */
int judges_take(const json_t *policy, struct judges_taken *out, struct err *why);
void judges_taken_done(struct judges_taken *t);
/* From here on it is in force; what is taken out of t is the judges'. < 0: the last one stays so.
 */
int judges_put(struct judges *j, struct judges_taken *t, struct err *why);
/* p: as packet_decode() left it, why: what that said. Drop and reset by the first that says so;
 * settled when all are. */
struct packet_answer judges_ask(struct judges *j, const struct packet *p, enum reason why);
void judges_tick(struct judges *j, uint64_t now_ms);
void judges_flush(struct judges *j);
/* The computer's time zone, and where it is: bits of enum fw_place. */
void judges_place(struct judges *j, int64_t utc_offset_s, unsigned places);

/* The Firewall's part: what asks and which network engine there is belongs to it. */
struct firewall *judges_firewall(const struct judges *j);
/* The rules to compile: the Firewall's, those of the bare network engine, or NULL: no packet is to
 * be looked at. */
const struct rules *judges_ruleset(const struct judges *j);
/* Of the Firewall's section, on or off; NULL before the first policy. */
const struct rules *judges_engine(const struct judges *j);
size_t judges_wants(const struct judges *j, struct packet_want out[static PACKET_WANTS_MAX]);
/* "modules" of the agent's status: each row's report, by its section's name; new. */
json_t *judges_report(const struct judges *j);
