#include "engine/app/app.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "engine/app/inspect.h"

static const struct inspector *const inspectors[] = {
	&inspector_http1, &inspector_http2, &inspector_tls, &inspector_ssh,
	&inspector_dns,   &inspector_smb,   &inspector_ftp, &inspector_smtp,
};

const struct app_limits app_limits_default = {
	.body = { 1 << 20, 1 << 20 },
	.window = 32 << 10,
	.headers = 64 << 10,
	.decompress = 8 << 20,
	.layers = 2,
	.transactions = 64,
	.detect = 4096,
	.memory = 4 << 20,
};

/* ---- memory ---- */

bool app_charge(struct app *a, size_t n)
{
	if (a->limits->memory && n > a->limits->memory - a->memory)
		return false;
	a->memory += n;
	return true;
}

void app_refund(struct app *a, size_t n)
{
	a->memory -= n;
}

bool app_keep(struct app *a, struct buf *b, const void *p, size_t n)
{
	size_t before = b->cap;
	if (n > b->cap - b->n && a->limits->memory &&
	    a->memory + 2 * (b->n + n) + 64 > a->limits->memory + before) {
		app_tell(a, NULL, APP_CLIENT, APP_EVENT_APPLAYER_MEMORY);
		return false;
	}
	buf_add(b, p, n);
	a->memory += b->cap - before;
	if (!b->bad)
		return true;
	b->bad = false; /* what was there before still is */
	return false;
}

void app_forget(struct app *a, struct buf *b)
{
	a->memory -= b->cap;
	buf_done(b);
}

/* ---- transactions ---- */

const struct app_limits *app_limits_of(const struct app *a)
{
	return a->limits;
}

void app_tx_begin(struct app *a, struct app_tx *tx)
{
	if (a->first && a->ntx >= a->limits->transactions) {
		app_tell(a, a->first, APP_CLIENT, APP_EVENT_APPLAYER_TOO_MANY);
		app_tx_end(a, a->first);
	}
	tx->app = a;
	tx->number = a->counts.transactions++;
	tx->next = NULL;
	if (a->last)
		a->last->next = tx;
	else
		a->first = tx;
	a->last = tx;
	a->ntx++;
}

void app_tx_end(struct app *a, struct app_tx *tx)
{
	struct app_tx **link = &a->first, *before = NULL;
	while (*link != tx) {
		before = *link;
		link = &before->next;
	}
	*link = tx->next;
	if (a->last == tx)
		a->last = before;
	a->ntx--;
	if (a->sink->ended)
		a->sink->ended(a->arg, a, tx);
	a->row->free_tx(tx);
}

void app_progress(struct app_tx *tx, enum app_side side, enum app_stage stage)
{
	struct app *a = tx->app;
	tx->stage[side] = stage;
	if (a->stopped || !a->sink->progress)
		return;
	if (a->sink->progress(a->arg, a, tx, side, stage) == APP_STOP)
		a->stopped = true;
}

void app_tell(struct app *a, struct app_tx *tx, enum app_side side, enum app_event e)
{
	if (a->sink->event && !a->stopped)
		a->sink->event(a->arg, a, tx, side, e);
}

void app_skip(struct app *a, enum app_side side, uint64_t len)
{
	a->counts.skipped[side] += len;
}

void app_finish(struct app *a)
{
	a->over = true;
}

bool app_tx_buffer(const struct app_tx *tx, enum app_buffer b, enum app_side side, unsigned index,
                   struct app_bytes *out)
{
	const struct app_buffer_row *row = &app_buffers[b];
	if (!(side == APP_CLIENT ? row->client : row->server) || (index && !row->many))
		return false;
	/* Some buffers are put together when they are asked for; nobody can tell. */
	union {
		const struct app_tx *in;
		struct app_tx *out;
	} same = { .in = tx };
	return tx->app->row->buffer(same.out, b, side, index, out);
}

enum app_stage app_tx_stage(const struct app_tx *tx, enum app_side side)
{
	return tx->stage[side];
}

uint64_t app_tx_number(const struct app_tx *tx)
{
	return tx->number;
}

void **app_tx_state(struct app_tx *tx)
{
	return &tx->state;
}

bool app_tx_number_of(const struct app_tx *tx, enum app_number n, enum app_side side, uint64_t *out)
{
	const struct inspector *row = tx->app->row;
	return row->number && row->number(tx, n, side, out);
}

const uint8_t *app_tx_dce_interface(const struct app_tx *tx)
{
	const struct inspector *row = tx->app->row;
	return row->dce ? row->dce(tx) : NULL;
}

/* ---- a connection ---- */

struct app *app_begin(const struct app_limits *limits, const struct app_sink *sink, void *arg,
                      bool udp, uint16_t server_port)
{
	struct app *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->limits = limits ? limits : &app_limits_default;
	a->sink = sink;
	a->arg = arg;
	a->udp = udp;
	a->port = server_port;
	a->memory = sizeof(*a);
	return a;
}

void app_set_limits(struct app *a, const struct app_limits *limits)
{
	a->limits = limits;
}

