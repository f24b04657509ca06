#include "manager/oidc/jwt.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/json.h"

enum { TOKEN_MAX = 64 * 1024, SKEW_S = 60, RSA_BYTES_MIN = 256, ES256_HALF = 32 };

/* ---- base64url ---- */

/* The two letters that addresses give another meaning to. */
static void swap(struct buf *b, char from, char to)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->p[i] == from)
			b->p[i] = to;
}

void base64url_encode(struct buf *out, struct str bytes)
{
	AUTO(buf_done) struct buf b = { 0 };
	base64_encode(&b, bytes);
	swap(&b, '+', '-');
	swap(&b, '/', '_');
	for (size_t i = 0; i < b.n && b.p[i] != '='; i++)
		buf_char(out, b.p[i]);
}

int base64url_decode(struct buf *out, struct str text)
{
	AUTO(buf_done) struct buf b = { 0 };
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c == '+' || c == '/' || c == '=')
			return -EINVAL;
		buf_char(&b, c);
	}
	swap(&b, '-', '+');
	swap(&b, '_', '/');
	while (b.n % 4)
		buf_char(&b, '=');
	return base64_decode(out, buf_view(&b));
}

/* ---- keys ---- */

static int member(const json_t *key, const char *name, struct buf *out)
{
	const char *text = json_text(key, name, "");
	return *text ? base64url_decode(out, str_of(text)) : -EINVAL;
}

static gnutls_datum_t datum(const struct buf *b)
{
	return (gnutls_datum_t){ (unsigned char *)b->p, (unsigned)b->n };
}

static int import_rsa(const json_t *key, gnutls_pubkey_t out)
{
	AUTO(buf_done) struct buf n = { 0 }, e = { 0 };
	if (member(key, "n", &n) < 0 || member(key, "e", &e) < 0 || n.n < RSA_BYTES_MIN)
		return -EINVAL;
	const gnutls_datum_t modulus = datum(&n), exponent = datum(&e);
	return gnutls_pubkey_import_rsa_raw(out, &modulus, &exponent) < 0 ? -EINVAL : 0;
}

static int import_ec(const json_t *key, gnutls_pubkey_t out)
{
	AUTO(buf_done) struct buf x = { 0 }, y = { 0 };
	if (strcmp(json_text(key, "crv", ""), "P-256") != 0 || member(key, "x", &x) < 0 ||
	    member(key, "y", &y) < 0)
		return -EINVAL;
	const gnutls_datum_t a = datum(&x), b = datum(&y);
	return gnutls_pubkey_import_ecc_raw(out, GNUTLS_ECC_CURVE_SECP256R1, &a, &b) < 0 ? -EINVAL
	                                                                                 : 0;
}

static int check_rsa(gnutls_pubkey_t key, const gnutls_datum_t *text, const struct buf *signature)
{
	const gnutls_datum_t s = datum(signature);
	return gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_RSA_SHA256, 0, text, &s);
}

/* A JWS has the two numbers side by side, GnuTLS wants them in DER. */
static int check_ec(gnutls_pubkey_t key, const gnutls_datum_t *text, const struct buf *signature)
{
	gnutls_datum_t der = { 0 };
	if (signature->n != (size_t)2 * ES256_HALF)
		return -1;
	const gnutls_datum_t r = { (unsigned char *)signature->p, ES256_HALF },
			     s = { (unsigned char *)signature->p + ES256_HALF, ES256_HALF };
	int rc = gnutls_encode_rs_value(&der, &r, &s);
	if (rc >= 0)
		rc = gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_ECDSA_SHA256, 0, text, &der);
	gnutls_free(der.data);
	return rc;
}

static const struct algorithm {
	const char *name, *type; /* alg of the head, kty of the key */
	int (*import)(const json_t *key, gnutls_pubkey_t out);
	int (*check)(gnutls_pubkey_t key, const gnutls_datum_t *text, const struct buf *signature);
} algorithms[] = { { "RS256", "RSA", import_rsa, check_rsa },
	           { "ES256", "EC", import_ec, check_ec } };

static const struct algorithm *algorithm_of(const json_t *head)
{
	const char *name = json_text(head, "alg", "");
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	return NULL;
}

