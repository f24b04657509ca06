#include "manager/api/totp.h"

#include <errno.h>
#include <nettle/hmac.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

uint32_t totp_code(struct str key, uint64_t step)
{
	struct hmac_sha1_ctx ctx;
	uint8_t counter[8], sum[SHA1_DIGEST_SIZE];
	for (unsigned i = 0; i < 8; i++)
		counter[i] = (uint8_t)(step >> (56 - 8 * i));
	hmac_sha1_set_key(&ctx, key.n, (const uint8_t *)key.p);
	hmac_sha1_update(&ctx, sizeof(counter), counter);
	hmac_sha1_digest(&ctx, sizeof(sum), sum);
	/* Dynamic truncation, RFC 4226 section 5.3. */
	const uint8_t *p = sum + (sum[SHA1_DIGEST_SIZE - 1] & 15);
	uint32_t n =
		(uint32_t)(p[0] & 127) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	return n % 1000000;
}

uint64_t totp_fits(struct str key, struct str code, uint64_t now_ms, uint64_t last)
{
	uint64_t given = 0, now = now_ms / 1000 / TOTP_STEP_S;
	if (code.n != TOTP_DIGITS || str_u64(code, 0, 999999, &given) < 0)
		return 0;
	for (uint64_t step = now - 1; step <= now + 1; step++)
		if (step > last && totp_code(key, step) == given)
			return step;
	return 0;
}

void base32_encode(struct buf *b, struct str bytes)
{
	uint32_t bits = 0;
	unsigned n = 0;
	for (size_t i = 0; i < bytes.n; i++) {
		bits = bits << 8 | (uint8_t)bytes.p[i];
		for (n += 8; n >= 5; n -= 5)
			buf_char(b, alphabet[bits >> (n - 5) & 31]);
	}
	if (n)
		buf_char(b, alphabet[bits << (5 - n) & 31]);
}

int base32_decode(struct buf *b, struct str text)
{
	uint32_t bits = 0;
	unsigned n = 0;
	for (size_t i = 0; i < text.n; i++) {
		const char *at = text.p[i] ? strchr(alphabet, text.p[i]) : NULL;
		if (!at)
			return -EINVAL;
		bits = bits << 5 | (uint32_t)(at - alphabet);
		n += 5;
		if (n >= 8) {
			n -= 8;
			buf_char(b, (char)(bits >> n & 255));
		}
	}
	return 0;
}
