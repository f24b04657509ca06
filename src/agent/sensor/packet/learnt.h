#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "engine/packet.h"

/* What our table in the kernel counts and remembers; fd: tables_socket(). */

/* The source is dropped for so many seconds (sets blocked4 and blocked6); 0 or -errno. */
int learnt_block(int fd, const struct ip *source, uint32_t seconds);
/* Is a ruleset of ours in the kernel, whoever loaded it? */
bool learnt_there(int fd);
/* How many packets each rule of the policy met in the kernel since its ruleset was loaded: a rule
 * of the table says whose it is in its comment, "R ID". each() may be called for an ID several
 * times. */
int learnt_hits(int fd, void (*each)(uint64_t rule, uint64_t packets, void *arg), void *arg);
