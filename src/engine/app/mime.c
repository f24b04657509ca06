#include "engine/app/mime.h"

#include <stdlib.h>
#include <string.h>

void mime_begin(struct mime *m, struct app *a)
{
	struct buf field = m->field;
	buf_clear(&field);
	*m = (struct mime){ .app = a, .headers = true, .field = field };
}

void mime_done(struct mime *m)
{
	if (m->app)
		app_forget(m->app, &m->field);
}

struct mime_part *mime_part_new(struct app *a)
{
	if (!app_charge(a, sizeof(struct mime_part)))
		return NULL;
	struct mime_part *p = calloc(1, sizeof(*p));
	if (p)
		app_tx_begin(a, &p->tx);
	else
		app_refund(a, sizeof(*p));
	return p;
}

void mime_part_free(struct mime_part *p)
{
	struct app *a = p->tx.app;
	body_done(a, &p->body);
	app_forget(a, &p->name);
	app_refund(a, sizeof(*p));
	free(p);
}

/* ---- headers ---- */

/* The value of a parameter: name="value" or name=value; RFC 2231's name*= as it stands. */
static struct str parameter(struct str field, const char *name)
{
	struct str want = str_of(name);
	for (size_t i = 0; i + want.n < field.n; i++) {
		struct str at = str_skip(field, i);
		if (!str_eq_nocase((struct str){ at.p, want.n }, want) ||
		    (i &&
		     (field.p[i - 1] != ' ' && field.p[i - 1] != ';' && field.p[i - 1] != '\t')))
			continue;
		at = str_skip(at, want.n);
		at = str_skip(at, at.n && at.p[0] == '*');
		if (!at.n || at.p[0] != '=')
			continue;
		at = str_skip(at, 1);
		if (!at.n || at.p[0] != '"')
			return str_trim(str_cut(&at, ';'));
		at = str_skip(at, 1);
		return str_cut(&at, '"');
	}
	return (struct str){ 0 };
}

static bool is_field(struct str field, const char *name, struct str *value)
{
	struct str rest = field;
	struct str found = str_trim(str_cut(&rest, ':'));
	*value = str_trim(rest);
	return str_eq_nocase(found, str_of(name));
}

static void take_boundary(struct mime *m, struct str b)
{
	m->multi = true;
	if (!b.n || b.n > BOUNDARY_MAX || m->depth == MIME_DEPTH) {
		app_tell(m->app, NULL, APP_CLIENT, APP_EVENT_DEEP);
		return;
	}
	memcpy(m->boundaries[m->depth].text, b.p, b.n);
	m->boundaries[m->depth++].n = b.n;
}

static void take_name(struct mime *m, struct str name)
{
	size_t n = name.n < sizeof(m->name) - 1 ? name.n : sizeof(m->name) - 1;
	if (!n || m->name[0])
		return;
	memcpy(m->name, name.p, n);
	m->name[n] = '\0';
}

static void end_field(struct mime *m)
{
	struct str field = buf_view(&m->field), value = { 0 };
	if (is_field(field, "content-type", &value)) {
		if (value.n > 10 && str_eq_nocase((struct str){ value.p, 10 }, STR("multipart/")))
			take_boundary(m, parameter(value, "boundary"));
		take_name(m, parameter(value, "name"));
	} else if (is_field(field, "content-disposition", &value)) {
		take_name(m, parameter(value, "filename"));
	} else if (is_field(field, "content-transfer-encoding", &value)) {
		m->coding = str_eq_nocase(value, STR("base64"))             ? MIME_BASE64
		            : str_eq_nocase(value, STR("quoted-printable")) ? MIME_QUOTED
		                                                            : MIME_PLAIN;
	}
	m->field.n = 0;
}

/* ---- parts ---- */

static void begin_part(struct mime *m)
{
	m->headers = false;
	m->bits = m->nbits = 0;
	m->ended = m->odd = false;
	if (m->multi)
		return;
	struct mime_part *p = mime_part_new(m->app);
	if (!p)
		return;
	m->part = p;
	if (m->name[0])
		app_keep(m->app, &p->name, m->name, strlen(m->name));
	app_progress(&p->tx, APP_CLIENT, STAGE_HEADERS);
}

static void end_part(struct mime *m)
{
	struct mime_part *p = m->part;
	if (m->headers && m->field.n)
		end_field(m);
	m->part = NULL;
	m->multi = false;
	m->name[0] = '\0';
	m->coding = MIME_PLAIN;
	if (!p)
		return;
	body_end(&p->tx, APP_CLIENT, &p->body);
	app_progress(&p->tx, APP_CLIENT, STAGE_DONE);
	app_tx_end(m->app, &p->tx);
}

