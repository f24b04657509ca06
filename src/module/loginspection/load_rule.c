#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "module/loginspection/set.h"

/* Rules from XML to struct rule, and their places in the tree. */

enum { LEVEL_MAX = 16, TIMEFRAME = 360, ROOT_IDS = 10, ACCURATE = 100000 };

/* What binds a rule to its parents. */
struct binding {
	struct str if_sid, if_group;
	uint64_t if_level;
	enum category category;
	struct str matched_group, matched_regex;
	enum pattern_kind regex_kind;
};

struct making {
	struct loader *l;
	struct rule *r;
	struct binding b;
	struct str groups, description;
	uint64_t frequency;
	bool overwrite, has_frequency, context, compares;
};

/* Rules whose parents stand in a file that comes later. */
struct waiting {
	struct making *m;
	size_t n;
};

static void join(struct loader *l, struct str *to, struct str more)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_str(&b, *to);
	buf_str(&b, more);
	*to = (struct str){ arena_str(&l->set->arena, buf_view(&b)), b.n };
}

/* ---- attributes ---- */

/* clang-format off */
static const struct number_attribute {
	const char *name;
	uint64_t min, max;
} number_attributes[] = {
	{ "accuracy", 0, 1 }, { "frequency", 0, 9999 }, { "id", 1, 999999999 },
	{ "ignore", 0, 999999 }, { "level", 0, LEVEL_MAX }, { "maxsize", 0, 1 << 20 },
	{ "noalert", 0, 1 }, { "timeframe", 1, 999999 },
};
/* clang-format on */

static void set_number(struct making *m, const char *name, uint64_t v)
{
	struct rule *r = m->r;
	if (strcmp(name, "id") == 0)
		r->id = (uint32_t)v;
	else if (strcmp(name, "level") == 0)
		r->level = (unsigned)v;
	else if (strcmp(name, "accuracy") == 0)
		r->accuracy = v != 0;
	else if (strcmp(name, "noalert") == 0)
		r->noalert = v != 0;
	else if (strcmp(name, "timeframe") == 0)
		r->timeframe = (int64_t)v;
	else if (strcmp(name, "ignore") == 0)
		r->ignore = (int64_t)v;
	else if (strcmp(name, "maxsize") == 0 && v)
		condition_size(m->l, r, (size_t)v);
	else if (strcmp(name, "frequency") == 0) {
		m->frequency = v;
		m->has_frequency = true;
	}
}

static int take_attributes(struct making *m, const struct xml_node *n, struct err *why)
{
	for (const struct xml_attr *a = n->attrs; a; a = a->next) {
		size_t i = 0;
		uint64_t v = 0;
		if (str_is(a->name, "overwrite")) {
			m->overwrite = truth(a->value);
			continue;
		}
		while (i < ARRAY_LEN(number_attributes) &&
		       !str_is(a->name, number_attributes[i].name))
			i++;
		if (i == ARRAY_LEN(number_attributes))
			return err_set(why, -EINVAL,
			               "an attribute of a rule was expected, not %.*s",
			               STR_ARG(a->name));
		const struct number_attribute *t = &number_attributes[i];
		if (str_u64(str_trim(a->value), t->min, t->max, &v) < 0)
			return err_set(
				why, -EINVAL,
				"a number from %llu to %llu was expected in %s, not \"%.*s\"",
				(unsigned long long)t->min, (unsigned long long)t->max, t->name,
				STR_ARG(a->value));
		set_number(m, t->name, v);
	}
	if (!m->r->id || !xml_attr(n, "level").p)
		return err_set(why, -EINVAL, "the attributes id and level were expected");
	return 0;
}

/* ---- elements ---- */

static int on_if_sid(struct making *m, const struct xml_node *n, struct err *why)
{
	(void)why;
	join(m->l, &m->b.if_sid, n->text);
	return 0;
}

static int on_if_group(struct making *m, const struct xml_node *n, struct err *why)
{
	(void)why;
	join(m->l, &m->b.if_group, n->text);
	return 0;
}

static int on_if_level(struct making *m, const struct xml_node *n, struct err *why)
{
	if (str_u64(str_trim(n->text), 1, LEVEL_MAX, &m->b.if_level) < 0)
		return err_set(why, -EINVAL, "a level from 1 to %d was expected", LEVEL_MAX);
	return 0;
}

