#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/test.h"

static void a_full_buffer_says_so_once_at_the_end(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = { .max = 4 };
	buf_z(&b, "abc");
	assert_int_equal(buf_end(&b), 0);
	buf_z(&b, "de");
	buf_char(&b, 'f');
	assert_int_equal(buf_end(&b), -ENOMEM);
	assert_string_equal(b.p, "abc");
}

static void bytes_of_strangers_become_valid_text(void **state)
{
	(void)state;
	static const struct {
		const char *why, *in, *out;
	} cases[] = {
		{ "plain text", "a b\xe6\xab\x93", "a b\xe6\xab\x93" },
		{ "a line break", "a\n", "a\\x0A" },
		{ "what starts an escape", "\\x41", "\\x5Cx41" },
		{ "no UTF-8", "\xff\xe6\xab", "\\xFF\\xE6\\xAB" },
		{ "delete", "\x7f", "\\x7F" },
		{ "a control sequence of eight bits",
		  "\xc2\x9b"
		  "31m",
		  "\\xC2\\x9B31m" },
		{ "the first letter behind those", "\xc2\xa0", "\xc2\xa0" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		buf_safe(&b, str_of(cases[i].in));
		if (!str_is(buf_view(&b), cases[i].out))
			fail_msg("%s: %s", cases[i].why, b.p);
	}
}

static void a_buffer_is_always_terminated(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = { 0 };
	for (size_t i = 0; i < 300; i++) {
		buf_char(&b, 'x');
		assert_int_equal(strlen(b.p), i + 1);
	}
	buf_drop(&b, 298);
	assert_string_equal(b.p, "xx");
	buf_fmt(&b, "%d%s", 7, "y");
	assert_string_equal(b.p, "xx7y");
	buf_drop(&b, 1000);
	assert_string_equal(b.p, "");
	buf_clear(&b);
	buf_z(&b, "again");
	AUTO(freep) char *taken = buf_take(&b);
	assert_string_equal(taken, "again");
	assert_null(b.p);
	AUTO(freep) char *nothing = buf_take(&b);
	assert_string_equal(nothing, "");
}

static void a_clear_makes_a_failed_buffer_usable(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = { .max = 3 };
	buf_fmt(&b, "%s", "four");
	assert_int_equal(buf_end(&b), -ENOMEM);
	assert_null(buf_take(&b));
	assert_null(buf_room(&b, 1));
	buf_clear(&b);
	assert_int_equal(buf_end(&b), 0);
	assert_non_null(buf_room(&b, 3));
	assert_null(buf_room(&b, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_buffer_says_so_once_at_the_end),
		cmocka_unit_test(bytes_of_strangers_become_valid_text),
		cmocka_unit_test(a_buffer_is_always_terminated),
		cmocka_unit_test(a_clear_makes_a_failed_buffer_usable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
