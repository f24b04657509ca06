#pragma once
#include "manager/api/app.h"

/*
 * What a heartbeat's times tell: a clock that was changed, and two hosts that share an identity
 * (the one's start comes back after the other's).
 */
void agent_clock(struct app *a, int64_t computer, const json_t *status);
