#include "module/integritymonitoring/survey/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

enum { BLOCK = 64 * 1024, OUT = 256 * 1024, READ_AHEAD = 256 * 1024 };

/* ---- reading ---- */

/* At least n bytes in k->chunk: 1, 0 when the file has not so many left, or -errno. */
static int have(struct keep *k, size_t n)
{
	while (k->chunk.n < n) {
		size_t want = n - k->chunk.n > READ_AHEAD ? n - k->chunk.n : READ_AHEAD;
		char *room = buf_room(&k->chunk, want);
		ssize_t got = room ? pread(k->fd, room, want, (off_t)k->at) : -1;
		if (got < 0 && room && errno == EINTR)
			continue;
		if (got < 0)
			return room ? -errno : -ENOMEM;
		if (got == 0)
			return 0;
		k->chunk.n += (size_t)got;
		k->at += (uint64_t)got;
	}
	return 1;
}

/* The next block's kind; its content is k->block. */
static int next_block(struct keep *k)
{
	struct str content;
	int rc = have(k, IM_BLOCK_HEAD);
	if (rc <= 0)
		return rc < 0 ? rc : -EBADMSG;
	int64_t n = im_block_length((const uint8_t *)k->chunk.p);
	if (n < 0 || (uint64_t)n > k->size)
		return -EBADMSG;
	rc = have(k, (size_t)n);
	if (rc <= 0)
		return rc < 0 ? rc : -EBADMSG;
	rc = im_block_open((struct str){ k->chunk.p, (size_t)n }, &k->chain, &content);
	if (rc < 0)
		return rc;
	buf_clear(&k->block);
	buf_str(&k->block, content);
	buf_drop(&k->chunk, (size_t)n);
	return buf_end(&k->block) < 0 ? -ENOMEM : rc;
}

static void rewind_to_start(struct keep *k)
{
	k->at = 0;
	buf_clear(&k->chunk);
	im_chain_init(&k->chain);
	k->ended = false;
}

static int read_header(struct keep *k, struct err *why)
{
	int rc = next_block(k);
	if (rc >= 0 && rc != IM_BLOCK_HEADER)
		rc = -EBADMSG;
	if (rc < 0)
		return rc;
	json_decref(k->header);
	k->header = json_parse(buf_view(&k->block), why);
	return json_is_object(k->header) ? 0 : -EBADMSG;
}

/* All of it, once, before a part of it is believed. */
static int verify(struct keep *k)
{
	for (;;) {
		int kind = next_block(k);
		if (kind < 0)
			return kind;
		if (kind == IM_BLOCK_HEADER)
			return -EBADMSG;
		if (kind != IM_BLOCK_END)
			continue;
		k->root = k->chain;
		int rc = im_totals_open(buf_view(&k->block), &k->totals);
		/* Nothing may follow. */
		return rc < 0 ? rc : have(k, 1) == 0 ? 0 : -EBADMSG;
	}
}

