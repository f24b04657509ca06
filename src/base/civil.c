#include "base/civil.h"

#include <stdbool.h>

/* Eras of 400 years that begin on 1 March, as in Howard Hinnant's "chrono-Compatible Low-Level Date
 * Algorithms". */
enum { ERA_DAYS = 146097, EPOCH_SHIFT = 719468 };

int64_t floor_div(int64_t a, int64_t b)
{
	int64_t q = a / b;
	return a % b < 0 ? q - 1 : q;
}

int64_t days_of(struct date d)
{
	int64_t y = d.month <= 2 ? d.year - 1 : d.year, era = floor_div(y, 400);
	int64_t yoe = y - era * 400;
	int64_t doy = (153LL * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
	return era * ERA_DAYS + yoe * 365 + yoe / 4 - yoe / 100 + doy - EPOCH_SHIFT;
}

struct date date_of(int64_t days)
{
	int64_t z = days + EPOCH_SHIFT, era = floor_div(z, ERA_DAYS), doe = z - era * ERA_DAYS;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	int month = (int)(mp < 10 ? mp + 3 : mp - 9);
	return (struct date){ .year = yoe + era * 400 + (month <= 2),
		              .month = month,
		              .day = (int)(doy - (153 * mp + 2) / 5 + 1) };
}

int weekday_of(int64_t days)
{
	int64_t w = (days + 4) % 7; /* 1970-01-01 was a Thursday */
	return (int)(w < 0 ? w + 7 : w);
}

int month_days(int64_t year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}
