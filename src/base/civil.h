#pragma once
#include <stdint.h>

/* The proleptic Gregorian calendar, without zones. Weekdays: 0 is Sunday. Months: 1 to 12. */
enum { DAY_S = 86400 };

struct date {
	int64_t year;
	int month, day;
};

int64_t days_of(struct date d); /* since 1970-01-01 */
struct date date_of(int64_t days);
int weekday_of(int64_t days);
int month_days(int64_t year, int month);
int64_t floor_div(int64_t a, int64_t b); /* b > 0 */
