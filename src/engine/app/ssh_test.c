#include "engine/app/told.h"

static void banners_are_read_and_the_rest_left_alone(void **state)
{
	(void)state;
	static const struct step steps[] = {
		SAYS(CLIENT, "SSH-2.0-libssh_0.9.6\r\n"),
		SAYS(SERVER, "welcome\r\nSSH-1.99-OpenSSH_9.2p1 Debian-2\r\n\x00\x00\x03\x14"),
		SAYS(CLIENT, "\x00\x00\x02\x01"),
	};
	struct told t = { 0 };
	tell_all(&t, steps, 3, NULL, false, 2222);
	assert_told(&t, (const char *[]){ "is ssh", "0 client headers", "ssh.proto \"2.0\"",
	                                  "ssh.software \"libssh_0.9.6\"", "0 server headers",
	                                  "ssh.proto \"1.99\"", "ssh.software \"OpenSSH_9.2p1\"",
	                                  "0 ended", "skipped 4 4; over", NULL });
	buf_done(&t.out);
}

static void a_banner_without_parts_or_end_is_no_harm(void **state)
{
	(void)state;
	static const struct step steps[] = { SAYS(CLIENT, "SSH-2.0") };
	struct told t = { 0 };
	tell_all(&t, steps, 1, NULL, false, 22);
	assert_told(&t, (const char *[]){ "is ssh", "ssh.proto \"2.0\"", "ssh.software \"\"",
	                                  "0 client done", NULL });
	buf_done(&t.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(banners_are_read_and_the_rest_left_alone),
		cmocka_unit_test(a_banner_without_parts_or_end_is_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
