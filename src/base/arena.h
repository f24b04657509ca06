#pragma once
#include <stddef.h>

#include "base/str.h"

/* Memory for one request, scan or parse, freed at once. {0} is valid; it aborts without memory. */
struct arena {
	struct arena_block *blocks; /* owned */
};

void *arena_alloc(struct arena *a, size_t n);              /* zeroed, aligned for anything */
void *arena_array(struct arena *a, size_t n, size_t size); /* overflow-checked */
char *arena_str(struct arena *a, struct str s);            /* NUL-terminated copy */
void arena_done(struct arena *a);
