#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "module/firewall/rule.h"

enum { RULES_MAX = 20000, HIDDEN_MAX = 16, OBJECTS_MAX = 10000 };

/* ---- schedules, contexts, interface types, stateful configurations ---- */

static int parse_schedule(struct fw_schedule *s, const json_t *in, struct err *why)
{
	const json_t *hours = json_object_get(in, "hoursOfWeek");
	if (!json_is_array(hours) || json_array_size(hours) != SCHEDULE_HOURS)
		return err_set(why, -EINVAL, "hoursOfWeek has not %d items", SCHEDULE_HOURS);
	for (size_t i = 0; i < SCHEDULE_HOURS; i++) {
		const json_t *v = json_array_get(hours, i);
		if (!json_is_boolean(v))
			return err_set(why, -EINVAL, "hoursOfWeek: item %zu is no boolean", i + 1);
		s->hours[i] = json_is_true(v);
	}
	s->id = (uint64_t)json_int(in, "ID", 0);
	s->name = xstrdup(json_text(in, "name", ""));
	return 0;
}

unsigned context_places(const json_t *context)
{
	static const struct {
		const char *field;
		unsigned place;
	} places[] = {
		{ "localConnectionsEnabled", PLACE_LOCAL },
		{ "remoteConnectionsEnabled", PLACE_REMOTE },
		{ "noConnectionEnabled", PLACE_NONE },
		{ "noInternetEnabled", PLACE_NO_INTERNET },
	};
	unsigned all = 0;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (json_bool(context, places[i].field, false))
			all |= places[i].place;
	return all;
}

static int parse_context(struct fw_context *c, const json_t *in, struct err *why)
{
	(void)why;
	c->places = context_places(in);
	c->restricted = json_bool(in, "restrictedInterfacesEnabled", false);
	c->id = (uint64_t)json_int(in, "ID", 0);
	c->name = xstrdup(json_text(in, "name", ""));
	return 0;
}

/* Texts of an array; *out owned, also after a failure. */
static int parse_texts(const json_t *in, const char *field, char ***out, size_t *n, struct err *why)
{
	const json_t *list = json_array_at(in, field);
	size_t count = json_array_size(list);
	*out = xcalloc(count + 1, sizeof(**out));
	for (*n = 0; *n < count; (*n)++) {
		const char *text = json_string_value(json_array_get(list, *n));
		if (!text || !*text)
			return err_set(why, -EINVAL, "%s: item %zu is no text", field, *n + 1);
		(*out)[*n] = xstrdup(text);
	}
	return 0;
}

static int parse_type(struct fw_interface_type *t, const json_t *in, struct err *why)
{
	t->id = (uint64_t)json_int(in, "ID", 0);
	t->name = xstrdup(json_text(in, "name", ""));
	return parse_texts(in, "patterns", &t->patterns, &t->npatterns, why);
}

static int parse_one_stateful(struct fw_stateful *s, const json_t *in, struct err *why)
{
	struct flow_rules *r = &s->rules;
	const struct {
		const char *field;
		uint32_t *to;
	} limits[] = {
		{ "maxIncomingConnections", &r->max_incoming },
		{ "maxOutgoingConnections", &r->max_outgoing },
		{ "maxHalfOpenConnections", &r->max_half_open },
	};
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		uint64_t n = 0;
		int rc = take_number(in, limits[i].field, 1000000, 0, &n, why);
		if (rc < 0)
			return rc;
		*limits[i].to = (uint32_t)n;
	}
	r->tcp = json_bool(in, "tcpstatefulInspectionEnabled", true);
	r->udp = json_bool(in, "udpstatefulInspectionEnabled", true);
	r->icmp = json_bool(in, "icmpstatefulInspectionEnabled", false);
	r->log_tcp = json_bool(in, "tcpstatefulLoggingEnabled", false);
	r->log_udp = json_bool(in, "udpstatefulLoggingEnabled", false);
	r->log_icmp = json_bool(in, "icmpstatefulLoggingEnabled", false);
	r->deny_fragments = json_bool(in, "denyFragmentedPacketsEnabled", false);
	r->deny_ce = json_bool(in, "denyPacketsContainingCwrOrEceEnabled", false);
	s->id = (uint64_t)json_int(in, "ID", 0);
	s->name = xstrdup(json_text(in, "name", ""));
	return 0;
}

int firewall_check_stateful(const json_t *config, struct err *why)
{
	struct fw_stateful s = { 0 };
	int rc = parse_one_stateful(&s, config, why);
	free(s.name);
	return rc;
}

/* ---- arrays of objects ---- */

