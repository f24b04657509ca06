#include "agent/procs.h"

static const char *const spool_write[] = { "%lib/spool", NULL };

static const struct proc procs[] = {
	[P_GUARD] = { .name = "guard" },
	[P_COMMS] = { .name = "comms", .user = "yagura-comms" },
	[P_SPOOL] = { .name = "spool",
	              .user = "yagura-spool",
	              .prepare = spool_prepare,
	              .start = spool_start,
	              .on = spool_on,
	              .up = spool_up,
	              .down = spool_down,
	              .stop = spool_stop,
	              .box = { .write = spool_write } },
};

const struct program agent_program = {
	.name = "yagura-agent",
	.procs = procs,
	.nprocs = sizeof(procs) / sizeof(procs[0]),
	.rules = agent_rules,
	.nrules = M_COUNT,
	.parse = agent_parse,
	.done = agent_done,
};
