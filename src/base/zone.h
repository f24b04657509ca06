#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * A time zone of the system's database (RFC 8536), read by ourselves: the C library knows one zone
 * for the whole process, and a schedule has its own. Times are seconds; "local" ones count as if
 * they were UTC.
 */
struct zone;

int zone_parse(struct str in, struct zone **out, struct err *why);
/* By name ("Asia/Tokyo"); "UTC" needs no file. -EINVAL: no such zone. */
int zone_open(const char *name, struct zone **out, struct err *why);
void zone_free(struct zone *z);
void zone_freep(struct zone **z);

int64_t zone_offset(const struct zone *z, int64_t utc); /* seconds east of UTC */
/*
 * The instant of a local time. One that the clock shows twice is the first of both; one that it
 * skips is the instant at which it jumps.
 */
int64_t zone_utc(const struct zone *z, int64_t local);
