#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

enum { URI_MAX = 8192, URI_PAIRS_MAX = 200 };

/* A name and a value, of a query, a form or a header. */
struct pair {
	struct str name, value;
};

struct pairs {
	struct pair *p; /* in an arena */
	size_t n;
};

/* What is asked for by a request line. */
struct uri {
	struct str path; /* decoded; starts with "/", has no "//", "." or ".." parts, no NUL */
	struct pairs query;
};

/*
 * Parses an origin-form request target, "/a/b?x=1&y" (RFC 9112, 3.2.1): -EINVAL when it is not one,
 * when an escape is broken, when path or query decode to something that is not UTF-8 or when ".."
 * would leave the root; -E2BIG when there is too much of it.
 */
int uri_parse(struct str raw, struct arena *a, struct uri *out);
/* "a=1&b=2" with %XX and "+": decodes into pairs. */
int uri_query(struct str raw, struct arena *a, struct pairs *out);
/* The value of the first pair of this name ({NULL, 0} when there is none). */
struct str pairs_get(const struct pairs *p, const char *name);
