#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST = 64 };

void buf_done(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->bad = false;
	if (b->p)
		b->p[0] = '\0';
}

static bool grow(struct buf *b, size_t n)
{
	size_t need = 0;
	if (b->bad || __builtin_add_overflow(b->n, n, &need) || need >= SIZE_MAX / 2 ||
	    (b->max && need > b->max)) {
		b->bad = true;
		return false;
	}
	if (need + 1 <= b->cap)
		return true;
	size_t cap = b->cap ? b->cap * 2 : BUF_FIRST;
	if (cap < need + 1)
		cap = need + 1;
	char *p = realloc(b->p, cap);
	if (!p) {
		b->bad = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

char *buf_room(struct buf *b, size_t n)
{
	return grow(b, n) ? b->p + b->n : NULL;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (!grow(b, n))
		return;
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void buf_str(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.n);
}

void buf_z(struct buf *b, const char *z)
{
	buf_str(b, str_of(z));
}

void buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_vfmt(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0 || !grow(b, (size_t)n)) {
		b->bad = true;
		return;
	}
	vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
	b->n += (size_t)n;
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
}

/* C0, DEL and C1 (U+0080 to U+009F, which terminals obey too) */
static bool control(struct str s)
{
	unsigned char c = (unsigned char)s.p[0];
	return c < 0x20 || c == 0x7f || (c == 0xc2 && s.n > 1 && (unsigned char)s.p[1] < 0xa0);
}

void buf_safe(struct buf *b, struct str s)
{
	while (s.n) {
		size_t n = str_utf8_len(s);
		unsigned char c = (unsigned char)s.p[0];
		if (n == 0 || control(s) || c == '\\') {
			buf_fmt(b, "\\x%02X", c);
			n = 1;
		} else {
			buf_add(b, s.p, n);
		}
		s = str_skip(s, n);
	}
}

void buf_drop(struct buf *b, size_t n)
{
	if (n > b->n)
		n = b->n;
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
	b->p[b->n] = '\0';
}

int buf_end(const struct buf *b)
{
	return b->bad ? -ENOMEM : 0;
}

char *buf_take(struct buf *b)
{
	if (b->bad || !grow(b, 0))
		return NULL;
	b->p[b->n] = '\0';
	char *p = b->p;
	*b = (struct buf){ 0 };
	return p;
}
