#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* One-time passwords by time: RFC 6238 over HMAC-SHA-1, steps of 30 seconds, six digits. */

enum { TOTP_STEP_S = 30, TOTP_KEY = 20, TOTP_DIGITS = 6 };

uint32_t totp_code(struct str key, uint64_t step); /* below 10 to the power TOTP_DIGITS */
/*
 * Is `code` right at that time, a step early or late? The step it belongs to, or 0. Steps up to
 * `last` were used before and are refused.
 */
uint64_t totp_fits(struct str key, struct str code, uint64_t now_ms, uint64_t last);
void base32_encode(struct buf *b, struct str bytes); /* RFC 4648 section 6, without padding */
int base32_decode(struct buf *b, struct str text);   /* 0, or -EINVAL */
