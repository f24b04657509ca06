#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "engine/packet.h"

/*
 * Connections, in memory of a fixed size. Times are milliseconds of one clock that the caller
 * chooses and that never goes back. Nothing is allocated after flows_new().
 */

enum flow_state {
	FLOW_FREE,
	FLOW_SYN_SENT,
	FLOW_SYN_RCVD,
	FLOW_ESTABLISHED,
	FLOW_FIN_WAIT1,
	FLOW_CLOSE_WAIT,
	FLOW_CLOSING,
	FLOW_LAST_ACK,
	FLOW_CLOSED,
	FLOW_DISCONNECT, /* reset */
	FLOW_ERROR,
	FLOW_UDP,
	FLOW_ICMP,
	FLOW_STATES
};

const char *flow_state_name(enum flow_state s);

/* What is done about an anomaly: behaviour 3.6. */
enum posture { POSTURE_ALLOW, POSTURE_LOG, POSTURE_DENY, POSTURE_DENY_SILENT, POSTURE_IGNORE };

enum evasion {
	EVASION_TIMESTAMP, /* invalid TCP timestamps (PAWS) */
	EVASION_PAWS_ZERO,
	EVASION_FRAGMENTS,
	EVASION_ZERO_FLAGS,
	EVASION_CONGESTION,
	EVASION_URGENT,
	EVASION_SYN_FIN,
	EVASION_SYN_RST,
	EVASION_RST_FIN,
	EVASION_SYN_DATA,
	EVASION_SPLIT,
	EVASION_RST_OUT,
	EVASION_FIN_OUT,
	EVASION_OUT_OUT, /* outgoing packet out of connection */
	EVASION_RETRANSMIT,
	EVASION_CHECKSUM,
	EVASION_COUNT
};

struct flow_limits {
	uint32_t timeout_s[FLOW_STATES];
	uint32_t max_tcp, max_udp, max_icmp;
	uint32_t cold_start_s; /* connections under way are taken in so long after start */
	uint32_t cleanup_s, cleanup_max;
	uint32_t mss_min;
	uint32_t paws_window;
	enum posture evasion[EVASION_COUNT];
};

extern const struct flow_limits flow_limits_default; /* the defaults of behaviour 3.5 and 3.6 */
/* Do these checks have to see every packet of a connection, not only its beginning? */
bool flow_limits_need_all(const struct flow_limits *l);

/* A stateful configuration: behaviour 3.4. */
struct flow_rules {
	bool tcp, udp, icmp;             /* inspection */
	bool log_tcp, log_udp, log_icmp; /* events for what it drops */
	bool deny_fragments, deny_ce;
	uint32_t max_incoming, max_outgoing, max_half_open; /* 0: no limit; per remote address */
};

enum flow_new { FLOW_OLD, FLOW_NEW, FLOW_ENDED };

struct flow_answer {
	enum reason reason; /* REASON_NONE: in order */
	enum posture
		posture; /* what is done about it; POSTURE_DENY unless the policy says otherwise */
	enum flow_new is;
	enum flow_state state; /* after this packet */
	const char *note;      /* static words beside the reason, or NULL */
	bool incoming;         /* the connection's own direction */
};

struct flows;

/* Memory for `flows` connections and the limits' counters is taken here. NULL: no memory. */
struct flows *flows_new(uint32_t flows, const struct flow_limits *limits,
                        const uint64_t key[static 2], uint64_t now_ms);
void flows_free(struct flows *f);
void flows_set_limits(struct flows *f, const struct flow_limits *limits);
/*
 * A decoded IP packet that the rules let pass. solicited_only: an incoming first packet of UDP or
 * ICMP is refused (no Force Allow rule let it in).
 */
struct flow_answer flow_see(struct flows *f, const struct packet *p, const struct flow_rules *r,
                            bool solicited_only, uint64_t now_ms);
/* Ends what timed out, at most limits.cleanup_max; returns how many. */
uint32_t flows_clean(struct flows *f, uint64_t now_ms);
/* Only what the kernel asks is seen: no sequence checks once a connection stands. */
void flows_set_offload(struct flows *f, bool offload);
uint32_t flows_count(const struct flows *f, enum flow_state s);
