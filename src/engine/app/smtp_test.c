#include "engine/app/told.h"

#define GREETING SAYS(SERVER, "220 mx.example ESMTP\r\n")

static void told_of(const struct step *steps, size_t n, const char *const *lines)
{
	struct told t = { 0 };
	tell_all(&t, steps, n, NULL, false, 2525);
	assert_told(&t, lines);
	buf_done(&t.out);
}

static void commands_and_the_parts_of_mails(void **state)
{
	(void)state;
	static const struct step steps[] = {
		GREETING,
		SAYS(CLIENT, "EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<root+:|id>\r\n"),
		SAYS(SERVER, "250 a\r\n250 b\r\n250 c\r\n"),
		SAYS(CLIENT, "DATA\r\n"),
		SAYS(SERVER, "354 go on\r\n"),
		SAYS(CLIENT,
		     "Subject: hello\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n"
		     " boundary=\"outer\"\r\n\r\nfor nobody\r\n--outer\r\n"
		     "Content-Type: multipart/alternative; boundary=inner\r\n\r\n"
		     "--inner\r\nContent-Type: text/plain\r\n\r\nplain\r\n..dot\r\n"
		     "--inner\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
		     "a=3Db soft=\r\nline =zz\r\n--inner--\r\n"
		     "--outer\r\nContent-Transfer-Encoding: BASE64\r\n"
		     "Content-Disposition: attachment; filename=\"run.exe\"\r\n\r\n"
		     "TVqQAAMA\r\nAAAE*A==\r\naGk=\r\n--outer--\r\nfor nobody\r\n.\r\nQUIT\r\n"),
	};
	told_of(steps, 6,
	        (const char *[]){ "is smtp", "smtp.command \"EHLO a\"",
	                          "smtp.command \"RCPT TO:<root+:|id>\"", "smtp.command \"DATA\"",
	                          "client headers", "file.data \"plain\\x0D\\x0A.dot\\x0D\\x0A\"",
	                          "file.data \"a=b softline =zz\\x0D\\x0A\"",
	                          "file.name \"run.exe\"", "odd: base64.invalid",
	                          "file.data \"MZ\\x90\\x00\\x03\\x00\\x00\\x00\\x04hi\"",
	                          "smtp.command \"QUIT\"", NULL });
}

static void a_mail_in_chunks_and_one_that_is_refused(void **state)
{
	(void)state;
	static const struct step steps[] = {
		GREETING,
		SAYS(CLIENT, "EHLO a\r\nBDAT 9\r\nX: y\r\n\r\nhBDAT 5 LAST\r\nello\n"),
		SAYS(CLIENT, "DATA\r\n"),
		SAYS(SERVER, "250 a\r\n250 b\r\n250 c\r\n554 no\r\n"),
		SAYS(CLIENT, "RSET\r\nSTARTTLS\r\n\x16\x03\x01"),
	};
	told_of(steps, 5,
	        (const char *[]){ "smtp.command \"BDAT 9\"", "smtp.command \"BDAT 5 LAST\"",
	                          "file.data \"hello\\x0D\\x0A\"", "smtp.command \"DATA\"",
	                          "smtp.command \"RSET\"", "smtp.command \"STARTTLS\"",
	                          "skipped 3 0; over", NULL });
}

static void a_long_line_is_read_in_steps(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf said = { 0 };
	struct told t = { 0 };
	buf_z(&said, "HELO a\r\nDATA\r\n\r\n");
	for (int i = 0; i < 10000; i++)
		buf_char(&said, (char)('a' + i % 26));
	buf_z(&said, "\r\n.\r\nVRFY x\r\n");
	struct step steps[] = { GREETING, { APP_CLIENT, said.p, said.n, 0 } };
	tell_all(&t, steps, 2, NULL, false, 25);
	assert_told(&t, (const char *[]){ "file.data \"abcdef", "vwxyzabcdefghijklmnop\\x0D\\x0A\"",
	                                  "smtp.command \"VRFY x\"", NULL });
	buf_done(&t.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_and_the_parts_of_mails),
		cmocka_unit_test(a_mail_in_chunks_and_one_that_is_refused),
		cmocka_unit_test(a_long_line_is_read_in_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