/* Counts an array of objects; *n is what was parsed, so that rules_free() sees no more. */
static int objects(const json_t *in, const char *field, size_t max, const json_t **list,
                   size_t *count, struct err *why)
{
	const json_t *v = json_object_get(in, field);
	if (v && !json_is_null(v) && !json_is_array(v))
		return err_set(why, -EINVAL, "%s is no array", field);
	*list = v;
	*count = json_array_size(v);
	if (*count > max)
		return err_set(why, -E2BIG, "%s has more than %zu items", field, max);
	for (size_t i = 0; i < *count; i++)
		if (!json_is_object(json_array_get(v, i)))
			return err_set(why, -EINVAL, "%s: item %zu is no object", field, i + 1);
	return 0;
}

#define PARSE_OBJECTS(member, number, field, parse_one)                                \
	static int parse_##member(struct rules *r, const json_t *in, struct err *why)  \
	{                                                                              \
		const json_t *list = NULL;                                             \
		size_t count = 0;                                                      \
		int rc = objects(in, field, OBJECTS_MAX, &list, &count, why);          \
		if (rc < 0)                                                            \
			return rc;                                                     \
		r->member = xcalloc(count + 1, sizeof(*r->member));                    \
		for (size_t i = 0; i < count && rc == 0; i++) {                        \
			r->number++;                                                   \
			rc = parse_one(&r->member[i], json_array_get(list, i), why);   \
			if (rc < 0)                                                    \
				return err_add(why, rc, "%s: item %zu", field, i + 1); \
		}                                                                      \
		return 0;                                                              \
	}

PARSE_OBJECTS(schedules, nschedules, "schedules", parse_schedule)
PARSE_OBJECTS(contexts, ncontexts, "contexts", parse_context)
PARSE_OBJECTS(types, ntypes, "interfaceTypes", parse_type)
PARSE_OBJECTS(stateful, nstateful, "statefulConfigurations", parse_one_stateful)

static int known_stateful(const struct rules *r, uint64_t id, struct err *why)
{
	for (size_t i = 0; i < r->nstateful; i++)
		if (r->stateful[i].id == id)
			return 0;
	return err_set(why, -ENOENT, "statefulConfigurationID %llu is not known",
	               (unsigned long long)id);
}

static int parse_assignment(struct rules *r, const json_t *in, struct err *why)
{
	struct fw_assignment *a = &r->assignments[r->nassignments];
	int rc = take_number(in, "interfaceTypeID", INT64_MAX, 0, &a->interface_type, why);
	if (rc == 0)
		rc = take_number(in, "statefulConfigurationID", INT64_MAX, 0, &a->stateful, why);
	if (rc == 0)
		rc = known_stateful(r, a->stateful, why);
	if (rc == 0)
		r->nassignments++;
	return rc;
}

static int parse_assignments(struct rules *r, const json_t *in, struct err *why)
{
	const json_t *list = NULL;
	size_t count = 0;
	int rc = objects(in, "statefulConfigurationAssignments", OBJECTS_MAX, &list, &count, why);
	if (rc == 0)
		rc = take_number(in, "globalStatefulConfigurationID", INT64_MAX, 0,
		                 &r->global_stateful, why);
	if (rc == 0 && r->global_stateful)
		rc = known_stateful(r, r->global_stateful, why);
	if (rc < 0)
		return rc;
	r->assignments = xcalloc(count + 1, sizeof(*r->assignments));
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = parse_assignment(r, json_array_get(list, i), why);
	return rc;
}

/* ---- rules, with the hidden ones ---- */

struct hidden {
	enum fw_hidden hidden;
	const char *name;
	enum fw_action action;
	enum packet_direction direction;
	unsigned proto;
	uint16_t sport, dport; /* 0: any */
	bool pmtu;
};

