#include <errno.h>

#include "base/auto.h"
#include "module/loginspection/set.h"

/* Decoders from XML to struct decoder: one element a row. */

struct making {
	struct loader *l;
	struct decoder *d;
	struct str program, prematch, regex;
	struct str program_pcre2, prematch_pcre2, regex_pcre2;
	enum pattern_kind program_kind, prematch_kind, regex_kind;
	unsigned prematch_offsets, regex_offsets;
};

static struct str joined(struct loader *l, struct str a, struct str b)
{
	AUTO(buf_done) struct buf both = { 0 };
	buf_str(&both, a);
	buf_str(&both, b);
	return (struct str){ arena_str(l->scratch, buf_view(&both)), both.n };
}

static int take_offset(const struct xml_node *n, enum offset *out, struct err *why)
{
	static const char *const words[] = { "", "after_parent", "after_prematch", "after_regex" };
	struct str v = xml_attr(n, "offset");
	if (!v.p)
		return 0;
	for (unsigned i = 1; i < ARRAY_LEN(words); i++)
		if (str_is(v, words[i])) {
			*out = (enum offset)i;
			return 0;
		}
	return err_set(
		why, -EINVAL,
		"after_parent, after_prematch or after_regex was expected, not offset=\"%.*s\"",
		STR_ARG(v));
}

static int take_kind(struct making *m, const struct xml_node *n, enum pattern_kind otherwise,
                     enum pattern_kind *out, struct err *why)
{
	struct str v = xml_attr(n, "type");
	*out = otherwise;
	if (!v.p)
		return 0;
	if (str_eq_nocase(v, STR("pcre2")))
		*out = m->l->dialect.wazuh ? PATTERN_PCRE2_CASE : PATTERN_PCRE2;
	else if (str_eq_nocase(v, STR("osregex")))
		*out = PATTERN_REGEX;
	else if (str_eq_nocase(v, STR("osmatch")))
		*out = PATTERN_MATCH;
	else
		return err_set(why, -EINVAL,
		               "osmatch, osregex or pcre2 was expected, not type=\"%.*s\"",
		               STR_ARG(v));
	return 0;
}

static int on_parent(struct making *m, const struct xml_node *n, struct err *why)
{
	(void)why;
	m->d->parent = trimmed_copy(&m->l->set->arena, n->text);
	return 0;
}

static int on_program(struct making *m, const struct xml_node *n, struct err *why)
{
	bool pcre2 = str_is(n->name, "program_name_pcre2");
	m->program = joined(m->l, m->program, n->text);
	return take_kind(m, n, pcre2 ? PATTERN_PCRE2 : PATTERN_MATCH, &m->program_kind, why);
}

static int on_prematch(struct making *m, const struct xml_node *n, struct err *why)
{
	bool pcre2 = str_is(n->name, "prematch_pcre2");
	m->prematch = joined(m->l, m->prematch, n->text);
	int rc = take_offset(n, &m->d->prematch_offset, why);
	return rc < 0 ? rc
	              : take_kind(m, n, pcre2 ? PATTERN_PCRE2 : PATTERN_REGEX, &m->prematch_kind,
	                          why);
}

static int on_regex(struct making *m, const struct xml_node *n, struct err *why)
{
	bool pcre2 = str_is(n->name, "pcre2");
	m->regex = joined(m->l, m->regex, n->text);
	int rc = take_offset(n, &m->d->regex_offset, why);
	return rc < 0 ? rc
	              : take_kind(m, n, pcre2 ? PATTERN_PCRE2 : PATTERN_REGEX, &m->regex_kind, why);
}

static int on_order(struct making *m, const struct xml_node *n, struct err *why)
{
	struct str rest = n->text;
	while (rest.p) {
		struct str name = str_trim(str_cut(&rest, ','));
		if (!name.n)
			continue;
		if (m->d->order_n == ORDER_MAX)
			return err_set(why, -EINVAL, "at most %d fields were expected", ORDER_MAX);
		if (log_field_find(name) < 0 && !m->l->dialect.wazuh)
			return err_set(why, -EINVAL, "a field's name was expected, not \"%.*s\"",
			               STR_ARG(name));
		m->d->order[m->d->order_n++] = (uint16_t)take_field(m->l, name);
	}
	return 0;
}

static int on_fts(struct making *m, const struct xml_node *n, struct err *why)
{
	struct str rest = n->text;
	while (rest.p) {
		struct str name = str_trim(str_cut(&rest, ','));
		int field = str_is(name, "location") ? FIELD_LOCATION : log_field_find(name);
		if (str_is(name, "name"))
			m->d->fts_name = true;
		else if (field >= 0 && m->d->fts_n < ARRAY_LEN(m->d->fts))
			m->d->fts[m->d->fts_n++] = (uint16_t)field;
		else if (name.n && m->l->dialect.wazuh && m->d->fts_n < ARRAY_LEN(m->d->fts))
			m->d->fts[m->d->fts_n++] = (uint16_t)take_field(m->l, name);
		else if (name.n)
			return err_set(why, -EINVAL,
			               "name, location or a field was expected, not \"%.*s\"",
			               STR_ARG(name));
	}
	return 0;
}

