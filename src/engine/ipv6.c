#include <string.h>

#include "engine/decode.h"

enum { IPV6_LEN = 40, HEADERS_MAX = 10 };

/* RFC 4291 and the address registries: what lies in none of these is reserved. */
static bool reserved(const struct ip *ip)
{
	uint8_t a = ip->b[0];
	return a != 0x00 && (a & 0xe0) != 0x20 && (a & 0xfe) != 0xfc && a != 0xfe && a != 0xff;
}

static bool site_local(const struct ip *ip)
{
	return ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0xc0;
}

static bool zeros(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static bool loopback(const struct ip *ip)
{
	return zeros(ip->b, 15) && ip->b[15] == 1;
}

/* IPv4-mapped and IPv4-compatible addresses never go over a wire. */
static bool bogon(const struct ip *ip)
{
	if (zeros(ip->b, 10) && ip->b[10] == 0xff && ip->b[11] == 0xff)
		return true;
	return zeros(ip->b, 12) && !zeros(ip->b, 16);
}

/* 2002:V4::/48 whose IPv4 part is no address of the Internet (RFC 3964, 5.3.1). */
static bool bogon_6to4(const struct ip *ip)
{
	const uint8_t *v4 = ip->b + 2;
	if (ip->b[0] != 0x20 || ip->b[1] != 0x02)
		return false;
	return v4[0] == 0 || v4[0] == 10 || v4[0] == 127 || v4[0] >= 224 ||
	       (v4[0] == 172 && (v4[1] & 0xf0) == 16) || (v4[0] == 192 && v4[1] == 168) ||
	       (v4[0] == 169 && v4[1] == 254);
}

static bool bad_address(const struct packet_checks *c, const struct ip *ip)
{
	return (c->reserved_ipv6 && reserved(ip)) || (c->site_local && site_local(ip)) ||
	       (c->bogons_6to4 && bogon_6to4(ip));
}

enum reason check_ipv6(const struct decoder *d)
{
	const struct packet *p = d->p;
	const struct packet_checks *c = d->checks;
	bool local = loopback(&p->src) && loopback(&p->dst);
	if (p->src.b[0] == 0xff)
		return REASON_IPV6_MULTICAST_SOURCE;
	if (zeros(p->dst.b, 16) || bad_address(c, &p->src) || bad_address(c, &p->dst))
		return REASON_IPV6_ADDRESS;
	if (c->bogons_ipv6 && !local && (bogon(&p->src) || bogon(&p->dst)))
		return REASON_IPV6_ADDRESS;
	if (c->same_address && !local && memcmp(p->src.b, p->dst.b, 16) == 0)
		return REASON_SAME_ADDRESS;
	return REASON_NONE;
}

/* Where the reading of extension headers stands. */
struct chain {
	uint8_t next;
	size_t at, end;
	bool first, done;
};

static enum reason read_fragment(struct packet *p, struct chain *c)
{
	const uint8_t *h = p->data + c->at;
	if (c->end - c->at < 8)
		return REASON_PROTOCOL_HEADER;
	unsigned field = get16(h + 2);
	c->next = h[0];
	c->at += 8;
	p->more = field & 1;
	p->fragment_offset = field & 0xfff8;
	p->fragment = p->more || p->fragment_offset;
	p->fragment_id = get32(h + 4);
	p->fragment_data = (uint32_t)c->at;
	p->fragment_len = (uint32_t)(c->end - c->at);
	if (p->fragment && p->more && p->fragment_len % 8)
		return REASON_FRAGMENT_OFFSET;
	if (p->fragment_offset + p->fragment_len > 65535)
		return REASON_FRAGMENT_BOUNDS;
	c->done = p->fragment_offset != 0;
	return REASON_NONE;
}

static enum reason read_extension(struct decoder *d, struct chain *c)
{
	const uint8_t *h = d->p->data + c->at;
	if (c->end - c->at < 8)
		return REASON_PROTOCOL_HEADER;
	size_t len = c->next == PROTO_AH ? (size_t)(h[1] + 2) * 4 : (size_t)(h[1] + 1) * 8;
	if (len > c->end - c->at || (c->next == PROTO_HOP && !c->first))
		return REASON_PROTOCOL_HEADER;
	if (c->next == PROTO_ROUTING && h[2] == 0 && d->checks->routing_type0)
		return REASON_PROTOCOL_HEADER;
	c->next = h[0];
	c->at += len;
	return REASON_NONE;
}

static bool is_extension(uint8_t next)
{
	return next == PROTO_HOP || next == PROTO_ROUTING || next == PROTO_DSTOPTS ||
	       next == PROTO_AH || next == 135 || next == 139 || next == 140;
}

static enum reason read_chain(struct decoder *d, struct chain *c)
{
	for (int i = 0; i < HEADERS_MAX && !c->done; i++) {
		enum reason why = REASON_NONE;
		if (c->next == PROTO_FRAGMENT && d->p->fragment)
			return REASON_PROTOCOL_HEADER;
		if (c->next == PROTO_FRAGMENT)
			why = read_fragment(d->p, c);
		else if (is_extension(c->next))
			why = read_extension(d, c);
		else
			return REASON_NONE;
		if (why != REASON_NONE)
			return why;
		c->first = false;
	}
	return c->done ? REASON_NONE : REASON_PROTOCOL_HEADER;
}

static enum reason read_header(struct decoder *d, size_t at, size_t *end)
{
	struct packet *p = d->p;
	const uint8_t *h = p->data + at;
	if (*end - at < IPV6_LEN)
		return REASON_PROTOCOL_HEADER;
	if (h[0] >> 4 != 6)
		return REASON_IP_VERSION;
	size_t body = get16(h + 4);
	/* A jumbogram (RFC 2675), as large GSO packets are. */
	if (body == 0 && p->partial)
		body = *end - at - IPV6_LEN;
	if (body > *end - at - IPV6_LEN)
		return REASON_IP_LENGTH;
	p->network = (uint32_t)at;
	p->ip_len = (uint32_t)(body + IPV6_LEN);
	p->ttl = h[7];
	p->proto = h[6];
	p->src = p->dst = (struct ip){ .version = 6 };
	memcpy(p->src.b, h + 8, 16);
	memcpy(p->dst.b, h + 24, 16);
	*end = at + IPV6_LEN + body;
	return REASON_NONE;
}

enum reason decode_ipv6(struct decoder *d, size_t at, size_t end)
{
	struct packet *p = d->p;
	enum reason why = read_header(d, at, &end);
	if (why == REASON_NONE)
		why = check_ipv6(d);
	if (why != REASON_NONE)
		return why;
	struct chain c = { p->proto, at + IPV6_LEN, end, true, false };
	why = read_chain(d, &c);
	p->proto = c.next;
	if (why != REASON_NONE || c.done)
		return why;
	if (c.at == c.end || c.next == PROTO_NONE)
		return d->checks->zero_payload ? REASON_ZERO_PAYLOAD : REASON_NONE;
	return decode_transport(d, c.next, c.at, c.end);
}