static int on_matched_sid(struct making *m, const struct xml_node *n, struct err *why)
{
	uint64_t id = 0;
	if (str_u64(str_trim(n->text), 1, 999999999, &id) < 0)
		return err_set(why, -EINVAL, "a rule's ID was expected, not \"%.*s\"",
		               STR_ARG(n->text));
	m->r->if_matched_sid = (uint32_t)id;
	m->context = true;
	return 0;
}

static int on_matched_group(struct making *m, const struct xml_node *n, struct err *why)
{
	(void)why;
	join(m->l, &m->b.matched_group, n->text);
	m->context = true;
	return 0;
}

static int on_matched_regex(struct making *m, const struct xml_node *n, struct err *why)
{
	(void)why;
	m->b.regex_kind = str_is(n->name, "if_matched_regex") ? PATTERN_REGEX : PATTERN_PCRE2;
	join(m->l, &m->b.matched_regex, n->text);
	m->context = true;
	return 0;
}

static int on_category(struct making *m, const struct xml_node *n, struct err *why)
{
	m->b.category = category_find(str_trim(n->text));
	if (m->b.category == CATEGORY_NONE)
		return err_set(
			why, -EINVAL,
			"syslog, firewall, ids, web-log, squid, windows or ossec was expected, not \"%.*s\"",
			STR_ARG(n->text));
	return 0;
}

static int on_group(struct making *m, const struct xml_node *n, struct err *why)
{
	(void)why;
	join(m->l, &m->groups, n->text);
	return 0;
}

static int on_description(struct making *m, const struct xml_node *n, struct err *why)
{
	(void)why;
	join(m->l, &m->description, n->text);
	return 0;
}

static int on_options(struct making *m, const struct xml_node *n, struct err *why)
{
	static const char *const known[] = { "alert_by_email", "no_email_alert", "log_alert",
		                             "no_log",         "no_ar",          "no_full_log",
		                             "no_counter" };
	struct str rest = n->text;
	while (rest.p) {
		struct str one = str_trim(str_cut(&rest, ','));
		size_t i = 0;
		while (i < ARRAY_LEN(known) && !str_is(one, known[i]))
			i++;
		if (one.n && i == ARRAY_LEN(known))
			return err_set(
				why, -EINVAL,
				"alert_by_email, no_email_alert, log_alert, no_log or no_ar was expected, not \"%.*s\"",
				STR_ARG(one));
		m->r->no_log |= str_is(one, "no_log");
	}
	return 0;
}

static int take_mask(struct str text, uint32_t *out, struct err *why)
{
	while (text.p) {
		struct str one = str_trim(str_cut(&text, ','));
		int field = str_is(one, "location") ? FIELD_LOCATION
		            : str_is(one, "name")   ? FIELD_PROGRAM
		                                    : log_field_find(one);
		if (one.n && field < 0)
			return err_set(why, -EINVAL, "fields were expected, not \"%.*s\"",
			               STR_ARG(one));
		*out |= one.n ? 1u << field : 0;
	}
	return 0;
}

static int on_ignore(struct making *m, const struct xml_node *n, struct err *why)
{
	return take_mask(n->text, &m->r->ignored, why);
}

static int on_check_ignored(struct making *m, const struct xml_node *n, struct err *why)
{
	return take_mask(n->text, &m->r->check_ignored, why);
}

static int on_nothing(struct making *m, const struct xml_node *n, struct err *why)
{
	(void)m;
	(void)n;
	(void)why;
	return 0;
}

/* clang-format off */
static const struct {
	const char *name;
	int (*take)(struct making *m, const struct xml_node *n, struct err *why);
} elements[] = {
	{ "category", on_category },
	{ "check_if_ignored", on_check_ignored },
	{ "cve", on_nothing },
	{ "description", on_description },
	{ "global_frequency", on_nothing },
	{ "group", on_group },
	{ "if_group", on_if_group },
	{ "if_level", on_if_level },
	{ "if_matched_group", on_matched_group },
	{ "if_matched_pcre2", on_matched_regex },
	{ "if_matched_regex", on_matched_regex },
	{ "if_matched_sid", on_matched_sid },
	{ "if_sid", on_if_sid },
	{ "ignore", on_ignore },
	{ "info", on_nothing },
	{ "mitre", on_nothing },
	{ "options", on_options },
};

