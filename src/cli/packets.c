#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rand.h"
#include "cli/cli.h"
#include "cli/packets_rules.h"
#include "engine/capture.h"
#include "module/firewall/firewall.h"

enum { CAPTURE_MAX = 1 << 30, POLICY_MAX = 64 << 20, FLOWS = 262144 };

/* One run over a capture. */
struct replay {
	struct host host;
	struct firewall *firewall;
	struct rules *rules;  /* owned */
	struct ip_list local; /* owned: whose packets are outgoing */
	bool json;
	uint64_t number, passed, dropped, events;
};

static void emit(struct host *h, const struct event *ev)
{
	struct replay *r = CONTAINER_OF(h, struct replay, host);
	AUTO(buf_done) struct buf b = { 0 };
	r->events++;
	if (r->json) {
		event_write(&b, ev);
		printf("{\"event\":%s}\n", b.p);
		return;
	}
	event_sentence(&b, ev, "en");
	printf("  event: %s\n", b.p);
}

static uint64_t now_ms(struct host *h)
{
	(void)h;
	return clock_ms();
}

/* ---- whose packets ---- */

static const struct packet *decoded(struct packet *p, const struct capture_packet *one,
                                    const struct packet_checks *checks, enum reason *why)
{
	*why = REASON_NONE;
	if (!one->readable)
		return NULL;
	*why = packet_decode(p, one->link, one->data, one->len, checks);
	return p;
}

/* Without --local: who is spoken to first, by a SYN if there is one, is taken for this computer. */
static int guess_local(struct replay *r, struct capture c, struct err *why)
{
	struct capture_packet one;
	struct ip first = { 0 };
	int rc = 0;
	while ((rc = capture_next(&c, &one, why)) == 1) {
		struct packet p = { 0 };
		enum reason bad = REASON_NONE;
		if (!decoded(&p, &one, NULL, &bad) || !packet_is_ip(&p))
			continue;
		bool syn = p.proto == PROTO_TCP && (p.tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
		if (syn || !first.version)
			first = p.dst;
		if (syn)
			break;
	}
	r->local.ranges = xcalloc(1, sizeof(*r->local.ranges));
	r->local.ranges[0] = (struct ip_range){ first, first };
	r->local.n = 1;
	return rc < 0 ? rc : 0;
}

static enum packet_direction direction_of(const struct replay *r, const struct packet *p,
                                          const struct capture_packet *one)
{
	if (one->outgoing >= 0)
		return one->outgoing ? PACKET_OUT : PACKET_IN;
	return packet_is_ip(p) && ip_list_has(&r->local, &p->src) ? PACKET_OUT : PACKET_IN;
}

/* ---- telling ---- */

static const char *proto_name(const struct packet *p, char out[static 16])
{
	static const struct {
		uint8_t proto;
		const char *name;
	} names[] = { { PROTO_TCP, "TCP" },
		      { PROTO_UDP, "UDP" },
		      { PROTO_ICMP, "ICMP" },
		      { PROTO_ICMPV6, "ICMPv6" },
		      { PROTO_IGMP, "IGMP" } };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].proto == p->proto)
			return names[i].name;
	snprintf(out, 16, "protocol %u", p->proto);
	return out;
}

static const char *flags_of(const struct packet *p, char out[static 16])
{
	size_t n = 0;
	for (unsigned i = 0; i < 8; i++)
		if (p->tcp_flags & (1u << i))
			out[n++] = "FSRPAUEC"[i];
	out[n] = '\0';
	return out;
}

static const char *verdict_word(const struct fw_outcome *o)
{
	return o->drop ? "drop" : o->would ? "would drop" : "pass";
}

/* Why: the rule's name, or the reason's words. */
static void reason_text(struct buf *b, const struct fw_outcome *o)
{
	const struct reason_words *words = o->reason ? reason_find(o->reason) : NULL;
	if (o->rule && !o->reason) {
		buf_fmt(b, "%s ", fw_action_name(o->rule->action));
		buf_safe(b, str_of(o->rule->name[0] ? o->rule->name : "without a name"));
	}
	if (words)
		buf_fmt(b, "%s (%u)", words->en, words->number);
	if (o->note)
		buf_fmt(b, "%s%s", b->n ? ", " : "", o->note);
}

