#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "module/intrusionprevention/report.h"
#include "module/intrusionprevention/traffic.h"
#include "module/plaintext.h"

/* What programs say inside TLS to verdicts and events, by the policy's rules. There are no packets
 * and no holes that somebody might fill later: bytes come as the library gave them. */

struct clear {
	struct instance base;      /* first */
	const struct rules *rules; /* borrowed until the next apply; NULL: none */
	struct ips *ips;           /* NULL until rules are on */
	struct reports *reports;
	int64_t utc_offset_s;
	uint64_t now_ms;
	uint64_t connections, bytes;
};

struct connection {
	struct clear *clear;
	struct app *app;       /* owned */
	struct ips_flow *flow; /* owned */
	bool serving;
	enum ips_verdict verdict;
};

static struct clear *of(struct instance *i)
{
	return (struct clear *)(void *)i;
}

/* ---- what a policy says of a rule that matched ---- */

/* Inside TLS it is the protocol that says whose traffic it is: ports are not asked. */
static bool type_holds(const struct prevention_type *t, struct ips_flow *f)
{
	const struct connection *c = *ips_flow_owner(f);
	return t->tcp && t->outgoing != c->serving;
}

static enum ips_leave leave(void *arg, const struct ips_rule_words *words, const struct packet *p,
                            struct ips_flow *f)
{
	const struct clear *v = arg;
	const struct prevention_rule *rule = prevention_rule_find(v->rules, words->tag);
	(void)p;
	if (!rule || (rule->type && !type_holds(rule->type, f)) ||
	    !prevention_schedule_holds(rule->when, v->now_ms, v->utc_offset_s))
		return IPS_OFF;
	return rule->log_only ? IPS_DETECT : IPS_BLOCK;
}

static void alerted(void *arg, const struct ips_alert *a)
{
	struct clear *v = arg;
	const struct prevention_rule *rule = prevention_rule_find(v->rules, a->rule->tag);
	const struct connection *c = *ips_flow_owner(a->flow);
	if (rule)
		reports_add(v->reports, v->rules, rule, a, app_is(c->app), v->now_ms);
}

/* ---- connections ---- */

static void judge(struct connection *c, enum ips_verdict v)
{
	if (v > c->verdict)
		c->verdict = v;
}

static bool is_over(const struct connection *c)
{
	return c->verdict >= IPS_VERDICT_DROP;
}

static void on_protocol(void *arg, struct app *a, enum app_protocol p)
{
	struct connection *c = arg;
	(void)a;
	judge(c, ips_app_protocol(c->clear->ips, c->flow, p, NULL, c->clear->now_ms));
}

static enum app_verdict on_progress(void *arg, struct app *a, struct app_tx *tx, enum app_side side,
                                    enum app_stage stage)
{
	struct connection *c = arg;
	(void)a, (void)stage;
	judge(c, ips_tx_progress(c->clear->ips, c->flow, tx, side, NULL, c->clear->now_ms));
	return is_over(c) ? APP_STOP : APP_GO_ON;
}

static void on_event(void *arg, struct app *a, struct app_tx *tx, enum app_side side,
                     unsigned event)
{
	struct connection *c = arg;
	(void)a;
	judge(c, ips_app_event(c->clear->ips, c->flow, tx, side, event, NULL, c->clear->now_ms));
}

static void on_ended(void *arg, struct app *a, struct app_tx *tx)
{
	struct connection *c = arg;
	(void)a;
	ips_tx_ended(c->clear->ips, tx);
}

static const struct app_sink app_sink = { on_protocol, on_progress, on_event, on_ended };

static void connection_close(struct instance *i, void *connection)
{
	struct clear *v = of(i);
	struct connection *c = connection;
	/* Transactions end first: their states are the flow's. */
	if (c->app)
		app_end(c->app);
	if (c->flow)
		ips_flow_free(v->ips, c->flow);
	free(c);
	v->connections--;
}

