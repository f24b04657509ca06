#include "base/base64.h"

#include <errno.h>
#include <stdint.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	for (size_t i = 0; i < s.n; i += 3) {
		size_t n = s.n - i < 3 ? s.n - i : 3;
		uint32_t v = (uint32_t)p[i] << 16;
		if (n > 1)
			v |= (uint32_t)p[i + 1] << 8;
		if (n > 2)
			v |= p[i + 2];
		char four[4] = { letters[v >> 18], letters[v >> 12 & 63], '=', '=' };
		if (n > 1)
			four[2] = letters[v >> 6 & 63];
		if (n > 2)
			four[3] = letters[v & 63];
		buf_add(out, four, 4);
	}
}

static int value(char c)
{
	const char *at = c ? strchr(letters, c) : NULL;
	return at ? (int)(at - letters) : -1;
}

int base64_decode(struct buf *out, struct str s)
{
	if (s.n % 4)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i += 4) {
		bool last = i + 4 == s.n;
		size_t pad = last && s.p[i + 3] == '=' ? 1 + (s.p[i + 2] == '=') : 0;
		uint32_t v = 0;
		for (size_t k = 0; k < 4; k++) {
			int d = k >= 4 - pad ? 0 : value(s.p[i + k]);
			if (d < 0)
				return -EINVAL;
			v = v << 6 | (uint32_t)d;
		}
		/* One way to write each value: the unused bits are zero. */
		if (pad && (v & ((1u << (8 * pad)) - 1)))
			return -EINVAL;
		char three[3] = { (char)(v >> 16), (char)(v >> 8), (char)v };
		buf_add(out, three, 3 - pad);
	}
	return buf_end(out);
}

static void hex(char *out, const uint8_t *p, size_t n, const char *digits)
{
	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

void hex_lower(char *out, const void *bytes, size_t n)
{
	hex(out, bytes, n, "0123456789abcdef");
}

void hex_upper(char *out, const void *bytes, size_t n)
{
	hex(out, bytes, n, "0123456789ABCDEF");
}
