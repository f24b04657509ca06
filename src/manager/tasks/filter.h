#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "manager/api/app.h"

/* The API's ComputerFilter (rest-api.md 9.4): which computers something is done with. */

extern const struct field computer_filter[];

/* Does what it names exist? -EINVAL with a sentence. */
int filter_check(struct app *a, const json_t *filter, struct err *why);
/* 0 when whoever asks may change all of these computers; else -EPERM with a sentence. */
int filter_reached(struct call *c, const json_t *filter);
/* The computers, as int64_t in out, by rising ID. */
void filter_computers(struct app *a, const json_t *filter, struct buf *out);
