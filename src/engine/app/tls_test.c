#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"
#include "engine/app/told.h"

/* Handshakes of real programs, as tests/corpus/tls keeps them (fuzzed.h says how). */
static void tell_corpus(struct told *t, const char *name, const struct app_limits *limits)
{
	AUTO(buf_done) struct buf file = { 0 };
	AUTO(buf_done) struct buf path = { 0 };
	struct step steps[16];
	size_t n = 0;
	buf_fmt(&path, "%s/tests/corpus/tls/%s", getenv("YAGURA_TOP"), name);
	assert_int_equal(file_read(AT_FDCWD, path.p, 1 << 20, &file), 0);
	for (size_t at = 1; at + 2 <= file.n && n < 16; n++) {
		const uint8_t *h = (const uint8_t *)file.p + at;
		size_t len = (size_t)(h[0] & 63) << 8 | h[1];
		steps[n] = (struct step){ h[0] & 128 ? APP_SERVER : APP_CLIENT, file.p + at + 2,
			                  len, 0 };
		at += 2 + len;
	}
	tell_all(t, steps, n, limits, false, 443);
}

static void a_handshake_shows_names_versions_and_certificates(void **state)
{
	(void)state;
	struct told t = { 0 };
	tell_corpus(&t, "handshake-1.2", NULL);
	assert_told(
		&t,
		(const char *[]){
			"is tls",
			"0 client headers",
			"tls.sni \"www.example.com\"",
			"ja3.hash \"",
			"ja3.string \"771,",
			"0 server line",
			"tls.version \"1.2\"",
			"ja3s.hash \"",
			"ja3s.string \"771,",
			"0 server headers",
			"tls.certs \"",
			"tls.cert_subject \"C=JP, ST=Tokyo, O=Example, CN=www.example.com, ",
			"emailAddress=a@example.com\"",
			"tls.cert_issuer \"C=JP, ST=Tokyo",
			"tls.cert_serial \"0A:1B:2C:3D\"",
			"tls.cert_fingerprint \"0d:eb:5d:68:4e:dd:f4:43:29:9f:1a:65:75:ac:69:7a:3e:9f:d1:5f\"",
			"0 client done",
			"0 server done",
			"number 3 is 771",
			"0 ended",
			"over",
			NULL });
	tell_corpus(&t, "handshake-1.3", NULL);
	assert_told(&t, (const char *[]){ "tls.sni \"www.example.com\"", "0 server line",
	                                  "tls.version \"1.3\"", "0 server done", "number 3 is 772",
	                                  "over", NULL });
	buf_done(&t.out);
}

static void the_client_alone_is_enough_where_only_it_is_shown(void **state)
{
	(void)state;
	struct app_limits limits = app_limits_default;
	struct told t = { 0 };
	limits.client_only = true;
	tell_corpus(&t, "handshake-1.2", &limits);
	assert_told(&t, (const char *[]){ "tls.sni", "0 client done", "0 ended", "over", NULL });
	buf_done(&t.out);
}

/* "version,ciphers,extensions,groups,point formats" without what RFC 8701 strews in. */
static void ja3_is_as_its_inventors_write_it(void **state)
{
	(void)state;
	static const struct step steps[] = {
		SAYS(CLIENT,
		     "\x16\x03\x01\x00\x4b\x01\x00\x00\x47\x03\x01"
		     "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\x00"
		     "\x00\x06\x1a\x1a\x00\x2f\x00\x35\x01\x00"
		     "\x00\x18\x0a\x0a\x00\x00\x00\x0a\x00\x06\x00\x04\x00\x17\x00\x18\x00\x0b\x00\x02\x01\x00"
		     "\x00\x23\x00\x00"),
	};
	struct told t = { 0 };
	tell_all(&t, steps, 1, NULL, false, 443);
	assert_told(&t, (const char *[]){ "tls.version \"1.0\"",
	                                  "ja3.hash \"178c118a095d467698024710e650b273\"",
	                                  "ja3.string \"769,47-53,10-11-35,23-24,0\"", NULL });
	buf_done(&t.out);
}

static void what_is_no_record_is_told(void **state)
{
	(void)state;
	struct told t = { 0 };
	tell_corpus(&t, "bad-record", NULL);
	assert_told(&t, (const char *[]){ "tls.invalid_record_type", "0 ended", NULL });
	tell_corpus(&t, "long-message", NULL);
	assert_told(&t, (const char *[]){ "tls.invalid_handshake_message", NULL });
	buf_done(&t.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handshake_shows_names_versions_and_certificates),
		cmocka_unit_test(the_client_alone_is_enough_where_only_it_is_shown),
		cmocka_unit_test(ja3_is_as_its_inventors_write_it),
		cmocka_unit_test(what_is_no_record_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
