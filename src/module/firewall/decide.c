#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/rand.h"
#include "module/firewall/engine.h"

enum { FLOWS = 65536, FRAGMENT_BYTES = 4 << 20, BLOCKS_MAX = 64 };

struct hit {
	uint64_t rule, n;
};

struct firewall {
	struct instance base;      /* first: firewall_of() */
	const struct rules *rules; /* borrowed until the next apply */
	struct flows *flows;
	struct reassembly *fragments;
	struct recons *recons;
	struct notes *notes;
	int64_t utc_offset_s;
	unsigned places;
	bool offload, shown;
	uint64_t now_ms, clean_ms;
	struct hit *hits; /* owned; by rule ID */
	size_t nhits;
	uint64_t packets, drops, bad;
	struct block {
		struct ip source;
		uint32_t seconds;
	} blocks[BLOCKS_MAX];
	size_t nblocks;
};

struct firewall *firewall_of(struct instance *i)
{
	return (struct firewall *)(void *)i;
}

struct firewall *firewall_new(struct host *h, uint32_t flows, const uint64_t key[static 2],
                              uint64_t now_ms)
{
	struct firewall *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->base = (struct instance){ &firewall_module, h };
	f->now_ms = f->clean_ms = now_ms;
	f->places = PLACE_LOCAL;
	f->flows = flows_new(flows ? flows : FLOWS, NULL, key, now_ms);
	f->fragments = reassembly_new(NULL, FRAGMENT_BYTES, key);
	f->recons = recons_new(key);
	f->notes = notes_new();
	if (f->flows && f->fragments && f->recons && f->notes)
		return f;
	firewall_free(f);
	return NULL;
}

void firewall_free(struct firewall *f)
{
	if (!f)
		return;
	flows_free(f->flows);
	reassembly_free(f->fragments);
	recons_free(f->recons);
	notes_free(f->notes);
	free(f->hits);
	free(f);
}

void firewall_place(struct firewall *f, int64_t utc_offset_s, unsigned places)
{
	f->utc_offset_s = utc_offset_s;
	f->places = places;
}

void firewall_offload(struct firewall *f, bool offload)
{
	f->offload = offload;
	flows_set_offload(f->flows, offload);
}

void firewall_shown(struct firewall *f, bool shown)
{
	f->shown = shown;
}

/* ---- hits ---- */

static struct hit *hit_find(const struct firewall *f, uint64_t rule)
{
	for (size_t i = 0; i < f->nhits; i++)
		if (f->hits[i].rule == rule)
			return &f->hits[i];
	return NULL;
}

uint64_t firewall_hits(const struct firewall *f, uint64_t rule)
{
	const struct hit *h = hit_find(f, rule);
	return h ? h->n : 0;
}

void firewall_add_hits(struct firewall *f, uint64_t rule, uint64_t n)
{
	struct hit *h = hit_find(f, rule);
	if (h)
		h->n += n;
}

static void hit(struct firewall *f, const struct fw_rule *rule)
{
	if (rule && !f->offload)
		f->hits[rule - f->rules->rules].n++;
}

int firewall_apply(struct firewall *f, const struct rules *r, uint64_t now_ms)
{
	size_t n = r ? r->nrules : 0;
	struct hit *hits = calloc(n + 1, sizeof(*hits));
	if (!hits)
		return -ENOMEM;
	notes_tell(f->notes, f->rules, f->base.host, now_ms, true);
	for (size_t i = 0; i < n; i++)
		hits[i] = (struct hit){ r->rules[i].id, firewall_hits(f, r->rules[i].id) };
	free(f->hits);
	f->hits = hits;
	f->nhits = n;
	f->rules = r;
	if (r) {
		flows_set_limits(f->flows, &r->limits);
		reassembly_set_limits(f->fragments, &r->fragments);
	}
	return 0;
}

/* ---- what comes of a packet ---- */

/* A packet on its way through the decision. */
struct look {
	struct firewall *f;
	const struct rules *r;
	const struct packet *p;
	struct fw_outcome out;
};

static void note(struct look *l, const struct fw_rule *rule, enum reason reason,
                 enum note_action action, const char *words)
{
	notes_add(l->f->notes, l->r, l->p, rule, reason, action, words, l->f->now_ms);
}

static enum note_action denial(const struct look *l)
{
	return l->r->tap ? NOTE_DETECT : NOTE_DENY;
}

