#include "module/loginspection/set.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

enum { PROBLEMS_MAX = 1000 };

#define NAME(z)                  \
	{                        \
		z, sizeof(z) - 1 \
	}
/* clang-format off */
static const struct str field_names[FIELD_STATIC] = {
	[FIELD_SRCIP] = NAME("srcip"),       [FIELD_DSTIP] = NAME("dstip"),
	[FIELD_SRCPORT] = NAME("srcport"),   [FIELD_DSTPORT] = NAME("dstport"),
	[FIELD_PROTOCOL] = NAME("protocol"), [FIELD_ACTION] = NAME("action"),
	[FIELD_ID] = NAME("id"),             [FIELD_URL] = NAME("url"),
	[FIELD_DATA] = NAME("extra_data"),   [FIELD_STATUS] = NAME("status"),
	[FIELD_FILENAME] = NAME("filename"), [FIELD_SYSTEM_NAME] = NAME("system_name"),
	[FIELD_DSTUSER] = NAME("dstuser"),   [FIELD_SRCUSER] = NAME("srcuser"),
	[FIELD_HOSTNAME] = NAME("hostname"), [FIELD_PROGRAM] = NAME("program_name"),
	[FIELD_LOG] = NAME("log"),           [FIELD_LOCATION] = NAME("location"),
	[FIELD_USER] = NAME("user"),
};
/* clang-format on */

static const char *const category_names[CATEGORY_COUNT] = {
	"", "syslog", "firewall", "ids", "web-log", "squid", "windows", "ossec",
};

struct str field_name(unsigned field)
{
	return field_names[field];
}

int log_field_find(struct str name)
{
	if (str_is(name, "user"))
		return FIELD_DSTUSER;
	if (str_is(name, "data"))
		return FIELD_DATA;
	for (int i = 0; i < FIELD_DECODED; i++)
		if (str_eq(name, field_names[i]))
			return i;
	return -1;
}

enum category category_find(struct str name)
{
	for (unsigned i = 1; i < CATEGORY_COUNT; i++)
		if (str_is(name, category_names[i]))
			return (enum category)i;
	return str_is(name, "host-information") ? CATEGORY_OSSEC : CATEGORY_NONE;
}

/* ---- what the loaders share ---- */

void *grown(struct arena *a, const void *old, size_t n, size_t size)
{
	if (n && (n & (n - 1)))
		return (void *)(uintptr_t)old;
	void *p = arena_array(a, n ? n * 2 : 1, size);
	if (n)
		memcpy(p, old, n * size);
	return p;
}

bool truth(struct str s)
{
	return str_eq_nocase(str_trim(s), STR("yes"));
}

struct str trimmed_copy(struct arena *a, struct str s)
{
	s = str_trim(s);
	return (struct str){ arena_str(a, s), s.n };
}

void problem(struct loader *l, unsigned line, const char *fmt, ...)
{
	struct li_set *s = l->set;
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (s->nproblems >= PROBLEMS_MAX)
		return;
	/* What stands in a file for both is read twice. */
	for (size_t i = 0; l->mixed && i < s->nproblems; i++)
		if (s->problems[i].line == line && strcmp(s->problems[i].file, l->file) == 0 &&
		    strcmp(s->problems[i].text, text) == 0)
			return;
	s->problems = grown(&s->arena, s->problems, s->nproblems, sizeof(*s->problems));
	s->problems[s->nproblems++] = (struct li_problem){
		.file = l->file, .line = line, .text = arena_str(&s->arena, str_of(text))
	};
}

const struct li_problem *li_set_problem(const struct li_set *s, size_t i)
{
	return i < s->nproblems ? &s->problems[i] : NULL;
}

int take_pattern(struct loader *l, enum pattern_kind kind, struct str text,
                 const struct pattern **out, struct err *why)
{
	AUTO(buf_done) struct buf key = { 0 };
	struct li_set *s = l->set;
	bool classic = l->dialect.classic, wazuh = l->dialect.wazuh;
	buf_fmt(&key, "%d%d%d", (int)kind, classic, wazuh);
	buf_str(&key, text);
	struct pattern *p = map_get(&l->patterns, buf_view(&key));
	struct pattern_options o = { .classic = classic, .wazuh = wazuh, .last_byte = !wazuh };
	int rc = p ? 0 : pattern_compile(&s->arena, kind, text, &o, &p, why);
	if (rc < 0)
		return rc;
	*out = p;
	if (map_set(&l->patterns, buf_view(&key), p) == p)
		return 0;
	s->patterns = grown(&s->arena, s->patterns, s->npatterns, sizeof(struct pattern *));
	s->patterns[s->npatterns++] = p;
	return 0;
}

