#include <string.h>

#include "base/auto.h"
#include "engine/app/http.h"

/* The buffers of a transaction, most of them where they lie. */

struct ask {
	struct http_tx *t;
	struct http_message *m;
	enum app_side side;
};

static bool give(struct str s, struct app_bytes *out)
{
	return app_bytes_of(out, s.p ? s.p : "", s.n);
}

static bool head_part(const struct ask *a, struct span s, struct app_bytes *out)
{
	return give(http_part(a->m, s), out);
}

static bool whole_line(const struct ask *a, struct app_bytes *out)
{
	size_t n = a->m->fields_at;
	while (n && (a->m->head.p[n - 1] == '\n' || a->m->head.p[n - 1] == '\r'))
		n--;
	return give((struct str){ a->m->head.p, n }, out);
}

static bool join(const struct ask *a, const void *p, size_t n)
{
	return app_keep(a->t->tx.app, &a->t->joined, p, n);
}

/* A field's value; several of one name are joined by ", ". */
static bool field(const struct ask *a, const char *name, struct app_bytes *out)
{
	struct str value = { 0 }, more = { 0 };
	if (!http_field(a->m, name, 0, &value))
		return false;
	if (!http_field(a->m, name, 1, &more))
		return give(value, out);
	buf_clear(&a->t->joined);
	for (unsigned i = 0; http_field(a->m, name, i, &value); i++)
		if ((i && !join(a, ", ", 2)) || !join(a, value.p, value.n))
			break;
	return give(buf_view(&a->t->joined), out);
}

/* "\r\nHost\r\nAccept\r\n\r\n" in the order in which they came. */
static bool field_names(const struct ask *a, struct app_bytes *out)
{
	struct str rest = { a->m->head.p + a->m->fields_at, a->m->head.n - a->m->fields_at };
	if (!a->m->nfields)
		return false;
	buf_clear(&a->t->joined);
	join(a, "\r\n", 2);
	while (rest.n) {
		struct str line = str_cut(&rest, '\n');
		const char *colon = memchr(line.p, ':', line.n);
		struct str name =
			str_trim((struct str){ line.p, colon ? (size_t)(colon - line.p) : line.n });
		if (name.n && line.p[0] != ' ' && line.p[0] != '\t' &&
		    (!join(a, name.p, name.n) || !join(a, "\r\n", 2)))
			break;
	}
	join(a, "\r\n", 2);
	return give(buf_view(&a->t->joined), out);
}

/* The line and all fields, unfolded, with the empty line. */
static bool start(const struct ask *a, struct app_bytes *out)
{
	struct app_bytes line;
	whole_line(a, &line);
	buf_clear(&a->t->joined);
	join(a, line.data, line.len);
	join(a, "\r\n", 2);
	join(a, a->m->text.p, a->m->text.n);
	join(a, "\r\n", 2);
	return give(buf_view(&a->t->joined), out);
}

static bool host(const struct ask *a, bool raw, struct app_bytes *out)
{
	struct str h = buf_view(&a->t->host);
	if (!h.n)
		return false;
	if (raw)
		return give(h, out);
	buf_clear(&a->t->joined);
	for (size_t i = 0; i < h.n; i++) {
		if (h.p[i] == ':' && h.p[0] != '[')
			break;
		uint8_t c = (uint8_t)h.p[i];
		c = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
		join(a, &c, 1);
		if (c == ']')
			break;
	}
	return give(buf_view(&a->t->joined), out);
}

/* The name that a request's body says it is kept by: of the first part of a form that has one. */
static bool file_name(const struct ask *a, struct app_bytes *out)
{
	struct str value = { 0 };
	if (!http_field(a->m, "content-disposition", 0, &value))
		return false;
	for (size_t i = 0; i + 9 < value.n; i++) {
		struct str at = { value.p + i, value.n - i };
		if (!str_eq_nocase((struct str){ at.p, 9 }, STR("filename=")))
			continue;
		at = str_skip(at, 9);
		if (at.n && at.p[0] == '"') {
			at = str_skip(at, 1);
			return give(str_cut(&at, '"'), out);
		}
		return give(str_trim(str_cut(&at, ';')), out);
	}
	return false;
}

