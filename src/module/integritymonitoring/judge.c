#include <assert.h>
#include <sys/stat.h>

#include "module/integritymonitoring/integritymonitoring.h"
#include "module/integritymonitoring/value.h"

/* '/' comes before every other byte, so that what is in a directory follows it at once. */
int im_path_order(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n, i = 0;
	while (i < n && a.p[i] == b.p[i])
		i++;
	if (i == n)
		return (a.n > b.n) - (a.n < b.n);
	unsigned x = a.p[i] == '/' ? 0 : (unsigned char)a.p[i];
	unsigned y = b.p[i] == '/' ? 0 : (unsigned char)b.p[i];
	return (x > y) - (x < y);
}

int im_order(const struct im_entity *a, const struct im_entity *b)
{
	bool path_a = im_classes[a->class].paths, path_b = im_classes[b->class].paths;
	if (path_a != path_b)
		return path_a ? -1 : 1;
	if (path_a)
		return im_path_order(a->key, b->key);
	if (a->class != b->class)
		return a->class < b->class ? -1 : 1;
	return str_cmp(a->key, b->key);
}

static bool same_type(const struct im_file *a, const struct im_file *b)
{
	if ((a->mode & S_IFMT) != (b->mode & S_IFMT))
		return false;
	return !(S_ISBLK(a->mode) || S_ISCHR(a->mode)) || a->rdev == b->rdev;
}

static bool path_differs(const struct im_file *was, const struct im_file *is, unsigned attribute)
{
	const struct im_path_value *v = &im_path_values[attribute];
	switch ((enum im_path_attribute)attribute) {
	case IMP_TYPE:
		return !same_type(was, is);
	case IMP_PERMISSIONS:
		return (was->mode ^ is->mode) & 07777;
	case IMP_LINK:
		return !str_eq(was->target, is->target);
	case IMP_GROWING:
		return is->size < was->size;
	case IMP_SHRINKING:
		return is->size > was->size;
	case IMP_CREATED:
	case IMP_MODIFIED:
	case IMP_ACCESSED:
	case IMP_CHANGED:
	case IMP_OWNER:
	case IMP_GROUP:
	case IMP_SIZE:
	case IMP_MD5:
	case IMP_SHA1:
	case IMP_SHA256:
	case IMP_SHA512:
	case IMP_FLAGS:
	case IMP_INODE:
	case IMP_DEVICE:
	case IMP_BLOCKS:
	case IMP_LINKS:
	case IMP_ACL:
	case IMP_XATTRS:
	case IMP_COUNT:
		break;
	}
	return memcmp((const char *)was + v->offset, (const char *)is + v->offset, v->size) != 0;
}

uint32_t im_compare(const struct im_entity *was, const struct im_entity *is)
{
	uint32_t both = was->has & is->has & im_attributes_all(is->class), changed = 0;
	bool paths = im_classes[is->class].paths;
	for (unsigned i = 0; i < 32; i++) {
		if (!(both & IM_BIT(i)))
			continue;
		if (paths ? path_differs(&was->file, &is->file, i)
		          : !str_eq(was->value[i], is->value[i]))
			changed |= IM_BIT(i);
	}
	return changed;
}

bool im_same_file(const struct im_entity *was, const struct im_entity *is)
{
	const struct im_file *a = &was->file, *b = &is->file;
	return was->class == is->class && im_classes[is->class].paths && a->ino == b->ino &&
	       a->dev == b->dev && same_type(a, b) && (was->has & is->has & IM_BIT(IMP_CREATED)) &&
	       a->created == b->created;
}

static bool covers_either(const struct im_set *s, const struct im_entity *was,
                          const struct im_entity *is)
{
	return (is && im_set_covers(s, is)) || (was && im_set_covers(s, was));
}

/* The sets that ask for this change; the most severe of their rules is its reason. */
static uint32_t ask(const struct im_rules *r, struct im_change *c, uint32_t changed)
{
	bool all = c->kind != IM_UPDATED;
	uint32_t asked = 0;
	const struct im_entity *e = c->is ? c->is : c->was;
	assert(e);
	for (size_t i = 0; i < r->nsets; i++) {
		const struct im_set *s = &r->sets[i];
		if (s->class != e->class || !(all || (changed & s->attributes)) ||
		    !covers_either(s, c->was, c->is))
			continue;
		asked |= changed & s->attributes;
		if (!c->reason || s->rule->severity > c->reason->severity)
			c->reason = s->rule;
		c->alert |= s->rule->alert;
		c->real_time |= s->on_change || s->rule->real_time;
	}
	return asked;
}

int im_judge(const struct im_rules *now, const struct im_rules *then, const struct im_entity *was,
             const struct im_entity *is, struct im_change *out)
{
	struct im_change c = { .was = was, .is = is };
	uint32_t changed = was && is ? im_compare(was, is) : 0;
	if (was && is && !changed && str_eq(was->key, is->key))
		return 0;
	c.kind = !was                        ? IM_CREATED
	         : !is                       ? IM_DELETED
	         : str_eq(was->key, is->key) ? IM_UPDATED
	                                     : IM_RENAMED;
	if (c.kind == IM_CREATED && then != now && !im_wanted(then, NULL, is))
		return 0;
	c.changed = ask(now, &c, changed);
	if (!c.reason)
		return 0;
	*out = c;
	return 1;
}

int im_judge_touched(const struct im_rules *now, const struct im_entity *was,
                     const struct im_entity *is, struct im_change *out)
{
	struct im_change c = { .kind = IM_UPDATED, .was = was, .is = is };
	if (was->file.changed == is->file.changed)
		return 0;
	ask(now, &c, IM_HASHES | IM_BIT(IMP_MODIFIED));
	if (!c.reason)
		return 0;
	c.changed = IM_BIT(IMP_CHANGED);
	*out = c;
	return 1;
}