/* What the composite rules of either project compare; the words behind same_, different_, not_same_. */
static const struct {
	const char *word;
	int field; /* -1: a dynamic field of this name */
} comparisons[] = {
	{ "action", FIELD_ACTION }, { "data", FIELD_DATA }, { "dst_port", FIELD_DSTPORT },
	{ "dstip", FIELD_DSTIP }, { "dstport", FIELD_DSTPORT }, { "dstuser", FIELD_DSTUSER },
	{ "extra_data", FIELD_DATA }, { "id", FIELD_ID }, { "location", FIELD_HOSTNAME },
	{ "protocol", FIELD_PROTOCOL }, { "source_ip", FIELD_SRCIP }, { "src_port", FIELD_SRCPORT },
	{ "srcgeoip", -1 }, { "srcip", FIELD_SRCIP }, { "srcport", FIELD_SRCPORT },
	{ "srcuser", FIELD_SRCUSER }, { "status", FIELD_STATUS }, { "system_name", FIELD_SYSTEM_NAME },
	{ "url", FIELD_URL }, { "user", FIELD_DSTUSER },
};
/* clang-format on */

static int compare(struct making *m, unsigned field, uint32_t *mask, struct err *why)
{
	struct li_set *s = m->l->set;
	size_t i = 0;
	while (i < s->ncompared && s->compared[i] != field)
		i++;
	if (i == COMPARED_MAX)
		return err_set(why, -EINVAL,
		               "at most %d different fields were expected in same_ and different_",
		               COMPARED_MAX);
	if (i == s->ncompared)
		s->compared[s->ncompared++] = (uint16_t)field;
	*mask |= 1u << i;
	return 0;
}

/* 1 taken, 0 none of these. */
static int on_comparison(struct making *m, const struct xml_node *n, struct err *why)
{
	struct rule *r = m->r;
	struct str word = n->name;
	bool clears = str_starts(word, STR("not_same_")), same = str_starts(word, STR("same_"));
	bool different = str_starts(word, STR("different_"));
	uint32_t mask = 0,
		 *to = different || (clears && m->l->dialect.wazuh) ? &r->different : &r->same;
	if (!clears && !same && !different)
		return 0;
	word = str_skip(word, clears ? strlen("not_same_")
	                      : same ? strlen("same_")
	                             : strlen("different_"));
	int field = -2;
	for (size_t i = 0; i < ARRAY_LEN(comparisons); i++)
		if (str_is(word, comparisons[i].word))
			field = comparisons[i].field >= 0 ? comparisons[i].field
			                                  : (int)take_field(m->l, word);
	if (str_is(word, "field"))
		field = (int)take_field(m->l, str_trim(n->text));
	if (field == -2)
		return err_set(why, -EINVAL,
		               "a field that can be compared was expected, not <%.*s>",
		               STR_ARG(n->name));
	int rc = compare(m, (unsigned)field, &mask, why);
	if (rc < 0)
		return rc;
	m->compares = true;
	if (clears && !m->l->dialect.wazuh)
		r->same &= ~mask;
	else if (!(different && str_is(word, "srcip") && !m->l->dialect.wazuh))
		*to |= mask; /* OSSEC reads different_srcip and never looks at it */
	return 1;
}

static int take_element(struct making *m, const struct xml_node *n, struct err *why)
{
	for (size_t i = 0; i < ARRAY_LEN(elements); i++)
		if (str_is(n->name, elements[i].name))
			return elements[i].take(m, n, why);
	int rc = condition_parse(m->l, n, m->r, why);
	if (rc == 0)
		rc = on_comparison(m, n, why);
	if (rc == 0)
		return err_set(why, -EINVAL, "an element of a rule was expected, not <%.*s>",
		               STR_ARG(n->name));
	return rc < 0 ? rc : 0;
}

/* ---- after reading ---- */

static int finish_window(struct making *m, struct err *why)
{
	struct rule *r = m->r;
	bool wazuh = m->l->dialect.wazuh;
	int rc = 0;
	if ((m->has_frequency || m->compares) && !m->context)
		return err_set(
			why, -EINVAL,
			"if_matched_sid, if_matched_group or if_matched_regex was expected with frequency or same_");
	if (wazuh && m->has_frequency && m->frequency < 2)
		return err_set(why, -EINVAL, "a frequency from 2 to 9999 was expected");
	r->windowed = m->context;
	r->frequency = !m->has_frequency ? 1 : (int)m->frequency + (wazuh ? -1 : 1);
	if (m->b.matched_group.n)
		rc = take_pattern(m->l, PATTERN_MATCH, str_trim(m->b.matched_group),
		                  &r->if_matched_group, why);
	if (rc == 0 && m->b.matched_regex.n)
		rc = take_pattern(m->l, m->b.regex_kind, m->b.matched_regex, &r->if_matched_regex,
		                  why);
	if (!m->b.if_sid.n && !m->b.if_group.n && r->if_matched_sid) {
		char text[16];
		snprintf(text, sizeof(text), "%u", r->if_matched_sid);
		join(m->l, &m->b.if_sid, str_of(text));
	}
	if (!m->b.if_sid.n && !m->b.if_group.n && m->b.matched_group.n)
		m->b.if_group = str_trim(m->b.matched_group);
	return rc;
}

