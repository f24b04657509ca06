#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "engine/app/http.h"

/*
 * HTTP/0.9 to 1.1 (RFC 9112), read as forgivingly as servers do. Where a message ends is decided
 * by its own bytes alone, so that it does not matter how they were cut.
 */

enum place {
	AT_LINE,
	AT_FIELDS,
	AT_LENGTH,     /* `left` bytes of body */
	AT_CLOSE,      /* body up to the end of the connection */
	AT_CHUNK,      /* a chunk's size */
	AT_CHUNK_REST, /* behind the size, to the line's end */
	AT_CHUNK_DATA,
	AT_CHUNK_END, /* the line's end behind a chunk */
	AT_TRAILERS,
	AT_OTHER /* another protocol, or nothing that can be read */
};

struct half {
	enum place place;
	struct http_tx *tx; /* borrowed: the message under way; NULL between messages */
	uint64_t left;
	bool digits; /* of a chunk's size: there was one */
	bool filled; /* the current line is more than a line end */
	bool cut;    /* the head is longer than the limit: no more of it is kept */
};

struct http1 {
	struct app *app;
	struct half half[APP_SIDES];
	struct http_tx *spare; /* owned; cleared, for the next transaction */
};

enum { CHUNK_MAX_BITS = 56 };

/* ---- detection ---- */

static const char *const methods[] = {
	"GET",   "POST",  "HEAD",      "PUT",         "DELETE",       "OPTIONS",
	"PATCH", "TRACE", "CONNECT",   "PROPFIND",    "PROPPATCH",    "MKCOL",
	"COPY",  "MOVE",  "LOCK",      "UNLOCK",      "REPORT",       "SEARCH",
	"DEBUG", "TRACK", "BPROPFIND", "RPC_IN_DATA", "RPC_OUT_DATA",
};

static bool token_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.';
}

/* A request's first line: a method that is known and a path, or any word and a version at its end.
 */
static enum detected detect_request(const uint8_t *p, size_t n)
{
	size_t at = 0, word = 0;
	while (at < n && (p[at] == '\r' || p[at] == '\n' || p[at] == ' '))
		at++;
	while (at + word < n && word < 32 && token_char(p[at + word]))
		word++;
	if (at + word == n)
		return DETECT_MAYBE;
	if (!word || word == 32 || (p[at + word] != ' ' && p[at + word] != '\t'))
		return DETECT_NO;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (strlen(methods[i]) == word && memcmp(methods[i], p + at, word) == 0) {
			if (at + word + 1 == n)
				return DETECT_MAYBE;
			if (p[at + word + 1] == '/')
				return DETECT_YES;
		}
	const uint8_t *end = memchr(p + at, '\n', n - at);
	if (!end)
		return DETECT_MAYBE;
	struct str line = str_trim((struct str){ (const char *)p + at, (size_t)(end - p) - at });
	struct str tail = str_skip(line, line.n > 8 ? line.n - 8 : line.n);
	return str_starts(tail, STR("HTTP/1.")) || str_starts(tail, STR("HTTP/0.")) ? DETECT_YES
	                                                                            : DETECT_NO;
}

static enum detected detect_answer(const uint8_t *p, size_t n)
{
	static const char begin[] = "HTTP/1.";
	size_t have = n < sizeof(begin) - 1 ? n : sizeof(begin) - 1;
	if (memcmp(p, begin, have) != 0)
		return DETECT_NO;
	return have == sizeof(begin) - 1 ? DETECT_YES : DETECT_MAYBE;
}

static enum detected detect(const struct beginning *b)
{
	enum detected c = b->n[APP_CLIENT] ? detect_request(b->p[APP_CLIENT], b->n[APP_CLIENT])
	                                   : DETECT_MAYBE;
	enum detected s =
		b->n[APP_SERVER] ? detect_answer(b->p[APP_SERVER], b->n[APP_SERVER]) : DETECT_MAYBE;
	if (b->udp)
		return DETECT_NO;
	if (c == DETECT_YES || s == DETECT_YES)
		return DETECT_YES;
	return c == DETECT_NO || s == DETECT_NO ? DETECT_NO : DETECT_MAYBE;
}

