#pragma once
#include "manager/api/app.h"

/*
 * Forwarding of events to syslog receivers. The queue is the tables of events themselves: for each
 * configuration and class the store knows up to which event the receiver has them, and moves on
 * after they were sent. What a death interrupts is sent again.
 */
extern const struct resource forward_resources[]; /* {0} last */

/* For metrics: a sample a configuration. */
void forward_measure(struct app *a, struct buf *b, const char *name, bool failing);
void forward_tick(struct app *a);
void forward_free(struct app *a);
