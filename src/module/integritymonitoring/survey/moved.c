#include "module/integritymonitoring/survey/moved.h"

#include <stdlib.h>

#include "base/auto.h"
#include "base/map.h"
#include "module/integritymonitoring/baseline.h"

enum { HALVES_MAX = 100000 };

/* One end of a move, packed. */
struct half {
	struct half *next; /* of the same inode */
	bool came;
	struct im_packer packed;
};

struct moved {
	void (*tell)(void *arg, const struct im_entity *was, const struct im_entity *is);
	void *arg;
	struct map halves; /* by inode */
	size_t n;
};

struct moved *moved_new(void (*tell)(void *arg, const struct im_entity *was,
                                     const struct im_entity *is),
                        void *arg)
{
	struct moved *m = xcalloc(1, sizeof(*m));
	m->tell = tell;
	m->arg = arg;
	return m;
}

static bool open_half(const struct half *h, struct im_unpacker *u, struct im_entity *out)
{
	im_unpack_block(u, buf_view(&h->packed.block));
	return im_unpack(u, out) == 1;
}

static void half_free(struct half *h)
{
	im_packer_done(&h->packed);
	free(h);
}

static void tell_half(struct moved *m, const struct half *h)
{
	struct im_unpacker u = { 0 };
	struct im_entity e;
	if (open_half(h, &u, &e))
		m->tell(m->arg, h->came ? NULL : &e, h->came ? &e : NULL);
	im_unpacker_done(&u);
}

void moved_rest(struct moved *m)
{
	struct map_item item;
	for (size_t at = 0; map_next(&m->halves, &at, &item);) {
		for (struct half *h = item.value, *next = NULL; h; h = next) {
			next = h->next;
			tell_half(m, h);
			half_free(h);
		}
		map_del(&m->halves, item.key);
	}
	m->n = 0;
}

void moved_free(struct moved *m)
{
	struct map_item item;
	for (size_t at = 0; map_next(&m->halves, &at, &item);) {
		for (struct half *h = item.value, *next = NULL; h; h = next) {
			next = h->next;
			half_free(h);
		}
	}
	map_done(&m->halves);
	free(m);
}

/* The other half, if it is here; then it was told. */
static bool matched(struct moved *m, struct half **list, const struct im_entity *e, bool came)
{
	struct im_unpacker u = { 0 };
	struct im_entity other;
	bool found = false;
	for (struct half **at = list; *at && !found;) {
		struct half *h = *at;
		if (h->came == came || !open_half(h, &u, &other) || !im_same_file(&other, e)) {
			at = &h->next;
			continue;
		}
		m->tell(m->arg, came ? &other : e, came ? e : &other);
		found = true;
		*at = h->next;
		half_free(h);
		m->n--;
	}
	im_unpacker_done(&u);
	return found;
}

bool moved_put(struct moved *m, const struct im_entity *was, const struct im_entity *is)
{
	const struct im_entity *e = is ? is : was;
	const uint64_t id[2] = { e->file.dev, e->file.ino };
	struct str key = { (const char *)id, sizeof(id) };
	if (!im_classes[e->class].paths || !(e->has & IM_BIT(IMP_CREATED)))
		return false;
	struct half *list = map_get(&m->halves, key), *first = list;
	if (matched(m, &list, e, is != NULL)) {
		if (!list)
			map_del(&m->halves, key);
		else if (list != first)
			map_set(&m->halves, key, list);
		return true;
	}
	if (m->n >= HALVES_MAX) {
		moved_rest(m);
		list = NULL;
	}
	struct half *h = xcalloc(1, sizeof(*h));
	h->came = is != NULL;
	h->next = list;
	if (im_pack(&h->packed, e) < 0) {
		half_free(h);
		return false;
	}
	map_set(&m->halves, key, h);
	m->n++;
	return true;
}
