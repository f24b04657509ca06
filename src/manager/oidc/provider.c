#include "manager/oidc/provider.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/oidc/jwt.h"

enum { HALF = 32 };

static bool is_rsa(const struct provider *p)
{
	return strcmp(p->alg, "RS256") == 0;
}

void provider_init(struct provider *p, const char *alg, const char *kid)
{
	*p = (struct provider){ .alg = alg };
	snprintf(p->kid, sizeof(p->kid), "%s", kid);
	assert_int_equal(gnutls_privkey_init(&p->key), 0);
	unsigned bits = is_rsa(p) ? 2048 : GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
	assert_int_equal(gnutls_privkey_generate(
				 p->key, is_rsa(p) ? GNUTLS_PK_RSA : GNUTLS_PK_ECDSA, bits, 0),
	                 0);
}

void provider_done(struct provider *p)
{
	gnutls_privkey_deinit(p->key);
}

/* Without the zero that keeps it positive, and as long as the curve's numbers are. */
static struct str number(const gnutls_datum_t *d)
{
	struct str s = { (const char *)d->data, d->size };
	while (s.n > HALF && s.p[0] == '\0')
		s = str_skip(s, 1);
	return s;
}

static void set_number(json_t *o, const char *name, const gnutls_datum_t *d, size_t size)
{
	AUTO(buf_done) struct buf b = { 0 }, text = { 0 };
	struct str s = number(d);
	for (size_t i = s.n; i < size; i++)
		buf_char(&b, '\0');
	buf_str(&b, s);
	base64url_encode(&text, buf_view(&b));
	json_set_text(o, name, text.p);
}

json_t *provider_keys(const struct provider *p)
{
	gnutls_datum_t a = { 0 }, b = { 0 };
	gnutls_pubkey_t public = NULL;
	gnutls_ecc_curve_t curve;
	json_t *key = json_pack("{s:s,s:s,s:s}", "use", "sig", "alg", p->alg, "kid", p->kid);
	assert_int_equal(gnutls_pubkey_init(&public), 0);
	assert_int_equal(gnutls_pubkey_import_privkey(public, p->key, 0, 0), 0);
	if (is_rsa(p))
		assert_int_equal(gnutls_pubkey_export_rsa_raw(public, &a, &b), 0);
	else
		assert_int_equal(gnutls_pubkey_export_ecc_raw(public, &curve, &a, &b), 0);
	json_set_text(key, "kty", is_rsa(p) ? "RSA" : "EC");
	if (!is_rsa(p))
		json_set_text(key, "crv", "P-256");
	set_number(key, is_rsa(p) ? "n" : "x", &a, is_rsa(p) ? 0 : HALF);
	set_number(key, is_rsa(p) ? "e" : "y", &b, is_rsa(p) ? 0 : HALF);
	gnutls_free(a.data);
	gnutls_free(b.data);
	gnutls_pubkey_deinit(public);
	return json_pack("{s:[o]}", "keys", key);
}

static void add_raw(struct buf *out, const gnutls_datum_t *d)
{
	struct str s = number(d);
	for (size_t i = s.n; i < HALF; i++)
		buf_char(out, '\0');
	buf_str(out, s);
}

void provider_sign(const struct provider *p, const char *head, const json_t *claims,
                   struct buf *out)
{
	AUTO(buf_done) struct buf body = { 0 }, raw = { 0 };
	char usual[80];
	gnutls_datum_t signature = { 0 }, r = { 0 }, s = { 0 };
	snprintf(usual, sizeof(usual), "{\"alg\":\"%s\",\"kid\":\"%s\"}", p->alg, p->kid);
	json_write(&body, claims);
	base64url_encode(out, str_of(head ? head : usual));
	buf_char(out, '.');
	base64url_encode(out, buf_view(&body));
	const gnutls_datum_t text = { (unsigned char *)out->p, (unsigned)out->n };
	gnutls_sign_algorithm_t by = is_rsa(p) ? GNUTLS_SIGN_RSA_SHA256 : GNUTLS_SIGN_ECDSA_SHA256;
	assert_int_equal(gnutls_privkey_sign_data2(p->key, by, 0, &text, &signature), 0);
	if (is_rsa(p)) {
		buf_add(&raw, signature.data, signature.size);
	} else {
		assert_int_equal(gnutls_decode_rs_value(&signature, &r, &s), 0);
		add_raw(&raw, &r);
		add_raw(&raw, &s);
		gnutls_free(r.data);
		gnutls_free(s.data);
	}
	gnutls_free(signature.data);
	buf_char(out, '.');
	base64url_encode(out, buf_view(&raw));
}
