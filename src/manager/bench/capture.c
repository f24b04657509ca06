#include "engine/capture.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/json.h"
#include "manager/bench/bench.h"
#include "module/firewall/firewall.h"

/*
 * What would have happened to each packet of a capture. input: {"section": of a policy, "capture":
 * base64 of a pcap or pcapng file, "local": [addresses of the protected computer], "context",
 * "utcOffset": seconds}. Without "local": who is spoken to first, by a SYN if there is one.
 */

enum { FLOWS = 65536, SHOWN_MAX = 1000 };

struct replay {
	struct host host;
	struct rules *rules; /* owned */
	struct firewall *firewall;
	struct ip_list local; /* owned */
	struct capture capture;
	unsigned places;
	int64_t utc_offset;
	json_t *shown; /* owned: of the first packets */
	uint64_t packets, unreadable, passed, dropped, events;
};

static void count_event(struct host *h, const struct event *ev)
{
	(void)ev;
	CONTAINER_OF(h, struct replay, host)->events++;
}

static uint64_t no_time(struct host *h)
{
	(void)h;
	return 0;
}

static void replay_done(struct replay *r)
{
	firewall_free(r->firewall);
	firewall_section.free(r->rules);
	ip_list_done(&r->local);
	json_decref(r->shown);
}

/* ---- whose packets ---- */

static void guess_local(struct replay *r)
{
	struct capture c = r->capture;
	struct capture_packet one;
	struct ip first = { 0 };
	while (capture_next(&c, &one, NULL) == 1) {
		struct packet p = { 0 };
		if (!one.readable ||
		    packet_decode(&p, one.link, one.data, one.len, NULL) != REASON_NONE ||
		    !packet_is_ip(&p))
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
}

static int take_local(struct replay *r, const json_t *input, struct err *why)
{
	const json_t *list = json_object_get(input, "local");
	if (!list || json_is_null(list)) {
		guess_local(r);
		return 0;
	}
	if (!json_is_array(list))
		return err_set(why, -EINVAL, "local: an array of addresses is expected");
	int rc = ip_list_parse(&r->local, list, why);
	return rc < 0 ? err_add(why, rc, "local") : 0;
}

static int take_place(const json_t *input, unsigned *out, struct err *why)
{
	static const char *const words[] = { "local", "remote", "none", "no-internet" };
	const char *text = json_text(input, "context", words[0]);
	for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i], text) == 0) {
			*out = 1u << i;
			return 0;
		}
	}
	return err_set(why, -EINVAL, "context: \"%.40s\" is not known", text);
}

/* ---- telling ---- */

static void say_ends(json_t *j, const struct packet *p)
{
	char text[46];
	json_set_text(j, "sourceIP", ip_text(&p->src, text));
	json_set_text(j, "destinationIP", ip_text(&p->dst, text));
	json_set_int(j, "protocol", p->proto);
	if (p->proto != PROTO_TCP && p->proto != PROTO_UDP)
		return;
	json_set_int(j, "sourcePort", p->sport);
	json_set_int(j, "destinationPort", p->dport);
}

static json_t *shown(const struct replay *r, const struct packet *p, const struct fw_outcome *o)
{
	json_t *j = json_object();
	const struct reason_words *words = o->reason ? reason_find(o->reason) : NULL;
	json_set_int(j, "packet", (int64_t)r->packets);
	json_set_int(j, "time", (int64_t)p->when_ms);
	json_set_text(j, "direction", p->direction == PACKET_IN ? "incoming" : "outgoing");
	if (packet_is_ip(p))
		say_ends(j, p);
	json_set_text(j, "verdict", o->drop ? "drop" : "pass");
	json_set_bool(j, "wouldDrop", o->would && !o->drop);
	if (o->rule && o->rule->id)
		json_set_int(j, "ruleID", (int64_t)o->rule->id);
	if (o->rule)
		json_set_text(j, "rule", o->rule->name);
	if (words) {
		json_set_int(j, "reasonID", words->number);
		json_set_text(j, "reason", words->en);
	}
	if (o->note)
		json_set_text(j, "note", o->note);
	return j;
}

/* ---- the run ---- */

static void one_packet(struct replay *r, const struct capture_packet *one)
{
	struct packet p = { .when_ms = one->when_ms, .ifname = "eth0" };
	r->packets++;
	if (!one->readable) {
		r->unreadable++;
		return;
	}
	enum reason why = packet_decode(&p, one->link, one->data, one->len, &r->rules->checks);
	bool ours = packet_is_ip(&p) && ip_list_has(&r->local, &p.src);
	p.direction = (one->outgoing >= 0 ? one->outgoing == 1 : ours) ? PACKET_OUT : PACKET_IN;
	struct fw_outcome o = firewall_judge(r->firewall, &p, why);
	r->dropped += o.would;
	r->passed += !o.would;
	if (json_array_size(r->shown) < SHOWN_MAX)
		json_array_append_new(r->shown, shown(r, &p, &o));
	firewall_tick(r->firewall, p.when_ms);
}

static int run(struct replay *r, struct err *why)
{
	const uint64_t key[2] = { 1, 2 };
	struct capture begin = r->capture;
	struct capture_packet one;
	int rc = capture_next(&begin, &one, why);
	if (rc <= 0)
		return rc < 0 ? rc : err_set(why, -EINVAL, "there is no packet in it");
	r->firewall = firewall_new(&r->host, FLOWS, key, one.when_ms);
	if (!r->firewall || firewall_apply(r->firewall, r->rules, one.when_ms) < 0)
		return err_set(why, -ENOMEM, "there is no memory for %d connections", FLOWS);
	firewall_place(r->firewall, r->utc_offset, r->places);
	while ((rc = capture_next(&r->capture, &one, why)) == 1)
		one_packet(r, &one);
	firewall_flush(r->firewall);
	return rc;
}

static json_t *result(struct replay *r)
{
	json_t *out = json_object();
	json_set_text(out, "mode", r->rules->tap ? "Tap" : "Inline");
	json_set_int(out, "packets", (int64_t)r->packets);
	json_set_int(out, "unreadable", (int64_t)r->unreadable);
	json_set_int(out, "passed", (int64_t)r->passed);
	json_set_int(out, "dropped", (int64_t)r->dropped);
	json_set_int(out, "events", (int64_t)r->events);
	json_set_bool(out, "complete", r->packets - r->unreadable == json_array_size(r->shown));
	json_set(out, "verdicts", TAKE(r->shown));
	return out;
}

int bench_capture(const json_t *input, json_t **out, struct err *why)
{
	AUTO(replay_done) struct replay r = { .host = { .emit = count_event, .now_ms = no_time } };
	AUTO(buf_done) struct buf file = { 0 };
	r.shown = json_array();
	r.utc_offset = json_int(input, "utcOffset", 0);
	if (base64_decode(&file, str_of(json_text(input, "capture", ""))) < 0)
		return err_set(why, -EINVAL, "capture: it is not base64");
	int rc = capture_open(&r.capture, file.p, file.n, why);
	if (rc < 0)
		return err_add(why, rc, "capture");
	rc = take_place(input, &r.places, why);
	if (rc == 0)
		rc = take_local(&r, input, why);
	if (rc == 0)
		rc = firewall_section.parse(json_object_at(input, "section"), &r.rules, why);
	if (rc < 0)
		return rc;
	assert(r.rules);
	rc = run(&r, why);
	if (rc < 0)
		return err_add(why, rc, "capture");
	*out = result(&r);
	return 0;
}
