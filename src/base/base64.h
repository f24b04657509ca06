#pragma once
#include "base/buf.h"

/* RFC 4648 section 4, with padding. */
void base64_encode(struct buf *out, struct str bytes);
/* 0, or -EINVAL: not base64 (white space is not skipped). */
int base64_decode(struct buf *out, struct str s);
/* Lower-case hexadecimal. */
void hex_encode(struct buf *out, struct str bytes);
