#include "net/identity.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/rand.h"

enum { DAY_S = 24 * 60 * 60, SERIAL_LEN = 16, NAMES_MAX = 64 };

static gnutls_datum_t datum(struct str s)
{
	/* GnuTLS borrows what it is given but does not say const. */
	return (gnutls_datum_t){ (unsigned char *)(uintptr_t)s.p, (unsigned)s.n };
}

static int refuse(struct err *why, int code, const char *what, int rc)
{
	return err_set(why, code, "%s: %s", what, gnutls_strerror(rc));
}

static void crt_done(gnutls_x509_crt_t *c)
{
	if (*c)
		gnutls_x509_crt_deinit(*c);
}

static void crq_done(gnutls_x509_crq_t *c)
{
	if (*c)
		gnutls_x509_crq_deinit(*c);
}

static void key_done(gnutls_x509_privkey_t *k)
{
	if (*k)
		gnutls_x509_privkey_deinit(*k);
}

static void pubkey_done(gnutls_pubkey_t *k)
{
	if (*k)
		gnutls_pubkey_deinit(*k);
}

static void privkey_done(gnutls_privkey_t *k)
{
	if (*k)
		gnutls_privkey_deinit(*k);
}

static void datum_done(gnutls_datum_t *d)
{
	gnutls_free(d->data);
}

static int add_datum(struct buf *out, const gnutls_datum_t *d)
{
	buf_add(out, d->data, d->size);
	return buf_end(out);
}

/* ---- reading ---- */

static int read_cert(struct str pem, gnutls_x509_crt_t *out, struct err *why)
{
	gnutls_datum_t d = datum(pem);
	int rc = pem.n > PEM_MAX ? GNUTLS_E_ASN1_DER_OVERFLOW : gnutls_x509_crt_init(out);
	if (rc == 0)
		rc = gnutls_x509_crt_import(*out, &d, GNUTLS_X509_FMT_PEM);
	return rc < 0 ? refuse(why, -EBADMSG, "read the certificate", rc) : 0;
}

static int read_key(struct str pem, gnutls_x509_privkey_t *out, struct err *why)
{
	gnutls_datum_t d = datum(pem);
	int rc = pem.n > PEM_MAX ? GNUTLS_E_ASN1_DER_OVERFLOW : gnutls_x509_privkey_init(out);
	if (rc == 0)
		rc = gnutls_x509_privkey_import(*out, &d, GNUTLS_X509_FMT_PEM);
	return rc < 0 ? refuse(why, -EBADMSG, "read the key", rc) : 0;
}

static bool certifiable(unsigned algorithm, unsigned bits)
{
	static const struct {
		gnutls_pk_algorithm_t algorithm;
		unsigned min, max;
	} kinds[] = {
		{ GNUTLS_PK_ECDSA, 256, 521 },
		{ GNUTLS_PK_EDDSA_ED25519, 255, 256 },
		{ GNUTLS_PK_RSA, 2048, 8192 },
	};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].algorithm == algorithm && bits >= kinds[i].min && bits <= kinds[i].max)
			return true;
	return false;
}

static int read_csr(struct str pem, gnutls_x509_crq_t *out, struct err *why)
{
	gnutls_datum_t d = datum(pem);
	int rc = pem.n > PEM_MAX ? GNUTLS_E_ASN1_DER_OVERFLOW : gnutls_x509_crq_init(out);
	if (rc == 0)
		rc = gnutls_x509_crq_import(*out, &d, GNUTLS_X509_FMT_PEM);
	if (rc < 0)
		return refuse(why, -EBADMSG, "read the certificate request", rc);
	unsigned bits = 0;
	int algorithm = gnutls_x509_crq_get_pk_algorithm(*out, &bits);
	if (algorithm < 0 || !certifiable((unsigned)algorithm, bits))
		return err_set(
			why, -EPERM,
			"the certificate request has a key of a kind or size that is not certified");
	rc = gnutls_x509_crq_verify(*out, 0);
	return rc < 0 ? refuse(why, -EPERM, "the certificate request is not signed by its own key",
	                       rc)
	              : 0;
}

