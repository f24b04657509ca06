#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/civil.h"
#include "base/test.h"
#include "base/zone.h"
#include "manager/tasks/recurrence.h"

/* The C library is the judge: it reads the same database by other code. */

enum { YEARS = 10 };

static struct zone *zone(const char *name)
{
	struct zone *z = NULL;
	struct err why = { { 0 } };
	assert_int_equal(zone_open(name, &z, &why), 0);
	setenv("TZ", name, 1);
	tzset();
	return z;
}

static struct tm local(int64_t t)
{
	time_t at = (time_t)t;
	struct tm tm;
	localtime_r(&at, &tm);
	return tm;
}

static int64_t utc(int y, int m, int d, int h, int min)
{
	return days_of((struct date){ y, m, d }) * DAY_S + h * 3600LL + min * 60LL;
}

static const char *const zones[] = { "UTC",           "Asia/Tokyo",          "America/New_York",
	                             "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago",
	                             "Asia/Kolkata",  "Pacific/Apia",        "Africa/Casablanca",
	                             "Europe/Dublin", "America/St_Johns" };

static void the_calendar_is_right(void **state)
{
	(void)state;
	for (int64_t day = -200000; day < 200000; day += 37) {
		struct date d = date_of(day);
		time_t t = (time_t)(day * DAY_S);
		struct tm tm;
		gmtime_r(&t, &tm);
		assert_int_equal(d.year, tm.tm_year + 1900);
		assert_int_equal(d.month, tm.tm_mon + 1);
		assert_int_equal(d.day, tm.tm_mday);
		assert_int_equal(weekday_of(day), tm.tm_wday);
		assert_int_equal(days_of(d), day);
	}
}

static void offsets_are_those_of_the_c_library(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		AUTO(zone_freep) struct zone *z = zone(zones[i]);
		/* From long ago until far behind the table's last transition. */
		for (int64_t t = utc(1975, 1, 1, 0, 0); t < utc(2090, 1, 1, 0, 0); t += 32977)
			assert_int_equal(zone_offset(z, t), local(t).tm_gmtoff);
	}
}

static void a_local_time_leads_back_to_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		AUTO(zone_freep) struct zone *z = zone(zones[i]);
		for (int64_t t = utc(2026, 1, 1, 0, 0); t < utc(2029, 1, 1, 0, 0); t += 907) {
			int64_t l = t + zone_offset(z, t), back = zone_utc(z, l);
			/* The same, or the earlier one of two. */
			assert_int_equal(back + zone_offset(z, back), l);
			assert_true(back <= t);
		}
	}
}

static void a_name_that_is_no_zone_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",     "Mars/Olympus", "../../../etc/passwd", "/etc/localtime",
		"Asia", "Asia/",        "Europe//Berlin"
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct zone *z = NULL;
		struct err why = { { 0 } };
		assert_int_equal(zone_open(bad[i], &z, &why), -EINVAL);
		assert_non_null(strstr(why.text, "zone"));
		assert_null(z);
	}
}

static void every_day_runs_once_over_ten_years(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		for (int minute = 0; minute < 240; minute += 30) {
			AUTO(zone_freep) struct zone *z = zone(zones[i]);
			int64_t start = zone_utc(z, utc(2026, 1, 1, 0, minute)), t = start - 1;
			struct recurrence r = { .kind = RECUR_DAILY,
				                .zone = z,
				                .start = start,
				                .interval = 1,
				                .days = ALL_DAYS };
			int64_t first = days_of((struct date){ 2026, 1, 1 });
			int days = (int)(days_of((struct date){ 2026 + YEARS, 1, 1 }) - first);
			for (int k = 0; k < days; k++) {
				int64_t next = 0;
				assert_true(recurrence_next(&r, t, &next));
				assert_true(next > t);
				struct tm tm = local(next), prior = local(next - 1);
				struct date d = date_of(first + k);
				assert_int_equal(tm.tm_mday, d.day);
				/* At its time; or the time was skipped and the clock just jumped
				 * over it. */
				int at = tm.tm_hour * 60 + tm.tm_min;
				if (at != minute) {
					assert_true(prior.tm_gmtoff < tm.tm_gmtoff);
					assert_true(at > minute);
				}
				t = next;
			}
		}
	}
}

static void a_skipped_time_runs_when_the_clock_jumps(void **state)
{
	(void)state;
	AUTO(zone_freep) struct zone *z = zone("America/New_York");
	struct recurrence r = { .kind = RECUR_DAILY,
		                .zone = z,
		                .interval = 1,
		                .days = ALL_DAYS,
		                .start = utc(2026, 1, 1, 7, 30) };
	int64_t next = 0;
	assert_true(recurrence_next(&r, utc(2026, 3, 7, 7, 30), &next));
	assert_int_equal(next, utc(2026, 3, 8, 7, 0)); /* 03:00 EDT, there is no 02:30 */
	assert_true(recurrence_next(&r, next, &next));
	assert_int_equal(next, utc(2026, 3, 9, 6, 30));
}

static void a_doubled_time_runs_once(void **state)
{
	(void)state;
	AUTO(zone_freep) struct zone *z = zone("America/New_York");
	struct recurrence r = { .kind = RECUR_DAILY,
		                .zone = z,
		                .interval = 1,
		                .days = ALL_DAYS,
		                .start = utc(2026, 1, 1, 6, 30) };
	int64_t next = 0;
	assert_true(recurrence_next(&r, utc(2026, 10, 31, 5, 30), &next));
	assert_int_equal(next, utc(2026, 11, 1, 5, 30)); /* 01:30 EDT, not 01:30 EST too */
	assert_true(recurrence_next(&r, next, &next));
	assert_int_equal(next, utc(2026, 11, 2, 6, 30));
}

