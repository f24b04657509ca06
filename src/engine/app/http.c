#include "engine/app/http.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

/* ---- a transaction's memory ---- */

static void message_clear(struct app *a, struct http_message *m)
{
	struct http_message old = *m;
	buf_clear(&old.head);
	buf_clear(&old.text);
	body_clear(a, &old.body);
	*m = (struct http_message){ .head = old.head,
		                    .text = old.text,
		                    .body = old.body,
		                    .fields = old.fields,
		                    .fields_cap = old.fields_cap };
}

void http_tx_clear(struct http_tx *t)
{
	for (int i = 0; i < APP_SIDES; i++)
		message_clear(t->tx.app, &t->side[i]);
	buf_clear(&t->uri);
	buf_clear(&t->host);
	buf_clear(&t->joined);
	t->tx = (struct app_tx){ .app = t->tx.app };
}

void http_tx_free(struct http_tx *t)
{
	if (!t)
		return;
	struct app *a = t->tx.app;
	for (int i = 0; i < APP_SIDES; i++) {
		struct http_message *m = &t->side[i];
		app_forget(a, &m->head);
		app_forget(a, &m->text);
		body_done(a, &m->body);
		app_refund(a, m->fields_cap * sizeof(*m->fields));
		free(m->fields);
	}
	app_forget(a, &t->uri);
	app_forget(a, &t->host);
	app_forget(a, &t->joined);
	app_refund(a, sizeof(*t));
	free(t);
}

struct str http_part(const struct http_message *m, struct span s)
{
	return (struct str){ m->head.p ? m->head.p + s.at : NULL, s.n };
}

/* ---- lines ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f';
}

/* The line that head begins with, without its end. */
static struct str first_line(const struct http_message *m)
{
	size_t n = m->fields_at;
	while (n && (m->head.p[n - 1] == '\n' || m->head.p[n - 1] == '\r'))
		n--;
	return (struct str){ m->head.p, n };
}

static size_t skip_blanks(struct str line, size_t at)
{
	while (at < line.n && is_blank(line.p[at]))
		at++;
	return at;
}

static size_t skip_word(struct str line, size_t at)
{
	while (at < line.n && !is_blank(line.p[at]))
		at++;
	return at;
}

static struct span span_of(size_t from, size_t to)
{
	return (struct span){ (uint32_t)from, (uint32_t)(to > from ? to - from : 0) };
}

/* The last word, if it is a version; what stands between it and the method is the URI. */
static size_t version_at(struct str line, size_t end)
{
	size_t at = end;
	while (at && !is_blank(line.p[at - 1]))
		at--;
	return at && str_eq_nocase((struct str){ line.p + at, end - at < 5 ? end - at : 5 },
	                           STR("HTTP/"))
	               ? at
	               : end;
}

void http_read_request_line(struct http_tx *t)
{
	struct http_message *m = &t->side[APP_CLIENT];
	struct str line = first_line(m);
	size_t end = line.n, method = skip_blanks(line, 0);
	if (method)
		app_tell(t->tx.app, &t->tx, APP_CLIENT, APP_EVENT_HTTP_LINE_WHITESPACE);
	while (end > method && is_blank(line.p[end - 1]))
		end--;
	size_t method_end = skip_word(line, method), uri = skip_blanks(line, method_end);
	if (uri > method_end + 1 || (uri > method_end && line.p[method_end] != ' '))
		app_tell(t->tx.app, &t->tx, APP_CLIENT, APP_EVENT_HTTP_METHOD_DELIM);
	size_t version = version_at(line, end), uri_end = version;
	while (uri_end > uri && is_blank(line.p[uri_end - 1]))
		uri_end--;
	m->method = span_of(method, method_end);
	m->uri = span_of(uri, uri_end);
	m->version = span_of(version, end);
	for (size_t i = uri; i < uri_end; i++)
		if (is_blank(line.p[i])) {
			app_tell(t->tx.app, &t->tx, APP_CLIENT, APP_EVENT_HTTP_URI_DELIM);
			break;
		}
}

void http_read_status_line(struct http_tx *t)
{
	struct http_message *m = &t->side[APP_SERVER];
	struct str line = first_line(m);
	size_t version = skip_blanks(line, 0), version_end = skip_word(line, version);
	size_t status = skip_blanks(line, version_end), status_end = skip_word(line, status);
	size_t phrase = skip_blanks(line, status_end);
	m->version = span_of(version, version_end);
	m->status = span_of(status, status_end);
	m->phrase = span_of(phrase, line.n);
	if (!str_starts((struct str){ line.p + version, line.n - version }, STR("HTTP/")))
		app_tell(t->tx.app, &t->tx, APP_SERVER, APP_EVENT_HTTP_ANSWER_PROTOCOL);
	if (!http_status(t))
		app_tell(t->tx.app, &t->tx, APP_SERVER, APP_EVENT_HTTP_ANSWER_STATUS);
}