static struct rule *by_id(const struct loader *l, uint64_t id)
{
	return map_get(&l->rules, (struct str){ (const char *)&id, sizeof(id) });
}

/* Level 0 first, then 16 down to 1, then those without accuracy; equals stay in the order of
 * loading. */
static void insert(struct loader *l, struct rule *parent, struct rule *r)
{
	parent->children =
		grown(&l->set->arena, parent->children, parent->nchildren, sizeof(struct rule *));
	size_t at = parent->nchildren++;
	while (at && parent->children[at - 1]->order_level < r->order_level) {
		parent->children[at] = parent->children[at - 1];
		at--;
	}
	parent->children[at] = r;
}

static void set_bits(const struct loader *l, uint64_t id, struct rule **parents, size_t *n)
{
	struct rule *p = by_id(l, id);
	if (p)
		parents[(*n)++] = p;
}

/* All of if_sid, or -ENOENT with the one that is missing. */
static int parents_of(struct making *m, struct rule **parents, size_t max, size_t *n,
                      struct err *why)
{
	struct str rest = str_trim(m->b.if_sid);
	while (rest.n) {
		size_t digits = 0;
		uint64_t id = 0;
		while (digits < rest.n && rest.p[digits] != ',' && rest.p[digits] != ' ' &&
		       rest.p[digits] != '\n' && rest.p[digits] != '\t')
			digits++;
		struct str one = { rest.p, digits };
		rest = str_skip(rest, digits + 1);
		if (!one.n)
			continue;
		if (str_u64(one, 1, 999999999, &id) < 0 || *n == max)
			return err_set(why, -EINVAL,
			               "rules' IDs were expected in if_sid, not \"%.*s\"",
			               STR_ARG(one));
		if (!by_id(m->l, id))
			return err_set(why, -ENOENT,
			               "a rule %llu that is loaded before was expected in if_sid",
			               (unsigned long long)id);
		set_bits(m->l, id, parents, n);
	}
	return 0;
}

static int bind_all(struct making *m, struct err *why)
{
	struct li_set *s = m->l->set;
	const struct pattern *group = NULL;
	bool found = false;
	if (m->b.if_group.n) {
		int rc = take_pattern(m->l, PATTERN_MATCH, str_trim(m->b.if_group), &group, why);
		if (rc < 0)
			return rc;
	}
	size_t before = s->nrules;
	for (size_t i = 0; i < before; i++) {
		struct rule *p = s->rules[i];
		bool bound =
			group ? pattern_test(group, NULL, p->groups) : p->level >= m->b.if_level;
		if (!bound || p == m->r)
			continue;
		insert(m->l, p, m->r);
		if (!found)
			m->r->category = p->category;
		found = true;
	}
	if (found)
		return 0;
	return err_set(why, -ENOENT, "a rule of %s that is loaded before was expected",
	               group ? "the if_group" : "the if_level");
}

/* -ENOENT: a parent is not there (yet). */
static int bind(struct making *m, struct err *why)
{
	struct rule *parents[256];
	size_t n = 0;
	if (m->b.if_sid.n) {
		int rc = parents_of(m, parents, ARRAY_LEN(parents), &n, why);
		if (rc < 0)
			return rc;
		for (size_t i = 0; i < n; i++)
			insert(m->l, parents[i], m->r);
		if (n)
			m->r->category = parents[n - 1]->category;
	} else if (m->b.if_level || m->b.if_group.n) {
		return bind_all(m, why);
	} else {
		m->r->category = m->b.category;
		insert(m->l, m->l->set->roots[m->b.category], m->r);
	}
	return 0;
}

