#include "engine/web/request.h"
#include "engine/web/scan.h"

/* Bodies: forms, parts, JSON, and what is none of these. */

enum { PARTS_MAX = 256, BOUNDARY_MAX = 200 };

/* ---- JSON: as much as holds, since the end may be missing and servers are patient ---- */

struct json_walk {
	struct web_request *request;
	struct str text;
	size_t i;
	struct buf name, string;
};

static int hex_digit(char c)
{
	c = lower(c);
	return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int unicode(struct str s, size_t i)
{
	int v = 0;
	for (size_t k = i; k < i + 4; k++) {
		int d = k < s.n ? hex_digit(s.p[k]) : -1;
		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

/* UTF-16 units as UTF-8; surrogates one by one, since only ASCII matters here. */
static void put_unit(struct buf *out, unsigned c)
{
	if (c < 0x80) {
		buf_char(out, (char)c);
	} else if (c < 0x800) {
		buf_char(out, (char)(0xc0 | c >> 6));
		buf_char(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_char(out, (char)(0xe0 | c >> 12));
		buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_char(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* i is behind the opening quote; then behind the closing one. */
static void json_string(struct json_walk *w, struct buf *out)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	struct str s = w->text;
	buf_clear(out);
	while (w->i < s.n && s.p[w->i] != '"') {
		char c = s.p[w->i++];
		if (c == '\\' && w->i < s.n) {
			char e = s.p[w->i++];
			const char *known = strchr(from, e);
			int unit = e == 'u' ? unicode(s, w->i) : -1;
			if (unit >= 0) {
				put_unit(out, (unsigned)unit);
				w->i += 4;
				continue;
			}
			c = e;
			if (known && *known)
				c = to[known - from];
		}
		buf_char(out, c);
	}
	w->i++;
}

/* Values are told with the name that came last; arrays' members have their array's. */
static void json_values(struct json_walk *w)
{
	struct str s = w->text;
	while (w->i < s.n) {
		if (s.p[w->i++] != '"')
			continue;
		json_string(w, &w->string);
		size_t next = skip_blanks(s, w->i);
		if (at(s, next) == ':') {
			struct buf swap = w->name;
			w->name = w->string;
			w->string = swap;
			w->i = next + 1;
			continue;
		}
		web_request_add(w->request, WEB_IN_BODY, buf_view(&w->name), buf_view(&w->string),
		                WEB_PLAIN);
	}
}

static void json_body(struct web_request *r, struct str body)
{
	struct json_walk w = { .request = r, .text = body };
	json_values(&w);
	buf_done(&w.name);
	buf_done(&w.string);
}

/* ---- multipart (RFC 7578) ---- */

/* The value of a parameter of a header: name="value" or name=value. */
static struct str parameter(struct str header, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = look_for(header, 0, name); i < header.n;
	     i = look_for(header, i + 1, name)) {
		bool begins = i > 0 && (is_blank(header.p[i - 1]) || header.p[i - 1] == ';');
		size_t k = skip_blanks(header, i + n);
		if (!begins || at(header, k) != '=')
			continue;
		k = skip_blanks(header, k + 1);
		char quote = at(header, k);
		size_t end = k + 1;
		if (quote == '"' || quote == '\'') {
			while (end < header.n && header.p[end] != quote)
				end++;
			return part(header, k + 1, end);
		}
		end = k;
		while (end < header.n && !strchr("; \t\r\n", header.p[end]))
			end++;
		return part(header, k, end);
	}
	return (struct str){ NULL, 0 };
}

static size_t find_bytes(struct str s, size_t from, struct str what)
{
	if (!s.p || from >= s.n)
		return s.n;
	const char *p = memmem(s.p + from, s.n - from, what.p, what.n);
	return p ? (size_t)(p - s.p) : s.n;
}

/* A file's content is its own affair; its name is not. */
static void one_part(struct web_request *r, struct str text)
{
	size_t blank = find_bytes(text, 0, STR("\r\n\r\n")), skip = 4;
	size_t other = find_bytes(text, 0, STR("\n\n"));
	if (other < blank) {
		blank = other;
		skip = 2;
	}
	struct str head = part(text, 0, blank), value = str_skip(text, blank + skip);
	struct str name = parameter(head, "name"), file = parameter(head, "filename");
	if (file.p)
		web_request_add(r, WEB_IN_BODY, name, file, WEB_CODED);
	else
		web_request_add(r, WEB_IN_BODY, name, str_trim(value), WEB_PLAIN);
}

static void multipart(struct web_request *r, struct str type, struct str body)
{
	char mark[BOUNDARY_MAX + 2] = "--";
	struct str boundary = parameter(type, "boundary");
	if (boundary.n == 0 || boundary.n > BOUNDARY_MAX)
		return;
	memcpy(mark + 2, boundary.p, boundary.n);
	struct str line = { mark, boundary.n + 2 };
	size_t i = find_bytes(body, 0, line);
	for (unsigned n = 0; i < body.n && n < PARTS_MAX; n++) {
		size_t from = i + line.n, to = find_bytes(body, from, line);
		if (at(body, from) == '-')
			return;
		one_part(r, part(body, from, to));
		i = to;
	}
}

/* ---- the rest ---- */

static bool is_text(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((uint8_t)s.p[i] < 9)
			return false;
	return true;
}

/* What stands between tags. */
static void xml_body(struct web_request *r, struct str body)
{
	while (body.p) {
		struct str text = str_trim(str_cut(&body, '<'));
		if (text.n)
			web_request_add(r, WEB_IN_BODY, (struct str){ "", 0 }, text, WEB_CODED);
		(void)str_cut(&body, '>');
	}
}

/* A form whose beginning is no longer held: its first piece has lost its name. */
static void form_body(struct web_request *r, struct str body, uint64_t offset)
{
	if (offset > 0) {
		struct str piece = str_cut(&body, '&');
		web_request_add(r, WEB_IN_BODY, (struct str){ "", 0 }, piece,
		                WEB_CODED | WEB_PLUS | WEB_HEADLESS);
	}
	web_request_form(r, WEB_IN_BODY, body);
}

void web_request_body(struct web_request *r, struct str content_type, struct str body,
                      uint64_t offset)
{
	struct str type = str_trim(content_type), text = str_trim(body);
	bool json = text.n && (*text.p == '{' || *text.p == '[');
	if (goes_on(type, 0, "multipart/")) {
		multipart(r, type, body);
	} else if (goes_on(type, 0, "application/x-www-form-urlencoded") && !json) {
		form_body(r, body, offset);
	} else if (json || look_for(type, 0, "json") < type.n) {
		json_body(r, body);
	} else if (look_for(type, 0, "xml") < type.n) {
		xml_body(r, body);
	} else if (type.n == 0 || goes_on(type, 0, "text/")) {
		if (is_text(body) && find_bytes(body, 0, STR("=")) < body.n)
			form_body(r, text, offset);
		else if (is_text(body))
			web_request_add(r, WEB_IN_BODY, (struct str){ "", 0 }, text,
			                WEB_PLAIN | (offset ? WEB_HEADLESS : WEB_PLAIN));
	}
}
