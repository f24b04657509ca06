#pragma once
#include "manager/api/app.h"

/*
 * What people paste or upload is looked at by the bench: gives it input (taken) for an engine
 * (bench/engines.c). What the engine found answers the call, later; what it refuses is a 400 with
 * its sentence. Returns what the handler returns.
 */
int trial(struct call *c, const char *engine, json_t *input);
/*
 * In a resource's check(): has input (taken) looked at by an engine before anything is stored. 0:
 * it was, go on. -EINPROGRESS: the call is answered later; when the engine has nothing against it,
 * the request is made again and comes here with nothing left to try. -EINVAL: it cannot be tried.
 */
int trial_first(struct call *c, const char *engine, json_t *input);
