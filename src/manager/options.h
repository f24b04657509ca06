#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct self;

enum { HOSTS_MAX = 16 };

/* A row of settings.def. */
struct setting {
	const char *key;
	bool text;
	const char *otherwise;
	uint64_t min, max; /* of a number; of a text its length */
	const char *doc;
};

enum setting_id {
#define TEXT(id, key, otherwise, max, doc)        SET_##id,
#define NUMBER(id, key, otherwise, min, max, doc) SET_##id,
#include "manager/settings.def"
#undef TEXT
#undef NUMBER
	SET_COUNT
};

extern const struct setting settings[];

/* What command line and configuration file say; every process has its own copy at me->options. */
struct options {
	char *text[SET_COUNT]; /* owned; the value, also of numbers, as it was written */
	uint64_t number[SET_COUNT];
	char *etc, *lib, *run, *config; /* owned */
	const char *hosts[HOSTS_MAX];   /* --host: names and addresses that we are reached at */
	unsigned nhosts;
	bool setup, check;
};

/* Fills me->options, etc, lib, run; see struct program. */
int options_parse(struct self *me, int argc, char **argv);
void options_free(struct options *o);
/* Reads "key = value" lines; "#" begins a comment. */
int options_file(struct options *o, struct str text, const char *name, struct err *why);
/* A host name or address, as certificates have them. */
bool host_is_valid(struct str host);

static inline const struct options *options_of(const void *options)
{
	return options;
}
