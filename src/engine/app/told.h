#pragma once
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/test.h"
#include "engine/app/app.h"

/*
 * For tests: a connection is told to an inspector, cut in pieces, and what comes out is written
 * down as text that has to be the same for every cutting.
 */

struct step {
	enum app_side side;
	const char *bytes;
	size_t n;
	uint64_t gap; /* instead of bytes */
};

#define SAYS(who, lit)                             \
	{                                          \
		APP_##who, lit, sizeof(lit) - 1, 0 \
	}

struct told {
	struct buf out;
	struct buf body[APP_SIDES]; /* of the transaction under way */
	uint64_t body_to[APP_SIDES];
	bool gaps; /* something was lost for good */
};

static inline void told_quote(struct buf *b, const void *p, size_t n)
{
	buf_char(b, '"');
	buf_safe(b, (struct str){ p, n });
	buf_char(b, '"');
}

static inline void told_protocol(void *arg, struct app *a, enum app_protocol p)
{
	struct told *t = arg;
	(void)a;
	buf_fmt(&t->out, "is %s\n", app_protocol_name(p));
}

static inline bool told_grows(enum app_buffer b)
{
	return b == BUFFER_FILE_DATA || b == BUFFER_HTTP_REQUEST_BODY ||
	       b == BUFFER_HTTP_RESPONSE_BODY || b == BUFFER_DCE_STUB_DATA;
}

static inline void told_buffers(struct told *t, const struct app_tx *tx, enum app_side side,
                                bool last)
{
	struct app_bytes got;
	for (int b = 0; b < APP_BUFFERS; b++)
		for (unsigned i = 0; i < 8; i++) {
			if (told_grows((enum app_buffer)b) && !last)
				continue;
			if (!app_tx_buffer(tx, (enum app_buffer)b, side, i, &got))
				break;
			assert_true(!last || told_grows((enum app_buffer)b) || got.whole);
			buf_fmt(&t->out, "  %s ", app_buffers[b].name);
			told_quote(&t->out, got.data, got.len);
			buf_fmt(&t->out, got.offset ? " at %llu\n" : "\n",
			        (unsigned long long)got.offset);
		}
	for (int n = 0; n < APP_NUMBERS && last; n++) {
		uint64_t v = 0;
		if (app_tx_number_of(tx, (enum app_number)n, side, &v))
			buf_fmt(&t->out, "  number %d is %llu\n", n, (unsigned long long)v);
	}
}

/* What is new in a body since the last look; nothing may be skipped between looks. */
static inline void told_body(struct told *t, const struct app_tx *tx, enum app_side side)
{
	struct app_bytes got;
	if (!app_tx_buffer(tx, BUFFER_FILE_DATA, side, 0, &got))
		return;
	if (got.offset > t->body_to[side] && t->gaps)
		t->body_to[side] = got.offset;
	assert_true(got.offset <= t->body_to[side]);
	size_t old = (size_t)(t->body_to[side] - got.offset);
	if (old < got.len)
		buf_add(&t->body[side], got.data + old, got.len - old);
	t->body_to[side] = got.offset + got.len;
}

static inline enum app_verdict told_progress(void *arg, struct app *a, struct app_tx *tx,
                                             enum app_side side, enum app_stage stage)
{
	static const char *const stages[] = { "none", "line", "headers", "body", "done" };
	struct told *t = arg;
	(void)a;
	if (stage == STAGE_BODY) {
		told_body(t, tx, side);
		return APP_GO_ON;
	}
	buf_fmt(&t->out, "%llu %s %s\n", (unsigned long long)app_tx_number(tx),
	        side == APP_CLIENT ? "client" : "server", stages[stage]);
	told_buffers(t, tx, side, stage == STAGE_DONE);
	if (stage == STAGE_DONE && t->body[side].n) {
		buf_z(&t->out, "  body ");
		told_quote(&t->out, t->body[side].p, t->body[side].n);
		buf_char(&t->out, '\n');
		buf_clear(&t->body[side]);
	}
	if (stage == STAGE_DONE)
		t->body_to[side] = 0;
	return APP_GO_ON;
}

