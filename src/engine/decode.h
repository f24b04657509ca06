#pragma once
#include <stddef.h>
#include <stdint.h>

#include "engine/packet.h"

/* What the decoder's files share. at and end are offsets in p->data; at <= end <= p->len. */
struct decoder {
	struct packet *p;
	const struct packet_checks *checks;
};

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

enum {
	FRAME_TYPE_IPV4 = 0x0800,
	FRAME_TYPE_ARP = 0x0806,
	FRAME_TYPE_RARP = 0x8035,
	FRAME_TYPE_IPV6 = 0x86dd
};

enum reason decode_network(struct decoder *d, uint16_t frame, size_t at, size_t end); /* packet.c */
enum reason decode_ipv4(struct decoder *d, size_t at, size_t end);                    /* ipv4.c */
enum reason decode_ipv6(struct decoder *d, size_t at, size_t end);                    /* ipv6.c */
enum reason decode_transport(struct decoder *d, uint8_t proto, size_t at, size_t end);
enum reason decode_tunnel(struct decoder *d, uint8_t proto, size_t at, size_t end); /* tunnel.c */
enum reason decode_teredo(struct decoder *d);

/* The checks of addresses, once both are read. */
enum reason check_ipv4(const struct decoder *d);
enum reason check_ipv6(const struct decoder *d);
