#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "engine/app/inspect.h"

/* DNS (RFC 1035) over UDP, a message a datagram, and over TCP. Each message is a transaction. */

enum {
	HEADER = 12,
	NAME_MAX_TEXT = 1024,
	POINTERS_MAX = 32,
	QUESTIONS_MAX = 32,
	WIRE_NAME_MAX = 255
};

struct dns_tx {
	struct app_tx tx;
	enum app_side side;
	uint16_t flags, type;
	unsigned nnames;
	uint32_t name_at[QUESTIONS_MAX + 1]; /* in names */
	struct buf names;
};

struct dns {
	struct app *app;
	struct buf held[APP_SIDES]; /* TCP: a message that is not whole */
	bool lost[APP_SIDES];
	struct dns_tx *spare; /* owned */
};

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* ---- names ---- */

struct message {
	const uint8_t *p;
	size_t n;
};

enum name_fault { NAME_FINE, NAME_CUT, NAME_LOOP, NAME_LONG };

/*
 * Reads the name at *at into out ("www.example.com"; bytes as they are), *at is then behind it.
 * Pointers must go backwards and are few, so it ends.
 */
static enum name_fault read_name(const struct message *m, size_t *at, char *out, size_t *out_n)
{
	size_t i = *at, n = 0, wire = 0, lowest = *at;
	unsigned pointers = 0;
	bool jumped = false;
	for (;;) {
		if (i >= m->n)
			return NAME_CUT;
		uint8_t len = m->p[i];
		if (len >= 0xc0) {
			if (m->n - i < 2)
				return NAME_CUT;
			size_t to = get16(m->p + i) & 0x3fff;
			if (!jumped)
				*at = i + 2;
			jumped = true;
			if (to >= lowest || ++pointers > POINTERS_MAX)
				return NAME_LOOP;
			i = lowest = to;
			continue;
		}
		if (len >= 0x40)
			return NAME_CUT;
		if (!len)
			break;
		if (m->n - i - 1 < len)
			return NAME_CUT;
		wire += len + 1u;
		if (wire > WIRE_NAME_MAX)
			return NAME_LONG;
		if (n)
			out[n++] = '.';
		memcpy(out + n, m->p + i + 1, len);
		n += len;
		i += len + 1u;
	}
	if (!jumped)
		*at = i + 1;
	*out_n = n;
	return NAME_FINE;
}

/* ---- detection: a header that makes sense and a first question that can be read ---- */

static enum detected detect_message(const uint8_t *p, size_t n, bool whole)
{
	struct message m = { p, n };
	char name[NAME_MAX_TEXT];
	size_t at = HEADER, len = 0;
	if (n < HEADER)
		return whole ? DETECT_NO : DETECT_MAYBE;
	unsigned opcode = p[2] >> 3 & 15, questions = get16(p + 4);
	if (opcode > 6 || !questions || questions > QUESTIONS_MAX || get16(p + 6) > 500 ||
	    get16(p + 8) > 500 || get16(p + 10) > 500)
		return DETECT_NO;
	enum name_fault fault = read_name(&m, &at, name, &len);
	if (fault == NAME_CUT && !whole)
		return DETECT_MAYBE;
	if (fault != NAME_FINE || n - at < 4)
		return fault != NAME_FINE || whole ? DETECT_NO : DETECT_MAYBE;
	unsigned class = get16(p + at + 2) & 0x7fff;
	return class >= 1 && class <= 255 ? DETECT_YES : DETECT_NO;
}

static enum detected detect_side(const struct beginning *b, enum app_side side)
{
	const uint8_t *p = b->p[side];
	size_t n = b->n[side];
	enum detected d = DETECT_MAYBE;
	if (!n)
		return DETECT_MAYBE;
	if (b->udp)
		d = detect_message(p, n, true);
	else if (n >= 2)
		d = get16(p) < HEADER ? DETECT_NO
		                      : detect_message(p + 2, n - 2 < get16(p) ? n - 2 : get16(p),
		                                       n - 2 >= get16(p));
	/* On its own port it is DNS, however malformed. */
	return b->udp && d == DETECT_NO && b->port == 53 && n >= HEADER ? DETECT_YES : d;
}

