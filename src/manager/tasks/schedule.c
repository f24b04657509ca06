#include "manager/tasks/schedule.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/zone.h"
#include "manager/tasks/recurrence.h"

enum { WORKDAYS = 0x3e, ONE_AM_S = 3600, INTERVAL_MAX = 3650 };

#define DAYS "sunday|monday|tuesday|wednesday|thursday|friday|saturday"
/* The misspelt month is in the vendor's description; both spellings are taken. */
#define MONTHS \
	"january|feburary|february|march|april|may|june|july|august|september|october|november|december"

/* clang-format off */
static const struct field hourly[] = {
	{ "minutesPastTheHour", T_CHOICE, F_NOT_SEARCHED, "0|5|10|15|20|25|30|35|40|45|50|55", "\"0\"", .doc = "when in the hour" },
	{ 0 },
};

#define START { "startTime", T_TIME, F_NOT_SEARCHED, .doc = "the first time it may run; its time of day is that of all runs. Absent: 01:00" }
static const struct field daily[] = {
	START,
	{ "frequencyType",  T_CHOICE, F_NOT_SEARCHED, "everyday|weekdays|custom", "\"everyday\"", .doc = "weekdays: Monday to Friday" },
	{ "customInterval", T_INT,    F_NOT_SEARCHED, .min = 1, .max = INTERVAL_MAX, .doc = "custom: every so many days" },
	{ 0 },
};

static const struct field weekly[] = {
	START,
	{ "interval", T_INT,     F_NOT_SEARCHED, .otherwise = "1", .min = 1, .max = INTERVAL_MAX, .doc = "every so many weeks" },
	{ "days",     T_CHOICES, F_NOT_SEARCHED, DAYS, .doc = "on these days" },
	{ 0 },
};

static const struct field monthly[] = {
	START,
	{ "frequencyType", T_CHOICE,  F_NOT_SEARCHED, "day-of-month|last-day-of-month|custom", "\"day-of-month\"", .doc = "custom: by week and weekday" },
	{ "dayOfMonth",    T_INT,     F_NOT_SEARCHED, .min = 1, .max = 31, .doc = "months that are shorter are skipped" },
	{ "weekOfMonth",   T_CHOICE,  F_NOT_SEARCHED, "first|second|third|fourth|last", .doc = "custom" },
	{ "dayOfWeek",     T_CHOICE,  F_NOT_SEARCHED, DAYS, .doc = "custom" },
	{ "months",        T_CHOICES, F_NOT_SEARCHED, MONTHS, .doc = "in these months; absent: in all" },
	{ 0 },
};

static const struct field once[] = { START, { 0 } };

const struct field schedule_details[] = {
	{ "timeZone",        T_TEXT,   F_NOT_SEARCHED, .otherwise = "\"UTC\"", .max = 64, .doc = "a name of the tz database" },
	{ "recurrenceType",  T_CHOICE, F_NOT_SEARCHED, "none|hourly|daily|weekly|monthly", "\"none\"", .doc = "none: once" },
	{ "recurrenceCount", T_INT,    F_NOT_SEARCHED, .otherwise = "1", .min = 0, .max = INTERVAL_MAX, .doc = "the interval of daily and weekly runs where their own is absent" },
	{ "hourlyScheduleParameters",   T_OBJECT, F_NOT_SEARCHED, .members = hourly,  .doc = "" },
	{ "dailyScheduleParameters",    T_OBJECT, F_NOT_SEARCHED, .members = daily,   .doc = "" },
	{ "weeklyScheduleParameters",   T_OBJECT, F_NOT_SEARCHED, .members = weekly,  .doc = "" },
	{ "monthlyScheduleParameters",  T_OBJECT, F_NOT_SEARCHED, .members = monthly, .doc = "" },
	{ "onceOnlyScheduleParameters", T_OBJECT, F_NOT_SEARCHED, .members = once,    .doc = "" },
	{ 0 },
};
/* clang-format on */

/* The number of a word in a list of choices, or -1. */
static int position(const char *choices, const char *word)
{
	int i = 0;
	for (struct str rest = str_of(choices); rest.p; i++)
		if (str_is(str_cut(&rest, '|'), word))
			return i;
	return -1;
}

static unsigned days_in(const json_t *list)
{
	unsigned bits = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		int day = position(DAYS, json_string_value(json_array_get(list, i)));
		bits |= day >= 0 ? 1u << day : 0;
	}
	return bits;
}

static unsigned months_in(const json_t *list)
{
	unsigned bits = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		int month = position(MONTHS, json_string_value(json_array_get(list, i)));
		if (month >= 0)
			bits |= 1u << (month < 2 ? month : month - 1);
	}
	return bits ? bits : ALL_MONTHS;
}

