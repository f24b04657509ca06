#include "manager/front/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/file.h"

enum { SITE_MAX = 64 << 20, DEPTH_MAX = 8, PATH_LEN = 1024 };

static const char *type_of(struct str path)
{
	static const struct {
		const char *end, *type;
	} types[] = {
		{ ".html", "text/html; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" },
		{ ".json", "application/json" },
		{ ".svg", "image/svg+xml" },
		{ ".png", "image/png" },
		{ ".jpg", "image/jpeg" },
		{ ".ico", "image/x-icon" },
		{ ".woff2", "font/woff2" },
		{ ".webmanifest", "application/manifest+json" },
		{ ".map", "application/json" },
		{ ".txt", "text/plain; charset=utf-8" },
	};
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_ends(path, str_of(types[i].end)))
			return types[i].type;
	return NULL;
}

static struct site_file *file_at(struct site *s, struct str path)
{
	struct site_file *f = map_get(&s->files, path);
	if (f)
		return f;
	f = xcalloc(1, sizeof(*f) + path.n + 1);
	memcpy(f->path, path.p, path.n);
	f->immutable = str_starts(path, STR("/assets/"));
	f->type = type_of(path);
	if (!f->type)
		f->type = "application/octet-stream";
	map_set(&s->files, path, f);
	return f;
}

static int load_file(struct site *s, int dir, const char *name, const char *at, struct err *why)
{
	char path[PATH_LEN];
	int n = snprintf(path, sizeof(path), "%s/%s", at, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return err_set(why, -ENAMETOOLONG, "%s/%s is too long", at, name);
	struct str whole = { path, (size_t)n };
	bool gz = str_ends(whole, STR(".gz"));
	struct site_file *f = file_at(s, (struct str){ path, whole.n - (gz ? 3 : 0) });
	struct buf *b = gz ? &f->gz : &f->plain;
	int rc = file_read(dir, name, SITE_MAX - s->bytes, b);
	if (rc < 0)
		return err_set(why, rc, "read %s: %s", path, strerror(-rc));
	s->bytes += b->n;
	static const uint64_t key[2] = { 0x59616775, 0x7261 };
	if (!gz)
		snprintf(f->etag, sizeof(f->etag), "\"%016jx\"",
		         (uintmax_t)siphash(key, b->p, b->n));
	return 0;
}

static int load_dir(struct site *s, int fd, const char *at, int depth, struct err *why);

static int load_entry(struct site *s, int dir, const char *name, const char *at, int depth,
                      struct err *why)
{
	struct stat st;
	if (fstatat(dir, name, &st, 0) < 0)
		return err_set(why, -errno, "look at %s/%s: %s", at, name, strerror(errno));
	if (S_ISREG(st.st_mode))
		return load_file(s, dir, name, at, why);
	if (!S_ISDIR(st.st_mode) || depth == DEPTH_MAX)
		return 0;
	char path[PATH_LEN];
	snprintf(path, sizeof(path), "%s/%s", at, name);
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(why, -errno, "open %s: %s", path, strerror(errno));
	return load_dir(s, fd, path, depth + 1, why);
}

/* Takes fd. */
static int load_dir(struct site *s, int fd, const char *at, int depth, struct err *why)
{
	DIR *d = fdopendir(fd);
	if (!d) {
		close(fd);
		return err_set(why, -errno, "read %s/: %s", at, strerror(errno));
	}
	int rc = 0;
	for (const struct dirent *e = readdir(d); e && rc == 0; e = readdir(d))
		if (e->d_name[0] != '.')
			rc = load_entry(s, fd, e->d_name, at, depth, why);
	closedir(d);
	return rc;
}

int site_load(struct site *s, const char *dir, struct err *why)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(why, -errno, "open %s: %s", dir, strerror(errno));
	return load_dir(s, fd, "", 0, why);
}

void site_done(struct site *s)
{
	struct map_item item;
	for (size_t at = 0; map_next(&s->files, &at, &item);) {
		struct site_file *f = item.value;
		buf_done(&f->plain);
		buf_done(&f->gz);
		free(f);
	}
	map_done(&s->files);
}

const struct site_file *site_find(const struct site *s, struct str path)
{
	const struct site_file *f =
		map_get(&s->files, str_is(path, "/") ? STR("/index.html") : path);
	if (f)
		return f->plain.p ? f : NULL;
	if (str_starts(path, STR("/assets/")) || type_of(path))
		return NULL;
	f = map_get(&s->files, STR("/index.html"));
	return f && f->plain.p ? f : NULL;
}

bool accepts_gzip(struct str header)
{
	for (struct str rest = header; rest.p;) {
		struct str one = str_cut(&rest, ',');
		struct str name = str_trim(str_cut(&one, ';'));
		struct str q = str_trim(one);
		if (str_eq_nocase(name, STR("gzip")))
			return !(str_is(q, "q=0") || str_is(q, "q=0.0") || str_is(q, "q=0.00") ||
			         str_is(q, "q=0.000"));
	}
	return false;
}
