#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "module/loginspection/event.h"

/* What is remembered for long: first sights, ignored fields, texts that rules compare, accumulated
 * fields. All of it bounded. */

enum { MEMORY_FIRST = 1024, MEMORY_MAX = 262144, SIMILAR = 14, SIMILAR_MAX = 2 };
enum { ACCUMULATED = 1024, ACCUMULATED_VALUE = 80, ACCUMULATED_SECONDS = 120 };

void memory_done(struct memory *m)
{
	free(m->keys);
	free(m->values);
	*m = (struct memory){ 0 };
}

static size_t slot_of(const struct memory *m, uint64_t key)
{
	size_t i = key & (m->cap - 1);
	while (m->keys[i] && m->keys[i] != key)
		i = (i + 1) & (m->cap - 1);
	return i;
}

uint64_t memory_get(const struct memory *m, uint64_t key)
{
	return m->cap ? m->values[slot_of(m, key | 1)] : 0;
}

static void memory_grow(struct memory *m)
{
	struct memory old = *m;
	m->cap = old.cap ? old.cap * 2 : MEMORY_FIRST;
	m->keys = xcalloc(m->cap, sizeof(*m->keys));
	m->values = xcalloc(m->cap, sizeof(*m->values));
	for (size_t i = 0; i < old.cap; i++) {
		size_t to = old.keys[i] ? slot_of(m, old.keys[i]) : 0;
		if (!old.keys[i])
			continue;
		m->keys[to] = old.keys[i];
		m->values[to] = old.values[i];
	}
	memory_done(&old);
}

bool memory_set(struct memory *m, uint64_t key, uint64_t value)
{
	key |= 1; /* 0 marks a free slot */
	if (m->n * 2 >= m->cap && m->cap < MEMORY_MAX)
		memory_grow(m);
	size_t i = slot_of(m, key);
	if (!m->keys[i] && m->n * 2 >= m->cap)
		return false;
	m->n += m->keys[i] == 0;
	m->keys[i] = key;
	m->values[i] = value;
	return true;
}

/* ---- first sights ---- */

static struct str fts_text(struct li_event *ev, char *to, size_t size)
{
	const struct decoder *d = ev->decoder;
	const struct str *name = &ev->engine->set->decoder_names[d->id];
	size_t n = 0;
	for (size_t i = 0; i <= d->fts_n; i++) {
		struct str s = i == 0 ? *name : event_value(ev, d->fts[i - 1]);
		size_t room = size - n - 1, take = s.n < room ? s.n : room;
		if (take)
			memcpy(to + n, s.p, take);
		n += take;
		to[n] = ' ';
		n += n + 1 < size;
	}
	return (struct str){ to, n };
}

static size_t common(const char *a, struct str b)
{
	size_t n = 0;
	while (n < b.n && a[n] == b.p[n] && a[n] != '\0')
		n++;
	return n;
}

/* Alerts of an IDS whose keys begin alike are one after the third. */
static struct str collapsed(struct li_engine *e, struct str s)
{
	int similar = 0;
	for (size_t i = 0; i < IDS_KEPT && similar <= SIMILAR_MAX; i++)
		similar += e->ids[i][0] && common(e->ids[i], s) > SIMILAR;
	if (similar > SIMILAR_MAX)
		s.n = SIMILAR;
	char *to = e->ids[e->ids_n++ % IDS_KEPT];
	memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return s;
}

void event_first_seen(struct li_event *ev)
{
	struct li_engine *e = ev->engine;
	char text[IDS_TEXT - 1];
	struct str s = fts_text(ev, text, sizeof(text));
	if (ev->category == CATEGORY_IDS)
		s = collapsed(e, s);
	uint64_t key = event_hash(e, 'f', s);
	if (memory_get(&e->memory, key))
		return;
	ev->first_seen = memory_set(&e->memory, key, 1);
	if (!ev->first_seen)
		e->cut |= LI_CUT_KEYS;
}

/* ---- accumulate ---- */

static const uint8_t accumulated[] = { FIELD_DSTUSER, FIELD_SRCUSER, FIELD_DSTIP, FIELD_SRCIP,
	                               FIELD_DSTPORT, FIELD_SRCPORT, FIELD_DATA };

struct accumulator {
	struct {
		uint64_t key;
		int64_t time;
		uint8_t n[ARRAY_LEN(accumulated)]; /* length + 1; 0: none */
		char value[ARRAY_LEN(accumulated)][ACCUMULATED_VALUE];
	} slot[ACCUMULATED];
};

void accumulator_free(struct accumulator *a)
{
	free(a);
}

void event_accumulate(struct li_event *ev)
{
	struct li_engine *e = ev->engine;
	if (!ev->f[FIELD_ID].p)
		return;
	if (!e->accumulator)
		e->accumulator = xcalloc(1, sizeof(*e->accumulator));
	uint64_t key = event_hash(e, 'a', ev->f[FIELD_ID]) ^
	               event_hash(e, 'A', ev->f[FIELD_HOSTNAME]) ^
	               ev->decoder->id * 0x9e3779b97f4a7c15ull;
	size_t i = key % ACCUMULATED;
	bool known = e->accumulator->slot[i].key == key &&
	             ev->now - e->accumulator->slot[i].time <= ACCUMULATED_SECONDS;
	for (size_t k = 0; k < ARRAY_LEN(accumulated); k++) {
		struct str *mine = &ev->f[accumulated[k]];
		uint8_t *n = &e->accumulator->slot[i].n[k];
		char *kept = e->accumulator->slot[i].value[k];
		if (!known)
			*n = 0;
		if (mine->p && mine->n <= ACCUMULATED_VALUE) {
			memcpy(kept, mine->p, mine->n);
			*n = (uint8_t)(mine->n + 1);
		} else if (!mine->p && *n) {
			*mine = (struct str){ kept, *n - 1u };
		}
	}
	e->accumulator->slot[i].key = key;
	e->accumulator->slot[i].time = ev->now;
}