/* ---- transactions ---- */

static struct http_tx *tx_new(struct http1 *h)
{
	struct http_tx *t = h->spare;
	h->spare = NULL;
	if (!t) {
		if (!app_charge(h->app, sizeof(*t)))
			return NULL;
		t = calloc(1, sizeof(*t));
		if (!t) {
			app_refund(h->app, sizeof(*t));
			return NULL;
		}
		t->tx.app = h->app;
	}
	app_tx_begin(h->app, &t->tx);
	return t;
}

static void free_tx(struct app_tx *tx)
{
	struct http_tx *t = (struct http_tx *)tx;
	struct http1 *h = tx->app->state;
	for (int i = 0; i < APP_SIDES; i++)
		if (h->half[i].tx == t)
			h->half[i].tx = NULL;
	if (h->spare) {
		http_tx_free(t);
		return;
	}
	http_tx_clear(t);
	h->spare = t;
}

/* The oldest request that was not answered yet. */
static struct http_tx *unanswered(const struct http1 *h)
{
	for (struct app_tx *tx = h->app->first; tx; tx = tx->next)
		if (tx->stage[APP_SERVER] < STAGE_DONE)
			return (struct http_tx *)tx;
	return NULL;
}

static struct http_tx *tx_of(struct http1 *h, enum app_side side)
{
	struct half *me = &h->half[side];
	if (me->tx)
		return me->tx;
	if (side == APP_SERVER)
		me->tx = unanswered(h);
	if (!me->tx) {
		me->tx = tx_new(h);
		if (me->tx && side == APP_SERVER)
			app_tell(h->app, &me->tx->tx, side, APP_EVENT_HTTP_UNMATCHED);
	}
	return me->tx;
}

static void give_up(struct http1 *h, enum app_side side)
{
	h->half[side].place = AT_OTHER;
}

static void end_message(struct http1 *h, enum app_side side)
{
	struct half *me = &h->half[side];
	struct http_tx *t = me->tx;
	if (!t)
		return;
	body_end(&t->tx, side, &t->side[side].body);
	me->tx = NULL;
	me->cut = me->filled = false;
	if (me->place != AT_OTHER)
		me->place = AT_LINE;
	app_progress(&t->tx, side, STAGE_DONE);
	bool both = t->tx.stage[APP_CLIENT] == STAGE_DONE && t->tx.stage[APP_SERVER] == STAGE_DONE;
	bool lone = side == APP_SERVER && t->tx.stage[APP_CLIENT] == STAGE_NONE;
	if (both || lone || (side == APP_CLIENT && app_limits_of(h->app)->client_only))
		app_tx_end(h->app, &t->tx);
}

/* ---- how long a body is ---- */

/* Content-Length; false: there is none that is a number. */
static bool length_of(struct http_tx *t, enum app_side side, uint64_t *out)
{
	enum app_event odd =
		side == APP_CLIENT ? APP_EVENT_HTTP_LENGTH : APP_EVENT_HTTP_ANSWER_LENGTH;
	struct str value = { 0 }, again = { 0 };
	if (!http_field(&t->side[side], "content-length", 0, &value))
		return false;
	if (http_field(&t->side[side], "content-length", 1, &again) && !str_eq(value, again))
		app_tell(t->tx.app, &t->tx, side, odd);
	if (str_u64(value, 0, UINT64_MAX / 2, out) == 0)
		return true;
	app_tell(t->tx.app, &t->tx, side, odd);
	size_t n = value.n && value.p[0] == '+';
	*out = 0;
	for (; n < value.n && value.p[n] >= '0' && value.p[n] <= '9' && *out < UINT64_MAX / 20; n++)
		*out = *out * 10 + (uint64_t)(value.p[n] - '0');
	return true;
}

