#include "manager/store/seal.h"

#include <errno.h>
#include <nettle/chacha-poly1305.h>
#include <nettle/hkdf.h>
#include <nettle/hmac.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"

enum { NONCE = CHACHA_POLY1305_NONCE_SIZE, TAG = CHACHA_POLY1305_DIGEST_SIZE };

static void derive(const struct hmac_sha256_ctx *prk, const char *purpose, uint8_t out[static 32])
{
	struct hmac_sha256_ctx c = *prk;
	hkdf_expand(&c, (nettle_hash_update_func *)hmac_sha256_update,
	            (nettle_hash_digest_func *)hmac_sha256_digest, SHA256_DIGEST_SIZE,
	            strlen(purpose), (const uint8_t *)purpose, 32, out);
	explicit_bzero(&c, sizeof(c));
}

void seal_init(struct seal *s, const uint8_t key[static SEAL_KEY])
{
	static const char salt[] = "yagura-manager secrets 1";
	struct hmac_sha256_ctx c;
	uint8_t prk[SHA256_DIGEST_SIZE];
	hmac_sha256_set_key(&c, sizeof(salt) - 1, (const uint8_t *)salt);
	hkdf_extract(&c, (nettle_hash_update_func *)hmac_sha256_update,
	             (nettle_hash_digest_func *)hmac_sha256_digest, SHA256_DIGEST_SIZE, SEAL_KEY,
	             key, prk);
	hmac_sha256_set_key(&c, sizeof(prk), prk);
	derive(&c, "cipher", s->cipher);
	derive(&c, "nonce", s->nonce);
	explicit_bzero(&c, sizeof(c));
	explicit_bzero(prk, sizeof(prk));
}

/* The length keeps a place and a secret apart. */
static void nonce_of(const struct seal *s, struct str about, struct str secret,
                     uint8_t out[static NONCE])
{
	struct hmac_sha256_ctx c;
	uint8_t n[8];
	for (unsigned i = 0; i < sizeof(n); i++)
		n[i] = (uint8_t)((uint64_t)about.n >> 8 * i);
	hmac_sha256_set_key(&c, sizeof(s->nonce), s->nonce);
	hmac_sha256_update(&c, sizeof(n), n);
	hmac_sha256_update(&c, about.n, (const uint8_t *)about.p);
	hmac_sha256_update(&c, secret.n, (const uint8_t *)secret.p);
	hmac_sha256_digest(&c, NONCE, out);
	explicit_bzero(&c, sizeof(c));
}

static void start(struct chacha_poly1305_ctx *c, const struct seal *s, struct str about,
                  const uint8_t nonce[static NONCE])
{
	chacha_poly1305_set_key(c, s->cipher);
	chacha_poly1305_set_nonce(c, nonce);
	chacha_poly1305_update(c, about.n, (const uint8_t *)about.p);
}

void seal_close(const struct seal *s, struct str about, struct str secret, struct buf *out)
{
	struct chacha_poly1305_ctx c;
	AUTO(buf_done) struct buf raw = { 0 };
	uint8_t *p = (uint8_t *)buf_room(&raw, NONCE + secret.n + TAG);
	if (!p) {
		out->bad = true;
		return;
	}
	nonce_of(s, about, secret, p);
	start(&c, s, about, p);
	chacha_poly1305_encrypt(&c, secret.n, p + NONCE, (const uint8_t *)secret.p);
	chacha_poly1305_digest(&c, TAG, p + NONCE + secret.n);
	explicit_bzero(&c, sizeof(c));
	raw.n = NONCE + secret.n + TAG;
	base64_encode(out, buf_view(&raw));
}

static bool same(const uint8_t *a, const uint8_t *b, size_t n)
{
	unsigned differ = 0;
	for (size_t i = 0; i < n; i++)
		differ |= (unsigned)(a[i] ^ b[i]);
	return differ == 0;
}

int seal_open(const struct seal *s, struct str about, struct str sealed, struct buf *out)
{
	struct chacha_poly1305_ctx c;
	AUTO(buf_done) struct buf raw = { 0 };
	uint8_t tag[TAG];
	if (base64_decode(&raw, sealed) < 0 || buf_end(&raw) < 0 || raw.n < NONCE + TAG)
		return -EBADMSG;
	const uint8_t *in = (const uint8_t *)raw.p;
	size_t n = raw.n - NONCE - TAG;
	char *p = buf_room(out, n);
	if (!p)
		return -ENOMEM;
	start(&c, s, about, in);
	chacha_poly1305_decrypt(&c, n, (uint8_t *)p, in + NONCE);
	chacha_poly1305_digest(&c, TAG, tag);
	explicit_bzero(&c, sizeof(c));
	if (!same(tag, in + NONCE + n, TAG)) {
		explicit_bzero(p, n);
		return -EBADMSG;
	}
	out->n += n;
	out->p[out->n] = '\0';
	return 0;
}
