#pragma once
#include "base/err.h"

struct store;

/*
 * What we ship as knowledge (content/rules), as objects of the API. tools/embed-rules writes both:
 * each string is a JSON object {"kind", "ID" or "identifier", "object"}; NULL is the last.
 */
extern const char *const shipped_objects[];
extern const char shipped_version[];

/*
 * Adds the application types that are not there: what an administrator made of one stays. 0, or
 * -errno.
 */
int shipped_types(struct store *s);

/*
 * Brings types and rules into the store unless this version of them was brought before. A rule is
 * found again by its identifier; what we say of it is said anew, and what an administrator set
 * besides stays. Rules that we ship no longer stay, too: somebody may have assigned them. In a
 * transaction of its own; 0, or -errno and a sentence.
 */
int shipped_renew(struct store *s, struct err *why);
