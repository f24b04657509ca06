#include <errno.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/test.h"

static void base64_has_one_way_to_write_each_value(void **state)
{
	(void)state;
	static const char *const pairs[][2] = { { "", "" },
		                                { "f", "Zg==" },
		                                { "fo", "Zm8=" },
		                                { "foo", "Zm9v" },
		                                { "foobar", "Zm9vYmFy" } };
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		AUTO(buf_done) struct buf a = { 0 }, b = { 0 };
		base64_encode(&a, str_of(pairs[i][0]));
		assert_true(str_is(buf_view(&a), pairs[i][1]));
		assert_int_equal(base64_decode(&b, buf_view(&a)), 0);
		assert_true(str_is(buf_view(&b), pairs[i][0]));
	}
	static const char *const bad[] = { "Zg=",      "Zh==",  "Z===",  "====",
		                           "Zg==Zg==", "Zm 9v", "Zm9\nv" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		assert_int_equal(base64_decode(&b, str_of(bad[i])), -EINVAL);
	}
}

static void hex_is_written_in_the_case_that_is_asked_for(void **state)
{
	(void)state;
	char out[7];
	hex_lower(out, "\x00\xaf\xff", 3);
	assert_string_equal(out, "00afff");
	hex_upper(out, "\x00\xaf\xff", 3);
	assert_string_equal(out, "00AFFF");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_has_one_way_to_write_each_value),
		cmocka_unit_test(hex_is_written_in_the_case_that_is_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
