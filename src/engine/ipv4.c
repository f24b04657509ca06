#include <string.h>

#include "engine/decode.h"

enum { IPV4_LEN = 20, IPV4_MAX = 65535 };

static bool ipv4_is(const struct ip *ip, uint32_t net, unsigned bits)
{
	return ((get32(ip->b) ^ net) >> (32 - bits)) == 0;
}

enum reason check_ipv4(const struct decoder *d)
{
	const struct packet *p = d->p;
	/* A group or everybody cannot have sent it (RFC 1122, 3.2.1.3). */
	if (ipv4_is(&p->src, 0xe0000000, 4) || ipv4_is(&p->src, 0xffffffff, 32))
		return REASON_INVALID_IP;
	if (d->checks->no_null_ip && (get32(p->src.b) == 0 || get32(p->dst.b) == 0))
		return REASON_INVALID_IP;
	if (d->checks->same_address && get32(p->src.b) == get32(p->dst.b) &&
	    !ipv4_is(&p->src, 0x7f000000, 8))
		return REASON_SAME_ADDRESS;
	return REASON_NONE;
}

/* Each option's length must stay inside the header (RFC 791, 3.1). */
static bool options_hold(const uint8_t *at, const uint8_t *end)
{
	while (at < end) {
		if (*at == 0)
			return true;
		if (*at == 1) {
			at++;
			continue;
		}
		if (end - at < 2 || at[1] < 2 || at[1] > end - at)
			return false;
		at += at[1];
	}
	return true;
}

static enum reason read_fragment(struct packet *p, const uint8_t *h, size_t at, size_t end)
{
	unsigned field = get16(h + 6);
	p->more = field & 0x2000;
	p->fragment_offset = (field & 0x1fff) * 8;
	p->fragment = p->more || p->fragment_offset;
	p->fragment_id = get16(h + 4);
	p->fragment_data = (uint32_t)at;
	p->fragment_len = (uint32_t)(end - at);
	if (!p->fragment)
		return REASON_NONE;
	if (p->more && p->fragment_len % 8)
		return REASON_FRAGMENT_OFFSET;
	if (p->fragment_offset + p->fragment_len > IPV4_MAX - IPV4_LEN)
		return REASON_FRAGMENT_BOUNDS;
	return REASON_NONE;
}

static enum reason read_header(struct decoder *d, size_t at, size_t *end, size_t *body)
{
	struct packet *p = d->p;
	const uint8_t *h = p->data + at;
	size_t have = *end - at;
	if (have < IPV4_LEN)
		return REASON_IPV4_HEADER;
	if (h[0] >> 4 != 4)
		return REASON_IP_VERSION;
	size_t header = (size_t)(h[0] & 15) * 4, total = get16(h + 2);
	if (header < IPV4_LEN || header > have || !options_hold(h + IPV4_LEN, h + header))
		return REASON_IPV4_HEADER;
	if (total == 0 && p->partial) /* larger than 64 KiB, not cut yet */
		total = have;
	if (total < header || total > have)
		return REASON_IP_LENGTH;
	p->network = (uint32_t)at;
	p->ip_len = (uint32_t)total;
	p->ttl = h[8];
	p->proto = h[9];
	p->src = p->dst = (struct ip){ .version = 4 };
	memcpy(p->src.b, h + 12, 4);
	memcpy(p->dst.b, h + 16, 4);
	*body = at + header;
	*end = at + total;
	return REASON_NONE;
}

enum reason decode_ipv4(struct decoder *d, size_t at, size_t end)
{
	struct packet *p = d->p;
	size_t body = 0;
	enum reason why = read_header(d, at, &end, &body);
	if (why == REASON_NONE)
		why = check_ipv4(d);
	if (why == REASON_NONE)
		why = read_fragment(p, p->data + at, body, end);
	if (why != REASON_NONE)
		return why;
	if (body == end)
		return d->checks->zero_payload ? REASON_ZERO_PAYLOAD : REASON_NONE;
	if (p->fragment_offset)
		return REASON_NONE;
	return decode_transport(d, p->proto, body, end);
}
