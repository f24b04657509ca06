#include "agent/sensor/log/positions.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/wire.h"

enum { FILES_MAX = 100000, SOURCES_MAX = 10000, PATH_BYTES = 8192, ENGINE_MAX = 64 << 20 };

static const uint32_t magic = 0x31504c59; /* "YLP1" */

static size_t room_of(const struct positions *p)
{
	size_t n = 64 + p->cursor.n + p->engine.n;
	for (size_t i = 0; i < p->nfiles; i++)
		n += p->files[i].path.n + STREAM_ID + BEFORE_MAX + 56;
	for (size_t i = 0; i < p->nsources; i++)
		n += p->sources[i].n + 4;
	return n;
}

static void put_file(struct wr *w, const struct position *f)
{
	wr_str(w, f->path);
	wr_u8(w, f->format);
	wr_u64(w, f->dev);
	wr_u64(w, f->ino);
	wr_str(w, (struct str){ (const char *)f->stream, STREAM_ID });
	wr_u64(w, f->done);
	wr_str(w, (struct str){ (const char *)f->before, f->before_n });
	wr_u8(w, (uint8_t)(f->skipping | f->finite << 1 | f->sought << 2 | f->away << 3));
	wr_u64(w, (uint64_t)f->since_ns);
}

void positions_write(struct buf *out, const struct positions *p)
{
	size_t n = room_of(p);
	char *room = buf_room(out, n);
	if (!room)
		return;
	struct wr w = wr_init(room, n);
	wr_u32(&w, magic);
	wr_u64(&w, (uint64_t)p->saved_ns);
	wr_u32(&w, (uint32_t)p->nsources);
	for (size_t i = 0; i < p->nsources; i++)
		wr_str(&w, p->sources[i]);
	wr_str(&w, p->cursor);
	wr_u32(&w, (uint32_t)p->nfiles);
	for (size_t i = 0; i < p->nfiles; i++)
		put_file(&w, &p->files[i]);
	wr_str(&w, p->engine);
	out->n += wr_len(&w);
}

static void take_file(struct rd *r, struct position *f)
{
	f->path = rd_str(r, PATH_BYTES);
	f->format = rd_u8(r);
	f->dev = rd_u64(r);
	f->ino = rd_u64(r);
	struct str stream = rd_str(r, STREAM_ID);
	f->done = rd_u64(r);
	struct str before = rd_str(r, BEFORE_MAX);
	uint8_t bits = rd_u8(r);
	f->since_ns = (int64_t)rd_u64(r);
	if (bits > 15)
		r->bad = true;
	if (stream.n != STREAM_ID || (f->done && before.n > f->done))
		r->bad = true;
	if (r->bad)
		return;
	memcpy(f->stream, stream.p, STREAM_ID);
	if (before.n)
		memcpy(f->before, before.p, before.n);
	f->before_n = (uint32_t)before.n;
	f->skipping = bits & 1;
	f->finite = bits & 2;
	f->sought = bits & 4;
	f->away = bits & 8;
}

/* So many of at least `least` bytes each, as can still be there. */
static size_t count(struct rd *r, size_t least, size_t max)
{
	size_t n = rd_u32(r);
	if (n > max || n > (size_t)(r->end - r->at) / least)
		r->bad = true;
	return r->bad ? 0 : n;
}

int positions_read(struct str text, struct arena *arena, struct positions *out)
{
	struct rd r = rd_init(text.p, text.n);
	struct positions p = { 0 };
	if (rd_u32(&r) != magic)
		return -EBADMSG;
	p.saved_ns = (int64_t)rd_u64(&r);
	p.nsources = count(&r, 4, SOURCES_MAX);
	p.sources = arena_array(arena, p.nsources + 1, sizeof(*p.sources));
	for (size_t i = 0; i < p.nsources; i++)
		p.sources[i] = rd_str(&r, PATH_BYTES);
	p.cursor = rd_str(&r, PATH_BYTES);
	p.nfiles = count(&r, 4 + STREAM_ID, FILES_MAX);
	p.files = arena_array(arena, p.nfiles + 1, sizeof(*p.files));
	for (size_t i = 0; i < p.nfiles && !r.bad; i++)
		take_file(&r, &p.files[i]);
	p.engine = rd_str(&r, ENGINE_MAX);
	int rc = rd_end(&r);
	if (rc == 0)
		*out = p;
	return rc;
}