static unsigned number(const json_t *o, const char *key, int64_t otherwise)
{
	int64_t v = json_int(o, key, otherwise);
	return v > 0 ? (unsigned)v : 1;
}

static void read_daily(const json_t *details, const json_t *p, struct recurrence *r)
{
	const char *type = json_text(p, "frequencyType", "everyday");
	r->days = strcmp(type, "weekdays") == 0 ? WORKDAYS : ALL_DAYS;
	if (strcmp(type, "custom") == 0)
		r->interval = number(p, "customInterval", json_int(details, "recurrenceCount", 1));
}

static void read_weekly(const json_t *details, const json_t *p, struct recurrence *r)
{
	r->interval = number(p, "interval", json_int(details, "recurrenceCount", 1));
	r->days = days_in(json_array_at(p, "days"));
}

static void read_monthly(const json_t *details, const json_t *p, struct recurrence *r)
{
	static const char *const types = "day-of-month|last-day-of-month|custom";
	int week = position("first|second|third|fourth|last", json_text(p, "weekOfMonth", "")),
	    type = position(types, json_text(p, "frequencyType", "day-of-month"));
	(void)details;
	r->month = type > 0 ? (enum month_kind)type : MONTH_DAY;
	r->day = number(p, "dayOfMonth", 1);
	r->week = week < 0 ? 1 : (unsigned)week + 1;
	int day = position(DAYS, json_text(p, "dayOfWeek", ""));
	r->weekday = day < 0 ? 0 : (unsigned)day;
	r->months = months_in(json_array_at(p, "months"));
}

static void read_hourly(const json_t *details, const json_t *p, struct recurrence *r)
{
	uint64_t minute = 0;
	(void)details;
	str_u64(str_of(json_text(p, "minutesPastTheHour", "0")), 0, 59, &minute);
	r->minute = (unsigned)minute;
}

static void read_once(const json_t *details, const json_t *p, struct recurrence *r)
{
	(void)details, (void)p, (void)r;
}

static const struct {
	const char *word, *parameters;
	enum recurrence_kind kind;
	void (*read)(const json_t *details, const json_t *p, struct recurrence *r);
} kinds[] = {
	{ "none", "onceOnlyScheduleParameters", RECUR_ONCE, read_once },
	{ "hourly", "hourlyScheduleParameters", RECUR_HOURLY, read_hourly },
	{ "daily", "dailyScheduleParameters", RECUR_DAILY, read_daily },
	{ "weekly", "weeklyScheduleParameters", RECUR_WEEKLY, read_weekly },
	{ "monthly", "monthlyScheduleParameters", RECUR_MONTHLY, read_monthly },
};

static int recurrence_of(const json_t *details, struct zone **zone, struct recurrence *out,
                         struct err *why)
{
	const char *type = json_text(details, "recurrenceType", "none");
	int rc = zone_open(json_text(details, "timeZone", "UTC"), zone, why);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].word, type) != 0)
			continue;
		const json_t *p = json_object_at(details, kinds[i].parameters);
		*out = (struct recurrence){ .kind = kinds[i].kind, .zone = *zone, .interval = 1 };
		int64_t start = json_int(p, "startTime", -1);
		out->start = start >= 0 ? start / 1000 : zone_utc(*zone, ONE_AM_S);
		kinds[i].read(details, p, out);
	}
	return 0;
}

int schedule_check(const json_t *details, struct err *why)
{
	AUTO(zone_freep) struct zone *zone = NULL;
	struct recurrence r = { 0 };
	struct err reason = { { 0 } };
	int64_t next = 0;
	if (recurrence_of(details, &zone, &r, &reason) < 0)
		return err_set(why, -EINVAL, "Invalid timeZone: %s.", reason.text);
	if (r.kind == RECUR_WEEKLY && !r.days)
		return err_set(why, -EINVAL, "days is required for a weekly schedule.");
	if (r.kind != RECUR_ONCE && !recurrence_next(&r, 0, &next))
		return err_set(why, -EINVAL, "The schedule has no day on which it would run.");
	return 0;
}

int schedule_next(const json_t *details, int64_t after_ms, int n, int64_t out[])
{
	AUTO(zone_freep) struct zone *zone = NULL;
	struct recurrence r = { 0 };
	int64_t at = after_ms / 1000;
	int i = 0;
	if (recurrence_of(details, &zone, &r, NULL) < 0)
		return 0;
	for (; i < n && recurrence_next(&r, at, &at); i++)
		out[i] = at * 1000;
	return i;
}
