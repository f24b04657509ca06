#include "agent/spool/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/spool/replay.h"
#include "agent/spool/segment.h"
#include "base/auto.h"

enum { RESERVE = 65536, SEGMENT_MIN = 64 << 10, SEGMENT_MAX = 4 << 20 };

/* ---- items ---- */

void journal_digest(const struct journal *j, struct str unique, uint64_t out[static 2])
{
	out[0] = siphash(j->keys[0], unique.p, unique.n);
	out[1] = siphash(j->keys[1], unique.p, unique.n);
}

static struct str digest_key(const uint64_t digest[static 2])
{
	return (struct str){ (const char *)digest, 2 * sizeof(*digest) };
}

bool journal_knows(const struct journal *j, const uint64_t digest[static 2])
{
	return map_get(&j->uniques, digest_key(digest)) != NULL;
}

int journal_push(struct journal *j, const struct item *it)
{
	if (j->n == j->cap && j->head > j->cap / 2) {
		memmove(j->items, j->items + j->head, (j->n - j->head) * sizeof(*j->items));
		j->committed -= j->committed > j->head ? j->head : j->committed;
		j->n -= j->head;
		j->head = 0;
	}
	if (j->n == j->cap) {
		size_t cap = j->cap ? j->cap * 2 : 256;
		struct item *more = reallocarray(j->items, cap, sizeof(*more));
		if (!more)
			return -ENOMEM;
		j->items = more;
		j->cap = cap;
	}
	j->items[j->n++] = *it;
	map_set(&j->uniques, digest_key(it->digest), it->segment);
	it->segment->live++;
	return 0;
}

/* ---- segments ---- */

void segment_name(const struct segment *s, char out[static 32])
{
	snprintf(out, 32, "%u-%016" PRIx64 ".seg", s->severity, s->first);
}

static int segment_drop(struct journal *j, struct segment *s)
{
	char name[32];
	segment_name(s, name);
	TAILQ_REMOVE(&j->segments[s->severity], s, next);
	j->bytes -= s->size;
	close(s->fd);
	free(s);
	return j->disk->remove(j->dir, name);
}

static int segment_make(struct journal *j, unsigned severity, struct segment **out)
{
	char name[32];
	uint8_t head[SEGMENT_HEAD];
	struct segment s = { .severity = severity, .first = j->next, .size = sizeof(head) };
	segment_name(&s, name);
	s.fd = j->disk->create(j->dir, name);
	if (s.fd < 0)
		return s.fd;
	segment_head(head, severity);
	int rc = j->disk->write(s.fd, head, sizeof(head), 0);
	if (rc < 0) {
		close(s.fd);
		j->disk->remove(j->dir, name);
		return rc;
	}
	s.dirty = true;
	*out = xcalloc(1, sizeof(**out));
	**out = s;
	TAILQ_INSERT_TAIL(&j->segments[severity], *out, next);
	j->bytes += s.size;
	j->dir_dirty = true;
	return 0;
}

static uint64_t segment_limit(const struct journal *j)
{
	uint64_t limit = j->max_bytes / 64;
	return limit < SEGMENT_MIN ? SEGMENT_MIN : limit > SEGMENT_MAX ? SEGMENT_MAX : limit;
}

/* The file that takes the next event of this severity. */
static int segment_for(struct journal *j, unsigned severity, struct segment **out)
{
	struct segment *last = TAILQ_LAST(&j->segments[severity], segment_list);
	if (last && last->size < segment_limit(j)) {
		*out = last;
		return 0;
	}
	return segment_make(j, severity, out);
}

/* ---- giving up ---- */

static bool pinned(const struct journal *j, const struct segment *s)
{
	if (j->flight_first == 0)
		return false;
	for (size_t i = j->head; i < j->n && j->items[i].seq <= j->flight_last; i++)
		if (j->items[i].segment == s && j->items[i].seq >= j->flight_first)
			return true;
	return false;
}

static struct segment *victim(const struct journal *j, unsigned severity)
{
	for (unsigned i = 0; i <= severity; i++) {
		struct segment *s = NULL;
		TAILQ_FOREACH (s, &j->segments[i], next)
			if (!pinned(j, s))
				return s;
	}
	return NULL;
}

/* Those of its events that are in no count yet. */
static uint64_t uncounted(const struct journal *j, const struct segment *s)
{
	uint64_t n = s->live;
	for (size_t i = j->head; i < j->n; i++)
		n -= j->items[i].segment == s && gone_has(&j->gone, j->items[i].digest);
	return n;
}

static void forget_items(struct journal *j, const struct segment *s)
{
	for (size_t i = j->head; i < j->n; i++) {
		if (j->items[i].segment != s)
			continue;
		j->items[i].segment = NULL;
		map_del(&j->uniques, digest_key(j->items[i].digest));
		gone_put(&j->gone, j->items[i].digest);
	}
}

