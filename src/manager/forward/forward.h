#pragma once
#include "manager/api/app.h"

/*
 * Forwarding of events to syslog receivers. The queue is the tables of events themselves: for each
 * configuration and class the store knows up to which event the receiver has them, and moves on
 * after they were sent. What a death interrupts is sent again.
 */
extern const struct resource forward_resources[]; /* {0} last */

/* The tenant's name in messages. */
#define TENANT "Primary"

/* Which setting of a computer names the configuration of a class; NULL: the system's setting does.
 */
const char *forward_setting(const struct event_class *class);
/* A configuration by which agents send to the receiver themselves. */
bool forward_is_direct(const json_t *configuration);
struct chain;
/*
 * What a policy tells agents that forward by themselves, secrets sealed for the stored policy;
 * NULL: they do not. {"tenant","tenantID","classes":{CLASS:ID},"receivers":{"ID":configuration}};
 * new reference.
 */
json_t *forward_part(struct app *a, const struct chain *ch);

/* For metrics: a sample a configuration. */
void forward_measure(struct app *a, struct buf *b, const char *name, bool failing);
void forward_tick(struct app *a);
void forward_free(struct app *a);
