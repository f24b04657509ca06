#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "module/intrusionprevention/engine.h"

/* What makes a rule whose contents were found an alert: header, bits, thresholds, the mode. */

enum { WAYS = 4 };

int table_init(struct table *t, uint32_t entries)
{
	uint32_t n = WAYS;
	while (n < entries && n < 1u << 24)
		n *= 2;
	t->entries = calloc(n, sizeof(*t->entries));
	t->mask = n - 1;
	return t->entries ? 0 : -ENOMEM;
}

void table_done(struct table *t)
{
	free(t->entries);
}

struct entry *table_find(struct table *t, uint64_t key)
{
	uint32_t start = (uint32_t)key & t->mask & ~(uint32_t)(WAYS - 1);
	for (uint32_t k = start; k < start + WAYS; k++)
		if (t->entries[k].key == key)
			return &t->entries[k];
	return NULL;
}

struct entry *table_get(struct table *t, uint64_t key, uint64_t now_ms)
{
	struct entry *e = table_find(t, key);
	if (e)
		return e;
	uint32_t start = (uint32_t)key & t->mask & ~(uint32_t)(WAYS - 1);
	struct entry *oldest = &t->entries[start];
	for (uint32_t k = start + 1; k < start + WAYS; k++) {
		e = &t->entries[k];
		if (e->key == 0 || (oldest->key && e->start_ms < oldest->start_ms))
			oldest = e;
	}
	*oldest = (struct entry){ .key = key, .start_ms = now_ms };
	return oldest;
}

/* ---- the header ---- */

struct ends {
	const struct ip *src, *dst;
	uint16_t sport, dport;
	uint8_t proto;
};

static struct ends ends_of(const struct look *l)
{
	const struct packet *p = l->packet;
	if (!l->flow)
		return (struct ends){ &p->src, &p->dst, p->sport, p->dport, p->proto };
	const struct ips_tuple *t = &l->flow->tuple;
	if (l->side == APP_CLIENT)
		return (struct ends){ &t->client, &t->server, t->client_port, t->server_port,
			              t->proto };
	return (struct ends){ &t->server, &t->client, t->server_port, t->client_port, t->proto };
}

static bool proto_holds(const struct rule *r, const struct ends *e)
{
	if ((r->v4 && e->src->version != 4) || (r->v6 && e->src->version != 6))
		return false;
	unsigned is = e->proto == PROTO_TCP                                ? RULE_TCP
	              : e->proto == PROTO_UDP                              ? RULE_UDP
	              : e->proto == PROTO_ICMP || e->proto == PROTO_ICMPV6 ? RULE_ICMP
	                                                                   : 0;
	return r->protos & (is | RULE_IP);
}

static bool ends_hold(const struct rule *r, const struct ip *src, const struct ip *dst,
                      uint16_t sport, uint16_t dport, bool ports)
{
	struct ip s = expr_port(sport), d = expr_port(dport);
	if (ports && (!expr_has(r->dport, &d) || !expr_has(r->sport, &s)))
		return false;
	return expr_has(r->src, src) && expr_has(r->dst, dst);
}

bool header_holds(const struct rule *r, const struct look *l)
{
	struct ends e = ends_of(l);
	if ((r->flow & FLOW_TO_SERVER && l->side != APP_CLIENT) ||
	    (r->flow & FLOW_TO_CLIENT && l->side != APP_SERVER) || !proto_holds(r, &e))
		return false;
	bool ports = e.proto == PROTO_TCP || e.proto == PROTO_UDP;
	return ends_hold(r, e.src, e.dst, e.sport, e.dport, ports) ||
	       (r->both_ways && ends_hold(r, e.dst, e.src, e.dport, e.sport, ports));
}

static bool flow_holds(const struct rule *r, const struct look *l)
{
	const struct ips_flow *f = l->flow;
	bool established = f && (f->established || l->where != IPS_AT_PACKET ||
	                         (f->tuple.proto != PROTO_TCP && f->packets[APP_CLIENT] > 0 &&
	                          f->packets[APP_SERVER] > 0));
	if (r->flow & FLOW_ESTABLISHED_ONLY && !established)
		return false;
	if (r->flow & FLOW_NOT_ESTABLISHED && established)
		return false;
	return r->app == APP_UNKNOWN ||
	       (f && (f->app == r->app || (r->app == APP_HTTP && f->app == APP_HTTP2)));
}

/* ---- bits ---- */

static bool flowbit_is(const struct ips_flow *f, unsigned id)
{
	return f && f->bits && f->bits[id / 64] >> id % 64 & 1;
}

static void flowbit_put(struct ips_flow *f, unsigned id, bool on)
{
	if (!f->bits && on)
		f->bits = calloc(f->set->rules->nflowbits / 64 + 1, sizeof(*f->bits));
	if (!f->bits)
		return;
	uint64_t bit = UINT64_C(1) << id % 64;
	f->bits[id / 64] = on ? f->bits[id / 64] | bit : f->bits[id / 64] & ~bit;
}

