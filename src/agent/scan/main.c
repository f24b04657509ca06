#include "agent/scan/scan.h"

/* yagura-scan: the agent's program with one row, the only one that links the engines. */

int main(int argc, char **argv)
{
	static const struct proc procs[P_COUNT] = {
		[P_GUARD] = { .name = "guard" },
		[P_COMMS] = { .name = "comms" },
		[P_SPOOL] = { .name = "spool" },
		[P_FILES] = { .name = "files" },
		[P_TREE] = { .name = "tree" },
		[P_SCAN] = { .name = "scan",
		             .user = "yagura-scan",
		             .start = scan_start,
		             .on = scan_on,
		             .up = scan_up,
		             .down = scan_down,
		             .hup = scan_hup,
		             .stop = scan_stop },
	};
	static struct proc rows[P_COUNT];
	for (unsigned i = 0; i < P_COUNT; i++)
		rows[i] = procs[i];
	rows[P_SCAN].box = agent_scan_box;
	const struct program program = { .name = "yagura-agent",
		                         .procs = rows,
		                         .nprocs = P_COUNT,
		                         .rules = agent_rules,
		                         .nrules = M_COUNT,
		                         .parse = agent_parse,
		                         .done = agent_done };
	return proc_main(&program, argc, argv);
}
