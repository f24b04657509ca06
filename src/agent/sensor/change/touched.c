#include "agent/sensor/change/touched.h"

#include <errno.h>
#include <string.h>

#include "base/wire.h"

enum { TEXT_MAX = 4096 + IM_PATH_MAX, HEAD = 1 + 1 + 3 * 8, TEXTS = 5 };

/* What is longer than a path can be is no path: it is cut, so that a message always fits. */
static struct str bounded(struct str s)
{
	enum { PATH = 4096 };
	return (struct str){ s.p, s.n > PATH ? (size_t)PATH : s.n };
}

void touched_write(struct buf *out, const struct touched *t)
{
	const struct str texts[TEXTS] = { t->path, t->actor.user, t->actor.process, t->actor.parent,
		                          t->actor.container };
	size_t size = HEAD;
	for (size_t i = 0; i < TEXTS; i++)
		size += 4 + bounded(texts[i]).n;
	char *room = buf_room(out, size);
	if (!room)
		return;
	struct wr w = wr_init(room, size);
	wr_u8(&w, (uint8_t)t->touch);
	wr_u8(&w, (uint8_t)t->class);
	wr_u64(&w, t->dev);
	wr_u64(&w, t->ino);
	wr_u64(&w, (uint64_t)t->actor.pid);
	for (size_t i = 0; i < TEXTS; i++)
		wr_str(&w, bounded(texts[i]));
	out->n += wr_len(&w);
}

int touched_read(struct str *body, struct touched *out)
{
	struct rd r = rd_init(body->p, body->n);
	if (!body->n)
		return 0;
	struct touched t = { .touch = rd_u8(&r) };
	uint8_t class = rd_u8(&r);
	t.dev = rd_u64(&r);
	t.ino = rd_u64(&r);
	t.actor.pid = (int64_t)rd_u64(&r);
	struct str *texts[TEXTS] = { &t.path, &t.actor.user, &t.actor.process, &t.actor.parent,
		                     &t.actor.container };
	for (size_t i = 0; i < TEXTS; i++)
		*texts[i] = rd_str(&r, TEXT_MAX);
	bool path = t.path.n > 0 && t.path.p[0] == '/' && !memchr(t.path.p, '\0', t.path.n);
	if (r.bad || t.touch > TOUCH_ALL || class >= IM_LINUX_CLASSES || (t.path.n && !path))
		return -EBADMSG;
	t.class = (enum im_class) class;
	*body = str_skip(*body, (size_t)((const char *)r.at - body->p));
	*out = t;
	return 1;
}
