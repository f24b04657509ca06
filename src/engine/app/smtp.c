#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "engine/app/command.h"
#include "engine/app/lines.h"
#include "engine/app/mime.h"

/* SMTP (RFC 5321): a command is a transaction, and so is each part of a mail. */

enum place { AT_COMMAND, AT_MAIL, AT_CHUNK /* of BDAT */ };

struct smtp {
	struct app *app;
	struct lines lines[APP_SIDES];
	struct mime mime;
	enum place place;
	uint64_t left;         /* AT_CHUNK */
	bool last_chunk, mail; /* mail: its end has not come */
	/* The line of a mail under way, at most LINE_LONG bytes of it at once. */
	char line[LINE_LONG];
	size_t nline;
	bool line_began; /* a piece of it was handed on */
	bool over[APP_SIDES];
};

static enum detected detect(const struct beginning *b)
{
	enum command_kind k = command_kind_of(b);
	return k == COMMAND_SMTP ? DETECT_YES : k == COMMAND_MAYBE ? DETECT_MAYBE : DETECT_NO;
}

/* ---- mails ---- */

static void begin_mail(struct smtp *s)
{
	if (s->mail)
		return; /* another chunk of it */
	mime_begin(&s->mime, s->app);
	s->mail = true;
	s->nline = 0;
	s->line_began = false;
}

static void flush_line(struct smtp *s, bool whole)
{
	size_t n = s->nline;
	const char *p = s->line;
	if (whole && n && p[n - 1] == '\r')
		n--;
	/* A dot that was put before another is taken away (4.5.2). */
	if (s->place == AT_MAIL && !s->line_began && n > 1 && p[0] == '.') {
		p++;
		n--;
	}
	mime_line(&s->mime, (struct str){ p, n }, !s->line_began, whole);
	s->line_began = !whole;
	s->nline = 0;
}

static void end_mail(struct smtp *s)
{
	if (s->nline)
		flush_line(s, false);
	mime_end(&s->mime);
	s->mail = false;
	s->place = AT_COMMAND;
}

/* Takes a line or as much of it as the room allows; where it is flushed depends on the line alone.
 */
static size_t take_mail(struct smtp *s, const uint8_t *p, size_t n)
{
	const uint8_t *end = memchr(p, '\n', n);
	size_t len = end ? (size_t)(end - p) : n, room = sizeof(s->line) - s->nline;
	if (len > room) {
		memcpy(s->line + s->nline, p, room);
		s->nline += room;
		flush_line(s, false);
		return room;
	}
	memcpy(s->line + s->nline, p, len);
	s->nline += len;
	if (!end)
		return len;
	bool dot = s->place == AT_MAIL && !s->line_began && s->line[0] == '.' &&
	           (s->nline == 1 || (s->nline == 2 && s->line[1] == '\r'));
	if (dot) {
		s->nline = 0;
		end_mail(s);
	} else {
		flush_line(s, true);
	}
	return len + 1;
}

static size_t take_chunk(struct smtp *s, const uint8_t *p, size_t n)
{
	size_t used = n < s->left ? n : (size_t)s->left;
	s->left -= used;
	for (size_t at = 0; at < used;)
		at += take_mail(s, p + at, used - at);
	if (s->left)
		return used;
	s->place = AT_COMMAND;
	if (s->last_chunk)
		end_mail(s);
	return used;
}

/* ---- commands ---- */

static bool verb_is(struct str line, const char *verb)
{
	struct str rest = line;
	return str_eq_nocase(str_cut(&rest, ' '), str_of(verb));
}

/* "BDAT 1234 LAST" */
static void begin_chunk(struct smtp *s, struct str line)
{
	struct str rest = line;
	str_cut(&rest, ' ');
	struct str size = str_cut(&rest, ' ');
	if (str_u64(size, 0, UINT64_MAX / 2, &s->left) < 0) {
		app_tell(s->app, NULL, APP_CLIENT, APP_EVENT_SMTP_BDAT);
		return;
	}
	s->last_chunk = str_eq_nocase(str_trim(rest), STR("LAST"));
	begin_mail(s);
	if (s->left)
		s->place = AT_CHUNK;
	else if (s->last_chunk)
		end_mail(s);
}

