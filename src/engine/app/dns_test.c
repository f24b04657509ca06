#include "engine/app/told.h"

/* Messages without their identifier's sense: header, question, as RFC 1035 draws them. */
#define QUERY(name, type) \
	"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" name "\x00\x00" type "\x00\x01"
#define ANSWER(name)                                                                   \
	"\x12\x34\x81\x83\x00\x01\x00\x01\x00\x00\x00\x00" name "\x00\x00\x01\x00\x01" \
	"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04\x01\x02\x03\x04"
#define WWW           \
	"\x03www\x07" \
	"example\x03" \
	"com"

static void told_of(struct told *t, const struct step *steps, size_t n, bool udp, uint16_t port,
                    const char *const *lines)
{
	tell_all(t, steps, n, NULL, udp, port);
	assert_told(t, lines);
	buf_done(&t->out);
}

static void questions_and_answers_over_udp(void **state)
{
	(void)state;
	static const struct step steps[] = { SAYS(CLIENT, QUERY(WWW, "\x1c")),
		                             SAYS(SERVER, ANSWER(WWW)) };
	struct told t = { 0 };
	told_of(&t, steps, 2, true, 53,
	        (const char *[]){ "is dns", "0 client done", "dns.query \"www.example.com\"",
	                          "number 0 is 0", "number 2 is 28", "0 ended", "1 server done",
	                          "dns.query \"www.example.com\"", "number 1 is 3", "1 ended",
	                          NULL });
	told_of(&t, steps, 2, true, 5353, (const char *[]){ "is dns", NULL });
}

static void messages_over_tcp_however_they_are_cut(void **state)
{
	(void)state;
	static const struct step steps[] = {
		SAYS(CLIENT,
		     "\x00\x21" QUERY(WWW, "\x01") "\x00\x14" QUERY("\x02ya", "\x0f") "\x00\x21"),
		SAYS(SERVER, "\x00\x31" ANSWER(WWW)),
		SAYS(CLIENT, QUERY(WWW, "\x10")),
	};
	struct told t = { 0 };
	told_of(&t, steps, 3, false, 53,
	        (const char *[]){ "is dns", "0 client done", "1 client done", "dns.query \"ya\"",
	                          "2 server done", "3 client done", "number 2 is 16", NULL });
}

static void what_is_malformed_is_told(void **state)
{
	(void)state;
	static const struct {
		struct step step;
		const char *odd;
	} cases[] = {
		{ SAYS(CLIENT, QUERY("\xc0\x0c", "\x01")), "dns.name_compression_loop" },
		{ SAYS(CLIENT, QUERY("\x01"
		                     "a\xc0\x0c",
		                     "\x01")),
		  "dns.name_compression_loop" },
		{ SAYS(CLIENT, QUERY("\xc0\xff", "\x01")), "dns.name_compression_loop" },
		{ SAYS(CLIENT, QUERY("\x3f"
		                     "short",
		                     "\x01")),
		  "dns.malformed_data" },
		{ SAYS(CLIENT, ANSWER(WWW)), "dns.not_request" },
		{ SAYS(SERVER, QUERY(WWW, "\x01")), "dns.not_response" },
		{ SAYS(CLIENT,
		       "\x12\x34\x79\x40\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01"),
		  "dns.invalid_opcode" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct told t = { 0 };
		told_of(&t, &cases[i].step, 1, true, 53, (const char *[]){ cases[i].odd, NULL });
	}
}

static void other_datagrams_are_not_taken_for_it(void **state)
{
	(void)state;
	static const struct step steps[] = { SAYS(
		CLIENT, "\x17\x00\x03\x2a\x00\x00\x00\x00 not a question") };
	struct told t = { 0 };
	told_of(&t, steps, 1, true, 123, (const char *[]){ "is failed", "over", NULL });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_and_answers_over_udp),
		cmocka_unit_test(messages_over_tcp_however_they_are_cut),
		cmocka_unit_test(what_is_malformed_is_told),
		cmocka_unit_test(other_datagrams_are_not_taken_for_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
