#include "module/intrusionprevention/prevention.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/rand.h"
#include "engine/capture.h"
#include "manager/bench/bench.h"
#include "module/intrusionprevention/traffic.h"

/*
 * What rules find in a capture. input: {"section": of a policy, "capture": base64 of a pcap or
 * pcapng file, "checksums", "midstream": booleans}. Ports of application types hold; who opened a
 * connection is not asked, since a capture does not say whose computer it was taken on.
 */

enum {
	ALERTS_MAX = 1000,
	PROBLEMS_MAX = 100,
	CONNECTIONS = 4096,
	CLEAN_AT_ONCE = 16,
	KEPT = 65536
};

struct run {
	const struct rules *rules;
	struct ips *ips;
	struct traffic *traffic;
	json_t *alerts; /* borrowed */
	uint64_t number, left_out, dropped;
};

static enum ips_leave leave(void *arg, const struct ips_rule_words *words, const struct packet *p,
                            struct ips_flow *f)
{
	const struct run *r = arg;
	const struct prevention_rule *rule = prevention_rule_find(r->rules, words->tag);
	const struct ips_tuple *t = f ? ips_flow_tuple(f) : NULL;
	uint16_t port = t ? t->server_port : p ? p->dport : 0;
	if (!rule || (rule->type && !rule->type->icmp && !prevention_type_port(rule->type, port)))
		return IPS_OFF;
	return rule->log_only ? IPS_DETECT : IPS_BLOCK;
}

/* ---- what was found ---- */

static void say_ends(json_t *o, const struct ips_alert *a)
{
	const struct packet *p = a->packet;
	const struct ips_tuple *t = a->flow ? ips_flow_tuple(a->flow) : NULL;
	bool client = a->side == APP_CLIENT;
	char text[46];
	if (!t && !p)
		return;
	const struct ip *src = !t ? &p->src : client ? &t->client : &t->server;
	const struct ip *dst = !t ? &p->dst : client ? &t->server : &t->client;
	json_set_text(o, "sourceIP", ip_text(src, text));
	json_set_text(o, "destinationIP", ip_text(dst, text));
	uint8_t proto = t ? t->proto : p->proto;
	json_set_int(o, "protocolNumber", proto);
	if (proto != PROTO_TCP && proto != PROTO_UDP)
		return;
	json_set_int(o, "sourcePort", !t ? p->sport : client ? t->client_port : t->server_port);
	json_set_int(o, "destinationPort",
	             !t       ? p->dport
	             : client ? t->server_port
	                      : t->client_port);
}

static const char *verdict_word(enum ips_verdict v)
{
	return v == IPS_VERDICT_DROP ? "drop" : v == IPS_VERDICT_RESET ? "reset" : "log-only";
}

static const char *wanted_word(enum ips_action a)
{
	return a == IPS_DROP ? "drop" : a == IPS_REJECT ? "reset" : "log-only";
}

static void say_place(json_t *o, const struct ips_alert *a)
{
	json_set_text(o, "flow", a->side == APP_CLIENT ? "connection" : "reverse");
	if (a->flow && traffic_protocol(a->flow) != APP_UNKNOWN)
		json_set_text(o, "applicationProtocol",
		              app_protocol_name(traffic_protocol(a->flow)));
	if (a->where == IPS_AT_TX && a->buffer < APP_BUFFERS)
		json_set_text(o, "buffer", app_buffers[a->buffer].name);
	if (a->position >= 0)
		json_set_int(o, "positionInBuffer", a->position);
	if (a->stream_position >= 0)
		json_set_int(o, "positionInStream", a->stream_position);
	if (*a->note)
		json_set_text(o, "note", a->note);
}

static void alerted(void *arg, const struct ips_alert *a)
{
	struct run *r = arg;
	const struct prevention_rule *rule = prevention_rule_find(r->rules, a->rule->tag);
	if (json_array_size(r->alerts) == ALERTS_MAX) {
		r->left_out++;
		return;
	}
	json_t *o = json_object();
	json_set_int(o, "packet", (int64_t)r->number);
	if (a->packet)
		json_set_int(o, "time", (int64_t)a->packet->when_ms);
	if (rule && rule->id)
		json_set_int(o, "ruleID", (int64_t)rule->id);
	json_set_text(o, "ruleName", rule ? rule->name : "");
	json_set_int(o, "signatureID", a->rule->sid);
	json_set_bytes(o, "message", str_of(a->rule->msg ? a->rule->msg : ""));
	json_set_text(o, "action", verdict_word(a->verdict));
	json_set_text(o, "ruleAction", wanted_word(a->wanted));
	say_ends(o, a);
	say_place(o, a);
	json_array_append_new(r->alerts, o);
}

