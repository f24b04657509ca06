#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *why, int code, const char *fmt, ...)
{
	if (!why)
		return code;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
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
	char old[sizeof(why->text)];
	memcpy(old, why->text, sizeof(old));
	int n = snprintf(why->text, sizeof(why->text), "%.250s: ", context);
	if (n > 0 && (size_t)n < sizeof(why->text))
		snprintf(why->text + n, sizeof(why->text) - (size_t)n, "%s", old);
	return code;
}
