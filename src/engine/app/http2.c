#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "engine/app/http.h"

/*
 * HTTP/2 in clear (RFC 9113), its fields by nghttp2's HPACK. A stream is a transaction; its fields
 * are written down as HTTP/1 has them, so that both give the same buffers.
 */

enum { FRAME_HEADER = 9, FRAME_MAX = 1 << 20, TABLE_MAX = 1 << 16, PREFACE_LEN = 24 };
enum {
	FRAME_DATA,
	FRAME_HEADERS,
	FRAME_PRIORITY,
	FRAME_RESET,
	FRAME_SETTINGS,
	FRAME_PUSH,
	FRAME_PING,
	FRAME_GOAWAY,
	FRAME_WINDOW,
	FRAME_CONTINUATION
};
enum { FLAG_END = 1, FLAG_END_HEADERS = 4, FLAG_PADDED = 8, FLAG_PRIORITY = 32, FLAG_ACK = 1 };

static const char preface[PREFACE_LEN + 1] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct half {
	size_t greeted; /* bytes of the preface: the client's */
	uint8_t header[FRAME_HEADER];
	unsigned nheader;
	size_t left;       /* of the frame's payload, not here yet */
	size_t padding;    /* at its end */
	bool padded;       /* DATA: the length of the padding has come */
	struct buf held;   /* the payload of a frame that is read whole */
	struct buf block;  /* fields under way */
	uint32_t block_id; /* their stream; 0: none */
	bool block_ends, block_pushed, block_lost;
	nghttp2_hd_inflater *inflater; /* owned */
	bool over;
};

struct http2 {
	struct app *app;
	struct half half[APP_SIDES];
};

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static enum detected detect(const struct beginning *b)
{
	size_t n = b->n[APP_CLIENT] < PREFACE_LEN ? b->n[APP_CLIENT] : PREFACE_LEN;
	if (b->udp || memcmp(n ? (const char *)b->p[APP_CLIENT] : "", preface, n) != 0)
		return DETECT_NO;
	return n == PREFACE_LEN ? DETECT_YES : DETECT_MAYBE;
}

/* ---- streams ---- */

static struct http_tx *find(const struct http2 *h, uint32_t id)
{
	for (struct app_tx *tx = h->app->first; tx; tx = tx->next)
		if (((struct http_tx *)tx)->stream == id)
			return (struct http_tx *)tx;
	return NULL;
}

static struct http_tx *tx_new(struct http2 *h, uint32_t id)
{
	if (!app_charge(h->app, sizeof(struct http_tx)))
		return NULL;
	struct http_tx *t = calloc(1, sizeof(*t));
	if (!t) {
		app_refund(h->app, sizeof(*t));
		return NULL;
	}
	t->stream = id;
	app_tx_begin(h->app, &t->tx);
	return t;
}

static void free_tx(struct app_tx *tx)
{
	http_tx_free((struct http_tx *)tx);
}

static void end_side(struct http2 *h, struct http_tx *t, enum app_side side)
{
	if (t->tx.stage[side] == STAGE_DONE)
		return;
	body_end(&t->tx, side, &t->side[side].body);
	app_progress(&t->tx, side, STAGE_DONE);
	bool both = t->tx.stage[0] == STAGE_DONE && t->tx.stage[1] == STAGE_DONE;
	if (both || (side == APP_CLIENT && app_limits_of(h->app)->client_only))
		app_tx_end(h->app, &t->tx);
}

static void give_up(struct http2 *h, enum app_side side, enum app_event why)
{
	app_tell(h->app, NULL, side, why);
	h->half[side].over = true;
}

/* ---- fields ---- */

/* One block's fields as they come out; pseudo fields apart. */
struct block {
	struct app *app;
	struct buf method, path, authority, status, rest;
	bool bad;
};

/* As HTTP/1 has it on one line: what would end the line is a blank. */
static void add_text(struct block *b, struct buf *out, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] == '\r' || p[i] == '\n' || !p[i])
			b->bad = true;
	size_t at = out->n;
	if (!app_keep(b->app, out, p, n))
		return;
	for (; at < out->n; at++)
		if (out->p[at] == '\r' || out->p[at] == '\n' || !out->p[at])
			out->p[at] = ' ';
}