static bool chunked(struct http_tx *t, enum app_side side)
{
	struct str value = { 0 };
	if (!http_field(&t->side[side], "transfer-encoding", 0, &value))
		return false;
	if (http_has_token(&t->side[side], "transfer-encoding", "chunked"))
		return true;
	bool known = str_eq_nocase(value, STR("identity")) || str_eq_nocase(value, STR("gzip")) ||
	             str_eq_nocase(value, STR("deflate"));
	if (!known)
		app_tell(t->tx.app, &t->tx, side,
		         side == APP_CLIENT ? APP_EVENT_HTTP_ENCODING
		                            : APP_EVENT_HTTP_ANSWER_ENCODING);
	return false;
}

static bool method_is(const struct http_tx *t, const char *name)
{
	const struct http_message *m = &t->side[APP_CLIENT];
	return str_is(http_part(m, m->method), name);
}

static bool has_no_body(const struct http_tx *t)
{
	unsigned status = http_status(t);
	return status / 100 == 1 || status == 204 || status == 304 || method_is(t, "HEAD");
}

/* Both directions carry another protocol from here on. */
static bool switches(const struct http_tx *t)
{
	unsigned status = http_status(t);
	return status == 101 || (status / 100 == 2 && method_is(t, "CONNECT"));
}

static void begin_chunk(struct half *me)
{
	me->place = AT_CHUNK;
	me->left = 0;
	me->digits = false;
}

static void choose_body(struct http1 *h, enum app_side side)
{
	struct half *me = &h->half[side];
	struct http_tx *t = me->tx;
	uint64_t length = 0;
	bool has_length = length_of(t, side, &length), chunks = chunked(t, side);
	if (side == APP_SERVER && has_no_body(t)) {
		end_message(h, side);
		return;
	}
	http_begin_body(t, side);
	if (chunks && has_length)
		app_tell(h->app, &t->tx, side, APP_EVENT_HTTP_TWO_LENGTHS);
	if (chunks) {
		begin_chunk(me);
	} else if (has_length && length) {
		me->place = AT_LENGTH;
		me->left = length;
	} else if (has_length || side == APP_CLIENT) {
		end_message(h, side);
	} else {
		me->place = AT_CLOSE;
	}
}

/* ---- heads ---- */

/* "100 Continue" and its like: the answer proper follows. */
static bool interim(const struct http_tx *t)
{
	unsigned status = http_status(t);
	return status / 100 == 1 && status != 101;
}

static void forget_interim(struct http1 *h)
{
	struct half *me = &h->half[APP_SERVER];
	struct http_message *m = &me->tx->side[APP_SERVER];
	buf_clear(&m->head);
	buf_clear(&m->text);
	m->fields_at = m->nfields = m->cookies_at = 0;
	m->version = m->status = m->phrase = (struct span){ 0 };
	me->place = AT_LINE;
}

static void end_head(struct http1 *h, enum app_side side)
{
	struct http_tx *t = h->half[side].tx;
	if (side == APP_SERVER && interim(t)) {
		forget_interim(h);
		return;
	}
	http_read_fields(t, side);
	http_check_fields(t, side);
	app_progress(&t->tx, side, STAGE_HEADERS);
	if (side == APP_SERVER && switches(t)) {
		give_up(h, APP_CLIENT);
		give_up(h, APP_SERVER);
		app_finish(h->app);
		end_message(h, side);
		return;
	}
	choose_body(h, side);
}

static void end_line(struct http1 *h, enum app_side side)
{
	struct half *me = &h->half[side];
	struct http_tx *t = me->tx;
	struct http_message *m = &t->side[side];
	m->fields_at = (uint32_t)m->head.n;
	me->place = AT_FIELDS;
	if (side == APP_SERVER) {
		http_read_status_line(t);
		if (interim(t))
			return;
		app_progress(&t->tx, side, STAGE_LINE);
		return;
	}
	http_read_request_line(t);
	http_read_uri(t);
	app_progress(&t->tx, side, STAGE_LINE);
	if (!m->version.n) { /* 0.9: nothing follows */
		app_progress(&t->tx, side, STAGE_HEADERS);
		end_message(h, side);
	}
}

