#pragma once
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct self;

/* What the command line and the configuration file say; every process of the manager has its own
 * copy, at me->options. The rows are in settings.def. */
struct options {
#define SETTING(key, type, field, otherwise, min, max, doc) type field;
#define SETTING_TEXT                                        const char *
#define SETTING_INT                                         long
#include "manager/settings.def"
#undef SETTING
#undef SETTING_TEXT
#undef SETTING_INT
	const char *config; /* the configuration file that was read, or NULL: none is there */
	bool setup, check;
	const char *hosts[16]; /* --host: names and addresses that the manager is reached at */
	unsigned nhosts;
};

int options_parse(struct self *me, int argc, char **argv);
