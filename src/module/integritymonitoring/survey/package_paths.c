#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/map.h"
#include "base/rand.h"
#include "module/integritymonitoring/survey/owned.h"

enum { LIST_MAX = 64 << 20, PATHS_MAX = 64 << 20 };

/* Hashes under a key drawn for each table, sorted. */
struct package_paths {
	char *root; /* owned */
	uint64_t key[2];
	uint64_t *list; /* owned */
	size_t n, cap;
};

static bool take(void *arg, const struct package_file *f)
{
	struct package_paths *p = arg;
	struct str path = path_canonical(f->path);
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 4096;
		uint64_t *more = cap > PATHS_MAX ? NULL : reallocarray(p->list, cap, sizeof(*more));
		if (!more)
			return false;
		p->list = more;
		p->cap = cap;
	}
	p->list[p->n++] = siphash(p->key, path.p, path.n);
	return true;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static void take_lists(struct package_paths *p)
{
	AUTO(buf_done) struct buf path = { 0 };
	const struct dirent *e = NULL;
	buf_fmt(&path, "%s/var/lib/dpkg/info", p->root);
	DIR *d = opendir(path.p);
	while (d && (e = readdir(d))) {
		AUTO(buf_done) struct buf list = { 0 };
		if (str_ends(str_of(e->d_name), STR(".list")) &&
		    file_read(dirfd(d), e->d_name, LIST_MAX, &list) == 0)
			parse_dpkg_list(buf_view(&list), take, p);
	}
	if (d)
		closedir(d);
}

static void take_rpm(void *arg, struct str blob)
{
	AUTO(buf_done) struct buf name = { 0 };
	struct package_deed d;
	parse_rpm_files(blob, &d, &name, take, arg);
}

struct package_paths *package_paths_new(const char *root)
{
	struct package_paths *p = xcalloc(1, sizeof(*p));
	p->root = root_dup(root);
	rand_bytes(p->key, sizeof(p->key));
	take_lists(p);
	rpm_each(p->root, take_rpm, p);
	if (p->n)
		qsort(p->list, p->n, sizeof(*p->list), by_value);
	return p;
}

void package_paths_free(struct package_paths *p)
{
	if (!p)
		return;
	free(p->root);
	free(p->list);
	free(p);
}

bool package_paths_has(const struct package_paths *p, struct str path)
{
	uint64_t h = siphash(p->key, path.p, path.n);
	return p->n && bsearch(&h, p->list, p->n, sizeof(h), by_value) != NULL;
}

bool package_paths_have(const struct package_paths *p, struct str path)
{
	return path_inside(p->root, path, &path) && package_paths_has(p, path);
}
