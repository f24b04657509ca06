#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "model/setting.h"
#include "module/intrusionprevention/prevention.h"
#include "module/packets.h"

/* What a policy says of Intrusion Prevention. */

enum { RULES_MAX = 20000, OBJECTS_MAX = 10000, PORTS_MAX = 10000 };
enum { FIRST_PERIOD_S = 300, FRAGMENTS_MAX = 1000, FRAGMENTS_S = 60 };

/* ---- application types ---- */

static int read_ports(struct str text, struct prevention_ports *out)
{
	struct str to = str_trim(str_cut(&text, '#')), from = str_trim(str_cut(&to, '-'));
	uint64_t a = 0, b = 0;
	if (str_u64(from, 0, 65535, &a) < 0)
		return -EINVAL;
	b = a;
	if (to.p && str_u64(str_trim(to), a, 65535, &b) < 0)
		return -EINVAL;
	*out = (struct prevention_ports){ (uint16_t)a, (uint16_t)b };
	return 0;
}

/* Items may hold several, with commas, and comments; empty ones are left out. */
static int add_ports(struct prevention_type *t, struct str item, struct err *why)
{
	struct str rest = str_trim(str_cut(&item, '#'));
	while (rest.p) {
		struct str one = str_trim(str_cut(&rest, ','));
		if (one.n == 0)
			continue;
		if (t->nports == PORTS_MAX)
			return err_set(why, -E2BIG, "more than %d ports", PORTS_MAX);
		t->ports = reallocarray(t->ports, t->nports + 1, sizeof(*t->ports));
		if (!t->ports)
			abort();
		if (read_ports(one, &t->ports[t->nports]) < 0)
			return err_set(why, -EINVAL,
			               "portMultiple: \"%.*s\" is no port or range of ports",
			               one.n > 60 ? 60 : STR_ARG(one));
		t->nports++;
	}
	return 0;
}

static const json_t *object_of(const json_t *list, int64_t id)
{
	size_t i;
	json_t *v;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v)
		if (json_int(v, "ID", 0) == id)
			return v;
	return NULL;
}

/* lists: the policy's port lists; NULL: not to be looked into. */
static int parse_type(struct prevention_type *t, const json_t *in, const json_t *lists,
                      struct err *why)
{
	const char *protocol = json_text(in, "protocol", "tcp");
	const char *how = json_text(in, "portType", "any");
	const json_t *items = NULL;
	t->id = (uint64_t)json_int(in, "ID", 0);
	t->name = xstrdup(json_text(in, "name", ""));
	t->outgoing = strcmp(json_text(in, "direction", "incoming"), "outgoing") == 0;
	t->tcp = strncmp(protocol, "tcp", 3) == 0;
	t->udp = strcmp(protocol, "udp") == 0 || strcmp(protocol, "tcp-udp") == 0;
	t->icmp = strcmp(protocol, "icmp") == 0;
	if (!t->tcp && !t->udp && !t->icmp)
		return err_set(why, -EINVAL, "protocol: \"%s\" is none", protocol);
	if (strcmp(how, "multiple") == 0)
		items = json_array_at(in, "portMultiple");
	else if (strcmp(how, "port-list") == 0 && lists)
		items = json_array_at(object_of(lists, json_int(in, "portListID", 0)), "items");
	size_t i;
	json_t *v;
	json_array_foreach ((json_t *)(uintptr_t)items, i, v) {
		int rc = add_ports(t, str_of(json_string_value(v)), why);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void type_done(struct prevention_type *t)
{
	free(t->name);
	free(t->ports);
}

int prevention_check_type(const json_t *type, struct err *why)
{
	struct prevention_type t = { 0 };
	int rc = parse_type(&t, type, NULL, why);
	type_done(&t);
	return rc;
}

/* ---- arrays of objects ---- */

static int objects(const json_t *in, const char *field, size_t max, const json_t **list,
                   struct err *why)
{
	const json_t *v = json_object_get(in, field);
	if (v && !json_is_null(v) && !json_is_array(v))
		return err_set(why, -EINVAL, "%s is no array", field);
	if (json_array_size(v) > max)
		return err_set(why, -E2BIG, "%s has more than %zu items", field, max);
	for (size_t i = 0; i < json_array_size(v); i++)
		if (!json_is_object(json_array_get(v, i)))
			return err_set(why, -EINVAL, "%s: item %zu is no object", field, i + 1);
	*list = v;
	return 0;
}

static int parse_types(struct rules *r, const json_t *in, struct err *why)
{
	const json_t *list = NULL, *ports = NULL;
	int rc = objects(in, "applicationTypes", OBJECTS_MAX, &list, why);
	if (rc == 0)
		rc = objects(in, "portLists", OBJECTS_MAX, &ports, why);
	if (rc < 0)
		return rc;
	r->types = xcalloc(json_array_size(list) + 1, sizeof(*r->types));
	for (size_t i = 0; i < json_array_size(list) && rc == 0; i++) {
		r->ntypes++;
		rc = parse_type(&r->types[i], json_array_get(list, i), ports, why);
		if (rc < 0)
			err_add(why, rc, "applicationTypes: item %zu", i + 1);
	}
	return rc;
}

static int parse_schedules(struct rules *r, const json_t *in, struct err *why)
{
	const json_t *list = NULL;
	int rc = objects(in, "schedules", OBJECTS_MAX, &list, why);
	if (rc < 0)
		return rc;
	r->schedules = xcalloc(json_array_size(list) + 1, sizeof(*r->schedules));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i),
			     *hours = json_object_get(o, "hoursOfWeek");
		struct prevention_schedule *s = &r->schedules[r->nschedules++];
		s->id = (uint64_t)json_int(o, "ID", 0);
		if (json_array_size(hours) != PREVENTION_HOURS)
			return err_set(why, -EINVAL,
			               "schedules: item %zu: hoursOfWeek has not %d items", i + 1,
			               PREVENTION_HOURS);
		for (size_t k = 0; k < PREVENTION_HOURS; k++)
			s->hours[k] = json_is_true(json_array_get(hours, k));
	}
	return 0;
}

