#include <errno.h>
#include <expat.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "module/integritymonitoring/build.h"

/*
 * Rules in XML. A rule of the API is a row of sets without a root, so the text is put into one;
 * that also makes expat refuse a DOCTYPE, and with it entities that expand without end.
 */

enum element {
	E_TOP,
	E_RULES,
	E_RULE,
	E_DESCRIPTION,
	E_SET,
	E_TAG,
	E_ATTRIBUTES,
	E_ATTRIBUTE,
	E_CRITERION
};

enum { DEPTH_MAX = 8, XML_MAX = 16 << 20, WRAP = 3 /* "<r>" */ };

struct reader {
	struct im_rules *rules;
	XML_Parser parser;
	const struct im_rule *as; /* for sets that are in no Rule */
	struct im_rule *rule, *loose;
	struct im_set *set;
	struct im_tag *tag;
	bool keep, nocase; /* of the set; of the tag */
	enum element stack[DEPTH_MAX];
	unsigned depth, skipped; /* skipped: levels inside a set that this host does not have */
	struct buf text;
	struct err *why;
	int rc;
};

static const char *const expected[] = {
	[E_TOP] = "a set such as <FileSet>, <Rule> or <IntegrityMonitoring>",
	[E_RULES] = "<Rule>",
	[E_RULE] = "<Description> or a set such as <FileSet>",
	[E_DESCRIPTION] = "only text",
	[E_SET] = "<include>, <exclude> or <attributes>",
	[E_TAG] = "<key> or an attribute such as <Permissions>",
	[E_ATTRIBUTES] = "an attribute such as <Sha256> or <STANDARD>",
	[E_ATTRIBUTE] = "nothing",
	[E_CRITERION] = "nothing",
};

