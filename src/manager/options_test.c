#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/test.h"
#include "manager/options.h"
#include "proc/proc.h"

static void freed(struct options **o)
{
	options_free(*o);
}

static void lines_set_settings_or_say_what_is_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *why, *text, *says; /* NULL: nothing is wrong */
	} cases[] = {
		{ "nothing", "", NULL },
		{ "comments and blanks", "# x\n\n   \t\n", NULL },
		{ "numbers", " console-port =  443 \n", NULL },
		{ "unknown", "\nconsole-prot = 1",
		  "c, line 2: there is no setting \"console-prot\"" },
		{ "no value", "listen", "c, line 1: \"listen\" is no \"key = value\"" },
		{ "too large", "agent-port = 65536",
		  "c, line 1: agent-port must be a number from 1 to 65535, not \"65536\"" },
		{ "no number", "agent-port = x",
		  "c, line 1: agent-port must be a number from 1 to 65535, not \"x\"" },
		{ "no text", "listen = \xff",
		  "c, line 1: listen is longer than 200 bytes or no text" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err why = { { 0 } };
		AUTO(freed) struct options *o = xcalloc(1, sizeof(*o));
		int rc = options_file(o, str_of(cases[i].text), "c", &why);
		if (rc != (cases[i].says ? -EINVAL : 0) ||
		    (cases[i].says && strcmp(why.text, cases[i].says) != 0))
			fail_msg("%s: %d %s", cases[i].why, rc, why.text);
	}
}

static const struct program program = { .name = "yagura-manager" };

static int parse(struct self *me, const char *const *argv)
{
	int n = 0;
	while (argv[n])
		n++;
	*me = (struct self){ .program = &program };
	return options_parse(me, n, (char **)(uintptr_t)argv);
}

#define ARGV(...) \
	((const char *const[]){ "yagura-manager", "--etc", "/nonexistent", __VA_ARGS__, NULL })

static void the_command_line_sets_folders_and_settings(void **state)
{
	(void)state;
	struct self me;
	assert_int_equal(parse(&me, ARGV("--lib=/l", "--run", "/r", "--console-port", "443",
	                                 "--host", "m.example", "--host=::1", "--setup")),
	                 0);
	const struct options *o = me.options;
	assert_string_equal(me.lib, "/l");
	assert_string_equal(me.run, "/r");
	assert_int_equal(o->number[SET_CONSOLE_PORT], 443);
	assert_int_equal(o->number[SET_AGENT_PORT], 4120);
	assert_string_equal(o->text[SET_LISTEN], "");
	assert_int_equal(o->nhosts, 2);
	assert_true(o->setup);
	options_free(me.options);
}

static void wrong_words_are_refused(void **state)
{
	(void)state;
	struct self me;
	const char *const *const cases[] = {
		ARGV("--lib"),
		ARGV("--nonsense", "x"),
		ARGV("--agent-port", "0"),
		ARGV("--host", "a b"),
		ARGV("--host", ""),
		ARGV("--console-port"),
		ARGV("word"),
		ARGV("--config", "/nonexistent"),
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_true(parse(&me, cases[i]) < 0);
	assert_int_equal(parse(&me, ARGV("-T")), 1);
	assert_int_equal(parse(&me, ARGV("--help")), 1);
	assert_int_equal(parse(&me, ARGV("--version")), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_set_settings_or_say_what_is_wrong),
		cmocka_unit_test(the_command_line_sets_folders_and_settings),
		cmocka_unit_test(wrong_words_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