/* ---- rules ---- */

static char *joined(const json_t *texts)
{
	struct buf b = { 0 };
	for (size_t i = 0; i < json_array_size(texts); i++) {
		const char *text = json_string_value(json_array_get(texts, i));
		if (text)
			buf_fmt(&b, "%s%s", b.n ? "," : "", text);
	}
	return b.p ? buf_take(&b) : xstrdup("");
}

/* Where a rule with this context holds; 0: anywhere. */
static unsigned places_of(const struct rules *r, int64_t context)
{
	const json_t *o = context > 0 ? object_of(r->contexts, context) : NULL;
	return o ? context_places(o) : 0;
}

static int parse_rule(struct rules *r, struct prevention_rule *to, const json_t *in,
                      struct err *why)
{
	static const char *const severities[] = { "low", "medium", "high", "critical" };
	const char *severity = json_text(in, "severity", "medium");
	static const char *const priorities[] = { "highest", "high", "normal", "low", "lowest" };
	const char *priority = json_text(in, "priority", "normal");
	uint64_t type = (uint64_t)json_int(in, "applicationTypeID", 0),
		 schedule = (uint64_t)json_int(in, "scheduleID", 0);
	(void)why;
	to->id = (uint64_t)json_int(in, "ID", 0);
	to->name = xstrdup(json_text(in, "name", ""));
	to->cve = joined(json_array_at(in, "CVE"));
	to->log_only = json_bool(in, "detectOnly", false) ||
	               strcmp(json_text(in, "action", "drop"), "log-only") == 0;
	to->quiet = json_bool(in, "eventLoggingDisabled", false);
	to->packet_data = json_bool(in, "alwaysIncludePacketData", false);
	to->alert = json_bool(in, "alertEnabled", false);
	to->each_drop = json_bool(in, "generateEventOnPacketDrop", false);
	to->places = places_of(r, json_int(in, "contextID", 0));
	to->priority = 2;
	for (size_t i = 0; i < ARRAY_LEN(priorities); i++)
		if (strcmp(priority, priorities[i]) == 0)
			to->priority = (unsigned)i;
	to->severity = IPS_MEDIUM;
	for (size_t i = 0; i < ARRAY_LEN(severities); i++)
		if (strcmp(severity, severities[i]) == 0)
			to->severity = (enum prevention_severity)i;
	for (size_t i = 0; i < r->ntypes; i++)
		if (type && r->types[i].id == type)
			to->type = &r->types[i];
	for (size_t i = 0; i < r->nschedules; i++)
		if (schedule && r->schedules[i].id == schedule)
			to->when = &r->schedules[i];
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct prevention_rule *x = a, *y = b;
	return x->id < y->id ? -1 : x->id > y->id;
}

