#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/test.h"

static int caught = -1;

/* Standard error goes to a file until catch_end(). */
static int catch_begin(void)
{
	log_open("test");
	caught = memfd_create("log", MFD_CLOEXEC);
	int old = dup(STDERR_FILENO);
	assert_true(caught >= 0 && old >= 0);
	assert_true(dup2(caught, STDERR_FILENO) >= 0);
	return old;
}

static void catch_end(int old, struct buf *out)
{
	assert_true(dup2(old, STDERR_FILENO) >= 0);
	close(old);
	assert_int_equal(file_read_fd(caught, 100000, out), 0);
	close(TAKE_FD(caught));
}

static void a_line_names_level_and_process(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = { 0 };
	int fd = catch_begin();
	log_error("open %s: %s", log_quote(STR("x")), "no such file");
	log_debug("nobody sees this");
	log_verbose(true);
	log_debug("seen");
	log_verbose(false);
	catch_end(fd, &out);
	assert_string_equal(out.p, "<3>test: open \"x\": no such file\n<7>test: seen\n");
}

static void a_line_stays_one_line(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = { 0 };
	char longest[3000];
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	int fd = catch_begin();
	log_info("a\n<3>test: forged\x1b");
	log_info("%s", longest);
	catch_end(fd, &out);
	assert_true(str_starts(buf_view(&out), STR("<6>test: a?<3>test: forged?\n<6>test: xxx")));
	assert_true(str_ends(buf_view(&out), STR("xxx\n")));
	assert_true(out.n < 1300);
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;
	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
		n++;
	return n;
}

static void repeated_lines_are_folded_and_counted(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = { 0 };
	int fd = catch_begin();
	for (int i = 0; i < 100; i++) {
		/* In turn, as two things that fail do. */
		log_warning("read a: failed");
		log_warning("read b: failed");
	}
	/* Others push them out, and then their count is told. */
	for (int i = 0; i < 8; i++)
		log_info("line %d", i);
	catch_end(fd, &out);
	assert_int_equal(count(out.p, "<4>test: read a: failed\n"), 10);
	assert_int_equal(count(out.p, "<4>test: read b: failed\n"), 10);
	assert_int_equal(count(out.p, "<4>test: said 90 times more: read a: failed\n"), 1);
	assert_int_equal(count(out.p, "<4>test: said 90 times more: read b: failed\n"), 1);
}

static void a_quotation_ends_where_its_last_quote_is(void **state)
{
	(void)state;
	static const struct {
		const char *why, *in, *out;
	} cases[] = {
		{ "plain", "a b", "\"a b\"" },
		{ "empty", "", "\"\"" },
		{ "quotes", "a\"b\"", "\"a\\x22b\\x22\"" },
		{ "control characters", "a\tb\n", "\"a\\x09b\\x0A\"" },
		{ "a backslash", "\\", "\"\\x5C\"" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (strcmp(log_quote(str_of(cases[i].in)), cases[i].out) != 0)
			fail_msg("%s: %s", cases[i].why, log_quote(str_of(cases[i].in)));
	}
	char longest[1000];
	memset(longest, '"', sizeof(longest));
	const char *q = log_quote((struct str){ longest, sizeof(longest) });
	assert_int_equal(strlen(q), 2 + 200 * 4 + 3);
	const char *one = log_quote(STR("1")), *two = log_quote(STR("2"));
	const char *three = log_quote(STR("3")), *four = log_quote(STR("4"));
	assert_string_equal(one, "\"1\"");
	assert_string_equal(two, "\"2\"");
	assert_string_equal(three, "\"3\"");
	assert_string_equal(four, "\"4\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_names_level_and_process),
		cmocka_unit_test(a_line_stays_one_line),
		cmocka_unit_test(repeated_lines_are_folded_and_counted),
		cmocka_unit_test(a_quotation_ends_where_its_last_quote_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