/* ---- which buffer is what, and from which stage on ---- */

static const struct {
	enum app_buffer buffer;
	const char *field;
} by_field[] = {
	{ BUFFER_HTTP_USER_AGENT, "user-agent" },
	{ BUFFER_HTTP_REFERER, "referer" },
	{ BUFFER_HTTP_ACCEPT, "accept" },
	{ BUFFER_HTTP_ACCEPT_ENC, "accept-encoding" },
	{ BUFFER_HTTP_ACCEPT_LANG, "accept-language" },
	{ BUFFER_HTTP_CONNECTION, "connection" },
	{ BUFFER_HTTP_CONTENT_TYPE, "content-type" },
	{ BUFFER_HTTP_CONTENT_LEN, "content-length" },
	{ BUFFER_HTTP_LOCATION, "location" },
	{ BUFFER_HTTP_SERVER, "server" },
};

static bool of_line(const struct ask *a, enum app_buffer b, struct app_bytes *out, bool *known)
{
	const struct http_message *m = a->m;
	*known = true;
	if (b == BUFFER_HTTP_URI)
		return give(buf_view(&a->t->uri), out);
	if (b == BUFFER_HTTP_URI_RAW)
		return head_part(a, m->uri, out);
	if (b == BUFFER_HTTP_METHOD)
		return head_part(a, m->method, out);
	if (b == BUFFER_HTTP_PROTOCOL)
		return head_part(a, m->version, out);
	if (b == BUFFER_HTTP_STAT_CODE)
		return head_part(a, m->status, out);
	if (b == BUFFER_HTTP_STAT_MSG)
		return head_part(a, m->phrase, out);
	if (b == BUFFER_HTTP_REQUEST_LINE || b == BUFFER_HTTP_RESPONSE_LINE)
		return whole_line(a, out);
	*known = false;
	return false;
}

static bool of_fields(const struct ask *a, enum app_buffer b, struct app_bytes *out)
{
	const struct http_message *m = a->m;
	if (b == BUFFER_HTTP_HEADER)
		return give((struct str){ m->text.p, m->cookies_at }, out);
	if (b == BUFFER_HTTP_HEADER_RAW)
		return give((struct str){ m->head.p + m->fields_at, m->head.n - m->fields_at },
		            out);
	if (b == BUFFER_HTTP_HEADER_NAMES)
		return field_names(a, out);
	if (b == BUFFER_HTTP_START)
		return start(a, out);
	if (b == BUFFER_HTTP_HOST || b == BUFFER_HTTP_HOST_RAW)
		return host(a, b == BUFFER_HTTP_HOST_RAW, out);
	if (b == BUFFER_HTTP_COOKIE)
		return field(a, a->side == APP_CLIENT ? "cookie" : "set-cookie", out);
	if (b == BUFFER_FILE_NAME)
		return file_name(a, out);
	for (size_t i = 0; i < ARRAY_LEN(by_field); i++)
		if (by_field[i].buffer == b)
			return field(a, by_field[i].field, out);
	return false;
}

bool http_buffer(struct app_tx *tx, enum app_buffer b, enum app_side side, unsigned index,
                 struct app_bytes *out)
{
	struct http_tx *t = (struct http_tx *)tx;
	struct ask a = { t, &t->side[side], side };
	bool known = false;
	if (index || tx->stage[side] < STAGE_LINE)
		return false;
	bool r = of_line(&a, b, out, &known);
	if (known)
		return r;
	if (tx->stage[side] < STAGE_HEADERS)
		return false;
	if (b == BUFFER_HTTP_REQUEST_BODY || b == BUFFER_HTTP_RESPONSE_BODY ||
	    b == BUFFER_FILE_DATA)
		return body_bytes(&a.m->body, out);
	return of_fields(&a, b, out);
}

bool http_number(const struct app_tx *tx, enum app_number n, enum app_side side, uint64_t *out)
{
	const struct http_tx *t = (const struct http_tx *)tx;
	if (n != NUMBER_URI_LEN || side != APP_CLIENT || tx->stage[side] < STAGE_LINE)
		return false;
	*out = t->side[APP_CLIENT].uri.n;
	return true;
}