static void every_hour_of_the_clock_runs_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		AUTO(zone_freep) struct zone *z = zone(zones[i]);
		struct recurrence r = { .kind = RECUR_HOURLY, .zone = z, .minute = 20 };
		int64_t t = utc(2026, 1, 1, 0, 0);
		while (t < utc(2026 + YEARS, 1, 1, 0, 0)) {
			int64_t next = 0;
			assert_true(recurrence_next(&r, t, &next));
			assert_true(next > t && next - t <= 2 * 3600 + 1800);
			struct tm tm = local(next), prior = local(next - 1);
			if (tm.tm_min != 20)
				assert_true(prior.tm_gmtoff < tm.tm_gmtoff);
			t = next;
		}
	}
}

static int64_t nth(struct recurrence *r, int64_t after, int n)
{
	int64_t t = after;
	for (int i = 0; i < n; i++)
		assert_true(recurrence_next(r, t, &t));
	return t;
}

static void every_kind_of_recurrence_has_its_days(void **state)
{
	(void)state;
	AUTO(zone_freep) struct zone *z = zone("Asia/Tokyo");
	int64_t start = utc(2026, 1, 1, 0, 0); /* a Thursday, 09:00 in Tokyo */
	static const struct {
		const char *why;
		struct recurrence r;
		int n;
		struct date date;
	} cases[] = {
		{ "every third day",
		  { RECUR_DAILY, .interval = 3, .days = ALL_DAYS },
		  4,
		  { 2026, 1, 10 } },
		{ "weekdays pass the weekend",
		  { RECUR_DAILY, .interval = 1, .days = 0x3e },
		  3,
		  { 2026, 1, 5 } },
		{ "Monday and Friday of every second week",
		  { RECUR_WEEKLY, .interval = 2, .days = 0x22 },
		  3,
		  { 2026, 1, 16 } },
		{ "the 31st skips short months",
		  { RECUR_MONTHLY, .day = 31, .months = ALL_MONTHS },
		  2,
		  { 2026, 3, 31 } },
		{ "the last day of February",
		  { RECUR_MONTHLY, .month = MONTH_LAST_DAY, .months = 2 },
		  3,
		  { 2028, 2, 29 } },
		{ "29 February waits for its year",
		  { RECUR_MONTHLY, .day = 29, .months = 2 },
		  1,
		  { 2028, 2, 29 } },
		{ "the second Tuesday",
		  { RECUR_MONTHLY, .month = MONTH_WEEKDAY, .week = 2, .weekday = 2,
		    .months = ALL_MONTHS },
		  3,
		  { 2026, 3, 10 } },
		{ "the last Sunday",
		  { RECUR_MONTHLY, .month = MONTH_WEEKDAY, .week = WEEK_LAST, .weekday = 0,
		    .months = ALL_MONTHS },
		  2,
		  { 2026, 2, 22 } },
		{ "the first Thursday of June and July",
		  { RECUR_MONTHLY, .month = MONTH_WEEKDAY, .week = 1, .weekday = 4,
		    .months = 0x60 },
		  2,
		  { 2026, 7, 2 } },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct recurrence r = cases[i].r;
		r.zone = z;
		r.start = start;
		struct tm tm = local(nth(&r, start - 1, cases[i].n));
		if (tm.tm_mon + 1 != cases[i].date.month || tm.tm_mday != cases[i].date.day ||
		    tm.tm_year + 1900 != cases[i].date.year || tm.tm_hour != 9)
			fail_msg("%s: %d-%d-%d %d", cases[i].why, tm.tm_year + 1900, tm.tm_mon + 1,
			         tm.tm_mday, tm.tm_hour);
	}
}

static void once_is_once(void **state)
{
	(void)state;
	AUTO(zone_freep) struct zone *z = zone("UTC");
	struct recurrence r = { .kind = RECUR_ONCE, .zone = z, .start = 1000 };
	int64_t next = 0;
	assert_true(recurrence_next(&r, 0, &next));
	assert_int_equal(next, 1000);
	assert_false(recurrence_next(&r, 1000, &next));
}

static void a_recurrence_that_never_comes_says_so(void **state)
{
	(void)state;
	AUTO(zone_freep) struct zone *z = zone("UTC");
	struct recurrence r = { .kind = RECUR_MONTHLY, .zone = z, .day = 31, .months = 2 };
	int64_t next = 0;
	assert_false(recurrence_next(&r, 0, &next));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(the_calendar_is_right),
		cmocka_unit_test(offsets_are_those_of_the_c_library),
		cmocka_unit_test(a_local_time_leads_back_to_itself),
		cmocka_unit_test(a_name_that_is_no_zone_is_refused),
		cmocka_unit_test(every_day_runs_once_over_ten_years),
		cmocka_unit_test(a_skipped_time_runs_when_the_clock_jumps),
		cmocka_unit_test(a_doubled_time_runs_once),
		cmocka_unit_test(every_hour_of_the_clock_runs_once),
		cmocka_unit_test(every_kind_of_recurrence_has_its_days),
		cmocka_unit_test(once_is_once),
		cmocka_unit_test(a_recurrence_that_never_comes_says_so),
	};
	return cmocka_run_group_tests(t, NULL, NULL);
}
