#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum setting_type { ST_TEXT, ST_BOOL, ST_INT, ST_CHOICE };

/* A setting of policies and computers: a row of settings.def. */
struct setting {
	const char *name;
	enum setting_type type;
	const char *otherwise;
	const char *choices; /* ST_CHOICE: "a|b"; ST_INT: "min|max" */
	const char *doc;
};

extern const struct setting policy_settings[]; /* {0} last */
const struct setting *setting_find(const char *name);
/* 0 and the value in its canonical form (borrowed from the table where it is a choice), or -EINVAL.
 */
int setting_take(const struct setting *s, struct str in, struct str *out, struct err *why);
/* "10 Minutes" and the like in seconds; 0: not a duration. */
uint64_t setting_seconds(struct str value);
