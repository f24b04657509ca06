#include "module/intrusionprevention/wanted.h"

#include <stdlib.h>
#include <string.h>

enum { PORTS = 65536, WORDS = PORTS / 64 };

struct wanted {
	uint64_t tcp[2][WORDS]; /* of connections to this computer; of its own */
	uint64_t udp[2][WORDS];
	uint64_t answers[2][WORDS]; /* of tcp */
	bool icmp;
	struct ips_ports of_texts; /* room */
	size_t n;
	struct packet_want list[PACKET_WANTS_MAX];
};

struct wanted *wanted_new(void)
{
	return calloc(1, sizeof(struct wanted));
}

void wanted_free(struct wanted *w)
{
	free(w);
}

/* ---- by the rules ---- */

static void add_ranges(uint64_t *bits, const struct prevention_type *t)
{
	if (t->nports == 0)
		memset(bits, 0xff, PORTS / 8);
	for (size_t i = 0; i < t->nports; i++)
		for (uint32_t p = t->ports[i].from; p <= t->ports[i].to; p++)
			bits[p / 64] |= UINT64_C(1) << p % 64;
}

static void add_type(struct wanted *w, const struct prevention_type *t, bool answers)
{
	if (t->tcp)
		add_ranges(w->tcp[t->outgoing], t);
	if (t->tcp && answers)
		add_ranges(w->answers[t->outgoing], t);
	if (t->udp)
		add_ranges(w->udp[t->outgoing], t);
	w->icmp |= t->icmp;
}

/* Without a type the text's own ports count, whoever began. */
static void add_texts(struct wanted *w)
{
	const struct ips_ports *p = &w->of_texts;
	for (unsigned k = 0; k < WORDS; k++)
		for (unsigned outgoing = 0; outgoing < 2; outgoing++) {
			w->tcp[outgoing][k] |= p->tcp[k];
			w->udp[outgoing][k] |= p->udp[k];
			w->answers[outgoing][k] |= p->tcp_answers[k];
		}
	w->icmp |= p->icmp;
}

static void add_rules(struct wanted *w, const struct rules *r, const struct ips_rules *texts)
{
	memset(&w->of_texts, 0, sizeof(w->of_texts));
	for (size_t i = 0; i < ips_rules_count(texts); i++) {
		const struct prevention_rule *rule =
			prevention_rule_find(r, ips_rules_words(texts, i)->tag);
		if (rule && rule->type)
			add_type(w, rule->type, ips_rule_hears_answers(texts, i));
		else if (rule)
			ips_rule_ports(texts, i, &w->of_texts);
	}
	add_texts(w);
}

/* ---- for the kernel ---- */

static bool has(const uint64_t *bits, unsigned port)
{
	return bits[port / 64] >> port % 64 & 1;
}

static void put(struct wanted *w, struct packet_want one)
{
	if (w->n < PACKET_WANTS_MAX)
		w->list[w->n] = one;
	w->n++;
}

/* Clients' packets come in, or go out when the server is elsewhere; its answers the other way. */
static void put_range(struct wanted *w, bool outgoing, uint8_t proto, unsigned from, unsigned to,
                      bool answers)
{
	struct packet_want one = { .direction = outgoing ? PACKET_OUT : PACKET_IN,
		                   .proto = proto,
		                   .remote = outgoing,
		                   .alone = !answers,
		                   .from = (uint16_t)from,
		                   .to = (uint16_t)to };
	put(w, one);
	one.direction = outgoing ? PACKET_IN : PACKET_OUT;
	if (answers)
		put(w, one);
}

/* answers: NULL: of all. */
static void put_ranges(struct wanted *w, bool outgoing, uint8_t proto, const uint64_t *bits,
                       const uint64_t *answers)
{
	for (unsigned p = 0; p < PORTS; p++) {
		bool both = !answers || has(answers, p);
		unsigned from = p;
		if (!has(bits, p))
			continue;
		while (p + 1 < PORTS && has(bits, p + 1) &&
		       (!answers || has(answers, p + 1) == both))
			p++;
		put_range(w, outgoing, proto, from, p, both);
	}
}

static void put_all(struct wanted *w)
{
	for (unsigned outgoing = 0; outgoing < 2; outgoing++) {
		put_ranges(w, outgoing, PROTO_TCP, w->tcp[outgoing], w->answers[outgoing]);
		put_ranges(w, outgoing, PROTO_UDP, w->udp[outgoing], NULL);
	}
	if (!w->icmp)
		return;
	put_range(w, false, PROTO_ICMP, 0, PORTS - 1, true);
	put_range(w, false, PROTO_ICMPV6, 0, PORTS - 1, true);
}

void wanted_fill(struct wanted *w, const struct rules *r, const struct ips_rules *texts)
{
	bool blocks = r->state == PREVENTION_PREVENT && !r->tap;
	*w = (struct wanted){ 0 };
	add_rules(w, r, texts);
	/* Without answers the kernel's own tracking says what the receiver takes, and the rest has
	 * to be dropped. */
	if (!blocks)
		memset(w->answers, 0xff, sizeof(w->answers));
	put_all(w);
	if (w->n <= PACKET_WANTS_MAX)
		return;
	/* Too many ranges to name: all ports. */
	w->n = 0;
	memset(w->answers, 0xff, sizeof(w->answers));
	put_range(w, false, PROTO_TCP, 0, PORTS - 1, true);
	put_range(w, false, PROTO_UDP, 0, PORTS - 1, true);
	if (w->icmp) {
		put_range(w, false, PROTO_ICMP, 0, PORTS - 1, true);
		put_range(w, false, PROTO_ICMPV6, 0, PORTS - 1, true);
	}
}

size_t wanted_list(const struct wanted *w, struct packet_want *out, size_t max)
{
	size_t n = w->n < max ? w->n : max;
	memcpy(out, w->list, n * sizeof(*out));
	return n;
}

const uint64_t (*wanted_answers(const struct wanted *w))[1024]
{
	return w->answers;
}
