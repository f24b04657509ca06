#pragma once
#include "manager/api/app.h"

/*
 * What people paste or upload is looked at by the bench: gives it input (taken) for an engine
 * (bench/engines.c). What the engine found answers the call, later; what it refuses is a 400 with
 * its sentence. Returns what the handler returns.
 */
int trial(struct call *c, const char *engine, json_t *input);