unsigned http_status(const struct http_tx *t)
{
	uint64_t v = 0;
	const struct http_message *m = &t->side[APP_SERVER];
	return m->status.n == 3 && str_u64(http_part(m, m->status), 100, 999, &v) == 0 ? (unsigned)v
	                                                                               : 0;
}

void http_read_uri(struct http_tx *t)
{
	struct app *a = t->tx.app;
	const struct http_message *m = &t->side[APP_CLIENT];
	struct http_uri_rules r = { app_limits_of(a)->double_decode,
		                    app_limits_of(a)->plus_is_space };
	struct str path, uri = http_part(m, m->uri);
	size_t before = t->uri.cap;
	uint32_t odd = http_uri_normalise(uri, &r, &t->uri);
	a->memory += t->uri.cap - before;
	for (unsigned i = 0; odd; i++, odd >>= 1)
		if (odd & 1)
			app_tell(a, &t->tx, APP_CLIENT, APP_EVENT_HTTP_URI_DEPTH + i);
	struct str host = http_uri_authority(uri, &path);
	if (host.n)
		app_keep(a, &t->host, host.p, host.n);
}

/* ---- fields ---- */

static bool is_cookie(struct str name)
{
	return str_eq_nocase(name, STR("cookie")) || str_eq_nocase(name, STR("set-cookie"));
}

static bool more_fields(struct app *a, struct http_message *m)
{
	unsigned cap = m->fields_cap ? m->fields_cap * 2 : 16;
	size_t size = sizeof(*m->fields);
	if (m->nfields < m->fields_cap)
		return true;
	if (cap > HTTP_FIELDS_MAX || !app_charge(a, (cap - m->fields_cap) * size))
		return false;
	struct http_field *f = realloc(m->fields, cap * size);
	if (!f) {
		app_refund(a, (cap - m->fields_cap) * size);
		return false;
	}
	m->fields = f;
	m->fields_cap = cap;
	return true;
}

/* The value as one line: line ends of folds and the blanks behind them become one space. */
static bool keep_value(struct app *a, struct http_message *m, struct str value)
{
	while (value.n) {
		const char *cut = memchr(value.p, '\n', value.n);
		struct str part = { value.p, cut ? (size_t)(cut - value.p) : value.n };
		value = str_skip(value, cut ? part.n + 1 : part.n);
		part = str_trim(part);
		if (!app_keep(a, &m->text, part.p, part.n) ||
		    (cut && part.n && value.n && !app_keep(a, &m->text, " ", 1)))
			return false;
	}
	return true;
}

bool http_add_field(struct http_tx *t, enum app_side side, struct str name, struct str value)
{
	struct app *a = t->tx.app;
	struct http_message *m = &t->side[side];
	size_t at = m->text.n;
	if (!more_fields(a, m) || !app_keep(a, &m->text, name.p, name.n) ||
	    !app_keep(a, &m->text, ": ", 2))
		return false;
	size_t from = m->text.n;
	if (!keep_value(a, m, value))
		return false;
	m->fields[m->nfields++] =
		(struct http_field){ span_of(at, at + name.n), span_of(from, m->text.n) };
	return app_keep(a, &m->text, "\r\n", 2);
}

/* One field with its folded lines; what it says is told only once, in the first of two rounds. */
static bool read_field(struct http_tx *t, enum app_side side, struct str line, bool cookies)
{
	struct app *a = t->tx.app;
	const char *colon = memchr(line.p, ':', line.n);
	struct str name = { line.p, colon ? (size_t)(colon - line.p) : line.n };
	struct str value = str_skip(line, name.n + 1);
	struct str bare = str_trim(name);
	if (is_cookie(bare) != cookies)
		return true;
	if (!colon)
		app_tell(a, &t->tx, side,
		         side == APP_CLIENT ? APP_EVENT_HTTP_NO_COLON
		                            : APP_EVENT_HTTP_ANSWER_NO_COLON);
	else if (!bare.n || bare.n != name.n)
		app_tell(a, &t->tx, side,
		         side == APP_CLIENT ? APP_EVENT_HTTP_HEADER_INVALID
		                            : APP_EVENT_HTTP_ANSWER_HEADER_INVALID);
	return http_add_field(t, side, bare, value);
}

/* The field that rest begins with, folded lines and all; its end is cut off. */
static struct str cut_field(struct str *rest, bool *folded)
{
	size_t n = 0;
	struct str all = *rest;
	do {
		const char *end = memchr(all.p + n, '\n', all.n - n);
		n = end ? (size_t)(end - all.p) + 1 : all.n;
		if (n < all.n && is_blank(all.p[n]))
			*folded = true;
		else
			break;
	} while (n < all.n);
	*rest = str_skip(all, n);
	while (n && (all.p[n - 1] == '\n' || all.p[n - 1] == '\r'))
		n--;
	return (struct str){ all.p, n };
}