static void forget_beginning(struct app *a)
{
	for (int i = 0; i < APP_SIDES; i++)
		app_forget(a, &a->begun[i]);
}

void app_end(struct app *a)
{
	if (!a)
		return;
	while (a->first)
		app_tx_end(a, a->first);
	if (a->row)
		a->row->free(a->state);
	forget_beginning(a);
	free(a);
}

static void give(struct app *a, enum app_side side, const uint8_t *data, size_t len)
{
	if (a->stopped || a->over) {
		app_skip(a, side, len);
		return;
	}
	a->row->data(a->state, side, data, len);
}

static void fail(struct app *a)
{
	for (int i = 0; i < APP_SIDES; i++)
		app_skip(a, (enum app_side)i, a->begun[i].n);
	forget_beginning(a);
	a->protocol = APP_FAILED;
	a->over = true;
	if (a->sink->protocol)
		a->sink->protocol(a->arg, a, APP_FAILED);
}

static bool choose(struct app *a, const struct inspector *row)
{
	void *state = row->new (a);
	if (!state) {
		fail(a);
		return false;
	}
	a->row = row;
	a->state = state;
	a->protocol = row->protocol;
	if (a->sink->protocol)
		a->sink->protocol(a->arg, a, row->protocol);
	return true;
}

/* The first inspector that says yes; NULL with *maybe: one may still. */
static const struct inspector *ask(const struct beginning *b, bool *maybe)
{
	*maybe = false;
	for (size_t i = 0; i < ARRAY_LEN(inspectors); i++) {
		enum detected d = inspectors[i]->detect(b);
		if (d == DETECT_YES)
			return inspectors[i];
		*maybe |= d == DETECT_MAYBE;
	}
	return NULL;
}

/* In the order in which the sides began to speak. */
static void give_beginning(struct app *a)
{
	struct buf held[APP_SIDES] = { a->begun[0], a->begun[1] };
	memset(a->begun, 0, sizeof(a->begun));
	for (int i = 0; i < APP_SIDES; i++) {
		enum app_side side = i ? (enum app_side) !a->spoke : a->spoke;
		if (held[side].n)
			give(a, side, (const uint8_t *)held[side].p, held[side].n);
	}
	for (int i = 0; i < APP_SIDES; i++)
		app_forget(a, &held[i]);
}

/* One more stretch of a side that is not longer than what decides; returns how much was used. */
static void detect(struct app *a, enum app_side side, const uint8_t *data, size_t len)
{
	struct beginning b = { .port = a->port, .udp = a->udp };
	bool maybe = false, held = a->begun[side].n != 0;
	size_t room =
		a->limits->detect > a->begun[side].n ? a->limits->detect - a->begun[side].n : 0;
	if (held && !app_keep(a, &a->begun[side], data, len)) {
		app_skip(a, side, len);
		fail(a);
		return;
	}
	for (int i = 0; i < APP_SIDES; i++) {
		b.p[i] = (const uint8_t *)a->begun[i].p;
		b.n[i] = a->begun[i].n;
	}
	if (!held) {
		b.p[side] = data;
		b.n[side] = len;
	}
	if (b.n[side] > a->limits->detect)
		b.n[side] = a->limits->detect;
	const struct inspector *row = ask(&b, &maybe);
	if (row) {
		if (!choose(a, row))
			return;
		give_beginning(a);
		if (!held)
			give(a, side, data, len);
	} else if (!maybe || len >= room) {
		if (!held)
			app_skip(a, side, len);
		fail(a);
	} else if (!held && !app_keep(a, &a->begun[side], data, len)) {
		app_skip(a, side, len);
		fail(a);
	}
}

enum app_verdict app_data(struct app *a, enum app_side side, const uint8_t *data, size_t len)
{
	if (!len)
		return a->stopped ? APP_STOP : APP_GO_ON;
	if (!a->counts.bytes[!side] && !a->counts.bytes[side])
		a->spoke = side;
	a->counts.bytes[side] += len;
	if (a->row)
		give(a, side, data, len);
	else if (a->protocol == APP_FAILED || a->stopped)
		app_skip(a, side, len);
	else
		detect(a, side, data, len);
	return a->stopped ? APP_STOP : APP_GO_ON;
}

void app_gap(struct app *a, enum app_side side, uint64_t len)
{
	app_skip(a, side, len);
	if (a->stopped || a->over)
		return;
	app_tell(a, a->last, side, APP_EVENT_APPLAYER_GAP);
	if (a->row)
		a->row->gap(a->state, side, len);
	else
		fail(a);
}

void app_close(struct app *a, enum app_side side)
{
	if (a->closed[side])
		return;
	a->closed[side] = true;
	if (a->row && !a->stopped && !a->over)
		a->row->close(a->state, side);
	else if (!a->row && a->protocol != APP_FAILED && a->closed[!side])
		fail(a);
}

enum app_protocol app_is(const struct app *a)
{
	return a->protocol;
}

bool app_over(const struct app *a)
{
	return a->over || a->stopped;
}

size_t app_memory(const struct app *a)
{
	return a->memory;
}

const struct app_counts *app_counted(const struct app *a)
{
	return &a->counts;
}
