#pragma once
#include "proc/proc.h"

/* The agent's processes, in the order of procs.c. */
enum proc_id { P_GUARD, P_COMMS, P_SPOOL, P_FILES, P_TREE, P_SCAN, P_COUNT };

enum imsg_type {
#define IMSG(name, from, to, fd, max, doc) M_##name,
#include "agent/imsg.def"
#undef IMSG
	M_COUNT
};
