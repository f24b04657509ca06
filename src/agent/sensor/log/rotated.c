#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "agent/sensor/log/logs.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rand.h"

/*
 * What was written to a log and rotated away before it was read stands in a copy beside it: the
 * same file under another name, another file with the same bytes, or that compressed. It is found
 * by the bytes before the position.
 */

enum {
	TRIES = 15,
	ASK_MS = 1000,
	MARGIN_S = 5,
	RECENT_S = 120,
	PLAIN_MAX = 256 << 20,
	PIECE = 64 << 10
};

static const int64_t second_ns = 1000000000;

void remnant_add(struct logs *l, const struct position *at, bool away)
{
	struct remnant *r = xcalloc(1, sizeof(*r));
	r->at = *at;
	r->at.path.p = str_dup(at->path);
	r->at.sought = true;
	r->at.away = away && !at->finite;
	r->at.since_ns = l->saved_ns;
	TAILQ_INSERT_TAIL(&l->remnants, r, next);
	l->dirty = true;
}

void remnant_since(struct logs *l, const struct position *at, int64_t since_ns)
{
	remnant_add(l, at, false);
	struct remnant *r = TAILQ_LAST(&l->remnants, remnant_list);
	r->at.away = true;
	r->at.since_ns = since_ns;
}

void remnant_between(struct logs *l, const struct position *at)
{
	struct position blank = *at;
	rand_bytes(blank.stream, sizeof(blank.stream));
	blank.dev = blank.ino = blank.done = 0;
	blank.before_n = 0;
	remnant_since(l, &blank, l->before_ns);
}

static void drop(struct logs *l, struct remnant *r)
{
	TAILQ_REMOVE(&l->remnants, r, next);
	free((char *)(uintptr_t)r->at.path.p);
	free(r);
	l->dirty = true;
}

void copies_forget(struct logs *l)
{
	for (size_t i = 0; i < l->ncopies; i++) {
		if (l->copies[i].fd >= 0)
			close(l->copies[i].fd);
		free(l->copies[i].name);
	}
	l->ncopies = 0;
	free(l->asked);
	l->asked = NULL;
}