int keep_open(struct keep *k, int dir, const char *path, struct err *why)
{
	struct stat st;
	*k = (struct keep){ .fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) };
	if (k->fd < 0)
		return err_set(why, -errno, "%s: %s", path, strerror(errno));
	if (fstat(k->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(why, -EINVAL, "%s is no file", path);
	k->size = (uint64_t)st.st_size;
	rewind_to_start(k);
	int rc = read_header(k, NULL);
	if (rc == 0)
		rc = verify(k);
	if (rc == 0) {
		rewind_to_start(k);
		rc = read_header(k, NULL);
	}
	if (rc == -EBADMSG)
		return err_set(why, rc, "%s is no baseline, or it is damaged or was tampered with",
		               path);
	return rc < 0 ? err_set(why, rc, "read %s: %s", path, strerror(-rc)) : 0;
}

void keep_close(struct keep *k)
{
	if (k->fd >= 0)
		close(k->fd);
	json_decref(k->header);
	buf_done(&k->chunk);
	buf_done(&k->block);
	im_unpacker_done(&k->unpacker);
	*k = (struct keep){ .fd = -1 };
}

int keep_next(struct keep *k, struct im_entity *out)
{
	for (;;) {
		int rc = im_unpack(&k->unpacker, out);
		if (rc != 0 || k->ended)
			return rc;
		rc = next_block(k);
		if (rc < 0)
			return rc;
		k->ended = rc == IM_BLOCK_END;
		im_unpack_block(&k->unpacker, k->ended ? (struct str){ 0 } : buf_view(&k->block));
	}
}

int keep_block(struct keep *k, struct keep_place *out)
{
	for (;;) {
		const struct keep_place here = { k->at - k->chunk.n, k->chain };
		int rc = next_block(k);
		if (rc < 0)
			return rc;
		k->ended = rc == IM_BLOCK_END;
		im_unpack_block(&k->unpacker, k->ended ? (struct str){ 0 } : buf_view(&k->block));
		if (k->ended)
			return 0;
		if (rc != IM_BLOCK_ENTITIES)
			continue;
		*out = here;
		return 1;
	}
}

int keep_seek(struct keep *k, const struct keep_place *p)
{
	k->at = p->at;
	k->chain = p->before;
	k->ended = false;
	buf_clear(&k->chunk);
	im_unpack_block(&k->unpacker, (struct str){ 0 });
	int rc = next_block(k);
	if (rc < 0)
		return rc;
	im_unpack_block(&k->unpacker, buf_view(&k->block));
	return 0;
}

/* ---- writing ---- */

static void flush(struct keeper *k, size_t from)
{
	if (k->error || k->out.n < from)
		return;
	k->error = buf_end(&k->out) < 0 ? -ENOMEM : file_write_all(k->fd, k->out.p, k->out.n);
	buf_clear(&k->out);
}

static void end_block(struct keeper *k)
{
	if (!k->packer.block.n)
		return;
	im_block_make(&k->out, IM_BLOCK_ENTITIES, buf_view(&k->packer.block), &k->chain);
	im_packer_next(&k->packer);
	flush(k, OUT);
}

/* The file of the name is the one that is open: nobody renamed it away before it was locked. */
static bool is_named(const struct keeper *k)
{
	struct stat a, b;
	return fstat(k->fd, &a) == 0 &&
	       fstatat(k->dir, k->temporary, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

int keeper_open(struct keeper *k, int dir, const char *path, const json_t *source,
                const struct im_chain *previous, struct err *why)
{
	AUTO(buf_done) struct buf name = { 0 }, header = { 0 };
	*k = (struct keeper){ .dir = dir, .fd = -1, .path = xstrdup(path) };
	buf_fmt(&name, "%s.new", path);
	k->temporary = buf_take(&name);
	/* One that a run left that was killed is used again. */
	k->fd = openat(dir, k->temporary, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
	               0600);
	if (k->fd < 0)
		return err_set(why, -errno, "%s: %s", k->temporary, strerror(errno));
	if (flock(k->fd, LOCK_EX | LOCK_NB) < 0 || !is_named(k)) {
		close(TAKE_FD(k->fd));
		return err_set(why, -EBUSY, "%s: another run is writing it", path);
	}
	if (ftruncate(k->fd, 0) < 0 || fchmod(k->fd, 0600) < 0)
		return err_set(why, -errno, "%s: %s", k->temporary, strerror(errno));
	im_chain_init(&k->chain);
	AUTO(json_decrefp) json_t *o = json_object();
	json_set_int(o, "made", (int64_t)clock_ms());
	json_set_text(o, "program", "yagura " YAGURA_VERSION);
	if (previous) {
		char hex[2 * IM_CHAIN + 1];
		hex_lower(hex, previous->hash, IM_CHAIN);
		json_set_text(o, "previous", hex);
	}
	json_set(o, "source", json_deep_copy(source));
	json_write(&header, o);
	if (header.n > IM_HEADER_MAX)
		return err_set(why, -E2BIG, "the rules are too many for a baseline");
	im_block_make(&k->out, IM_BLOCK_HEADER, buf_view(&header), &k->chain);
	return 0;
}

void keeper_add(struct keeper *k, const struct im_entity *e)
{
	if (k->error)
		return;
	im_totals_count(&k->totals, e);
	k->error = im_pack(&k->packer, e);
	if (k->packer.block.n >= BLOCK)
		end_block(k);
}

int keeper_commit(struct keeper *k, struct err *why)
{
	end_block(k);
	im_totals_make(&k->out, &k->totals, &k->chain);
	flush(k, 0);
	if (k->error == 0 && fsync(k->fd) < 0)
		k->error = -errno;
	if (k->error == 0 && renameat(k->dir, k->temporary, k->dir, k->path) < 0)
		k->error = -errno;
	if (k->error < 0)
		return err_set(why, k->error, "write %s: %s", k->path, strerror(-k->error));
	close(TAKE_FD(k->fd));
	int rc = file_sync_dir(k->dir, k->path);
	return rc < 0 ? err_set(why, rc, "write %s: %s", k->path, strerror(-rc)) : 0;
}

void keeper_close(struct keeper *k)
{
	if (k->fd >= 0) {
		unlinkat(k->dir, k->temporary, 0);
		close(k->fd);
	}
	free(k->path);
	free(k->temporary);
	im_packer_done(&k->packer);
	buf_done(&k->out);
	*k = (struct keeper){ .fd = -1 };
}

void keep_rotate(int dir, const char *path, int kept)
{
	char from[PATH_MAX], to[PATH_MAX];
	for (int n = kept; n > 1; n--) {
		snprintf(from, sizeof(from), "%s.%d", path, n - 1);
		snprintf(to, sizeof(to), "%s.%d", path, n);
		if (renameat(dir, from, dir, to) < 0 && errno != ENOENT)
			return;
	}
	snprintf(to, sizeof(to), "%s.1", path);
	if (unlinkat(dir, to, 0) == 0 || errno == ENOENT)
		(void)!linkat(dir, path, dir, to, 0);
}