int csr_check(struct str csr, struct err *why)
{
	AUTO(crq_done) gnutls_x509_crq_t crq = NULL;
	return read_csr(csr, &crq, why);
}

/* ---- keys ---- */

int key_new(enum key_kind kind, struct buf *out, struct err *why)
{
	static const struct {
		gnutls_pk_algorithm_t algorithm;
		unsigned bits;
	} kinds[] = {
		[KEY_TLS] = { GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1) },
		[KEY_SIGNING] = { GNUTLS_PK_EDDSA_ED25519, 0 },
	};
	AUTO(key_done) gnutls_x509_privkey_t key = NULL;
	AUTO(datum_done) gnutls_datum_t pem = { 0 };
	int rc = gnutls_x509_privkey_init(&key);
	if (rc == 0)
		rc = gnutls_x509_privkey_generate(key, kinds[kind].algorithm, kinds[kind].bits, 0);
	if (rc == 0)
		rc = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL,
		                                       GNUTLS_PKCS_PLAIN, &pem);
	if (rc < 0)
		return refuse(why, -EIO, "make a key", rc);
	return add_datum(out, &pem);
}

int key_public(struct str key, uint8_t out[static PUBLIC_KEY_LEN], struct err *why)
{
	AUTO(key_done) gnutls_x509_privkey_t k = NULL;
	int rc = read_key(key, &k, why);
	if (rc < 0)
		return rc;
	gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
	AUTO(datum_done) gnutls_datum_t x = { 0 };
	rc = gnutls_x509_privkey_export_ecc_raw(k, &curve, &x, NULL, NULL);
	if (rc < 0 || curve != GNUTLS_ECC_CURVE_ED25519 || x.size != PUBLIC_KEY_LEN)
		return err_set(why, -EBADMSG, "the key is not an Ed25519 key");
	memcpy(out, x.data, PUBLIC_KEY_LEN);
	return 0;
}

int key_sign(struct str key, struct str bytes, uint8_t out[static SIGNATURE_LEN], struct err *why)
{
	AUTO(key_done) gnutls_x509_privkey_t k = NULL;
	int rc = read_key(key, &k, why);
	if (rc < 0)
		return rc;
	AUTO(privkey_done) gnutls_privkey_t p = NULL;
	AUTO(datum_done) gnutls_datum_t signature = { 0 };
	gnutls_datum_t d = datum(bytes);
	rc = gnutls_privkey_init(&p);
	if (rc == 0)
		rc = gnutls_privkey_import_x509(p, k, 0);
	if (rc == 0)
		rc = gnutls_privkey_sign_data2(p, GNUTLS_SIGN_EDDSA_ED25519, 0, &d, &signature);
	if (rc < 0)
		return refuse(why, -EIO, "sign", rc);
	if (signature.size != SIGNATURE_LEN)
		return err_set(why, -EIO, "sign: the signature has %u bytes", signature.size);
	memcpy(out, signature.data, SIGNATURE_LEN);
	return 0;
}

int signature_check(const uint8_t key[static PUBLIC_KEY_LEN], struct str bytes,
                    struct str signature)
{
	AUTO(pubkey_done) gnutls_pubkey_t p = NULL;
	gnutls_datum_t x = datum((struct str){ (const char *)key, PUBLIC_KEY_LEN });
	gnutls_datum_t d = datum(bytes), s = datum(signature);
	if (signature.n != SIGNATURE_LEN)
		return -EPERM;
	int rc = gnutls_pubkey_init(&p);
	if (rc == 0)
		rc = gnutls_pubkey_import_ecc_raw(p, GNUTLS_ECC_CURVE_ED25519, &x, NULL);
	if (rc == 0)
		rc = gnutls_pubkey_verify_data2(p, GNUTLS_SIGN_EDDSA_ED25519, 0, &d, &s);
	return rc < 0 ? -EPERM : 0;
}

