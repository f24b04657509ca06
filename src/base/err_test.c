#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "base/test.h"

static void a_sentence_gets_its_context(void **state)
{
	(void)state;
	struct err why = { { 0 } };
	assert_int_equal(err_set(&why, -EINVAL, "%d is too many", 7), -EINVAL);
	err_add(&why, 0, "file %s", "x");
	assert_string_equal(why.text, "file x: 7 is too many");
	assert_int_equal(err_set(NULL, -EIO, "nobody listens"), -EIO);
}

static void what_is_quoted_in_a_sentence_cannot_break_it(void **state)
{
	(void)state;
	struct err why = { { 0 } };
	err_set(&why, 0, "no file %s", "a\nb\x1b[2J\xff\xe6\xab\x93");
	assert_string_equal(why.text, "no file a?b?[2J?\xe6\xab\x93");
}

static void a_long_sentence_is_cut_between_letters(void **state)
{
	(void)state;
	struct err why = { { 0 } };
	char path[1500];
	/* A letter of three bytes over every place where a buffer may end. */
	for (size_t shift = 0; shift < 3; shift++) {
		memset(path, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof(path); i += 3)
			memcpy(path + i, "\xe6\xab\x93", 4);
		err_set(&why, 0, "%s", path);
		assert_true(str_utf8(str_of(why.text)));
		assert_true(strlen(why.text) > sizeof(why.text) - 4);
		assert_null(strchr(why.text, '?'));
		err_set(&why, 0, "no such file");
		err_add(&why, 0, "%s", path);
		assert_true(str_utf8(str_of(why.text)));
		assert_true(str_ends(str_of(why.text), STR(": no such file")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sentence_gets_its_context),
		cmocka_unit_test(what_is_quoted_in_a_sentence_cannot_break_it),
		cmocka_unit_test(a_long_sentence_is_cut_between_letters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
