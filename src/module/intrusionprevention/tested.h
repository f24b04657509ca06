#pragma once
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "engine/made.h"
#include "module/intrusionprevention/ips.h"

/* For tests: rules, a connection, transactions whose buffers the test fills, and what was told. */

struct app_tx {
	struct fake_buffer {
		enum app_buffer b;
		enum app_side side;
		const char *data;
		size_t len;
		bool whole;
		uint64_t offset;
	} buffers[16];
	unsigned n;
	enum app_stage stages[APP_SIDES];
	uint64_t numbers[APP_NUMBERS];
	bool has_number[APP_NUMBERS];
	const uint8_t *dce;
	void *state;
};

static inline bool fake_get(const struct app_tx *tx, enum app_buffer b, enum app_side side,
                            unsigned index, struct app_bytes *out)
{
	for (unsigned i = 0; i < tx->n; i++)
		if (tx->buffers[i].b == b && tx->buffers[i].side == side && index-- == 0) {
			const struct fake_buffer *f = &tx->buffers[i];
			*out = (struct app_bytes){ (const uint8_t *)f->data, f->len, f->whole,
				                   f->offset };
			return true;
		}
	return false;
}

static inline enum app_stage fake_stage(const struct app_tx *tx, enum app_side side)
{
	return tx->stages[side];
}

static inline void **fake_state(struct app_tx *tx)
{
	return &tx->state;
}

static inline bool fake_number(const struct app_tx *tx, enum app_number n, enum app_side side,
                               uint64_t *out)
{
	(void)side;
	*out = tx->numbers[n];
	return tx->has_number[n];
}

static inline const uint8_t *fake_dce(const struct app_tx *tx)
{
	return tx->dce;
}

static const struct ips_face fake_face = { fake_get, fake_stage, fake_state, fake_number,
	                                   fake_dce };

struct tested {
	struct ips_set *set;
	struct ips *ips;
	struct ips_flow *flow;
	struct ips_report report;
	struct ips_mode mode;
	uint32_t sids[256];
	unsigned nsids;
	struct ips_alert last;
	uint64_t now_ms;
};

static inline void tested_alert(void *arg, const struct ips_alert *a)
{
	struct tested *t = arg;
	if (t->nsids < ARRAY_LEN(t->sids))
		t->sids[t->nsids++] = a->rule->sid;
	t->last = *a;
}

static inline int tested_compile(const char *rules, struct ips_set **out, struct ips_report *report)
{
	static const struct ips_variable variables[] = { { "HOME_NET", "10.0.0.0/8" },
		                                         { "EXTERNAL_NET", "!$HOME_NET" },
		                                         { "HTTP_PORTS", "[80,8080]" } };
	static const struct ips_dataset sets[] = { { "names",
		                                     { "evil.example\nbad.example,50\n", 28 } },
		                                   { "hosts", { "192.0.2.1,90\n", 13 } } };
	struct ips_file file = { .name = "test.rules", .text = str_of(rules) };
	struct ips_source in = { .files = &file,
		                 .nfiles = 1,
		                 .variables = variables,
		                 .nvariables = ARRAY_LEN(variables),
		                 .datasets = sets,
		                 .ndatasets = ARRAY_LEN(sets) };
	struct err why;
	return ips_compile(&in, &ips_limits_default, NULL, out, report, &why);
}

static inline void tested_flow(struct tested *t, uint8_t proto, uint16_t server_port)
{
	struct ips_tuple tuple = { .client_port = 40000,
		                   .server_port = server_port,
		                   .proto = proto };
	ip_parse("192.0.2.1", &tuple.client);
	ip_parse("10.0.0.5", &tuple.server);
	ips_flow_free(t->ips, t->flow);
	t->flow = ips_flow_new(t->ips, &tuple);
	t->nsids = 0;
}

static inline void tested_init(struct tested *t, const char *rules)
{
	memset(t, 0, sizeof(*t));
	t->now_ms = 1000000;
	t->mode = (struct ips_mode){ .prevent = true, .alert = tested_alert, .arg = t };
	if (tested_compile(rules, &t->set, &t->report) < 0)
		abort();
	t->ips = ips_new(t->set, &t->mode, &fake_face);
	if (!t->ips)
		abort();
	tested_flow(t, PROTO_TCP, 80);
}

static inline void tested_done(struct tested *t)
{
	ips_flow_free(t->ips, t->flow);
	ips_free(t->ips);
	ips_set_unref(t->set);
	ips_report_done(&t->report);
}

static inline bool tested_told(const struct tested *t, uint32_t sid)
{
	for (unsigned i = 0; i < t->nsids; i++)
		if (t->sids[i] == sid)
			return true;
	return false;
}

static inline enum ips_verdict tested_stream(struct tested *t, enum app_side side, const void *p,
                                             size_t n)
{
	return ips_stream(t->ips, t->flow, side, p, n, NULL, t->now_ms);
}

/* One buffer, whole, of a transaction that is done. */
static inline enum ips_verdict tested_buffer(struct tested *t, enum app_protocol app,
                                             enum app_buffer b, enum app_side side, const void *p,
                                             size_t n)
{
	struct app_tx tx = { .buffers = { { b, side, p, n, true, 0 } }, .n = 1 };
	tx.stages[side] = STAGE_DONE;
	ips_app_protocol(t->ips, t->flow, app, NULL, t->now_ms);
	enum ips_verdict v = ips_tx_progress(t->ips, t->flow, &tx, side, NULL, t->now_ms);
	ips_tx_ended(t->ips, &tx);
	return v;
}
