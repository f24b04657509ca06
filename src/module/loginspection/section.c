#include "module/loginspection/section.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "module/loginspection/policy.h"
#include "module/module.h"

/*
 * What a policy's part says: {"state","rules":[...],"settings":{...}}, the rules as the API has
 * them. Each rule is a file of the rule set, under its name; decoders may stand in it beside rules.
 */

enum { RULES_MAX = 5000 };

#define STORE_LEVEL "logInspectionSettingSeverityClippingAgentEventStoreLevelMin"
#define SEND_LEVEL  "logInspectionSettingSeverityClippingAgentEventSendSyslogLevelMin"

const char *const li_format_names[LI_FORMATS] = {
	"syslog",       "snort-full", "snort-fast",
	"apache",       "iis",        "squid",
	"nmapg",        "mysql-log",  "postgresql-log",
	"dbj-multilog", "eventlog",   "single-line-text-log",
	"multi-line",   "audit",      "json",
	"journald",
};

enum li_format li_format_named(struct str name)
{
	char word[40] = "";
	if (name.n >= sizeof(word))
		return LI_FORMATS;
	for (size_t i = 0; i < name.n; i++)
		word[i] = name.p[i];
	for (char *p = strchr(word, '_'); p; p = strchr(p, '_'))
		*p = '-';
	if (strcmp(word, "djb-multilog") == 0)
		return LI_DJB_MULTILOG;
	for (unsigned i = 0; i < LI_FORMATS; i++)
		if (strcmp(word, li_format_names[i]) == 0)
			return (enum li_format)i;
	return LI_FORMATS;
}

/* "Medium (6)", "7": a level of the language. */
static unsigned level_of(const json_t *settings, const char *name)
{
	struct str text = str_of(json_text(settings, name, "6"));
	const char *open = memchr(text.p, '(', text.n);
	uint64_t level = 6;
	if (open) {
		text = str_skip(text, (size_t)(open - text.p) + 1);
		text = str_cut(&text, ')');
	}
	str_u64(text, 0, 15, &level);
	return (unsigned)level;
}

static void rules_free(struct rules *r)
{
	if (!r)
		return;
	li_set_free(r->set);
	map_done(&r->named);
	arena_done(&r->arena);
	json_decref(r->source);
	free(r);
}

static void rules_freep(struct rules **r)
{
	rules_free(*r);
}

/* ---- sources ---- */

static bool known_source(const struct rules *r, const char *location, enum li_format format)
{
	for (size_t i = 0; i < r->nsources; i++)
		if (r->sources[i].format == format && strcmp(r->sources[i].location, location) == 0)
			return true;
	return false;
}

static int add_sources(struct rules *r, const json_t *rule, struct err *why)
{
	const json_t *list = json_array_at(json_object_at(rule, "logFiles"), "logFiles");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *file = json_array_get(list, i);
		const char *location = json_text(file, "location", "");
		const char *format = json_text(file, "format", "syslog");
		enum li_format f = li_format_named(str_of(format));
		if (f == LI_FORMATS)
			return err_set(why, -EINVAL, "logFiles: there is no format %.40s", format);
		if (f < LI_JOURNALD && *location != '/')
			return err_set(why, -EINVAL,
			               "logFiles: an absolute path was expected, not \"%.200s\"",
			               location);
		if (known_source(r, location, f))
			continue;
		struct li_source *grown =
			arena_array(&r->arena, r->nsources + 1, sizeof(*r->sources));
		if (r->nsources)
			memcpy(grown, r->sources, r->nsources * sizeof(*grown));
		r->sources = grown;
		r->sources[r->nsources++] =
			(struct li_source){ arena_str(&r->arena, str_of(location)), f };
	}
	return 0;
}

/* ---- rules ---- */

struct texts {
	struct arena *arena;
	struct li_file *files;
	size_t n;
};

static int add_text(struct texts *t, const json_t *rule, struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	int rc = li_rule_text(rule, &b, why);
	if (rc < 0)
		return rc;
	t->files[t->n++] =
		(struct li_file){ arena_str(t->arena, str_of(json_text(rule, "name", "rule"))),
		                  { arena_str(t->arena, buf_view(&b)), b.n } };
	return 0;
}

