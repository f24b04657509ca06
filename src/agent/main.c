#include "agent/procs.h"

int main(int argc, char **argv)
{
	return proc_main(&agent_program, argc, argv);
}
