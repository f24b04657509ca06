#include "agent/quarantine/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/quarantine/namespace.h"
#include "base/auto.h"
#include "base/base64.h"
#include "base/file.h"

/* How many entries of a folder are looked at for further names of a file. */
enum { ENTRIES_MAX = 100000 };

/* A folder that is looked for in another namespace. */
struct search {
	const char *folder;
	uint64_t mount;
	int fd; /* found; owned */
};

static int search_at(void *arg, int root)
{
	struct search *s = arg;
	const struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		                      .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
		                                 RESOLVE_IN_ROOT };
	AUTO(closep) int fd = (int)syscall(SYS_openat2, root, s->folder, &how, sizeof(how));
	if (fd < 0)
		return -errno;
	if (mount_of(fd) != s->mount)
		return -ESTALE;
	s->fd = TAKE_FD(fd);
	return 0;
}

static int open_folder(const char *folder, uint64_t mount)
{
	if (mount) {
		struct search s = { folder, mount, -1 };
		int rc = namespace_try(mount, search_at, &s);
		return rc < 0 ? rc : s.fd;
	}
	const struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		                      .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, folder, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

int place_open(struct str path, uint64_t mount, struct place *out)
{
	char folder[PATH_MAX];
	size_t slash = path.n;
	while (slash > 0 && path.p[slash - 1] != '/')
		slash--;
	struct str name = { path.p + slash, path.n - slash };
	if (slash == 0 || path.p[0] != '/' || name.n == 0 || str_is(name, ".") ||
	    str_is(name, ".."))
		return -EINVAL;
	if (slash >= sizeof(folder) || name.n >= sizeof(out->name))
		return -ENAMETOOLONG;
	memcpy(folder, path.p, slash);
	folder[slash] = '\0';
	int fd = open_folder(folder, mount);
	if (fd < 0)
		return fd;
	out->dir = fd;
	memcpy(out->name, name.p, name.n);
	out->name[name.n] = '\0';
	return 0;
}

void place_done(struct place *p)
{
	if (p->dir >= 0)
		close(p->dir);
	p->dir = -1;
}

int place_sync(const struct place *p)
{
	return fsync(p->dir) < 0 ? -errno : 0;
}

/* ---- identity ---- */

static int64_t nanoseconds(const struct statx_timestamp *t)
{
	return t->tv_sec * 1000000000 + t->tv_nsec;
}

static void handle_of(int fd, char *out, size_t size)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .h = { .handle_bytes = MAX_HANDLE_SZ } };
	int mount = 0;
	out[0] = '\0';
	if (name_to_handle_at(fd, "", &u.h, &mount, AT_EMPTY_PATH) < 0)
		return;
	size_t n = u.h.handle_bytes, most = (size - 1) / 2;
	hex_lower(out, u.h.f_handle, n < most ? n : most);
}

int identity_of(int fd, struct identity *out)
{
	struct stat st;
	struct statx x;
	if (fstat(fd, &st) < 0 ||
	    statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &x) < 0)
		return -errno;
	*out = (struct identity){ .dev = st.st_dev,
		                  .ino = st.st_ino,
		                  .size = (uint64_t)st.st_size,
		                  .ctime_ns = nanoseconds(&x.stx_ctime),
		                  .mtime_ns = nanoseconds(&x.stx_mtime) };
	if (x.stx_mask & STATX_BTIME)
		out->btime_ns = nanoseconds(&x.stx_btime);
	handle_of(fd, out->handle, sizeof(out->handle));
	return 0;
}

/* A handle has the inode's generation; without one only an unchanged ctime tells (0: not known).
 * The device's number may be another one after a restart. */
bool identity_is(const struct identity *then, const struct identity *now)
{
	if (then->ino != now->ino || then->size != now->size || then->mtime_ns != now->mtime_ns ||
	    then->btime_ns != now->btime_ns || strcmp(then->handle, now->handle) != 0)
		return false;
	return *then->handle ||
	       (then->dev == now->dev && (then->ctime_ns == 0 || then->ctime_ns == now->ctime_ns));
}

/* ---- names ---- */

static bool is_same(const struct place *p, const char *name, const struct stat *st)
{
	struct stat is;
	return fstatat(p->dir, name, &is, AT_SYMLINK_NOFOLLOW) == 0 && is.st_dev == st->st_dev &&
	       is.st_ino == st->st_ino;
}

static int find_at(struct str path, uint64_t mount, const struct stat *st, struct place *out)
{
	int rc = place_open(path, mount, out);
	if (rc < 0)
		return rc;
	if (is_same(out, out->name, st))
		return 0;
	place_done(out);
	return -ESTALE;
}

/* Some file systems (overlay) give other numbers in d_ino: there every entry is asked. */
static bool numbers_fit(DIR *d, const struct place *p, const struct stat *st)
{
	bool fit = false;
	unsigned seen = 0;
	for (const struct dirent *e = readdir(d); e && !fit && seen++ < ENTRIES_MAX; e = readdir(d))
		fit = e->d_ino == st->st_ino && strcmp(e->d_name, p->name) == 0;
	rewinddir(d);
	return fit;
}

static void find_names(const struct place *p, const struct stat *st, struct kept *r)
{
	DIR *d = file_dir(p->dir);
	if (!d)
		return;
	unsigned seen = 0;
	bool fit = numbers_fit(d, p, st);
	for (const struct dirent *e = readdir(d); e && seen++ < ENTRIES_MAX; e = readdir(d))
		if ((!fit || e->d_ino == st->st_ino) &&
		    (e->d_type == DT_REG || e->d_type == DT_UNKNOWN) &&
		    strcmp(e->d_name, p->name) != 0 && is_same(p, e->d_name, st) &&
		    r->nnames + 2 <= st->st_nlink)
			kept_add_name(r, str_of(e->d_name));
	closedir(d);
}

int place_find(int fd, struct str path, struct place *out, struct kept *r)
{
	char magic[64], now[PATH_MAX];
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_nlink == 0)
		return -ENOENT;
	snprintf(magic, sizeof(magic), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(magic, now, sizeof(now));
	struct str moved = { now, n > 0 && n < (ssize_t)sizeof(now) ? (size_t)n : 0 };
	const uint64_t mounts[] = { 0, mount_of(fd) };
	int rc = -ESTALE;
	for (size_t i = 0; rc < 0 && i < 2 && (i == 0 || mounts[i]); i++) {
		r->mount = mounts[i];
		rc = find_at(path, r->mount, &st, out);
		if (rc < 0 && (rc = find_at(moved, r->mount, &st, out)) == 0)
			path = moved;
	}
	if (rc < 0)
		return -ESTALE;
	buf_str(&r->path, path);
	if (st.st_nlink > 1)
		find_names(out, &st, r);
	return buf_end(&r->path);
}

int place_unlink(const struct place *p, const char *name, int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!is_same(p, name, &st))
		return -ESTALE;
	return unlinkat(p->dir, name, 0) < 0 ? -errno : 0;
}

int place_unlink_same(const struct place *p, const char *name, const struct identity *then)
{
	struct identity now = { 0 };
	AUTO(closep) int fd = openat(p->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = identity_of(fd, &now);
	if (rc < 0)
		return rc;
	return identity_is(then, &now) ? place_unlink(p, name, fd) : -ESTALE;
}