static void name_it(struct rules *r, const json_t *rule)
{
	struct li_named *n = arena_alloc(&r->arena, sizeof(*n));
	*n = (struct li_named){
		.id = json_int(rule, "ID", 0),
		.name = arena_str(&r->arena, str_of(json_text(rule, "name", ""))),
		.alert = json_bool(rule, "alertEnabled", false),
		.alert_level = (unsigned)json_int(rule, "alertMinimumSeverity", 0),
	};
	map_set(&r->named, str_of(n->name), n);
}

static int build(const struct texts *t, struct li_set **out, struct err *why)
{
	const struct li_files files = { t->files, t->n };
	const struct li_dialect dialect = { 0 };
	return li_set_build(&files, &files, NULL, &dialect, out, why);
}

static int take_rules(struct rules *r, const json_t *list, struct err *why)
{
	AUTO(arena_done) struct arena scratch = { 0 };
	struct texts t = { .arena = &scratch };
	size_t n = json_array_size(list);
	if (n > RULES_MAX)
		return err_set(why, -EINVAL, "more than %d rules", RULES_MAX);
	t.files = arena_array(&scratch, n + 1, sizeof(*t.files));
	for (size_t i = 0; i < n; i++) {
		const json_t *rule = json_array_get(list, i);
		int rc = add_text(&t, rule, why);
		if (rc == 0)
			rc = add_sources(r, rule, why);
		if (rc < 0)
			return err_add(why, rc, "rule %.100s", json_text(rule, "name", ""));
		name_it(r, rule);
	}
	return build(&t, &r->set, why);
}

static int parse(const json_t *in, struct rules **out, struct err *why)
{
	AUTO(rules_freep) struct rules *r = xcalloc(1, sizeof(*r));
	if (!json_is_object(in))
		return err_set(why, -EINVAL, "loginspection is no object");
	const json_t *settings = json_object_at(in, "settings"), *list = json_array_at(in, "rules");
	const char *state = json_text(in, "state", "off");
	r->on = strcmp(state, "on") == 0;
	if (!r->on && strcmp(state, "off") != 0)
		return err_set(why, -EINVAL, "state: expected on or off");
	r->store_level = level_of(settings, STORE_LEVEL);
	r->send_level = level_of(settings, SEND_LEVEL);
	r->source = list ? json_deep_copy(list) : json_array();
	int rc = r->on ? take_rules(r, list, why) : 0;
	if (rc < 0)
		return rc;
	*out = TAKE(r);
	return 0;
}

const struct section loginspection_section = {
	.name = "loginspection",
	.events = &event_class_loginspection,
	.parse = parse,
	.free = rules_free,
};

/* ---- one rule ---- */

static int problem_of(const struct li_set *set, const char *file, struct err *why)
{
	const struct li_problem *p = NULL;
	for (size_t i = 0; (p = li_set_problem(set, i)); i++)
		if (strcmp(p->file, file) == 0)
			return err_set(why, -EINVAL, "line %u: %s", p->line, p->text);
	return 0;
}

static void set_freep(struct li_set **s)
{
	li_set_free(*s);
}

int li_rule_check(const json_t *rule, const json_t *others, struct err *why)
{
	AUTO(arena_done) struct arena scratch = { 0 };
	AUTO(set_freep) struct li_set *set = NULL;
	AUTO(rules_freep) struct rules *r = xcalloc(1, sizeof(*r));
	struct texts t = { .arena = &scratch };
	const char *name = json_text(rule, "name", "rule");
	size_t n = json_array_size(others);
	t.files = arena_array(&scratch, n + 1, sizeof(*t.files));
	for (size_t i = 0; i < n && t.n < RULES_MAX; i++) {
		const json_t *o = json_array_get(others, i);
		if (strcmp(json_text(o, "name", ""), name) != 0)
			(void)add_text(&t, o, NULL); /* a bad one is not this one's fault */
	}
	int rc = add_text(&t, rule, why);
	if (rc == 0)
		rc = add_sources(r, rule, why);
	if (rc == 0)
		rc = build(&t, &set, why);
	return rc < 0 ? rc : problem_of(set, name, why);
}
