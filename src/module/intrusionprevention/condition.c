#include "module/intrusionprevention/condition.h"

#include <string.h>

/* Conditions on packets, flows and facts of protocols. */

bool compare_holds(enum compare op, uint64_t value, uint64_t a, uint64_t b)
{
	switch (op) {
	case COMPARE_EQ:
		return value == a;
	case COMPARE_NE:
		return value != a;
	case COMPARE_LT:
		return value < a;
	case COMPARE_GT:
		return value > a;
	case COMPARE_LE:
		return value <= a;
	case COMPARE_GE:
		return value >= a;
	case COMPARE_AND:
		return (value & a) != 0;
	case COMPARE_XOR:
		return (value ^ a) != 0;
	case COMPARE_RANGE:
		return value >= a && value <= b;
	}
	return false;
}

static bool holds(const struct condition *c, uint64_t value)
{
	return compare_holds(c->op, value, c->a, c->b) != c->negated;
}

static const uint8_t *ip_header(const struct look *l, size_t *n)
{
	const struct packet *p = l->packet;
	if (!p || !packet_is_ip(p) || p->network >= p->len)
		return NULL;
	*n = p->len - p->network;
	return p->data + p->network;
}

bool test_dsize(const struct condition *c, const struct look *l)
{
	return l->packet && holds(c, l->packet->payload_len);
}

bool test_ttl(const struct condition *c, const struct look *l)
{
	return l->packet && holds(c, l->packet->ttl);
}

bool test_itype(const struct condition *c, const struct look *l)
{
	const struct packet *p = l->packet;
	return p && (p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6) && holds(c, p->icmp_type);
}

bool test_icode(const struct condition *c, const struct look *l)
{
	const struct packet *p = l->packet;
	return p && (p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6) && holds(c, p->icmp_code);
}

bool test_icmp_id(const struct condition *c, const struct look *l)
{
	const struct packet *p = l->packet;
	return p && (p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6) && holds(c, p->icmp_id);
}

bool test_icmp_seq(const struct condition *c, const struct look *l)
{
	const struct packet *p = l->packet;
	return p && (p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6) && holds(c, p->icmp_seq);
}

bool test_ip_proto(const struct condition *c, const struct look *l)
{
	uint64_t proto = l->packet ? l->packet->proto : l->flow ? l->flow->tuple.proto : PROTO_NONE;
	return holds(c, proto);
}

bool test_id(const struct condition *c, const struct look *l)
{
	size_t n = 0;
	const uint8_t *ip = ip_header(l, &n);
	return ip && l->packet->src.version == 4 && n >= 6 &&
	       holds(c, (uint64_t)ip[4] << 8 | ip[5]);
}

bool test_tos(const struct condition *c, const struct look *l)
{
	size_t n = 0;
	const uint8_t *ip = ip_header(l, &n);
	return ip && l->packet->src.version == 4 && n >= 2 && holds(c, ip[1]);
}

bool test_fragoffset(const struct condition *c, const struct look *l)
{
	return l->packet && packet_is_ip(l->packet) && holds(c, l->packet->fragment_offset / 8);
}

static bool is_tcp(const struct look *l)
{
	return l->packet && l->packet->proto == PROTO_TCP && l->packet->transport > 0;
}

bool test_seq(const struct condition *c, const struct look *l)
{
	return is_tcp(l) && holds(c, l->packet->seq);
}

bool test_ack(const struct condition *c, const struct look *l)
{
	return is_tcp(l) && holds(c, l->packet->ack);
}

bool test_window(const struct condition *c, const struct look *l)
{
	return is_tcp(l) && holds(c, l->packet->window);
}

bool test_mss(const struct condition *c, const struct look *l)
{
	return is_tcp(l) && l->packet->tcp.mss > 0 && holds(c, l->packet->tcp.mss);
}

/* a: the flags, b: the mask; op EQ: exactly, AND: any of them, GE: these and others. */
bool test_flags(const struct condition *c, const struct look *l)
{
	if (!is_tcp(l))
		return false;
	uint64_t flags = l->packet->tcp_flags & c->b;
	bool is = c->op == COMPARE_AND  ? (flags & c->a) != 0
	          : c->op == COMPARE_GE ? (flags & c->a) == c->a
	                                : flags == c->a;
	return is != c->negated;
}

/* The same, of the IPv4 header's three bits: 1 more, 2 don't fragment, 4 reserved. */
bool test_fragbits(const struct condition *c, const struct look *l)
{
	size_t n = 0;
	const uint8_t *ip = ip_header(l, &n);
	if (!ip || l->packet->src.version != 4 || n < 7)
		return false;
	uint64_t bits = ip[6] >> 5;
	bool is = c->op == COMPARE_AND  ? (bits & c->a) != 0
	          : c->op == COMPARE_GE ? (bits & c->a) == c->a
	                                : bits == c->a;
	return is != c->negated;
}

bool test_sameip(const struct condition *c, const struct look *l)
{
	const struct packet *p = l->packet;
	(void)c;
	return p && packet_is_ip(p) && p->src.version == p->dst.version &&
	       memcmp(p->src.b, p->dst.b, sizeof(p->src.b)) == 0;
}

