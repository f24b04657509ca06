#pragma once
#include <stdint.h>

#include "agent/sensor/tls/record.h"
#include "base/err.h"
#include "base/str.h"

/* The kernel's tracing, as much as is needed to run a program at a function or a tracepoint. */

/*
 * The number of the tracepoint tcp:tcp_rcv_space_adjust and where its fields are. tracefs is
 * mounted for this in a mount namespace that a process of its own has. 0 or -errno with a sentence.
 */
int trace_tcp(int64_t *number, struct tls_fields *at, struct err *why);
/* The "format" file of that tracepoint: -EBADMSG: a field is missing. */
int trace_format(struct str text, int64_t *number, struct tls_fields *at);
/* perf_event_open(2): an event whose program runs at the tracepoint; a descriptor or -errno. */
int trace_point(int64_t number, int program);
/* ... at this offset of the open file, in every process that has it mapped; or at the function's
 * return. */
int trace_function(int file, uint64_t offset, bool at_return, int program);