static void *connection_open(struct instance *i, const struct plaintext_ends *ends)
{
	struct clear *v = of(i);
	if (!v->ips)
		return NULL;
	struct connection *c = calloc(1, sizeof(*c));
	const struct ips_tuple tuple = { .client = ends->client,
		                         .server = ends->server,
		                         .client_port = ends->client_port,
		                         .server_port = ends->server_port,
		                         .proto = PROTO_TCP };
	if (!c)
		return NULL;
	v->connections++;
	c->clear = v;
	c->serving = ends->serving;
	c->flow = ips_flow_new(v->ips, &tuple);
	c->app = c->flow ? app_begin(&traffic_limits_default.app, &app_sink, c, false,
	                             ends->server_port)
	                 : NULL;
	if (!c->app) {
		connection_close(i, c);
		return NULL;
	}
	*ips_flow_owner(c->flow) = c;
	ips_flow_established(c->flow);
	return c;
}

static enum plaintext_answer data(struct instance *i, void *connection, enum app_side from,
                                  const uint8_t *bytes, size_t len, uint64_t missed)
{
	struct clear *v = of(i);
	struct connection *c = connection;
	v->now_ms = i->host->now_ms(i->host);
	v->bytes += len;
	app_data(c->app, from, bytes, len);
	if (!is_over(c))
		judge(c, ips_stream(v->ips, c->flow, from, bytes, len, NULL, v->now_ms));
	if (missed && !is_over(c)) {
		app_gap(c->app, from, missed);
		ips_stream_gap(v->ips, c->flow, from, missed);
	}
	bool blocks = v->rules->state == PREVENTION_PREVENT && !v->rules->tap;
	return blocks && is_over(c) ? PLAINTEXT_END : PLAINTEXT_GO_ON;
}

/* ---- the module ---- */

static void stop(struct instance *i)
{
	struct clear *v = of(i);
	if (v->reports)
		reports_tell(v->reports, v->rules, i->host, v->now_ms, true);
	ips_free(v->ips);
	reports_free(v->reports);
	free(v);
}

static struct instance *start(struct host *h)
{
	struct clear *v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->base = (struct instance){ prevention_plaintext.module, h };
	v->reports = reports_new();
	if (v->reports)
		return &v->base;
	free(v);
	return NULL;
}

static bool is_on(const struct rules *r)
{
	return r->state != PREVENTION_OFF && r->nrules > 0 && r->inside_tls;
}

/* Connections go on with the set that they began with; without rules the host closes them first. */
static int apply(struct instance *i, const struct rules *r)
{
	struct clear *v = of(i);
	struct ips_set *set = NULL;
	struct err why = { { 0 } };
	v->now_ms = i->host->now_ms(i->host);
	const struct rules *old = v->rules;
	v->rules = r;
	if (!r || !is_on(r)) {
		if (v->connections == 0) {
			ips_free(v->ips);
			v->ips = NULL;
		}
		return 0;
	}
	struct ips_variable home;
	const struct ips_source in = prevention_source(r, &home);
	struct ips_mode mode = { .prevent = r->state == PREVENTION_PREVENT,
		                 .tap = r->tap,
		                 .of = leave,
		                 .alert = alerted,
		                 .arg = v };
	int rc = ips_compile(&in, &ips_limits_default, NULL, &set, NULL, &why);
	if (rc == 0 && v->ips)
		rc = ips_apply(v->ips, set, &mode);
	else if (rc == 0 && !(v->ips = ips_new(set, &mode, &ips_face_app)))
		rc = -ENOMEM;
	if (rc < 0)
		v->rules = old;
	ips_set_unref(set);
	return rc;
}

static void tick(struct instance *i, uint64_t now_ms)
{
	struct clear *v = of(i);
	v->now_ms = now_ms;
	reports_tell(v->reports, v->rules, i->host, now_ms, false);
}

static void flush(struct instance *i)
{
	struct clear *v = of(i);
	reports_tell(v->reports, v->rules, i->host, v->now_ms, true);
}

static void place(struct instance *i, int64_t utc_offset_s)
{
	of(i)->utc_offset_s = utc_offset_s;
}

static json_t *report(const struct instance *i)
{
	const struct clear *v = (const struct clear *)(const void *)i;
	json_t *o = json_object();
	json_set_int(o, "connections", (int64_t)v->connections);
	json_set_int(o, "bytes", (int64_t)v->bytes);
	return o;
}

static const struct module clear_module = {
	.section = &intrusionprevention_section,
	.start = start,
	.apply = apply,
	.report = report,
	.stop = stop,
};

const struct plaintext_row prevention_plaintext = {
	.module = &clear_module,
	.on = is_on,
	.open = connection_open,
	.data = data,
	.close = connection_close,
	.tick = tick,
	.flush = flush,
	.place = place,
};
