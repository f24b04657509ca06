#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/test.h"
#include "net/uri.h"

static void targets_are_decoded_and_normalised_or_refused(void **state)
{
	(void)state;
	static const struct {
		const char *why, *raw;
		int rc;
		const char *path;
	} cases[] = {
		{ "plain", "/api/computers", 0, "/api/computers" },
		{ "the root", "/", 0, "/" },
		{ "a query is cut off", "/a?b=/../c", 0, "/a" },
		{ "escapes", "/a%20b/%E6%AB%93", 0, "/a b/\xe6\xab\x93" },
		{ "a plus is a plus in a path", "/a+b", 0, "/a+b" },
		{ "double slashes", "//a///b/", 0, "/a/b" },
		{ "dots", "/a/./b/../c", 0, "/a/c" },
		{ "escaped dots", "/a/%2e%2e/c", 0, "/c" },
		{ "above the root", "/../etc/passwd", -EINVAL, NULL },
		{ "above the root, escaped", "/a/..%2f../x", -EINVAL, NULL },
		{ "a broken escape", "/a%2", -EINVAL, NULL },
		{ "no hex", "/a%zz", -EINVAL, NULL },
		{ "a NUL", "/a%00b", -EINVAL, NULL },
		{ "a line break", "/a%0d%0aX: y", -EINVAL, NULL },
		{ "not UTF-8", "/%ff", -EINVAL, NULL },
		{ "not UTF-8 in the query", "/?a=%c3", -EINVAL, NULL },
		{ "absolute form", "http://x/", -EINVAL, NULL },
		{ "asterisk form", "*", -EINVAL, NULL },
		{ "nothing", "", -EINVAL, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(arena_done) struct arena a = { 0 };
		struct uri u = { 0 };
		int rc = uri_parse(str_of(cases[i].raw), &a, &u);
		if (rc != cases[i].rc || (rc == 0 && !str_is(u.path, cases[i].path)))
			fail_msg("%s: %d, %.*s", cases[i].why, rc, STR_ARG(u.path));
	}
}

static void a_query_gives_names_and_values(void **state)
{
	(void)state;
	AUTO(arena_done) struct arena a = { 0 };
	struct uri u = { 0 };
	assert_int_equal(uri_parse(STR("/x?a=1&&b=c+d%26e&flag&a=2&=v"), &a, &u), 0);
	assert_int_equal(u.query.n, 5);
	assert_true(str_is(pairs_get(&u.query, "a"), "1"));
	assert_true(str_is(pairs_get(&u.query, "b"), "c d&e"));
	assert_int_equal(pairs_get(&u.query, "flag").n, 0);
	assert_true(str_is(u.query.p[3].value, "2"));
	assert_null(pairs_get(&u.query, "missing").p);
}

static void too_much_is_refused(void **state)
{
	(void)state;
	AUTO(arena_done) struct arena a = { 0 };
	struct uri u = { 0 };
	char raw[URI_MAX + 2];
	memset(raw, 'a', sizeof(raw));
	raw[0] = '/';
	assert_int_equal(uri_parse((struct str){ raw, URI_MAX }, &a, &u), 0);
	assert_int_equal(uri_parse((struct str){ raw, URI_MAX + 1 }, &a, &u), -E2BIG);
	for (size_t i = 1; i < 1000; i += 2)
		raw[i] = i == 1 ? '?' : '&';
	assert_int_equal(uri_parse((struct str){ raw, 1 + 2 * URI_PAIRS_MAX }, &a, &u), 0);
	assert_int_equal(uri_parse((struct str){ raw, 3 + 2 * URI_PAIRS_MAX }, &a, &u), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_are_decoded_and_normalised_or_refused),
		cmocka_unit_test(a_query_gives_names_and_values),
		cmocka_unit_test(too_much_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
