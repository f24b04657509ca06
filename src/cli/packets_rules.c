#include "cli/packets_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rand.h"
#include "engine/capture.h"
#include "module/intrusionprevention/ips.h"
#include "module/intrusionprevention/traffic.h"

enum {
	CAPTURE_MAX = 1 << 30,
	RULES_MAX = 256 << 20,
	CONNECTIONS = 131072,
	CLEAN_AT_ONCE = 1000,
	KEPT = 64 << 10
};

/* One run. */
struct run {
	const struct packets_rules *o;
	struct buf *texts;      /* owned: a file's each */
	struct ips_file *files; /* owned */
	struct ips_report report;
	struct ips_set *set;
	struct ips *ips;
	struct traffic *traffic;
	uint64_t number, alerts, dropped;
};

/* ---- telling ---- */

static const char *verdict_word(enum ips_verdict v)
{
	static const char *const words[] = { "none", "alert", "drop", "reset" };
	return words[v];
}

static const char *proto_word(uint8_t proto, char out[static 8])
{
	if (proto == PROTO_TCP)
		return "TCP";
	if (proto == PROTO_UDP)
		return "UDP";
	if (proto == PROTO_ICMP)
		return "ICMP";
	if (proto == PROTO_ICMPV6)
		return "IPv6-ICMP";
	snprintf(out, 8, "%u", proto);
	return out;
}

static void put_time(json_t *j, uint64_t ms)
{
	char text[40];
	struct tm tm = { 0 };
	time_t t = (time_t)(ms / 1000);
	if (!gmtime_r(&t, &tm))
		return;
	size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03uZ", (unsigned)(ms % 1000));
	json_set_text(j, "timestamp", text);
}

/* Who sent what matched, and to whom: of the packet, or (when a connection ended) of the flow. */
struct ends {
	struct ip src, dst;
	uint16_t sport, dport;
	uint8_t proto;
};

static bool ends_of(const struct ips_alert *a, struct ends *out)
{
	const struct packet *p = a->packet;
	const struct ips_tuple *t = a->flow ? ips_flow_tuple(a->flow) : NULL;
	if (p)
		*out = (struct ends){ p->src, p->dst, p->sport, p->dport, p->proto };
	else if (t && a->side == APP_CLIENT)
		*out = (struct ends){ t->client, t->server, t->client_port, t->server_port,
			              t->proto };
	else if (t)
		*out = (struct ends){ t->server, t->client, t->server_port, t->client_port,
			              t->proto };
	return p || t;
}

static void put_ends(json_t *j, const struct ips_alert *a)
{
	struct ends e;
	char text[46], proto[8];
	if (!ends_of(a, &e))
		return;
	json_set_text(j, "src_ip", ip_text(&e.src, text));
	json_set_text(j, "dest_ip", ip_text(&e.dst, text));
	if (e.proto == PROTO_TCP || e.proto == PROTO_UDP) {
		json_set_int(j, "src_port", e.sport);
		json_set_int(j, "dest_port", e.dport);
	}
	json_set_text(j, "proto", proto_word(e.proto, proto));
}

static void show_json(const struct run *r, const struct ips_alert *a)
{
	AUTO(json_decrefp) json_t *j = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	const struct ips_rule_words *w = a->rule;
	enum app_protocol app = traffic_protocol(a->flow);
	json_set_int(j, "packet", (int64_t)r->number);
	if (a->packet)
		put_time(j, a->packet->when_ms);
	json_set_int(j, "sid", w->sid);
	json_set_int(j, "gid", w->gid);
	json_set_int(j, "rev", w->rev);
	json_set_bytes(j, "msg", str_of(w->msg ? w->msg : ""));
	json_set_text(j, "action", verdict_word(a->verdict));
	json_set_text(j, "rule_action", ips_action_name(a->wanted));
	if (w->classtype && w->classtype[0])
		json_set_bytes(j, "classtype", str_of(w->classtype));
	json_set_int(j, "priority", w->priority);
	put_ends(j, a);
	json_set_text(j, "app_proto", app_protocol_name(app));
	json_set_text(j, "direction", a->side == APP_CLIENT ? "to_server" : "to_client");
	if (a->where == IPS_AT_TX && a->buffer < APP_BUFFERS)
		json_set_text(j, "buffer", app_buffers[a->buffer].name);
	if (a->tx)
		json_set_int(j, "tx", (int64_t)app_tx_number(a->tx));
	if (a->position >= 0)
		json_set_int(j, "position", a->position);
	if (a->stream_position >= 0)
		json_set_int(j, "stream_position", a->stream_position);
	if (*a->note)
		json_set_text(j, "note", a->note);
	json_write(&b, j);
	printf("%s\n", b.p);
}

static void show_text(const struct run *r, const struct ips_alert *a)
{
	AUTO(buf_done) struct buf msg = { 0 };
	struct ends e;
	char src[46], dst[46], proto[8];
	enum app_protocol app = traffic_protocol(a->flow);
	buf_safe(&msg, str_of(a->rule->msg ? a->rule->msg : ""));
	printf("%llu %s [%u:%u:%u] %s", (unsigned long long)r->number, verdict_word(a->verdict),
	       a->rule->gid, a->rule->sid, a->rule->rev, msg.p ? msg.p : "");
	if (ends_of(a, &e))
		printf(" {%s} %s.%u > %s.%u", proto_word(e.proto, proto), ip_text(&e.src, src),
		       e.sport, ip_text(&e.dst, dst), e.dport);
	if (app != APP_UNKNOWN)
		printf(" %s", app_protocol_name(app));
	if (a->would)
		printf(" (would %s)", ips_action_name(a->wanted));
	if (*a->note)
		printf(" [%s]", a->note);
	putchar('\n');
}

