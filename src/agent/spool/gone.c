#include "agent/spool/gone.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

/* A digest has WAYS places to be at; of more that meet there the oldest goes. */
enum { PLACES = 1 << 14, WAYS = 8 };

static uint64_t (*set_of(const struct gone *g, const uint64_t digest[2]))[2]
{
	return g->digests + digest[0] % (PLACES / WAYS) * WAYS;
}

/* Where it is in its set, or NULL. */
static uint64_t *find(const struct gone *g, const uint64_t digest[2])
{
	for (size_t i = 0; g->digests && i < WAYS; i++)
		if (memcmp(set_of(g, digest)[i], digest, sizeof(g->digests[0])) == 0)
			return set_of(g, digest)[i];
	return NULL;
}

void gone_done(struct gone *g)
{
	free(g->digests);
	*g = (struct gone){ 0 };
}

bool gone_has(const struct gone *g, const uint64_t digest[2])
{
	return find(g, digest) != NULL;
}

void gone_put(struct gone *g, const uint64_t digest[2])
{
	if (!g->digests)
		g->digests = xcalloc(PLACES, sizeof(g->digests[0]));
	if (gone_has(g, digest))
		return;
	uint64_t(*set)[2] = set_of(g, digest);
	memmove(set + 1, set, (WAYS - 1) * sizeof(set[0]));
	memcpy(set, digest, sizeof(set[0]));
}

void gone_forget(struct gone *g, const uint64_t digest[2])
{
	uint64_t *at = find(g, digest);
	if (at)
		memset(at, 0, sizeof(g->digests[0]));
}
