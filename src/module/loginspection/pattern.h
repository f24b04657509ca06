#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/*
 * The patterns of the language: OS_Match, OS_Regex (converted or classic) and PCRE2. Compiled once;
 * lists of literals never become regular expressions.
 */
struct pattern;
struct matcher; /* room for matching; one for each thread */

enum pattern_kind { PATTERN_MATCH, PATTERN_REGEX, PATTERN_PCRE2, PATTERN_PCRE2_CASE };

struct pattern_options {
	bool classic;   /* OS_Regex tries each alternative over the whole text before the next */
	bool wazuh;     /* a leading '!' negates an OS_Match */
	bool last_byte; /* a match ends at its last byte, not behind it: OSSEC's classic engine */
};

enum { CAPTURES_MAX = 64 };

struct found {
	struct str rest;                  /* what follows the match */
	struct str capture[CAPTURES_MAX]; /* those that took part, in order */
	size_t n;
};

/* text's memory may go away. *out is the arena's; pattern_done() frees what it owns beside that.
 * -EINVAL: what was expected, and where. */
int pattern_compile(struct arena *a, enum pattern_kind kind, struct str text,
                    const struct pattern_options *o, struct pattern **out, struct err *why);
void pattern_done(struct pattern *p);

bool pattern_test(const struct pattern *p, struct matcher *m, struct str s);
/* Captures and the end too; *out is written only when it matches. */
bool pattern_find(const struct pattern *p, struct matcher *m, struct str s, struct found *out);

/*
 * Literals of which at least one stands (ASCII case ignored) in every text that matches; 0: none is
 * known. *exact: standing there is the same as matching.
 */
size_t pattern_literals(const struct pattern *p, const struct str **out, bool *exact);

struct matcher *matcher_new(void);
void matcher_free(struct matcher *m);
/* How often a match was given up since the last question: it would have taken for ever. */
unsigned matcher_given_up(struct matcher *m);

/* ---- inside ---- */

/* OS_Regex to PCRE2 (convert.c). */
struct buf;
int osregex_convert(struct str text, bool classic, struct buf *out, struct err *why);

/* What a PCRE2 needs (literal.c). Strings in the arena, folded; 0: nothing is known. */
size_t literal_required(struct arena *a, struct str pcre2, const struct str **out);
/* Is it a list of plain texts, each perhaps with ^ and $? */
struct alternative {
	struct str text;
	bool head, tail, never;
};
size_t literal_list(struct arena *a, struct str pcre2, struct alternative **out);
