#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/rand.h"
#include "module/intrusionprevention/report.h"
#include "module/intrusionprevention/traffic.h"
#include "module/intrusionprevention/wanted.h"

/* Packets to verdicts and events, by the policy's rules. */

enum { CLEAN_MAX = 512 };

struct prevention {
	struct instance base;      /* first */
	const struct rules *rules; /* borrowed until the next apply; NULL: none */
	struct ips *ips;           /* NULL until rules are on */
	struct traffic *traffic;
	struct reports *reports;
	struct wanted *wanted; /* of the rules in force */
	size_t loaded;
	int64_t utc_offset_s;
	unsigned places; /* bits of enum fw_place; 0: not known */
	bool just_told;  /* an alert came of the packet at hand */
	uint64_t now_ms;
};

static struct prevention *of(struct instance *i)
{
	return (struct prevention *)(void *)i;
}

/* ---- what a policy says of a rule that matched ---- */

static bool type_holds(const struct prevention_type *t, const struct packet *p,
                       const struct ips_flow *f)
{
	const struct ips_tuple *c = f ? ips_flow_tuple(f) : NULL;
	uint8_t proto = c ? c->proto : p ? p->proto : PROTO_NONE;
	uint16_t port = c ? c->server_port : p ? p->dport : 0;
	bool icmp = proto == PROTO_ICMP || proto == PROTO_ICMPV6;
	if (!((t->tcp && proto == PROTO_TCP) || (t->udp && proto == PROTO_UDP) ||
	      (t->icmp && icmp)))
		return false;
	if (p && c) {
		bool from_client = p->sport == c->client_port &&
		                   memcmp(p->src.b, c->client.b, sizeof(p->src.b)) == 0;
		bool outgoing = (p->direction == PACKET_OUT) == from_client;
		if (outgoing != t->outgoing)
			return false;
	}
	return prevention_type_port(t, port);
}

static enum ips_leave leave(void *arg, const struct ips_rule_words *words, const struct packet *p,
                            struct ips_flow *f)
{
	const struct prevention *v = arg;
	const struct prevention_rule *rule = prevention_rule_find(v->rules, words->tag);
	if (!rule || (rule->type && !type_holds(rule->type, p, f)) ||
	    (rule->places && v->places && !(rule->places & v->places)) ||
	    !prevention_schedule_holds(rule->when, p && p->when_ms ? p->when_ms : v->now_ms,
	                               v->utc_offset_s))
		return IPS_OFF;
	return rule->log_only ? IPS_DETECT : IPS_BLOCK;
}

static void alerted(void *arg, const struct ips_alert *a)
{
	struct prevention *v = arg;
	const struct prevention_rule *rule = prevention_rule_find(v->rules, a->rule->tag);
	v->just_told = true;
	if (rule)
		reports_add(v->reports, v->rules, rule, a,
		            a->flow ? traffic_protocol(a->flow) : APP_UNKNOWN, v->now_ms);
}

/* ---- the module ---- */

static void stop(struct instance *i)
{
	struct prevention *v = of(i);
	if (v->reports)
		reports_tell(v->reports, v->rules, i->host, v->now_ms, true);
	traffic_free(v->traffic);
	ips_free(v->ips);
	reports_free(v->reports);
	wanted_free(v->wanted);
	free(v);
}

static struct instance *start(struct host *h)
{
	struct prevention *v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->base = (struct instance){ prevention_packets.module, h };
	v->reports = reports_new();
	v->wanted = wanted_new();
	if (v->reports && v->wanted)
		return &v->base;
	reports_free(v->reports);
	wanted_free(v->wanted);
	free(v);
	return NULL;
}

static struct traffic_limits limits_of(const struct rules *r)
{
	struct traffic_limits l = traffic_limits_default;
	bool blocks = r->state == PREVENTION_PREVENT && !r->tap;
	l.stream.midstream = true; /* connections that stood before the agent did */
	l.stream.refuse = l.stream.refuse_conflict = blocks;
	if (r->fragments_said) {
		l.fragments.keep_max = r->fragments_max;
		l.fragments.timeout_s = r->fragments_timeout_s;
	}
	return l;
}