/* What a count or a bit belongs to, as one number; never 0. */
static uint64_t state_key(const struct look *l, uint64_t what, uint64_t more, enum bit_track track)
{
	struct ends e = ends_of(l);
	struct {
		uint64_t what, more, flow;
		uint8_t src[16], dst[16];
	} k = { .what = what, .more = more };
	if (track == TRACK_SRC || track == TRACK_PAIR)
		memcpy(k.src, e.src->b, 16);
	if (track == TRACK_DST || track == TRACK_PAIR)
		memcpy(k.dst, e.dst->b, 16);
	/* The pair is the same in both directions. */
	if (track == TRACK_PAIR && memcmp(k.src, k.dst, 16) > 0) {
		memcpy(k.src, e.dst->b, 16);
		memcpy(k.dst, e.src->b, 16);
	}
	if (track == TRACK_BOTH)
		k.flow = (uint64_t)(uintptr_t)l->flow;
	uint64_t hash = siphash(l->ips->key, &k, sizeof(k));
	return hash ? hash : 1;
}

static bool xbit_is(const struct look *l, const struct bit *b, unsigned id)
{
	const struct entry *e = table_find(&l->ips->bits, state_key(l, id, 0, b->track));
	return e && e->until_ms > l->now_ms;
}

static void xbit_put(const struct look *l, const struct bit *b, unsigned id, bool on)
{
	struct entry *e = table_get(&l->ips->bits, state_key(l, id, 0, b->track), l->now_ms);
	e->start_ms = l->now_ms;
	e->until_ms = on ? l->now_ms + UINT64_C(1000) * b->expire_s : 0;
}

static bool bit_is(const struct look *l, const struct bit *b, unsigned id)
{
	return b->track == TRACK_NONE ? flowbit_is(l->stale ? NULL : l->flow, id)
	                              : xbit_is(l, b, id);
}

static bool bits_hold(const struct rule *r, const struct look *l)
{
	for (unsigned i = 0; i < r->nbits; i++) {
		const struct bit *b = &r->bits[i];
		if (b->deed != BIT_ISSET && b->deed != BIT_ISNOTSET)
			continue;
		bool any = false;
		for (unsigned k = 0; k < b->nids; k++)
			any |= bit_is(l, b, b->ids[k]) == (b->deed == BIT_ISSET);
		if (!any)
			return false;
	}
	return true;
}

static void bits_put(const struct rule *r, const struct look *l)
{
	for (unsigned i = 0; i < r->nbits; i++) {
		const struct bit *b = &r->bits[i];
		for (unsigned k = 0; k < b->nids; k++) {
			if (b->deed == BIT_ISSET || b->deed == BIT_ISNOTSET)
				continue;
			bool on = b->deed == BIT_SET ||
			          (b->deed == BIT_TOGGLE && !bit_is(l, b, b->ids[k]));
			if (b->track != TRACK_NONE)
				xbit_put(l, b, b->ids[k], on);
			else if (l->flow && !l->stale)
				flowbit_put(l->flow, b->ids[k], on);
		}
	}
}

/* ---- numbers of a flow: kept as value + 1, 0 is not set ---- */

static uint32_t int_of(const struct ips_flow *f, unsigned id)
{
	return f && f->ints ? f->ints[id] : 0;
}

static bool ints_hold(const struct rule *r, const struct look *l)
{
	const struct ips_flow *f = l->stale ? NULL : l->flow;
	for (unsigned i = 0; i < r->nints; i++) {
		const struct flowint *n = &r->ints[i];
		uint32_t is = int_of(f, n->id);
		uint32_t than = n->other < 0 ? n->value : int_of(f, (unsigned)n->other) - 1;
		bool holds = n->deed == INT_ISSET    ? is > 0
		             : n->deed == INT_NOTSET ? is == 0
		             : n->deed == INT_COMPARE
		                     ? is > 0 && compare_holds(n->op, is - 1, than, 0)
		                     : true;
		if (!holds)
			return false;
	}
	return true;
}

static void ints_put(const struct rule *r, const struct look *l)
{
	struct ips_flow *f = l->stale ? NULL : l->flow;
	for (unsigned i = 0; f && i < r->nints; i++) {
		const struct flowint *n = &r->ints[i];
		if (n->deed != INT_SET && n->deed != INT_ADD && n->deed != INT_SUB)
			continue;
		if (!f->ints)
			f->ints = calloc(f->set->rules->nints, sizeof(*f->ints));
		if (!f->ints)
			return;
		uint32_t is = f->ints[n->id] ? f->ints[n->id] - 1 : 0;
		uint32_t by = n->other < 0 ? n->value : int_of(f, (unsigned)n->other) - 1;
		is = n->deed == INT_SET ? by : n->deed == INT_ADD ? is + by : is > by ? is - by : 0;
		f->ints[n->id] = is + 1;
	}
}

