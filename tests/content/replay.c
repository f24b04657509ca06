#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/file.h"
#include "engine/app/app.h"
#include "engine/capture.h"
#include "engine/reassembly.h"
#include "engine/stream.h"
#include "module/intrusionprevention/ips.h"

/*
 * content_replay RULES CAPTURE: what the rules find in a capture of tests/content/capture.py, which
 * holds one conversation after the other, the client speaking first. A JSON object an alert.
 * Ends with 1 when a rule does not load.
 */

enum { FILE_MAX = 1 << 30, FRAGMENTS = 1 << 20 };

struct replay {
	struct ips *ips;
	struct reassembly *reassembly;
	struct talk {
		struct ips_tuple tuple;
		struct ips_flow *flow; /* NULL: none is under way */
		struct app *app;
		struct stream stream;
		const struct packet *at; /* the packet that is looked at */
	} talk;
};

static uint64_t now_of(const struct replay *r)
{
	return r->talk.at ? r->talk.at->when_ms : 0;
}

/* ---- what the application says ---- */

static void on_protocol(void *arg, struct app *a, enum app_protocol p)
{
	struct replay *r = arg;
	(void)a;
	ips_app_protocol(r->ips, r->talk.flow, p, r->talk.at, now_of(r));
}

static enum app_verdict on_progress(void *arg, struct app *a, struct app_tx *tx, enum app_side side,
                                    enum app_stage stage)
{
	struct replay *r = arg;
	(void)a;
	(void)stage;
	ips_tx_progress(r->ips, r->talk.flow, tx, side, r->talk.at, now_of(r));
	return APP_GO_ON;
}

static void on_event(void *arg, struct app *a, struct app_tx *tx, enum app_side side,
                     unsigned event)
{
	struct replay *r = arg;
	(void)a;
	ips_app_event(r->ips, r->talk.flow, tx, side, event, r->talk.at, now_of(r));
}

static void on_ended(void *arg, struct app *a, struct app_tx *tx)
{
	struct replay *r = arg;
	(void)a;
	ips_tx_ended(r->ips, tx);
}

static const struct app_sink app_sink = { on_protocol, on_progress, on_event, on_ended };

/* ---- what the stream says ---- */

static void on_data(void *arg, unsigned side, const uint8_t *data, size_t len)
{
	struct replay *r = arg;
	ips_stream(r->ips, r->talk.flow, (enum app_side)side, data, len, r->talk.at, now_of(r));
	app_data(r->talk.app, (enum app_side)side, data, len);
}

static void on_gap(void *arg, unsigned side, uint64_t len)
{
	struct replay *r = arg;
	ips_stream_gap(r->ips, r->talk.flow, (enum app_side)side, len);
	app_gap(r->talk.app, (enum app_side)side, len);
}

static void on_close(void *arg, unsigned side)
{
	struct replay *r = arg;
	app_close(r->talk.app, (enum app_side)side);
}

static const struct stream_sink stream_sink = { on_data, on_gap, on_close };

/* ---- conversations ---- */

static void end(struct replay *r)
{
	struct talk *t = &r->talk;
	if (!t->flow)
		return;
	t->at = NULL;
	stream_end(&t->stream, &stream_limits_default, &stream_sink, r);
	app_end(t->app);
	ips_flow_free(r->ips, t->flow);
	stream_done(&t->stream);
	*t = (struct talk){ 0 };
}

static void begin(struct replay *r, const struct packet *p)
{
	struct talk *t = &r->talk;
	t->tuple = (struct ips_tuple){ .client = p->src,
		                       .server = p->dst,
		                       .client_port = p->sport,
		                       .server_port = p->dport,
		                       .proto = p->proto };
	t->flow = ips_flow_new(r->ips, &t->tuple);
	t->app = app_begin(&app_limits_default, &app_sink, r, p->proto == PROTO_UDP, p->dport);
	if (!t->flow || !t->app)
		abort();
}

static bool is_of(const struct ips_tuple *t, const struct packet *p, enum app_side side)
{
	const struct ip *client = side == APP_CLIENT ? &p->src : &p->dst;
	uint16_t port = side == APP_CLIENT ? p->sport : p->dport;
	return p->proto == t->proto && memcmp(client, &t->client, sizeof(*client)) == 0 &&
	       port == t->client_port;
}

