#pragma once
#include "module/intrusionprevention/prevention.h"

/*
 * Events of Intrusion Prevention: equal ones (rule, action, addresses, the server's port) are one
 * with a count. The first is told at the next tick, repetitions when the period is over. Memory is
 * of a fixed size.
 */
struct reports;

struct reports *reports_new(void); /* NULL: no memory */
void reports_free(struct reports *n);
/* rule NULL: the oddity `reason`. */
void reports_add(struct reports *n, const struct rules *r, const struct prevention_rule *rule,
                 const struct ips_alert *a, enum app_protocol spoken, uint64_t now_ms);
void reports_oddity(struct reports *n, const struct rules *r, enum reason reason, const char *note,
                    bool drop, const struct packet *p, uint64_t now_ms);
/* all: whatever its age. */
void reports_tell(struct reports *n, const struct rules *r, struct host *h, uint64_t now_ms,
                  bool all);
