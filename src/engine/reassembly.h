#pragma once
#include "engine/packet.h"

/* IPv4 and IPv6 fragments put together, in memory of a fixed size. */

struct reassembly_limits {
	uint32_t keep_max; /* datagrams under way */
	uint32_t timeout_s;
	uint32_t size_min;   /* first fragment, bytes of the whole packet */
	uint32_t offset_min; /* of later ones, bytes */
	bool ipv6_min_mtu;   /* refuse IPv6 fragments below 1280 bytes but the last */
};

extern const struct reassembly_limits reassembly_limits_default;

struct reassembly;

enum reassembly_state { REASSEMBLY_HELD, REASSEMBLY_WHOLE, REASSEMBLY_REFUSED };

/* bytes: memory for fragments' data in all. NULL: no memory. */
struct reassembly *reassembly_new(const struct reassembly_limits *limits, size_t bytes,
                                  const uint64_t key[static 2]);
void reassembly_free(struct reassembly *r);
void reassembly_set_limits(struct reassembly *r, const struct reassembly_limits *limits);
/*
 * A decoded fragment. WHOLE: *out is the datagram (IP header and all parts, decode it with
 * PACKET_IP), valid until the next call. REFUSED: *why says the reason.
 */
enum reassembly_state reassembly_see(struct reassembly *r, const struct packet *p, uint64_t now_ms,
                                     const uint8_t **out, size_t *out_len, enum reason *why);
uint32_t reassembly_clean(struct reassembly *r, uint64_t now_ms); /* ended by timeout */
uint32_t reassembly_count(const struct reassembly *r);