/* Could this key have signed it? A head without kid may fit any key of the kind. */
static bool key_fits(const json_t *key, const json_t *head, const struct algorithm *a)
{
	const char *kid = json_text(head, "kid", NULL);
	return strcmp(json_text(key, "kty", ""), a->type) == 0 &&
	       strcmp(json_text(key, "use", "sig"), "sig") == 0 &&
	       strcmp(json_text(key, "alg", a->name), a->name) == 0 &&
	       (!kid || strcmp(json_text(key, "kid", kid), kid) == 0);
}

static bool signed_by(const json_t *jwk, const struct algorithm *a, struct str text,
                      const struct buf *signature)
{
	gnutls_pubkey_t key = NULL;
	const gnutls_datum_t data = { (unsigned char *)(uintptr_t)text.p, (unsigned)text.n };
	if (gnutls_pubkey_init(&key) < 0)
		return false;
	bool good = a->import(jwk, key) == 0 && a->check(key, &data, signature) >= 0;
	gnutls_pubkey_deinit(key);
	return good;
}

/* ---- tokens ---- */

static json_t *part(struct str text)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_t *o = base64url_decode(&b, text) < 0 ? NULL : json_parse(buf_view(&b), NULL);
	if (json_is_object(o))
		return o;
	json_decref(o);
	return NULL;
}

int jwt_verify(struct str token, const json_t *keys, json_t **claims, struct err *why)
{
	struct str rest = token, first = str_cut(&rest, '.'), second = str_cut(&rest, '.');
	AUTO(buf_done) struct buf signature = { 0 };
	AUTO(json_decrefp) json_t *head = token.n <= TOKEN_MAX ? part(first) : NULL;
	AUTO(json_decrefp) json_t *body = head ? part(second) : NULL;
	bool tried = false;
	size_t i;
	json_t *key;
	if (!body || !rest.p || base64url_decode(&signature, rest) < 0)
		return err_set(why, -EBADMSG, "the token has not the form of one");
	const struct algorithm *a = algorithm_of(head);
	/* "crit" asks for what we do not know. */
	if (!a || json_object_get(head, "crit"))
		return err_set(why, -EBADMSG, "the token is signed in a way that is not taken");
	const struct str text = { token.p, first.n + 1 + second.n };
	json_array_foreach (json_object_get(keys, "keys"), i, key) {
		if (!key_fits(key, head, a))
			continue;
		tried = true;
		if (signed_by(key, a, text, &signature)) {
			*claims = TAKE(body);
			return 0;
		}
	}
	return tried ? err_set(why, -EKEYREJECTED, "the token's signature is not right")
	             : err_set(why, -ENOKEY, "the provider has no key for the token");
}

static bool is_for(const json_t *claims, const char *client)
{
	const json_t *aud = json_object_get(claims, "aud");
	size_t n = json_array_size(aud);
	if (json_is_string(aud))
		return strcmp(json_string_value(aud), client) == 0;
	bool there = false;
	for (size_t i = 0; i < n; i++) {
		const char *one = json_string_value(json_array_get(aud, i));
		there |= one && strcmp(one, client) == 0;
	}
	/* For several: the one that asked for it must be us. */
	return there && (n == 1 || strcmp(json_text(claims, "azp", ""), client) == 0);
}

int jwt_fits(const json_t *claims, const struct jwt_expected *e, struct err *why)
{
	if (strcmp(json_text(claims, "iss", ""), e->issuer) != 0)
		return err_set(why, -EKEYREJECTED, "the token is of another issuer");
	if (!is_for(claims, e->client))
		return err_set(why, -EKEYREJECTED, "the token is for somebody else");
	if (json_int(claims, "exp", 0) < e->now_s - SKEW_S)
		return err_set(why, -EKEYREJECTED, "the token has expired");
	if (json_int(claims, "iat", 0) > e->now_s + SKEW_S ||
	    json_int(claims, "nbf", 0) > e->now_s + SKEW_S)
		return err_set(why, -EKEYREJECTED, "the token is of the future");
	if (strcmp(json_text(claims, "nonce", ""), e->nonce) != 0)
		return err_set(why, -EKEYREJECTED, "the token answers another sign-in");
	return 0;
}