/* An option of this number in the IPv4 header; a 256: any. */
bool test_ipopts(const struct condition *c, const struct look *l)
{
	size_t n = 0;
	const uint8_t *ip = ip_header(l, &n);
	if (!ip || l->packet->src.version != 4 || n < 20)
		return false;
	size_t len = (size_t)(ip[0] & 15) * 4;
	if (len > n)
		len = n;
	for (size_t i = 20; i < len && ip[i] != 0;) {
		if (ip[i] == c->a || c->a == 256)
			return true;
		size_t step = ip[i] == 1 ? 1 : i + 1 < len ? ip[i + 1] : 0;
		if (step == 0)
			break;
		i += step;
	}
	return false;
}

/* b: 1 client, 2 server, 3 both, 4 either */
bool test_stream_size(const struct condition *c, const struct look *l)
{
	if (!l->flow)
		return false;
	bool client = compare_holds(c->op, l->flow->sides[APP_CLIENT].end, c->a, 0);
	bool server = compare_holds(c->op, l->flow->sides[APP_SERVER].end, c->a, 0);
	return c->b == 1   ? client
	       : c->b == 2 ? server
	       : c->b == 3 ? client && server
	                   : client || server;
}

bool test_app_protocol(const struct condition *c, const struct look *l)
{
	/* Not decided is neither this nor another. */
	return l->flow && (l->flow->app != APP_UNKNOWN || c->a == APP_UNKNOWN) &&
	       holds(c, l->flow->app);
}

/* ---- facts of protocols: b says which ---- */

bool test_number(const struct condition *c, const struct look *l)
{
	uint64_t v = 0;
	enum app_number which = (enum app_number)(uintptr_t)c->more;
	if (!l->tx || (!l->face->number(l->tx, which, l->side, &v) &&
	               !l->face->number(l->tx, which, APP_CLIENT, &v)))
		return false;
	return holds(c, v);
}

/* a: a bit for each of the versions; b: those that are excluded */
bool test_tls_version(const struct condition *c, const struct look *l)
{
	uint64_t v = 0;
	if (!l->tx || !l->face->number(l->tx, NUMBER_TLS_VERSION, l->side, &v))
		return false;
	uint64_t bit = v == 0x0002                  ? 1
	               : v >= 0x0300 && v <= 0x0304 ? UINT64_C(2) << (v - 0x0300)
	                                            : 0;
	return ((c->a == 0 || (c->a & bit)) && !(c->b & bit)) != c->negated;
}

/* a: states that were reached (1 client_hello, 2 server_hello); b: not yet */
bool test_tls_state(const struct condition *c, const struct look *l)
{
	if (!l->tx)
		return false;
	uint64_t now = 0;
	if (l->face->stage(l->tx, APP_CLIENT) >= STAGE_HEADERS)
		now |= 1;
	if (l->face->stage(l->tx, APP_SERVER) >= STAGE_HEADERS)
		now |= 2;
	return (c->a == 0 || (now & c->a)) && !(now & c->b);
}

bool test_dce_iface(const struct condition *c, const struct look *l)
{
	const uint8_t *iface = l->tx ? l->face->dce(l->tx) : NULL;
	return iface && memcmp(iface, c->more, 16) == 0;
}

/* more: an array of pairs, closed by one that begins behind 65535 */
bool test_dce_opnum(const struct condition *c, const struct look *l)
{
	uint64_t v = 0;
	if (!l->tx || !l->face->number(l->tx, NUMBER_DCE_OPNUM, APP_CLIENT, &v))
		return false;
	for (const uint32_t *r = c->more; r[0] <= 65535; r += 2)
		if (v >= r[0] && v <= r[1])
			return true;
	return false;
}

/* a: of the reputation list's value; b: 1 src, 2 dst, 3 any, 4 both. more: struct map by address */
static bool reputed(const struct condition *c, const struct ip *ip)
{
	char text[46];
	uintptr_t v = map_number(c->more, str_of(ip_text(ip, text)));
	return v > 0 && compare_holds(c->op, v - 1, c->a, 0);
}

bool test_iprep(const struct condition *c, const struct look *l)
{
	if (!l->packet && !l->flow)
		return false;
	const struct ip *src = NULL, *dst = NULL;
	if (l->packet) {
		src = &l->packet->src;
		dst = &l->packet->dst;
	} else {
		bool client = l->side == APP_CLIENT;
		src = client ? &l->flow->tuple.client : &l->flow->tuple.server;
		dst = client ? &l->flow->tuple.server : &l->flow->tuple.client;
	}
	bool s = reputed(c, src), d = reputed(c, dst);
	return c->b == 1 ? s : c->b == 2 ? d : c->b == 3 ? s || d : s && d;
}

bool condition_hears_answers(const struct condition *c)
{
	return c->test == test_stream_size
	               ? c->b != 1
	               : c->test == test_tls_state || c->test == test_app_protocol;
}

bool condition_holds(const struct rule *r, const struct look *l)
{
	for (unsigned i = 0; i < r->nconditions; i++)
		if (!r->conditions[i].test(&r->conditions[i], l))
			return false;
	return true;
}
