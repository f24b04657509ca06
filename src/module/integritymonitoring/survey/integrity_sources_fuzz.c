#include <stdlib.h>

#include "base/auto.h"
#include "module/integritymonitoring/survey/sources.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte says whose bytes the rest are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gathered g = { 0 };
	struct map by_inode = { 0 };
	struct str s = { (const char *)data, size };
	char kind = '\0';
	if (size)
		kind = s.p[0];
	s = str_skip(s, 1);
	if (kind == 'd')
		parse_dpkg(&g, s);
	else if (kind == 'r')
		parse_rpm_header(&g, s);
	else if (kind == 'p')
		parse_users(&g, s, s, s);
	else if (kind == 'g')
		parse_groups(&g, s);
	else if (kind == 'u')
		parse_unit(&g, gathered_add(&g, IM_SERVICE, STR("x.service")), s);
	else if (kind == 'n')
		parse_ports(&g, "TCP", "0A", s, &by_inode);
	map_done(&by_inode);
	arena_done(&g.arena);
	free(g.list);
	return 0;
}
