#include "engine/app/body.h"

#include <brotli/decode.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "engine/app/inspect.h"

enum { CHUNK = 8192, MAGIC = 2 };

struct inflater {
	enum coding coding;
	bool begun, plain, ended, failed;
	uint8_t magic[MAGIC]; /* the first bytes, which say what it really is */
	unsigned nmagic;
	z_stream z;
	BrotliDecoderState *brotli; /* owned */
};

/* What zlib takes for a stream, about (zconf.h). */
enum { INFLATE_MEMORY = 44 << 10 };

/* Brotli's memory depends on what it reads (RFC 7932, 9.1): it counts as the connection's. */
enum { BROTLI_BEFORE = 16 };

static void *brotli_take(void *app, size_t n)
{
	size_t all = n + BROTLI_BEFORE, *p = NULL;
	if (all < n || !app_charge(app, all))
		return NULL;
	p = malloc(all);
	if (!p) {
		app_refund(app, all);
		return NULL;
	}
	*p = all;
	return (uint8_t *)p + BROTLI_BEFORE;
}

static void brotli_give(void *app, void *memory)
{
	if (!memory)
		return;
	size_t *p = (size_t *)(void *)((uint8_t *)memory - BROTLI_BEFORE);
	app_refund(app, *p);
	free(p);
}

static struct inflater *inflater_new(struct app *a, enum coding coding)
{
	if (!app_charge(a, INFLATE_MEMORY))
		return NULL;
	struct inflater *f = calloc(1, sizeof(*f));
	if (!f) {
		app_refund(a, INFLATE_MEMORY);
		return NULL;
	}
	f->coding = coding;
	if (coding == CODING_BROTLI) {
		f->brotli = BrotliDecoderCreateInstance(brotli_take, brotli_give, a);
		f->begun = f->brotli != NULL;
		f->plain = !f->begun;
	}
	return f;
}

static void inflater_free(struct app *a, struct inflater *f)
{
	if (!f)
		return;
	if (f->brotli)
		BrotliDecoderDestroyInstance(f->brotli);
	else if (f->begun)
		inflateEnd(&f->z);
	free(f);
	app_refund(a, INFLATE_MEMORY);
}

/* ---- the window ---- */

/* Where the window begins when n bytes came: a function of n alone, whatever the pieces were. */
static uint64_t window_from(uint64_t n, size_t window)
{
	size_t half = window / 2;
	return n <= window ? 0 : (n - 1) / half * half - half;
}

static void show_step(struct app_tx *tx, enum app_side side, struct body *b, const uint8_t *data,
                      size_t len)
{
	struct app *a = tx->app;
	uint64_t from = window_from(b->total + len, a->limits->window);
	if (from > b->offset) {
		uint64_t drop = from - b->offset;
		buf_drop(&b->held, drop < b->held.n ? (size_t)drop : b->held.n);
		b->offset = from;
	}
	if (!app_keep(a, &b->held, data, len)) {
		b->stopped = true;
		app_skip(a, side, len);
		return;
	}
	b->total += len;
	app_progress(tx, side, STAGE_BODY);
}

/* No step goes over an edge of the windows' grid, so all that any cutting shows is shown by all. */
static void show(struct app_tx *tx, enum app_side side, struct body *b, const uint8_t *data,
                 size_t len)
{
	struct app *a = tx->app;
	size_t half = a->limits->window / 2, max = a->limits->body[side];
	while (len && !b->stopped && !a->stopped) {
		size_t step = half - (size_t)(b->total % half);
		if (max && b->total >= max) {
			b->stopped = true;
			break;
		}
		if (max && step > max - b->total)
			step = (size_t)(max - b->total);
		step = step < len ? step : len;
		show_step(tx, side, b, data, step);
		data += step;
		len -= step;
	}
	if (len)
		app_skip(a, side, len);
}

/* ---- layers of encoding ---- */

/* One step of a body through its layers. */
struct step {
	struct app_tx *tx;
	enum app_side side;
	struct body *b;
};

