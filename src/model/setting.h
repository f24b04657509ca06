#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum setting_type {
	ST_TEXT,   /* choices: longest, in bytes */
	ST_SECRET, /* the same; never shown again */
	ST_BOOL,   /* choices: "true|false" in the words that are shown */
	ST_INT,    /* choices: "min|max" */
	ST_CHOICE, /* choices: "a|b" */
	ST_SPAN,   /* a time as "10 Minutes"; choices: "min|max|word" in seconds */
	ST_ID,     /* a number, 0 or empty: none */
	ST_PORTS,  /* "80,8000-8080", or the ID of a port list */
};

enum setting_scope { SCOPE_POLICY, SCOPE_DEFAULT, SCOPE_SYSTEM };

enum setting_flag {
	SF_GUESS = 1u << 0,  /* default, bounds or choices were chosen by us */
	SF_OURS = 1u << 1,   /* no other product has it */
	SF_LATER = 1u << 2,  /* of versions after 20.0 */
	SF_LIST = 1u << 3,   /* lines, added to those of the levels above */
	SF_COMMAS = 1u << 4, /* the same, separated by commas */
};

/* A row of settings.def. */
struct setting {
	const char *name;
	enum setting_scope scope;
	enum setting_type type;
	unsigned flags;
	const char *otherwise;
	const char *choices;
	const char *doc;
};

/* By scope: those of policies and computers, then the states that only the defaults have, then the
 * system's; {0} last. */
extern const struct setting all_settings[];
#define SETTING_MASK "********" /* stands for a secret that is set */

/* SCOPE_DEFAULT finds those of policies too. NULL: there is none. */
const struct setting *setting_find(enum setting_scope scope, const char *name);
static inline bool setting_in(const struct setting *s, enum setting_scope scope)
{
	return s->scope == scope || (scope == SCOPE_DEFAULT && s->scope == SCOPE_POLICY);
}
/* 0 and the value in its canonical form on the heap, or -EINVAL with a sentence. Lenient: case,
 * blanks around, "yes" for true, "10 minute". */
int setting_take(const struct setting *s, struct str in, char **out, struct err *why);
/* What a value must be: "one of true|false", "a number from 1 to 5". */
void setting_rule(const struct setting *s, struct err *out);
/* "10 Minutes" and the like in seconds; 0: not a duration. */
uint64_t setting_seconds(struct str value);
