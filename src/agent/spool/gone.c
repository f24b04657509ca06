#include "agent/spool/gone.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

enum { PLACES = 1 << 14 };

static uint64_t *place(const struct gone *g, const uint64_t digest[2])
{
	return g->digests[digest[0] % PLACES];
}

void gone_done(struct gone *g)
{
	free(g->digests);
	*g = (struct gone){ 0 };
}

bool gone_has(const struct gone *g, const uint64_t digest[2])
{
	return g->digests && memcmp(place(g, digest), digest, sizeof(g->digests[0])) == 0;
}

void gone_put(struct gone *g, const uint64_t digest[2])
{
	if (!g->digests)
		g->digests = xcalloc(PLACES, sizeof(g->digests[0]));
	memcpy(place(g, digest), digest, sizeof(g->digests[0]));
}

void gone_forget(struct gone *g, const uint64_t digest[2])
{
	if (gone_has(g, digest))
		memset(place(g, digest), 0, sizeof(g->digests[0]));
}
