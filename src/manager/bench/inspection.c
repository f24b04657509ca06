#include <errno.h>
#include <time.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/bench/bench.h"
#include "module/loginspection/policy.h"
#include "module/module.h"

/* Log Inspection on the bench: rules that people write, and lines that they paste. */

enum { TRIED_MAX = 500 };

static void set_str(json_t *o, const char *key, struct str s)
{
	if (s.p)
		json_set_bytes(o, key, s);
}

static void tell_tried(void *arg, const struct li_tried *t)
{
	json_t *list = arg;
	if (json_array_size(list) >= TRIED_MAX)
		return;
	json_t *o = json_object();
	json_set_int(o, "ruleID", t->id);
	json_set_int(o, "level", t->level);
	json_set_int(o, "depth", t->depth);
	set_str(o, "description", t->description);
	if (t->file)
		json_set_text(o, "rule", t->file);
	json_set_bool(o, "matched", t->matched);
	json_array_append_new(list, o);
}

static json_t *groups_of(struct str groups)
{
	json_t *list = json_array();
	while (groups.p) {
		struct str g = str_trim(str_cut(&groups, ','));
		if (g.n && str_utf8(g))
			json_array_append_new(list, json_stringn(g.p, g.n));
	}
	return list;
}

static json_t *answer_of(const struct rules *r, const struct li_answer *a)
{
	json_t *o = json_object(), *fields = json_object();
	for (size_t i = 0; i < a->nfields; i++) {
		AUTO(freep) char *name = str_dup(a->fields[i].name);
		if (a->fields[i].value.p)
			json_set_bytes(fields, name, a->fields[i].value);
	}
	set_str(o, "decoder", a->decoder);
	set_str(o, "program", a->program);
	set_str(o, "hostname", a->hostname);
	set_str(o, "message", a->log);
	json_set(o, "fields", fields);
	if (!a->rule)
		return o;
	json_set_int(o, "ruleID", a->id);
	json_set_int(o, "level", a->level);
	set_str(o, "description", a->description);
	json_set(o, "groups", groups_of(a->groups));
	if (a->file)
		json_set_text(o, "rule", a->file);
	json_set_bool(o, "event", li_event_wanted(r, a));
	return o;
}

static json_t *problems_of(const struct li_set *set)
{
	json_t *list = json_array();
	const struct li_problem *p = NULL;
	for (size_t i = 0; (p = li_set_problem(set, i)); i++) {
		json_t *o = json_object();
		json_set_text(o, "rule", p->file);
		json_set_int(o, "line", p->line);
		json_set_text(o, "text", p->text);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *judge(const struct rules *r, const json_t *lines, struct str location)
{
	static struct li_answer a;
	struct li_engine *e = li_engine_new(r->set, NULL);
	json_t *list = json_array(), *v;
	size_t i;
	json_array_foreach ((json_t *)(uintptr_t)lines, i, v) {
		json_t *tried = json_array();
		struct str line = { json_string_value(v), json_string_length(v) };
		li_engine_trace(e, tell_tried, tried);
		li_engine_line(e, line, location, (int64_t)time(NULL), &a);
		json_t *o = answer_of(r, &a);
		json_set(o, "tried", tried);
		json_array_append_new(list, o);
	}
	unsigned cut = li_engine_cut(e);
	li_engine_free(e);
	if (cut && json_array_size(list))
		json_set_text(json_array_get(list, json_array_size(list) - 1), "cut",
		              li_cut_text(cut & -cut));
	return list;
}

static int section_of(const json_t *input, struct rules **out, struct err *why)
{
	int rc = loginspection_section.parse(json_object_at(input, "section"), out, why);
	if (rc == 0 && !(*out)->set) {
		loginspection_section.free(*out);
		return err_set(why, -EINVAL, "section: state: on is expected");
	}
	return rc;
}

int bench_inspection(const json_t *input, json_t **out, struct err *why)
{
	struct rules *r = NULL;
	int rc = section_of(input, &r, why);
	if (rc < 0)
		return rc;
	*out = json_object();
	json_set(*out, "lines",
	         judge(r, json_array_at(input, "lines"),
	               str_of(json_text(input, "location", "test"))));
	json_set(*out, "problems", problems_of(r->set));
	loginspection_section.free(r);
	return 0;
}

static json_t *part_of(const struct li_part *p)
{
	json_t *o = json_object();
	if (p->id) {
		json_set_int(o, "ruleID", p->id);
		json_set_int(o, "level", p->level);
		set_str(o, "description", p->description);
		json_set(o, "groups", groups_of(p->groups));
	} else {
		set_str(o, "name", p->name);
		if (p->parent.n)
			set_str(o, "parent", p->parent);
	}
	json_set_text(o, "rule", p->file ? p->file : "");
	json_set_int(o, "line", p->line);
	return o;
}

int bench_inspection_set(const json_t *input, json_t **out, struct err *why)
{
	struct rules *r = NULL;
	struct li_part p;
	int rc = section_of(input, &r, why);
	if (rc < 0)
		return rc;
	json_t *decoders = json_array(), *rules = json_array();
	for (size_t i = 0; li_set_decoder(r->set, i, &p); i++)
		json_array_append_new(decoders, part_of(&p));
	for (size_t i = 0; li_set_rule(r->set, i, &p); i++)
		json_array_append_new(rules, part_of(&p));
	*out = json_object();
	json_set(*out, "decoders", decoders);
	json_set(*out, "rules", rules);
	json_set(*out, "problems", problems_of(r->set));
	loginspection_section.free(r);
	return 0;
}

int bench_inspection_rule(const json_t *input, json_t **out, struct err *why)
{
	struct err said = { { 0 } };
	const json_t *rule = json_object_at(input, "rule");
	if (!rule)
		return err_set(why, -EINVAL, "rule: an object is expected");
	int rc = li_rule_check(rule, json_array_at(input, "others"), &said);
	if (rc < 0)
		return err_set(why, rc, "Invalid log inspection rule: %s.", said.text);
	*out = json_object();
	return 0;
}
