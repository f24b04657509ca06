#include <stdlib.h>

#include "base/auto.h"
#include "module/integritymonitoring/survey/packages.h"
#include "module/integritymonitoring/survey/sources.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool deed(void *arg, const struct package_deed *d)
{
	size_t *n = arg;
	*n += d->package.n + d->was.n + d->is.n;
	return true;
}

static bool file(void *arg, const struct package_file *f)
{
	size_t *n = arg;
	*n += f->path.n + (f->md5 ? f->md5[15] : 0) + (f->sha256 ? f->sha256[31] : 0);
	return true;
}

static void packages(char kind, struct str s)
{
	AUTO(buf_done) struct buf name = { 0 };
	struct package_deed d;
	size_t n = 0;
	if (kind == 'l')
		parse_dpkg_log(s, 0, deed, &n);
	else if (kind == 'L')
		parse_dpkg_list(s, file, &n);
	else if (kind == 'm')
		parse_md5sums(s, file, &n);
	else if (kind == 'c')
		parse_conffiles(s, file, &n);
	else if (kind == 'R')
		parse_rpm_files(s, &d, &name, file, &n);
}

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
	else
		packages(kind, s);
	map_done(&by_inode);
	arena_done(&g.arena);
	free(g.list);
	return 0;
}