static void add_field(struct block *b, const nghttp2_nv *nv, size_t max)
{
	struct str name = { (const char *)nv->name, nv->namelen };
	struct {
		const char *name;
		struct buf *value;
	} pseudo[] = { { ":method", &b->method },
		       { ":path", &b->path },
		       { ":authority", &b->authority },
		       { ":status", &b->status } };
	for (size_t i = 0; i < ARRAY_LEN(pseudo); i++)
		if (str_is(name, pseudo[i].name)) {
			buf_clear(pseudo[i].value);
			add_text(b, pseudo[i].value, nv->value, nv->valuelen);
			return;
		}
	if (str_starts(name, STR(":")) || b->rest.n + name.n + nv->valuelen > max)
		return;
	add_text(b, &b->rest, nv->name, nv->namelen);
	app_keep(b->app, &b->rest, ": ", 2);
	add_text(b, &b->rest, nv->value, nv->valuelen);
	app_keep(b->app, &b->rest, "\r\n", 2);
}

static void block_done(struct block *b)
{
	app_forget(b->app, &b->method);
	app_forget(b->app, &b->path);
	app_forget(b->app, &b->authority);
	app_forget(b->app, &b->status);
	app_forget(b->app, &b->rest);
}

static bool inflate_block(struct half *me, struct block *b, size_t max)
{
	const uint8_t *p = (const uint8_t *)me->block.p;
	size_t n = me->block.n;
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(me->inflater, &nv, &flags, p, n, 1);
		if (used < 0)
			return false;
		p += used;
		n -= (size_t)used;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			add_field(b, &nv, max);
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && !n)
			break;
	}
	nghttp2_hd_inflate_end_headers(me->inflater);
	return true;
}

static void put(struct http2 *h, struct buf *out, const struct buf *part, const char *behind)
{
	app_keep(h->app, out, part->p ? part->p : "", part->n);
	app_keep(h->app, out, behind, strlen(behind));
}

static void write_head(struct http2 *h, struct http_tx *t, enum app_side side,
                       const struct block *b)
{
	struct http_message *m = &t->side[side];
	if (side == APP_CLIENT) {
		put(h, &m->head, &b->method, " ");
		put(h, &m->head, &b->path, " HTTP/2\r\n");
	} else {
		app_keep(h->app, &m->head, "HTTP/2 ", 7);
		put(h, &m->head, &b->status, "\r\n");
	}
	m->fields_at = (uint32_t)m->head.n;
	if (b->authority.n) {
		app_keep(h->app, &m->head, "Host: ", 6);
		put(h, &m->head, &b->authority, "\r\n");
	}
	put(h, &m->head, &b->rest, "\r\n");
	if (side == APP_CLIENT) {
		http_read_request_line(t);
		http_read_uri(t);
	} else {
		http_read_status_line(t);
	}
	app_progress(&t->tx, side, STAGE_LINE);
	http_read_fields(t, side);
	http_check_fields(t, side);
	app_progress(&t->tx, side, STAGE_HEADERS);
	http_begin_body(t, side);
}

static bool interim(enum app_side side, const struct block *b)
{
	return side == APP_SERVER && b->status.n && b->status.p[0] == '1';
}

/* The whole block must go through the inflater, for its table, whatever it is for. */
static void end_block(struct http2 *h, enum app_side side)
{
	struct half *me = &h->half[side];
	struct block b = { .app = h->app };
	uint32_t id = me->block_id;
	me->block_id = 0;
	if (me->block_lost || !inflate_block(me, &b, app_limits_of(h->app)->headers)) {
		give_up(h, side, APP_EVENT_HTTP2_FIELDS);
	} else if (!me->block_pushed && !interim(side, &b)) {
		struct http_tx *t = find(h, id);
		if (!t)
			t = tx_new(h, id);
		if (t && b.bad)
			app_tell(h->app, &t->tx, side, APP_EVENT_HTTP2_LINE_END);
		if (t && t->tx.stage[side] == STAGE_NONE) /* else they are trailers */
			write_head(h, t, side, &b);
		if (t && me->block_ends)
			end_side(h, t, side);
	}
	block_done(&b);
	me->block.n = 0;
}

static void add_block(struct http2 *h, enum app_side side, const uint8_t *p, size_t n, bool last)
{
	struct half *me = &h->half[side];
	if (me->block.n + n > app_limits_of(h->app)->headers || !app_keep(h->app, &me->block, p, n))
		me->block_lost = true;
	if (last)
		end_block(h, side);
}

/* ---- frames that are read whole ---- */