static void keep_head(struct http1 *h, enum app_side side, const uint8_t *p, size_t n)
{
	struct half *me = &h->half[side];
	struct buf *head = &me->tx->side[side].head;
	size_t max = app_limits_of(h->app)->headers, room = max > head->n ? max - head->n : 0;
	if (!me->cut && !app_keep(h->app, head, p, n < room ? n : room))
		me->cut = true;
	if (me->cut || n > room) {
		if (!me->cut)
			app_tell(h->app, &me->tx->tx, side,
			         side == APP_CLIENT ? APP_EVENT_HTTP_LONG
			                            : APP_EVENT_HTTP_ANSWER_LONG);
		me->cut = true;
		app_skip(h->app, side, n < room ? n : n - room);
	}
}

static void note_filled(struct half *me, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n && !me->filled; i++)
		me->filled = p[i] != '\r' && p[i] != '\n';
}

/* A line or a part of one; empty lines before a message are no matter. */
static size_t take_head(struct http1 *h, enum app_side side, const uint8_t *p, size_t n)
{
	struct half *me = &h->half[side];
	const uint8_t *end = memchr(p, '\n', n);
	size_t used = end ? (size_t)(end - p) + 1 : n;
	if (me->place == AT_LINE && !me->filled) {
		size_t skip = 0;
		while (skip < used && (p[skip] == '\r' || p[skip] == '\n'))
			skip++;
		if (skip)
			return skip;
	}
	if (!tx_of(h, side)) {
		app_skip(h->app, side, used);
		give_up(h, side);
		return used;
	}
	note_filled(me, p, used);
	keep_head(h, side, p, used);
	if (!end)
		return used;
	bool filled = me->filled;
	me->filled = false;
	if (me->place == AT_LINE)
		end_line(h, side);
	else if (!filled)
		end_head(h, side);
	return used;
}

/* ---- bodies ---- */

static size_t take_counted(struct http1 *h, enum app_side side, const uint8_t *p, size_t n)
{
	struct half *me = &h->half[side];
	struct http_tx *t = me->tx;
	size_t used = n < me->left ? n : (size_t)me->left;
	me->left -= used;
	body_data(&t->tx, side, &t->side[side].body, p, used);
	if (me->left)
		return used;
	if (me->place == AT_CHUNK_DATA)
		me->place = AT_CHUNK_END;
	else
		end_message(h, side);
	return used;
}

static size_t take_until_close(struct http1 *h, enum app_side side, const uint8_t *p, size_t n)
{
	struct http_tx *t = h->half[side].tx;
	body_data(&t->tx, side, &t->side[side].body, p, n);
	return n;
}

