#include "module/integritymonitoring/survey/look.h"

#include <errno.h>
#include <fcntl.h>
#include <gcrypt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "module/integritymonitoring/value.h"

enum { MEMORY = 256 * 1024, LIST_MAX = 65536, TRIES = 3 };

/* The clock's grain, with room: what changes twice within it may keep its times (as git's index
 * has it). */
static const int64_t grain_ns = 20000000;

int reader_init(struct reader *r)
{
	*r = (struct reader){ .memory = malloc(MEMORY) };
	return r->memory ? 0 : -ENOMEM;
}

void reader_done(struct reader *r)
{
	for (size_t i = 0; i < ARRAY_LEN(r->md); i++)
		gcry_md_close(r->md[i]);
	free(r->memory);
}

static int64_t now_ns(void)
{
	struct timespec t = { 0 };
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool look_is_calm(const struct im_file *f, int64_t now)
{
	return f->changed + grain_ns < now;
}

/* ---- access control lists and extended attributes ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_attribute(gcry_md_hd_t md, const char *name, const void *value, size_t n)
{
	uint64_t len = n;
	gcry_md_write(md, name, strlen(name) + 1);
	gcry_md_write(md, &len, sizeof(len));
	gcry_md_write(md, value, n);
}

static int digest_attributes(const char *path, char *list, size_t n, struct im_file *f)
{
	const char *names[1024];
	size_t count = 0;
	AUTO(freep) char *value = xcalloc(1, LIST_MAX);
	gcry_md_hd_t acl = NULL, other = NULL;
	bool any_acl = false, any_other = false;
	if (gcry_md_open(&acl, GCRY_MD_SHA256, 0) || gcry_md_open(&other, GCRY_MD_SHA256, 0)) {
		gcry_md_close(acl);
		return -ENOMEM;
	}
	for (size_t at = 0; at < n && count < ARRAY_LEN(names); at += strlen(list + at) + 1)
		names[count++] = list + at;
	qsort(names, count, sizeof(*names), by_text);
	for (size_t i = 0; i < count; i++) {
		ssize_t len = lgetxattr(path, names[i], value, LIST_MAX);
		if (len < 0)
			continue;
		bool is_acl = str_starts(str_of(names[i]), STR("system.posix_acl_"));
		add_attribute(is_acl ? acl : other, names[i], value, (size_t)len);
		any_acl |= is_acl;
		any_other |= !is_acl;
	}
	if (any_acl)
		memcpy(f->acl, gcry_md_read(acl, GCRY_MD_SHA256), IM_DIGEST);
	if (any_other)
		memcpy(f->xattrs, gcry_md_read(other, GCRY_MD_SHA256), IM_DIGEST);
	gcry_md_close(acl);
	gcry_md_close(other);
	return 0;
}

/* By way of /proc: there is no listxattrat(2) before 6.13, and links have no descriptor to ask. */
static int read_attributes(int dir, const char *name, struct im_file *f)
{
	char path[64 + NAME_MAX + 1];
	const char *at = name;
	if (dir != AT_FDCWD) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
		at = path;
	}
	ssize_t n = llistxattr(at, NULL, 0);
	memset(f->acl, 0, sizeof(f->acl));
	memset(f->xattrs, 0, sizeof(f->xattrs));
	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	if (n == 0)
		return 0;
	AUTO(freep) char *list = xcalloc(1, LIST_MAX);
	n = llistxattr(at, list, LIST_MAX);
	return n < 0 ? -errno : digest_attributes(at, list, (size_t)n, f);
}

/* ---- content ---- */

void look_begin(struct look *l, int dir, const char *name, bool follow)
{
	struct im_file *f = &l->e->file;
	const uint32_t attributes = IM_BIT(IMP_ACL) | IM_BIT(IMP_XATTRS);
	l->fd = -1;
	f->settled = l->fit && look_is_calm(f, now_ns());
	if ((l->wanted & attributes) && !follow) {
		int rc = read_attributes(dir, name, f);
		if (rc == 0)
			l->e->has |= attributes;
		else
			l->error = rc;
	}
	if (!S_ISREG(f->mode) || !(l->wanted & IM_HASHES))
		return;
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW);
	l->fd = openat(dir, name, flags | O_NOATIME);
	if (l->fd < 0 && errno == EPERM)
		l->fd = openat(dir, name, flags);
	if (l->fd < 0)
		l->error = -errno;
}

static const struct {
	enum im_path_attribute attribute;
	int algorithm;
	size_t offset, n;
} hashes[] = {
	{ IMP_MD5, GCRY_MD_MD5, offsetof(struct im_file, md5), 16 },
	{ IMP_SHA1, GCRY_MD_SHA1, offsetof(struct im_file, sha1), 20 },
	{ IMP_SHA256, GCRY_MD_SHA256, offsetof(struct im_file, sha256), 32 },
	{ IMP_SHA512, GCRY_MD_SHA512, offsetof(struct im_file, sha512), 64 },
};

