#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t now_ns(clockid_t id)
{
	struct timespec t = { 0 };
	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t clock_ms(void)
{
	return now_ns(CLOCK_REALTIME) / 1000000u;
}

uint64_t clock_mono_ms(void)
{
	return now_ns(CLOCK_MONOTONIC) / 1000000u;
}

uint64_t clock_mono_ns(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

void clock_stamp(char out[static 48])
{
	uint64_t ns = now_ns(CLOCK_REALTIME);
	time_t s = (time_t)(ns / 1000000000u);
	struct tm tm = { 0 };
	char day[24], zone[8];
	localtime_r(&s, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	snprintf(out, 48, "%s.%06u [%s]", day, (unsigned)(ns / 1000u % 1000000u), zone);
}

int64_t clock_utc_offset_s(void)
{
	time_t now = time(NULL);
	struct tm t;
	return localtime_r(&now, &t) ? t.tm_gmtoff : 0;
}
