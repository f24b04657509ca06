#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/str.h"
#include "engine/app/certificate.h"
#include "engine/app/inspect.h"

/*
 * TLS up to where it is encrypted (RFC 8446, RFC 5246): handshake messages put together over
 * records. A connection is one transaction.
 */

enum {
	RECORD_HEADER = 5,
	RECORD_MAX = 16384 + 2048,
	MESSAGE_HEADER = 4,
	MESSAGE_MAX = 1 << 17,
	CERTIFICATES_MAX = 8,
	RANDOM_LEN = 32
};

enum record { RECORD_CCS = 20, RECORD_ALERT, RECORD_HANDSHAKE, RECORD_DATA, RECORD_HEARTBEAT };
enum message { CLIENT_HELLO = 1, SERVER_HELLO = 2, CERTIFICATE = 11 };
enum extension { EXT_SNI = 0, EXT_GROUPS = 10, EXT_POINTS = 11, EXT_VERSIONS = 43 };

struct tls_side {
	bool hello;
	uint16_t version;
	char version_text[16];
	uint8_t random[RANDOM_LEN];
	struct buf ja3;
	char ja3_hash[2 * MD5_DIGEST_SIZE + 1];
};

struct tls_tx {
	struct app_tx tx;
	struct tls_side side[APP_SIDES];
	struct buf sni;
	struct buf chain; /* the certificate message's list */
	struct {
		uint32_t at, n;
	} certs[CERTIFICATES_MAX]; /* in chain */
	unsigned ncerts;
	bool cert_read;
	struct buf subject, issuer, serial;
	char fingerprint[3 * SHA1_DIGEST_SIZE + 1];
};

struct tls_half {
	uint8_t header[RECORD_HEADER];
	unsigned nheader;
	size_t left; /* of the record */
	uint8_t message[MESSAGE_HEADER];
	unsigned nmessage;
	size_t want; /* of the message's body, not here yet */
	struct buf body;
	bool over;
};

struct tls {
	struct app *app;
	struct tls_tx *tx; /* borrowed; NULL once ended */
	struct tls_half half[APP_SIDES];
};

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static size_t get24(const uint8_t *p)
{
	return (size_t)p[0] << 16 | get16(p + 1);
}

/* ---- detection ---- */

static enum detected detect_side(const uint8_t *p, size_t n, uint8_t hello)
{
	if (n >= 1 && p[0] != RECORD_HANDSHAKE)
		return DETECT_NO;
	if (n >= 2 && p[1] != 3)
		return DETECT_NO;
	if (n >= 3 && p[2] > 4)
		return DETECT_NO;
	if (n < 6)
		return DETECT_MAYBE;
	return p[5] == hello && get16(p + 3) >= MESSAGE_HEADER ? DETECT_YES : DETECT_NO;
}

static enum detected detect(const struct beginning *b)
{
	if (b->udp)
		return DETECT_NO;
	enum detected c = detect_side(b->p[APP_CLIENT], b->n[APP_CLIENT], CLIENT_HELLO);
	enum detected s = detect_side(b->p[APP_SERVER], b->n[APP_SERVER], SERVER_HELLO);
	if (c == DETECT_YES || s == DETECT_YES)
		return DETECT_YES;
	return c == DETECT_NO || s == DETECT_NO ? DETECT_NO : DETECT_MAYBE;
}

/* ---- hellos ---- */

/* Reads on; once something is missing all is empty and bad. */
struct reader {
	const uint8_t *p;
	size_t n;
	bool bad;
};

static struct reader take(struct reader *r, size_t n)
{
	if (r->bad || n > r->n) {
		r->bad = true;
		return (struct reader){ .bad = true };
	}
	struct reader out = { r->p, n, false };
	r->p += n;
	r->n -= n;
	return out;
}

static unsigned number(struct reader *r, unsigned octets)
{
	struct reader at = take(r, octets);
	unsigned v = 0;
	for (size_t i = 0; i < at.n; i++)
		v = v << 8 | at.p[i];
	return v;
}

