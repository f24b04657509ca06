#include "agent/sensor/log/find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/file.h"

enum { LINKS_MAX = 8, DEPTH_MAX = 64 };

struct search {
	int (*each)(void *arg, const struct log_found *f);
	void *arg;
	bool (*named)(const char *log, const char *name); /* of rotated copies; or NULL */
	const char *log;
	int links, depth;
};

static int walk(struct search *s, int dir, struct str at, struct str rest);

static bool wild(struct str part)
{
	for (size_t i = 0; i < part.n; i++)
		if (strchr("*?[", part.p[i]))
			return true;
	return false;
}

/* The file behind a descriptor that only names it. */
static int found(struct search *s, int named, struct str path, const struct stat *st)
{
	char link[40];
	AUTO(freep) char *z = str_dup(path);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", named);
	AUTO(closep) int fd = open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	const struct log_found f = { z, fd, st };
	return fd < 0 ? 0 : s->each(s->arg, &f);
}

/* What root's link says is walked like any path, from where the link stands. */
static int follow(struct search *s, int dir, int link, struct str at, struct str rest)
{
	char target[PATH_MAX];
	AUTO(buf_done) struct buf more = { 0 };
	ssize_t n = readlinkat(link, "", target, sizeof(target));
	if (n <= 0 || (size_t)n >= sizeof(target) || s->links == LINKS_MAX)
		return 0;
	buf_add(&more, target, (size_t)n);
	if (rest.n) {
		buf_char(&more, '/');
		buf_str(&more, rest);
	}
	s->links++;
	struct str left = buf_view(&more);
	bool absolute = left.p[0] == '/';
	AUTO(closep) int root = absolute ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	while (left.n && left.p[0] == '/')
		left = str_skip(left, 1);
	int rc = walk(s, absolute ? root : dir, absolute ? STR("") : at, left);
	s->links--;
	return rc;
}

static int enter(struct search *s, int dir, const char *name, struct str at, struct str rest)
{
	struct stat st;
	AUTO(buf_done) struct buf path = { 0 };
	AUTO(closep) int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	buf_str(&path, at);
	buf_char(&path, '/');
	buf_z(&path, name);
	if (S_ISLNK(st.st_mode))
		return st.st_uid == 0 ? follow(s, dir, fd, at, rest) : 0;
	if (S_ISDIR(st.st_mode))
		return rest.n ? walk(s, fd, buf_view(&path), rest) : 0;
	return S_ISREG(st.st_mode) && !rest.n ? found(s, fd, buf_view(&path), &st) : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool takes(const struct search *s, const char *pattern, const char *name, bool last)
{
	if (last && s->named)
		return s->named(s->log, name);
	return fnmatch(pattern, name, FNM_PERIOD) == 0;
}

/* All names of a folder that fit, in their order. */
static int each_name(struct search *s, int dir, const char *pattern, struct str at, struct str rest)
{
	char **names = NULL;
	size_t n = 0, cap = 0;
	int rc = 0;
	AUTO(closep) int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : file_dir(fd);
	for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		if (!takes(s, pattern, e->d_name, !rest.n))
			continue;
		if (n == cap) {
			cap = cap ? cap * 2 : 64;
			char **more = realloc(names, cap * sizeof(*names));
			if (!more)
				abort();
			names = more;
		}
		names[n++] = xstrdup(e->d_name);
	}
	if (d)
		closedir(d);
	if (n)
		qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++) {
		if (rc >= 0)
			rc = enter(s, dir, names[i], at, rest);
		free(names[i]);
	}
	free((void *)names);
	return rc;
}

static int walk(struct search *s, int dir, struct str at, struct str rest)
{
	if (dir < 0 || s->depth == DEPTH_MAX)
		return 0;
	struct str part = str_cut(&rest, '/');
	AUTO(freep) char *name = str_dup(part);
	s->depth++;
	int rc = 0;
	if (!part.n)
		rc = rest.n ? walk(s, dir, at, rest) : 0;
	else if (wild(part) || (!rest.n && s->named))
		rc = each_name(s, dir, name, at, rest);
	else
		rc = enter(s, dir, name, at, rest);
	s->depth--;
	return rc;
}

static int search(struct search *s, const char *path)
{
	AUTO(closep) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *path == '/' ? walk(s, root, STR(""), str_of(path + 1)) : 0;
}

int log_find(const char *pattern, int (*each)(void *arg, const struct log_found *f), void *arg)
{
	struct search s = { .each = each, .arg = arg };
	return search(&s, pattern);
}

/* "app.log": "app.log.1", "app.log-20261129", "app.log.2.gz"; "app-20261129.log", "app.1.log". */
static bool is_rotated(const char *log, const char *name)
{
	size_t n = strlen(log);
	const char *dot = strrchr(log, '.');
	if (strncmp(name, log, n) == 0)
		return name[n] != '\0' && strchr(".-_", name[n]);
	size_t stem = dot ? (size_t)(dot - log) : n;
	if (!dot || strncmp(name, log, stem) != 0 || !strchr(".-_", name[stem]))
		return false;
	return name[stem] && name[stem + 1] >= '0' && name[stem + 1] <= '9' && strstr(name, dot);
}

int log_find_rotated(const char *path, int (*each)(void *arg, const struct log_found *f), void *arg)
{
	const char *slash = strrchr(path, '/');
	struct search s = {
		.each = each, .arg = arg, .named = is_rotated, .log = slash ? slash + 1 : path
	};
	return search(&s, path);
}
