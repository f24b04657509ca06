#pragma once
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

/* Regular expressions that users write (PCRE2), within bounds that no text makes them leave. */

int match_check(const char *pattern, struct err *why); /* -EINVAL with a sentence */
/* Does all of s fit, as Java's matches()? 1, 0, or -errno: -E2BIG when it takes too long. */
int match_whole(const char *pattern, struct str s);