static int replace(struct making *m, struct err *why)
{
	struct rule *old = by_id(m->l, m->r->id);
	struct rule *r = m->r;
	if (!old)
		return err_set(why, -EINVAL,
		               "a rule %u that is loaded before was expected with overwrite",
		               r->id);
	struct rule kept = *old;
	*old = *r;
	old->index = kept.index;
	old->order_level = kept.order_level;
	old->category = kept.category;
	old->children = kept.children;
	old->nchildren = kept.nchildren;
	old->if_matched_sid = kept.if_matched_sid;
	old->if_matched_group = kept.if_matched_group;
	old->if_matched_regex = kept.if_matched_regex;
	old->windowed = kept.windowed;
	return 0;
}

static int place(struct making *m, struct err *why)
{
	struct li_set *s = m->l->set;
	uint64_t id = m->r->id;
	if (m->overwrite)
		return replace(m, why);
	if (by_id(m->l, id))
		return err_set(why, -EINVAL, "an ID that no other rule has was expected, not %u",
		               m->r->id);
	int rc = bind(m, why);
	if (rc < 0)
		return rc;
	m->r->index = (uint32_t)s->nrules;
	s->rules = grown(&s->arena, s->rules, s->nrules, sizeof(struct rule *));
	s->rules[s->nrules++] = m->r;
	map_set(&m->l->rules, (struct str){ (const char *)&id, sizeof(id) }, m->r);
	return 0;
}

static struct str group_name(struct str s)
{
	return s.p ? s : (struct str){ "", 0 };
}

static void prepare_json(struct loader *l, struct rule *r)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (r->description.n && memmem(r->description.p, r->description.n, "$(", 2))
		return;
	li_rule_write(&b, r->id, r->level, r->description, r->groups);
	r->json = (struct str){ arena_str(&l->set->arena, buf_view(&b)), b.n };
}

static int read_rule(struct making *m, const struct xml_node *n, struct str file_group,
                     struct err *why)
{
	struct loader *l = m->l;
	struct rule *r = m->r;
	l->node = n;
	l->at = n->line;
	*r = (struct rule){ .timeframe = TIMEFRAME,
		            .accuracy = true,
		            .file = l->file,
		            .line = n->line,
		            .dialect = l->dialect };
	m->b.category = CATEGORY_SYSLOG;
	join(l, &m->groups, group_name(file_group));
	if (!n->closed)
		return err_set(why, -EINVAL, "</rule> was expected");
	int rc = take_attributes(m, n, why);
	for (const struct xml_node *e = n->child; e && rc == 0; e = e->next) {
		l->at = e->line;
		rc = take_element(m, e, why);
	}
	if (rc < 0)
		return rc;
	l->at = n->line;
	r->groups = m->groups;
	r->description = str_trim(m->description);
	prepare_json(l, r);
	r->order_level = (r->level ? r->level : 99) + (r->accuracy ? ACCURATE : 0);
	return finish_window(m, why);
}

/* OSSEC's rules_config.xml defines the roots; ours are there already. */
static bool is_root(const struct xml_node *n)
{
	uint64_t id = 0;
	if (str_u64(str_trim(xml_attr(n, "id")), 1, ROOT_IDS - 1, &id) < 0)
		return false;
	for (const struct xml_node *e = n->child; e; e = e->next)
		if (str_is(e->name, "category"))
			return true;
	return false;
}

static void add_rule(struct loader *l, const struct xml_node *n, struct str group,
                     struct waiting *w)
{
	struct err why = { { 0 } };
	struct making m = { .l = l, .r = arena_alloc(&l->set->arena, sizeof(struct rule)) };
	if (is_root(n))
		return;
	int rc = read_rule(&m, n, group, &why);
	if (rc == 0)
		rc = place(&m, &why);
	if (rc == -ENOENT) {
		w->m = grown(l->scratch, w->m, w->n, sizeof(*w->m));
		w->m[w->n++] = m;
	} else if (rc < 0) {
		problem(l, l->at, "rule %.*s: %s", STR_ARG(xml_attr(n, "id")), why.text);
	}
}

static void add_group(struct loader *l, const struct xml_node *group, struct waiting *w)
{
	struct str name = xml_attr(group, "name");
	if (!name.p)
		problem(l, group->line, "a name was expected in <group>");
	for (const struct xml_node *n = group->child; n; n = n->next) {
		if (str_is(n->name, "rule"))
			add_rule(l, n, name, w);
		else
			problem(l, n->line, "<rule> was expected, not <%.*s>", STR_ARG(n->name));
	}
}