static void through(const struct step *s, unsigned layer, const uint8_t *data, size_t len);

static void stop(const struct step *s, enum app_event why)
{
	if (!s->b->stopped)
		app_tell(s->tx->app, s->tx, s->side, why);
	s->b->stopped = true;
}

/* What its first bytes say: servers believe those, or do not decode at all. */
static int window_bits(struct inflater *f)
{
	unsigned first = (unsigned)f->magic[0] << 8 | f->magic[1];
	if (f->nmagic < MAGIC)
		return 0;
	if (first == 0x1f8b)
		return 15 + 16;
	if ((f->magic[0] & 15) == 8 && first % 31 == 0)
		return 15;
	return f->coding == CODING_DEFLATE ? -15 : 0;
}

static bool begin(const struct step *s, struct inflater *f)
{
	int bits = window_bits(f);
	f->begun = bits && inflateInit2(&f->z, bits) == Z_OK;
	f->plain = !f->begun;
	if (f->plain)
		app_tell(s->tx->app, s->tx, s->side, APP_EVENT_HTTP_CE);
	return f->begun;
}

/* How much may come out of one call, at most CHUNK; 0: no more at all, which is told. */
static size_t room_of(const struct step *s)
{
	uint64_t max = s->tx->app->limits->decompress, room = CHUNK;
	if (max && max - s->b->inflated < room)
		room = max - s->b->inflated;
	if (!room)
		stop(s, APP_EVENT_HTTP_BOMB);
	return (size_t)room;
}

static void brotli_all(const struct step *s, unsigned layer, struct inflater *f,
                       const uint8_t *data, size_t len)
{
	BrotliDecoderResult rc = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
	while (rc == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT && !s->b->stopped && !f->ended) {
		uint8_t out[CHUNK], *to = out;
		size_t room = room_of(s), left = room;
		if (!room)
			return;
		rc = BrotliDecoderDecompressStream(f->brotli, &len, &data, &left, &to, NULL);
		s->b->inflated += room - left;
		through(s, layer + 1, out, room - left);
	}
	f->ended = f->ended || rc == BROTLI_DECODER_RESULT_SUCCESS;
	if (rc == BROTLI_DECODER_RESULT_ERROR) {
		stop(s, APP_EVENT_HTTP_INFLATE);
		f->failed = true;
	}
}

/* One call of inflate; false: this input gives no more. */
static bool inflate_some(const struct step *s, unsigned layer, struct inflater *f)
{
	uint8_t out[CHUNK];
	size_t room = room_of(s);
	if (!room)
		return false;
	f->z.next_out = out;
	f->z.avail_out = (uInt)room;
	int rc = inflate(&f->z, Z_NO_FLUSH);
	size_t made = room - f->z.avail_out;
	s->b->inflated += made;
	through(s, layer + 1, out, made);
	if (made)
		f->ended = false;
	if (rc == Z_STREAM_END) { /* another member may follow (RFC 1952, 2.2) */
		f->ended = inflateReset(&f->z) == Z_OK;
		return f->ended && f->z.avail_in;
	}
	if (rc != Z_OK && rc != Z_BUF_ERROR) {
		if (!f->ended) /* what is behind the last member is no matter */
			stop(s, APP_EVENT_HTTP_INFLATE);
		f->failed = true;
		return false;
	}
	return rc == Z_OK && (f->z.avail_in || f->z.avail_out == 0) && !s->b->stopped;
}

static void inflate_all(const struct step *s, unsigned layer, struct inflater *f,
                        const uint8_t *data, size_t len)
{
	union { /* zlib's input is not const */
		const uint8_t *in;
		uint8_t *out;
	} same = { .in = data };
	f->z.next_in = same.out;
	f->z.avail_in = (uInt)len;
	while (inflate_some(s, layer, f))
		;
}

