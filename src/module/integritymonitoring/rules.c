#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "module/integritymonitoring/build.h"

void im_rules_init(struct im_rules *r, uint32_t contents, const json_t *variables)
{
	*r = (struct im_rules){ .contents = contents, .variables = variables };
	r->source = json_object();
	json_set_int(r->source, "contents", contents);
	json_set(r->source, "variables", variables ? json_deep_copy(variables) : json_object());
	json_set(r->source, "rules", json_array());
}

void im_rules_done(struct im_rules *r)
{
	arena_done(&r->arena);
	json_decref(r->source);
	*r = (struct im_rules){ 0 };
}

void build_source(struct im_rules *r, json_t *taken)
{
	json_array_append_new(json_object_get(r->source, "rules"), taken);
}

/* Room for one more in an array of the arena; what it was before stays there, so it doubles. */
static void *grow(struct im_rules *r, void *old, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return old;
	size_t more = *cap ? *cap * 2 : 8;
	void *new = arena_array(&r->arena, more, size);
	if (n)
		memcpy(new, old, n * size);
	*cap = more;
	return new;
}

static struct str kept(struct im_rules *r, struct str s)
{
	return (struct str){ arena_str(&r->arena, s), s.n };
}

void build_note(struct im_rules *r, const struct im_rule *rule, enum im_note_kind kind,
                struct str text)
{
	if (r->nnotes == IM_SETS_MAX)
		return;
	r->notes = grow(r, r->notes, r->nnotes, &r->note_cap, sizeof(*r->notes));
	r->notes[r->nnotes++] =
		(struct im_note){ .kind = kind, .rule = rule, .text = kept(r, text) };
}

int build_severity(struct str text, enum im_severity *out)
{
	for (int i = 0; im_severities[i]; i++) {
		if (str_is(text, im_severities[i])) {
			*out = (enum im_severity)i;
			return 0;
		}
	}
	return -EINVAL;
}

int build_rule(struct im_rules *r, const struct im_rule *as, struct im_rule **out, struct err *why)
{
	if (r->nrules == IM_RULES_MAX)
		return err_set(why, -E2BIG, "more than %d rules", IM_RULES_MAX);
	struct im_rule *rule = arena_alloc(&r->arena, sizeof(*rule));
	*rule = *as;
	rule->name = kept(r, as->name);
	rule->description = kept(r, as->description);
	rule->platform = kept(r, as->platform);
	r->rules = grow(r, r->rules, r->nrules, &r->rule_cap, sizeof(struct im_rule *));
	r->rules[r->nrules++] = rule;
	*out = rule;
	return 0;
}

int build_set(struct im_rules *r, const struct im_rule *rule, enum im_class class,
              struct im_set **out, struct err *why)
{
	if (r->nsets == IM_SETS_MAX)
		return err_set(why, -E2BIG, "more than %d sets", IM_SETS_MAX);
	r->sets = grow(r, r->sets, r->nsets, &r->set_cap, sizeof(*r->sets));
	r->sets[r->nsets] = (struct im_set){ .class = class, .rule = rule };
	*out = &r->sets[r->nsets++];
	return 0;
}

/* ${NAME} replaced; false: a variable that is not there. pattern: its value means itself. */
static bool expand(struct im_rules *r, const struct im_rule *rule, struct str text, bool pattern,
                   struct buf *out)
{
	while (text.n) {
		const char *end = NULL;
		if (!str_starts(text, STR("${")) || !(end = memchr(text.p, '}', text.n))) {
			buf_char(out, text.p[0]);
			text = str_skip(text, 1);
			continue;
		}
		char name[256] = "";
		size_t n = (size_t)(end - text.p) - 2;
		if (n < sizeof(name))
			memcpy(name, text.p + 2, n);
		const char *value = n < sizeof(name) ? json_text(r->variables, name, NULL) : NULL;
		if (!value) {
			build_note(r, rule, IM_NOTE_VARIABLE, (struct str){ text.p + 2, n });
			return false;
		}
		for (const char *v = value; *v; v++) {
			if (pattern && strchr("*?\\", *v))
				buf_char(out, '\\');
			buf_char(out, *v);
		}
		text = str_skip(text, n + 3);
	}
	return true;
}

