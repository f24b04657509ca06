#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/rand.h"

enum { CHUNK = 16384 };

int file_read_fd(int fd, size_t max, struct buf *out)
{
	off_t at = 0;
	for (;;) {
		/* One byte more than it may be tells a file that is too long. */
		size_t left = max - (size_t)at;
		size_t want = left < CHUNK ? left + 1 : CHUNK;
		char *room = buf_room(out, want);
		if (!room)
			return -ENOMEM;
		ssize_t n = pread(fd, room, want, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		room[n] = '\0';
		out->n += (size_t)n;
		at += n;
		if (n == 0)
			return 0;
		if ((size_t)at > max)
			return -EFBIG;
	}
}

int file_read(int dir, const char *path, size_t max, struct buf *out)
{
	/* O_NONBLOCK: somebody may have put a pipe there, and opening it would wait for a writer.
	 */
	AUTO(closep) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? -errno : file_read_fd(fd, max, out);
}

int file_write_all(int fd, const void *p, size_t n)
{
	const char *at = p;
	while (n) {
		ssize_t done = write(fd, at, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

int file_sync_dir(int dir, const char *path)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	if (n >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, n);
	parent[n] = '\0';
	const char *name = n ? parent : slash ? "/" : ".";
	AUTO(closep) int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

/* The mode is set again because the umask took its part. */
static int write_synced(int fd, const void *p, size_t n, mode_t mode)
{
	if (fchmod(fd, mode) < 0)
		return -errno;
	int rc = file_write_all(fd, p, n);
	if (rc < 0)
		return rc;
	return fsync(fd) < 0 ? -errno : 0;
}

int file_replace(int dir, const char *path, const void *p, size_t n, mode_t mode)
{
	char temporary[PATH_MAX];
	uint32_t salt = 0;
	rand_bytes(&salt, sizeof(salt));
	int len = snprintf(temporary, sizeof(temporary), "%s.%08x.new", path, salt);
	if (len < 0 || (size_t)len >= sizeof(temporary))
		return -ENAMETOOLONG;
	AUTO(closep)
	int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	int rc = write_synced(fd, p, n, mode);
	if (rc == 0 && renameat(dir, temporary, dir, path) < 0)
		rc = -errno;
	if (rc < 0) {
		unlinkat(dir, temporary, 0);
		return rc;
	}
	return file_sync_dir(dir, path);
}

static int is_dir(int dir, const char *path)
{
	struct stat st;
	if (fstatat(dir, path, &st, 0) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

/* Mode and owner go to what was made, by descriptor: the name may be somebody else's by now. */
static int make_dir(int dir, const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	if (mkdirat(dir, path, mode) < 0)
		return errno == EEXIST ? is_dir(dir, path) : -errno;
	AUTO(closep)
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || ((uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(fd, uid, gid) < 0) ||
	    fchmod(fd, mode) < 0)
		return -errno;
	return 0;
}

int file_mkdirs(int dir, const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof(part))
		return n ? -ENAMETOOLONG : -EINVAL;
	memcpy(part, path, n + 1);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int rc = make_dir(dir, part, mode, uid, gid);
		*slash = '/';
		if (rc < 0)
			return rc;
	}
	return make_dir(dir, part, mode, uid, gid);
}

DIR *file_dir(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d && fd >= 0) {
		int e = errno;
		close(fd);
		errno = e;
	}
	return d;
}

/* depth bounds the recursion; what is deeper stays and its parent's removal fails with ENOTEMPTY.
 */
static int empty(int dir, int depth)
{
	DIR *d = fdopendir(dir);
	if (!d) {
		close(dir);
		return -errno;
	}
	for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dir, e->d_name, 0) == 0 || depth == 0)
			continue;
		int sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			empty(sub, depth - 1);
		unlinkat(dir, e->d_name, AT_REMOVEDIR);
	}
	closedir(d);
	return 0;
}

int file_remove_tree(int dir, const char *path)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : unlinkat(dir, path, 0) < 0 ? -errno : 0;
	empty(fd, 32);
	return unlinkat(dir, path, AT_REMOVEDIR) < 0 ? -errno : 0;
}

bool file_is_guarded(int fd, struct stat *st)
{
	return fstat(fd, st) == 0 && st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

int file_memfd(const char *name, const void *p, size_t n)
{
	AUTO(closep) int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	int rc = file_write_all(fd, p, n);
	if (rc < 0)
		return rc;
	if (fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int file_read_sealed(int fd, size_t max, struct buf *out)
{
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & SEALS) != SEALS)
		return -EPERM;
	return file_read_fd(fd, max, out);
}