/* RFC 8701: 0x0a0a, 0x1a1a, ... say nothing. */
static bool is_grease(unsigned v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

/* "4865-4866", numbers of `octets` bytes each. */
static void put_list(struct buf *out, struct reader list, unsigned octets)
{
	bool any = false;
	while (!list.bad && list.n >= octets) {
		unsigned v = number(&list, octets);
		if (octets == 2 && is_grease(v))
			continue;
		buf_fmt(out, any ? "-%u" : "%u", v);
		any = true;
	}
}

static void read_sni(struct tls_tx *t, struct reader r)
{
	struct reader list = take(&r, number(&r, 2));
	while (!list.bad && list.n) {
		unsigned kind = number(&list, 1);
		struct reader name = take(&list, number(&list, 2));
		if (kind == 0 && !name.bad && !t->sni.n)
			app_keep(t->tx.app, &t->sni, name.p, name.n);
	}
}

static void read_versions(struct tls_side *s, enum app_side side, struct reader r)
{
	struct reader list = side == APP_CLIENT ? take(&r, number(&r, 1)) : r;
	while (!list.bad && list.n >= 2) {
		unsigned v = number(&list, 2);
		if (!is_grease(v) && v > s->version)
			s->version = (uint16_t)v;
	}
}

struct extensions {
	struct buf names; /* "0-11-10" */
	struct reader groups, points;
};

static void read_extensions(struct tls_tx *t, enum app_side side, struct reader list,
                            struct extensions *x)
{
	unsigned snis = 0;
	while (!list.bad && list.n) {
		unsigned kind = number(&list, 2);
		struct reader e = take(&list, number(&list, 2));
		if (e.bad)
			break;
		if (!is_grease(kind))
			buf_fmt(&x->names, x->names.n ? "-%u" : "%u", kind);
		if (kind == EXT_SNI && side == APP_CLIENT) {
			if (snis++)
				app_tell(t->tx.app, &t->tx, side, APP_EVENT_TLS_SNIS);
			read_sni(t, e);
		} else if (kind == EXT_GROUPS) {
			x->groups = take(&e, number(&e, 2));
		} else if (kind == EXT_POINTS) {
			x->points = take(&e, number(&e, 1));
		} else if (kind == EXT_VERSIONS) {
			read_versions(&t->side[side], side, e);
		}
	}
}

static void name_version(struct tls_side *s)
{
	if (s->version >= 0x0301 && s->version <= 0x0304)
		snprintf(s->version_text, sizeof(s->version_text), "1.%d", s->version - 0x0301);
	else if (s->version == 0x0300)
		snprintf(s->version_text, sizeof(s->version_text), "SSLv3");
	else
		snprintf(s->version_text, sizeof(s->version_text), "0x%04x", s->version);
}

static void keep_ja3(struct tls_tx *t, enum app_side side, const struct buf *text)
{
	struct tls_side *s = &t->side[side];
	struct md5_ctx md5;
	uint8_t digest[MD5_DIGEST_SIZE];
	if (!app_keep(t->tx.app, &s->ja3, text->p, text->n))
		return;
	md5_init(&md5);
	md5_update(&md5, text->n, (const uint8_t *)text->p);
	md5_digest(&md5, sizeof(digest), digest);
	hex_lower(s->ja3_hash, digest, sizeof(digest));
}

/* false: the message cannot be read. */
static bool read_hello(struct tls_tx *t, enum app_side side, struct reader r)
{
	struct tls_side *s = &t->side[side];
	struct buf text = { .max = 1 << 18 };
	struct extensions x = { .names = { .max = 1 << 18 } };
	unsigned version = number(&r, 2);
	struct reader random = take(&r, RANDOM_LEN), ciphers;
	take(&r, number(&r, 1)); /* the session */
	if (side == APP_CLIENT) {
		ciphers = take(&r, number(&r, 2));
		take(&r, number(&r, 1)); /* compression */
	} else {
		ciphers = take(&r, 2);
		take(&r, 1);
	}
	if (r.bad || !random.p)
		return false;
	s->hello = true;
	s->version = (uint16_t)version;
	memcpy(s->random, random.p, RANDOM_LEN);
	if (r.n)
		read_extensions(t, side, take(&r, number(&r, 2)), &x);
	buf_fmt(&text, "%u,", version);
	put_list(&text, ciphers, 2);
	buf_char(&text, ',');
	buf_str(&text, buf_view(&x.names));
	if (side == APP_CLIENT) {
		buf_char(&text, ',');
		put_list(&text, x.groups, 2);
		buf_char(&text, ',');
		put_list(&text, x.points, 1);
	}
	keep_ja3(t, side, &text);
	name_version(s);
	buf_done(&text);
	buf_done(&x.names);
	return true;
}

/* ---- certificates ---- */

static void read_first(struct tls_tx *t)
{
	struct app *a = t->tx.app;
	const uint8_t *der = (const uint8_t *)t->chain.p + t->certs[0].at;
	size_t n = t->certs[0].n, before = t->subject.cap + t->issuer.cap + t->serial.cap;
	struct sha1_ctx sha1;
	uint8_t digest[SHA1_DIGEST_SIZE];
	t->cert_read = true;
	if (certificate_read(der, n, &t->subject, &t->issuer, &t->serial) < 0)
		app_tell(a, &t->tx, APP_SERVER, APP_EVENT_TLS_CERTIFICATE);
	a->memory += t->subject.cap + t->issuer.cap + t->serial.cap - before;
	sha1_init(&sha1);
	sha1_update(&sha1, n, der);
	sha1_digest(&sha1, sizeof(digest), digest);
	for (unsigned i = 0; i < SHA1_DIGEST_SIZE; i++)
		snprintf(t->fingerprint + 3 * (size_t)i, sizeof(t->fingerprint) - 3 * (size_t)i,
		         i + 1 < SHA1_DIGEST_SIZE ? "%02x:" : "%02x", digest[i]);
}

static bool read_certificates(struct tls_tx *t, struct reader r)
{
	struct reader list = take(&r, number(&r, 3));
	if (list.bad || t->ncerts || !app_keep(t->tx.app, &t->chain, list.p, list.n))
		return !list.bad;
	struct reader at = list;
	while (at.n && t->ncerts < CERTIFICATES_MAX) {
		struct reader one = take(&at, number(&at, 3));
		if (one.bad)
			return false;
		t->certs[t->ncerts].at = (uint32_t)(one.p - list.p);
		t->certs[t->ncerts++].n = (uint32_t)one.n;
	}
	if (t->ncerts)
		read_first(t);
	return true;
}

/* ---- messages out of records ---- */

static void progress(struct tls *s, enum app_side side, enum app_stage stage)
{
	if (s->tx && s->tx->tx.stage[side] < stage)
		app_progress(&s->tx->tx, side, stage);
}

static void end_message(struct tls *s, enum app_side side)
{
	struct tls_half *me = &s->half[side];
	struct reader r = { (const uint8_t *)me->body.p, me->body.n, false };
	uint8_t kind = me->message[0];
	bool fine = true, hello = s->tx && s->tx->side[side].hello;
	me->nmessage = 0;
	if (!s->tx)
		return;
	if (kind == (side == APP_CLIENT ? CLIENT_HELLO : SERVER_HELLO) && !hello) {
		fine = read_hello(s->tx, side, r);
		if (fine)
			progress(s, side, side == APP_CLIENT ? STAGE_HEADERS : STAGE_LINE);
	} else if (kind == CERTIFICATE && side == APP_SERVER) {
		fine = read_certificates(s->tx, r);
		progress(s, side, STAGE_HEADERS);
	}
	if (!fine && s->tx)
		app_tell(s->app, &s->tx->tx, side, APP_EVENT_TLS_MESSAGE);
	buf_clear(&me->body);
}

static bool wanted(uint8_t kind)
{
	return kind == CLIENT_HELLO || kind == SERVER_HELLO || kind == CERTIFICATE;
}

static void side_over(struct tls *s, enum app_side side)
{
	struct tls_half *me = &s->half[side];
	if (me->over)
		return;
	me->over = true;
	if (s->tx && s->tx->side[side].hello)
		progress(s, side, STAGE_HEADERS);
	progress(s, side, STAGE_DONE);
	bool all =
		s->half[!side].over || (side == APP_CLIENT && app_limits_of(s->app)->client_only);
	if (!all)
		return;
	app_finish(s->app);
	if (s->tx)
		app_tx_end(s->app, &s->tx->tx);
}

static void give_up(struct tls *s, enum app_side side, enum app_event why)
{
	if (s->tx)
		app_tell(s->app, &s->tx->tx, side, why);
	side_over(s, side);
}

static void handshake(struct tls *s, enum app_side side, const uint8_t *p, size_t n)
{
	struct tls_half *me = &s->half[side];
	while (n && !me->over) {
		if (me->nmessage < MESSAGE_HEADER) {
			me->message[me->nmessage++] = *p++;
			n--;
			if (me->nmessage < MESSAGE_HEADER)
				continue;
			me->want = get24(me->message + 1);
			if (me->want > MESSAGE_MAX)
				give_up(s, side, APP_EVENT_TLS_MESSAGE);
			else if (!me->want)
				end_message(s, side);
			continue;
		}
		size_t used = n < me->want ? n : me->want;
		if (wanted(me->message[0]) && !app_keep(s->app, &me->body, p, used)) {
			give_up(s, side, APP_EVENT_APPLAYER_MEMORY);
			break;
		}
		p += used;
		n -= used;
		me->want -= used;
		if (!me->want)
			end_message(s, side);
	}
	app_skip(s->app, side, n);
}

/* ---- records ---- */

static void begin_record(struct tls *s, enum app_side side)
{
	struct tls_half *me = &s->half[side];
	const uint8_t *h = me->header;
	me->left = get16(h + 3);
	if (h[0] < RECORD_CCS || h[0] > RECORD_HEARTBEAT)
		give_up(s, side, APP_EVENT_TLS_RECORD_TYPE);
	else if (h[1] != 3)
		give_up(s, side, APP_EVENT_TLS_RECORD_VERSION);
	else if (me->left > RECORD_MAX)
		give_up(s, side, APP_EVENT_TLS_RECORD_LENGTH);
	else if (h[0] == RECORD_DATA)
		side_over(s, side);
}

static size_t take_header(struct tls *s, enum app_side side, const uint8_t *p, size_t n)
{
	struct tls_half *me = &s->half[side];
	size_t used = RECORD_HEADER - me->nheader < n ? RECORD_HEADER - me->nheader : n;
	memcpy(me->header + me->nheader, p, used);
	me->nheader += (unsigned)used;
	if (me->nheader == RECORD_HEADER)
		begin_record(s, side);
	return used;
}

static void end_record(struct tls *s, enum app_side side)
{
	struct tls_half *me = &s->half[side];
	me->nheader = 0;
	/* What follows is encrypted, but for a second hello after a retry (RFC 8446, D.4). */
	if (me->header[0] == RECORD_CCS)
		side_over(s, side);
}

static void data(void *state, enum app_side side, const uint8_t *p, size_t n)
{
	struct tls *s = state;
	struct tls_half *me = &s->half[side];
	while (n && !me->over && !s->app->stopped) {
		if (me->nheader < RECORD_HEADER) {
			size_t used = take_header(s, side, p, n);
			p += used;
			n -= used;
			if (me->nheader == RECORD_HEADER && !me->left && !me->over)
				end_record(s, side);
			continue;
		}
		size_t used = n < me->left ? n : me->left;
		if (me->header[0] == RECORD_HANDSHAKE)
			handshake(s, side, p, used);
		p += used;
		n -= used;
		me->left -= used;
		if (!me->left && !me->over)
			end_record(s, side);
	}
	app_skip(s->app, side, n);
}

static void gap(void *state, enum app_side side, uint64_t len)
{
	(void)len;
	side_over(state, side);
}

static void close_side(void *state, enum app_side side)
{
	side_over(state, side);
}

/* ---- the row ---- */

static void free_tx(struct app_tx *tx)
{
	struct tls_tx *t = (struct tls_tx *)tx;
	struct app *a = tx->app;
	struct tls *s = a->state;
	s->tx = NULL;
	app_forget(a, &t->side[0].ja3);
	app_forget(a, &t->side[1].ja3);
	app_forget(a, &t->sni);
	app_forget(a, &t->chain);
	app_forget(a, &t->subject);
	app_forget(a, &t->issuer);
	app_forget(a, &t->serial);
	app_refund(a, sizeof(*t));
	free(t);
}

static void *new (struct app *a)
{
	size_t size = sizeof(struct tls) + sizeof(struct tls_tx);
	if (!app_charge(a, size))
		return NULL;
	struct tls *s = calloc(1, sizeof(*s));
	struct tls_tx *t = calloc(1, sizeof(*t));
	if (!s || !t) {
		free(s);
		free(t);
		app_refund(a, size);
		return NULL;
	}
	s->app = a;
	s->tx = t;
	app_tx_begin(a, &t->tx);
	return s;
}

static void tls_free(void *state)
{
	struct tls *s = state;
	for (int i = 0; i < APP_SIDES; i++)
		app_forget(s->app, &s->half[i].body);
	app_refund(s->app, sizeof(*s));
	free(s);
}

static bool give(const struct buf *b, bool there, struct app_bytes *out)
{
	return there && app_bytes_of(out, b->p ? b->p : "", b->n);
}

static bool give_text(const char *text, struct app_bytes *out)
{
	return text[0] && app_bytes_of(out, text, strlen(text));
}

static bool buffer(struct app_tx *tx, enum app_buffer b, enum app_side side, unsigned index,
                   struct app_bytes *out)
{
	const struct tls_tx *t = (const struct tls_tx *)tx;
	const struct tls_side *s = &t->side[side];
	if (b == BUFFER_TLS_CERTS)
		return index < t->ncerts &&
		       app_bytes_of(out, t->chain.p + t->certs[index].at, t->certs[index].n);
	if (index)
		return false;
	if (b == BUFFER_TLS_SNI)
		return give(&t->sni, t->sni.n != 0, out);
	if (b == BUFFER_TLS_VERSION)
		return give_text(s->version_text, out);
	if (b == BUFFER_TLS_CERT_SUBJECT)
		return give(&t->subject, t->cert_read, out);
	if (b == BUFFER_TLS_CERT_ISSUER)
		return give(&t->issuer, t->cert_read, out);
	if (b == BUFFER_TLS_CERT_SERIAL)
		return give(&t->serial, t->cert_read, out);
	if (b == BUFFER_TLS_CERT_FINGERPRINT)
		return give_text(t->fingerprint, out);
	if (b == BUFFER_TLS_RANDOM)
		return s->hello && app_bytes_of(out, s->random, RANDOM_LEN);
	if (b == BUFFER_JA3_STRING || b == BUFFER_JA3S_STRING)
		return give(&s->ja3, s->ja3.n != 0, out);
	if (b == BUFFER_JA3_HASH || b == BUFFER_JA3S_HASH)
		return give_text(s->ja3_hash, out);
	return false;
}

static bool number_of(const struct app_tx *tx, enum app_number n, enum app_side side, uint64_t *out)
{
	const struct tls_tx *t = (const struct tls_tx *)tx;
	if (n != NUMBER_TLS_VERSION || !t->side[side].hello)
		return false;
	*out = t->side[side].version;
	return true;
}

const struct inspector inspector_tls = {
	.protocol = APP_TLS,
	.detect = detect,
	.new = new,
	.data = data,
	.gap = gap,
	.close = close_side,
	.free = tls_free,
	.buffer = buffer,
	.number = number_of,
	.free_tx = free_tx,
};
