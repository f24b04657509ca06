#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* The most that a context may take, so that the sentence behind it is still read. */
enum { CONTEXT_MAX = 250 };

/* One line of valid UTF-8, whatever was quoted in it: it goes into logs, JSON and terminals. */
static void keep(struct err *why, const char *z)
{
	struct str s = str_utf8_cut(str_of(z), sizeof(why->text) - 1);
	char *at = why->text;
	while (s.n) {
		size_t n = str_utf8_len(s);
		unsigned char c = (unsigned char)s.p[0];
		if (n == 0 || c < 0x20 || c == 0x7f) {
			*at++ = '?';
			n = 1;
		} else {
			memcpy(at, s.p, n);
			at += n;
		}
		s = str_skip(s, n);
	}
	*at = '\0';
}

int err_set(struct err *why, int code, const char *fmt, ...)
{
	if (!why)
		return code;
	char text[2 * sizeof(why->text)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	keep(why, text);
	return code;
}

int err_add(struct err *why, int code, const char *fmt, ...)
{
	if (!why)
		return code;
	char context[sizeof(why->text)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(context, sizeof(context), fmt, ap);
	va_end(ap);
	struct str s = str_utf8_cut(str_of(context), CONTEXT_MAX);
	char text[2 * sizeof(why->text)];
	snprintf(text, sizeof(text), "%.*s: %s", STR_ARG(s), why->text);
	keep(why, text);
	return code;
}
