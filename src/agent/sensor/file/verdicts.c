#include "agent/sensor/file/verdicts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1 << 15, WAYS = 4 };

struct verdict_row {
	struct version f;
	uint32_t epoch;
	uint32_t known; /* enum known */
};

int verdicts_init(struct verdicts *v)
{
	v->rows = calloc((size_t)BUCKETS * WAYS, sizeof(*v->rows));
	v->epoch = 1;
	return v->rows ? 0 : -ENOMEM;
}

void verdicts_done(struct verdicts *v)
{
	free(v->rows);
	*v = (struct verdicts){ 0 };
}

void verdicts_forget(struct verdicts *v)
{
	v->epoch++;
}

static struct verdict_row *bucket(const struct verdicts *v, const struct version *f)
{
	uint64_t h = (f->ino ^ f->dev << 32) * 0x9e3779b97f4a7c15u;
	return &v->rows[(h >> 40) % BUCKETS * WAYS];
}

enum known verdicts_get(const struct verdicts *v, const struct version *f)
{
	const struct verdict_row *b = bucket(v, f);
	for (int i = 0; i < WAYS; i++)
		if (b[i].epoch == v->epoch && memcmp(&b[i].f, f, sizeof(*f)) == 0)
			return (enum known)b[i].known;
	return KNOWN_NOTHING;
}

void verdicts_put(struct verdicts *v, const struct version *f, enum known k)
{
	struct verdict_row *b = bucket(v, f);
	int at = WAYS - 1;
	for (int i = 0; i < WAYS; i++) {
		if (b[i].epoch != v->epoch || (b[i].f.dev == f->dev && b[i].f.ino == f->ino)) {
			at = i;
			break;
		}
	}
	memmove(b + 1, b, (size_t)at * sizeof(*b)); /* newest first */
	b[0] = (struct verdict_row){ *f, v->epoch, (uint32_t)k };
}