__attribute__((format(printf, 2, 3))) static void fail(struct reader *x, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	if (x->rc < 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	unsigned long line = XML_GetCurrentLineNumber(x->parser);
	unsigned long column = XML_GetCurrentColumnNumber(x->parser) + 1;
	x->rc = err_set(x->why, -EINVAL, "line %lu, column %lu: %s", line,
	                line == 1 && column > WRAP ? column - WRAP : column, text);
	XML_StopParser(x->parser, XML_FALSE);
}

static const char *attribute(const char **list, const char *name)
{
	for (; *list; list += 2)
		if (strcasecmp(list[0], name) == 0)
			return list[1];
	return NULL;
}

static bool is_true(struct reader *x, const char **list, const char *name, bool otherwise)
{
	const char *v = attribute(list, name);
	if (!v)
		return otherwise;
	if (strcmp(v, "true") != 0 && strcmp(v, "false") != 0)
		fail(x, "%s=\"%.100s\": expected true or false", name, v);
	return strcmp(v, "true") == 0;
}

/* Refuses what is not in the table; the names are the expected ones, in words. */
static void only(struct reader *x, const char *element, const char **list, const char *const *known)
{
	for (; *list && x->rc == 0; list += 2) {
		bool found = false;
		AUTO(buf_done) struct buf names = { 0 };
		for (const char *const *k = known; *k; k++) {
			found |= strcasecmp(*k, list[0]) == 0;
			buf_fmt(&names, "%s%s", names.n ? ", " : "", *k);
		}
		if (!found)
			fail(x, "<%s> has no attribute %.100s: expected %s", element, list[0],
			     names.n ? names.p : "none");
	}
}

/* ---- elements ---- */

static void start_rule(struct reader *x, const char **list)
{
	static const char *const known[] = { "name",     "id",       "severity", "alert",
		                             "realTime", "platform", NULL };
	struct im_rule rule = *x->as;
	uint64_t id = 0;
	const char *v = attribute(list, "id");
	only(x, "Rule", list, known);
	if (v && str_u64(str_of(v), 1, INT_MAX, &id) < 0)
		fail(x, "id=\"%.100s\": expected a number from 1 to %d", v, INT_MAX);
	rule.id = v ? (int64_t)id : 0;
	v = attribute(list, "name");
	if (!v || !*v)
		fail(x, "<Rule> without a name: expected name=\"...\"");
	rule.name = str_of(v);
	v = attribute(list, "severity");
	if (v && build_severity(str_of(v), &rule.severity) < 0)
		fail(x, "severity=\"%.100s\": expected low, medium, high or critical", v);
	rule.alert = is_true(x, list, "alert", rule.alert);
	rule.real_time = is_true(x, list, "realTime", rule.real_time);
	rule.platform = str_of(attribute(list, "platform"));
	if (x->rc == 0)
		x->rc = build_rule(x->rules, &rule, &x->rule, x->why);
}

static void start_set(struct reader *x, enum im_class class, const char **list)
{
	static const char *const of_paths[] = { "base", "onChange", "followLinks", NULL };
	static const char *const of_others[] = { "onChange", NULL };
	const struct im_class_row *row = &im_classes[class];
	const char *base = attribute(list, "base");
	if (class >= IM_LINUX_CLASSES) {
		/* What is inside is Windows's matter. */
		build_note(x->rules, x->rule ? x->rule : x->loose, IM_NOTE_ENTITY,
		           str_of(row->set));
		x->skipped = 1;
		return;
	}
	only(x, row->set, list, row->paths ? of_paths : of_others);
	if (row->paths && !base)
		fail(x, "<%s> without a base: expected base=\"/a/directory\"", row->set);
	if (x->rc < 0)
		return;
	if (!x->rule && !x->loose)
		x->rc = build_rule(x->rules, x->as, &x->loose, x->why);
	if (x->rc == 0)
		x->rc = build_set(x->rules, x->rule ? x->rule : x->loose, class, &x->set, x->why);
	if (x->rc < 0)
		return;
	x->set->on_change = is_true(x, list, "onChange", false);
	x->set->follow = row->paths && is_true(x, list, "followLinks", false);
	x->keep = !row->paths || build_base(x->rules, x->set, str_of(base)) == 1;
}

static void criterion(struct reader *x, const char *name, const char *value)
{
	int rc = 1;
	if (strlen(value) > IM_TEXT_MAX)
		fail(x, "%.100s is longer than %d bytes", name, IM_TEXT_MAX);
	else if (strcasecmp(name, "key") == 0)
		rc = build_key(x->rules, x->set, x->tag, str_of(value), x->nocase);
	else
		rc = build_feature(x->rules, x->set, x->tag, str_of(name), str_of(value),
		                   x->nocase);
	if (rc == -EINVAL)
		fail(x, "%.100s=\"%.100s\": expected key, casesensitive or a feature of %s%s", name,
		     value, im_classes[x->set->class].set,
		     x->set->class == IM_FILE ? " (executable is true or false)" : "");
	/* What is not known here cannot be judged: the set would cover too much or too little. */
	x->keep &= rc == 1;
}

static void start_tag(struct reader *x, const char *name, const char **list)
{
	x->nocase = !is_true(x, list, "casesensitive", true);
	if (x->rc == 0)
		x->rc = build_tag(x->rules, x->set, strcmp(name, "exclude") == 0, &x->tag, x->why);
	for (; *list && x->rc == 0; list += 2)
		if (strcasecmp(list[0], "casesensitive") != 0)
			criterion(x, list[0], list[1]);
}

static void start_criterion(struct reader *x, const char *name, const char **list)
{
	static const char *const known[] = { "match", NULL };
	const char *v = attribute(list, "match");
	only(x, name, list, known);
	if (!v)
		fail(x, "<%.100s> without match: expected match=\"pattern\"", name);
	else if (x->rc == 0)
		criterion(x, name, v);
}

static void start_attribute(struct reader *x, const char *name, const char **list)
{
	static const char *const none[] = { NULL };
	only(x, name, list, none);
	if (x->rc == 0 && build_attribute(x->rules, x->set, str_of(name)) < 0)
		fail(x, "<%.100s> is no attribute of %s", name, im_classes[x->set->class].set);
}

static bool set_named(const char *name, enum im_class *out)
{
	for (int i = 0; i < IM_CLASSES; i++) {
		if (strcmp(im_classes[i].set, name) == 0) {
			*out = (enum im_class)i;
			return true;
		}
	}
	return false;
}

/* What an element is, by where it stands; -1: it may not stand there. */
static int kind_of(const struct reader *x, const char *name, enum im_class *class)
{
	enum element in = x->stack[x->depth - 1];
	switch (in) {
	case E_TOP:
		if (strcmp(name, "IntegrityMonitoring") == 0)
			return E_RULES;
		if (strcmp(name, "Rule") == 0)
			return E_RULE;
		return set_named(name, class) ? E_SET : -1;
	case E_RULES:
		return strcmp(name, "Rule") == 0 ? E_RULE : -1;
	case E_RULE:
		if (strcmp(name, "Description") == 0)
			return E_DESCRIPTION;
		return set_named(name, class) ? E_SET : -1;
	case E_SET:
		if (strcmp(name, "include") == 0 || strcmp(name, "exclude") == 0)
			return E_TAG;
		return strcmp(name, "attributes") == 0 ? E_ATTRIBUTES : -1;
	case E_TAG:
		return E_CRITERION;
	case E_ATTRIBUTES:
		return E_ATTRIBUTE;
	case E_DESCRIPTION:
	case E_ATTRIBUTE:
	case E_CRITERION:
		break;
	}
	return -1;
}

static void XMLCALL started(void *arg, const char *name, const char **list)
{
	struct reader *x = arg;
	enum im_class class = IM_FILE;
	if (x->rc < 0)
		return;
	if (x->depth == 0) {
		x->stack[x->depth++] = E_TOP;
		return;
	}
	if (x->skipped) {
		x->skipped++;
		return;
	}
	int kind = kind_of(x, name, &class);
	if (kind < 0 || x->depth == DEPTH_MAX) {
		fail(x, "<%.100s> is not known here: expected %s", name,
		     expected[x->stack[x->depth - 1]]);
		return;
	}
	buf_clear(&x->text);
	switch ((enum element)kind) {
	case E_RULE:
		start_rule(x, list);
		break;
	case E_SET:
		start_set(x, class, list);
		if (x->skipped)
			return;
		break;
	case E_TAG:
		start_tag(x, name, list);
		break;
	case E_CRITERION:
		start_criterion(x, name, list);
		break;
	case E_ATTRIBUTE:
		start_attribute(x, name, list);
		break;
	case E_TOP:
	case E_RULES:
	case E_DESCRIPTION:
	case E_ATTRIBUTES:
		break;
	}
	if (x->rc < 0)
		XML_StopParser(x->parser, XML_FALSE);
	else
		x->stack[x->depth++] = (enum element)kind;
}

static void XMLCALL ended(void *arg, const char *name)
{
	struct reader *x = arg;
	(void)name;
	if (x->rc < 0)
		return;
	if (x->skipped) {
		x->skipped--;
		return;
	}
	enum element e = x->stack[--x->depth];
	if (e == E_DESCRIPTION)
		x->rule->description =
			(struct str){ arena_str(&x->rules->arena, buf_view(&x->text)), x->text.n };
	if (e == E_RULE)
		x->rule = NULL;
	if (e == E_SET)
		build_set_end(x->rules, x->set, x->keep);
}

static void XMLCALL text(void *arg, const char *p, int n)
{
	struct reader *x = arg;
	struct str s = { p, (size_t)n };
	if (x->rc < 0 || x->skipped || !x->depth)
		return;
	if (x->stack[x->depth - 1] == E_DESCRIPTION)
		buf_str(&x->text, s);
	else if (str_trim(s).n)
		fail(x, "text: expected %s", expected[x->stack[x->depth - 1]]);
}

/* An XML declaration may only be at the very start: it is taken off, blanks keep the columns. */
static struct str declaration(struct str xml)
{
	const char *end = str_starts(xml, STR("<?xml")) ? memmem(xml.p, xml.n, "?>", 2) : NULL;
	return end ? (struct str){ xml.p, (size_t)(end + 2 - xml.p) } : (struct str){ NULL, 0 };
}

static int feed(struct reader *x, struct str s, bool last)
{
	if (x->rc < 0)
		return x->rc;
	if (XML_Parse(x->parser, s.p, (int)s.n, last) == XML_STATUS_ERROR)
		fail(x, "%s", XML_ErrorString(XML_GetErrorCode(x->parser)));
	return x->rc;
}

int im_rules_add_xml(struct im_rules *r, struct str xml, const struct im_rule *as, struct err *why)
{
	struct reader x = { .rules = r, .as = as, .why = why };
	if (xml.n > XML_MAX)
		return err_set(why, -EFBIG, "the rules are longer than %d bytes", XML_MAX);
	struct str head = declaration(xml), rest = str_skip(xml, head.n);
	x.parser = XML_ParserCreate("UTF-8");
	if (!x.parser)
		return -ENOMEM;
	XML_SetUserData(x.parser, &x);
	XML_SetElementHandler(x.parser, started, ended);
	XML_SetCharacterDataHandler(x.parser, text);
	feed(&x, STR("<r>"), false);
	for (size_t i = 0; i < head.n; i++)
		feed(&x, head.p[i] == '\n' ? STR("\n") : STR(" "), false);
	feed(&x, rest, false);
	feed(&x, STR("</r>"), true);
	if (x.rc == 0) {
		json_t *source = json_object();
		json_set_bytes(source, "name", as->name);
		json_set_int(source, "id", as->id);
		json_set_text(source, "severity", im_severities[as->severity]);
		json_set(source, "xml", json_stringn(xml.p ? xml.p : "", xml.n));
		build_source(r, source);
	}
	XML_ParserFree(x.parser);
	buf_done(&x.text);
	return x.rc;
}
