#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "engine/app/command.h"
#include "engine/app/lines.h"

/* FTP's control connection (RFC 959): a command is a transaction, and so is a reply. */

enum { REPLY_LINES_MAX = 64 };

struct ftp_tx {
	struct app_tx tx;
	struct buf text;
	uint32_t verb;                      /* length of a command's first word */
	uint32_t line[REPLY_LINES_MAX + 1]; /* where in text a reply's lines begin */
	unsigned nlines;
};

struct ftp {
	struct app *app;
	struct lines lines[APP_SIDES];
	struct ftp_tx *reply; /* borrowed: of more lines than came yet */
	char code[3];         /* that its last line begins with */
	bool over[APP_SIDES];
};

static enum detected detect(const struct beginning *b)
{
	enum command_kind k = command_kind_of(b);
	return k == COMMAND_FTP ? DETECT_YES : k == COMMAND_MAYBE ? DETECT_MAYBE : DETECT_NO;
}

static struct ftp_tx *tx_new(struct ftp *f)
{
	if (!app_charge(f->app, sizeof(struct ftp_tx)))
		return NULL;
	struct ftp_tx *t = calloc(1, sizeof(*t));
	if (t)
		app_tx_begin(f->app, &t->tx);
	else
		app_refund(f->app, sizeof(*t));
	return t;
}

static void free_tx(struct app_tx *tx)
{
	struct ftp_tx *t = (struct ftp_tx *)tx;
	struct app *a = tx->app;
	struct ftp *f = a->state;
	if (f->reply == t)
		f->reply = NULL;
	app_forget(a, &t->text);
	app_refund(a, sizeof(*t));
	free(t);
}

static void finish(struct ftp *f, struct ftp_tx *t, enum app_side side)
{
	app_progress(&t->tx, side, STAGE_DONE);
	app_tx_end(f->app, &t->tx);
}

static void take_command(struct ftp *f, struct str line)
{
	struct ftp_tx *t = tx_new(f);
	if (!t)
		return;
	struct str rest = line;
	if (app_keep(f->app, &t->text, line.p, line.n))
		t->verb = (uint32_t)str_cut(&rest, ' ').n;
	finish(f, t, APP_CLIENT);
}

static bool add_line(struct ftp_tx *t, struct str line)
{
	if (t->nlines == REPLY_LINES_MAX || !app_keep(t->tx.app, &t->text, line.p, line.n))
		return false;
	t->line[++t->nlines] = (uint32_t)t->text.n;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "220 hello", or "220-hello" and lines up to one that begins with "220 ". */
static void take_reply(struct ftp *f, struct str line)
{
	bool coded =
		line.n >= 3 && is_digit(line.p[0]) && is_digit(line.p[1]) && is_digit(line.p[2]);
	bool more = coded && line.n > 3 && line.p[3] == '-';
	bool first = !f->reply;
	if (first) {
		f->reply = tx_new(f);
		if (!f->reply)
			return;
		if (coded)
			memcpy(f->code, line.p, 3);
	}
	bool room = add_line(f->reply, line);
	bool last = first ? !more : coded && !more && memcmp(line.p, f->code, 3) == 0;
	if (last || !room)
		finish(f, f->reply, APP_SERVER);
}

static void data(void *state, enum app_side side, const uint8_t *p, size_t n)
{
	struct ftp *f = state;
	/* After AUTH TLS. */
	if (n && !f->lines[side].held.n && p[0] == 0x16) {
		f->over[APP_CLIENT] = f->over[APP_SERVER] = true;
		app_finish(f->app);
	}
	while (n && !f->over[side] && !f->app->stopped) {
		struct app_bytes line;
		size_t used = lines_take(f->app, side, &f->lines[side], p, n, &line);
		p += used;
		n -= used;
		struct str text = { (const char *)line.data, line.len };
		if (line.data && side == APP_CLIENT)
			take_command(f, text);
		else if (line.data)
			take_reply(f, text);
		if (line.data && n && p[0] == 0x16)
			break;
	}
	if (n && !f->over[side] && p[0] == 0x16 && !f->app->stopped)
		data(state, side, p, n);
	else
		app_skip(f->app, side, n);
}

static void gap(void *state, enum app_side side, uint64_t len)
{
	struct ftp *f = state;
	(void)len;
	f->over[side] = true;
}

static void close_side(void *state, enum app_side side)
{
	struct ftp *f = state;
	struct app_bytes line;
	if (f->over[side] || !lines_rest(&f->lines[side], &line))
		return;
	struct str text = { (const char *)line.data, line.len };
	if (side == APP_CLIENT)
		take_command(f, text);
	else
		take_reply(f, text);
}

static void *new (struct app *a)
{
	if (!app_charge(a, sizeof(struct ftp)))
		return NULL;
	struct ftp *f = calloc(1, sizeof(*f));
	if (f)
		f->app = a;
	else
		app_refund(a, sizeof(*f));
	return f;
}

static void ftp_free(void *state)
{
	struct ftp *f = state;
	lines_done(f->app, &f->lines[0]);
	lines_done(f->app, &f->lines[1]);
	app_refund(f->app, sizeof(*f));
	free(f);
}

static bool buffer(struct app_tx *tx, enum app_buffer b, enum app_side side, unsigned index,
                   struct app_bytes *out)
{
	const struct ftp_tx *t = (const struct ftp_tx *)tx;
	const char *p = t->text.p ? t->text.p : "";
	if (b == BUFFER_FTP_COMMAND && side == APP_CLIENT && !t->nlines && !index)
		return app_bytes_of(out, p, t->verb);
	if (b == BUFFER_FTP_REPLY && index < t->nlines)
		return app_bytes_of(out, p + t->line[index], t->line[index + 1] - t->line[index]);
	return false;
}

const struct inspector inspector_ftp = {
	.protocol = APP_FTP,
	.detect = detect,
	.new = new,
	.data = data,
	.gap = gap,
	.close = close_side,
	.free = ftp_free,
	.buffer = buffer,
	.free_tx = free_tx,
};