static int begin(struct prevention *v, struct ips_set *set, const struct ips_mode *mode)
{
	uint64_t key[2];
	struct traffic_limits l = limits_of(v->rules);
	if (v->ips) {
		traffic_set_limits(v->traffic, &l);
		return ips_apply(v->ips, set, mode);
	}
	rand_bytes(key, sizeof(key));
	v->ips = ips_new(set, mode, &ips_face_app);
	v->traffic = v->ips ? traffic_new(&l, v->ips, key) : NULL;
	if (v->traffic)
		return 0;
	ips_free(v->ips);
	v->ips = NULL;
	return -ENOMEM;
}

static void end(struct prevention *v)
{
	traffic_free(v->traffic);
	ips_free(v->ips);
	v->traffic = NULL;
	v->ips = NULL;
	v->loaded = 0;
}

static int prepare(struct rules *r, struct err *why)
{
	struct ips_set *set = NULL;
	struct ips_rules *parsed = TAKE(r->parsed);
	if (!parsed)
		return 0;
	int rc = ips_set_new(parsed, &ips_limits_default, NULL, &set, why);
	if (rc < 0)
		return rc;
	r->set = set;
	r->set_drop = ips_set_unref;
	return 0;
}

/* What was prepared, or compiled now; referenced. */
static int set_of(const struct rules *r, struct ips_set **out)
{
	struct ips_variable home;
	struct err why;
	const struct ips_source in = prevention_source(r, &home);
	if (!r->set)
		return ips_compile(&in, &ips_limits_default, NULL, out, NULL, &why);
	*out = ips_set_ref(r->set);
	return 0;
}

static int apply(struct instance *i, const struct rules *r)
{
	struct prevention *v = of(i);
	struct ips_set *set = NULL;
	v->now_ms = i->host->now_ms(i->host);
	/* Events of the rules before have their names copied. */
	const struct rules *old = v->rules;
	v->rules = r;
	if (!r || r->state == PREVENTION_OFF) {
		end(v);
		return 0;
	}
	struct ips_mode mode = { .prevent = r->state == PREVENTION_PREVENT,
		                 .tap = r->tap,
		                 .of = leave,
		                 .alert = alerted,
		                 .arg = v };
	int rc = set_of(r, &set);
	if (rc == 0)
		rc = begin(v, set, &mode);
	if (rc == 0) {
		wanted_fill(v->wanted, r, ips_set_rules(set));
		rc = traffic_show(v->traffic, wanted_answers(v->wanted));
	}
	if (rc == 0)
		v->loaded = ips_rules_count(ips_set_rules(set));
	else
		v->rules = old;
	ips_set_unref(set);
	return rc;
}

static bool is_on(const struct rules *r)
{
	return r->state != PREVENTION_OFF && r->nrules > 0;
}

/* More of a connection that a rule stopped, where the rule wants to tell each packet. */
static void dropped_again(struct prevention *v, const struct ips_flow *f, const struct packet *p)
{
	const struct ips_rule_words *by = ips_flow_stopped_by(f);
	const struct prevention_rule *rule = by ? prevention_rule_find(v->rules, by->tag) : NULL;
	if (!rule || !rule->each_drop)
		return;
	const struct ips_tuple *t = ips_flow_tuple(f);
	bool client =
		p->sport == t->client_port && memcmp(p->src.b, t->client.b, sizeof(p->src.b)) == 0;
	struct ips_alert a = { .rule = by,
		               .verdict = IPS_VERDICT_DROP,
		               .wanted = IPS_DROP,
		               .where = IPS_AT_PACKET,
		               .side = client ? APP_CLIENT : APP_SERVER,
		               .buffer = APP_BUFFERS,
		               .position = -1,
		               .stream_position = -1,
		               .packet = p,
		               .flow = (struct ips_flow *)(uintptr_t)f,
		               .note = "more of a connection that was stopped" };
	reports_add(v->reports, v->rules, rule, &a, traffic_protocol(f), v->now_ms);
}