/* "/a//b/../c/" is "/a/c": `..` goes by the text, not by what links lead to. */
static bool normalize(struct str path, struct buf *out)
{
	if (!path.n || path.p[0] != '/' || memchr(path.p, '\0', path.n))
		return false;
	while (path.p) {
		struct str part = str_cut(&path, '/');
		if (!part.n || str_is(part, "."))
			continue;
		if (str_is(part, "..")) {
			while (out->n && out->p[--out->n] != '/')
				continue;
			continue;
		}
		buf_char(out, '/');
		buf_str(out, part);
	}
	return out->n < IM_TEXT_MAX;
}

int build_base(struct im_rules *r, struct im_set *s, struct str text)
{
	AUTO(buf_done) struct buf expanded = { 0 }, path = { 0 };
	if (!expand(r, s->rule, text, false, &expanded))
		return 0;
	if (!normalize(buf_view(&expanded), &path)) {
		build_note(r, s->rule, IM_NOTE_BASE, text);
		return 0;
	}
	s->base = kept(r, buf_view(&path));
	return 1;
}

int build_tag(struct im_rules *r, struct im_set *s, bool exclude, struct im_tag **out,
              struct err *why)
{
	struct im_tag **list = exclude ? &s->exclude : &s->include;
	size_t *n = exclude ? &s->nexcludes : &s->nincludes;
	size_t cap = *n ? 8 : 0;
	if (*n == IM_TAGS_MAX)
		return err_set(why, -E2BIG, "more than %d tags in one set", IM_TAGS_MAX);
	while (cap && cap < *n)
		cap *= 2;
	*list = grow(r, *list, *n, &cap, sizeof(**list));
	*out = &(*list)[(*n)++];
	**out = (struct im_tag){ 0 };
	return 0;
}

int build_key(struct im_rules *r, const struct im_set *s, struct im_tag *t, struct str text,
              bool nocase)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (!expand(r, s->rule, text, true, &b))
		return 0;
	struct str key = buf_view(&b);
	if (im_classes[s->class].paths) {
		while (str_starts(key, STR("/")))
			key = str_skip(key, 1);
		while (str_ends(key, STR("/")))
			key.n--;
	}
	t->keyed = true;
	t->key = (struct im_pattern){ kept(r, key), nocase };
	return 1;
}

int build_feature(struct im_rules *r, const struct im_set *s, struct im_tag *t, struct str name,
                  struct str text, bool nocase)
{
	struct im_feature f = { .pattern = { kept(r, text), nocase } };
	uint32_t bit = im_attributes_named(s->class, name, r->contents);
	if (s->class == IM_FILE && str_eq_nocase(name, STR("executable"))) {
		f.attribute = IM_EXECUTABLE;
		if (!str_is(text, "true") && !str_is(text, "false"))
			return -EINVAL;
	} else if (!bit || (bit & (bit - 1))) {
		return -EINVAL;
	} else {
		f.attribute = (uint32_t)__builtin_ctz(bit);
		/* What has to be read before it is known would make reading depend on itself. */
		if (im_classes[s->class].paths &&
		    (bit & (IM_HASHES | IM_BIT(IMP_ACL) | IM_BIT(IMP_XATTRS))))
			return -EINVAL;
		if (im_classes[s->class].attributes[f.attribute].windows) {
			build_note(r, s->rule, IM_NOTE_FEATURE, name);
			return 0;
		}
	}
	struct im_feature *more = arena_array(&r->arena, t->nfeatures + 1, sizeof(*more));
	if (t->nfeatures)
		memcpy(more, t->features, t->nfeatures * sizeof(*more));
	more[t->nfeatures++] = f;
	t->features = more;
	return 1;
}

int build_attribute(struct im_rules *r, struct im_set *s, struct str name)
{
	uint32_t bits = im_attributes_named(s->class, name, r->contents);
	bool contents = str_eq_nocase(name, STR("CONTENTS"));
	if (!bits && !contents)
		return -EINVAL;
	if (bits && !(bits & (bits - 1)) &&
	    im_classes[s->class].attributes[__builtin_ctz(bits)].windows)
		build_note(r, s->rule, IM_NOTE_ATTRIBUTE, name);
	s->attributes |= bits;
	return 0;
}

void build_set_end(struct im_rules *r, struct im_set *s, bool keep)
{
	if (!keep) {
		r->nsets--;
		return;
	}
	if (!s->attributes)
		s->attributes = im_attributes_standard(s->class, r->contents);
	if (im_classes[s->class].paths)
		s->attributes |= IM_BIT(IMP_TYPE);
}
