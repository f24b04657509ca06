#include <string.h>

#include "base/auto.h"
#include "base/test.h"
#include "module/loginspection/lines.h"

/* All events of some bytes, each in brackets, and how many bytes are left. */
static void all(const struct li_lines *l, struct str bytes, bool last, struct buf *out)
{
	AUTO(buf_done) struct buf text = { 0 };
	size_t n = 0;
	while ((n = li_lines_next(l, bytes, last, &text))) {
		buf_char(out, '[');
		buf_str(out, buf_view(&text));
		buf_char(out, ']');
		bytes = str_skip(bytes, n);
	}
	buf_fmt(out, "%zu", bytes.n);
}

static void events_are_put_together_as_their_format_says(void **state)
{
	(void)state;
	static const struct {
		const char *why;
		enum li_format format;
		bool last;
		const char *bytes, *events;
	} rows[] = {
		{ "lines", LI_SYSLOG, false, "a\nb\r\n\nrest", "[a][b][]4" },
		{ "nothing", LI_SYSLOG, false, "", "0" },
		{ "an open line stays", LI_SYSLOG, true, "open", "4" },
		{ "a mark", LI_SYSLOG, false,
		  "\xef\xbb\xbf"
		  "a\n",
		  "[a]0" },
		{ "Latin-1", LI_SYSLOG, false, "caf\xe9\n", "[caf\xc3\xa9]0" },
		{ "neither", LI_SYSLOG, false, "caf\xe9\x80\n", "[caf\xe9\x80]0" },
		{ "goes on", LI_MULTI_LINE, false, "a\n b\n\tc\nd\n", "[a  b \tc]2" },
		{ "goes on, and that is all", LI_MULTI_LINE, true, "a\n b\nd\n", "[a  b][d]0" },
		{ "MySQL", LI_MYSQL, true, "2026 x\n  y\n2026 z\n", "[2026 x   y][2026 z]0" },
		{ "audit", LI_AUDIT, false,
		  "type=A msg=audit(1.2:3): x\ntype=B msg=audit(1.2:3): y\ntype=C msg=audit(1.2:4): z\n",
		  "[type=A msg=audit(1.2:3): x type=B msg=audit(1.2:3): y]27" },
		{ "no audit", LI_AUDIT, true, "a\nb\n", "[a][b]0" },
		{ "snort", LI_SNORT_FULL, false, "[**] a\nb\n\n[**] c\n\n",
		  "[[**] a b][][[**] c][]0" },
		{ "event log", LI_EVENTLOG, false,
		  "<Event>\n<x/>\n</Event>\n<Event>y</Event>\n<Event>\n",
		  "[<Event> <x/> </Event>][<Event>y</Event>]8" },
		{ "IIS", LI_IIS, false, "#Fields: a\nb\n", "[][b]0" },
		{ "multilog", LI_DJB_MULTILOG, false, "@4000000049f0f0f01a2b3c4d text\n@40 x\n",
		  "[text][@40 x]0" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_done) struct buf out = { 0 };
		const struct li_lines l = { .format = rows[i].format };
		all(&l, str_of(rows[i].bytes), rows[i].last, &out);
		if (strcmp(out.p, rows[i].events) != 0)
			fail_msg("%s: %s", rows[i].why, out.p);
	}
}

static void sixteen_bits_are_read(void **state)
{
	(void)state;
	const struct {
		const char *why;
		struct str bytes;
		enum li_encoding encoding;
		const char *events;
	} rows[] = {
		{ "little",
		  STR("\xff\xfe"
		      "a\0\xe9\0\r\0\n\0b\0"),
		  LI_UTF16LE, "[a\xc3\xa9]2" },
		{ "big", STR("\xfe\xff\0a\x30\x42\0\n"), LI_UTF16BE, "[a\xe3\x81\x82]0" },
		{ "a pair", STR("\xff\xfe\x3d\xd8\x00\xde\n\0"), LI_UTF16LE,
		  "[\xf0\x9f\x98\x80]0" },
		{ "half a pair",
		  STR("\xff\xfe\x3d\xd8"
		      "a\0\n\0"),
		  LI_UTF16LE,
		  "[\xef\xbf\xbd"
		  "a]0" },
		{ "0x0a in a byte is no newline", STR("\xff\xfe\x0a\x30\n\0"), LI_UTF16LE,
		  "[\xe3\x80\x8a]0" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_done) struct buf out = { 0 };
		assert_int_equal(li_encoding_of(rows[i].bytes), rows[i].encoding);
		const struct li_lines l = { .encoding = rows[i].encoding };
		all(&l, rows[i].bytes, false, &out);
		if (strcmp(out.p, rows[i].events) != 0)
			fail_msg("%s: %s", rows[i].why, out.p);
	}
	assert_int_equal(li_encoding_of(STR("Nov 29 10:00:00")), LI_UTF8);
	assert_int_equal(li_encoding_of(STR("2\0000\0002\0006\000-\0001\0001\000-\0002\0009\000")),
	                 LI_UTF16LE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_put_together_as_their_format_says),
		cmocka_unit_test(sixteen_bits_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
