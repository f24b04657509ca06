#include <errno.h>

#include "base/str.h"
#include "base/test.h"

static void numbers_are_taken_whole_and_in_range(void **state)
{
	(void)state;
	static const struct {
		const char *why, *in;
		uint64_t min, max, out;
		int rc;
	} cases[] = {
		{ "plain", "42", 0, 100, 42, 0 },
		{ "the largest", "18446744073709551615", 0, UINT64_MAX, UINT64_MAX, 0 },
		{ "one more than the largest", "18446744073709551616", 0, UINT64_MAX, 0, -ERANGE },
		{ "empty", "", 0, 9, 0, -EINVAL },
		{ "a tail", "4x", 0, 9, 0, -EINVAL },
		{ "a sign", "-1", 0, 9, 0, -EINVAL },
		{ "white space", " 1", 0, 9, 0, -EINVAL },
		{ "below", "1", 2, 9, 0, -ERANGE },
		{ "above", "10", 2, 9, 0, -ERANGE },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t v = 0;
		int rc = str_u64(str_of(cases[i].in), cases[i].min, cases[i].max, &v);
		if (rc != cases[i].rc || v != cases[i].out)
			fail_msg("%s: %d", cases[i].why, rc);
	}
	int64_t s = 0;
	assert_int_equal(str_i64(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &s), 0);
	assert_true(s == INT64_MIN);
	assert_int_equal(str_i64(STR("9223372036854775808"), INT64_MIN, INT64_MAX, &s), -ERANGE);
}

static void cutting_yields_every_part_once(void **state)
{
	(void)state;
	struct str rest = STR("a::b");
	assert_true(str_is(str_cut(&rest, ':'), "a"));
	assert_true(str_is(str_cut(&rest, ':'), ""));
	assert_true(str_is(str_cut(&rest, ':'), "b"));
	assert_null(rest.p);
}

static void utf8_is_what_rfc_3629_says(void **state)
{
	(void)state;
	assert_true(str_utf8(STR("\xe6\xab\x93 ok")));
	assert_false(str_utf8(STR("\xc0\x80")));         /* overlong */
	assert_false(str_utf8(STR("\xed\xa0\x80")));     /* surrogate */
	assert_false(str_utf8(STR("\xf4\x90\x80\x80"))); /* above U+10FFFF */
	assert_false(str_utf8(STR("\xe6\xab")));         /* cut */
	assert_false(str_utf8(STR("a\0b")));
}

static void a_cut_falls_between_letters(void **state)
{
	(void)state;
	struct str s = STR("a\xe6\xab\x93"
	                   "b\xf0\x9f\x8f\xaf");
	static const size_t want[] = { 0, 1, 1, 1, 4, 5, 5, 5, 5, 9, 9 };
	for (size_t max = 0; max < sizeof(want) / sizeof(want[0]); max++)
		assert_int_equal(str_utf8_cut(s, max).n, want[max]);
	/* What is no UTF-8 is cut somewhere all the same. */
	struct str junk = STR("\x80\x80\x80\x80\x80\x80\x80\x80");
	assert_in_range(str_utf8_cut(junk, 6).n, 3, 6);
}

static void comparing_and_trimming(void **state)
{
	(void)state;
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("b"), STR("ab")) > 0);
	assert_true(str_eq_nocase(STR("TrUe"), STR("true")));
	assert_true(str_is(str_trim(STR(" \t x \n")), "x"));
	assert_true(str_starts(STR("/usr/bin"), STR("/usr/")));
	assert_true(str_ends(STR("a.yar"), STR(".yar")));
	assert_false(str_ends(STR("yar"), STR(".yar")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_taken_whole_and_in_range),
		cmocka_unit_test(cutting_yields_every_part_once),
		cmocka_unit_test(utf8_is_what_rfc_3629_says),
		cmocka_unit_test(a_cut_falls_between_letters),
		cmocka_unit_test(comparing_and_trimming),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