/* ---- thresholds ---- */

enum told { TELL, QUIET, NOTHING };

/* One more match: is it told, is it only acted on, or is it none yet? */
static enum told threshold_count(const struct rule *r, const struct threshold *t,
                                 const struct look *l)
{
	if (t->kind == THRESHOLD_NONE)
		return TELL;
	uint64_t what = (uint64_t)r->words.gid << 32 | r->words.sid;
	struct entry *e =
		table_get(&l->ips->thresholds, state_key(l, what, 16 + (uint64_t)t->kind, t->track),
	                  l->now_ms);
	if (l->now_ms - e->start_ms >= UINT64_C(1000) * t->seconds) {
		e->start_ms = l->now_ms;
		e->count = 0;
		e->told = false;
	}
	e->count++;
	switch (t->kind) {
	case THRESHOLD_NONE:
		return TELL;
	case THRESHOLD_LIMIT:
		return e->count <= t->count ? TELL : QUIET;
	case THRESHOLD_THRESHOLD:
		if (e->count < t->count)
			return NOTHING;
		e->count = 0;
		return TELL;
	case THRESHOLD_BOTH:
		if (e->count < t->count)
			return NOTHING;
		if (e->told)
			return QUIET;
		e->told = true;
		return TELL;
	case THRESHOLD_FILTER:
		return e->count > t->count ? TELL : NOTHING;
	}
	return TELL;
}

/* ---- firing ---- */

static enum ips_verdict verdict_of(enum ips_action a)
{
	return a == IPS_DROP ? IPS_VERDICT_DROP : a == IPS_REJECT ? IPS_VERDICT_RESET : IPS_ALERTED;
}

static void tell(const struct look *l, const struct rule *r, const struct candidate *c,
                 enum ips_leave leave, enum ips_verdict *verdict, bool quiet)
{
	struct ips *i = l->ips;
	enum ips_action action = r->words.action;
	/* Both what blocks and what only looks tell what would be done. */
	if (i->scratch.log_only)
		action = IPS_ALERT;
	else if (action == IPS_ALERT && leave == IPS_BLOCK)
		action = IPS_REJECT;
	enum ips_verdict wanted = verdict_of(action), is = wanted;
	if (!i->mode.prevent || i->mode.tap || leave == IPS_DETECT)
		is = IPS_ALERTED;
	/* A rule that is quiet still stops what it stops. */
	stronger(verdict, quiet && is == IPS_ALERTED ? IPS_NONE : is);
	if (quiet)
		return;
	struct ips_alert a = {
		.rule = &r->words,
		.verdict = is,
		.would = is != wanted,
		.wanted = action,
		.where = l->where,
		.side = l->side,
		.buffer = l->where == IPS_AT_TX && c && c->buffer >= 0 && c->buffer < APP_BUFFERS
		                  ? (enum app_buffer)c->buffer
		                  : APP_BUFFERS,
		.position = c ? c->position : -1,
		.stream_position = c ? c->stream_position : -1,
		.packet = l->packet,
		.tx = l->tx,
		.flow = l->flow,
		.note = i->scratch.note,
	};
	if (is >= IPS_VERDICT_DROP && l->flow && !l->stale)
		l->flow->stopped_by = r->index + 1;
	i->counts.alerts++;
	if (i->mode.alert)
		i->mode.alert(i->mode.arg, &a);
}

enum fired fire(const struct look *l, const struct rule *r, const struct candidate *c,
                enum ips_verdict *verdict)
{
	struct ips *i = l->ips;
	i->scratch.log_only = false;
	i->scratch.note[0] = '\0';
	if (!flow_holds(r, l) || !condition_holds(r, l) || !bits_hold(r, l) || !ints_hold(r, l))
		return FIRED_NOT;
	enum ips_leave leave =
		i->mode.of ? i->mode.of(i->mode.arg, &r->words, l->packet, l->flow) : IPS_AS_SAID;
	if (leave == IPS_OFF)
		return FIRED_QUIET;
	if (threshold_count(r, &r->filter, l) == NOTHING)
		return FIRED_QUIET;
	bits_put(r, l);
	ints_put(r, l);
	if (r->words.action == IPS_PASS) {
		if (l->flow && l->where != IPS_AT_PACKET)
			l->flow->passed = true;
		return FIRED_ALERT;
	}
	if (r->noalert)
		return FIRED_QUIET;
	enum told told = threshold_count(r, &r->threshold, l);
	if (told != TELL)
		i->counts.limited++;
	if (told == NOTHING)
		return FIRED_QUIET;
	tell(l, r, c, leave, verdict, told == QUIET);
	return FIRED_ALERT;
}
