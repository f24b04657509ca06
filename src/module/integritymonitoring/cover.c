#include "base/auto.h"
#include "module/integritymonitoring/integritymonitoring.h"

static bool has_feature(const struct im_feature *f, const struct im_entity *e)
{
	if (f->attribute == IM_EXECUTABLE)
		return ((e->file.mode & 0111) != 0) == str_is(f->pattern.text, "true");
	if (!im_classes[e->class].paths)
		return im_glob(f->pattern, e->value[f->attribute]);
	AUTO(buf_done) struct buf text = { 0 };
	im_value(e, f->attribute, &text);
	return im_glob(f->pattern, buf_view(&text));
}

static bool features_hold(const struct im_tag *t, const struct im_entity *e)
{
	for (size_t i = 0; i < t->nfeatures; i++)
		if (!has_feature(&t->features[i], e))
			return false;
	return true;
}

/* A process is "sshd:812" and may be named without its number. */
static bool key_matches(const struct im_tag *t, const struct im_entity *e, struct str key)
{
	if (im_classes[e->class].paths)
		return im_match(t->key, key);
	if (im_glob(t->key, key))
		return true;
	if (e->class != IM_PROCESS)
		return false;
	while (key.n && key.p[key.n - 1] != ':')
		key.n--;
	return key.n && im_glob(t->key, (struct str){ key.p, key.n - 1 });
}

static bool tag_means(const struct im_tag *t, const struct im_entity *e, struct str key)
{
	return (!t->keyed || key_matches(t, e, key)) && features_hold(t, e);
}

/* The path below the base, "" for the base itself; false: it is elsewhere. */
static bool below(struct str base, struct str path, struct str *out)
{
	if (!str_starts(path, base))
		return false;
	struct str rest = str_skip(path, base.n);
	if (rest.n && rest.p[0] != '/')
		return false;
	*out = rest.n ? str_skip(rest, 1) : rest;
	return true;
}

bool im_set_covers(const struct im_set *s, const struct im_entity *e)
{
	struct str key = e->key;
	if (s->class != e->class || (im_classes[s->class].paths && !below(s->base, e->key, &key)))
		return false;
	bool included = s->nincludes == 0;
	for (size_t i = 0; i < s->nincludes && !included; i++)
		included = tag_means(&s->include[i], e, key);
	for (size_t i = 0; i < s->nexcludes && included; i++)
		included = !tag_means(&s->exclude[i], e, key);
	return included;
}

uint32_t im_wanted(const struct im_rules *r, const struct im_candidates *from,
                   const struct im_entity *e)
{
	uint32_t wanted = 0;
	size_t n = from ? from->n : r->nsets;
	for (size_t i = 0; i < n; i++) {
		const struct im_set *s = &r->sets[from ? from->set[i] : i];
		if (im_set_covers(s, e))
			wanted |= s->attributes;
	}
	return wanted;
}

/* Everything below is left out by one exclude. */
static bool shut(const struct im_set *s, struct str dir)
{
	for (size_t i = 0; i < s->nexcludes; i++) {
		const struct im_tag *t = &s->exclude[i];
		if (t->nfeatures == 0 && (!t->keyed || (str_ends(t->key.text, STR("**")) &&
		                                        (t->key.text.n == 2 ||
		                                         t->key.text.p[t->key.text.n - 3] == '/') &&
		                                        im_match(t->key, dir))))
			return true;
	}
	return false;
}

static bool set_descends(const struct im_set *s, struct str dir)
{
	struct str rest;
	if (!im_classes[s->class].paths)
		return false;
	/* On the way to the base. */
	if (s->base.n > dir.n && below(dir, s->base, &rest))
		return true;
	if (!below(s->base, dir, &rest) || shut(s, rest))
		return false;
	for (size_t i = 0; i < s->nincludes; i++)
		if (!s->include[i].keyed || im_match_below(s->include[i].key, rest))
			return true;
	return s->nincludes == 0;
}

bool im_descends(const struct im_rules *r, const struct im_candidates *from, struct str dir,
                 struct im_candidates *out)
{
	size_t n = from ? from->n : r->nsets;
	if (dir.n == 1 && dir.p[0] == '/')
		dir.n = 0;
	out->n = 0;
	for (size_t i = 0; i < n; i++) {
		size_t at = from ? from->set[i] : i;
		if (set_descends(&r->sets[at], dir))
			out->set[out->n++] = (uint16_t)at;
	}
	return out->n > 0;
}

struct im_rules im_watched(struct im_rules *r)
{
	struct im_rules w = *r;
	w.sets = arena_array(&r->arena, r->nsets + 1, sizeof(*w.sets));
	w.nsets = 0;
	for (size_t i = 0; i < r->nsets; i++) {
		const struct im_set *s = &r->sets[i];
		if ((s->on_change || s->rule->real_time) && !s->follow)
			w.sets[w.nsets++] = *s;
	}
	return w;
}

/* A tag that leaves out what it means by name alone. */
static bool shuts(const struct im_set *s, struct str rest)
{
	for (size_t i = 0; i < s->nexcludes; i++) {
		const struct im_tag *t = &s->exclude[i];
		if (t->nfeatures == 0 && (!t->keyed || im_match(t->key, rest)))
			return true;
	}
	return false;
}

bool im_may_cover(const struct im_rules *r, struct str path)
{
	for (size_t i = 0; i < r->nsets; i++) {
		const struct im_set *s = &r->sets[i];
		struct str rest;
		if (!im_classes[s->class].paths || !below(s->base, path, &rest))
			continue;
		bool included = s->nincludes == 0;
		for (size_t j = 0; j < s->nincludes && !included; j++)
			included = !s->include[j].keyed || im_match(s->include[j].key, rest);
		if (included && !shuts(s, rest))
			return true;
	}
	return false;
}