/* Spans of the table by what switches them on: dns first, then dhcp, then pmtu. */
/* clang-format off */
static const struct hidden dns_rules[] = {
	{ HIDDEN_DNS,  "DNS query",     FW_FORCE_ALLOW, PACKET_OUT, FW_PROTO_TCP_UDP, 0,   53,  false },
	{ HIDDEN_DNS,  "DNS answer",    FW_FORCE_ALLOW, PACKET_IN,  FW_PROTO_TCP_UDP, 53,  0,   false },
};
static const struct hidden dhcp_rules[] = {
	{ HIDDEN_DHCP, "DHCP client",   FW_FORCE_ALLOW, PACKET_OUT, PROTO_UDP,        68,  67,  false },
	{ HIDDEN_DHCP, "DHCP server",   FW_FORCE_ALLOW, PACKET_IN,  PROTO_UDP,        67,  68,  false },
	{ HIDDEN_DHCP, "DHCPv6 client", FW_FORCE_ALLOW, PACKET_OUT, PROTO_UDP,        546, 547, false },
	{ HIDDEN_DHCP, "DHCPv6 server", FW_FORCE_ALLOW, PACKET_IN,  PROTO_UDP,        547, 546, false },
};
static const struct hidden pmtu_rules[] = {
	{ HIDDEN_PMTU, "ICMP type 3 code 4", FW_FORCE_ALLOW, PACKET_IN,  PROTO_ICMP,  0,   0,   true },
	{ HIDDEN_PMTU, "ICMP type 3 code 4", FW_FORCE_ALLOW, PACKET_OUT, PROTO_ICMP,  0,   0,   true },
};
/* clang-format on */

static void one_port(struct port_match *m, uint16_t port)
{
	m->any = port == 0;
	if (m->any)
		return;
	m->list.ranges = xcalloc(1, sizeof(*m->list.ranges));
	m->list.ranges[0] = (struct port_range){ port, port };
	m->list.n = 1;
}

static void add_hidden(struct rules *r, const struct hidden *h)
{
	struct fw_rule *rule = &r->rules[r->nrules++];
	*rule = (struct fw_rule){
		.hidden = h->hidden,
		.name = xstrdup(h->name),
		.action = h->action,
		.priority = 4,
		.direction = h->direction,
		.frame = FRAME_IP,
		.proto = h->proto,
		.src.any = true,
		.dst.any = true,
		.src_mac.any = true,
		.dst_mac.any = true,
		.any_flags = true,
		.icmp_type = h->pmtu ? 3 : FW_ICMP_ANY,
		.icmp_code = h->pmtu ? 4 : FW_ICMP_ANY,
		.quiet = true,
	};
	one_port(&rule->sport, h->sport);
	one_port(&rule->dport, h->dport);
}

/* An administrator's own rule for the agent's port takes the place of the hidden one. */
static bool names_port(const struct fw_rule *r, uint16_t port)
{
	return (r->action == FW_FORCE_ALLOW || r->action == FW_BYPASS) && r->priority == 4 &&
	       r->direction == PACKET_IN && r->frame == FRAME_IP && !r->frame_not &&
	       r->proto == PROTO_TCP && !r->proto_not && !r->dport.any &&
	       !r->dport.not &&port_list_has(&r->dport.list, port);
}

static int add_manager(struct rules *r, const json_t *in, struct err *why)
{
	uint64_t port = 0;
	int rc = take_number(in, "agentPort", UINT16_MAX, 0, &port, why);
	if (rc < 0 || port == 0)
		return rc;
	for (size_t i = 0; i < r->nrules; i++)
		if (names_port(&r->rules[i], (uint16_t)port))
			return 0;
	add_hidden(r, &(struct hidden){ HIDDEN_MANAGER, "Manager", FW_BYPASS, PACKET_IN, PROTO_TCP,
	                                0, (uint16_t)port, false });
	return 0;
}

static int add_all_hidden(struct rules *r, const json_t *in, struct err *why)
{
	const json_t *s = json_object_at(in, "settings");
	const char *force = json_text(s, "firewallSettingEngineOptionForceAllowDhcpDns",
	                              "Allow DNS Query and DHCP Client");
	const char *pmtu = json_text(s, "firewallSettingEngineOptionForceAllowIcmpType3Code4",
	                             "Add Force Allow rule for ICMP type3 code4");
	int rc = add_manager(r, in, why);
	for (size_t i = 0; strstr(force, "DNS") && i < ARRAY_LEN(dns_rules); i++)
		add_hidden(r, &dns_rules[i]);
	for (size_t i = 0; strstr(force, "DHCP") && i < ARRAY_LEN(dhcp_rules); i++)
		add_hidden(r, &dhcp_rules[i]);
	for (size_t i = 0; strncmp(pmtu, "Add", 3) == 0 && i < ARRAY_LEN(pmtu_rules); i++)
		add_hidden(r, &pmtu_rules[i]);
	return rc;
}

static void bind_rule(const struct rules *r, struct fw_rule *rule)
{
	for (size_t i = 0; i < r->nschedules; i++)
		if (rule->schedule && r->schedules[i].id == rule->schedule)
			rule->when = &r->schedules[i];
	for (size_t i = 0; i < r->ncontexts; i++)
		if (rule->context && r->contexts[i].id == rule->context)
			rule->where = &r->contexts[i];
}

