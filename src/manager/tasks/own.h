#pragma once
#include "manager/api/app.h"

/* The manager's own health: processes that died, disk space, how it ended last time. */
void own_started(struct app *a);
void own_stopped(struct app *a);
void own_tick(struct app *a);
