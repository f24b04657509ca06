#include "engine/app/lines.h"

#include <string.h>

#include "engine/app/inspect.h"

static void give(const uint8_t *p, size_t n, struct app_bytes *line)
{
	while (n && (p[n - 1] == '\n' || p[n - 1] == '\r'))
		n--;
	*line = (struct app_bytes){ .data = p, .len = n, .whole = true };
}

static void keep(struct app *a, enum app_side side, struct lines *l, const uint8_t *p, size_t n)
{
	size_t room = LINE_LONG - l->held.n;
	if (!app_keep(a, &l->held, p, n < room ? n : room))
		room = 0;
	if (n <= room)
		return;
	app_skip(a, side, n - room);
	if (!l->cut)
		app_tell(a, NULL, side, APP_EVENT_LINE_LONG);
	l->cut = true;
}

size_t lines_take(struct app *a, enum app_side side, struct lines *l, const uint8_t *p, size_t n,
                  struct app_bytes *line)
{
	const uint8_t *end = memchr(p, '\n', n);
	size_t used = end ? (size_t)(end - p) + 1 : n;
	*line = (struct app_bytes){ 0 };
	if (!l->held.n && !l->cut && end && used <= LINE_LONG) {
		give(p, used, line);
		return used;
	}
	keep(a, side, l, p, used);
	if (!end)
		return used;
	give((const uint8_t *)l->held.p, l->held.n, line);
	if (!line->data)
		line->data = p;
	l->held.n = 0;
	l->cut = false;
	return used;
}

bool lines_rest(struct lines *l, struct app_bytes *line)
{
	if (!l->held.n)
		return false;
	give((const uint8_t *)l->held.p, l->held.n, line);
	l->held.n = 0;
	return true;
}

void lines_done(struct app *a, struct lines *l)
{
	app_forget(a, &l->held);
}