static int on_type(struct making *m, const struct xml_node *n, struct err *why)
{
	m->d->type = category_find(str_trim(n->text));
	if (m->d->type == CATEGORY_NONE)
		return err_set(
			why, -EINVAL,
			"syslog, firewall, ids, web-log, squid, windows or ossec was expected, not \"%.*s\"",
			STR_ARG(str_trim(n->text)));
	return 0;
}

static int on_own_name(struct making *m, const struct xml_node *n, struct err *why)
{
	struct str v = str_trim(n->text);
	m->d->own_name = str_is(v, "true");
	if (!m->d->own_name && !str_is(v, "false"))
		return err_set(why, -EINVAL, "true or false was expected, not \"%.*s\"",
		               STR_ARG(v));
	return 0;
}

static int on_plugin(struct making *m, const struct xml_node *n, struct err *why)
{
	m->d->plugin = plugin_find(str_trim(n->text));
	if (!m->d->plugin)
		return err_set(why, -EINVAL,
		               "a plugin decoder that is known was expected, not \"%.*s\"",
		               STR_ARG(str_trim(n->text)));
	return take_offset(n, &m->d->regex_offset, why);
}

static int on_accumulate(struct making *m, const struct xml_node *n, struct err *why)
{
	(void)n;
	(void)why;
	m->d->accumulate = true;
	return 0;
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
	{ "accumulate", on_accumulate },
	{ "fts", on_fts },
	{ "ftscomment", on_nothing },
	{ "json_array_structure", on_nothing },
	{ "json_null_field", on_nothing },
	{ "order", on_order },
	{ "parent", on_parent },
	{ "pcre2", on_regex },
	{ "plugin_decoder", on_plugin },
	{ "prematch", on_prematch },
	{ "prematch_pcre2", on_prematch },
	{ "program_name", on_program },
	{ "program_name_pcre2", on_program },
	{ "regex", on_regex },
	{ "type", on_type },
	{ "use_own_name", on_own_name },
};
/* clang-format on */

static int take_elements(struct making *m, const struct xml_node *decoder, struct err *why)
{
	for (const struct xml_node *n = decoder->child; n; n = n->next) {
		size_t i = 0;
		while (i < ARRAY_LEN(elements) && !str_is(n->name, elements[i].name))
			i++;
		m->l->at = n->line;
		if (i == ARRAY_LEN(elements))
			return err_set(why, -EINVAL,
			               "an element of a decoder was expected, not <%.*s>",
			               STR_ARG(n->name));
		int rc = elements[i].take(m, n, why);
		if (rc < 0)
			return rc;
	}
	m->l->at = decoder->line;
	return 0;
}

static int compile(struct making *m, struct err *why)
{
	struct decoder *d = m->d;
	struct loader *l = m->l;
	int rc = 0;
	if (m->program.p)
		rc = take_pattern(l, m->program_kind, m->program, &d->program, why);
	if (rc == 0 && m->prematch.p)
		rc = take_pattern(l, m->prematch_kind, m->prematch, &d->prematch, why);
	if (rc == 0 && m->regex.p)
		rc = take_pattern(l, m->regex_kind, m->regex, &d->regex, why);
	return rc;
}

static int check(const struct decoder *d, struct err *why)
{
	if (d->order_n && !d->regex && !d->plugin)
		return err_set(why, -EINVAL, "a regex was expected beside <order>");
	if (!d->parent.n &&
	    (d->regex_offset == OFFSET_PARENT || d->prematch_offset == OFFSET_PARENT))
		return err_set(why, -EINVAL, "a parent was expected with offset=\"after_parent\"");
	if (d->prematch_offset == OFFSET_PREMATCH || d->prematch_offset == OFFSET_REGEX)
		return err_set(why, -EINVAL,
		               "only offset=\"after_parent\" was expected in a prematch");
	if (d->regex_offset == OFFSET_PREMATCH && !d->prematch)
		return err_set(why, -EINVAL,
		               "a prematch was expected with offset=\"after_prematch\"");
	if (d->program && d->parent.n)
		return err_set(why, -EINVAL,
		               "no program_name was expected in a decoder that has a parent");
	if (!d->parent.n && !d->prematch && !d->program && !d->plugin)
		return err_set(why, -EINVAL, "a program_name, a prematch or a parent was expected");
	return 0;
}

/* The last sibling of the name leads on to d, as one chain of expressions. */
static int chain(struct decoder *parent, const struct decoder *d, struct err *why)
{
	bool chained = false;
	for (size_t i = 0; i < parent->nchildren; i++) {
		struct decoder *sibling = parent->children[i];
		if (!str_eq(sibling->name, d->name))
			continue;
		if (d->prematch || d->fts_n || d->fts_name)
			return err_set(
				why, -EINVAL,
				"no prematch and no fts was expected in a later decoder of the name %.*s",
				STR_ARG(d->name));
		if (!sibling->regex || !d->regex)
			return err_set(why, -EINVAL,
			               "a regex was expected in both decoders of the name %.*s",
			               STR_ARG(d->name));
		sibling->get_next = true;
		chained = true;
	}
	if (d->regex_offset == OFFSET_REGEX && !chained)
		return err_set(
			why, -EINVAL,
			"an earlier decoder of the same name was expected with offset=\"after_regex\"");
	return 0;
}