static enum detected detect(const struct beginning *b)
{
	enum detected c = detect_side(b, APP_CLIENT), s = detect_side(b, APP_SERVER);
	if (c == DETECT_YES || s == DETECT_YES)
		return DETECT_YES;
	return c == DETECT_NO || s == DETECT_NO ? DETECT_NO : DETECT_MAYBE;
}

/* ---- messages ---- */

static struct dns_tx *tx_new(struct dns *d)
{
	struct dns_tx *t = d->spare;
	d->spare = NULL;
	if (!t && app_charge(d->app, sizeof(*t))) {
		t = calloc(1, sizeof(*t));
		if (!t)
			app_refund(d->app, sizeof(*t));
	}
	if (t)
		app_tx_begin(d->app, &t->tx);
	return t;
}

static void tx_free(struct app *a, struct dns_tx *t)
{
	if (!t)
		return;
	app_forget(a, &t->names);
	app_refund(a, sizeof(*t));
	free(t);
}

static void free_tx(struct app_tx *tx)
{
	struct dns_tx *t = (struct dns_tx *)tx;
	struct dns *d = tx->app->state;
	if (d->spare) {
		tx_free(tx->app, t);
		return;
	}
	struct buf names = t->names;
	buf_clear(&names);
	*t = (struct dns_tx){ .names = names };
	d->spare = t;
}

static bool add_name(struct dns_tx *t, const char *name, size_t n)
{
	if (!app_keep(t->tx.app, &t->names, name, n))
		return false;
	t->nnames++;
	t->name_at[t->nnames] = (uint32_t)t->names.n;
	return true;
}

static void read_questions(struct dns_tx *t, const struct message *m)
{
	static const enum app_event events[] = { [NAME_CUT] = APP_EVENT_DNS_MALFORMED,
		                                 [NAME_LOOP] = APP_EVENT_DNS_LOOP,
		                                 [NAME_LONG] = APP_EVENT_DNS_LONG };
	unsigned questions = get16(m->p + 4);
	size_t at = HEADER, n = 0;
	char name[NAME_MAX_TEXT];
	for (unsigned i = 0; i < questions; i++) {
		enum name_fault fault = i < QUESTIONS_MAX ? read_name(m, &at, name, &n) : NAME_LONG;
		if (fault != NAME_FINE) {
			app_tell(t->tx.app, &t->tx, t->side, events[fault]);
			return;
		}
		if (m->n - at < 4) {
			app_tell(t->tx.app, &t->tx, t->side, APP_EVENT_DNS_MALFORMED);
			return;
		}
		if (!i)
			t->type = (uint16_t)get16(m->p + at);
		at += 4;
		if (!add_name(t, name, n))
			return;
	}
}

static void read_message(struct dns *d, enum app_side side, const uint8_t *p, size_t n)
{
	struct message m = { p, n };
	struct dns_tx *t = tx_new(d);
	struct app *a = d->app;
	if (!t) {
		app_skip(a, side, n);
		return;
	}
	t->side = side;
	if (n < HEADER) {
		app_tell(a, &t->tx, side, APP_EVENT_DNS_MALFORMED);
		app_tx_end(a, &t->tx);
		return;
	}
	t->flags = (uint16_t)get16(p + 2);
	bool answer = t->flags & 0x8000;
	if (answer != (side == APP_SERVER))
		app_tell(a, &t->tx, side,
		         answer ? APP_EVENT_DNS_NOT_REQUEST : APP_EVENT_DNS_NOT_RESPONSE);
	if (t->flags & 0x0040)
		app_tell(a, &t->tx, side, APP_EVENT_DNS_Z);
	if ((t->flags >> 11 & 15) > 6)
		app_tell(a, &t->tx, side, APP_EVENT_DNS_OPCODE);
	read_questions(t, &m);
	app_progress(&t->tx, side, STAGE_DONE);
	app_tx_end(a, &t->tx);
}

