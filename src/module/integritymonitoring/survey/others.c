#include "module/integritymonitoring/survey/others.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "module/integritymonitoring/survey/sources.h"

struct others {
	struct gathered all;
	const struct im_rules *rules;
	size_t at;
	int error[IM_LINUX_CLASSES]; /* -errno of the classes that could not be read */
};

/* A row each class: who knows its entities. */
static int (*const sources[IM_LINUX_CLASSES])(struct gathered *g) = {
	[IM_GROUP] = gather_groups,      [IM_USER] = gather_users,
	[IM_SOFTWARE] = gather_software, [IM_SERVICE] = gather_services,
	[IM_PROCESS] = gather_processes, [IM_PORT] = gather_ports,
};

struct im_entity *gathered_add(struct gathered *g, enum im_class class, struct str key)
{
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 64;
		struct im_entity *more = reallocarray(g->list, cap, sizeof(*more));
		if (!more)
			abort();
		g->list = more;
		g->cap = cap;
	}
	struct im_entity *e = &g->list[g->n++];
	*e = (struct im_entity){ .class = class, .key = { arena_str(&g->arena, key), key.n } };
	return e;
}

void gathered_set(struct gathered *g, struct im_entity *e, const char *attribute, struct str value)
{
	uint32_t bit = im_attributes_named(e->class, str_of(attribute), 0);
	assert(bit && !(bit & (bit - 1)));
	e->value[__builtin_ctz(bit)] = (struct str){ arena_str(&g->arena, value), value.n };
	e->has |= bit;
}

struct others *others_new(void)
{
	return xcalloc(1, sizeof(struct others));
}

void others_free(struct others *o)
{
	if (!o)
		return;
	arena_done(&o->all.arena);
	free(o->all.list);
	free(o);
}

/* Several versions of a package side by side, as rpm has kernels, are one entity. */
static void fold_versions(struct gathered *g)
{
	const unsigned version =
		(unsigned)__builtin_ctz(im_attributes_named(IM_SOFTWARE, STR("Version"), 0));
	for (size_t i = g->n; i-- > 1;) {
		struct im_entity *a = &g->list[i - 1], *b = &g->list[i];
		AUTO(buf_done) struct buf both = { 0 };
		if (a->class != IM_SOFTWARE || im_order(a, b) != 0)
			continue;
		bool first = str_cmp(a->value[version], b->value[version]) < 0;
		buf_str(&both, first ? a->value[version] : b->value[version]);
		buf_z(&both, ", ");
		buf_str(&both, first ? b->value[version] : a->value[version]);
		gathered_set(g, a, "Version", buf_view(&both));
	}
}

static int by_order(const void *a, const void *b)
{
	return im_order(a, b);
}

static void gather(struct others *o, const struct im_rules *r, const bool *want)
{
	o->rules = r;
	for (int i = 0; i < IM_LINUX_CLASSES; i++)
		if (want[i] && sources[i])
			o->error[i] = sources[i](&o->all);
	if (o->all.n)
		qsort(o->all.list, o->all.n, sizeof(*o->all.list), by_order);
	fold_versions(&o->all);
}

void others_gather(struct others *o, const struct im_rules *r)
{
	bool want[IM_CLASSES] = { 0 };
	for (size_t i = 0; i < r->nsets; i++)
		want[r->sets[i].class] = true;
	gather(o, r, want);
}

void others_gather_class(struct others *o, const struct im_rules *r, enum im_class class)
{
	bool want[IM_CLASSES] = { 0 };
	want[class] = true;
	gather(o, r, want);
}

int others_next(struct others *o, struct im_entity *out, uint32_t *wanted)
{
	while (o->at < o->all.n) {
		const struct im_entity *e = &o->all.list[o->at++];
		/* A name twice in one list is one entity: the first counts, as it does for the
		 * host. */
		if (o->at > 1 && im_order(e - 1, e) == 0)
			continue;
		*wanted = im_wanted(o->rules, NULL, e);
		if (!*wanted || o->error[e->class] < 0)
			continue;
		*out = *e;
		return 1;
	}
	return 0;
}

int others_error(const struct others *o, enum im_class class)
{
	return class < IM_LINUX_CLASSES ? o->error[class] : 0;
}

bool others_unread(const struct others *o, enum im_class class)
{
	return others_error(o, class) < 0;
}