static void count_lost(struct journal *j, uint64_t n)
{
	j->state.s.lost += n;
	j->state.s.untold += n;
	j->state_dirty = true;
}

static void count_one(struct journal *j, const uint64_t digest[2])
{
	if (!gone_has(&j->gone, digest))
		count_lost(j, 1);
	gone_put(&j->gone, digest);
}

/* It is kept after all. A count that was told stays, and the event is in it. */
static void take_back(struct journal *j, const uint64_t digest[2])
{
	struct state *st = &j->state.s;
	if (!gone_has(&j->gone, digest) || st->untold <= st->telling)
		return;
	gone_forget(&j->gone, digest);
	st->lost--;
	st->untold--;
	j->state_dirty = true;
}

/*
 * Says in the state which file goes and what that costs, removes it, then books the loss: whenever
 * a crash comes, the count is right in the end.
 */
static int give_up(struct journal *j, struct segment *s)
{
	struct state *st = &j->state.s;
	st->victim = s->first;
	st->victim_severity = s->severity;
	st->victim_count = uncounted(j, s);
	int rc = state_save(&j->state, true);
	if (rc < 0)
		return rc;
	forget_items(j, s);
	rc = segment_drop(j, s);
	if (rc < 0)
		return rc;
	count_lost(j, st->victim_count);
	st->victim_count = 0;
	return state_save(&j->state, true);
}

/* 0: some room was made; -ENOSPC: nothing of this severity or below can go. */
static int make_room(struct journal *j, unsigned severity)
{
	struct segment *s = victim(j, severity);
	return s ? give_up(j, s) : -ENOSPC;
}

/* ---- adding ---- */

static int reserve(struct journal *j)
{
	if (j->next < j->state.s.reserved)
		return 0;
	j->state.s.reserved = j->next + RESERVE;
	return state_save(&j->state, true);
}

static int write_record(struct journal *j, unsigned severity, struct item *it)
{
	struct segment *s = NULL;
	if (j->bytes + j->record.n > j->max_bytes)
		return -ENOSPC;
	int rc = segment_for(j, severity, &s);
	if (rc < 0)
		return rc;
	rc = j->disk->write(s->fd, j->record.p, j->record.n, s->size);
	if (rc < 0) {
		int cut = j->disk->cut(s->fd, s->size);
		return cut < 0 ? cut : rc;
	}
	it->segment = s;
	it->body_at = s->size + j->record.n - it->body_len;
	s->size += j->record.n;
	s->dirty = true;
	j->bytes += j->record.n;
	return 0;
}

static bool is_full(int rc)
{
	return rc == -ENOSPC || rc == -EDQUOT;
}