/* ---- the row ---- */

static bool message_whole(const struct buf *b, size_t *n)
{
	if (b->n < 2)
		return false;
	*n = get16((const uint8_t *)b->p) + 2u;
	return b->n >= *n;
}

/* Fills the held message up to its length; returns how much was used. */
static size_t fill(struct dns *d, enum app_side side, const uint8_t *p, size_t n)
{
	struct buf *b = &d->held[side];
	size_t want = b->n < 2 ? 2 : get16((const uint8_t *)b->p) + 2u;
	size_t used = want - b->n < n ? want - b->n : n;
	if (!app_keep(d->app, b, p, used)) {
		d->lost[side] = true;
		app_skip(d->app, side, used);
		return used;
	}
	if (message_whole(b, &want)) {
		read_message(d, side, (const uint8_t *)b->p + 2, want - 2);
		buf_clear(b);
	}
	return used;
}

static void stream_data(struct dns *d, enum app_side side, const uint8_t *p, size_t n)
{
	while (n && !d->lost[side] && !d->app->stopped) {
		size_t used = 0;
		if (!d->held[side].n && n >= 2 && n - 2 >= get16(p)) {
			used = get16(p) + 2u;
			read_message(d, side, p + 2, used - 2);
		} else {
			used = fill(d, side, p, n);
		}
		p += used;
		n -= used;
	}
	if (n)
		app_skip(d->app, side, n);
}

static void data(void *state, enum app_side side, const uint8_t *p, size_t n)
{
	struct dns *d = state;
	if (d->app->udp)
		read_message(d, side, p, n);
	else
		stream_data(d, side, p, n);
}

static void gap(void *state, enum app_side side, uint64_t len)
{
	struct dns *d = state;
	(void)len;
	d->lost[side] = !d->app->udp;
}

static void close_side(void *state, enum app_side side)
{
	const struct dns *d = state;
	if (d->held[side].n)
		app_tell(d->app, NULL, side, APP_EVENT_DNS_MALFORMED);
}

static void *new (struct app *a)
{
	if (!app_charge(a, sizeof(struct dns)))
		return NULL;
	struct dns *d = calloc(1, sizeof(*d));
	if (d)
		d->app = a;
	else
		app_refund(a, sizeof(*d));
	return d;
}

static void dns_free(void *state)
{
	struct dns *d = state;
	for (int i = 0; i < APP_SIDES; i++)
		app_forget(d->app, &d->held[i]);
	tx_free(d->app, d->spare);
	app_refund(d->app, sizeof(*d));
	free(d);
}

static bool buffer(struct app_tx *tx, enum app_buffer b, enum app_side side, unsigned index,
                   struct app_bytes *out)
{
	const struct dns_tx *t = (const struct dns_tx *)tx;
	if (b != BUFFER_DNS_QUERY || side != t->side || index >= t->nnames)
		return false;
	return app_bytes_of(out, t->names.p ? t->names.p + t->name_at[index] : "",
	                    t->name_at[index + 1] - t->name_at[index]);
}

static bool number(const struct app_tx *tx, enum app_number n, enum app_side side, uint64_t *out)
{
	const struct dns_tx *t = (const struct dns_tx *)tx;
	if (side != t->side)
		return false;
	if (n == NUMBER_DNS_OPCODE)
		*out = t->flags >> 11 & 15;
	else if (n == NUMBER_DNS_RCODE)
		*out = t->flags & 15;
	else if (n == NUMBER_DNS_TYPE && t->nnames)
		*out = t->type;
	else
		return false;
	return true;
}

const struct inspector inspector_dns = {
	.protocol = APP_DNS,
	.detect = detect,
	.new = new,
	.data = data,
	.gap = gap,
	.close = close_side,
	.free = dns_free,
	.buffer = buffer,
	.number = number,
	.free_tx = free_tx,
};