static void refuse(struct look *l, const struct fw_rule *rule, enum reason reason,
                   const char *words, bool quiet)
{
	l->out.would = true;
	l->out.drop = !l->r->tap;
	l->out.rule = rule;
	l->out.reason = reason;
	l->out.note = words;
	l->f->drops++;
	if (!quiet)
		note(l, rule, reason, denial(l), words);
}

/* Is a denial by state to be told? What is merely unsolicited only where the policy asks. */
static bool state_quiet(const struct flow_rules *r, const struct flow_answer *a)
{
	if (a->posture == POSTURE_DENY_SILENT)
		return true;
	if (a->reason == REASON_UNSOLICITED_UDP)
		return !r->log_udp;
	return a->reason == REASON_UNSOLICITED_ICMP && !r->log_icmp;
}

static void connection_event(struct look *l, const struct flow_answer *a)
{
	unsigned at = l->p->proto == PROTO_TCP ? 0 : l->p->proto == PROTO_UDP ? 1 : 2;
	if (a->is == FLOW_NEW && l->r->connection_events[at])
		note(l, NULL, REASON_NEW_CONNECTION, NOTE_CONNECTION, NULL);
}

static bool pass_state(struct look *l, bool forced)
{
	const struct flow_rules *rules = fw_stateful_of(l->r, l->p->ifname);
	struct flow_answer a = flow_see(l->f->flows, l->p, rules, !forced, l->f->now_ms);
	l->out.state = a.state;
	connection_event(l, &a);
	if (a.reason && a.posture == POSTURE_LOG)
		note(l, NULL, a.reason, NOTE_LOG, a.note);
	if (a.reason && a.posture != POSTURE_LOG) {
		refuse(l, NULL, a.reason, a.note, state_quiet(rules, &a));
		return false;
	}
	l->out.settled = !flow_limits_need_all(&l->r->limits) &&
	                 (l->p->proto != PROTO_TCP || !rules->tcp || a.state == FLOW_ESTABLISHED);
	return true;
}

static void by_rules(struct look *l)
{
	struct fw_now now = { fw_hour(l->p->when_ms, l->f->utc_offset_s), l->f->places };
	struct fw_decision d = fw_evaluate(l->r, l->p, &now);
	l->out.verdict = d.verdict;
	l->out.rule = d.rule;
	hit(l->f, d.rule);
	hit(l->f, d.log);
	if (d.verdict == FW_DROP) {
		refuse(l, d.rule, d.reason, NULL, !d.rule && !l->r->out_of_allowed_events);
		return;
	}
	l->out.settled = d.verdict == FW_PASS_BYPASS;
	if (d.verdict != FW_PASS_BYPASS && !pass_state(l, d.verdict == FW_PASS_FORCED))
		return;
	if (d.log)
		note(l, d.log, REASON_NONE, NOTE_LOG, NULL);
}

/* Whom a Bypass rule names is not even looked at for faults. */
static bool bypassed(struct look *l)
{
	struct fw_now now = { fw_hour(l->p->when_ms, l->f->utc_offset_s), l->f->places };
	struct fw_decision d = fw_evaluate(l->r, l->p, &now);
	if (d.verdict != FW_PASS_BYPASS)
		return false;
	l->out.verdict = d.verdict;
	l->out.rule = d.rule;
	hit(l->f, d.rule);
	return true;
}

static void malformed(struct look *l, enum reason why)
{
	enum posture checksum = l->r->limits.evasion[EVASION_CHECKSUM];
	l->f->bad++;
	if (bypassed(l))
		return;
	if (why == REASON_CHECKSUM && !l->r->checks.tcp_checksum && checksum == POSTURE_LOG) {
		note(l, NULL, why, NOTE_LOG, NULL);
		by_rules(l);
		return;
	}
	if (l->r->fail_open_sanity) {
		note(l, NULL, why, NOTE_LOG, NULL);
		return;
	}
	refuse(l, NULL, why, NULL, false);
}

/* ---- reconnaissance ---- */

static void found(struct look *l, enum recon kind)
{
	const struct packet *p = l->p;
	struct firewall *f = l->f;
	uint32_t minutes = l->r->recon.block_min[kind];
	struct recon_found r = { .kind = kind,
		                 .source = p->src,
		                 .target = p->dst,
		                 .port = p->dport,
		                 .when_ms = p->when_ms };
	strncpy(r.ifname, p->ifname ? p->ifname : "", sizeof(r.ifname) - 1);
	l->out.recon = kind;
	l->out.recon_found = true;
	notes_recon(f->notes, &r);
	if (!minutes)
		return;
	recons_block(f->recons, &p->src, f->now_ms + (uint64_t)minutes * 60000);
	if (f->nblocks < BLOCKS_MAX)
		f->blocks[f->nblocks++] = (struct block){ p->src, minutes * 60 };
}