static void take_layer(const struct step *s, unsigned layer, const uint8_t *data, size_t len)
{
	struct inflater *f = s->b->layers[layer];
	while (!f->begun && !f->plain && len && f->nmagic < MAGIC) {
		f->magic[f->nmagic++] = *data++;
		len--;
		if (f->nmagic < MAGIC)
			continue;
		if (begin(s, f))
			inflate_all(s, layer, f, f->magic, MAGIC);
		else
			through(s, layer + 1, f->magic, MAGIC);
	}
	if (!len || s->b->stopped || f->failed)
		return;
	if (f->plain)
		through(s, layer + 1, data, len);
	else if (f->brotli)
		brotli_all(s, layer, f, data, len);
	else
		inflate_all(s, layer, f, data, len);
}

/* As deep as there are layers, at most BODY_LAYERS. */
static void through(const struct step *s, unsigned layer, const uint8_t *data, size_t len)
{
	if (!len || s->b->stopped)
		return;
	if (layer < s->b->nlayers)
		take_layer(s, layer, data, len);
	else
		show(s->tx, s->side, s->b, data, len);
}

/* ---- the face ---- */

void body_begin(struct app_tx *tx, enum app_side side, struct body *b, const enum coding *codings,
                unsigned n)
{
	struct app *a = tx->app;
	unsigned max = a->limits->layers < BODY_LAYERS ? a->limits->layers : BODY_LAYERS;
	if (n > max) {
		app_tell(a, tx, side, APP_EVENT_HTTP_LAYERS);
		b->stopped = true;
		n = 0;
	}
	for (unsigned i = 0; i < n; i++) {
		b->layers[i] = inflater_new(a, codings[i]);
		if (!b->layers[i]) {
			app_tell(a, tx, side, APP_EVENT_APPLAYER_MEMORY);
			b->stopped = true;
			return;
		}
		b->nlayers++;
	}
}

void body_data(struct app_tx *tx, enum app_side side, struct body *b, const uint8_t *data,
               size_t len)
{
	struct step s = { tx, side, b };
	b->any = true;
	if (b->stopped)
		app_skip(tx->app, side, len);
	else
		through(&s, 0, data, len);
}

void body_gap(struct app_tx *tx, enum app_side side, struct body *b, uint64_t len)
{
	(void)side;
	if (b->nlayers)
		b->stopped = true;
	b->total += len;
	b->offset = b->total;
	buf_clear(&b->held);
	(void)tx;
}

/* A compressed body that was too short to say what it is. */
static void flush(const struct step *s)
{
	for (unsigned i = 0; i < s->b->nlayers; i++) {
		struct inflater *f = s->b->layers[i];
		if (!f->begun && !f->plain && f->nmagic) {
			f->plain = true;
			through(s, i + 1, f->magic, f->nmagic);
		} else if (f->begun && !f->ended && !f->failed && !s->b->stopped) {
			app_tell(s->tx->app, s->tx, s->side, APP_EVENT_HTTP_INFLATE_CUT);
		}
	}
}

void body_end(struct app_tx *tx, enum app_side side, struct body *b)
{
	struct step s = { tx, side, b };
	flush(&s);
	b->whole = true;
	for (unsigned i = 0; i < b->nlayers; i++)
		inflater_free(tx->app, b->layers[i]);
	b->nlayers = 0;
}

static void drop_layers(struct app *a, struct body *b)
{
	for (unsigned i = 0; i < b->nlayers; i++)
		inflater_free(a, b->layers[i]);
}

void body_clear(struct app *a, struct body *b)
{
	struct buf held = b->held;
	drop_layers(a, b);
	buf_clear(&held);
	*b = (struct body){ .held = held };
}

void body_done(struct app *a, struct body *b)
{
	drop_layers(a, b);
	app_forget(a, &b->held);
	*b = (struct body){ 0 };
}

bool body_bytes(const struct body *b, struct app_bytes *out)
{
	if (!b->any)
		return false;
	*out = (struct app_bytes){ .data = (const uint8_t *)b->held.p,
		                   .len = b->held.n,
		                   .whole = b->whole && !b->stopped,
		                   .offset = b->offset };
	return true;
}
