#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"

static void bad_json_is_refused_with_its_place(void **state)
{
	(void)state;
	const struct {
		const char *why;
		struct str in;
		const char *place;
	} cases[] = {
		{ "nothing", STR(""), "line 1" },
		{ "a duplicate key", STR("{\"a\":1,\n\"a\":2}"), "line 2" },
		{ "no UTF-8", STR("{\"a\":\"\xff\"}"), "line 1" },
		{ "NUL in a text", STR("[\"\\u0000\"]"), "line 1" },
		{ "NUL in the text", STR("[1\0]"), "line 1" },
		{ "something behind", STR("{}\n\n{}"), "line 3" },
		{ "a bare value", STR("1"), "line 1" },
		{ "too big a number", STR("[99999999999999999999]"), "line 1" },
		{ "cut", STR("{\"a\":"), "line 1" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err why = { { 0 } };
		if (json_parse(cases[i].in, &why) || !strstr(why.text, cases[i].place))
			fail_msg("%s: %s", cases[i].why, why.text);
	}
}

static void nesting_is_bounded(void **state)
{
	(void)state;
	struct err why = { { 0 } };
	char deep[2 * 65 + 1];
	memset(deep, '[', 65);
	memset(deep + 65, ']', 65);
	assert_null(json_parse((struct str){ deep, 130 }, &why));
	assert_string_equal(why.text, "JSON line 1, column 65: nested too deep");
	AUTO(json_decrefp) json_t *j = json_parse((struct str){ deep + 1, 128 }, &why);
	assert_non_null(j);
	/* Brackets in a text are no nesting. */
	deep[0] = '[';
	deep[1] = '"';
	memset(deep + 2, '[', 126);
	deep[2] = '\\';
	deep[3] = '"';
	deep[128] = '"';
	deep[129] = ']';
	AUTO(json_decrefp) json_t *text = json_parse((struct str){ deep, 130 }, &why);
	assert_non_null(text);
}

static void a_message_about_bad_json_is_one_clean_line(void **state)
{
	(void)state;
	struct err why = { { 0 } };
	assert_null(json_parse(STR("[\x1b[2J\n"), &why));
	for (const char *p = why.text; *p; p++)
		assert_true((unsigned char)*p >= 0x20);
}

static void members_are_taken_by_kind(void **state)
{
	(void)state;
	AUTO(json_decrefp)
	json_t *j = json_parse(STR("{\"b\":true,\"n\":3,\"t\":\"x\",\"o\":{},\"a\":[]}"), NULL);
	assert_true(json_bool(j, "b", false));
	assert_true(json_bool(j, "n", true));
	assert_int_equal(json_int(j, "n", 0), 3);
	assert_int_equal(json_int(j, "b", 7), 7);
	assert_string_equal(json_text(j, "t", ""), "x");
	assert_string_equal(json_text(j, "n", "other"), "other");
	assert_non_null(json_object_at(j, "o"));
	assert_null(json_object_at(j, "a"));
	assert_non_null(json_array_at(j, "a"));
	assert_null(json_array_at(j, "absent"));
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, j);
	assert_string_equal(b.p, "{\"b\":true,\"n\":3,\"t\":\"x\",\"o\":{},\"a\":[]}");
}

static void any_bytes_can_be_a_member(void **state)
{
	(void)state;
	AUTO(json_decrefp) json_t *j = json_object();
	json_set_bytes(j, "bytes", STR("a\xff\n"));
	json_set_bytes(j, "none", (struct str){ 0 });
	json_set_text(j, "text", "a\n\\");
	json_set_text(j, "broken", "\xff");
	json_set_int(j, "n", INT64_MIN);
	json_set_bool(j, "b", false);
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, j);
	assert_string_equal(b.p,
	                    "{\"bytes\":\"a\\\\xFF\\\\x0A\",\"none\":\"\",\"text\":\"a\\n\\\\\","
	                    "\"broken\":\"\\\\xFF\",\"n\":-9223372036854775808,\"b\":false}");
}

static void text_is_written_as_it_is_read(void **state)
{
	static const char *const texts[] = {
		"", "plain", "a\"b\\c/d", "\n\t\r\b\f\x01\x1f", "櫓 \xf0\x9f\x8f\xaf", "\"", "\\"
	};
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		json_write_text(&b, str_of(texts[i]));
		json_t *back = json_loadb(b.p, b.n, JSON_DECODE_ANY, NULL);
		assert_string_equal(json_string_value(back), texts[i]);
		json_decref(back);
	}
	AUTO(buf_done) struct buf b = { 0 }, want = { 0 };
	json_write_text(&b, STR("bad \xff byte"));
	AUTO(json_decrefp) json_t *o = json_object();
	json_set_bytes(o, "x", STR("bad \xff byte"));
	json_write(&want, json_object_get(o, "x"));
	assert_true(str_eq(buf_view(&b), buf_view(&want)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_json_is_refused_with_its_place),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(a_message_about_bad_json_is_one_clean_line),
		cmocka_unit_test(members_are_taken_by_kind),
		cmocka_unit_test(text_is_written_as_it_is_read),
		cmocka_unit_test(any_bytes_can_be_a_member),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
