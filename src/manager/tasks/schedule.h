#pragma once
#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "manager/api/field.h"

/* The API's ScheduleDetails (rest-api.md 9.4). Times are ms since the epoch. */

extern const struct field schedule_details[];

/* -EINVAL with a sentence: no such time zone, a day that no month has, ... */
int schedule_check(const json_t *details, struct err *why);
/* The next n runs after a time; how many there are. */
int schedule_next(const json_t *details, int64_t after_ms, int n, int64_t out[]);
