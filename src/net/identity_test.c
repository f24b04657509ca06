#include <errno.h>
#include <gnutls/x509.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/test.h"
#include "net/identity.h"

struct pki {
	struct buf ca_key, ca, key, csr, cert;
};

static struct issuer issuer(const struct pki *p)
{
	return (struct issuer){ buf_view(&p->ca), buf_view(&p->ca_key) };
}

static void pki_init(struct pki *p)
{
	struct err why = { { 0 } };
	*p = (struct pki){ 0 };
	assert_int_equal(key_new(KEY_TLS, &p->ca_key, &why), 0);
	assert_int_equal(cert_new_ca(buf_view(&p->ca_key), "Test CA", 3650, &p->ca, &why), 0);
	assert_int_equal(key_new(KEY_TLS, &p->key, &why), 0);
	assert_int_equal(csr_new(buf_view(&p->key), "wished for", &p->csr, &why), 0);
	struct issuer ca = issuer(p);
	assert_int_equal(cert_new_client(&ca, buf_view(&p->csr), "GIVEN", 10, &p->cert, &why), 0);
}

static void pki_done(struct pki *p)
{
	buf_done(&p->ca_key);
	buf_done(&p->ca);
	buf_done(&p->key);
	buf_done(&p->csr);
	buf_done(&p->cert);
}

static void a_client_certificate_has_the_given_name_and_the_request_s_key(void **state)
{
	(void)state;
	AUTO(pki_done) struct pki p;
	pki_init(&p);
	struct err why = { { 0 } };
	struct cert_facts f;
	assert_int_equal(cert_facts(buf_view(&p.cert), &f, &why), 0);
	assert_string_equal(f.cn, "GIVEN");
	assert_int_equal(strlen(f.fingerprint), 64);
	assert_false(f.ca);
	assert_true(f.until_ms > clock_ms() && f.from_ms < clock_ms());
	assert_int_equal(cert_matches(buf_view(&p.cert), buf_view(&p.key), &why), 0);
	assert_int_equal(cert_matches(buf_view(&p.cert), buf_view(&p.ca_key), &why), -EPERM);
	assert_int_equal(cert_check(buf_view(&p.cert), buf_view(&p.ca), &why), 0);
	assert_int_equal(cert_facts(buf_view(&p.ca), &f, &why), 0);
	assert_true(f.ca);
}

static void a_certificate_of_a_foreign_ca_is_refused(void **state)
{
	(void)state;
	AUTO(pki_done) struct pki a;
	AUTO(pki_done) struct pki b;
	pki_init(&a);
	pki_init(&b);
	struct err why = { { 0 } };
	assert_int_equal(cert_check(buf_view(&a.cert), buf_view(&b.ca), &why), -EPERM);
	assert_true(strlen(why.text) > 0);
	/* A client is no CA, even when its certificate is good. */
	AUTO(buf_done) struct buf forged = { 0 };
	struct issuer client = { buf_view(&a.cert), buf_view(&a.key) };
	assert_int_equal(cert_new_client(&client, buf_view(&b.csr), "X", 10, &forged, &why), 0);
	assert_int_equal(cert_check(buf_view(&forged), buf_view(&a.cert), &why), -EPERM);
}

static void a_certificate_whose_time_is_over_is_refused(void **state)
{
	(void)state;
	AUTO(pki_done) struct pki p;
	pki_init(&p);
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf old = { 0 };
	struct issuer ca = issuer(&p);
	assert_int_equal(cert_new_client(&ca, buf_view(&p.csr), "OLD", -1, &old, &why), 0);
	assert_int_equal(cert_check(buf_view(&old), buf_view(&p.ca), &why), -EPERM);
	assert_non_null(strstr(why.text, "expired"));
}