int csr_new(struct str key, const char *cn, struct buf *out, struct err *why)
{
	AUTO(key_done) gnutls_x509_privkey_t k = NULL;
	AUTO(crq_done) gnutls_x509_crq_t crq = NULL;
	AUTO(privkey_done) gnutls_privkey_t p = NULL;
	AUTO(datum_done) gnutls_datum_t pem = { 0 };
	int rc = read_key(key, &k, why);
	if (rc < 0)
		return rc;
	rc = gnutls_x509_crq_init(&crq);
	if (rc == 0)
		rc = gnutls_x509_crq_set_version(crq, 1);
	if (rc == 0)
		rc = gnutls_x509_crq_set_key(crq, k);
	if (rc == 0)
		rc = gnutls_x509_crq_set_dn_by_oid(crq, GNUTLS_OID_X520_COMMON_NAME, 0, cn,
		                                   (unsigned)strlen(cn));
	if (rc == 0)
		rc = gnutls_privkey_init(&p);
	if (rc == 0)
		rc = gnutls_privkey_import_x509(p, k, 0);
	if (rc == 0)
		rc = gnutls_x509_crq_privkey_sign(crq, p, GNUTLS_DIG_SHA256, 0);
	if (rc == 0)
		rc = gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_PEM, &pem);
	if (rc < 0)
		return refuse(why, -EIO, "make a certificate request", rc);
	return add_datum(out, &pem);
}

/* ---- certificates ---- */

/* Version, serial number, times, name: what all certificates have. A name longer than X.520's 64
 * characters is cut; only the alternative names count for servers. */
static int begin(gnutls_x509_crt_t c, const char *cn, int days)
{
	uint8_t serial[SERIAL_LEN];
	rand_bytes(serial, sizeof(serial));
	serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, of full length (RFC 5280, 4.1.2.2) */
	time_t now = time(NULL);
	size_t n = strnlen(cn, 64);
	int rc = gnutls_x509_crt_set_version(c, 3);
	if (rc == 0)
		rc = gnutls_x509_crt_set_serial(c, serial, sizeof(serial));
	/* An hour (of a day that is over: a month) of slack for clocks that are slow. */
	if (rc == 0)
		rc = gnutls_x509_crt_set_activation_time(c, now - (days > 0 ? 3600 : 60 * DAY_S));
	if (rc == 0)
		rc = gnutls_x509_crt_set_expiration_time(c, now + (time_t)days * DAY_S);
	if (rc == 0)
		rc = gnutls_x509_crt_set_dn_by_oid(c, GNUTLS_OID_X520_COMMON_NAME, 0, cn,
		                                   (unsigned)n);
	return rc;
}

static int key_id(gnutls_x509_crt_t c)
{
	uint8_t id[64];
	size_t n = sizeof(id);
	int rc = gnutls_x509_crt_get_key_id(c, GNUTLS_KEYID_USE_SHA1, id, &n);
	return rc == 0 ? gnutls_x509_crt_set_subject_key_id(c, id, n) : rc;
}

static int export(gnutls_x509_crt_t c, struct buf *out)
{
	AUTO(datum_done) gnutls_datum_t pem = { 0 };
	int rc = gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &pem);
	return rc == 0 ? add_datum(out, &pem) : -EIO;
}

