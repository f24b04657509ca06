#include "agent/procs.h"
#include "agent/sensor/packet/ruleset.h"

int main(int argc, char **argv)
{
	int status = ruleset_main(argc, argv);
	return status >= 0 ? status : proc_main(&agent_program, argc, argv);
}