uint32_t known_decoder_id(const struct loader *l, struct str name)
{
	const void *id = map_get(&l->decoder_ids, name);
	return (uint32_t)(uintptr_t)id;
}

uint32_t take_decoder_id(struct loader *l, struct str name)
{
	struct li_set *s = l->set;
	uintptr_t id = known_decoder_id(l, name);
	if (id)
		return (uint32_t)id;
	id = s->ndecoder_names;
	s->decoder_names =
		grown(&s->arena, s->decoder_names, s->ndecoder_names, sizeof(struct str));
	s->decoder_names[s->ndecoder_names++] = (struct str){ arena_str(&s->arena, name), name.n };
	map_set(&l->decoder_ids, name, (void *)id); /* NOLINT(performance-no-int-to-ptr) */
	return (uint32_t)id;
}

unsigned take_field(struct loader *l, struct str name)
{
	struct li_set *s = l->set;
	int known = log_field_find(name);
	if (known >= 0)
		return (unsigned)known;
	for (size_t i = 0; i < s->nnames; i++)
		if (str_eq(s->names[i], name))
			return (unsigned)(FIELD_STATIC + i);
	s->names = grown(&s->arena, s->names, s->nnames, sizeof(struct str));
	s->names[s->nnames++] = (struct str){ arena_str(&s->arena, name), name.n };
	return (unsigned)(FIELD_STATIC + s->nnames - 1);
}

static void unknown_variable(void *to, unsigned line, struct str name)
{
	problem(to, line, "a variable that the file defines was expected, not $%.*s",
	        STR_ARG(name));
}

static void take_dialect(struct loader *l, const struct xml_node *roots)
{
	for (const struct xml_node *n = roots; n; n = n->next) {
		struct str regex = xml_attr(n, "regex"), frequency = xml_attr(n, "frequency");
		if (!str_is(n->name, "?yagura"))
			continue;
		if (regex.p)
			l->dialect.classic = str_is(regex, "classic");
		if (frequency.p)
			l->dialect.wazuh = str_is(frequency, "wazuh");
	}
}

struct xml_node *file_parse(struct loader *l, const struct li_file *f)
{
	struct err why = { { 0 } };
	struct xml_node *roots = NULL;
	l->file = arena_str(&l->set->arena, str_of(f->name));
	int rc = xml_parse(l->scratch, f->text, &(struct xml_options){ l->dialect.wazuh }, &roots,
	                   &why);
	struct str rest = str_of(why.text);
	uint64_t line = 0;
	if (rc < 0) {
		struct str head = str_cut(&rest, ':');
		str_u64(str_skip(head, strlen("line ")), 0, UINT32_MAX, &line);
		problem(l, (unsigned)line, "%.*s", STR_ARG(str_trim(rest)));
	}
	take_dialect(l, roots);
	xml_variables(l->scratch, roots, unknown_variable, l);
	return roots;
}

/* ---- lists ---- */

static void list_line(struct li_set *s, struct list *list, struct str line)
{
	struct str rest = str_trim(line), key = { 0 };
	if (!rest.n || rest.p[0] == '#')
		return;
	if (rest.p[0] == '"') {
		rest = str_skip(rest, 1);
		key = str_cut(&rest, '"');
		rest = str_skip(rest, rest.n && rest.p[0] == ':');
	} else {
		key = str_trim(str_cut(&rest, ':'));
	}
	rest = str_trim(rest);
	if (rest.n >= 2 && rest.p[0] == '"' && rest.p[rest.n - 1] == '"')
		rest = (struct str){ rest.p + 1, rest.n - 2 };
	struct str *value = arena_alloc(&s->arena, sizeof(*value));
	*value = (struct str){ arena_str(&s->arena, rest), rest.n };
	map_set(&list->keys, key, value);
}

