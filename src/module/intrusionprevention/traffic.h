#pragma once
#include "engine/flow.h"
#include "engine/reassembly.h"
#include "engine/stream.h"
#include "module/intrusionprevention/ips.h"

/*
 * Connections as Intrusion Prevention follows them: a packet to its connection, its bytes in order,
 * what is spoken there, what rules say. One thread's; memory is bounded by the limits.
 */

struct traffic_limits {
	uint32_t connections; /* at once; the table is taken at the start */
	size_t memory;        /* of what connections hold (streams, protocols); 0: no limit */
	struct stream_limits stream;
	struct app_limits app;
	uint32_t new_s, open_s, closed_s, datagram_s; /* without a packet for so long it is over */
	bool checksums; /* what does not hold is not looked at: the kernel throws it away */
	enum posture retransmit; /* that says otherwise: DENY is dropped, LOG told */
	struct reassembly_limits fragments;
	size_t fragment_memory;
};

extern const struct traffic_limits traffic_limits_default;

struct traffic_counts {
	uint64_t packets, connections;
	uint64_t bytes;         /* of payload that came */
	uint64_t not_inspected; /* of those: behind a limit, after a gap, not understood, or no room
	                         */
	uint64_t lost;          /* bytes that never came: gaps */
	uint64_t conflicts;     /* retransmissions that said otherwise */
	uint64_t refused;       /* segments behind a hole that was too large */
	uint64_t outside;       /* packets that the receiver does not take */
	uint64_t bad_checksums;
	uint64_t evicted;      /* connections given up for new ones */
	uint64_t without_room; /* connections whose protocol is not read: no memory */
};

struct traffic_outcome {
	enum ips_verdict verdict; /* of this packet; once dropped or reset, of all that follow */
	enum reason reason;       /* an oddity that is told besides rules; REASON_NONE: none */
	const char *note;         /* static words for it, or NULL */
	bool drop;                /* because of the oddity */
	bool settled;             /* no rule can match any more of this connection */
	struct ips_flow *flow;    /* or NULL */
	enum app_protocol protocol;
};

struct traffic;

/* ips is borrowed. NULL: no memory. */
struct traffic *traffic_new(const struct traffic_limits *limits, struct ips *ips,
                            const uint64_t key[static 2]);
void traffic_free(struct traffic *t);
/* For connections that begin from here on. */
void traffic_set_limits(struct traffic *t, const struct traffic_limits *limits);
/*
 * Server ports (a bit each; [0] of connections to this computer, [1] of its own) of TCP whose
 * servers' packets will be seen. Elsewhere only clients are listened to. NULL: everywhere, as at
 * the start. Connections follow with their next packet. -ENOMEM.
 */
int traffic_show(struct traffic *t, const uint64_t answers[2][1024]);
/* A packet that packet_decode() took for sound. Allocates nothing per packet once a connection is
 * known. */
struct traffic_outcome traffic_see(struct traffic *t, const struct packet *p, uint64_t now_ms);
/* Ends what timed out, at most `max`; returns how many. */
uint32_t traffic_clean(struct traffic *t, uint32_t max, uint64_t now_ms);
/* Ends all connections: what is held behind holes is looked at as well. */
void traffic_flush(struct traffic *t, uint64_t now_ms);
const struct traffic_counts *traffic_counted(const struct traffic *t);
size_t traffic_memory(const struct traffic *t);
uint32_t traffic_connections(const struct traffic *t);
/* What is spoken on the connection of a flow that ips calls back with. */
enum app_protocol traffic_protocol(const struct ips_flow *f);
