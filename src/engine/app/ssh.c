#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "engine/app/inspect.h"
#include "engine/app/lines.h"

/* SSH's identification strings (RFC 4253, 4.2); all behind them is key exchange and encrypted. */

enum { LINES_MAX = 64 }; /* that a server may send before its identification */

struct ssh_tx {
	struct app_tx tx;
	struct buf banner[APP_SIDES];
	struct {
		uint32_t at, n;
	} proto[APP_SIDES], software[APP_SIDES];
};

struct ssh {
	struct app *app;
	struct ssh_tx *tx; /* borrowed; NULL once ended */
	struct lines lines[APP_SIDES];
	unsigned nlines;
	bool over[APP_SIDES];
};

static enum detected detect(const struct beginning *b)
{
	bool maybe = false;
	if (b->udp)
		return DETECT_NO;
	for (int i = 0; i < APP_SIDES; i++) {
		size_t n = b->n[i] < 4 ? b->n[i] : 4;
		if (memcmp(b->p[i] ? (const char *)b->p[i] : "", "SSH-", n) != 0)
			return DETECT_NO;
		if (n == 4)
			return DETECT_YES;
		maybe = true;
	}
	return maybe ? DETECT_MAYBE : DETECT_NO;
}

static void side_over(struct ssh *s, enum app_side side)
{
	if (s->over[side])
		return;
	s->over[side] = true;
	if (s->tx)
		app_progress(&s->tx->tx, side, STAGE_DONE);
	if (!s->over[!side] && !(side == APP_CLIENT && app_limits_of(s->app)->client_only))
		return;
	app_finish(s->app);
	if (s->tx)
		app_tx_end(s->app, &s->tx->tx);
}

/* "SSH-2.0-OpenSSH_9.2p1 Debian-2": version, software, comments. */
static void read_banner(struct ssh *s, enum app_side side, struct str line)
{
	struct ssh_tx *t = s->tx;
	if (!t || !app_keep(s->app, &t->banner[side], line.p, line.n))
		return;
	struct str rest = str_skip(buf_view(&t->banner[side]), 4);
	struct str proto = str_cut(&rest, '-');
	t->proto[side].at = 4;
	t->proto[side].n = (uint32_t)proto.n;
	t->software[side].at = (uint32_t)(4 + proto.n + (rest.p ? 1 : 0));
	t->software[side].n = (uint32_t)str_cut(&rest, ' ').n;
	app_progress(&t->tx, side, STAGE_HEADERS);
}

static void take_line(struct ssh *s, enum app_side side, struct str line)
{
	if (str_starts(line, STR("SSH-"))) {
		read_banner(s, side, line);
		side_over(s, side);
	} else if (side == APP_CLIENT || ++s->nlines > LINES_MAX) {
		side_over(s, side);
	}
}

static void data(void *state, enum app_side side, const uint8_t *p, size_t n)
{
	struct ssh *s = state;
	while (n && !s->over[side] && !s->app->stopped) {
		struct app_bytes line;
		size_t used = lines_take(s->app, side, &s->lines[side], p, n, &line);
		p += used;
		n -= used;
		if (line.data)
			take_line(s, side, (struct str){ (const char *)line.data, line.len });
		else if (s->lines[side].cut)
			side_over(s, side);
	}
	app_skip(s->app, side, n);
}

static void gap(void *state, enum app_side side, uint64_t len)
{
	(void)len;
	side_over(state, side);
}

static void close_side(void *state, enum app_side side)
{
	struct ssh *s = state;
	struct app_bytes line;
	if (!s->over[side] && lines_rest(&s->lines[side], &line))
		take_line(s, side, (struct str){ (const char *)line.data, line.len });
	side_over(s, side);
}

static void free_tx(struct app_tx *tx)
{
	struct ssh_tx *t = (struct ssh_tx *)tx;
	struct app *a = tx->app;
	((struct ssh *)a->state)->tx = NULL;
	app_forget(a, &t->banner[0]);
	app_forget(a, &t->banner[1]);
	app_refund(a, sizeof(*t));
	free(t);
}

static void *new (struct app *a)
{
	size_t size = sizeof(struct ssh) + sizeof(struct ssh_tx);
	if (!app_charge(a, size))
		return NULL;
	struct ssh *s = calloc(1, sizeof(*s));
	struct ssh_tx *t = calloc(1, sizeof(*t));
	if (!s || !t) {
		free(s);
		free(t);
		app_refund(a, size);
		return NULL;
	}
	s->app = a;
	s->tx = t;
	app_tx_begin(a, &t->tx);
	return s;
}

static void ssh_free(void *state)
{
	struct ssh *s = state;
	lines_done(s->app, &s->lines[0]);
	lines_done(s->app, &s->lines[1]);
	app_refund(s->app, sizeof(*s));
	free(s);
}

static bool buffer(struct app_tx *tx, enum app_buffer b, enum app_side side, unsigned index,
                   struct app_bytes *out)
{
	const struct ssh_tx *t = (const struct ssh_tx *)tx;
	const char *p = t->banner[side].p;
	if (index || !p)
		return false;
	if (b == BUFFER_SSH_PROTO)
		return app_bytes_of(out, p + t->proto[side].at, t->proto[side].n);
	if (b == BUFFER_SSH_SOFTWARE)
		return app_bytes_of(out, p + t->software[side].at, t->software[side].n);
	return false;
}

const struct inspector inspector_ssh = {
	.protocol = APP_SSH,
	.detect = detect,
	.new = new,
	.data = data,
	.gap = gap,
	.close = close_side,
	.free = ssh_free,
	.buffer = buffer,
	.free_tx = free_tx,
};
