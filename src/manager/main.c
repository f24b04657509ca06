#include "manager/manager.h"

int main(int argc, char **argv)
{
	return proc_main(&manager_program, argc, argv);
}