/* Handles are made once: most files are small. */
static gcry_md_hd_t hasher(struct reader *r, uint32_t wanted)
{
	size_t which = 0;
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		which |= wanted & IM_BIT(hashes[i].attribute) ? (size_t)1 << i : 0;
	if (r->md[which]) {
		gcry_md_reset(r->md[which]);
		return r->md[which];
	}
	if (gcry_md_open(&r->md[which], 0, 0))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (which & ((size_t)1 << i))
			gcry_md_enable(r->md[which], hashes[i].algorithm);
	return r->md[which];
}

static int hash_all(int fd, gcry_md_hd_t md, struct reader *r)
{
	for (off_t at = 0;;) {
		ssize_t n = pread(fd, r->memory, MEMORY, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		gcry_md_write(md, r->memory, (size_t)n);
		at += n;
		r->bytes += (uint64_t)n;
		/* A short read is the end; what is appended now comes out as a change of size. */
		if (n < MEMORY)
			return 0;
	}
}

static int64_t ns_of(struct timespec t)
{
	return (int64_t)((uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec);
}

static bool take_stat(int fd, struct im_file *f)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return false;
	bool same = f->changed == ns_of(st.st_ctim) && f->modified == ns_of(st.st_mtim) &&
	            f->size == (uint64_t)st.st_size && f->ino == st.st_ino;
	f->mode = st.st_mode;
	f->uid = st.st_uid;
	f->gid = st.st_gid;
	f->nlink = (uint32_t)st.st_nlink;
	f->ino = st.st_ino;
	f->size = (uint64_t)st.st_size;
	f->blocks = (uint64_t)st.st_blocks;
	f->modified = ns_of(st.st_mtim);
	f->changed = ns_of(st.st_ctim);
	return same;
}

/*
 * Somebody who has it open or mapped for writing could change it without the times showing it
 * (a page that is mapped is noted once): a read lease is refused while there is one (fcntl(2)).
 */
static bool nobody_writes(int fd)
{
	return fcntl(fd, F_SETLEASE, F_RDLCK) == 0 && fcntl(fd, F_SETLEASE, F_UNLCK) == 0;
}

void look_read(struct look *l, struct reader *r)
{
	struct im_file *f = &l->e->file;
	bool steady = false;
	if (l->fd < 0)
		return;
	bool calm = l->fit && nobody_writes(l->fd);
	take_stat(l->fd, f);
	calm = calm && look_is_calm(f, now_ns());
	for (int i = 0; i < TRIES && !steady && l->error == 0; i++) {
		gcry_md_hd_t md = hasher(r, l->wanted);
		l->error = md ? hash_all(l->fd, md, r) : -ENOMEM;
		steady = take_stat(l->fd, f);
		for (size_t j = 0; j < ARRAY_LEN(hashes) && l->error == 0; j++) {
			if (!(l->wanted & IM_BIT(hashes[j].attribute)))
				continue;
			memcpy((char *)f + hashes[j].offset, gcry_md_read(md, hashes[j].algorithm),
			       hashes[j].n);
			l->e->has |= IM_BIT(hashes[j].attribute);
		}
	}
	f->settled = calm && steady && l->error == 0;
	close(TAKE_FD(l->fd));
}

/* ---- what was known before ---- */

static const uint32_t what_is_read = IM_HASHES | IM_BIT(IMP_ACL) | IM_BIT(IMP_XATTRS);

bool look_is_known(const struct im_entity *was, const struct im_entity *is, uint32_t wanted,
                   bool fit)
{
	const struct im_file *a = &was->file, *b = &is->file;
	uint32_t need = wanted & what_is_read;
	if (!S_ISREG(b->mode))
		need &= ~(uint32_t)IM_HASHES;
	return a->settled && fit && was->class == is->class && a->ino == b->ino &&
	       a->dev == b->dev && a->size == b->size && a->changed == b->changed &&
	       a->modified == b->modified && a->mode == b->mode && (need & ~was->has) == 0;
}

void look_take_known(struct im_entity *is, const struct im_entity *was)
{
	struct str target = is->file.target;
	size_t from = offsetof(struct im_file, md5);
	memcpy((char *)&is->file + from, (const char *)&was->file + from,
	       offsetof(struct im_file, target) - from);
	is->file.target = target;
	is->file.settled = was->file.settled;
	is->has |= was->has & what_is_read;
}

void look_keep_known(struct im_entity *is, const struct im_entity *was, uint32_t wanted)
{
	uint32_t missing = wanted & was->has & ~is->has & what_is_read;
	if (!missing || is->class != was->class)
		return;
	for (unsigned i = 0; i < IMP_COUNT; i++) {
		const struct im_path_value *v = &im_path_values[i];
		if (missing & IM_BIT(i))
			memcpy((char *)&is->file + v->offset, (const char *)&was->file + v->offset,
			       v->size);
	}
	is->has |= missing;
	is->file.settled = false;
}
