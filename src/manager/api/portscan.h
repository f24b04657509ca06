#pragma once
#include "manager/api/app.h"

/*
 * Which TCP ports of a computer are open, seen from the manager: a job that the courier's third
 * instance does, one at a time, with the address that the agent last called from, or the host name.
 */
#define PORT_SCAN "port-scan"

int job_port_scan(struct call *c);
void portscan_tick(struct app *a);
