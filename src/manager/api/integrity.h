#pragma once
#include "manager/api/app.h"

/* Integrity Monitoring in the manager: the roots of baselines (integrity_roots.c) and the changes
 * that wait for somebody's word, by their cause (integrity_changes.c). */

bool integrity_hears(const struct event *ev); /* would integrity_told() do something? */
/* An agent's event that has just been stored. */
void integrity_told(struct app *a, int64_t computer, const char *host, const struct event *ev,
                    int64_t id);
void integrity_change_told(struct app *a, int64_t computer, const struct event *ev, int64_t id);
/* What an agent answered to "integrity-prove": is it the root that is kept? */
void integrity_proved(struct app *a, int64_t computer, const json_t *result);