static void take_headers(struct http2 *h, enum app_side side, const uint8_t *p, size_t n)
{
	struct half *me = &h->half[side];
	uint8_t flags = me->header[4];
	size_t padding = 0, skip = me->header[3] == FRAME_PUSH ? 4 : 0;
	if (flags & FLAG_PADDED && n) {
		padding = *p++;
		n--;
	}
	if (me->header[3] == FRAME_HEADERS && flags & FLAG_PRIORITY)
		skip = 5;
	if (n < skip || n - skip < padding) {
		give_up(h, side, APP_EVENT_HTTP2_FRAME);
		return;
	}
	me->block_id = get32(me->header + 5) & 0x7fffffff;
	me->block_ends = me->header[3] == FRAME_HEADERS && flags & FLAG_END;
	me->block_pushed = me->header[3] == FRAME_PUSH;
	me->block_lost = false;
	me->block.n = 0;
	add_block(h, side, p + skip, n - skip - padding, flags & FLAG_END_HEADERS);
}

/* The receiver of fields says how large a table their sender may use (RFC 9113, 6.5.2). */
static void take_settings(struct http2 *h, enum app_side side, const uint8_t *p, size_t n)
{
	if (h->half[side].header[4] & FLAG_ACK)
		return;
	for (; n >= 6; p += 6, n -= 6) {
		uint32_t value = get32(p + 2);
		if (p[0] == 0 && p[1] == 1 && h->half[!side].inflater)
			nghttp2_hd_inflate_change_table_size(h->half[!side].inflater,
			                                     value < TABLE_MAX ? value : TABLE_MAX);
	}
}

static void take_reset(struct http2 *h, enum app_side side)
{
	struct http_tx *t = find(h, get32(h->half[side].header + 5) & 0x7fffffff);
	if (t)
		app_tx_end(h->app, &t->tx);
}

static void end_frame(struct http2 *h, enum app_side side)
{
	struct half *me = &h->half[side];
	const uint8_t *p = (const uint8_t *)me->held.p;
	size_t n = me->held.n;
	uint32_t id = get32(me->header + 5) & 0x7fffffff;
	uint8_t kind = me->header[3];
	me->nheader = 0;
	me->held.n = 0;
	if (!p)
		p = me->header;
	if (kind == FRAME_HEADERS || kind == FRAME_PUSH)
		take_headers(h, side, p, n);
	else if (kind == FRAME_CONTINUATION && me->block_id == id && id)
		add_block(h, side, p, n, me->header[4] & FLAG_END_HEADERS);
	else if (kind == FRAME_SETTINGS)
		take_settings(h, side, p, n);
	else if (kind == FRAME_RESET)
		take_reset(h, side);
}

/* ---- data ---- */

static void end_data(struct http2 *h, enum app_side side)
{
	struct half *me = &h->half[side];
	struct http_tx *t = find(h, get32(me->header + 5) & 0x7fffffff);
	me->nheader = 0;
	if (t && (me->header[4] & FLAG_END) && t->tx.stage[side] >= STAGE_HEADERS)
		end_side(h, t, side);
}

static size_t take_data(struct http2 *h, enum app_side side, const uint8_t *p, size_t n)
{
	struct half *me = &h->half[side];
	size_t used = n < me->left ? n : me->left;
	if ((me->header[4] & FLAG_PADDED) && !me->padded) {
		me->padded = true;
		me->padding = *p;
		me->left--;
		if (me->padding > me->left)
			give_up(h, side, APP_EVENT_HTTP2_FRAME);
		used = 1;
	} else {
		size_t body = me->left - me->padding;
		struct http_tx *t = find(h, get32(me->header + 5) & 0x7fffffff);
		body = used < body ? used : me->left > me->padding ? body : 0;
		if (t && body && t->tx.stage[side] >= STAGE_HEADERS &&
		    t->tx.stage[side] < STAGE_DONE)
			body_data(&t->tx, side, &t->side[side].body, p, body);
		else
			app_skip(h->app, side, body);
		me->left -= used;
		if (me->padding > me->left)
			me->padding = me->left;
	}
	if (!me->left && !me->over)
		end_data(h, side);
	return used;
}

/* ---- frames ---- */

static bool is_read(uint8_t kind)
{
	return kind == FRAME_HEADERS || kind == FRAME_PUSH || kind == FRAME_CONTINUATION ||
	       kind == FRAME_SETTINGS || kind == FRAME_RESET;
}