int cert_new_ca(struct str key, const char *cn, int days, struct buf *out, struct err *why)
{
	AUTO(key_done) gnutls_x509_privkey_t k = NULL;
	AUTO(crt_done) gnutls_x509_crt_t c = NULL;
	int rc = read_key(key, &k, why);
	if (rc < 0)
		return rc;
	rc = gnutls_x509_crt_init(&c);
	if (rc == 0)
		rc = begin(c, cn, days);
	if (rc == 0)
		rc = gnutls_x509_crt_set_key(c, k);
	if (rc == 0)
		rc = gnutls_x509_crt_set_basic_constraints(c, 1, 0);
	if (rc == 0)
		rc = gnutls_x509_crt_set_key_usage(c,
		                                   GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	if (rc == 0)
		rc = key_id(c);
	if (rc == 0)
		rc = gnutls_x509_crt_sign2(c, c, k, GNUTLS_DIG_SHA256, 0);
	return rc < 0 ? refuse(why, -EIO, "make the CA's certificate", rc) : export(c, out);
}

/* What the CA adds to every certificate of others, and its signature. */
static int finish(gnutls_x509_crt_t c, const struct issuer *ca, const char *purpose,
                  struct buf *out, struct err *why)
{
	AUTO(crt_done) gnutls_x509_crt_t issuer = NULL;
	AUTO(key_done) gnutls_x509_privkey_t k = NULL;
	uint8_t id[64];
	size_t n = sizeof(id);
	int rc = read_cert(ca->cert, &issuer, why);
	if (rc == 0)
		rc = read_key(ca->key, &k, why);
	if (rc < 0)
		return rc;
	rc = gnutls_x509_crt_set_basic_constraints(c, 0, -1);
	if (rc == 0)
		rc = gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (rc == 0)
		rc = gnutls_x509_crt_set_key_purpose_oid(c, purpose, 0);
	if (rc == 0)
		rc = key_id(c);
	if (rc == 0)
		rc = gnutls_x509_crt_get_subject_key_id(issuer, id, &n, NULL);
	if (rc == 0)
		rc = gnutls_x509_crt_set_authority_key_id(c, id, n);
	if (rc == 0)
		rc = gnutls_x509_crt_sign2(c, issuer, k, GNUTLS_DIG_SHA256, 0);
	return rc < 0 ? refuse(why, -EIO, "sign the certificate", rc) : export(c, out);
}

static int add_name(gnutls_x509_crt_t c, const char *name)
{
	uint8_t ip[16];
	if (inet_pton(AF_INET, name, ip) == 1)
		return gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_IPADDRESS, ip, 4,
		                                            GNUTLS_FSAN_APPEND);
	if (inet_pton(AF_INET6, name, ip) == 1)
		return gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_IPADDRESS, ip, 16,
		                                            GNUTLS_FSAN_APPEND);
	return gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME, name,
	                                            (unsigned)strlen(name), GNUTLS_FSAN_APPEND);
}

int cert_new_server(const struct issuer *ca, struct str key, const char *const *names, unsigned n,
                    int days, struct buf *out, struct err *why)
{
	AUTO(key_done) gnutls_x509_privkey_t k = NULL;
	AUTO(crt_done) gnutls_x509_crt_t c = NULL;
	if (n == 0 || n > NAMES_MAX)
		return err_set(why, -EINVAL, "a server certificate has 1 to %d names", NAMES_MAX);
	int rc = read_key(key, &k, why);
	if (rc < 0)
		return rc;
	rc = gnutls_x509_crt_init(&c);
	if (rc == 0)
		rc = begin(c, names[0], days);
	if (rc == 0)
		rc = gnutls_x509_crt_set_key(c, k);
	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = add_name(c, names[i]);
	if (rc < 0)
		return refuse(why, -EIO, "make a server certificate", rc);
	return finish(c, ca, GNUTLS_KP_TLS_WWW_SERVER, out, why);
}

static int take_public_key(gnutls_x509_crt_t c, gnutls_x509_crq_t crq)
{
	AUTO(pubkey_done) gnutls_pubkey_t p = NULL;
	int rc = gnutls_pubkey_init(&p);
	if (rc == 0)
		rc = gnutls_pubkey_import_x509_crq(p, crq, 0);
	return rc == 0 ? gnutls_x509_crt_set_pubkey(c, p) : rc;
}

int cert_new_client(const struct issuer *ca, struct str csr, const char *cn, int days,
                    struct buf *out, struct err *why)
{
	AUTO(crq_done) gnutls_x509_crq_t crq = NULL;
	AUTO(crt_done) gnutls_x509_crt_t c = NULL;
	int rc = read_csr(csr, &crq, why);
	if (rc < 0)
		return rc;
	rc = gnutls_x509_crt_init(&c);
	if (rc == 0)
		rc = begin(c, cn, days);
	if (rc == 0)
		rc = take_public_key(c, crq);
	if (rc < 0)
		return refuse(why, -EIO, "make a client certificate", rc);
	return finish(c, ca, GNUTLS_KP_TLS_WWW_CLIENT, out, why);
}