static struct packet_answer judge(struct instance *i, const struct packet *p, enum reason why)
{
	struct prevention *v = of(i);
	if (!v->traffic || why != REASON_NONE || !packet_is_ip(p))
		return (struct packet_answer){ .settled = true };
	v->now_ms = i->host->now_ms(i->host);
	v->just_told = false;
	struct traffic_outcome o = traffic_see(v->traffic, p, v->now_ms);
	bool blocks = v->rules->state == PREVENTION_PREVENT && !v->rules->tap;
	if (o.reason != REASON_NONE)
		reports_oddity(v->reports, v->rules, o.reason, o.note, o.drop && blocks, p,
		               v->now_ms);
	bool drop = blocks && (o.drop || o.verdict >= IPS_VERDICT_DROP);
	if (drop && o.flow && !v->just_told)
		dropped_again(v, o.flow, p);
	return (struct packet_answer){ .drop = drop,
		                       .reset = drop && o.verdict == IPS_VERDICT_RESET,
		                       .settled = o.settled };
}

static enum verdict decide(struct instance *i, const struct sight *s)
{
	return judge(i, s->packet, REASON_NONE).drop ? VERDICT_DENY : VERDICT_PASS;
}

static void tick(struct instance *i, uint64_t now_ms)
{
	struct prevention *v = of(i);
	v->now_ms = now_ms;
	if (v->traffic)
		traffic_clean(v->traffic, CLEAN_MAX, now_ms);
	reports_tell(v->reports, v->rules, i->host, now_ms, false);
}

static void flush(struct instance *i)
{
	struct prevention *v = of(i);
	reports_tell(v->reports, v->rules, i->host, v->now_ms, true);
}

static void place(struct instance *i, int64_t utc_offset_s, unsigned places)
{
	of(i)->utc_offset_s = utc_offset_s;
	of(i)->places = places;
}

static size_t wants(const struct instance *i, struct packet_want *out, size_t max)
{
	const struct prevention *v = (const struct prevention *)(const void *)i;
	return v->ips && v->rules ? wanted_list(v->wanted, out, max) : 0;
}

static json_t *report(const struct instance *i)
{
	const struct prevention *v = (const struct prevention *)(const void *)i;
	static const char *const states[] = { "off", "detect", "prevent" };
	json_t *o = json_object(), *problems = json_array();
	json_set_text(o, "state", states[v->rules ? v->rules->state : PREVENTION_OFF]);
	json_set_int(o, "rules", (int64_t)v->loaded);
	for (size_t k = 0; v->rules && k < v->rules->report.nproblems && k < 20; k++) {
		const struct ips_problem *p = &v->rules->report.problems[k];
		json_t *one = json_object();
		json_set_text(one, "rule", p->file);
		json_set_int(one, "line", p->line);
		json_set_int(one, "column", p->column);
		json_set_text(one, "problem", p->text);
		json_array_append_new(problems, one);
	}
	json_set(o, "problems", problems);
	if (!v->ips)
		return o;
	const struct ips_counts *c = ips_counted(v->ips);
	const struct traffic_counts *t = traffic_counted(v->traffic);
	json_set_int(o, "packets", (int64_t)t->packets);
	json_set_int(o, "connections", (int64_t)traffic_connections(v->traffic));
	json_set_int(o, "alerts", (int64_t)c->alerts);
	json_set_int(o, "candidates", (int64_t)c->candidates);
	json_set_int(o, "notInspected", (int64_t)t->not_inspected);
	json_set_int(o, "limits", (int64_t)(c->steps + c->pcre_limit + c->crowded));
	json_set_int(o, "memory", (int64_t)traffic_memory(v->traffic));
	return o;
}

static const struct module prevention_module = {
	.section = &intrusionprevention_section,
	.senses = SENSE_PACKET,
	.start = start,
	.apply = apply,
	.decide = decide,
	.report = report,
	.stop = stop,
};

const struct packet_row prevention_packets = {
	.module = &prevention_module,
	.prepare = prepare,
	.on = is_on,
	.judge = judge,
	.tick = tick,
	.flush = flush,
	.wants = wants,
	.place = place,
};