static void begin_frame(struct http2 *h, enum app_side side)
{
	struct half *me = &h->half[side];
	me->left = get32(me->header) >> 8;
	me->padding = 0;
	me->padded = false;
	/* Between the parts of a block nothing else may come (RFC 9113, 6.10). */
	if (me->left > FRAME_MAX || (me->block_id && me->header[3] != FRAME_CONTINUATION))
		give_up(h, side, APP_EVENT_HTTP2_FRAME);
	else if (!me->left && me->header[3] == FRAME_DATA)
		end_data(h, side);
	else if (!me->left)
		end_frame(h, side);
}

static size_t take_header(struct http2 *h, enum app_side side, const uint8_t *p, size_t n)
{
	struct half *me = &h->half[side];
	size_t used = 0;
	if (side == APP_CLIENT && me->greeted < PREFACE_LEN) {
		used = PREFACE_LEN - me->greeted < n ? PREFACE_LEN - me->greeted : n;
		me->greeted += used;
		return used;
	}
	used = FRAME_HEADER - me->nheader < n ? FRAME_HEADER - me->nheader : n;
	memcpy(me->header + me->nheader, p, used);
	me->nheader += (unsigned)used;
	if (me->nheader == FRAME_HEADER)
		begin_frame(h, side);
	return used;
}

static size_t take_payload(struct http2 *h, enum app_side side, const uint8_t *p, size_t n)
{
	struct half *me = &h->half[side];
	size_t used = n < me->left ? n : me->left;
	if (me->header[3] == FRAME_DATA)
		return take_data(h, side, p, n);
	if (is_read(me->header[3]) && !app_keep(h->app, &me->held, p, used)) {
		me->over = true;
		return used;
	}
	me->left -= used;
	if (!me->left)
		end_frame(h, side);
	return used;
}

static void data(void *state, enum app_side side, const uint8_t *p, size_t n)
{
	struct http2 *h = state;
	struct half *me = &h->half[side];
	while (n && !me->over && !h->app->stopped) {
		size_t used = me->nheader < FRAME_HEADER ? take_header(h, side, p, n)
		                                         : take_payload(h, side, p, n);
		p += used;
		n -= used;
	}
	app_skip(h->app, side, n);
}

/* The table of fields would not be the same any more. */
static void gap(void *state, enum app_side side, uint64_t len)
{
	struct http2 *h = state;
	(void)len;
	h->half[side].over = true;
}

static void close_side(void *state, enum app_side side)
{
	struct http2 *h = state;
	h->half[side].over = true;
	for (struct app_tx *tx = h->app->first, *next = NULL; tx; tx = next) {
		next = tx->next;
		if (tx->stage[side] != STAGE_NONE)
			end_side(h, (struct http_tx *)tx, side);
	}
}

static void http2_free(void *state)
{
	struct http2 *h = state;
	for (int i = 0; i < APP_SIDES; i++) {
		struct half *me = &h->half[i];
		if (me->inflater)
			nghttp2_hd_inflate_del(me->inflater);
		app_forget(h->app, &me->held);
		app_forget(h->app, &me->block);
	}
	app_refund(h->app, sizeof(*h) + 2 * (size_t)TABLE_MAX);
	free(h);
}

static void *new (struct app *a)
{
	/* The tables of fields may grow up to their limit. */
	if (!app_charge(a, sizeof(struct http2) + 2 * (size_t)TABLE_MAX))
		return NULL;
	struct http2 *h = calloc(1, sizeof(*h));
	if (!h) {
		app_refund(a, sizeof(*h) + 2 * (size_t)TABLE_MAX);
		return NULL;
	}
	h->app = a;
	for (int i = 0; i < APP_SIDES; i++)
		if (nghttp2_hd_inflate_new(&h->half[i].inflater) != 0) {
			http2_free(h);
			return NULL;
		}
	/* How large the server lets the client's table be is not seen then. */
	if (app_limits_of(a)->client_only)
		nghttp2_hd_inflate_change_table_size(h->half[APP_CLIENT].inflater, TABLE_MAX);
	return h;
}

const struct inspector inspector_http2 = {
	.protocol = APP_HTTP2,
	.detect = detect,
	.new = new,
	.data = data,
	.gap = gap,
	.close = close_side,
	.free = http2_free,
	.buffer = http_buffer,
	.number = http_number,
	.free_tx = free_tx,
};
