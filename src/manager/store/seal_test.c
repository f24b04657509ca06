#include <errno.h>

#include "base/auto.h"
#include "base/test.h"
#include "manager/store/seal.h"

static const uint8_t key[SEAL_KEY] = "a key that is only good in tests";

static void a_secret_comes_back_byte_for_byte(void **state)
{
	const struct str secrets[] = {
		STR(""),
		STR("x"),
		STR("two\nlines\r\nand \"quotes\" \\ and \t"),
		STR("a NUL \0 inside"),
		STR("\xff\xfe no UTF-8"),
		STR("-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n"),
	};
	struct seal s;
	(void)state;
	seal_init(&s, key);
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		AUTO(buf_done) struct buf sealed = { 0 }, again = { 0 }, out = { 0 };
		seal_close(&s, STR("here"), secrets[i], &sealed);
		seal_close(&s, STR("here"), secrets[i], &again);
		assert_true(str_eq(buf_view(&sealed), buf_view(&again)));
		buf_z(&out, "before ");
		assert_int_equal(seal_open(&s, STR("here"), buf_view(&sealed), &out), 0);
		assert_true(str_eq(str_skip(buf_view(&out), 7), secrets[i]));
	}
}

static void what_is_sealed_opens_in_its_place_with_its_key_only(void **state)
{
	static const uint8_t other[SEAL_KEY] = "another key, which is of no use.";
	AUTO(buf_done) struct buf sealed = { 0 }, there = { 0 }, out = { 0 };
	struct seal s, o;
	(void)state;
	seal_init(&s, key);
	seal_init(&o, other);
	seal_close(&s, STR("object/webhooks/3/authorization"), STR("a secret"), &sealed);
	seal_close(&s, STR("object/webhooks/4/authorization"), STR("a secret"), &there);
	assert_false(str_eq(buf_view(&sealed), buf_view(&there)));
	assert_int_equal(
		seal_open(&s, STR("object/webhooks/4/authorization"), buf_view(&sealed), &out),
		-EBADMSG);
	assert_int_equal(
		seal_open(&o, STR("object/webhooks/3/authorization"), buf_view(&sealed), &out),
		-EBADMSG);
	assert_int_equal(out.n, 0);
}

static void no_change_of_what_is_sealed_goes_unseen(void **state)
{
	AUTO(buf_done) struct buf sealed = { 0 };
	struct seal s;
	(void)state;
	seal_init(&s, key);
	seal_close(&s, STR("here"), STR("a secret"), &sealed);
	for (size_t i = 0; i < sealed.n; i++) {
		AUTO(buf_done) struct buf out = { 0 };
		char was = sealed.p[i];
		sealed.p[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(seal_open(&s, STR("here"), buf_view(&sealed), &out), -EBADMSG);
		sealed.p[i] = was;
		assert_int_equal(seal_open(&s, STR("here"), (struct str){ sealed.p, i }, &out),
		                 -EBADMSG);
		assert_int_equal(out.n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_comes_back_byte_for_byte),
		cmocka_unit_test(what_is_sealed_opens_in_its_place_with_its_key_only),
		cmocka_unit_test(no_change_of_what_is_sealed_goes_unseen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
