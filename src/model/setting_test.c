#include <errno.h>
#include <stdio.h>

#include "base/auto.h"
#include "base/test.h"
#include "model/setting.h"

static unsigned count(enum setting_scope scope, unsigned without)
{
	unsigned n = 0;
	for (const struct setting *s = all_settings; s->name; s++)
		n += setting_in(s, scope) && !(s->flags & without);
	return n;
}

/* rest-api.md section 10. */
static void there_are_as_many_as_clients_know(void **state)
{
	(void)state;
	assert_int_equal(count(SCOPE_POLICY, SF_OURS | SF_LATER), 222);
	assert_int_equal(count(SCOPE_DEFAULT, SF_OURS | SF_LATER), 231);
	assert_int_equal(count(SCOPE_SYSTEM, 0), 207);
}

static void names_are_unique_and_found(void **state)
{
	(void)state;
	for (const struct setting *s = all_settings; s->name; s++) {
		assert_ptr_equal(setting_find(s->scope, s->name), s);
		assert_non_null(strstr(s->name, "Setting"));
		assert_true(*s->doc);
	}
	assert_null(setting_find(SCOPE_POLICY, "antiMalwareSettingState"));
	assert_non_null(setting_find(SCOPE_DEFAULT, "antiMalwareSettingState"));
	assert_non_null(setting_find(SCOPE_DEFAULT, "platformSettingHeartbeatInterval"));
	assert_null(setting_find(SCOPE_SYSTEM, "platformSettingHeartbeatInterval"));
	assert_null(setting_find(SCOPE_POLICY, ""));
}

static bool takes(const struct setting *s, const char *in, const char *out)
{
	AUTO(freep) char *value = NULL;
	struct err why = { { 0 } };
	int rc = setting_take(s, str_of(in), &value, &why);
	bool as_told = out ? rc == 0 && strcmp(value, out) == 0 : rc == -EINVAL && !value;
	if (!as_told || (rc < 0 && !strstr(why.text, s->name)))
		print_error("%s: \"%s\" gives \"%s\" (%s)\n", s->name, in, value ? value : "-",
		            why.text);
	return as_told && (rc == 0 || strstr(why.text, s->name));
}

static void every_default_is_a_right_value(void **state)
{
	(void)state;
	for (const struct setting *s = all_settings; s->name; s++)
		assert_true(takes(s, s->otherwise, s->otherwise));
}

/* Each default is right by its own rule too, not only because it is the default. */
static void every_default_keeps_the_rule(void **state)
{
	(void)state;
	for (const struct setting *s = all_settings; s->name; s++) {
		struct setting other = *s;
		AUTO(freep) char *value = NULL;
		struct err why = { { 0 } };
		other.otherwise = "\x01";
		int rc = setting_take(&other, str_of(s->otherwise), &value, &why);
		if (rc < 0)
			print_error("%s\n", why.text);
		assert_int_equal(rc, 0);
		assert_true(str_eq_nocase(str_of(value), str_of(s->otherwise)));
	}
}

static void upper(char *text, struct str from)
{
	for (size_t i = 0; i < from.n; i++)
		text[i] = (char)(from.p[i] >= 'a' && from.p[i] <= 'z' ? from.p[i] - 32 : from.p[i]);
	text[from.n] = '\0';
}

static void every_choice_is_taken_in_any_case(void **state)
{
	(void)state;
	for (const struct setting *s = all_settings; s->name; s++) {
		if (s->type != ST_CHOICE && s->type != ST_BOOL)
			continue;
		for (struct str rest = str_of(s->choices); rest.p;) {
			AUTO(freep) char *one = str_dup(str_cut(&rest, '|'));
			char loud[200];
			upper(loud, str_of(one));
			assert_true(takes(s, one, one));
			assert_true(takes(s, loud, one));
		}
		assert_true(takes(s, "no such choice", NULL));
		assert_true(takes(s, "", NULL));
	}
}

static void every_number_keeps_its_bounds(void **state)
{
	(void)state;
	for (const struct setting *s = all_settings; s->name; s++) {
		unsigned long long min, max;
		char text[40];
		if (s->type != ST_INT)
			continue;
		struct str rest = str_of(s->choices);
		uint64_t low = 0, high = 0;
		assert_int_equal(str_u64(str_cut(&rest, '|'), 0, UINT32_MAX, &low), 0);
		assert_int_equal(str_u64(rest, low, UINT32_MAX, &high), 0);
		min = low;
		max = high;
		snprintf(text, sizeof(text), "%llu", min);
		assert_true(takes(s, text, text));
		snprintf(text, sizeof(text), " %llu ", max);
		AUTO(freep) char *trimmed = str_dup(str_trim(str_of(text)));
		assert_true(takes(s, text, trimmed));
		snprintf(text, sizeof(text), "%llu", max + 1);
		assert_true(takes(s, text, NULL));
		snprintf(text, sizeof(text), "%lld", (long long)min - 1);
		assert_true(takes(s, text, NULL));
		assert_true(takes(s, "1.5", NULL));
		assert_true(takes(s, "many", NULL));
	}
}

static void every_time_keeps_its_bounds(void **state)
{
	(void)state;
	for (const struct setting *s = all_settings; s->name; s++) {
		char text[40];
		if (s->type != ST_SPAN)
			continue;
		struct str rest = str_of(s->choices);
		uint64_t min = 0, max = 0;
		assert_int_equal(str_u64(str_cut(&rest, '|'), 0, UINT32_MAX, &min), 0);
		assert_int_equal(str_u64(str_cut(&rest, '|'), min, UINT32_MAX, &max), 0);
		snprintf(text, sizeof(text), "%llu Seconds", (unsigned long long)max);
		assert_true(takes(s, text, text));
		snprintf(text, sizeof(text), "%llu Seconds", (unsigned long long)max + 1);
		assert_true(takes(s, text, NULL));
		snprintf(text, sizeof(text), "%llu Seconds", (unsigned long long)min - 1);
		assert_true(takes(s, text, NULL));
		assert_true(takes(s, "10 Fortnights", NULL));
		assert_true(takes(s, "10", NULL));
		assert_true(takes(s, "", NULL));
		if (rest.p)
			assert_true(takes(s, "NEVER", "Never"));
	}
}

