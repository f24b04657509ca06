#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/sensor/tree/integrity.h"
#include "base/auto.h"
#include "base/base64.h"
#include "base/json.h"

/* What the baseline says, for people: pages of it, what differs from one before it, its root. */

enum { PAGE = 100, PAGE_MAX = 500, RESULT_MAX = 160 * 1024 };

static void answer(struct integrity *i, int64_t id, const char *state, const char *message,
                   json_t *result)
{
	AUTO(buf_done) struct buf b = { 0 };
	AUTO(json_decrefp) json_t *o = json_object();
	json_set_int(o, "ID", id);
	json_set_text(o, "state", state);
	if (message)
		json_set_text(o, "message", message);
	if (result)
		json_set(o, "result", result);
	json_write(&b, o);
	self_send(i->me, P_COMMS, 0, M_PROGRESS, 0, buf_view(&b));
}

static void root_of(const struct keep *k, char hex[static 2 * IM_CHAIN + 1])
{
	hex_lower(hex, k->root.hash, IM_CHAIN);
}

/* The baseline of this root ("": the newest one) among those that are kept. */
static int open_one(struct integrity *i, const char *root, struct keep *k, struct err *why)
{
	for (int n = 0; n <= INTEGRITY_KEPT; n++) {
		char name[64], hex[2 * IM_CHAIN + 1];
		snprintf(name, sizeof(name), n ? INTEGRITY_BASELINE ".%d" : INTEGRITY_BASELINE, n);
		int rc = keep_open(k, i->dir, name, why);
		if (rc == 0) {
			root_of(k, hex);
			if (!*root || strcmp(root, hex) == 0)
				return 0;
		} else if (!*root) {
			return rc;
		}
		keep_close(k);
	}
	return err_set(why, -ENOENT, "no baseline of this root is kept");
}

/* What is asked for, and the page so far. */
struct page {
	struct str text, class, after;
	size_t max, bytes;
	json_t *list;
	bool more, past; /* past: `after` was come to */
};

static bool has_text(struct str key, struct str text)
{
	return !text.n || memmem(key.p, key.n, text.p, text.n) != NULL;
}

static bool is_meant(struct page *p, const struct im_entity *e)
{
	return has_text(e->key, p->text) &&
	       (!p->class.n || str_is(p->class, im_classes[e->class].name));
}

/* Takes o when it is on this page; it is the caller's before and after. after: CLASS:KEY of the
 * last one of the page before. */
static void take(struct page *p, const struct im_entity *e, json_t *o)
{
	AUTO(buf_done) struct buf place = { 0 };
	buf_fmt(&place, "%s:", im_classes[e->class].name);
	buf_safe(&place, e->key);
	if (!p->past) {
		p->past = str_eq(buf_view(&place), p->after);
		return;
	}
	if (json_array_size(p->list) >= p->max || p->bytes > RESULT_MAX) {
		p->more = true;
		return;
	}
	p->bytes += 600 + e->key.n;
	json_set_bytes(o, "place", buf_view(&place));
	json_array_append(p->list, o);
}

static json_t *entity_json(const struct im_entity *e)
{
	json_t *o = json_object(), *attributes = json_object();
	const struct im_attribute *rows = im_classes[e->class].attributes;
	json_set_text(o, "class", im_classes[e->class].name);
	json_set_bytes(o, "key", e->key);
	for (unsigned n = 0; rows[n].name; n++) {
		AUTO(buf_done) struct buf name = { 0 }, value = { 0 };
		if (!(e->has & IM_BIT(n)))
			continue;
		im_attribute_event_name(e->class, n, &name);
		im_value(e, n, &value);
		if (value.n)
			json_set_bytes(attributes, name.p, buf_view(&value));
	}
	json_set(o, "attributes", attributes);
	return o;
}

static int list_all(struct keep *k, struct page *p)
{
	struct im_entity e;
	int rc = 0;
	while (!p->more && (rc = keep_next(k, &e)) == 1) {
		if (!is_meant(p, &e))
			continue;
		AUTO(json_decrefp) json_t *o = entity_json(&e);
		take(p, &e, o);
	}
	return rc < 0 ? rc : 0;
}

static void compare_one(struct page *p, const struct im_rules *now, const struct im_rules *then,
                        const struct im_entity *was, const struct im_entity *is)
{
	const struct im_entity *e = is ? is : was;
	struct im_change c;
	if (!is_meant(p, e) || im_judge(now, then, was, is, &c) != 1)
		return;
	AUTO(json_decrefp) json_t *o = im_change_json(&c);
	take(p, e, o);
}

