#include "engine/web/request.h"

#include "engine/web/scan.h"

/* A request to its values. */

void web_request_clear(struct web_request *r)
{
	buf_clear(&r->bytes);
	r->n = 0;
}

void web_request_done(struct web_request *r)
{
	buf_done(&r->bytes);
	r->n = 0;
}

struct str web_value_name(const struct web_request *r, const struct web_value *v)
{
	return (struct str){ r->bytes.p + v->name, v->nname };
}

struct str web_value_text(const struct web_request *r, const struct web_value *v)
{
	return (struct str){ r->bytes.p + v->text, v->ntext };
}

/* Letters, digits, and marks that no attack can do without one of the others. */
static bool is_plain(struct str s)
{
	size_t dots = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		dots = c == '.' ? dots + 1 : 0;
		if (dots > 1 || (!is_word(c) && !strchr("-.,~!? ", c)) || c == '\0')
			return false;
	}
	return true;
}

/* "1 or 1 like 1", "union select", "sleep 5": words alone can be an attack too. */
static bool is_prose(struct str s)
{
	size_t i = 0, words = 0;
	while (i < s.n) {
		size_t end = skip_word(s, i);
		words += end > i;
		i = end > i ? end : i + 1;
	}
	return words < 3 || !is_digit(*s.p);
}

static bool full(struct web_request *r, size_t n)
{
	if (r->n < WEB_VALUES_MAX && r->bytes.n + n <= WEB_BYTES_MAX)
		return false;
	r->left_out++;
	return true;
}

static void end_value(struct web_request *r, struct web_value *v, struct web_decoded is)
{
	v->ntext = (uint32_t)r->bytes.n - v->text;
	v->twice = is.twice;
	v->overlong = is.overlong;
	struct str text = web_value_text(r, v);
	v->plain = text.n == 0 || (is_plain(text) && is_prose(text));
	r->values[r->n++] = *v;
}

void web_request_add(struct web_request *r, enum web_place place, struct str name, struct str text,
                     unsigned how)
{
	struct web_value v = { .place = place, .name = (uint32_t)r->bytes.n };
	if (full(r, name.n + text.n))
		return;
	(void)web_decode(name, how & WEB_PLUS, &r->bytes);
	v.nname = (uint32_t)r->bytes.n - v.name;
	v.text = (uint32_t)r->bytes.n;
	v.headless = how & WEB_HEADLESS;
	struct web_decoded is = { 0 };
	if (how & WEB_CODED)
		is = web_decode(text, how & WEB_PLUS, &r->bytes);
	else
		buf_str(&r->bytes, text);
	end_value(r, &v, is);
}

/* Names are values too when they hold what names do not. */
static void add_pair(struct web_request *r, enum web_place place, struct str pair, unsigned how)
{
	struct str value = pair, name = str_cut(&value, '=');
	if (name.n == 0 && value.n == 0)
		return;
	web_request_add(r, place, name, value, how);
	if (r->n == 0)
		return;
	struct str named = web_value_name(r, &r->values[r->n - 1]);
	for (size_t i = 0; i < named.n; i++)
		if (!is_word(named.p[i]) && !strchr("-.[]:$", named.p[i])) {
			web_request_add(r, place, (struct str){ "", 0 }, pair, how);
			return;
		}
}

static bool same_name(const struct web_request *r, const struct web_value *a,
                      const struct web_value *b)
{
	return a->nname > 0 && a->place == b->place &&
	       str_eq(web_value_name(r, a), web_value_name(r, b));
}

/* Some servers join parameters of one name with a comma, so an attack may be cut there. */
static void join_same(struct web_request *r, unsigned from)
{
	unsigned end = r->n;
	for (unsigned i = from; i < end && i < from + 64; i++) {
		struct web_value v = r->values[i];
		bool first = true;
		for (unsigned k = from; k < i && first; k++)
			first = !same_name(r, &r->values[k], &v);
		unsigned parts = 0;
		for (unsigned k = i + 1; first && k < end && k < from + 64; k++) {
			struct web_value *w = &r->values[k];
			if (!same_name(r, &v, w) || full(r, v.ntext + (size_t)w->ntext + 1))
				continue;
			if (parts++ == 0) {
				struct web_value whole = v;
				whole.text = (uint32_t)r->bytes.n;
				char *room = buf_room(&r->bytes, v.ntext);
				if (!room)
					return;
				memcpy(room, r->bytes.p + v.text, v.ntext);
				r->bytes.n += v.ntext;
				v = whole;
			}
			buf_char(&r->bytes, ',');
			char *room = buf_room(&r->bytes, w->ntext);
			if (!room)
				return;
			memcpy(room, r->bytes.p + w->text, w->ntext);
			r->bytes.n += w->ntext;
			v.twice |= w->twice;
			v.overlong |= w->overlong;
		}
		if (parts)
			end_value(r, &v, (struct web_decoded){ v.twice, v.overlong });
	}
}

void web_request_form(struct web_request *r, enum web_place place, struct str pairs)
{
	unsigned from = r->n;
	while (pairs.p)
		add_pair(r, place, str_cut(&pairs, '&'), WEB_CODED | WEB_PLUS);
	join_same(r, from);
}

void web_request_uri(struct web_request *r, struct str uri)
{
	struct str query = uri, path = str_cut(&query, '?');
	web_request_add(r, WEB_IN_PATH, (struct str){ "", 0 }, path, WEB_CODED);
	web_request_form(r, WEB_IN_QUERY, query);
}

void web_request_cookies(struct web_request *r, struct str cookies)
{
	while (cookies.p) {
		struct str pair = str_trim(str_cut(&cookies, ';'));
		add_pair(r, WEB_IN_COOKIE, pair, WEB_CODED);
	}
}

/* Applications write these to databases, logs and pages. */
static const char *const taken_over[] = {
	"user-agent", "x-forwarded-for", "x-forwarded-host", "x-real-ip",   "forwarded",
	"client-ip",  "true-client-ip",  "x-api-version",    "x-client-ip", NULL
};

void web_request_headers(struct web_request *r, struct str lines)
{
	while (lines.p) {
		struct str text = str_trim(str_cut(&lines, '\n')), name = str_cut(&text, ':');
		if (one_of(name, taken_over)) {
			web_request_add(r, WEB_IN_HEADER, name, str_trim(text), WEB_CODED);
		} else if (str_eq_nocase(name, STR("referer"))) {
			(void)str_cut(&text, '?');
			if (text.n)
				web_request_form(r, WEB_IN_HEADER, text);
		}
	}
}
