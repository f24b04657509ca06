#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes, not NUL-terminated. {NULL, 0} is the empty string. */
struct str {
	const char *p;
	size_t n;
};

#define STR(lit) ((struct str){ (lit), sizeof(lit) - 1 })
/* For printf: "%.*s", STR_ARG(s) */
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct str str_of(const char *z)
{
	return (struct str){ z, z ? strlen(z) : 0 };
}

bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
bool str_is(struct str a, const char *z);
int str_cmp(struct str a, struct str b); /* bytewise, like strcmp */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s);           /* ASCII white space at both ends */
struct str str_skip(struct str s, size_t n); /* without its first n bytes (or empty) */

/*
 * Cuts the part before the first sep off *rest and returns it; *rest is what follows sep. Without
 * sep all of *rest is returned and *rest becomes {NULL, 0}: loop `while (rest.p)`.
 */
struct str str_cut(struct str *rest, char sep);

/* All of s must be a decimal number in [min, max]: 0, else -EINVAL or -ERANGE; out only on success.
 */
int str_u64(struct str s, uint64_t min, uint64_t max, uint64_t *out);
int str_i64(struct str s, int64_t min, int64_t max, int64_t *out);

/* The length of the UTF-8 sequence (RFC 3629) that s starts with; 0 when there is none. */
size_t str_utf8_len(struct str s);
bool str_utf8(struct str s); /* valid UTF-8 without NUL? */
/* The first max bytes of s, or up to three fewer so that no UTF-8 sequence is cut. */
struct str str_utf8_cut(struct str s, size_t max);
char *str_dup(struct str s); /* heap, NUL-terminated; aborts when there is no memory */