/* Two baselines side by side: both are in order. */
static int list_changes(struct keep *older, struct keep *newer, struct page *p)
{
	AUTO(im_rules_done) struct im_rules now, then;
	struct im_entity was, is;
	im_rules_init(&now, 0, NULL);
	im_rules_init(&then, 0, NULL);
	int rc = im_rules_add_source(&now, json_object_at(newer->header, "source"), NULL);
	if (rc == 0)
		rc = im_rules_add_source(&then, json_object_at(older->header, "source"), NULL);
	if (rc < 0)
		return rc;
	int left = keep_next(older, &was), right = keep_next(newer, &is);
	while (!p->more && left >= 0 && right >= 0 && (left || right)) {
		int order = !left ? 1 : !right ? -1 : im_order(&was, &is);
		bool both = order == 0 && was.class == is.class;
		if (both) {
			compare_one(p, &now, &then, &was, &is);
		} else {
			if (order <= 0)
				compare_one(p, &now, &then, &was, NULL);
			if (order >= 0)
				compare_one(p, &now, &then, NULL, &is);
		}
		left = order <= 0 ? keep_next(older, &was) : left;
		right = order >= 0 ? keep_next(newer, &is) : right;
	}
	return left < 0 ? left : right < 0 ? right : 0;
}

static json_t *kept_list(struct integrity *i)
{
	json_t *list = json_array();
	for (int n = 0; n <= INTEGRITY_KEPT; n++) {
		AUTO(keep_close) struct keep k = { .fd = -1 };
		char name[64], hex[2 * IM_CHAIN + 1];
		snprintf(name, sizeof(name), n ? INTEGRITY_BASELINE ".%d" : INTEGRITY_BASELINE, n);
		if (keep_open(&k, i->dir, name, NULL) < 0)
			continue;
		root_of(&k, hex);
		json_t *o = json_object();
		json_set_text(o, "root", hex);
		json_set_int(o, "made", json_int(k.header, "made", 0));
		json_set_int(o, "entities", (int64_t)k.totals.entities);
		json_set_int(o, "size", (int64_t)k.size);
		json_array_append_new(list, o);
	}
	return list;
}

void integrity_view(struct integrity *i, int64_t id, const json_t *args)
{
	AUTO(keep_close) struct keep k = { .fd = -1 };
	AUTO(keep_close) struct keep older = { .fd = -1 };
	AUTO(json_decrefp) json_t *list = json_array();
	struct err why = { { 0 } };
	char hex[2 * IM_CHAIN + 1];
	const char *with = json_text(args, "comparedWith", "");
	int64_t max = json_int(args, "maxItems", PAGE);
	struct page p = { .text = str_of(json_text(args, "text", "")),
		          .class = str_of(json_text(args, "class", "")),
		          .after = str_of(json_text(args, "after", "")),
		          .max = max < 1 || max > PAGE_MAX ? PAGE : (size_t)max,
		          .list = list };
	p.past = !p.after.n;
	int rc = open_one(i, json_text(args, "baseline", ""), &k, &why);
	if (rc == 0 && *with)
		rc = open_one(i, with, &older, &why);
	if (rc == 0)
		rc = *with ? list_changes(&older, &k, &p) : list_all(&k, &p);
	if (rc < 0) {
		answer(i, id, "failed", why.text[0] ? why.text : strerror(-rc), NULL);
		return;
	}
	root_of(&k, hex);
	json_t *result = json_object();
	json_set_text(result, "root", hex);
	json_set_int(result, "made", json_int(k.header, "made", 0));
	json_set_int(result, "entities", (int64_t)k.totals.entities);
	json_set_bool(result, "more", p.more);
	json_set(result, *with ? "changes" : "items", json_incref(list));
	json_set(result, "kept", kept_list(i));
	answer(i, id, "done", NULL, result);
}

void integrity_prove(struct integrity *i, int64_t id)
{
	AUTO(keep_close) struct keep k = { .fd = -1 };
	struct err why = { { 0 } };
	char hex[2 * IM_CHAIN + 1];
	if (keep_open(&k, i->dir, INTEGRITY_BASELINE, &why) < 0) {
		answer(i, id, "failed", why.text, NULL);
		return;
	}
	root_of(&k, hex);
	json_t *result = json_object();
	json_set_text(result, "root", hex);
	json_set_text(result, "previous", json_text(k.header, "previous", ""));
	json_set_int(result, "made", json_int(k.header, "made", 0));
	json_set_int(result, "entities", (int64_t)k.totals.entities);
	answer(i, id, "done", NULL, result);
}