const struct prevention_rule *prevention_rule_find(const struct rules *r, uint64_t id)
{
	struct prevention_rule key = { .id = id };
	return r->nrules ? bsearch(&key, r->rules, r->nrules, sizeof(key), by_id) : NULL;
}

bool prevention_type_port(const struct prevention_type *t, uint16_t port)
{
	for (size_t i = 0; i < t->nports; i++)
		if (port >= t->ports[i].from && port <= t->ports[i].to)
			return true;
	return t->nports == 0;
}

bool prevention_schedule_holds(const struct prevention_schedule *s, uint64_t when_ms,
                               int64_t utc_offset_s)
{
	/* 1970 began on a Thursday. */
	int64_t hour = ((int64_t)(when_ms / 1000) + utc_offset_s) / 3600 + INT64_C(96);
	return !s || s->hours[((hour % PREVENTION_HOURS) + PREVENTION_HOURS) % PREVENTION_HOURS];
}

/* Rules are asked in the order of their texts: those of a higher priority first. */
static void order_texts(struct rules *r, size_t n)
{
	struct ips_file *sorted = xcalloc(n + 1, sizeof(*sorted));
	size_t at = 0;
	for (unsigned priority = 0; priority <= 4; priority++)
		for (size_t i = 0; i < n; i++)
			if (r->rules[i].priority == priority)
				sorted[at++] = r->files[i];
	free(r->files);
	r->files = sorted;
}

static int parse_rules(struct rules *r, const json_t *in, struct err *why)
{
	const json_t *list = NULL;
	int rc = objects(in, "rules", RULES_MAX, &list, why);
	if (rc < 0)
		return rc;
	size_t n = json_array_size(list);
	r->rules = xcalloc(n + 1, sizeof(*r->rules));
	r->files = xcalloc(n + 1, sizeof(*r->files));
	rc = objects(in, "contexts", OBJECTS_MAX, &r->contexts, why);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(list, i);
		struct buf text = { 0 };
		r->nrules++;
		rc = parse_rule(r, &r->rules[i], one, why);
		r->files[i].name = xstrdup(r->rules[i].name);
		r->files[i].tag = r->rules[i].id;
		if (rc == 0)
			rc = prevention_text(one, &text, why);
		if (rc < 0) {
			buf_done(&text);
			return err_add(why, rc, "rule %s", r->rules[i].name);
		}
		r->files[i].text.n = text.n;
		r->files[i].text.p = text.p ? buf_take(&text) : xstrdup("");
	}
	order_texts(r, n);
	r->contexts = NULL;
	qsort(r->rules, n, sizeof(*r->rules), by_id);
	return 0;
}

struct ips_source prevention_source(const struct rules *r, struct ips_variable *home)
{
	*home = (struct ips_variable){ "HOME_NET", r->home_net };
	return (struct ips_source){
		.files = r->files, .nfiles = r->nrules, .variables = home, .nvariables = 1
	};
}

/* Texts that do not load are told in the agent's status; the others hold. */
static int check_texts(struct rules *r, struct err *why)
{
	struct ips_variable home;
	const struct ips_source in = prevention_source(r, &home);
	return ips_parse(&in, &r->parsed, &r->report, why);
}

/* ---- the whole ---- */

static void rules_free(struct rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->nrules; i++) {
		free(r->rules[i].name);
		free(r->rules[i].cve);
		free((void *)(uintptr_t)r->files[i].name);
		free((void *)(uintptr_t)r->files[i].text.p);
	}
	for (size_t i = 0; i < r->ntypes; i++)
		type_done(&r->types[i]);
	free(r->rules);
	free(r->files);
	free(r->types);
	free(r->schedules);
	free(r->home_net);
	ips_report_done(&r->report);
	ips_rules_free(r->parsed);
	if (r->set)
		r->set_drop(r->set);
	free(r);
}

