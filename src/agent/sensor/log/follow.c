#include "agent/sensor/log/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/rand.h"

enum { IDLE_MS = 1000 }; /* then lines that may go on are an event */

struct follow *follow_new(struct str path, enum li_format format)
{
	struct follow *f = xcalloc(1, sizeof(*f));
	f->at.path = (struct str){ str_dup(path), path.n };
	f->at.format = (uint8_t)format;
	f->lines.format = format;
	f->name = str_dup(path);
	f->fd = -1;
	rand_bytes(f->at.stream, sizeof(f->at.stream));
	return f;
}

void follow_free(struct follow *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free((char *)(uintptr_t)f->at.path.p);
	free(f->name);
	free(f);
}

static void find_encoding(struct follow *f)
{
	char head[64];
	ssize_t n = pread(f->fd, head, sizeof(head), 0);
	f->lines.encoding = li_encoding_of((struct str){ head, n > 0 ? (size_t)n : 0 });
}

void follow_open(struct follow *f, int fd, uint64_t dev, uint64_t ino)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = fd;
	f->at.dev = dev;
	f->at.ino = ino;
	f->left_ms = f->next_ms = 0;
	f->seen = 0;
	find_encoding(f);
}

static void keep_before(struct position *p, const char *end, size_t n)
{
	p->before_n = (uint32_t)(n < BEFORE_MAX ? n : BEFORE_MAX);
	memcpy(p->before, end - p->before_n, p->before_n);
}

void follow_begin(struct follow *f, uint64_t at)
{
	char before[BEFORE_MAX];
	rand_bytes(f->at.stream, sizeof(f->at.stream));
	f->saved = false;
	f->at.skipping = false;
	f->at.before_n = 0;
	f->at.done = 0;
	f->seen = 0;
	size_t n = at < BEFORE_MAX ? (size_t)at : BEFORE_MAX;
	if (n && pread(f->fd, before, n, (off_t)(at - n)) == (ssize_t)n) {
		f->at.done = at;
		keep_before(&f->at, before + n, n);
		f->at.skipping = before[n - 1] != '\n'; /* in the middle of a line */
	}
	find_encoding(f);
}

void follow_head(struct follow *f)
{
	char head[BEFORE_MAX];
	ssize_t n = pread(f->fd, head, sizeof(head), 0);
	/* What was another file before must not look like this one: the next look tells. */
	if (n < (ssize_t)f->at.before_n || memcmp(head, f->at.before, f->at.before_n) != 0)
		return;
	f->at.before_n = (uint32_t)n;
	memcpy(f->at.before, head, (size_t)n);
}

bool position_holds(const struct position *p, int fd)
{
	char there[BEFORE_MAX];
	if (p->done > INT64_MAX)
		return false;
	uint64_t at = p->done ? p->done - p->before_n : 0;
	return pread(fd, there, p->before_n, (off_t)at) == (ssize_t)p->before_n &&
	       memcmp(there, p->before, p->before_n) == 0;
}

/* The rest of a line whose beginning was judged; 0: it does not end here. */
static size_t skip(struct follow *f, struct str bytes)
{
	size_t n = li_line_end(f->lines.encoding, bytes);
	f->at.skipping = n == 0;
	return n ? n : bytes.n;
}

/* A line that is longer than all we look at: its beginning is judged. */
static size_t cut_off(struct follow *f, struct str bytes, struct look_room *room,
                      follow_line_fn *line, void *arg)
{
	struct str head = { bytes.p, LI_LINE_MAX + 2 };
	buf_clear(&room->text);
	li_line_text(f->lines.encoding, head, &room->text);
	line(arg, f, buf_view(&room->text), f->at.done, true);
	f->at.skipping = true;
	return bytes.n & ~(size_t)1;
}

/* The next of what is there: how many bytes it is. */
static size_t one(struct follow *f, struct str rest, bool last, bool end, struct look_room *room,
                  follow_line_fn *line, void *arg)
{
	if (f->at.skipping)
		return skip(f, rest);
	size_t n = li_lines_next(&f->lines, rest, last, &room->text);
	if (!n && rest.n >= FOLLOW_CHUNK - BEFORE_MAX)
		return cut_off(f, rest, room, line, arg);
	if (!n && end && rest.n) {
		buf_clear(&room->text);
		li_line_text(f->lines.encoding, rest, &room->text);
		n = rest.n;
	}
	if (n && room->text.n)
		line(arg, f, buf_view(&room->text), f->at.done, false);
	return n;
}

static int64_t take(struct follow *f, struct str bytes, bool last, bool end, struct look_room *room,
                    follow_line_fn *line, void *arg)
{
	uint64_t from = f->at.done;
	struct str rest = bytes;
	while (rest.n) {
		size_t n = one(f, rest, last, end, room, line, arg);
		if (!n)
			break;
		rest = str_skip(rest, n);
		f->at.done += n;
	}
	if (f->at.done != from) {
		/* What was before stands in the room right before these bytes. */
		size_t all = (from ? f->at.before_n : 0) + (size_t)(f->at.done - from);
		keep_before(&f->at, bytes.p + (f->at.done - from), all);
	}
	return (int64_t)(f->at.done - from);
}

int64_t follow_look(struct follow *f, struct look_room *room, uint64_t now_ms, bool end,
                    follow_line_fn *line, void *arg)
{
	const uint32_t known = f->at.before_n, before = f->at.done ? known : 0;
	if (f->at.done > INT64_MAX)
		return -ESTALE;
	ssize_t n = pread(f->fd, room->p, FOLLOW_CHUNK, (off_t)(f->at.done - before));
	if (n < 0)
		return -errno;
	if ((size_t)n < known || memcmp(room->p, f->at.before, known) != 0)
		return -ESTALE;
	struct str bytes = { room->p + before, (size_t)n - before };
	uint64_t there = f->at.done + bytes.n;
	if (there != f->seen)
		f->grown_ms = now_ms;
	f->seen = there;
	bool last = end || now_ms - f->grown_ms >= IDLE_MS;
	return take(f, bytes, last, end, room, line, arg);
}
