#pragma once
#include "module/intrusionprevention/prevention.h"

/*
 * What the kernel has to ask about for a policy's rules: ports of servers, here and elsewhere, and
 * whether answers count. Where none does, and what is blocked is dropped, answers are not asked
 * about at all: that halves the cost of most servers.
 */

struct wanted;

struct wanted *wanted_new(void); /* NULL: no memory */
void wanted_free(struct wanted *w);
void wanted_fill(struct wanted *w, const struct rules *r, const struct ips_rules *texts);
/* For packet_row.wants. */
size_t wanted_list(const struct wanted *w, struct packet_want *out, size_t max);
/* For traffic_show(). */
const uint64_t (*wanted_answers(const struct wanted *w))[1024];