static int parse_rules(struct rules *r, const json_t *in, struct err *why)
{
	const json_t *list = NULL;
	size_t count = 0;
	int rc = objects(in, "rules", RULES_MAX, &list, &count, why);
	if (rc < 0)
		return rc;
	r->rules = xcalloc(count + HIDDEN_MAX, sizeof(*r->rules));
	for (size_t i = 0; i < count; i++) {
		const json_t *one = json_array_get(list, i);
		rc = fw_rule_parse(&r->rules[r->nrules++], one, in, why);
		if (rc < 0)
			return err_add(why, rc, "rule %s",
			               json_text(one, "name", "without a name"));
		bind_rule(r, &r->rules[i]);
	}
	rc = add_all_hidden(r, in, why);
	qsort(r->rules, r->nrules, sizeof(*r->rules), fw_rule_cmp);
	return rc;
}

/* ---- the whole ---- */

static void texts_free(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

static void objects_free(struct rules *r)
{
	for (size_t i = 0; i < r->nschedules; i++)
		free(r->schedules[i].name);
	for (size_t i = 0; i < r->ncontexts; i++)
		free(r->contexts[i].name);
	for (size_t i = 0; i < r->nstateful; i++)
		free(r->stateful[i].name);
	for (size_t i = 0; i < r->ntypes; i++) {
		free(r->types[i].name);
		texts_free(r->types[i].patterns, r->types[i].npatterns);
	}
	free(r->schedules);
	free(r->contexts);
	free(r->stateful);
	free(r->types);
	free(r->assignments);
}

static void rules_free(struct rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->nrules; i++)
		fw_rule_done(&r->rules[i]);
	free(r->rules);
	objects_free(r);
	ip_list_done(&r->recon.exclude);
	ip_list_done(&r->recon.include);
	ip_list_done(&r->ignore_sources);
	texts_free(r->interface_patterns, r->npatterns);
	free(r);
}

static void rules_freep(struct rules **r)
{
	rules_free(*r);
}

static int parse(const json_t *in, struct rules **out, struct err *why)
{
	static const char *const states[] = { "off", "on" };
	AUTO(rules_freep) struct rules *r = xcalloc(1, sizeof(*r));
	unsigned on = 0;
	if (!json_is_object(in))
		return err_set(why, -EINVAL, "firewall is no object");
	int rc = take_word(in, "state", states, 2, 0, &on, why);
	if (rc == 0)
		rc = parse_schedules(r, in, why);
	if (rc == 0)
		rc = parse_contexts(r, in, why);
	if (rc == 0)
		rc = parse_types(r, in, why);
	if (rc == 0)
		rc = parse_stateful(r, in, why);
	if (rc == 0)
		rc = parse_assignments(r, in, why);
	if (rc == 0)
		rc = fw_settings_parse(r, in, why);
	if (rc == 0)
		rc = parse_rules(r, in, why);
	if (rc < 0)
		return rc;
	r->on = on;
	*out = TAKE(r);
	return 0;
}

static void forget_rules(struct rules *r)
{
	for (size_t i = 0; i < r->nrules; i++)
		fw_rule_done(&r->rules[i]);
	r->nrules = 0;
}

int firewall_engine_only(const json_t *section, struct rules **out, struct err *why)
{
	AUTO(json_decrefp) json_t *bare = json_object();
	const json_t *settings = json_object_at(section, "settings");
	struct rules *r = NULL;
	json_set_text(bare, "state", "on");
	if (settings)
		json_object_set(bare, "settings", (json_t *)(uintptr_t)settings);
	json_object_set(bare, "ipLists", json_object_get(section, "ipLists"));
	int rc = parse(bare, &r, why);
	if (rc < 0)
		return rc;
	forget_rules(r);
	r->recon.on = r->isolation = r->one_interface = false;
	r->syn_flood = 0;
	r->fragments.size_min = r->fragments.offset_min = 0;
	r->fragments.ipv6_min_mtu = false;
	for (int i = 0; i < EVASION_COUNT; i++)
		r->limits.evasion[i] = POSTURE_ALLOW;
	*out = r;
	return 0;
}

bool firewall_counts_connections(const struct rules *r)
{
	for (size_t i = 0; i < r->nstateful; i++) {
		const struct flow_rules *s = &r->stateful[i].rules;
		if (s->max_incoming || s->max_outgoing || s->max_half_open)
			return true;
	}
	return false;
}

const struct section firewall_section = {
	.name = "firewall",
	.events = &event_class_firewall,
	.parse = parse,
	.free = rules_free,
};
