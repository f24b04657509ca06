#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "model/event_scan.h"
#include "module/module.h"

#define HEAD \
	"{\"class\":\"antimalware\",\"kind\":\"malware-found\",\"time\":12,\"unique\":\"0123456789abcdef\","
#define FIELDS "\"fields\":{\"InfectedFilePath\":\"/a b\",\"FileSize\":-7}}"

static size_t index_of(const struct event_class *class, const char *name)
{
	size_t i = 0;
	while (strcmp(class->fields[i].name, name) != 0)
		i++;
	return i;
}

static void what_an_agent_writes_is_read_in_place(void **state)
{
	(void)state;
	struct event ev = { 0 };
	struct event_value v[EVENT_VALUES_MAX];
	static const char text[] = HEAD FIELDS "],and more";
	size_t n = event_scan(str_of(text), event_classes, &ev, v);
	assert_int_equal(n, strlen(HEAD FIELDS));
	assert_string_equal(ev.kind->name, "malware-found");
	assert_int_equal(ev.time_ms, 12);
	assert_string_equal(ev.unique, "0123456789abcdef");
	assert_true(str_is(v[index_of(ev.class, "InfectedFilePath")].s, "/a b"));
	assert_int_equal(v[index_of(ev.class, "FileSize")].i, -7);
	assert_int_equal(v[index_of(ev.class, "MalwareName")].type, EVENT_VALUE_NONE);
	assert_null(ev.fields);
	assert_int_equal(event_load(&ev), 0);
	assert_string_equal(json_text(ev.fields, "InfectedFilePath", ""), "/a b");
	event_done(&ev);
}

static void what_is_written_otherwise_is_left_to_the_parser(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",
		"{}",
		HEAD "\"fields\":{\"InfectedFilePath\":\"/a\\\"b\"}}", /* an escape */
		HEAD "\"fields\":{\"FileSize\":1,\"FileSize\":2}}",    /* twice */
		HEAD "\"fields\":{\"FileSize\":01}}",
		HEAD "\"fields\":{\"FileSize\":\"1\"}}",
		HEAD "\"fields\":{\"FileSize\":1234567890123456789}}",
		HEAD "\"fields\":{\"Unknown\":1}}",
		HEAD "\"fields\":{\"FileSize\":1,}}",
		HEAD "\"fields\":{\"FileSize\":1}",
		HEAD " \"fields\":{}}",
		"{\"class\":\"antimalware\",\"kind\":\"none\",\"time\":1,\"unique\":\"0123456789abcdef\",\"fields\":{}}",
		"{\"class\":\"antimalware\",\"kind\":\"malware-found\",\"time\":1,\"unique\":\"0123\",\"fields\":{}}",
		"{\"class\":\"antimalware\",\"kind\":\"malware-found\",\"time\":-1,\"unique\":\"0123456789abcdef\",\"fields\":{}}",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct event ev = { 0 };
		struct event_value v[EVENT_VALUES_MAX];
		if (event_scan(str_of(texts[i]), event_classes, &ev, v) != 0)
			fail_msg("%s", texts[i]);
	}
}

static void a_batch_is_cut_into_its_events(void **state)
{
	(void)state;
	static const char *const good[] = { "{\"first\":5,\"events\":[]}",
		                            "{\"first\":5,\"events\":[{\"a\":\"}\\\"\"},{}]}" };
	static const char *const bad[] = {
		"{\"first\":5,\"events\":[{}",     "{\"first\":5,\"events\":[{}]} ",
		"{\"first\":5,\"events\":[,{}]}",  "{\"first\":5,\"events\":[{},]}",
		"{\"first\":5,\"events\":[{}{}]}", "{\"first\":5,\"events\":[7]}"
	};
	for (size_t i = 0; i < ARRAY_LEN(good) + ARRAY_LEN(bad); i++) {
		bool fine = i < ARRAY_LEN(good);
		const char *text = fine ? good[i] : bad[i - ARRAY_LEN(good)];
		struct event_batch b;
		int64_t first = 0;
		int rc = 1, n = 0;
		assert_true(event_batch_open(&b, str_of(text), &first));
		assert_int_equal(first, 5);
		while ((rc = event_batch_next(&b)) == 1) {
			size_t extent = event_extent(b.rest);
			assert_true(extent > 0);
			b.rest = str_skip(b.rest, extent);
			n++;
		}
		if (rc != (fine ? 0 : -EBADMSG) || (fine && n != (int)i * 2))
			fail_msg("%s: %d, %d", text, rc, n);
	}
	int64_t first = 0;
	struct event_batch b;
	assert_false(event_batch_open(&b, STR("{ \"first\":5,\"events\":[]}"), &first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_agent_writes_is_read_in_place),
		cmocka_unit_test(what_is_written_otherwise_is_left_to_the_parser),
		cmocka_unit_test(a_batch_is_cut_into_its_events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
