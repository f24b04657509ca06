#pragma once
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Reads a whole file of at most max bytes: 0, -EFBIG, or -errno. dir may be AT_FDCWD. */
int file_read(int dir, const char *path, size_t max, struct buf *out);
int file_read_fd(int fd, size_t max, struct buf *out); /* from its start, pread */
int file_write_all(int fd, const void *p, size_t n);

/*
 * Replaces a file so that a reader, or a crash at any moment, finds the old or the new whole:
 * temporary beside it, fsync, rename, fsync of the directory.
 */
int file_replace(int dir, const char *path, const void *p, size_t n, mode_t mode);
int file_sync_dir(int dir, const char *path); /* fsync the directory that holds path */
/* mkdir -p below dir, new ones with this mode and owner (-1: unchanged). */
int file_mkdirs(int dir, const char *path, mode_t mode, uid_t uid, gid_t gid);
/* A stream over a folder whose descriptor stays the caller's; NULL and errno. */
DIR *file_dir(int dir);
int file_remove_tree(int dir, const char *path);
struct stat;
/* Is it root's, and can nobody else write it? (An ACL that lets somebody shows in the group's
 * bits.) Fills st. */
bool file_is_guarded(int fd, struct stat *st);

/* A sealed memfd (no write, no grow, no shrink) with these bytes, or -errno. */
int file_memfd(const char *name, const void *p, size_t n);
/* Reads a memfd that somebody else made: refuses one that is not sealed against change (-EPERM). */
int file_read_sealed(int fd, size_t max, struct buf *out);
