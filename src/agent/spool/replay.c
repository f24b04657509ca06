#include "agent/spool/replay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/spool/segment.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/rand.h"

/* A file of 4 MiB may end with an event of 1 MiB; anything much longer is not ours. */
enum { FILE_MAX = 8 << 20 };

/* What the replayed files hold, before it is sorted by number. */
struct found {
	struct item *items; /* owned */
	size_t n, cap;
};

static int found_add(struct found *f, const struct item *it)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 1024;
		struct item *more = reallocarray(f->items, cap, sizeof(*more));
		if (!more)
			return -ENOMEM;
		f->items = more;
		f->cap = cap;
	}
	f->items[f->n++] = *it;
	return 0;
}

static void found_done(struct found *f)
{
	free(f->items);
}

static int by_seq(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* "S-FFFFFFFFFFFFFFFF.seg": severity and first number. */
static bool parse_name(const char *name, unsigned *severity, uint64_t *first)
{
	if (strlen(name) != 22 || name[0] < '0' || name[0] >= '0' + SEVERITIES || name[1] != '-' ||
	    strcmp(name + 18, ".seg") != 0 || strspn(name + 2, "0123456789abcdef") != 16)
		return false;
	*severity = (unsigned)(name[0] - '0');
	*first = strtoull(name + 2, NULL, 16);
	return true;
}

static void insert(struct journal *j, struct segment *s)
{
	struct segment *at = NULL;
	TAILQ_FOREACH (at, &j->segments[s->severity], next) {
		if (at->first > s->first) {
			TAILQ_INSERT_BEFORE(at, s, next);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&j->segments[s->severity], s, next);
}

/* Reads one file; a tail that belongs to no record is cut off. */
static int replay_file(struct journal *j, struct segment *s, struct found *found)
{
	AUTO(buf_done) struct buf b = { 0 };
	int rc = file_read_fd(s->fd, FILE_MAX, &b);
	if (rc < 0)
		return rc;
	struct segment_reader r;
	struct record rec;
	size_t end = 0;
	segment_reader_init(&r, (const uint8_t *)b.p, b.n);
	size_t head = r.at;
	while (segment_next(&r, &rec)) {
		struct item it = { .seq = rec.seq,
			           .segment = s,
			           .body_at = rec.body_at,
			           .body_len = (uint32_t)rec.body.n };
		journal_digest(j, rec.unique, it.digest);
		end = rec.at + rec.len;
		if (rec.seq >= j->next)
			j->next = rec.seq + 1;
		if (rec.seq > j->state.s.acked)
			rc = found_add(found, &it);
		if (rc < 0)
			return rc;
	}
	j->damaged += r.damaged;
	if (end < head)
		end = head;
	s->size = end < b.n ? end : b.n;
	return end < b.n ? j->disk->cut(s->fd, end) : 0;
}

static int replay_name(struct journal *j, const char *name, struct found *found, struct err *why)
{
	struct segment s = { .fd = -1 };
	if (!parse_name(name, &s.severity, &s.first))
		return 0; /* not ours */
	s.fd = openat(j->dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (s.fd < 0)
		return err_set(why, -errno, "open segment %s: %s", name, strerror(errno));
	struct segment *own = xcalloc(1, sizeof(*own));
	*own = s;
	insert(j, own);
	int rc = replay_file(j, own, found);
	if (rc < 0)
		return err_set(why, rc, "read segment %s: %s", name, strerror(-rc));
	j->bytes += own->size;
	return 0;
}

static int replay_dir(struct journal *j, struct found *found, struct err *why)
{
	DIR *d = file_dir(j->dir);
	if (!d)
		return err_set(why, -errno, "read the spool: %s", strerror(errno));
	int rc = 0;
	for (const struct dirent *e = readdir(d); e && rc == 0; e = readdir(d))
		rc = replay_name(j, e->d_name, found, why);
	closedir(d);
	return rc;
}

/* Ends what a crash interrupted: a file being given up, a loss being told. */
static int finish_victim(struct journal *j)
{
	struct state *st = &j->state.s;
	if (st->victim_count == 0)
		return 0;
	char name[32];
	const struct segment s = { .severity = st->victim_severity, .first = st->victim };
	segment_name(&s, name);
	int rc = j->disk->remove(j->dir, name);
	if (rc < 0)
		return rc;
	st->lost += st->victim_count;
	st->untold += st->victim_count;
	st->victim_count = 0;
	return state_save(&j->state, true);
}

static int finish_telling(struct journal *j)
{
	struct state *st = &j->state.s;
	uint64_t digest[2];
	if (st->telling == 0)
		return 0;
	journal_digest(j, str_of(st->unique), digest);
	if (journal_knows(j, digest))
		st->untold -= st->telling;
	st->telling = 0;
	return state_save(&j->state, true);
}

static int take_over(struct journal *j, struct found *found)
{
	if (found->n)
		qsort(found->items, found->n, sizeof(*found->items), by_seq);
	for (size_t i = 0; i < found->n; i++) {
		if (journal_knows(j, found->items[i].digest))
			continue;
		int rc = journal_push(j, &found->items[i]);
		if (rc < 0)
			return rc;
	}
	j->committed = j->n;
	return 0;
}

static int replay(struct journal *j, struct err *why)
{
	AUTO(found_done) struct found found = { 0 };
	int rc = finish_victim(j);
	if (rc < 0)
		return err_set(why, rc, "end an interrupted removal: %s", strerror(-rc));
	rc = replay_dir(j, &found, why);
	if (rc < 0)
		return rc;
	rc = take_over(j, &found);
	if (rc == 0)
		rc = finish_telling(j);
	return rc < 0 ? err_set(why, rc, "replay the spool: %s", strerror(-rc)) : 0;
}

int journal_open(struct journal *j, int dir, const struct disk *disk, uint64_t max_bytes,
                 struct err *why)
{
	*j = (struct journal){ .dir = dir, .disk = disk, .max_bytes = max_bytes };
	for (unsigned i = 0; i < SEVERITIES; i++)
		TAILQ_INIT(&j->segments[i]);
	rand_bytes(j->keys, sizeof(j->keys));
	bool fresh = false;
	int rc = state_open(&j->state, dir, disk, &fresh);
	if (rc < 0)
		return err_set(why, rc, "open the spool's state: %s", strerror(-rc));
	/* With nothing to go by, the clock keeps a new spool from numbers that an older one gave.
	 */
	if (fresh)
		j->state.s.reserved = clock_ms() * 1000;
	j->next = j->state.s.reserved;
	rc = state_save(&j->state, true);
	if (rc < 0)
		return err_set(why, rc, "write the spool's state: %s", strerror(-rc));
	rc = replay(j, why);
	if (rc < 0)
		return rc;
	rc = journal_commit(j); /* what was cut is cut for good */
	return rc < 0 ? err_set(why, rc, "write the spool: %s", strerror(-rc)) : 0;
}
