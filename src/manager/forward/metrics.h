#pragma once
#include "manager/api/app.h"

/* GET /metrics: the manager in numbers, as Prometheus reads them (text format 0.0.4). */
int metrics_get(struct call *c);
