#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * Signed tokens in their compact form (JWS, RFC 7515), as identity providers give them: RS256 and
 * ES256 (RFC 7518), with a key of a set (RFC 7517). Nothing else is taken, "none" least of all.
 */

/* The claims when the signature is right. 0, or -EBADMSG, -ENOKEY or -EKEYREJECTED with a sentence.
 */
int jwt_verify(struct str token, const json_t *keys, json_t **claims, struct err *why);

/* What an ID token must say (OpenID Connect Core 3.1.3.7). */
struct jwt_expected {
	const char *issuer, *client, *nonce;
	int64_t now_s;
};
int jwt_fits(const json_t *claims, const struct jwt_expected *e, struct err *why);

/* RFC 4648 section 5, without padding. */
void base64url_encode(struct buf *out, struct str bytes);
int base64url_decode(struct buf *out, struct str text);