static void look_around(struct look *l, enum reason why)
{
	unsigned kinds = recons_see(l->f->recons, &l->r->recon, l->p, why, l->f->now_ms);
	for (int k = 0; k < RECON_KINDS; k++)
		if (kinds & (1u << k))
			found(l, (enum recon)k);
}

bool firewall_next_block(struct firewall *f, struct ip *source, uint32_t *seconds)
{
	if (!f->nblocks)
		return false;
	f->nblocks--;
	*source = f->blocks[f->nblocks].source;
	*seconds = f->blocks[f->nblocks].seconds;
	return true;
}

/* ---- fragments ---- */

static struct fw_outcome judge(struct firewall *f, const struct packet *p, enum reason why);

static struct fw_outcome whole(struct look *l, const uint8_t *data, size_t len)
{
	struct packet q = *l->p;
	q.reassembled = true;
	enum reason why = packet_decode(&q, PACKET_IP, data, len, &l->r->checks);
	q.has_mac = l->p->has_mac;
	memcpy(q.src_mac, l->p->src_mac, 6);
	memcpy(q.dst_mac, l->p->dst_mac, 6);
	if (q.fragment) /* a fragment inside fragments is there to hide something */
		why = REASON_FRAGMENTED;
	return judge(l->f, &q, why);
}

static struct fw_outcome fragment(struct look *l)
{
	const struct flow_rules *rules = fw_stateful_of(l->r, l->p->ifname);
	enum posture posture = l->r->limits.evasion[EVASION_FRAGMENTS];
	const uint8_t *data = NULL;
	size_t len = 0;
	enum reason why = REASON_NONE;
	if (rules->deny_fragments || posture == POSTURE_DENY || posture == POSTURE_DENY_SILENT) {
		if (!bypassed(l))
			refuse(l, NULL, REASON_FRAGMENTED, NULL, posture == POSTURE_DENY_SILENT);
		return l->out;
	}
	if (posture == POSTURE_LOG)
		note(l, NULL, REASON_FRAGMENTED, NOTE_LOG, NULL);
	switch (reassembly_see(l->f->fragments, l->p, l->f->now_ms, &data, &len, &why)) {
	case REASSEMBLY_WHOLE:
		return whole(l, data, len);
	case REASSEMBLY_REFUSED:
		look_around(l, why);
		if (!bypassed(l))
			refuse(l, NULL, why, NULL, false);
		break;
	case REASSEMBLY_HELD:
		l->out.note = "fragment";
		break;
	}
	return l->out;
}

/* ---- the door ---- */

static struct fw_outcome judge(struct firewall *f, const struct packet *p, enum reason why)
{
	struct look l = { .f = f, .r = f->rules, .p = p, .out = { .verdict = FW_PASS } };
	if (why == REASON_NONE && p->fragment && !p->reassembled)
		return fragment(&l);
	if (!f->shown)
		look_around(&l, why);
	if (p->direction == PACKET_IN && packet_is_ip(p) &&
	    recons_blocked(f->recons, &p->src, f->now_ms)) {
		refuse(&l, NULL, REASON_UNDEFINED, "blocked source", true);
		return l.out;
	}
	if (why != REASON_NONE)
		malformed(&l, why);
	else
		by_rules(&l);
	return l.out;
}

static bool idle(const struct firewall *f, const struct packet *p)
{
	return !f->rules || !f->rules->on || (p->ifname && strcmp(p->ifname, "lo") == 0);
}

struct fw_outcome firewall_judge(struct firewall *f, const struct packet *p, enum reason why)
{
	if (p->when_ms > f->now_ms)
		f->now_ms = p->when_ms;
	f->packets++;
	if (idle(f, p))
		return (struct fw_outcome){ .verdict = FW_PASS, .settled = true };
	return judge(f, p, why);
}

static const struct fw_rule *rule_find(const struct rules *r, uint64_t id)
{
	for (size_t i = 0; id && i < r->nrules; i++)
		if (r->rules[i].id == id)
			return &r->rules[i];
	return NULL;
}