static void see(struct replay *r, const struct packet *p)
{
	struct talk *t = &r->talk;
	enum app_side side = is_of(&t->tuple, p, APP_SERVER) ? APP_SERVER : APP_CLIENT;
	if (!t->flow || !is_of(&t->tuple, p, side)) {
		end(r);
		begin(r, p);
	}
	t->at = p;
	if (side == APP_SERVER || p->proto == PROTO_UDP)
		ips_flow_established(t->flow);
	ips_packet(r->ips, t->flow, p, side, p->when_ms);
	if (p->proto == PROTO_TCP)
		stream_see(&t->stream, &stream_limits_default, (unsigned)side, p, &stream_sink, r);
	else
		app_data(t->app, side, p->data + p->payload, p->payload_len);
	t->at = NULL;
}

static int one(struct replay *r, const struct capture_packet *c)
{
	struct packet p = { .when_ms = c->when_ms };
	enum reason why = packet_decode(&p, c->link, c->data, c->len, NULL);
	const uint8_t *whole = NULL;
	size_t len = 0;
	if (why == REASON_NONE && p.fragment) {
		if (reassembly_see(r->reassembly, &p, p.when_ms, &whole, &len, &why) !=
		    REASSEMBLY_WHOLE)
			return 0;
		p = (struct packet){ .when_ms = c->when_ms, .reassembled = true };
		why = packet_decode(&p, PACKET_IP, whole, len, NULL);
	}
	if (why != REASON_NONE) {
		fprintf(stderr, "content_replay: a packet that is malformed: reason %u\n", why);
		return -EBADMSG;
	}
	see(r, &p);
	return 0;
}

static int run(struct replay *r, struct str bytes, struct err *why)
{
	struct capture c = { 0 };
	struct capture_packet p;
	int rc = capture_open(&c, bytes.p, bytes.n, why);
	while (rc >= 0 && (rc = capture_next(&c, &p, why)) == 1)
		rc = one(r, &p);
	end(r);
	return rc;
}

static void on_alert(void *arg, const struct ips_alert *a)
{
	char client[46], server[46];
	(void)arg;
	const struct ips_tuple *t = a->flow ? ips_flow_tuple(a->flow) : NULL;
	if (t)
		printf("{\"sid\":%" PRIu32 ",\"src_ip\":\"%s\",\"dest_ip\":\"%s\"}\n", a->rule->sid,
		       ip_text(&t->client, client), ip_text(&t->server, server));
}

static struct ips_set *load(const char *path, struct err *why)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct ips_report report = { 0 };
	struct ips_set *set = NULL;
	int rc = file_read(AT_FDCWD, path, FILE_MAX, &text);
	const struct ips_file file = { .name = "rules", .text = buf_view(&text) };
	const struct ips_source source = { .files = &file, .nfiles = 1 };
	if (rc == 0)
		rc = ips_compile(&source, &ips_limits_default, NULL, &set, &report, why);
	for (size_t i = 0; i < report.nproblems; i++)
		fprintf(stderr, "content_replay: rule %" PRIu32 ", column %u: %s\n",
		        report.problems[i].sid, report.problems[i].column, report.problems[i].text);
	if (rc < 0 || report.disabled) {
		ips_set_unref(set);
		set = NULL;
	}
	ips_report_done(&report);
	return set;
}

int main(int argc, char **argv)
{
	static const struct ips_mode mode = { .alert = on_alert };
	static const struct reassembly_limits fragments = { .keep_max = 64, .timeout_s = 60 };
	const uint64_t key[2] = { 1, 2 };
	struct replay r = { 0 };
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf bytes = { 0 };
	if (argc != 3) {
		fprintf(stderr, "usage: content_replay RULES CAPTURE\n");
		return 2;
	}
	struct ips_set *set = load(argv[1], &why);
	r.ips = set ? ips_new(set, &mode, &ips_face_app) : NULL;
	r.reassembly = reassembly_new(&fragments, FRAGMENTS, key);
	int rc = r.ips ? file_read(AT_FDCWD, argv[2], FILE_MAX, &bytes) : -EINVAL;
	if (rc >= 0)
		rc = run(&r, buf_view(&bytes), &why);
	if (rc < 0)
		fprintf(stderr, "content_replay: %s\n", why.text);
	ips_free(r.ips);
	ips_set_unref(set);
	reassembly_free(r.reassembly);
	return rc < 0;
}
