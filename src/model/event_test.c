#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "model/event.h"

static const struct event_class *const classes[] = { &event_class_system, NULL };

static void an_event_comes_back_as_it_was_written(void **state)
{
	(void)state;
	AUTO(event_done) struct event ev, back = { 0 };
	event_init(&ev, &event_class_system, "user-signed-in");
	event_bytes(&ev, "ActionBy", STR("a\xff"));
	event_int(&ev, "Count", 3);
	AUTO(buf_done) struct buf b = { 0 }, s = { 0 };
	event_write(&b, &ev);
	struct err why = { { 0 } };
	assert_int_equal(event_parse(buf_view(&b), classes, &back, &why), 0);
	assert_string_equal(back.unique, ev.unique);
	assert_true(back.time_ms == ev.time_ms);
	assert_true(json_equal(back.fields, ev.fields));
	event_sentence(&s, &back, "en");
	assert_string_equal(s.p, "a\\xFF signed in");
}

static void what_no_table_has_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *why, *text;
	} cases[] = {
		{ "no JSON", "{" },
		{ "an array", "[]" },
		{ "class", "{\"class\":\"x\"}" },
		{ "kind", "{\"class\":\"system\",\"kind\":\"x\"}" },
		{ "no unique",
		  "{\"class\":\"system\",\"kind\":\"activated\",\"time\":1,\"fields\":{}}" },
		{ "field", "{\"class\":\"system\",\"kind\":\"activated\",\"time\":1,\"unique\":"
		           "\"0123456789abcdef\",\"fields\":{\"Nothing\":1}}" },
		{ "type", "{\"class\":\"system\",\"kind\":\"activated\",\"time\":1,\"unique\":"
		          "\"0123456789abcdef\",\"fields\":{\"Count\":\"1\"}}" },
		{ "a hostile unique",
		  "{\"class\":\"system\",\"kind\":\"activated\",\"time\":1,\"unique\":"
		  "\"0123456789abcdef'; drop\",\"fields\":{}}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct event ev = { 0 };
		struct err why = { { 0 } };
		if (event_parse(str_of(cases[i].text), classes, &ev, &why) != -EINVAL ||
		    !why.text[0])
			fail_msg("%s was taken", cases[i].why);
	}
}

static void every_kind_speaks_both_languages_of_fields_that_exist(void **state)
{
	(void)state;
	for (const struct event_kind *k = event_class_system.kinds; k->name; k++) {
		const char *texts[] = { k->en, k->ja };
		for (int i = 0; i < 2; i++) {
			assert_non_null(texts[i]);
			for (struct str rest = str_of(texts[i]); str_cut(&rest, '{').p && rest.p;) {
				char name[64] = { 0 };
				struct str field = str_cut(&rest, '}');
				memcpy(name, field.p, field.n < 63 ? field.n : 63);
				if (!event_field_find(&event_class_system, name))
					fail_msg("%s names %s", k->name, name);
			}
		}
		assert_ptr_equal(event_kind_find(&event_class_system, k->name),
		                 k); /* no name twice */
	}
}

static void every_system_event_has_a_number_with_its_level(void **state)
{
	(void)state;
	for (const struct system_number *n = system_numbers; n[1].en; n++)
		if (n->number >= n[1].number)
			fail_msg("%u is not before %u", n->number, n[1].number);
	for (const struct event_kind *k = event_class_system.kinds; k->name; k++) {
		if (!system_number_find(k->number))
			fail_msg("%s: number %u has no title", k->name, k->number);
		for (const struct event_kind *l = k + 1; l->name; l++)
			if (k->number == l->number)
				fail_msg("%s and %s have one number", k->name, l->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_system_event_has_a_number_with_its_level),
		cmocka_unit_test(an_event_comes_back_as_it_was_written),
		cmocka_unit_test(what_no_table_has_is_refused),
		cmocka_unit_test(every_kind_speaks_both_languages_of_fields_that_exist),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