void http_read_fields(struct http_tx *t, enum app_side side)
{
	struct http_message *m = &t->side[side];
	bool folded = false, all = true;
	for (int cookies = 0; cookies < 2 && all; cookies++) {
		struct str rest = { m->head.p + m->fields_at, m->head.n - m->fields_at };
		if (cookies)
			m->cookies_at = (uint32_t)m->text.n;
		while (rest.n && all) {
			struct str line = cut_field(&rest, &folded);
			if (line.n)
				all = read_field(t, side, line, cookies);
		}
	}
	if (!all) {
		m->cookies_at = m->cookies_at ? m->cookies_at : (uint32_t)m->text.n;
		app_tell(t->tx.app, &t->tx, side,
		         side == APP_CLIENT ? APP_EVENT_HTTP_LONG : APP_EVENT_HTTP_ANSWER_LONG);
	}
	if (folded)
		app_tell(t->tx.app, &t->tx, side,
		         side == APP_CLIENT ? APP_EVENT_HTTP_FOLDED : APP_EVENT_HTTP_ANSWER_FOLDED);
}

static struct str text_part(const struct http_message *m, struct span s)
{
	return (struct str){ m->text.p ? m->text.p + s.at : NULL, s.n };
}

bool http_field(const struct http_message *m, const char *name, unsigned nth, struct str *out)
{
	struct str want = str_of(name);
	for (unsigned i = 0; i < m->nfields; i++) {
		if (m->fields[i].name.n != want.n ||
		    !str_eq_nocase(text_part(m, m->fields[i].name), want) || nth--)
			continue;
		*out = text_part(m, m->fields[i].value);
		return true;
	}
	return false;
}

bool http_has_token(const struct http_message *m, const char *field, const char *token)
{
	struct str value = { 0 };
	for (unsigned i = 0; http_field(m, field, i, &value); i++)
		while (value.p && value.n) {
			struct str one = str_trim(str_cut(&value, ','));
			struct str word = str_trim(str_cut(&one, ';'));
			if (str_eq_nocase(word, str_of(token)))
				return true;
		}
	return false;
}

void http_check_fields(struct http_tx *t, enum app_side side)
{
	struct app *a = t->tx.app;
	const struct http_message *m = &t->side[side];
	struct str host = { 0 }, again = { 0 };
	if (side == APP_SERVER)
		return;
	if (!http_field(m, "host", 0, &host)) {
		if (str_eq_nocase(http_part(m, m->version), STR("HTTP/1.1")))
			app_tell(a, &t->tx, side, APP_EVENT_HTTP_NO_HOST);
		return;
	}
	if (http_field(m, "host", 1, &again))
		app_tell(a, &t->tx, side, APP_EVENT_HTTP_REPEATED);
	if (t->host.n && !str_eq_nocase(host, buf_view(&t->host)))
		app_tell(a, &t->tx, side, APP_EVENT_HTTP_HOST_AMBIGUOUS);
	if (!t->host.n)
		app_keep(a, &t->host, host.p, host.n);
}

/* ---- bodies ---- */

/* Brotli has no first bytes that tell it: servers' answers are believed, as readers of pages do;
 * requests are not, since hardly any server decodes them. */
static enum coding coding_of(struct str word, enum app_side side)
{
	if (side == APP_SERVER && str_eq_nocase(word, STR("br")))
		return CODING_BROTLI;
	if (str_eq_nocase(word, STR("gzip")) || str_eq_nocase(word, STR("x-gzip")))
		return CODING_GZIP;
	return str_eq_nocase(word, STR("deflate")) || str_eq_nocase(word, STR("x-deflate"))
	               ? CODING_DEFLATE
	               : CODING_NONE;
}

/* Applied in the order in which they stand: the last is the outermost. */
static unsigned codings_of(struct http_tx *t, enum app_side side, const char *field,
                           enum coding codings[static BODY_LAYERS + 1], unsigned n)
{
	struct str value = { 0 };
	for (unsigned i = 0; http_field(&t->side[side], field, i, &value); i++)
		while (value.p && value.n) {
			struct str word = str_trim(str_cut(&value, ','));
			enum coding c = coding_of(word, side);
			if (c != CODING_NONE && n <= BODY_LAYERS)
				codings[n++] = c;
			else if (word.n && c == CODING_NONE &&
			         strcmp(field, "content-encoding") == 0 &&
			         !str_eq_nocase(word, STR("identity")))
				app_tell(t->tx.app, &t->tx, side, APP_EVENT_HTTP_CE);
		}
	return n;
}

void http_begin_body(struct http_tx *t, enum app_side side)
{
	enum coding codings[BODY_LAYERS + 1];
	unsigned n = codings_of(t, side, "content-encoding", codings, 0);
	n = codings_of(t, side, "transfer-encoding", codings, n);
	for (unsigned i = 0; i < n / 2; i++) {
		enum coding c = codings[i];
		codings[i] = codings[n - 1 - i];
		codings[n - 1 - i] = c;
	}
	body_begin(&t->tx, side, &t->side[side].body, codings, n);
}