static void take_command(struct smtp *s, struct str line)
{
	struct mime_part *t = mime_part_new(s->app);
	if (t) {
		t->command = true;
		app_keep(s->app, &t->name, line.p, line.n);
		app_progress(&t->tx, APP_CLIENT, STAGE_DONE);
		app_tx_end(s->app, &t->tx);
	}
	if (verb_is(line, "DATA")) {
		begin_mail(s);
		s->place = AT_MAIL;
	} else if (verb_is(line, "BDAT")) {
		begin_chunk(s, line);
	} else if (verb_is(line, "RSET") && s->mail) {
		end_mail(s);
	}
}

/* A server that will not have the mail gets commands next (4.3.2). */
static void take_reply(struct smtp *s, struct str line)
{
	if (s->place == AT_MAIL && s->mail && !s->line_began && !s->nline && line.n &&
	    (line.p[0] == '4' || line.p[0] == '5') && s->mime.headers && !s->mime.field.n)
		end_mail(s);
}

static void begin_tls(struct smtp *s)
{
	s->over[APP_CLIENT] = s->over[APP_SERVER] = true;
	app_finish(s->app);
}

static size_t take_line(struct smtp *s, enum app_side side, const uint8_t *p, size_t n)
{
	struct app_bytes line;
	if (p[0] == 0x16 && !s->lines[side].held.n && !s->lines[side].cut) {
		begin_tls(s); /* after STARTTLS */
		return 0;
	}
	size_t used = lines_take(s->app, side, &s->lines[side], p, n, &line);
	struct str text = { (const char *)line.data, line.len };
	if (line.data && side == APP_CLIENT)
		take_command(s, text);
	else if (line.data)
		take_reply(s, text);
	return used;
}

/* ---- the row ---- */

static void data(void *state, enum app_side side, const uint8_t *p, size_t n)
{
	struct smtp *s = state;
	while (n && !s->over[side] && !s->app->stopped) {
		size_t used = 0;
		if (side == APP_CLIENT && s->place == AT_MAIL)
			used = take_mail(s, p, n);
		else if (side == APP_CLIENT && s->place == AT_CHUNK)
			used = take_chunk(s, p, n);
		else
			used = take_line(s, side, p, n);
		p += used;
		n -= used;
	}
	app_skip(s->app, side, n);
}

static void gap(void *state, enum app_side side, uint64_t len)
{
	struct smtp *s = state;
	(void)len;
	if (side == APP_CLIENT && s->mail)
		end_mail(s);
	s->over[side] = true;
}

static void close_side(void *state, enum app_side side)
{
	struct smtp *s = state;
	struct app_bytes line;
	if (side == APP_SERVER || s->over[side])
		return;
	if (s->mail)
		end_mail(s);
	if (lines_rest(&s->lines[side], &line))
		take_command(s, (struct str){ (const char *)line.data, line.len });
}

static void free_tx(struct app_tx *tx)
{
	struct app *a = tx->app;
	struct smtp *s = a->state;
	struct mime_part *p = (struct mime_part *)tx;
	if (s->mime.part == p)
		s->mime.part = NULL;
	mime_part_free(p);
}

static void *new (struct app *a)
{
	if (!app_charge(a, sizeof(struct smtp)))
		return NULL;
	struct smtp *s = calloc(1, sizeof(*s));
	if (!s) {
		app_refund(a, sizeof(*s));
		return NULL;
	}
	s->app = a;
	s->mime.app = a;
	return s;
}

static void smtp_free(void *state)
{
	struct smtp *s = state;
	lines_done(s->app, &s->lines[0]);
	lines_done(s->app, &s->lines[1]);
	mime_done(&s->mime);
	app_refund(s->app, sizeof(*s));
	free(s);
}

static bool buffer(struct app_tx *tx, enum app_buffer b, enum app_side side, unsigned index,
                   struct app_bytes *out)
{
	const struct mime_part *p = (const struct mime_part *)tx;
	if (side != APP_CLIENT || index)
		return false;
	if (b == BUFFER_FILE_DATA)
		return body_bytes(&p->body, out);
	if (b == BUFFER_FILE_NAME)
		return !p->command && p->name.n && app_bytes_of(out, p->name.p, p->name.n);
	if (b == BUFFER_SMTP_COMMAND)
		return p->command && app_bytes_of(out, p->name.p ? p->name.p : "", p->name.n);
	return false;
}

const struct inspector inspector_smtp = {
	.protocol = APP_SMTP,
	.detect = detect,
	.new = new,
	.data = data,
	.gap = gap,
	.close = close_side,
	.free = smtp_free,
	.buffer = buffer,
	.free_tx = free_tx,
};
