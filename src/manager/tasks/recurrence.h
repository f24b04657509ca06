#pragma once
#include <stdbool.h>
#include <stdint.h>

struct zone;

enum recurrence_kind { RECUR_ONCE, RECUR_HOURLY, RECUR_DAILY, RECUR_WEEKLY, RECUR_MONTHLY };
enum month_kind { MONTH_DAY, MONTH_LAST_DAY, MONTH_WEEKDAY };
enum { WEEK_LAST = 5, ALL_DAYS = 0x7f, ALL_MONTHS = 0xfff };

/*
 * When something recurs, in one time zone. Pure: it asks no clock. Times are seconds since the
 * epoch. A local time that a change of the clock skips is taken at the instant of the change; one
 * that it shows twice, the first time only.
 */
struct recurrence {
	enum recurrence_kind kind;
	const struct zone *zone; /* borrowed */
	/* The first time it may run; its local time of day is that of all runs. */
	int64_t start;
	unsigned minute;   /* hourly: past the hour */
	unsigned interval; /* every so many days or weeks; 1 and more, counted from start */
	unsigned days;     /* daily, weekly: bit 0 is Sunday */
	enum month_kind month;
	unsigned day;     /* of the month; one that a month has not is skipped there */
	unsigned week;    /* first to fourth, WEEK_LAST */
	unsigned weekday; /* 0 is Sunday */
	unsigned months;  /* bit 0 is January */
};

/* The first run after `after`; false when there is none any more. */
bool recurrence_next(const struct recurrence *r, int64_t after, int64_t *out);
