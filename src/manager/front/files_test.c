#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/test.h"
#include "manager/front/files.h"

static void gzip_is_sent_to_those_who_accept_it(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		bool yes;
	} cases[] = {
		{ "", false },           { "gzip", true },
		{ "GZip", true },        { "br, gzip;q=0.5", true },
		{ "gzip;q=0", false },   { "gzip ; q=0.000", false },
		{ "br,deflate", false }, { "xgzip", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (accepts_gzip(str_of(cases[i].header)) != cases[i].yes)
			fail_msg("%s", cases[i].header);
}

static void a_site_without_a_folder_says_so(void **state)
{
	(void)state;
	AUTO(site_done) struct site s = { 0 };
	struct err why = { { 0 } };
	assert_int_equal(site_load(&s, "/nonexistent", &why), -ENOENT);
	assert_string_equal(why.text, "open /nonexistent: No such file or directory");
	assert_null(site_find(&s, STR("/")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gzip_is_sent_to_those_who_accept_it),
		cmocka_unit_test(a_site_without_a_folder_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