/* "--boundary" begins a part of the innermost or an outer one, "--boundary--" ends it. */
static bool is_boundary(struct mime *m, struct str line)
{
	if (line.n < 3 || line.p[0] != '-' || line.p[1] != '-')
		return false;
	for (unsigned i = m->depth; i-- > 0;) {
		struct str b = { m->boundaries[i].text, m->boundaries[i].n };
		struct str rest = str_skip(line, 2);
		if (!str_starts(rest, b))
			continue;
		rest = str_skip(rest, b.n);
		bool last = str_starts(rest, STR("--"));
		rest = str_trim(str_skip(rest, last ? 2 : 0));
		if (rest.n)
			continue;
		end_part(m);
		m->depth = last ? i : i + 1;
		m->headers = !last;
		m->multi = last; /* what follows the last part is for nobody */
		return true;
	}
	return false;
}

/* ---- contents ---- */

static void put(struct mime *m, const void *p, size_t n)
{
	if (m->part && n)
		body_data(&m->part->tx, APP_CLIENT, &m->part->body, p, n);
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* What is no digit of it is left out, as mail programs do (RFC 2045, 6.8). */
static void put_base64(struct mime *m, struct str line)
{
	uint8_t out[512];
	size_t n = 0;
	for (size_t i = 0; i < line.n && !m->ended; i++) {
		int digit = base64_digit(line.p[i]);
		if (line.p[i] == '=') {
			m->ended = true;
		} else if (digit < 0) {
			if (line.p[i] != ' ' && line.p[i] != '\t' && !m->odd && m->part) {
				app_tell(m->app, &m->part->tx, APP_CLIENT,
				         APP_EVENT_BASE64_INVALID);
				m->odd = true;
			}
		} else {
			m->bits = m->bits << 6 | (uint32_t)digit;
			m->nbits += 6;
		}
		if (m->nbits >= 8) {
			m->nbits -= 8;
			out[n++] = (uint8_t)(m->bits >> m->nbits);
		}
		if (n == sizeof(out)) {
			put(m, out, n);
			n = 0;
		}
	}
	put(m, out, n);
	/* Another text may be joined to one that was padded. */
	if (m->ended) {
		m->ended = false;
		m->nbits = 0;
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void put_quoted(struct mime *m, struct str line, bool whole)
{
	bool soft = false;
	for (size_t i = 0; i < line.n;) {
		size_t plain = 0;
		while (i + plain < line.n && line.p[i + plain] != '=')
			plain++;
		put(m, line.p + i, plain);
		i += plain;
		if (i == line.n)
			break;
		int high = line.n - i > 2 ? hex_digit(line.p[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(line.p[i + 2]) : -1;
		if (low >= 0) {
			uint8_t c = (uint8_t)(high << 4 | low);
			put(m, &c, 1);
			i += 3;
		} else if (!str_trim(str_skip(line, i + 1)).n) {
			soft = true;
			break;
		} else {
			put(m, line.p + i++, 1);
		}
	}
	if (whole && !soft)
		put(m, "\r\n", 2);
}

static void contents(struct mime *m, struct str line, bool whole)
{
	if (!m->part)
		return;
	if (m->coding == MIME_BASE64) {
		put_base64(m, line);
	} else if (m->coding == MIME_QUOTED) {
		put_quoted(m, line, whole);
	} else {
		put(m, line.p, line.n);
		if (whole)
			put(m, "\r\n", 2);
	}
}

static void header(struct mime *m, struct str line, bool first)
{
	bool folded = !first || (line.n && (line.p[0] == ' ' || line.p[0] == '\t'));
	if (!folded && m->field.n)
		end_field(m);
	if (!line.n && first) {
		begin_part(m);
		return;
	}
	size_t room = m->field.n < MIME_FIELD ? MIME_FIELD - m->field.n : 0;
	app_keep(m->app, &m->field, line.p, line.n < room ? line.n : room);
}

void mime_line(struct mime *m, struct str line, bool first, bool whole)
{
	if (first && is_boundary(m, line))
		return;
	if (m->headers)
		header(m, line, first);
	else
		contents(m, line, whole);
}

void mime_end(struct mime *m)
{
	end_part(m);
	m->depth = 0;
}
