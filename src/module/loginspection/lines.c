#include "module/loginspection/lines.h"

#include <string.h>

/* ---- encodings ---- */

enum li_encoding li_encoding_of(struct str head)
{
	size_t n = head.n < 64 ? head.n & ~(size_t)1 : 64, even = 0, odd = 0;
	if (head.n >= 2 && memcmp(head.p, "\xff\xfe", 2) == 0)
		return LI_UTF16LE;
	if (head.n >= 2 && memcmp(head.p, "\xfe\xff", 2) == 0)
		return LI_UTF16BE;
	for (size_t i = 0; i < n; i++)
		if (head.p[i] == '\0')
			*(i % 2 ? &odd : &even) += 1;
	if (n >= 16 && odd > n / 3 && even == 0)
		return LI_UTF16LE;
	return n >= 16 && even > n / 3 && odd == 0 ? LI_UTF16BE : LI_UTF8;
}

static uint32_t unit_at(enum li_encoding e, const char *p)
{
	uint8_t a = (uint8_t)p[0], b = (uint8_t)p[1];
	return e == LI_UTF16LE ? (uint32_t)(a | b << 8) : (uint32_t)(a << 8 | b);
}

static void put_rune(struct buf *b, uint32_t c)
{
	char out[4];
	size_t n = 0;
	if (c < 0x80) {
		out[n++] = (char)c;
	} else if (c < 0x800) {
		out[n++] = (char)(0xc0 | c >> 6);
		out[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		out[n++] = (char)(0xe0 | c >> 12);
		out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		out[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		out[n++] = (char)(0xf0 | c >> 18);
		out[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		out[n++] = (char)(0x80 | (c & 0x3f));
	}
	buf_add(b, out, n);
}

/* A half of a pair that stands alone becomes U+FFFD. */
static void put_utf16(struct buf *b, enum li_encoding e, struct str s)
{
	for (size_t i = 0; i + 2 <= s.n; i += 2) {
		uint32_t c = unit_at(e, s.p + i);
		uint32_t low = c >> 10 == 0x36 && i + 4 <= s.n ? unit_at(e, s.p + i + 2) : 0;
		if (low >> 10 == 0x37) {
			c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
			i += 2;
		}
		if (c != 0xfeff)
			put_rune(b, c >> 11 == 0x1b ? 0xfffd : c);
	}
}

/* What is no UTF-8 and has letters of Latin-1 alone is that. */
static bool is_latin1(struct str s)
{
	size_t letters = 0;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];
		if (c >= 0x80 && c < 0xa0)
			return false;
		letters += c >= 0xa0;
	}
	return letters && !str_utf8(s);
}

void li_line_text(enum li_encoding e, struct str s, struct buf *text)
{
	size_t from = text->n;
	if (e != LI_UTF8) {
		put_utf16(text, e, s);
	} else if (is_latin1(s)) {
		for (size_t i = 0; i < s.n; i++)
			put_rune(text, (uint8_t)s.p[i]);
	} else {
		if (str_starts(s, STR("\xef\xbb\xbf")))
			s = str_skip(s, 3);
		buf_str(text, s);
	}
	while (text->n > from && (text->p[text->n - 1] == '\n' || text->p[text->n - 1] == '\r'))
		text->n--;
}

size_t li_line_end(enum li_encoding e, struct str bytes)
{
	if (e == LI_UTF8) {
		const char *end = bytes.n ? memchr(bytes.p, '\n', bytes.n) : NULL;
		return end ? (size_t)(end - bytes.p) + 1 : 0;
	}
	for (size_t i = 0; i + 2 <= bytes.n; i += 2)
		if (unit_at(e, bytes.p + i) == '\n')
			return i + 2;
	return 0;
}

/* ---- events ---- */

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* "audit(1700000000.123:456)" */
static struct str audit_number(struct str line)
{
	const char *at = line.p ? memmem(line.p, line.n, "msg=audit(", 10) : NULL;
	if (!at)
		return (struct str){ 0 };
	struct str rest = str_skip(line, (size_t)(at - line.p) + 10);
	return str_cut(&rest, ')');
}

static bool contains(struct str s, const char *word)
{
	return s.p && memmem(s.p, s.n, word, strlen(word));
}

/* Formats whose events may have several lines. */
static bool grouped(enum li_format f)
{
	return f == LI_MULTI_LINE || f == LI_MYSQL || f == LI_POSTGRESQL || f == LI_AUDIT ||
	       f == LI_SNORT_FULL || f == LI_EVENTLOG;
}

/* Does line go on with the event that so far is `text`? */
static bool goes_on(enum li_format f, struct str text, struct str line)
{
	switch ((int)f) {
	case LI_AUDIT: {
		struct str number = audit_number(text);
		return number.n && str_eq(number, audit_number(line));
	}
	case LI_SNORT_FULL:
		return text.n && str_trim(line).n;
	case LI_EVENTLOG:
		return contains(text, "<Event") && !contains(text, "</Event>");
	default:
		return line.n && blank(line.p[0]);
	}
}

/* What a format has around its lines. */
static void dress(enum li_format f, struct buf *text)
{
	struct str s = buf_view(text);
	if (f == LI_IIS && s.n && s.p[0] == '#')
		buf_clear(text);
	/* "@4000000049f0f0f01a2b3c4d message": TAI64N */
	if (f == LI_DJB_MULTILOG && s.n > 26 && s.p[0] == '@' && s.p[25] == ' ')
		buf_drop(text, 26);
}

size_t li_lines_next(const struct li_lines *l, struct str bytes, bool last, struct buf *text)
{
	buf_clear(text);
	size_t taken = li_line_end(l->encoding, bytes);
	if (!taken)
		return 0;
	li_line_text(l->encoding, (struct str){ bytes.p, taken }, text);
	bool ended = !grouped(l->format) || !text->n;
	for (unsigned n = 1; !ended && n < LI_LINES_MAX && text->n < LI_LINE_MAX; n++) {
		struct str rest = str_skip(bytes, taken);
		size_t next = li_line_end(l->encoding, rest), before = text->n;
		if (!next) {
			/* An event that says where it ends needs no wait. */
			bool closed =
				l->format == LI_EVENTLOG && contains(buf_view(text), "</Event>");
			return last || closed ? taken : 0;
		}
		buf_char(text, ' ');
		li_line_text(l->encoding, (struct str){ rest.p, next }, text);
		struct str line = { text->p + before + 1, text->n - before - 1 };
		if (goes_on(l->format, (struct str){ text->p, before }, line)) {
			taken += next;
			continue;
		}
		text->n = before;
		text->p[before] = '\0';
		ended = true;
	}
	dress(l->format, text);
	return taken;
}
