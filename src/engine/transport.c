#include <string.h>

#include "engine/decode.h"

enum { TCP_LEN = 20, UDP_LEN = 8, ICMP_LEN = 8, IGMP_LEN = 8 };

static uint32_t sum(uint32_t total, const uint8_t *p, size_t n)
{
	for (; n >= 2; p += 2, n -= 2)
		total += get16(p);
	return n ? total + (uint32_t)(*p << 8) : total;
}

static bool folds_to_ones(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total == 0xffff;
}

/* RFC 9293, 3.1 and RFC 768: over a pseudo header of both addresses, protocol and length. */
static bool checksum_holds(const struct packet *p, size_t at, size_t end)
{
	size_t width = p->src.version == 4 ? 4 : 16;
	uint32_t total = sum(sum(0, p->src.b, width), p->dst.b, width);
	total += p->proto + (uint32_t)(end - at);
	return folds_to_ones(sum(total, p->data + at, end - at));
}

bool packet_checksum_holds(const struct packet *p)
{
	if (p->partial || !packet_is_ip(p))
		return true;
	const uint8_t *ip = p->data + p->network;
	if (p->src.version == 4 && !folds_to_ones(sum(0, ip, (size_t)(ip[0] & 15) * 4)))
		return false;
	if (p->fragment || !p->transport)
		return true;
	size_t at = p->transport, end = (size_t)p->payload + p->payload_len;
	if (p->proto == PROTO_UDP)
		return get16(p->data + at + 6) == 0 || checksum_holds(p, at, end);
	return p->proto != PROTO_TCP || checksum_holds(p, at, end);
}

static void read_option(struct tcp_options *o, const uint8_t *at)
{
	if (at[0] == 2 && at[1] == 4) {
		o->mss = get16(at + 2);
	} else if (at[0] == 3 && at[1] == 3) {
		o->wscale = at[2];
		o->has_wscale = true;
	} else if (at[0] == 4 && at[1] == 2) {
		o->sack = true;
	} else if (at[0] == 8 && at[1] == 10) {
		o->tsval = get32(at + 2);
		o->tsecr = get32(at + 6);
		o->has_timestamp = true;
	}
}

static bool read_options(struct tcp_options *o, const uint8_t *at, const uint8_t *end)
{
	while (at < end && *at != 0) {
		if (*at == 1) {
			at++;
			continue;
		}
		if (end - at < 2 || at[1] < 2 || at[1] > end - at)
			return false;
		read_option(o, at);
		at += at[1];
	}
	return true;
}

static enum reason decode_tcp(struct decoder *d, size_t at, size_t end)
{
	struct packet *p = d->p;
	const uint8_t *h = p->data + at;
	if (end - at < TCP_LEN)
		return REASON_TRANSPORT_LENGTH;
	size_t len = (size_t)(h[12] >> 4) * 4;
	p->sport = get16(h);
	p->dport = get16(h + 2);
	p->seq = get32(h + 4);
	p->ack = get32(h + 8);
	p->tcp_flags = h[13];
	p->window = get16(h + 14);
	p->urgent = get16(h + 18);
	if (len < TCP_LEN)
		return REASON_DATA_OFFSET;
	if (len > end - at || !read_options(&p->tcp, h + TCP_LEN, h + len))
		return REASON_TCP_LENGTH;
	p->payload = (uint32_t)(at + len);
	p->payload_len = (uint32_t)(end - at - len);
	if (d->checks->tcp_checksum && !p->partial && !p->fragment && !checksum_holds(p, at, end))
		return REASON_CHECKSUM;
	return REASON_NONE;
}

static enum reason decode_udp(struct decoder *d, size_t at, size_t end)
{
	struct packet *p = d->p;
	const uint8_t *h = p->data + at;
	if (end - at < UDP_LEN)
		return REASON_TRANSPORT_LENGTH;
	size_t len = get16(h + 4);
	p->sport = get16(h);
	p->dport = get16(h + 2);
	if ((len == 0 && p->partial) || (p->fragment && len > end - at))
		len = end - at;
	if (len < UDP_LEN || len > end - at)
		return REASON_TRANSPORT_LENGTH;
	p->payload = (uint32_t)(at + UDP_LEN);
	p->payload_len = (uint32_t)(len - UDP_LEN);
	return p->fragment ? REASON_NONE : decode_teredo(d);
}

/* The packet that an ICMP error quotes: as much of it as is needed to know whose it is. */
static void read_inner(struct packet *p, size_t at, size_t end)
{
	const uint8_t *h = p->data + at;
	size_t have = end - at, header = 40;
	bool v4 = have >= 20 && h[0] >> 4 == 4;
	if (v4)
		header = (size_t)(h[0] & 15) * 4;
	else if (have < 40 || h[0] >> 4 != 6)
		return;
	if (header < 20 || have < header + 4)
		return;
	p->inner_src = p->inner_dst = (struct ip){ .version = v4 ? 4 : 6 };
	memcpy(p->inner_src.b, h + (v4 ? 12 : 8), v4 ? 4 : 16);
	memcpy(p->inner_dst.b, h + (v4 ? 16 : 24), v4 ? 4 : 16);
	p->inner_proto = h[v4 ? 9 : 6];
	p->inner_sport = get16(h + header);
	p->inner_dport = get16(h + header + 2);
	p->has_inner = true;
	if (have >= header + 8 && (p->inner_proto == PROTO_ICMP || p->inner_proto == PROTO_ICMPV6))
		p->inner_sport = get16(h + header + 4);
}

static bool is_error(uint8_t proto, uint8_t type)
{
	if (proto == PROTO_ICMPV6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static enum reason decode_icmp(struct decoder *d, uint8_t proto, size_t at, size_t end)
{
	struct packet *p = d->p;
	const uint8_t *h = p->data + at;
	if (end - at < ICMP_LEN)
		return REASON_TRANSPORT_LENGTH;
	p->icmp_type = h[0];
	p->icmp_code = h[1];
	p->icmp_id = get16(h + 4);
	p->icmp_seq = get16(h + 6);
	p->payload = (uint32_t)(at + ICMP_LEN);
	p->payload_len = (uint32_t)(end - at - ICMP_LEN);
	if (is_error(proto, p->icmp_type))
		read_inner(p, at + ICMP_LEN, end);
	return REASON_NONE;
}

static enum reason decode_known(struct decoder *d, uint8_t proto, size_t at, size_t end)
{
	switch (proto) {
	case PROTO_TCP:
		return decode_tcp(d, at, end);
	case PROTO_UDP:
		return decode_udp(d, at, end);
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		return decode_icmp(d, proto, at, end);
	case PROTO_IGMP:
		return end - at < IGMP_LEN ? REASON_TRANSPORT_LENGTH : REASON_NONE;
	case PROTO_IPIP:
	case PROTO_6IN4:
	case PROTO_GRE:
		return d->p->fragment ? REASON_NONE : decode_tunnel(d, proto, at, end);
	default:
		return REASON_NONE;
	}
}

enum reason decode_transport(struct decoder *d, uint8_t proto, size_t at, size_t end)
{
	d->p->transport = (uint32_t)at;
	d->p->payload = (uint32_t)at;
	d->p->payload_len = (uint32_t)(end - at);
	enum reason why = decode_known(d, proto, at, end);
	/* A header that the first fragment cuts is there to hide it. */
	if (why != REASON_NONE && d->p->fragment)
		return REASON_FIRST_FRAGMENT_SMALL;
	return why;
}
