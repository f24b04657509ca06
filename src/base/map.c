#include "base/map.h"

#include <stdlib.h>

#include "base/auto.h"
#include "base/rand.h"

struct map_slot {
	char *key; /* owned; NULL: never used */
	size_t n;
	void *value; /* NULL with a key: deleted */
};

enum { MAP_FIRST = 16 };

static uint64_t rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static void sip_round(uint64_t v[static 4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static uint64_t le64(const uint8_t *p, size_t n)
{
	uint64_t x = 0;
	for (size_t i = 0; i < n; i++)
		x |= (uint64_t)p[i] << (8 * i);
	return x;
}

/* Aumasson, Bernstein: SipHash: a fast short-input PRF (2012), 2 compression and 4 final rounds. */
uint64_t siphash(const uint64_t key[static 2], const void *p, size_t n)
{
	const uint8_t *in = p;
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
		          key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };
	size_t left = n;
	for (; left >= 8; left -= 8, in += 8) {
		uint64_t m = le64(in, 8);
		v[3] ^= m;
		sip_round(v);
		sip_round(v);
		v[0] ^= m;
	}
	uint64_t last = (uint64_t)n << 56 | le64(in, left);
	v[3] ^= last;
	sip_round(v);
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_done(struct map *m)
{
	for (size_t i = 0; i < m->cap; i++)
		free(m->slots[i].key);
	free(m->slots);
	*m = (struct map){ 0 };
}

/* The slot that holds key, or the first free one behind its place. cap is a power of two and never
 * full. */
static struct map_slot *find(const struct map *m, struct str key)
{
	size_t i = (size_t)siphash(m->key, key.p ? key.p : "", key.n) & (m->cap - 1);
	while (m->slots[i].key) {
		if (str_eq((struct str){ m->slots[i].key, m->slots[i].n }, key))
			break;
		i = (i + 1) & (m->cap - 1);
	}
	return &m->slots[i];
}

static size_t used(const struct map *m)
{
	size_t n = 0;
	for (size_t i = 0; i < m->cap; i++)
		n += m->slots[i].key && m->slots[i].value;
	return n;
}

static void resize(struct map *m)
{
	struct map old = *m;
	size_t live = used(m);
	if (old.cap == 0)
		rand_bytes(m->key, sizeof(m->key));
	m->cap = MAP_FIRST;
	while (m->cap < live * 4)
		m->cap *= 2;
	m->slots = xcalloc(m->cap, sizeof(*m->slots));
	m->n = live;
	for (size_t i = 0; i < old.cap; i++) {
		struct map_slot *s = &old.slots[i];
		if (s->key && s->value)
			*find(m, (struct str){ s->key, s->n }) = *s;
		else
			free(s->key);
	}
	free(old.slots);
}

void *map_get(const struct map *m, struct str key)
{
	return m->cap ? find(m, key)->value : NULL;
}

void *map_set(struct map *m, struct str key, void *value)
{
	/* n counts deleted slots too, so that a search always meets a free one. */
	if (m->n * 2 >= m->cap)
		resize(m);
	struct map_slot *s = find(m, key);
	void *old = s->value;
	if (!s->key) {
		s->key = str_dup(key);
		s->n = key.n;
		m->n++;
	}
	s->value = value;
	return old;
}

void *map_del(struct map *m, struct str key)
{
	if (!m->cap)
		return NULL;
	struct map_slot *s = find(m, key);
	void *old = s->value;
	s->value = NULL;
	return old;
}

bool map_next(const struct map *m, size_t *at, struct map_item *out)
{
	for (; *at < m->cap; (*at)++) {
		const struct map_slot *s = &m->slots[*at];
		if (!s->key || !s->value)
			continue;
		*out = (struct map_item){ { s->key, s->n }, s->value };
		(*at)++;
		return true;
	}
	return false;
}
