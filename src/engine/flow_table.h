#pragma once
#include "engine/flow.h"

#define NOBODY UINT32_MAX

enum { SEGMENTS = 4 };

/* What one end sent, as RFC 9293 counts; after conntrack's account of a window. */
struct flow_half {
	uint32_t iss;     /* of its SYN */
	uint32_t end;     /* behind the last byte it sent */
	uint32_t max_end; /* behind the last byte it may send */
	uint32_t max_win;
	uint32_t tsval;
	uint8_t scale;
	bool seen, scaled, stamped, fin, fin_acked;
	uint32_t fin_end;
	struct flow_segment {
		uint32_t seq, len, hash;
	} segments[SEGMENTS];
	uint8_t next_segment;
};

struct flow {
	struct ip ip[2]; /* 0: who began it */
	uint16_t port[2];
	uint8_t proto;
	bool incoming; /* who began it is not us */
	bool loose;    /* not every packet of it is seen: no sequence checks */
	bool half_open;
	enum flow_state state;
	uint32_t next; /* in its bucket, or in the free list */
	uint32_t peer; /* in the table of peers; NOBODY: not counted */
	uint64_t due_ms;
	struct flow_half half[2];
};

/* A remote address and how many connections it has with us. */
struct flow_peer {
	struct ip ip;
	uint32_t next, in, out, half_open;
};

struct flows {
	struct flow_limits limits;
	uint64_t key[2];
	uint64_t start_ms;
	bool offload;
	uint32_t size, mask; /* flows; buckets - 1 */
	uint32_t free_flow, free_peer, clean_at;
	uint32_t used_flows, used_peers; /* entries that were ever used: the first of the tables */
	uint32_t count[FLOW_STATES];
	uint32_t *buckets, *peer_buckets; /* owned */
	struct flow *flows;               /* owned */
	struct flow_peer *peers;          /* owned */
};

/* NULL when there is none. *reverse: p goes against the direction in which it began. */
struct flow *flow_find(struct flows *f, const struct packet *p, uint64_t now_ms, bool *reverse);
/* NULL: no room. */
struct flow *flow_add(struct flows *f, const struct packet *p, enum flow_state state,
                      uint64_t now_ms);
void flow_drop(struct flows *f, struct flow *w);
void flow_set(struct flows *f, struct flow *w, enum flow_state state, uint64_t now_ms);
const struct flow_peer *flow_peer_find(const struct flows *f, const struct ip *ip);
void flow_count_peer(struct flows *f, struct flow *w);
void flow_opened(struct flows *f, struct flow *w); /* it is half open no more */

struct flow_answer flow_tcp(struct flows *f, const struct packet *p, const struct flow_rules *r,
                            uint64_t now_ms);
