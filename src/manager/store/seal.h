#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/*
 * Secrets at rest: what the manager must be able to use again (passwords of servers, private keys,
 * second factors) stands in the database sealed with a key that is not in the database.
 *
 * ChaCha20-Poly1305 (RFC 8439) under a synthetic nonce: the first 96 bits of HMAC-SHA256 over what
 * the secret is about and the secret. So there is no nonce to be repeated by accident, the same
 * secret in the same place gives the same bytes (which lets equal policies be stored once), and the
 * same secret in two places does not. Both keys come from the key file's by HKDF (RFC 5869).
 */

enum { SEAL_KEY = 32 };

struct seal {
	uint8_t cipher[32], nonce[32];
};

void seal_init(struct seal *s, const uint8_t key[static SEAL_KEY]);
/* about: where the secret stands ("object/webhooks/3/authorization"); a sealed secret opens nowhere
 * else. Adds base64 to out. */
void seal_close(const struct seal *s, struct str about, struct str secret, struct buf *out);
/* The secret, byte for byte; -EBADMSG: of another key, of another place, or not whole. Adds nothing
 * then. */
int seal_open(const struct seal *s, struct str about, struct str sealed, struct buf *out);