static void show_text(const struct replay *r, const struct packet *p, const struct fw_outcome *o)
{
	AUTO(buf_done) struct buf b = { 0 };
	char src[46], dst[46], proto[16], flags[16];
	printf("%llu %s ", (unsigned long long)r->number,
	       p->direction == PACKET_IN ? "in " : "out");
	if (!packet_is_ip(p))
		printf("frame %04x", p->frame);
	else if (p->proto == PROTO_TCP || p->proto == PROTO_UDP)
		printf("%s.%u > %s.%u %s", ip_text(&p->src, src), p->sport, ip_text(&p->dst, dst),
		       p->dport, proto_name(p, proto));
	else
		printf("%s > %s %s", ip_text(&p->src, src), ip_text(&p->dst, dst),
		       proto_name(p, proto));
	if (p->proto == PROTO_TCP && packet_is_ip(p))
		printf(" [%s]", flags_of(p, flags));
	reason_text(&b, o);
	printf(": %s%s%s\n", verdict_word(o), b.n ? ": " : "", b.n ? b.p : "");
}

static void show_json(const struct replay *r, const struct packet *p, const struct fw_outcome *o)
{
	AUTO(json_decrefp) json_t *j = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	char text[46], flags[16];
	const struct reason_words *words = o->reason ? reason_find(o->reason) : NULL;
	json_set_int(j, "packet", (int64_t)r->number);
	json_set_int(j, "time", (int64_t)p->when_ms);
	json_set_text(j, "direction", p->direction == PACKET_IN ? "incoming" : "outgoing");
	json_set_int(j, "frame", p->frame);
	if (packet_is_ip(p)) {
		json_set_text(j, "source", ip_text(&p->src, text));
		json_set_text(j, "destination", ip_text(&p->dst, text));
		json_set_int(j, "protocol", p->proto);
	}
	if (packet_is_ip(p) && (p->proto == PROTO_TCP || p->proto == PROTO_UDP)) {
		json_set_int(j, "sourcePort", p->sport);
		json_set_int(j, "destinationPort", p->dport);
	}
	if (packet_is_ip(p) && p->proto == PROTO_TCP)
		json_set_text(j, "flags", flags_of(p, flags));
	json_set_text(j, "verdict", verdict_word(o));
	if (o->rule) {
		json_set_int(j, "ruleID", (int64_t)o->rule->id);
		json_set_text(j, "rule", o->rule->name);
		json_set_text(j, "action", fw_action_word(o->rule->action));
	}
	if (words) {
		json_set_int(j, "reasonID", words->number);
		json_set_text(j, "reason", words->en);
	}
	if (o->note)
		json_set_text(j, "note", o->note);
	if (o->state)
		json_set_text(j, "state", flow_state_name(o->state));
	json_write(&b, j);
	printf("%s\n", b.p);
}

/* ---- the run ---- */

static int64_t utc_offset(uint64_t when_ms)
{
	time_t t = (time_t)(when_ms / 1000);
	struct tm tm = { 0 };
	return localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}

static void one_packet(struct replay *r, const struct capture_packet *one)
{
	struct packet p = { .when_ms = one->when_ms, .ifname = "capture" };
	enum reason why = REASON_NONE;
	r->number++;
	if (!decoded(&p, one, &r->rules->checks, &why))
		return;
	p.direction = direction_of(r, &p, one);
	firewall_place(r->firewall, utc_offset(p.when_ms), PLACE_LOCAL);
	struct fw_outcome o = firewall_judge(r->firewall, &p, why);
	r->dropped += o.would;
	r->passed += !o.would;
	if (r->json)
		show_json(r, &p, &o);
	else
		show_text(r, &p, &o);
	firewall_tick(r->firewall, p.when_ms);
}

static int run(struct replay *r, struct capture *c, struct err *why)
{
	struct capture_packet one;
	struct capture begin = *c;
	uint64_t key[2];
	int rc = capture_next(&begin, &one, why);
	if (rc <= 0)
		return rc;
	rand_bytes(key, sizeof(key));
	r->firewall = firewall_new(&r->host, FLOWS, key, one.when_ms);
	if (!r->firewall || firewall_apply(r->firewall, r->rules, one.when_ms) < 0)
		return err_set(why, -ENOMEM, "there is no memory for %d connections", FLOWS);
	while ((rc = capture_next(c, &one, why)) == 1)
		one_packet(r, &one);
	firewall_flush(r->firewall);
	return rc;
}

static int read_policy(struct replay *r, const char *path, struct err *why)
{
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(json_decrefp) json_t *j = NULL;
	if (!path)
		buf_z(&text, "{\"state\":\"on\"}");
	int rc = path ? file_read(AT_FDCWD, path, POLICY_MAX, &text) : 0;
	if (rc < 0)
		return err_set(why, rc, "%s: %s", log_quote(str_of(path)), strerror(-rc));
	j = json_parse(buf_view(&text), why);
	if (!j)
		return err_add(why, -EINVAL, "%s", log_quote(str_of(path)));
	const json_t *parts = json_object_at(j, "sections");
	return firewall_section.parse(parts ? json_object_at(parts, "firewall") : j, &r->rules,
	                              why);
}

