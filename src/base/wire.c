#include "base/wire.h"

#include <errno.h>
#include <string.h>

static void put(struct wr *w, uint64_t v, size_t n)
{
	if (w->bad || (size_t)(w->end - w->at) < n) {
		w->bad = true;
		return;
	}
	for (size_t i = 0; i < n; i++)
		*w->at++ = (uint8_t)(v >> (8 * i));
}

void wr_u8(struct wr *w, uint8_t v)
{
	put(w, v, 1);
}

void wr_u32(struct wr *w, uint32_t v)
{
	put(w, v, 4);
}

void wr_u64(struct wr *w, uint64_t v)
{
	put(w, v, 8);
}

void wr_str(struct wr *w, struct str s)
{
	if (s.n > UINT32_MAX) {
		w->bad = true;
		return;
	}
	wr_u32(w, (uint32_t)s.n);
	if (w->bad || (size_t)(w->end - w->at) < s.n) {
		w->bad = true;
		return;
	}
	if (s.n)
		memcpy(w->at, s.p, s.n);
	w->at += s.n;
}

size_t wr_len(const struct wr *w)
{
	return (size_t)(w->at - w->start);
}

int wr_end(const struct wr *w)
{
	return w->bad ? -EMSGSIZE : 0;
}

static uint64_t get(struct rd *r, size_t n)
{
	uint64_t v = 0;
	if (r->bad || (size_t)(r->end - r->at) < n) {
		r->bad = true;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)*r->at++ << (8 * i);
	return v;
}

uint8_t rd_u8(struct rd *r)
{
	return (uint8_t)get(r, 1);
}

uint32_t rd_u32(struct rd *r)
{
	return (uint32_t)get(r, 4);
}

uint64_t rd_u64(struct rd *r)
{
	return get(r, 8);
}

struct str rd_str(struct rd *r, size_t max)
{
	size_t n = rd_u32(r);
	if (r->bad || n > max || n > (size_t)(r->end - r->at)) {
		r->bad = true;
		return (struct str){ 0 };
	}
	struct str s = { (const char *)r->at, n };
	r->at += n;
	return s;
}

int rd_end(const struct rd *r)
{
	return r->bad || r->at != r->end ? -EBADMSG : 0;
}