static int facts_of(gnutls_x509_crt_t c, struct cert_facts *out, struct err *why)
{
	uint8_t hash[32];
	size_t n = sizeof(hash);
	int rc = gnutls_x509_crt_get_fingerprint(c, GNUTLS_DIG_SHA256, hash, &n);
	time_t from = gnutls_x509_crt_get_activation_time(c);
	time_t until = gnutls_x509_crt_get_expiration_time(c);
	if (rc < 0 || from < 0 || until < 0)
		return refuse(why, -EBADMSG, "read the certificate",
		              rc < 0 ? rc : GNUTLS_E_ASN1_VALUE_NOT_VALID);
	struct cert_facts f = { .from_ms = (uint64_t)from * 1000,
		                .until_ms = (uint64_t)until * 1000 };
	hex_upper(f.fingerprint, hash, sizeof(hash));
	size_t room = sizeof(f.cn);
	if (gnutls_x509_crt_get_dn_by_oid(c, GNUTLS_OID_X520_COMMON_NAME, 0, 0, f.cn, &room) < 0 ||
	    strlen(f.cn) != room)
		f.cn[0] = '\0'; /* none, too long, or with a NUL inside */
	f.ca = gnutls_x509_crt_get_ca_status(c, NULL) == 1;
	*out = f;
	return 0;
}

int cert_facts(struct str cert, struct cert_facts *out, struct err *why)
{
	AUTO(crt_done) gnutls_x509_crt_t c = NULL;
	int rc = read_cert(cert, &c, why);
	return rc < 0 ? rc : facts_of(c, out, why);
}

int cert_facts_der(struct str cert, struct cert_facts *out, struct err *why)
{
	AUTO(crt_done) gnutls_x509_crt_t c = NULL;
	gnutls_datum_t d = datum(cert);
	int rc = gnutls_x509_crt_init(&c);
	if (rc == 0)
		rc = gnutls_x509_crt_import(c, &d, GNUTLS_X509_FMT_DER);
	return rc < 0 ? refuse(why, -EBADMSG, "read the certificate", rc) : facts_of(c, out, why);
}

int cert_matches(struct str cert, struct str key, struct err *why)
{
	AUTO(crt_done) gnutls_x509_crt_t c = NULL;
	AUTO(key_done) gnutls_x509_privkey_t k = NULL;
	uint8_t a[32], b[32];
	size_t na = sizeof(a), nb = sizeof(b);
	int rc = read_cert(cert, &c, why);
	if (rc == 0)
		rc = read_key(key, &k, why);
	if (rc < 0)
		return rc;
	if (gnutls_x509_crt_get_key_id(c, GNUTLS_KEYID_USE_SHA256, a, &na) < 0 ||
	    gnutls_x509_privkey_get_key_id(k, GNUTLS_KEYID_USE_SHA256, b, &nb) < 0 || na != nb ||
	    memcmp(a, b, na) != 0)
		return err_set(why, -EPERM, "certificate and key do not belong together");
	return 0;
}

int cert_check(struct str cert, struct str ca, struct err *why)
{
	AUTO(crt_done) gnutls_x509_crt_t c = NULL;
	AUTO(crt_done) gnutls_x509_crt_t issuer = NULL;
	AUTO(datum_done) gnutls_datum_t text = { 0 };
	unsigned status = 0;
	int rc = read_cert(cert, &c, why);
	if (rc == 0)
		rc = read_cert(ca, &issuer, why);
	if (rc < 0)
		return rc;
	rc = gnutls_x509_crt_list_verify(&c, 1, &issuer, 1, NULL, 0, 0, &status);
	if (rc < 0)
		return refuse(why, -EPERM, "check the certificate", rc);
	if (status == 0)
		return 0;
	gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
	return err_set(why, -EPERM, "%s", text.data ? (const char *)text.data : "not trusted");
}