static void bad_chunk(struct http1 *h, enum app_side side)
{
	app_tell(h->app, &h->half[side].tx->tx, side,
	         side == APP_CLIENT ? APP_EVENT_HTTP_CHUNK : APP_EVENT_HTTP_ANSWER_CHUNK);
	give_up(h, side);
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void end_size(struct http1 *h, enum app_side side)
{
	struct half *me = &h->half[side];
	if (!me->digits) {
		bad_chunk(h, side);
		return;
	}
	me->filled = false;
	me->place = me->left ? AT_CHUNK_DATA : AT_TRAILERS;
}

static size_t take_size(struct http1 *h, enum app_side side, const uint8_t *p, size_t n)
{
	struct half *me = &h->half[side];
	(void)n;
	int digit = hex(*p);
	if (digit >= 0) {
		if (me->left >> CHUNK_MAX_BITS)
			bad_chunk(h, side);
		me->left = me->left << 4 | (uint64_t)digit;
		me->digits = true;
	} else if (*p == '\n') {
		end_size(h, side);
	} else if (me->digits) {
		me->place = AT_CHUNK_REST;
	} else if (*p != ' ' && *p != '\t' && *p != '\r') {
		bad_chunk(h, side);
	}
	return 1;
}

static size_t take_rest(struct http1 *h, enum app_side side, const uint8_t *p, size_t n)
{
	const uint8_t *end = memchr(p, '\n', n);
	if (!end)
		return n;
	end_size(h, side);
	return (size_t)(end - p) + 1;
}

static size_t take_chunk_end(struct http1 *h, enum app_side side, const uint8_t *p, size_t n)
{
	struct half *me = &h->half[side];
	(void)n;
	if (*p == '\n')
		begin_chunk(me);
	else if (*p != '\r')
		bad_chunk(h, side);
	return 1;
}

static size_t take_trailers(struct http1 *h, enum app_side side, const uint8_t *p, size_t n)
{
	struct half *me = &h->half[side];
	const uint8_t *end = memchr(p, '\n', n);
	size_t used = end ? (size_t)(end - p) + 1 : n;
	note_filled(me, p, used);
	if (end && !me->filled)
		end_message(h, side);
	else if (end)
		me->filled = false;
	return used;
}

static size_t take_other(struct http1 *h, enum app_side side, const uint8_t *p, size_t n)
{
	(void)p;
	app_skip(h->app, side, n);
	return n;
}

/* ---- the row ---- */

static size_t (*const takers[])(struct http1 *h, enum app_side side, const uint8_t *p, size_t n) = {
	[AT_LINE] = take_head,          [AT_FIELDS] = take_head,
	[AT_LENGTH] = take_counted,     [AT_CLOSE] = take_until_close,
	[AT_CHUNK] = take_size,         [AT_CHUNK_REST] = take_rest,
	[AT_CHUNK_DATA] = take_counted, [AT_CHUNK_END] = take_chunk_end,
	[AT_TRAILERS] = take_trailers,  [AT_OTHER] = take_other,
};

/* The sink may end a transaction's side under way (too many): then its message is lost. */
static bool lost(const struct half *me)
{
	return !me->tx && me->place != AT_LINE && me->place != AT_OTHER;
}

static void data(void *state, enum app_side side, const uint8_t *p, size_t n)
{
	struct http1 *h = state;
	struct half *me = &h->half[side];
	while (n && !h->app->stopped) {
		if (lost(me))
			give_up(h, side);
		size_t used = takers[me->place](h, side, p, n);
		p += used;
		n -= used;
	}
	if (n)
		app_skip(h->app, side, n);
}

static void gap(void *state, enum app_side side, uint64_t len)
{
	struct http1 *h = state;
	struct half *me = &h->half[side];
	bool body = me->place == AT_LENGTH || me->place == AT_CHUNK_DATA;
	if (me->tx && ((body && len <= me->left) || me->place == AT_CLOSE)) {
		body_gap(&me->tx->tx, side, &me->tx->side[side].body, len);
		if (me->place == AT_CLOSE)
			return;
		me->left -= len;
		if (!me->left && me->place == AT_LENGTH)
			end_message(h, side);
		else if (!me->left)
			me->place = AT_CHUNK_END;
		return;
	}
	give_up(h, side);
	if (me->tx)
		end_message(h, side);
}

/* What was sent of a message that is not whole is looked at all the same. */
static void close_side(void *state, enum app_side side)
{
	struct http1 *h = state;
	struct half *me = &h->half[side];
	if (me->place == AT_LINE && me->tx) {
		if (side == APP_CLIENT)
			app_tell(h->app, &me->tx->tx, side, APP_EVENT_HTTP_LINE_INCOMPLETE);
		end_line(h, side);
	}
	if (me->tx && me->place == AT_FIELDS) {
		http_read_fields(me->tx, side);
		app_progress(&me->tx->tx, side, STAGE_HEADERS);
	}
	give_up(h, side);
	if (me->tx)
		end_message(h, side);
}

static void *new (struct app *a)
{
	if (!app_charge(a, sizeof(struct http1)))
		return NULL;
	struct http1 *h = calloc(1, sizeof(*h));
	if (h)
		h->app = a;
	else
		app_refund(a, sizeof(*h));
	return h;
}

static void http1_free(void *state)
{
	struct http1 *h = state;
	http_tx_free(h->spare);
	app_refund(h->app, sizeof(*h));
	free(h);
}

const struct inspector inspector_http1 = {
	.protocol = APP_HTTP,
	.detect = detect,
	.new = new,
	.data = data,
	.gap = gap,
	.close = close_side,
	.free = http1_free,
	.buffer = http_buffer,
	.number = http_number,
	.free_tx = free_tx,
};