static inline void told_event(void *arg, struct app *a, struct app_tx *tx, enum app_side side,
                              unsigned event)
{
	struct told *t = arg;
	(void)a, (void)tx;
	t->gaps |= event == APP_EVENT_APPLAYER_GAP;
	buf_fmt(&t->out, "%s odd: %s\n", side == APP_CLIENT ? "client" : "server",
	        app_events[event].name);
}

static inline void told_ended(void *arg, struct app *a, struct app_tx *tx)
{
	struct told *t = arg;
	(void)a;
	buf_fmt(&t->out, "%llu ended\n", (unsigned long long)app_tx_number(tx));
}

static const struct app_sink told_sink = { told_protocol, told_progress, told_event, told_ended };

/* cut: bytes a piece; 0: steps whole. udp: steps are datagrams and stay whole. */
static inline void tell(struct told *t, const struct step *steps, size_t n, size_t cut,
                        const struct app_limits *limits, bool udp, uint16_t port)
{
	struct app *a = app_begin(limits, &told_sink, t, udp, port);
	assert_non_null(a);
	buf_clear(&t->out);
	for (size_t i = 0; i < n; i++) {
		if (steps[i].gap)
			app_gap(a, steps[i].side, steps[i].gap);
		for (size_t at = 0; at < steps[i].n;) {
			size_t len = steps[i].n - at;
			len = cut && cut < len && !udp ? cut : len;
			uint8_t *copy = malloc(len); /* so that reading beyond it is seen */
			memcpy(copy, steps[i].bytes + at, len);
			app_data(a, steps[i].side, copy, len);
			free(copy);
			at += len;
		}
	}
	app_close(a, APP_CLIENT);
	app_close(a, APP_SERVER);
	const struct app_counts *c = app_counted(a);
	/* How far zlib read ahead of what it could not go on with is its own affair. */
	if (!strstr(t->out.p ? t->out.p : "", "bomb") &&
	    !strstr(t->out.p ? t->out.p : "", "gzip_decomp"))
		buf_fmt(&t->out, "%s; came %llu %llu, skipped %llu %llu%s\n",
		        app_protocol_name(app_is(a)), (unsigned long long)c->bytes[0],
		        (unsigned long long)c->bytes[1], (unsigned long long)c->skipped[0],
		        (unsigned long long)c->skipped[1], app_over(a) ? "; over" : "");
	const struct app_limits *l = limits ? limits : &app_limits_default;
	assert_true(!l->memory || app_memory(a) <= l->memory);
	app_end(a);
	for (int i = 0; i < APP_SIDES; i++) {
		buf_done(&t->body[i]);
		t->body_to[i] = 0;
	}
}

/* Whole, then in pieces of 1 to 64 bytes: all alike. The text of it is in t->out. */
static inline void tell_all(struct told *t, const struct step *steps, size_t n,
                            const struct app_limits *limits, bool udp, uint16_t port)
{
	struct told cut = { 0 };
	tell(t, steps, n, 0, limits, udp, port);
	for (size_t len = 1; len <= 64 && !udp; len++) {
		tell(&cut, steps, n, len, limits, udp, port);
		if (cut.out.n != t->out.n || memcmp(cut.out.p, t->out.p, t->out.n) != 0)
			fail_msg("pieces of %zu bytes give\n%s\ninstead of\n%s", len, cut.out.p,
			         t->out.p);
	}
	buf_done(&cut.out);
}

/* Every one of the lines is there, in this order. */
static inline void assert_told(const struct told *t, const char *const *lines)
{
	const char *at = t->out.p;
	assert_non_null(at);
	for (size_t i = 0; lines[i]; i++) {
		const char *found = strstr(at, lines[i]);
		if (!found) {
			fail_msg("no %s in\n%s\nof\n%s", lines[i], at, t->out.p);
			return;
		}
		at = found + strlen(lines[i]);
	}
}