static int take_local(struct replay *r, const char *text, struct err *why)
{
	AUTO(json_decrefp) json_t *items = json_array();
	struct str rest = str_of(text);
	while (rest.p) {
		struct str one = str_cut(&rest, ',');
		json_array_append_new(items, json_stringn(one.p, one.n));
	}
	ip_list_done(&r->local);
	return ip_list_parse(&r->local, items, why);
}

static int replay(struct replay *r, const char *file, const char *policy, struct err *why)
{
	AUTO(buf_done) struct buf bytes = { 0 };
	struct capture c = { 0 };
	int rc = file_read(AT_FDCWD, file, CAPTURE_MAX, &bytes);
	if (rc < 0)
		return err_set(why, rc, "%s: %s", log_quote(str_of(file)), strerror(-rc));
	rc = read_policy(r, policy, why);
	if (rc == 0)
		rc = capture_open(&c, bytes.p, bytes.n, why);
	if (rc == 0 && !r->local.n)
		rc = guess_local(r, c, why);
	return rc < 0 ? rc : run(r, &c, why);
}

static int usage(void)
{
	fprintf(stderr,
	        "usage: yagura packets --pcap FILE [--policy FILE] [--local ADDRESS,...] [--json]\n"
	        "       yagura packets --rules FILE... --pcap FILE [--home ADDRESSES] [--prevent]\n"
	        "                      [--midstream] [--no-checksum] [--json]\n"
	        "       yagura packets --check --rules FILE... [--home ADDRESSES]\n");
	return 2;
}

/* Rules of Intrusion Prevention: files behind --rules, as many as there are. */
static int with_rules(int argc, char **argv)
{
	static const struct option options[] = { { "rules", required_argument, NULL, 'r' },
		                                 { "pcap", required_argument, NULL, 'f' },
		                                 { "home", required_argument, NULL, 'h' },
		                                 { "check", no_argument, NULL, 'c' },
		                                 { "prevent", no_argument, NULL, 'p' },
		                                 { "midstream", no_argument, NULL, 'm' },
		                                 { "no-checksum", no_argument, NULL, 'n' },
		                                 { "json", no_argument, NULL, 'j' },
		                                 { 0 } };
	AUTO(freep) const char **files = xcalloc((size_t)argc, sizeof(*files));
	struct packets_rules r = { .files = files };
	optind = 1;
	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (o == 'r')
			files[r.nfiles++] = optarg;
		else if (o == 'f')
			r.pcap = optarg;
		else if (o == 'h')
			r.home = optarg;
		else if (o == 'c')
			r.check = true;
		else if (o == 'p')
			r.prevent = true;
		else if (o == 'm')
			r.midstream = true;
		else if (o == 'n')
			r.no_checksum = true;
		else if (o == 'j')
			r.json = true;
		else
			return usage();
	}
	while (optind < argc)
		files[r.nfiles++] = argv[optind++];
	if (!r.nfiles || r.check == (r.pcap != NULL))
		return usage();
	return packets_rules(&r);
}

int cmd_packets(int argc, char **argv)
{
	static const struct option options[] = { { "pcap", required_argument, NULL, 'f' },
		                                 { "policy", required_argument, NULL, 'p' },
		                                 { "local", required_argument, NULL, 'l' },
		                                 { "json", no_argument, NULL, 'j' },
		                                 { 0 } };
	struct replay r = { .host = { .emit = emit, .now_ms = now_ms } };
	const char *file = NULL, *policy = NULL;
	struct err why = { { 0 } };
	int rc = 0;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--check") == 0 || strcmp(argv[i], "--rules") == 0 ||
		    strncmp(argv[i], "--rules=", 8) == 0)
			return with_rules(argc, argv);
	for (int o; rc == 0 && (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (o == 'f')
			file = optarg;
		else if (o == 'p')
			policy = optarg;
		else if (o == 'j')
			r.json = true;
		else if (o == 'l')
			rc = take_local(&r, optarg, &why);
		else
			return usage();
	}
	if (!file || optind != argc)
		return usage();
	if (rc == 0)
		rc = replay(&r, file, policy, &why);
	if (rc < 0)
		fprintf(stderr, "yagura: %s\n", why.text);
	else if (!r.json)
		printf("%llu packets: %llu pass, %llu would be dropped; %llu events\n",
		       (unsigned long long)r.number, (unsigned long long)r.passed,
		       (unsigned long long)r.dropped, (unsigned long long)r.events);
	firewall_free(r.firewall);
	firewall_section.free(r.rules);
	ip_list_done(&r.local);
	return rc < 0 ? 2 : r.dropped ? 1 : 0;
}