/* A rule that could be placed now, at the end of its own file, stands too early in it. */
static void too_early(struct loader *l, struct waiting *w, size_t from)
{
	size_t kept = from;
	for (size_t i = from; i < w->n; i++) {
		struct rule *parents[256];
		struct err why = { { 0 } };
		size_t n = 0;
		struct making *m = &w->m[i];
		if (m->b.if_sid.n && parents_of(m, parents, ARRAY_LEN(parents), &n, &why) == 0)
			problem(l, m->r->line,
			        "rule %u: rules that stand before it were expected in if_sid",
			        m->r->id);
		else
			w->m[kept++] = *m;
	}
	w->n = kept;
}

static void place_waiting(struct loader *l, struct waiting *w)
{
	for (bool progress = true; progress && w->n;) {
		size_t kept = 0;
		for (size_t i = 0; i < w->n; i++) {
			struct err why = { { 0 } };
			l->file = w->m[i].r->file;
			int rc = place(&w->m[i], &why);
			if (rc == -ENOENT)
				w->m[kept++] = w->m[i];
			else if (rc < 0)
				problem(l, w->m[i].r->line, "rule %u: %s", w->m[i].r->id, why.text);
		}
		progress = kept < w->n;
		w->n = kept;
	}
	for (size_t i = 0; i < w->n; i++) {
		struct err why = { { 0 } };
		l->file = w->m[i].r->file;
		place(&w->m[i], &why);
		problem(l, w->m[i].r->line, "rule %u: %s", w->m[i].r->id, why.text);
	}
}

void rules_load(struct loader *l, const struct li_files *files)
{
	struct waiting w = { 0 };
	struct li_dialect dialect = l->dialect;
	for (size_t i = 0; i < files->n; i++) {
		size_t from = w.n;
		l->dialect = dialect;
		for (const struct xml_node *n = file_parse(l, &files->files[i]); n; n = n->next) {
			if (str_is(n->name, "group"))
				add_group(l, n, &w);
			else if (str_is(n->name, "rule"))
				add_rule(l, n, STR(""), &w);
			else if (!str_is(n->name, "var") && !str_is(n->name, "?yagura") &&
			         !(l->mixed && str_is(n->name, "decoder")))
				problem(l, n->line, "<group> was expected, not <%.*s>",
				        STR_ARG(n->name));
		}
		too_early(l, &w, from);
	}
	place_waiting(l, &w);
}

/* ---- windows ---- */

static uint32_t window_of(struct loader *l, const struct rule *r)
{
	struct li_set *s = l->set;
	struct window w = { .sid = r->if_matched_sid, .same = r->same };
	if (!w.sid)
		w.group = r->if_matched_group;
	if (!w.sid && !w.group) {
		w.regex = r->if_matched_regex;
		w.category = r->category;
	}
	for (size_t i = 0; i < s->nwindows; i++) {
		const struct window *o = &s->windows[i];
		if (o->sid == w.sid && o->group == w.group && o->regex == w.regex &&
		    o->category == w.category && o->same == w.same)
			return (uint32_t)i;
	}
	s->windows = grown(&s->arena, s->windows, s->nwindows, sizeof(*s->windows));
	s->windows[s->nwindows] = w;
	return (uint32_t)s->nwindows++;
}

static void enter(struct li_set *s, struct rule *r)
{
	for (size_t i = 0; i < s->nwindows; i++) {
		const struct window *w = &s->windows[i];
		bool enters = w->sid ? w->sid == r->id
		                     : w->group && pattern_test(w->group, NULL, r->groups);
		if (!enters || !r->level)
			continue;
		r->enters = grown(&s->arena, r->enters, r->nenters, sizeof(*r->enters));
		r->enters[r->nenters++] = (uint16_t)i;
	}
}

int windows_build(struct loader *l, struct err *why)
{
	struct li_set *s = l->set;
	for (size_t i = 0; i < s->nrules; i++)
		if (s->rules[i]->windowed)
			s->rules[i]->window = window_of(l, s->rules[i]);
	if (s->nwindows > UINT16_MAX)
		return err_set(why, -EINVAL, "at most %d different windows were expected",
		               UINT16_MAX);
	for (size_t i = 0; i < s->nrules; i++)
		enter(s, s->rules[i]);
	for (size_t i = 0; i < s->nwindows; i++)
		if (s->windows[i].regex) {
			s->regex_windows = grown(&s->arena, s->regex_windows, s->nregex_windows,
			                         sizeof(*s->regex_windows));
			s->regex_windows[s->nregex_windows++] = (uint16_t)i;
		}
	return 0;
}