void lists_load(struct loader *l, const struct li_files *files)
{
	struct li_set *s = l->set;
	s->lists = arena_array(&s->arena, files->n + 1, sizeof(*s->lists));
	for (size_t i = 0; i < files->n; i++) {
		struct list *list = &s->lists[s->nlists++];
		list->name = arena_str(&s->arena, str_of(files->files[i].name));
		struct str rest = files->files[i].text;
		while (rest.p)
			list_line(s, list, str_cut(&rest, '\n'));
	}
}

static struct str base_name(struct str path)
{
	for (size_t i = path.n; i > 0; i--)
		if (path.p[i - 1] == '/')
			return str_skip(path, i);
	return path;
}

static struct str without_ending(struct str s)
{
	if (str_ends(s, STR(".cdb")) || str_ends(s, STR(".txt")))
		s.n -= 4;
	return s;
}

const struct list *list_named(const struct li_set *s, struct str path)
{
	struct str name = without_ending(base_name(str_trim(path)));
	for (size_t i = 0; i < s->nlists; i++)
		if (str_eq(without_ending(base_name(str_of(s->lists[i].name))), name))
			return &s->lists[i];
	return NULL;
}

/* ---- the set ---- */

static void make_roots(struct li_set *s)
{
	for (unsigned i = 1; i < CATEGORY_COUNT; i++) {
		struct rule *r = arena_alloc(&s->arena, sizeof(*r));
		*r = (struct rule){
			.id = i, .noalert = true, .accuracy = true, .category = (enum category)i
		};
		s->roots[i] = r;
	}
}

static bool holds_something(const struct li_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_trim(f->files[i].text).n)
			return true;
	return false;
}

static void loader_done(struct loader *l)
{
	map_done(&l->patterns);
	map_done(&l->decoder_ids);
	map_done(&l->rules);
}

int li_set_build(const struct li_files *decoders, const struct li_files *rules,
                 const struct li_files *lists, const struct li_dialect *dialect,
                 struct li_set **out, struct err *why)
{
	AUTO(arena_done) struct arena scratch = { 0 };
	struct li_set *s = xcalloc(1, sizeof(*s));
	AUTO(loader_done)
	struct loader l = { .set = s, .dialect = *dialect, .file = "", .scratch = &scratch };
	static const struct li_files none = { 0 };
	s->decoder_names = arena_array(&s->arena, 1, sizeof(struct str));
	s->ndecoder_names = 1;
	make_roots(s);
	l.mixed = decoders->files == rules->files;
	lists_load(&l, lists ? lists : &none);
	l.dialect = *dialect;
	decoders_load(&l, decoders);
	l.dialect = *dialect;
	rules_load(&l, rules);
	int rc = windows_build(&l, why);
	if (rc == 0)
		rc = prefilter_build(s, why);
	if (rc == 0 && s->nproblems && !s->nrules && !s->ndecoders &&
	    (holds_something(rules) || holds_something(decoders)))
		rc = err_set(why, -EINVAL, "%s:%u: %s", s->problems[0].file, s->problems[0].line,
		             s->problems[0].text);
	if (rc < 0) {
		li_set_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void li_set_free(struct li_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->npatterns; i++)
		pattern_done(s->patterns[i]);
	for (size_t i = 0; i < s->nlists; i++)
		map_done(&s->lists[i].keys);
	hs_free_database(s->database);
	arena_done(&s->arena);
	free(s);
}

bool li_set_decoder(const struct li_set *s, size_t i, struct li_part *out)
{
	if (i >= s->ndecoders)
		return false;
	const struct decoder *d = s->all_decoders[i];
	*out = (struct li_part){
		.name = d->name, .parent = d->parent, .file = d->file, .line = d->line
	};
	return true;
}

bool li_set_rule(const struct li_set *s, size_t i, struct li_part *out)
{
	if (i >= s->nrules)
		return false;
	const struct rule *r = s->rules[i];
	*out = (struct li_part){ .description = r->description,
		                 .groups = r->groups,
		                 .file = r->file,
		                 .line = r->line,
		                 .level = r->level,
		                 .id = r->id };
	return true;
}

size_t li_set_rules(const struct li_set *s)
{
	return s->nrules;
}

size_t li_set_decoders(const struct li_set *s)
{
	return s->ndecoders;
}