/* 1: added, 0: there is no such parent yet. */
static int add_child(struct loader *l, struct decoder *d, struct err *why)
{
	struct li_set *s = l->set;
	int added = 0;
	for (size_t i = 0; i < s->ntop; i++) {
		struct decoder *p = s->top[i];
		if (!str_eq(p->name, d->parent))
			continue;
		int rc = chain(p, d, why);
		if (rc < 0)
			return rc;
		p->children = grown(&s->arena, p->children, p->nchildren, sizeof(struct decoder *));
		p->children[p->nchildren++] = d;
		d->id = take_decoder_id(l, d->own_name ? d->name : p->name);
		added = 1;
	}
	return added;
}

static void keep(struct loader *l, struct decoder *d)
{
	struct li_set *s = l->set;
	s->all_decoders = grown(&s->arena, s->all_decoders, s->ndecoders, sizeof(struct decoder *));
	s->all_decoders[s->ndecoders++] = d;
}

static void add_top(struct loader *l, struct decoder *d)
{
	struct li_set *s = l->set;
	struct decoder ***list = d->program ? &s->named : &s->unnamed;
	size_t *n = d->program ? &s->nnamed : &s->nunnamed;
	d->id = take_decoder_id(l, d->name);
	*list = grown(&s->arena, *list, *n, sizeof(struct decoder *));
	(*list)[(*n)++] = d;
	s->top = grown(&s->arena, s->top, s->ntop, sizeof(struct decoder *));
	s->top[s->ntop++] = d;
	keep(l, d);
}

/* Decoders whose parent stands in a file that comes later. */
struct waiting {
	struct decoder **d;
	size_t n;
};

static int one(struct loader *l, const struct xml_node *n, struct waiting *w, struct err *why)
{
	struct str name = str_trim(xml_attr(n, "name"));
	struct li_set *s = l->set;
	if (!n->closed)
		return err_set(why, -EINVAL, "</decoder> was expected");
	if (!name.n)
		return err_set(why, -EINVAL, "a name was expected");
	struct decoder *d = arena_alloc(&s->arena, sizeof(*d));
	struct making m = { .l = l, .d = d };
	*d = (struct decoder){ .name = trimmed_copy(&s->arena, name),
		               .file = l->file,
		               .line = n->line,
		               .type = CATEGORY_SYSLOG,
		               .dialect = l->dialect };
	int rc = take_elements(&m, n, why);
	if (rc == 0)
		rc = compile(&m, why);
	if (rc == 0)
		rc = check(d, why);
	if (rc < 0)
		return rc;
	if (!d->parent.n) {
		if (d->regex_offset == OFFSET_REGEX)
			return err_set(
				why, -EINVAL,
				"an earlier decoder of the same name was expected with offset=\"after_regex\"");
		add_top(l, d);
		return 0;
	}
	rc = add_child(l, d, why);
	if (rc == 1)
		keep(l, d);
	if (rc == 0) {
		w->d = grown(l->scratch, w->d, w->n, sizeof(struct decoder *));
		w->d[w->n++] = d;
	}
	return rc < 0 ? rc : 0;
}

static void late(struct loader *l, const struct waiting *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct decoder *d = w->d[i];
		struct err why = { { 0 } };
		int rc = add_child(l, d, &why);
		l->file = d->file;
		if (rc == 1)
			keep(l, d);
		else
			problem(l, d->line, "decoder %.*s: %s%.*s", STR_ARG(d->name),
			        rc < 0 ? why.text
			               : "a parent without a parent of its own was expected, not ",
			        STR_ARG((rc < 0 ? (struct str){ 0 } : d->parent)));
	}
}

void decoders_load(struct loader *l, const struct li_files *files)
{
	struct waiting w = { 0 };
	struct li_dialect dialect = l->dialect;
	for (size_t i = 0; i < files->n; i++) {
		l->dialect = dialect;
		for (const struct xml_node *n = file_parse(l, &files->files[i]); n; n = n->next) {
			struct err why = { { 0 } };
			bool others = str_is(n->name, "group") || str_is(n->name, "rule");
			if (str_is(n->name, "var") || str_is(n->name, "?yagura") ||
			    (l->mixed && others))
				continue;
			if (!str_is(n->name, "decoder")) {
				problem(l, n->line, "<decoder> was expected, not <%.*s>",
				        STR_ARG(n->name));
				continue;
			}
			l->at = n->line;
			if (one(l, n, &w, &why) < 0)
				problem(l, l->at, "decoder %.*s: %s", STR_ARG(xml_attr(n, "name")),
				        why.text);
		}
	}
	late(l, &w);
}
