#include "engine/app/told.h"

static void commands_and_replies_are_read(void **state)
{
	(void)state;
	static const struct step steps[] = {
		SAYS(SERVER, "220-Welcome\r\nto this\r\n220 server\r\n"),
		SAYS(CLIENT, "USER anonymous\r\nPASS x\r\n"),
		SAYS(SERVER, "331 go on\r\n530 no\r\n"),
		SAYS(CLIENT, "SITE EXEC %p"),
	};
	struct told t = { 0 };
	tell_all(&t, steps, 4, NULL, false, 2121);
	assert_told(&t, (const char *[]){ "is ftp", "0 server done", "ftp.reply \"220-Welcome\"",
	                                  "ftp.reply \"to this\"", "ftp.reply \"220 server\"",
	                                  "client done\n  ftp.command \"USER\"",
	                                  "ftp.command \"PASS\"", "ftp.reply \"331 go on\"",
	                                  "ftp.reply \"530 no\"", "ftp.command \"SITE\"", NULL });
	buf_done(&t.out);
}

static void nothing_is_read_behind_auth_tls(void **state)
{
	(void)state;
	static const struct step steps[] = {
		SAYS(SERVER, "220 x\r\n"),
		SAYS(CLIENT, "AUTH TLS\r\n\x16\x03\x01\x00\x05"),
	};
	struct told t = { 0 };
	tell_all(&t, steps, 2, NULL, false, 21);
	assert_told(&t, (const char *[]){ "ftp.command \"AUTH\"", "skipped 5 0; over", NULL });
	buf_done(&t.out);
}

static void others_with_such_words_are_not_taken_for_it(void **state)
{
	(void)state;
	static const struct {
		uint16_t port;
		struct step steps[2];
		const char *is;
	} cases[] = {
		{ 110, { SAYS(SERVER, "+OK pop\r\n"), SAYS(CLIENT, "USER a\r\n") }, "is failed" },
		{ 110, { SAYS(CLIENT, "USER a\r\n"), SAYS(SERVER, "+OK") }, "is failed" },
		{ 21, { SAYS(CLIENT, "USER a\r\n"), SAYS(SERVER, "331 x\r\n") }, "is ftp" },
		{ 9000, { SAYS(CLIENT, "nonsense\r\n"), SAYS(SERVER, "220 x\r\n") }, "is failed" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct told t = { 0 };
		tell_all(&t, cases[i].steps, 2, NULL, false, cases[i].port);
		assert_told(&t, (const char *[]){ cases[i].is, NULL });
		buf_done(&t.out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_and_replies_are_read),
		cmocka_unit_test(nothing_is_read_behind_auth_tls),
		cmocka_unit_test(others_with_such_words_are_not_taken_for_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
