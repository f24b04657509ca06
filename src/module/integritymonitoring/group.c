#include "module/integritymonitoring/group.h"

#include "base/auto.h"
#include "base/json.h"

enum { MEMBERS_BYTES = 12 * 1024 };

void im_group_init(struct im_group *g, const char *cause)
{
	*g = (struct im_group){ .cause = cause, .members = json_array(), .room = MEMBERS_BYTES };
}

void im_group_done(struct im_group *g)
{
	buf_done(&g->id);
	buf_done(&g->text);
	json_decref(g->members);
	*g = (struct im_group){ 0 };
}

void im_group_add(struct im_group *g, const struct im_change *c)
{
	const struct im_entity *e = c->is ? c->is : c->was;
	size_t needs = e->key.n + 60;
	g->count++;
	g->counts[c->kind]++;
	if (needs > g->room)
		return;
	g->room -= needs;
	json_t *o = json_object();
	json_set_bytes(o, "key", e->key);
	json_set_text(o, "change", im_kinds[c->kind]);
	json_set_text(o, "class", im_classes[e->class].name);
	json_array_append_new(g->members, o);
}

json_t *im_group_json(const struct im_group *g)
{
	json_t *o = json_object();
	json_set_text(o, "cause", g->cause);
	json_set_bytes(o, "ID", buf_view(&g->id));
	json_set_bytes(o, "text", buf_view(&g->text));
	json_set_int(o, "from", g->from_ms);
	json_set_int(o, "to", g->to_ms);
	json_set_int(o, "changes", (int64_t)g->count);
	for (int i = 0; im_kinds[i]; i++)
		json_set_int(o, im_kinds[i], (int64_t)g->counts[i]);
	json_set(o, "members", json_incref(g->members));
	return o;
}

void im_group_line(const struct im_group *g, struct buf *out)
{
	buf_fmt(out, "%llu changes of a %s transaction: ", (unsigned long long)g->count, g->cause);
	buf_safe(out, buf_view(&g->text));
}
