#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Byte strings to pointers, hashed by SipHash-2-4 under a key drawn at random for each map, so that
 * a stranger who chooses keys cannot choose collisions. Keys are copied, values are borrowed.
 * {0} is a valid empty map.
 */
struct map {
	struct map_slot *slots; /* owned */
	size_t n, cap;
	uint64_t key[2];
};

struct map_item {
	struct str key; /* borrowed from the map */
	void *value;
};

void map_done(struct map *m);
void *map_get(const struct map *m, struct str key);
/* Sets and returns the value that was there before, or NULL. value must not be NULL. */
void *map_set(struct map *m, struct str key, void *value);
void *map_del(struct map *m, struct str key); /* returns what was there, or NULL */
/* Iterates: *at starts at 0; false at the end. Deleting the item just seen is allowed. */
bool map_next(const struct map *m, size_t *at, struct map_item *out);

uint64_t siphash(const uint64_t key[static 2], const void *p, size_t n);
