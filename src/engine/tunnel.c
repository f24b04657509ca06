#include <string.h>

#include "engine/decode.h"

enum { TEREDO_PORT = 3544, GRE_LEN = 4 };

/* What was found of the outer packet is forgotten; the sensor's words and the link stay. */
static enum reason enter(struct decoder *d, uint16_t frame, size_t at, size_t end)
{
	struct packet *p = d->p;
	enum tunnel_answer answer =
		frame == FRAME_TYPE_IPV4 ? d->checks->ipv4_tunnels : d->checks->ipv6_tunnels;
	if (answer == TUNNEL_DROP)
		return REASON_PACKET_INFO;
	if (answer == TUNNEL_LEAVE)
		return REASON_NONE;
	if (p->tunnel >= d->checks->tunnel_depth)
		return d->checks->tunnel_bypass ? REASON_NONE : REASON_PACKET_INFO;
	uint8_t depth = (uint8_t)(p->tunnel + 1);
	struct packet inner = *p;
	memset(&inner.src, 0, sizeof(inner) - offsetof(struct packet, src));
	inner.tunnel = depth;
	inner.arp_op = 0;
	*p = inner;
	return frame == FRAME_TYPE_IPV4 ? decode_ipv4(d, at, end) : decode_ipv6(d, at, end);
}

/* RFC 2784, RFC 2890: checksum, key and sequence number are each four bytes when flagged. */
static enum reason decode_gre(struct decoder *d, size_t at, size_t end)
{
	const uint8_t *h = d->p->data + at;
	if (end - at < GRE_LEN)
		return REASON_PROTOCOL_HEADER;
	unsigned flags = get16(h), type = get16(h + 2);
	size_t len = GRE_LEN + (flags & 0x8000 ? 4u : 0u) + (flags & 0x2000 ? 4u : 0u) +
	             (flags & 0x1000 ? 4u : 0u);
	if (type != FRAME_TYPE_IPV4 && type != FRAME_TYPE_IPV6)
		return REASON_NONE;
	if (len > end - at)
		return REASON_PROTOCOL_HEADER;
	return enter(d, (uint16_t)type, at + len, end);
}

enum reason decode_tunnel(struct decoder *d, uint8_t proto, size_t at, size_t end)
{
	if (proto == PROTO_GRE)
		return decode_gre(d, at, end);
	return enter(d, proto == PROTO_IPIP ? FRAME_TYPE_IPV4 : FRAME_TYPE_IPV6, at, end);
}

/* RFC 4380, 5.1.1: an authentication and an origin indication may stand before the packet. */
static size_t teredo_skip(const uint8_t *h, size_t n)
{
	size_t at = 0;
	if (n >= 4 && h[0] == 0 && h[1] == 1) {
		at = (size_t)13 + h[2] + h[3];
		if (at > n)
			return n;
	}
	if (n - at >= 2 && h[at] == 0 && h[at + 1] == 0)
		at = n - at < 8 ? n : at + 8;
	return at;
}

static bool teredo_plausible(const uint8_t *h, size_t n)
{
	static const uint8_t prefix[4] = { 0x20, 0x01, 0, 0 };
	return n >= 40 && h[0] >> 4 == 6 && (size_t)get16(h + 4) + 40 == n &&
	       (memcmp(h + 8, prefix, 4) == 0 || memcmp(h + 24, prefix, 4) == 0);
}

enum reason decode_teredo(struct decoder *d)
{
	struct packet *p = d->p;
	bool port = p->sport == TEREDO_PORT || p->dport == TEREDO_PORT;
	if (d->checks->ipv6_tunnels == TUNNEL_LEAVE || (!port && !d->checks->teredo_any_port))
		return REASON_NONE;
	const uint8_t *h = p->data + p->payload;
	size_t n = p->payload_len, at = teredo_skip(h, n);
	if (!port && !teredo_plausible(h + at, n - at))
		return REASON_NONE;
	if (n - at < 40 || h[at] >> 4 != 6)
		return d->checks->teredo_anomalies ? REASON_PROTOCOL_HEADER : REASON_NONE;
	return enter(d, FRAME_TYPE_IPV6, p->payload + at, p->payload + n);
}