int journal_add(struct journal *j, enum event_severity severity, struct str unique, struct str body)
{
	struct item it = { .seq = j->next, .body_len = (uint32_t)body.n };
	journal_digest(j, unique, it.digest);
	if (journal_knows(j, it.digest))
		return JOURNAL_KNOWN;
	if (body.n > RECORD_MAX)
		return -EMSGSIZE;
	int rc = reserve(j);
	if (rc < 0)
		return rc;
	buf_clear(&j->record);
	record_write(&j->record, it.seq, unique, body);
	if (buf_end(&j->record) < 0)
		return -ENOMEM;
	for (rc = write_record(j, severity, &it); is_full(rc);
	     rc = write_record(j, severity, &it)) {
		rc = make_room(j, severity);
		if (is_full(rc)) {
			count_one(j, it.digest);
			return JOURNAL_LOST;
		}
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return rc;
	j->next++;
	take_back(j, it.digest);
	rc = journal_push(j, &it);
	return rc < 0 ? rc : JOURNAL_KEPT;
}

int journal_commit(struct journal *j)
{
	for (unsigned i = 0; i < SEVERITIES; i++) {
		struct segment *s = NULL;
		TAILQ_FOREACH (s, &j->segments[i], next) {
			int rc = s->dirty ? j->disk->sync(s->fd) : 0;
			if (rc < 0)
				return rc;
			s->dirty = false;
		}
	}
	if (j->dir_dirty && fsync(j->dir) < 0)
		return -errno;
	j->dir_dirty = false;
	int rc = j->state_dirty ? state_save(&j->state, true) : 0;
	if (rc < 0)
		return rc;
	j->state_dirty = false;
	j->committed = j->n;
	return 0;
}

int journal_tell(struct journal *j)
{
	struct state *st = &j->state.s;
	if (st->untold == 0)
		return 0;
	struct event ev;
	AUTO(buf_done) struct buf b = { 0 };
	event_init(&ev, &event_class_system, "events-lost");
	event_int(&ev, "Count", (int64_t)st->untold);
	event_write(&b, &ev);
	st->telling = st->untold;
	snprintf(st->unique, sizeof(st->unique), "%s", ev.unique);
	event_done(&ev);
	int rc = state_save(&j->state, true);
	if (rc == 0)
		rc = journal_add(j, SEVERITY_ERROR, str_of(st->unique), buf_view(&b));
	if (rc < 0)
		return rc;
	bool kept = rc == JOURNAL_KEPT;
	if (!kept && st->untold > 0) {
		st->untold--; /* the loss of the telling itself is no loss of an event */
		st->lost--;
	}
	rc = journal_commit(j);
	if (rc < 0)
		return rc;
	if (kept)
		st->untold -= st->telling;
	st->telling = 0;
	rc = state_save(&j->state, true);
	return rc < 0 ? rc : kept;
}

int journal_limit(struct journal *j, uint64_t max_bytes)
{
	j->max_bytes = max_bytes;
	while (j->bytes > max_bytes) {
		int rc = make_room(j, SEVERITY_ERROR);
		if (is_full(rc))
			return 0; /* what is on its way to the manager stays */
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- handing out ---- */

static int add_body(const struct item *it, struct buf *out)
{
	char *p = buf_room(out, it->body_len);
	if (!p)
		return -ENOMEM;
	ssize_t n = pread(it->segment->fd, p, it->body_len, (off_t)it->body_at);
	if (n != (ssize_t)it->body_len)
		return n < 0 ? -errno : -EIO;
	out->n += it->body_len;
	return 0;
}

int journal_batch(struct journal *j, unsigned max_events, size_t max_bytes, struct buf *out)
{
	while (j->head < j->committed && !j->items[j->head].segment)
		j->head++;
	unsigned count = 0;
	for (size_t i = j->head; i < j->committed && count < max_events; i++) {
		const struct item *it = &j->items[i];
		if (!it->segment || it->seq != j->items[j->head].seq + count ||
		    (count && out->n + it->body_len + 4 > max_bytes))
			break;
		if (count == 0)
			buf_fmt(out, "{\"first\":%" PRIu64 ",\"events\":[", it->seq);
		else
			buf_char(out, ',');
		int rc = add_body(it, out);
		if (rc < 0)
			return rc;
		count++;
	}
	if (count == 0)
		return 0;
	buf_z(out, "]}");
	j->flight_first = j->items[j->head].seq;
	j->flight_last = j->flight_first + count - 1;
	int rc = buf_end(out);
	return rc < 0 ? rc : (int)count;
}

void journal_unpin(struct journal *j)
{
	j->flight_first = j->flight_last = 0;
}

static int sweep(struct journal *j)
{
	for (unsigned i = 0; i < SEVERITIES; i++) {
		struct segment *s = NULL, *after = NULL;
		for (s = TAILQ_FIRST(&j->segments[i]); s; s = after) {
			after = TAILQ_NEXT(s, next);
			/* The one that is being written stays while it is small. */
			if (s->live || (!after && s->size < SEGMENT_MIN))
				continue;
			int rc = segment_drop(j, s);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

int journal_ack(struct journal *j, uint64_t seq)
{
	journal_unpin(j);
	for (; j->head < j->committed && j->items[j->head].seq <= seq; j->head++) {
		struct item *it = &j->items[j->head];
		if (!it->segment)
			continue;
		it->segment->live--;
		map_del(&j->uniques, digest_key(it->digest));
		it->segment = NULL;
	}
	if (seq > j->state.s.acked)
		j->state.s.acked = seq;
	/* Without fdatasync: should the disk forget it, the manager knows these numbers. */
	int rc = state_save(&j->state, false);
	return rc < 0 ? rc : sweep(j);
}

uint64_t journal_events(const struct journal *j)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < SEVERITIES; i++) {
		const struct segment *s = NULL;
		TAILQ_FOREACH (s, &j->segments[i], next)
			n += s->live;
	}
	return n;
}

void journal_done(struct journal *j)
{
	for (unsigned i = 0; i < SEVERITIES; i++) {
		struct segment *s = NULL, *after = NULL;
		for (s = TAILQ_FIRST(&j->segments[i]); s; s = after) {
			after = TAILQ_NEXT(s, next);
			close(s->fd);
			free(s);
		}
	}
	map_done(&j->uniques);
	gone_done(&j->gone);
	buf_done(&j->record);
	free(j->items);
	state_done(&j->state);
	if (j->dir >= 0)
		close(j->dir);
	*j = (struct journal){ .dir = -1, .state.fd = -1 };
}
