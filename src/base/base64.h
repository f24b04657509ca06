#pragma once
#include "base/buf.h"

/* RFC 4648 section 4, with padding. */
void base64_encode(struct buf *out, struct str bytes);
/* 0, or -EINVAL: not base64 (white space is not skipped). */
int base64_decode(struct buf *out, struct str s);
/* Hexadecimal: 2 * n characters and a NUL. */
void hex_lower(char *out, const void *bytes, size_t n);
void hex_upper(char *out, const void *bytes, size_t n);