static void rules_freep(struct rules **r)
{
	rules_free(*r);
}

static int parse_state(struct rules *r, const json_t *in, struct err *why)
{
	static const char *const states[] = { "off", "detect", "prevent" };
	const char *state = json_text(in, "state", "off");
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (strcmp(state, states[i]) == 0) {
			r->state = (enum prevention_state)i;
			return 0;
		}
	return err_set(why, -EINVAL, "state: \"%s\" is not off, detect or prevent", state);
}

static bool is_true(const json_t *set, const char *name, const char *otherwise)
{
	const char *text = json_text(set, name, otherwise);
	return strcmp(text, "true") == 0 || strcmp(text, "Yes") == 0;
}

static uint32_t seconds(const json_t *set, const char *name, uint32_t otherwise)
{
	uint64_t s = setting_seconds(str_of(json_text(set, name, "")));
	return s > 0 && s <= UINT32_MAX ? (uint32_t)s : otherwise;
}

/* "10.0.0.0/8, 192.0.2.1" to "[10.0.0.0/8,192.0.2.1]"; nothing is any. On the heap. */
static char *home_net(const char *text)
{
	struct str s = str_trim(str_of(text));
	struct buf b = { 0 };
	if (s.n == 0 || str_eq_nocase(s, STR("any")))
		return xstrdup("any");
	if (*s.p != '[')
		buf_char(&b, '[');
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && s.p[i] != '\n' && s.p[i] != '\t')
			buf_char(&b, s.p[i]);
	if (*s.p != '[')
		buf_char(&b, ']');
	return buf_take(&b);
}

/* The engine's options, which hold only where the policy says that they do. */
static void parse_engine(struct rules *r, const json_t *set)
{
	uint64_t n = 0;
	r->fragments_said = is_true(set, "intrusionPreventionSettingEngineOptionsEnabled", "false");
	r->fragments_max = FRAGMENTS_MAX;
	if (str_u64(str_of(json_text(
			    set, "intrusionPreventionSettingEngineOptionFragmentedIpKeepMax", "")),
	            1, 1000000, &n) == 0)
		r->fragments_max = (uint32_t)n;
	r->fragments_timeout_s = seconds(
		set, "intrusionPreventionSettingEngineOptionFragmentedIpTimeout", FRAGMENTS_S);
}

static void parse_settings(struct rules *r, const json_t *in)
{
	const json_t *set = json_object_at(in, "settings");
	r->tap = strcmp(json_text(set, "firewallSettingNetworkEngineMode", "Inline"), "Tap") == 0;
	r->inside_tls =
		strcmp(json_text(set, "intrusionPreventionSettingInspectTlsTrafficEnabled", "true"),
	               "true") == 0;
	r->first_data =
		strcmp(json_text(set, "intrusionPreventionSettingLogDataRuleFirstMatchEnabled",
	                         "true"),
	               "true") == 0;
	r->fold_life_s = 60;
	r->events_per_second = 100;
	r->home_net = home_net(json_text(
		in, "homeNet", json_text(set, "intrusionPreventionSettingHomeNet", "any")));
	r->first_period_s =
		seconds(set, "firewallSettingEngineOptionLogOnePacketPeriod", FIRST_PERIOD_S);
	parse_engine(r, set);
}

static int parse(const json_t *in, struct rules **out, struct err *why)
{
	AUTO(rules_freep) struct rules *r = xcalloc(1, sizeof(*r));
	if (!json_is_object(in))
		return err_set(why, -EINVAL, "intrusionprevention is no object");
	parse_settings(r, in);
	int rc = parse_state(r, in, why);
	if (rc == 0)
		rc = parse_types(r, in, why);
	if (rc == 0)
		rc = parse_schedules(r, in, why);
	if (rc == 0)
		rc = parse_rules(r, in, why);
	if (rc == 0)
		rc = check_texts(r, why);
	if (rc < 0)
		return rc;
	*out = TAKE(r);
	return 0;
}

const struct section intrusionprevention_section = {
	.name = "intrusionprevention",
	.events = &event_class_intrusionprevention,
	.parse = parse,
	.free = rules_free,
};