void remnants_free(struct logs *l)
{
	while (!TAILQ_EMPTY(&l->remnants))
		/* The analyzer does not follow TAILQ_REMOVE().
		 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		drop(l, TAILQ_FIRST(&l->remnants));
	copies_forget(l);
}

static bool is_blank(const struct position *at)
{
	return at->done == 0 && at->before_n == 0;
}

/* Copies that were changed before that, in seconds, are none that matter to the remnants of this
 * log. */
static int64_t oldest(const struct logs *l, const struct remnant *of)
{
	const struct remnant *r;
	int64_t since = INT64_MAX;
	TAILQ_FOREACH (r, &l->remnants, next) {
		if (!str_eq(r->at.path, of->at.path))
			continue;
		int64_t own = is_blank(&r->at) ? r->at.since_ns / second_ns - MARGIN_S : 0;
		since = own < since ? own : since;
	}
	return since;
}

void remnants_ask(struct logs *l, uint64_t now_ms)
{
	struct remnant *r = TAILQ_FIRST(&l->remnants);
	if (!r || l->asked || l->looking || !l->looked || now_ms < l->asked_ms)
		return;
	AUTO(json_decrefp) json_t *o = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	/* Each in its turn. */
	TAILQ_REMOVE(&l->remnants, r, next);
	TAILQ_INSERT_TAIL(&l->remnants, r, next);
	json_set_bytes(o, "rotated", r->at.path);
	json_set_int(o, "since", oldest(l, r));
	json_write(&b, o);
	if (self_send(l->me, P_GUARD, 0, M_LOG_LOOK, 0, buf_view(&b)) < 0)
		return;
	l->asked = str_dup(r->at.path);
	l->sent_ms = now_ms;
	l->asked_ms = now_ms + (r->tries ? ASK_MS : 0);
}

void remnant_copy(struct logs *l, const char *name, int fd)
{
	struct stat st;
	if (!l->asked || l->ncopies == COPIES_MAX || fstat(fd, &st) < 0) {
		close(fd);
		return;
	}
	l->copies[l->ncopies++] = (struct copy){
		.name = xstrdup(name),
		.fd = fd,
		.dev = st.st_dev,
		.ino = st.st_ino,
		.changed_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
	};
}

/* ---- compressed copies ---- */

static int inflate_all(int from, int to)
{
	static uint8_t in[PIECE], out[PIECE];
	z_stream z = { 0 };
	size_t made = 0;
	off_t at = 0;
	int rc = inflateInit2(&z, 16 + MAX_WBITS) == Z_OK ? Z_OK : Z_MEM_ERROR;
	while (rc == Z_OK && made < PLAIN_MAX) {
		if (z.avail_in == 0) {
			ssize_t n = pread(from, in, sizeof(in), at);
			if (n <= 0)
				break;
			at += n;
			z.next_in = in;
			z.avail_in = (unsigned)n;
		}
		z.next_out = out;
		z.avail_out = sizeof(out);
		rc = inflate(&z, Z_NO_FLUSH);
		size_t n = sizeof(out) - z.avail_out;
		if (file_write_all(to, out, n) < 0)
			rc = Z_ERRNO;
		made += n;
	}
	inflateEnd(&z);
	return rc == Z_STREAM_END ? 0 : -EBADMSG;
}

/* The copy's own text in memory; the copy itself when it is not compressed. */
static void make_plain(struct copy *c)
{
	if (!str_ends(str_of(c->name), STR(".gz")))
		return;
	int fd = memfd_create("log", MFD_CLOEXEC);
	int rc = fd < 0 ? -errno : inflate_all(c->fd, fd);
	if (rc < 0) {
		/* It may be on its way to be complete. */
		log_info("read %s: %s", log_quote(str_of(c->name)), strerror(-rc));
		if (fd >= 0)
			close(fd);
		return;
	}
	close(c->fd);
	c->fd = fd;
}

static bool readable(const struct copy *c)
{
	static const char *const packed[] = { ".gz", ".xz", ".bz2", ".zst", ".lz4", ".Z" };
	struct stat st;
	if (fstat(c->fd, &st) == 0 && st.st_nlink == 0)
		return true; /* made plain */
	for (size_t i = 0; i < ARRAY_LEN(packed); i++)
		if (str_ends(str_of(c->name), str_of(packed[i])))
			return false;
	return true;
}

/* ---- which copy ---- */

static bool is_live(const struct logs *l, const struct copy *c)
{
	const struct follow *f;
	TAILQ_FOREACH (f, &l->files, next)
		if (f->fd >= 0 && f->at.dev == c->dev && f->at.ino == c->ino)
			return true;
	return false;
}

static bool is_of(const struct copy *c, const struct position *at)
{
	if (c->used || c->fd < 0 || !readable(c))
		return false;
	if (c->dev == at->dev && c->ino == at->ino)
		return position_holds(at, c->fd);
	return at->before_n && position_holds(at, c->fd);
}

static void read_on(struct logs *l, struct copy *c, const struct position *at, bool whole)
{
	struct follow *f = follow_new(at->path, (enum li_format)at->format);
	free(f->name);
	f->name = xstrdup(c->name);
	follow_open(f, c->fd, c->dev, c->ino);
	c->fd = -1;
	c->used = true;
	if (whole) {
		follow_head(f);
	} else {
		const struct str path = f->at.path;
		f->at = *at;
		f->at.path = path;
		f->at.dev = c->dev;
		f->at.ino = c->ino;
		f->at.sought = f->at.away = false;
		f->saved = true; /* what names its lines is in the state already */
	}
	f->at.finite = true;
	TAILQ_INSERT_HEAD(&l->files, f, next); /* before what was written later */
	l->dirty = true;
}

static struct copy *copy_of(struct logs *l, const struct position *at)
{
	for (size_t i = 0; i < l->ncopies; i++)
		if (is_of(&l->copies[i], at))
			return &l->copies[i];
	return NULL;
}

/* The rest of something else that is known, looked for or being read. */
static bool is_others(const struct logs *l, const struct copy *c, const struct remnant *than)
{
	const struct remnant *r;
	const struct follow *f;
	TAILQ_FOREACH (r, &l->remnants, next)
		if (r != than && str_eq(r->at.path, than->at.path) && is_of(c, &r->at))
			return true;
	TAILQ_FOREACH (f, &l->files, next)
		if (f->fd >= 0 && str_eq(f->at.path, than->at.path) && is_of(c, &f->at))
			return true;
	return false;
}

/* Being compressed: the same text stands in two files for a moment. */
static bool is_double(const struct logs *l, const struct copy *c)
{
	struct str name = str_of(c->name);
	if (!str_ends(name, STR(".gz")))
		return false;
	name.n -= 3;
	for (size_t i = 0; i < l->ncopies; i++)
		if (str_is(name, l->copies[i].name))
			return true;
	return false;
}

/* Copies that were made while nobody read the log were never read. */
static void later_ones(struct logs *l, const struct remnant *r, int64_t after_ns)
{
	for (size_t i = 0; i < l->ncopies; i++) {
		struct copy *c = &l->copies[i];
		if (c->fd >= 0 && !c->used && c->changed_ns > after_ns && readable(c) &&
		    !is_double(l, c) && !is_live(l, c) && !is_others(l, c, r))
			read_on(l, c, &r->at, true);
	}
}

static void judge(struct logs *l, struct remnant *r)
{
	struct copy *c = copy_of(l, &r->at);
	bool blank = is_blank(&r->at);
	int64_t after = c && c->changed_ns > r->at.since_ns ? c->changed_ns : r->at.since_ns;
	if (c)
		read_on(l, c, &r->at, false);
	/* Nothing of it was read: all that came since counts as later. */
	if (r->at.away && (c || blank))
		later_ones(l, r, after);
	if (c || blank) {
		drop(l, r);
	} else if (++r->tries == TRIES) {
		log_warning("the rest of %s from byte %llu on was not found", log_quote(r->at.path),
		            (unsigned long long)r->at.done);
		l->unread++;
		drop(l, r);
	}
}

/* Newest first: each is put before those that were written later. */
static int by_age(const void *a, const void *b)
{
	int64_t x = ((const struct copy *)a)->changed_ns, y = ((const struct copy *)b)->changed_ns;
	return (x < y) - (x > y);
}

void remnants_judge(struct logs *l)
{
	struct remnant *after = NULL;
	if (!l->asked)
		return;
	for (size_t i = 0; i < l->ncopies; i++)
		make_plain(&l->copies[i]);
	if (l->ncopies)
		qsort(l->copies, l->ncopies, sizeof(*l->copies), by_age);
	for (struct remnant *r = TAILQ_FIRST(&l->remnants); r; r = after) {
		after = TAILQ_NEXT(r, next);
		if (str_is(r->at.path, l->asked))
			judge(l, r);
	}
	copies_forget(l);
}