static void every_text_has_an_end(void **state)
{
	(void)state;
	for (const struct setting *s = all_settings; s->name; s++) {
		uint64_t max = 0;
		if (s->type != ST_TEXT && s->type != ST_SECRET)
			continue;
		assert_int_equal(str_u64(str_of(s->choices), 1, 1000000, &max), 0);
		AUTO(freep) char *text = xcalloc(1, max + 2);
		memset(text, 'x', max);
		assert_true(takes(s, text, text));
		text[max] = 'x';
		assert_true(takes(s, text, NULL));
		assert_true(takes(s, "\xff", NULL));
	}
}

static void ids_and_ports_are_looked_at(void **state)
{
	(void)state;
	for (const struct setting *s = all_settings; s->name; s++) {
		if (s->type == ST_ID) {
			assert_true(takes(s, "", ""));
			assert_true(takes(s, "17", "17"));
			assert_true(takes(s, "-1", NULL));
			assert_true(takes(s, "one", NULL));
		} else if (s->type == ST_PORTS) {
			assert_true(takes(s, "80,8000-8080", "80,8000-8080"));
			assert_true(takes(s, "9-8", NULL));
			assert_true(takes(s, "70000", NULL));
			assert_true(takes(s, "80,,81", NULL));
		}
	}
}

static void words_for_true_are_told_in_the_settings_own(void **state)
{
	(void)state;
	const struct setting *yes = setting_find(
		SCOPE_POLICY, "intrusionPreventionSettingAutoApplyRecommendationsEnabled");
	const struct setting *on =
		setting_find(SCOPE_POLICY, "activityMonitoringSettingActivityEnabled");
	const struct setting *t = setting_find(SCOPE_POLICY, "antiMalwareSettingFileHashEnabled");
	assert_true(takes(yes, "true", "Yes"));
	assert_true(takes(yes, "off", "No"));
	assert_true(takes(on, "Yes", "On"));
	assert_true(takes(on, "FALSE", "Off"));
	assert_true(takes(t, "on", "true"));
	assert_true(takes(t, "No", "false"));
}

static void times_are_written_with_the_right_plural(void **state)
{
	(void)state;
	const struct setting *s =
		setting_find(SCOPE_POLICY, "firewallSettingEngineOptionEstablishedTimeout");
	assert_true(takes(s, "1 hours", "1 Hour"));
	assert_true(takes(s, "2 hour", "2 Hours"));
	assert_true(takes(s, "2  MINUTES", "2 Minutes"));
}

static void bad_values_are_told_in_exact_words(void **state)
{
	static const struct {
		enum setting_scope scope;
		const char *name, *value, *told;
	} rows[] = {
		{ SCOPE_POLICY, "antiMalwareSettingFileHashSizeMaxMbytes", "63",
		  "Invalid value for antiMalwareSettingFileHashSizeMaxMbytes. It must be a number from 64 to 512." },
		{ SCOPE_POLICY, "webReputationSettingSecurityLevel", "Highest",
		  "Invalid value for webReputationSettingSecurityLevel. It must be one of High|Medium|Low." },
		{ SCOPE_POLICY, "webReputationSettingAlertingEnabled", "perhaps",
		  "Invalid value for webReputationSettingAlertingEnabled. It must be one of true|false." },
		{ SCOPE_SYSTEM, "platformSettingRetainServerLogDuration", "soon",
		  "Invalid value for platformSettingRetainServerLogDuration. It must be a time such as 7 Days, from 86400 to "
		  "315360000 seconds, or Never." },
		{ SCOPE_SYSTEM, "platformSettingSyslogConfigId", "x",
		  "Invalid value for platformSettingSyslogConfigId. It must be the number of an object, or empty." },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(freep) char *value = NULL;
		struct err why = { { 0 } };
		assert_int_equal(setting_take(setting_find(rows[i].scope, rows[i].name),
		                              str_of(rows[i].value), &value, &why),
		                 -EINVAL);
		assert_string_equal(why.text, rows[i].told);
	}
}

static void durations_are_understood(void **state)
{
	(void)state;
	assert_int_equal(setting_seconds(STR("10 Minutes")), 600);
	assert_int_equal(setting_seconds(STR("1 Hour")), 3600);
	assert_int_equal(setting_seconds(STR("53 weeks")), 53 * 604800);
	assert_int_equal(setting_seconds(STR("Never")), 0);
	assert_int_equal(setting_seconds(STR("ten Minutes")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_are_as_many_as_clients_know),
		cmocka_unit_test(names_are_unique_and_found),
		cmocka_unit_test(every_default_is_a_right_value),
		cmocka_unit_test(every_default_keeps_the_rule),
		cmocka_unit_test(every_choice_is_taken_in_any_case),
		cmocka_unit_test(every_number_keeps_its_bounds),
		cmocka_unit_test(every_time_keeps_its_bounds),
		cmocka_unit_test(every_text_has_an_end),
		cmocka_unit_test(ids_and_ports_are_looked_at),
		cmocka_unit_test(words_for_true_are_told_in_the_settings_own),
		cmocka_unit_test(times_are_written_with_the_right_plural),
		cmocka_unit_test(bad_values_are_told_in_exact_words),
		cmocka_unit_test(durations_are_understood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