static void a_server_certificate_names_hosts_and_addresses(void **state)
{
	(void)state;
	AUTO(pki_done) struct pki p;
	pki_init(&p);
	struct err why = { { 0 } };
	static const char *const names[] = { "manager.example", "192.0.2.1", "::1" };
	AUTO(buf_done) struct buf cert = { 0 };
	struct issuer ca = issuer(&p);
	assert_int_equal(cert_new_server(&ca, buf_view(&p.key), names, 3, 100, &cert, &why), 0);
	gnutls_x509_crt_t c = NULL;
	gnutls_datum_t d = { (unsigned char *)cert.p, (unsigned)cert.n };
	assert_int_equal(gnutls_x509_crt_init(&c), 0);
	assert_int_equal(gnutls_x509_crt_import(c, &d, GNUTLS_X509_FMT_PEM), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_true(gnutls_x509_crt_check_hostname(c, names[i]));
	assert_false(gnutls_x509_crt_check_hostname(c, "192.0.2.2"));
	assert_false(gnutls_x509_crt_check_hostname(c, "other.example"));
	gnutls_x509_crt_deinit(c);
	assert_int_equal(cert_new_server(&ca, buf_view(&p.key), names, 0, 100, &cert, &why),
	                 -EINVAL);
}

static void a_request_that_was_changed_is_refused(void **state)
{
	(void)state;
	AUTO(pki_done) struct pki p;
	pki_init(&p);
	struct err why = { { 0 } };
	assert_int_equal(csr_check(buf_view(&p.csr), &why), 0);
	/* Every character of the body in turn: unreadable, or not signed by its key. */
	const char *body = strchr(p.csr.p, '\n') + 1;
	size_t from = (size_t)(body - p.csr.p),
	       until = (size_t)(strstr(body, "-----END") - p.csr.p);
	unsigned refused = 0;
	for (size_t i = from; i < until; i++) {
		char was = p.csr.p[i];
		if (was == '\n' || was == '=')
			continue;
		p.csr.p[i] = was == 'A' ? 'B' : 'A';
		if (csr_check(buf_view(&p.csr), &why) < 0)
			refused++;
		else
			assert_true(i + 4 > until); /* unused bits of the last characters */
		p.csr.p[i] = was;
	}
	assert_true(refused > 200);
	assert_int_equal(csr_check((struct str){ p.csr.p, 100 }, &why), -EBADMSG);
	assert_int_equal(csr_check(STR(""), &why), -EBADMSG);
}

static void a_request_for_a_weak_key_is_refused(void **state)
{
	(void)state;
	gnutls_x509_privkey_t k = NULL;
	gnutls_datum_t pem = { 0 };
	assert_int_equal(gnutls_x509_privkey_init(&k), 0);
	assert_int_equal(gnutls_x509_privkey_generate(k, GNUTLS_PK_RSA, 1024, 0), 0);
	assert_int_equal(gnutls_x509_privkey_export2(k, GNUTLS_X509_FMT_PEM, &pem), 0);
	gnutls_x509_privkey_deinit(k);
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf csr = { 0 };
	struct str key = { (char *)pem.data, pem.size };
	assert_int_equal(csr_new(key, "weak", &csr, &why), 0);
	assert_int_equal(csr_check(buf_view(&csr), &why), -EPERM);
	gnutls_free(pem.data);
}

static void flip(char *text, size_t bit)
{
	uint8_t *at = (uint8_t *)text + bit / 8;
	*at ^= (uint8_t)(1 << bit % 8);
}

static void a_signature_holds_for_these_bytes_and_this_key_only(void **state)
{
	(void)state;
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf key = { 0 }, other = { 0 };
	uint8_t pub[PUBLIC_KEY_LEN], foreign[PUBLIC_KEY_LEN], sig[SIGNATURE_LEN];
	char policy[] = "{\"version\":1}";
	assert_int_equal(key_new(KEY_SIGNING, &key, &why), 0);
	assert_int_equal(key_new(KEY_SIGNING, &other, &why), 0);
	assert_int_equal(key_public(buf_view(&key), pub, &why), 0);
	assert_int_equal(key_public(buf_view(&other), foreign, &why), 0);
	assert_int_equal(key_sign(buf_view(&key), str_of(policy), sig, &why), 0);
	struct str s = { (char *)sig, sizeof(sig) };
	assert_int_equal(signature_check(pub, str_of(policy), s), 0);
	assert_int_equal(signature_check(foreign, str_of(policy), s), -EPERM);
	assert_int_equal(signature_check(pub, str_of(policy), (struct str){ s.p, 63 }), -EPERM);
	for (size_t bit = 0; bit < 8 * strlen(policy); bit++) {
		flip(policy, bit);
		assert_int_equal(signature_check(pub, (struct str){ policy, 13 }, s), -EPERM);
		flip(policy, bit);
	}
	for (size_t bit = 0; bit < 8 * sizeof(sig); bit++) {
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(signature_check(pub, str_of(policy), s), -EPERM);
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void a_tls_key_signs_no_documents(void **state)
{
	(void)state;
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf key = { 0 };
	uint8_t pub[PUBLIC_KEY_LEN], sig[SIGNATURE_LEN];
	assert_int_equal(key_new(KEY_TLS, &key, &why), 0);
	assert_int_equal(key_public(buf_view(&key), pub, &why), -EBADMSG);
	assert_true(key_sign(buf_view(&key), STR("x"), sig, &why) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_certificate_has_the_given_name_and_the_request_s_key),
		cmocka_unit_test(a_certificate_of_a_foreign_ca_is_refused),
		cmocka_unit_test(a_certificate_whose_time_is_over_is_refused),
		cmocka_unit_test(a_server_certificate_names_hosts_and_addresses),
		cmocka_unit_test(a_request_that_was_changed_is_refused),
		cmocka_unit_test(a_request_for_a_weak_key_is_refused),
		cmocka_unit_test(a_signature_holds_for_these_bytes_and_this_key_only),
		cmocka_unit_test(a_tls_key_signs_no_documents),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
