#include "manager/tasks/recurrence.h"

#include "base/civil.h"
#include "base/zone.h"

/* A day of the month that few months have, in one month of the year, comes back after at most 8
 * years (29 February around 2100), an interval of days at most after the interval. */
enum { SEARCH_DAYS = 9 * 366, HOUR_S = 3600 };

static int64_t local_of(const struct zone *z, int64_t utc)
{
	return utc + zone_offset(z, utc);
}

/*
 * By the clock on the wall: the hour that it shows twice runs once, and the minute of one that it
 * skips runs when it jumps.
 */
static int64_t hourly(const struct recurrence *r, int64_t after)
{
	int64_t hour = floor_div(local_of(r->zone, after) - 2LL * HOUR_S, HOUR_S);
	for (int i = 0; i < 64; i++, hour++) {
		int64_t utc = zone_utc(r->zone, hour * HOUR_S + r->minute * 60LL);
		if (utc > after)
			return utc;
	}
	return after + HOUR_S;
}

static bool week_fits(const struct recurrence *r, int64_t day, int64_t first)
{
	int64_t week = floor_div(day - weekday_of(day), 7),
		from = floor_div(first - weekday_of(first), 7);
	return (week - from) % (int64_t)r->interval == 0;
}

static bool month_fits(const struct recurrence *r, int64_t day)
{
	struct date d = date_of(day);
	int last = month_days(d.year, d.month);
	if (!(r->months >> (d.month - 1) & 1))
		return false;
	switch (r->month) {
	case MONTH_DAY:
		return d.day == (int)r->day;
	case MONTH_LAST_DAY:
		return d.day == last;
	case MONTH_WEEKDAY:
		break;
	}
	if (weekday_of(day) != (int)r->weekday)
		return false;
	return r->week == WEEK_LAST ? d.day + 7 > last : (d.day - 1) / 7 + 1 == (int)r->week;
}

static bool day_fits(const struct recurrence *r, int64_t day, int64_t first)
{
	bool weekday = r->days >> weekday_of(day) & 1;
	switch (r->kind) {
	case RECUR_DAILY:
		return weekday && (day - first) % (int64_t)r->interval == 0;
	case RECUR_WEEKLY:
		return weekday && week_fits(r, day, first);
	case RECUR_MONTHLY:
		return month_fits(r, day);
	case RECUR_ONCE:
	case RECUR_HOURLY:
		break;
	}
	return false;
}

bool recurrence_next(const struct recurrence *r, int64_t after, int64_t *out)
{
	if (r->kind == RECUR_ONCE) {
		*out = r->start;
		return r->start > after;
	}
	if (after < r->start - 1)
		after = r->start - 1;
	if (r->kind == RECUR_HOURLY) {
		*out = hourly(r, after);
		return true;
	}
	int64_t start = local_of(r->zone, r->start), first = floor_div(start, DAY_S);
	int64_t time = start - first * DAY_S, day = floor_div(local_of(r->zone, after), DAY_S) - 1;
	if (day < first)
		day = first;
	int64_t end = day + SEARCH_DAYS + (int64_t)r->interval * 7;
	for (; day < end; day++) {
		int64_t utc =
			day_fits(r, day, first) ? zone_utc(r->zone, day * DAY_S + time) : after;
		if (utc > after) {
			*out = utc;
			return true;
		}
	}
	return false;
}