static json_t *problems(const struct ips_report *report)
{
	json_t *list = json_array();
	for (size_t i = 0; i < report->nproblems && i < PROBLEMS_MAX; i++) {
		const struct ips_problem *p = &report->problems[i];
		json_t *o = json_object();
		json_set_bytes(o, "rule", str_of(p->file));
		json_set_int(o, "line", p->line);
		json_set_int(o, "column", p->column);
		json_set_bytes(o, "problem", str_of(p->text));
		json_array_append_new(list, o);
	}
	return list;
}

static void say_counts(const struct run *r, json_t *out)
{
	const struct traffic_counts *n = traffic_counted(r->traffic);
	json_set_int(out, "packets", (int64_t)r->number);
	json_set_int(out, "connections", (int64_t)n->connections);
	json_set_int(out, "bytes", (int64_t)n->bytes);
	json_set_int(out, "notInspected",
	             (int64_t)(n->not_inspected + ips_counted(r->ips)->not_inspected));
	json_set_int(out, "missing", (int64_t)n->lost);
	json_set_int(out, "badChecksums", (int64_t)n->bad_checksums);
	json_set_int(out, "dropped", (int64_t)r->dropped);
	json_set_int(out, "alertsLeftOut", (int64_t)r->left_out);
}

/* ---- the capture ---- */

static void one_packet(struct run *r, const struct capture_packet *one)
{
	struct packet p = { .when_ms = one->when_ms, .ifname = "capture" };
	r->number++;
	if (!one->readable ||
	    packet_decode(&p, one->link, one->data, one->len, NULL) != REASON_NONE)
		return;
	p.direction = one->outgoing == 1 ? PACKET_OUT : PACKET_IN;
	struct traffic_outcome o = traffic_see(r->traffic, &p, one->when_ms);
	r->dropped += o.drop || o.verdict >= IPS_VERDICT_DROP;
	traffic_clean(r->traffic, CLEAN_AT_ONCE, one->when_ms);
}

static int replay(struct run *r, struct str bytes, struct err *why)
{
	struct capture c = { 0 };
	struct capture_packet one = { 0 };
	int rc = capture_open(&c, bytes.p, bytes.n, why);
	while (rc >= 0 && (rc = capture_next(&c, &one, why)) == 1)
		one_packet(r, &one);
	if (rc == 0)
		traffic_flush(r->traffic, one.when_ms);
	return rc < 0 ? err_add(why, rc, "capture") : 0;
}

static int start(struct run *r, const json_t *input, struct ips_report *report, struct err *why)
{
	struct ips_variable home;
	const struct ips_source in = prevention_source(r->rules, &home);
	struct traffic_limits limits = traffic_limits_default;
	bool prevent = r->rules->state == PREVENTION_PREVENT && !r->rules->tap;
	struct ips_mode mode = { .prevent = prevent, .of = leave, .alert = alerted, .arg = r };
	const uint64_t key[2] = { 1, 2 };
	struct ips_set *set = NULL;
	int rc = ips_compile(&in, &ips_limits_default, NULL, &set, report, why);
	if (rc < 0)
		return rc;
	limits.connections = CONNECTIONS;
	limits.stream.midstream = json_bool(input, "midstream", true);
	limits.stream.refuse = limits.stream.refuse_conflict = prevent;
	limits.stream.kept = prevent ? KEPT : 0;
	limits.checksums = json_bool(input, "checksums", false);
	r->ips = ips_new(set, &mode, &ips_face_app);
	ips_set_unref(set);
	r->traffic = r->ips ? traffic_new(&limits, r->ips, key) : NULL;
	return r->traffic ? 0 : err_set(why, -ENOMEM, "There is no memory for it");
}

static int try_all(struct run *r, const json_t *input, struct str bytes, json_t *out,
                   struct err *why)
{
	struct ips_report report = { 0 };
	r->alerts = json_array();
	json_set(out, "alerts", r->alerts);
	int rc = start(r, input, &report, why);
	if (rc == 0)
		rc = replay(r, bytes, why);
	if (rc == 0) {
		json_set_int(out, "rules", (int64_t)report.loaded);
		json_set(out, "problems", problems(&report));
		say_counts(r, out);
	}
	ips_report_done(&report);
	traffic_free(r->traffic);
	ips_free(r->ips);
	return rc;
}

int bench_prevention(const json_t *input, json_t **out, struct err *why)
{
	AUTO(buf_done) struct buf bytes = { 0 };
	AUTO(json_decrefp) json_t *result = json_object();
	struct rules *rules = NULL;
	const char *text = json_text(input, "capture", "");
	if (!*text || base64_decode(&bytes, str_of(text)) < 0)
		return err_set(why, -EINVAL,
		               "capture: a pcap or pcapng file in base64 is expected");
	int rc = intrusionprevention_section.parse(json_object_at(input, "section"), &rules, why);
	if (rc < 0)
		return rc;
	assert(rules);
	struct run r = { .rules = rules };
	rc = try_all(&r, input, buf_view(&bytes), result, why);
	intrusionprevention_section.free(rules);
	if (rc == 0)
		*out = TAKE(result);
	return rc;
}