static void on_alert(void *arg, const struct ips_alert *a)
{
	struct run *r = arg;
	r->alerts++;
	if (r->o->json)
		show_json(r, a);
	else
		show_text(r, a);
}

static void show_oddity(const struct run *r, const struct traffic_outcome *o)
{
	const struct reason_words *words = reason_find(o->reason);
	if (!r->o->json && words)
		printf("%llu %s: %s%s%s\n", (unsigned long long)r->number,
		       o->drop ? "drop" : "note", words->en, o->note ? ", " : "",
		       o->note ? o->note : "");
}

/* ---- rules ---- */

static void show_problems(const struct run *r)
{
	for (size_t i = 0; i < r->report.nproblems; i++) {
		const struct ips_problem *p = &r->report.problems[i];
		fprintf(r->o->check ? stdout : stderr, "%s:%u:%u: %s\n", p->file, p->line,
		        p->column, p->text);
	}
}

static int load(struct run *r, struct err *why)
{
	struct ips_variable home = { "HOME_NET", r->o->home };
	struct ips_source in = { .files = r->files,
		                 .nfiles = r->o->nfiles,
		                 .variables = &home,
		                 .nvariables = r->o->home ? 1 : 0 };
	struct ips_rules *rules = NULL;
	for (size_t i = 0; i < r->o->nfiles; i++) {
		int rc = file_read(AT_FDCWD, r->o->files[i], RULES_MAX, &r->texts[i]);
		if (rc < 0)
			return err_set(why, rc, "%s: %s", log_quote(str_of(r->o->files[i])),
			               strerror(-rc));
		r->files[i] =
			(struct ips_file){ .name = r->o->files[i], .text = buf_view(&r->texts[i]) };
	}
	if (!r->o->check)
		return ips_compile(&in, &ips_limits_default, NULL, &r->set, &r->report, why);
	int rc = ips_parse(&in, &rules, &r->report, why);
	if (rc == 0)
		ips_rules_free(rules);
	return rc;
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
	if (o.reason)
		show_oddity(r, &o);
	traffic_clean(r->traffic, CLEAN_AT_ONCE, one->when_ms);
}

static int replay(struct run *r, struct err *why)
{
	AUTO(buf_done) struct buf bytes = { 0 };
	struct capture c = { 0 };
	struct capture_packet one = { 0 };
	struct traffic_limits limits = traffic_limits_default;
	struct ips_mode mode = { .prevent = r->o->prevent, .alert = on_alert, .arg = r };
	uint64_t key[2];
	int rc = file_read(AT_FDCWD, r->o->pcap, CAPTURE_MAX, &bytes);
	if (rc < 0)
		return err_set(why, rc, "%s: %s", log_quote(str_of(r->o->pcap)), strerror(-rc));
	rc = capture_open(&c, bytes.p, bytes.n, why);
	if (rc < 0)
		return rc;
	limits.connections = CONNECTIONS;
	limits.stream.midstream = r->o->midstream;
	limits.stream.refuse = limits.stream.refuse_conflict = r->o->prevent;
	limits.stream.kept = r->o->prevent ? KEPT : 0;
	limits.retransmit = r->o->prevent ? POSTURE_DENY : POSTURE_LOG;
	limits.checksums = !r->o->no_checksum;
	rand_bytes(key, sizeof(key));
	r->ips = ips_new(r->set, &mode, &ips_face_app);
	r->traffic = r->ips ? traffic_new(&limits, r->ips, key) : NULL;
	if (!r->traffic)
		return err_set(why, -ENOMEM, "there is no memory for %d connections", CONNECTIONS);
	while ((rc = capture_next(&c, &one, why)) == 1)
		one_packet(r, &one);
	traffic_flush(r->traffic, one.when_ms);
	return rc;
}

static void show_counts(const struct run *r)
{
	const struct traffic_counts *n = traffic_counted(r->traffic);
	const struct ips_counts *i = ips_counted(r->ips);
	printf("%llu packets, %llu connections, %llu bytes of payload (%llu not inspected, %llu "
	       "missing); %llu alerts, %llu packets would be dropped\n",
	       (unsigned long long)r->number, (unsigned long long)n->connections,
	       (unsigned long long)n->bytes,
	       (unsigned long long)(n->not_inspected + i->not_inspected),
	       (unsigned long long)n->lost, (unsigned long long)r->alerts,
	       (unsigned long long)r->dropped);
}

static void done(struct run *r)
{
	traffic_free(r->traffic);
	ips_free(r->ips);
	ips_set_unref(r->set);
	ips_report_done(&r->report);
	for (size_t i = 0; r->texts && i < r->o->nfiles; i++)
		buf_done(&r->texts[i]);
	free(r->texts);
	free(r->files);
}

int packets_rules(const struct packets_rules *o)
{
	struct run r = { .o = o,
		         .texts = xcalloc(o->nfiles, sizeof(*r.texts)),
		         .files = xcalloc(o->nfiles, sizeof(*r.files)) };
	struct err why = { { 0 } };
	int rc = load(&r, &why);
	if (rc == 0)
		show_problems(&r);
	if (rc == 0 && o->check)
		printf("%zu rules load, %zu do not\n", r.report.loaded, r.report.disabled);
	if (rc == 0 && o->pcap && !o->check)
		rc = replay(&r, &why);
	if (rc < 0)
		fprintf(stderr, "yagura: %s\n", why.text);
	else if (r.traffic && !o->json)
		show_counts(&r);
	int status = rc < 0 ? 2 : o->check ? r.report.disabled != 0 : r.alerts != 0;
	done(&r);
	return status;
}
