#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/*
 * Bytes that grow. Sticky: after the first failure (no memory, more than max) every later call does
 * nothing, and buf_end() says so once. Always NUL-terminated behind n when p is not NULL.
 * {0} is empty with no limit; set max to bound it.
 */
struct buf {
	char *p; /* owned */
	size_t n, cap, max;
	bool bad;
};

void buf_done(struct buf *b);
void buf_clear(struct buf *b); /* empty, memory kept */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_z(struct buf *b, const char *z);
void buf_char(struct buf *b, char c);
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vfmt(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Adds s as valid UTF-8: control characters, backslash and bytes that are not UTF-8 become \xNN. */
void buf_safe(struct buf *b, struct str s);

/* Room for n more bytes, to be filled by the caller who then adds to b->n; NULL when there is none.
 */
char *buf_room(struct buf *b, size_t n);
void buf_drop(struct buf *b, size_t n); /* without its first n bytes */
int buf_end(const struct buf *b);       /* 0, or -ENOMEM */
char *buf_take(struct buf *b);          /* the bytes, now the caller's; never NULL unless bad */

static inline struct str buf_view(const struct buf *b)
{
	return (struct str){ b->p, b->n };
}