void firewall_told(struct firewall *f, const struct packet *p, uint64_t rule, enum reason reason,
                   bool dropped)
{
	struct look l = { .f = f, .r = f->rules, .p = p };
	if (p->when_ms > f->now_ms)
		f->now_ms = p->when_ms;
	if (idle(f, p))
		return;
	look_around(&l, reason);
	const struct fw_rule *known = rule_find(f->rules, rule);
	if (!known && !reason)
		return;
	bool denies = dropped || (known && known->action == FW_DENY);
	note(&l, known, reason, denies ? denial(&l) : NOTE_LOG, NULL);
}

void firewall_tick(struct firewall *f, uint64_t now_ms)
{
	if (now_ms > f->now_ms)
		f->now_ms = now_ms;
	uint64_t every = f->rules ? (uint64_t)f->rules->limits.cleanup_s * 1000 : 10000;
	if (f->now_ms - f->clean_ms >= every) {
		flows_clean(f->flows, f->now_ms);
		reassembly_clean(f->fragments, f->now_ms);
		f->clean_ms = f->now_ms;
	}
	notes_tell(f->notes, f->rules, f->base.host, f->now_ms, false);
}

void firewall_flush(struct firewall *f)
{
	notes_tell(f->notes, f->rules, f->base.host, f->now_ms, true);
}

json_t *firewall_report(const struct firewall *f)
{
	json_t *o = json_object(), *hits = json_array();
	bool on = f->rules && f->rules->on;
	uint32_t tcp = 0;
	for (int s = FLOW_SYN_SENT; s <= FLOW_ERROR; s++)
		tcp += flows_count(f->flows, (enum flow_state)s);
	json_set_text(o, "state", on ? "on" : "off");
	json_set_text(o, "mode", on && f->rules->tap ? "tap" : "inline");
	json_set_int(o, "packets", (int64_t)f->packets);
	json_set_int(o, "dropped", (int64_t)f->drops);
	json_set_int(o, "malformed", (int64_t)f->bad);
	json_set(o, "connections",
	         json_pack("{s:I,s:I,s:I}", "tcp", (json_int_t)tcp, "udp",
	                   (json_int_t)flows_count(f->flows, FLOW_UDP), "icmp",
	                   (json_int_t)flows_count(f->flows, FLOW_ICMP)));
	for (size_t i = 0; i < f->nhits; i++)
		if (f->hits[i].rule && f->hits[i].n)
			json_array_append_new(hits, json_pack("{s:I,s:I}", "ruleID",
			                                      (json_int_t)f->hits[i].rule, "hits",
			                                      (json_int_t)f->hits[i].n));
	json_set(o, "hits", hits);
	return o;
}

/* ---- the module's face ---- */

static struct instance *start(struct host *h)
{
	uint64_t key[2];
	rand_bytes(key, sizeof(key));
	struct firewall *f = firewall_new(h, 0, key, h->now_ms(h));
	return f ? &f->base : NULL;
}

static int apply(struct instance *i, const struct rules *r)
{
	return firewall_apply(firewall_of(i), r, i->host->now_ms(i->host));
}

static enum verdict decide(struct instance *i, const struct sight *s)
{
	return firewall_judge(firewall_of(i), s->packet, REASON_NONE).drop ? VERDICT_DENY
	                                                                   : VERDICT_PASS;
}

static bool is_on(const struct rules *r)
{
	return r->on;
}

static struct packet_answer answer(struct instance *i, const struct packet *p, enum reason why)
{
	struct fw_outcome o = firewall_judge(firewall_of(i), p, why);
	return (struct packet_answer){ .drop = o.drop,
		                       .skip = o.verdict == FW_PASS_BYPASS,
		                       .settled = o.settled };
}

static void tick(struct instance *i, uint64_t now_ms)
{
	firewall_tick(firewall_of(i), now_ms);
}

static void flush(struct instance *i)
{
	firewall_flush(firewall_of(i));
}

static json_t *report(const struct instance *i)
{
	return firewall_report((const struct firewall *)(const void *)i);
}

static void stop(struct instance *i)
{
	firewall_flush(firewall_of(i));
	firewall_free(firewall_of(i));
}

const struct module firewall_module = {
	.section = &firewall_section,
	.senses = SENSE_PACKET,
	.start = start,
	.apply = apply,
	.decide = decide,
	.report = report,
	.stop = stop,
};

const struct packet_row firewall_packets = {
	.module = &firewall_module,
	.on = is_on,
	.judge = answer,
	.tick = tick,
	.flush = flush,
};
