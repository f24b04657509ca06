#include "module/firewall/rule.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"

static const char *const action_words[FW_ACTIONS] = { "bypass", "log-only", "force-allow", "deny",
	                                              "allow" };
static const char *const action_names[FW_ACTIONS] = { "Bypass", "Log Only", "Force Allow", "Deny",
	                                              "Allow" };

const char *fw_action_word(enum fw_action a)
{
	return action_words[a];
}

const char *fw_action_name(enum fw_action a)
{
	return action_names[a];
}

const json_t *object_by_id(const json_t *policy, const char *array, uint64_t id)
{
	const json_t *list = json_array_at(policy, array);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		if (json_int(o, "ID", 0) == (int64_t)id)
			return o;
	}
	return NULL;
}

int take_word(const json_t *in, const char *field, const char *const *words, size_t n,
              unsigned otherwise, unsigned *out, struct err *why)
{
	const json_t *v = json_object_get(in, field);
	*out = otherwise;
	if (!v || json_is_null(v))
		return 0;
	for (unsigned i = 0; i < n; i++) {
		if (json_is_string(v) && strcmp(json_string_value(v), words[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	return err_set(why, -EINVAL, "%s is none of its choices", field);
}

int take_number(const json_t *in, const char *field, uint64_t max, uint64_t otherwise,
                uint64_t *out, struct err *why)
{
	const json_t *v = json_object_get(in, field);
	*out = otherwise;
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) > max)
		return err_set(why, -EINVAL, "%s is no number from 0 to %llu", field,
		               (unsigned long long)max);
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

static int take_bool(const json_t *in, const char *field, bool otherwise, bool *out,
                     struct err *why)
{
	const json_t *v = json_object_get(in, field);
	*out = otherwise;
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_boolean(v))
		return err_set(why, -EINVAL, "%s is neither true nor false", field);
	*out = json_is_true(v);
	return 0;
}

/* ---- one side's addresses, MACs and ports ---- */

/* "source" + "IPType" and the like. */
struct side {
	const json_t *in, *policy;
	const char *side, *what;
	char field[48];
};

static const char *name_of(struct side *s, const char *end)
{
	snprintf(s->field, sizeof(s->field), "%s%s%s", s->side, s->what, end);
	return s->field;
}

static const json_t *value_of(struct side *s, const char *end)
{
	return json_object_get(s->in, name_of(s, end));
}

/* The items of a list that is referred to; new reference. NULL with rc 0: not to be looked up. */
static int list_items(struct side *s, const char *array, json_t **items, struct err *why)
{
	uint64_t id = 0;
	*items = NULL;
	int rc = take_number(s->in, name_of(s, "ListID"), INT64_MAX, 0, &id, why);
	if (rc < 0)
		return rc;
	if (id == 0)
		return err_set(why, -EINVAL, "%s is missing", s->field);
	if (!s->policy)
		return 0;
	const json_t *list = object_by_id(s->policy, array, id);
	if (!list)
		return err_set(why, -ENOENT, "%s %llu is not known", s->field,
		               (unsigned long long)id);
	json_t *found = json_object_get(list, "items");
	*items = found ? json_incref(found) : json_array();
	return 0;
}

static int multiple_items(struct side *s, json_t **items, struct err *why)
{
	json_t *v = json_object_get(s->in, name_of(s, "Multiple"));
	if (!json_is_array(v) || json_array_size(v) == 0)
		return err_set(why, -EINVAL, "%s is missing", s->field);
	*items = json_incref(v);
	return 0;
}

static int value_items(struct side *s, const char *end, json_t **items, struct err *why)
{
	const json_t *v = value_of(s, end);
	if (!json_is_string(v) || !*json_string_value(v))
		return err_set(why, -EINVAL, "%s is missing", s->field);
	*items = json_pack("[s]", json_string_value(v));
	return 0;
}

static int pair_items(struct side *s, const char *first, const char *second, char between,
                      json_t **items, struct err *why)
{
	const char *a = json_string_value(value_of(s, first));
	if (!a || !*a)
		return err_set(why, -EINVAL, "%s is missing", s->field);
	const char *b = json_string_value(value_of(s, second));
	if (!b || !*b)
		return err_set(why, -EINVAL, "%s is missing", s->field);
	char text[128];
	if (snprintf(text, sizeof(text), "%s%c%s", a, between, b) >= (int)sizeof(text))
		return err_set(why, -EINVAL, "%s is too long", s->field);
	*items = json_pack("[s]", text);
	return 0;
}

enum ip_type { IP_ANY, IP_MASKED, IP_RANGE, IP_LIST, IP_SINGLE, IP_MULTIPLE };

static int ip_items(struct side *s, unsigned type, json_t **items, struct err *why)
{
	switch ((enum ip_type)type) {
	case IP_ANY:
		return 0;
	case IP_MASKED:
		return pair_items(s, "Value", "Mask", '/', items, why);
	case IP_RANGE:
		return pair_items(s, "RangeFrom", "RangeTo", '-', items, why);
	case IP_LIST:
		return list_items(s, "ipLists", items, why);
	case IP_SINGLE:
		return value_items(s, "Value", items, why);
	case IP_MULTIPLE:
		return multiple_items(s, items, why);
	}
	return 0;
}

static int take_not(struct side *s, bool any, bool * not, struct err *why)
{
	int rc = take_bool(s->in, name_of(s, "Not"), false, not, why);
	if (rc == 0 && any && *not )
		return err_set(why, -EINVAL, "%s cannot be true for any", s->field);
	return rc;
}

static int take_ips(struct side *s, struct ip_match *out, struct err *why)
{
	static const char *const types[] = { "any",     "masked-ip", "range",
		                             "ip-list", "single",    "multiple" };
	static const char *const blame[] = {
		"", "Value", "RangeTo", "ListID", "Value", "Multiple"
	};
	AUTO(json_decrefp) json_t *items = NULL;
	unsigned type = 0;
	int rc = take_word(s->in, name_of(s, "Type"), types, ARRAY_LEN(types), 0, &type, why);
	out->any = type == IP_ANY;
	if (rc == 0)
		rc = take_not(s, out->any, &out->not, why);
	if (rc == 0)
		rc = ip_items(s, type, &items, why);
	if (rc < 0 || !items)
		return rc;
	rc = ip_list_parse(&out->list, items, why);
	return rc < 0 ? err_add(why, rc, "%s", name_of(s, blame[type])) : 0;
}

static int take_macs(struct side *s, struct mac_match *out, struct err *why)
{
	static const char *const types[] = { "any", "single", "mac-list", "multiple" };
	static const char *const blame[] = { "", "Value", "ListID", "Multiple" };
	AUTO(json_decrefp) json_t *items = NULL;
	unsigned type = 0;
	int rc = take_word(s->in, name_of(s, "Type"), types, ARRAY_LEN(types), 0, &type, why);
	out->any = type == 0;
	if (rc == 0)
		rc = take_not(s, out->any, &out->not, why);
	if (rc == 0 && type == 1)
		rc = value_items(s, "Value", &items, why);
	if (rc == 0 && type == 2)
		rc = list_items(s, "macLists", &items, why);
	if (rc == 0 && type == 3)
		rc = multiple_items(s, &items, why);
	if (rc < 0 || !items)
		return rc;
	rc = mac_list_parse(&out->list, items, why);
	return rc < 0 ? err_add(why, rc, "%s", name_of(s, blame[type])) : 0;
}

static int take_port_match(struct side *s, struct port_match *out, struct err *why)
{
	static const char *const types[] = { "any", "multiple", "port-list" };
	static const char *const blame[] = { "", "Multiple", "ListID" };
	AUTO(json_decrefp) json_t *items = NULL;
	unsigned type = 0;
	int rc = take_word(s->in, name_of(s, "Type"), types, ARRAY_LEN(types), 0, &type, why);
	out->any = type == 0;
	if (rc == 0)
		rc = take_not(s, out->any, &out->not, why);
	if (rc == 0 && type == 1)
		rc = multiple_items(s, &items, why);
	if (rc == 0 && type == 2)
		rc = list_items(s, "portLists", &items, why);
	if (rc < 0 || !items)
		return rc;
	rc = port_list_parse(&out->list, items, why);
	return rc < 0 ? err_add(why, rc, "%s", name_of(s, blame[type])) : 0;
}

static int take_sides(struct fw_rule *r, const json_t *in, const json_t *policy, struct err *why)
{
	static const char *const sides[] = { "source", "destination" };
	struct ip_match *ips[] = { &r->src, &r->dst };
	struct mac_match *macs[] = { &r->src_mac, &r->dst_mac };
	struct port_match *ports[] = { &r->sport, &r->dport };
	int rc = 0;
	for (size_t i = 0; i < 2 && rc == 0; i++) {
		rc = take_ips(&(struct side){ in, policy, sides[i], "IP", "" }, ips[i], why);
		if (rc == 0)
			rc = take_macs(&(struct side){ in, policy, sides[i], "MAC", "" }, macs[i],
			               why);
		if (rc == 0)
			rc = take_port_match(&(struct side){ in, policy, sides[i], "Port", "" },
			                     ports[i], why);
	}
	return rc;
}

/* ---- frame, protocol, flags, ICMP ---- */

static int take_frame(struct fw_rule *r, const json_t *in, struct err *why)
{
	static const char *const words[] = {
		"any", "ip", "arp", "revarp", "ipv4", "ipv6", "other"
	};
	unsigned frame = 0;
	uint64_t number = 0;
	int rc = take_word(in, "frameType", words, ARRAY_LEN(words), FRAME_IP, &frame, why);
	if (rc == 0)
		rc = take_bool(in, "frameNot", false, &r->frame_not, why);
	if (rc == 0)
		rc = take_number(in, "frameNumber", UINT16_MAX, UINT16_MAX + 1, &number, why);
	if (rc < 0)
		return rc;
	r->frame = (enum fw_frame)frame;
	if (r->frame == FRAME_OTHER && number > UINT16_MAX)
		return err_set(why, -EINVAL, "frameNumber is missing");
	if (r->frame == FRAME_ANY && r->frame_not)
		return err_set(why, -EINVAL, "frameNot cannot be true for any");
	r->frame_number = (uint16_t)number;
	return 0;
}

static int take_protocol(struct fw_rule *r, const json_t *in, struct err *why)
{
	static const char *const words[] = { "any",     "icmp",   "igmp", "ggp", "tcp",
		                             "pup",     "udp",    "idp",  "nd",  "raw",
		                             "tcp-udp", "icmpv6", "other" };
	static const unsigned numbers[] = { FW_PROTO_ANY,     1,  2, 3, 6, 12, 17, 22, 77, 255,
		                            FW_PROTO_TCP_UDP, 58, 0 };
	unsigned at = 0;
	uint64_t number = 0;
	int rc = take_word(in, "protocol", words, ARRAY_LEN(words), 0, &at, why);
	if (rc == 0)
		rc = take_bool(in, "protocolNot", false, &r->proto_not, why);
	if (rc == 0)
		rc = take_number(in, "protocolNumber", UINT8_MAX, UINT8_MAX + 1, &number, why);
	if (rc < 0)
		return rc;
	r->proto = numbers[at];
	if (strcmp(words[at], "other") == 0) {
		if (number > UINT8_MAX)
			return err_set(why, -EINVAL, "protocolNumber is missing");
		r->proto = (unsigned)number;
	}
	if (r->proto == FW_PROTO_ANY && r->proto_not)
		return err_set(why, -EINVAL, "protocolNot cannot be true for any");
	return 0;
}

static int take_flags(struct fw_rule *r, const json_t *in, struct err *why)
{
	static const char *const words[] = { "fin", "syn", "rst", "psh", "ack", "urg" };
	const json_t *list = json_object_get(in, "tcpflags");
	int rc = take_bool(in, "anyFlags", json_array_size(list) == 0, &r->any_flags, why);
	if (rc == 0)
		rc = take_bool(in, "TCPNot", false, &r->flags_not, why);
	for (size_t i = 0; i < json_array_size(list) && rc == 0; i++) {
		AUTO(json_decrefp)
		json_t *one = json_pack("{s:O}", "tcpflags", json_array_get(list, i));
		unsigned at = 0;
		rc = take_word(one, "tcpflags", words, ARRAY_LEN(words), 0, &at, why);
		r->flags |= (uint8_t)(1u << at);
	}
	if (rc < 0)
		return rc;
	if (r->any_flags && r->flags)
		return err_set(why, -EINVAL, "tcpflags are given although anyFlags is true");
	if (r->any_flags && r->flags_not)
		return err_set(why, -EINVAL, "TCPNot cannot be true for any flags");
	if (!r->any_flags && (r->proto != PROTO_TCP || r->proto_not))
		return err_set(why, -EINVAL, "tcpflags: only the protocol tcp has flags");
	return 0;
}

static int take_icmp(struct fw_rule *r, const json_t *in, struct err *why)
{
	uint64_t type = 0, code = 0;
	int rc = take_number(in, "ICMPType", UINT8_MAX, FW_ICMP_ANY, &type, why);
	if (rc == 0)
		rc = take_number(in, "ICMPCode", UINT8_MAX, FW_ICMP_ANY, &code, why);
	if (rc == 0)
		rc = take_bool(in, "ICMPNot", false, &r->icmp_not, why);
	if (rc < 0)
		return rc;
	r->icmp_type = (unsigned)type;
	r->icmp_code = (unsigned)code;
	bool icmp = (r->proto == PROTO_ICMP || r->proto == PROTO_ICMPV6) && !r->proto_not;
	if (type != FW_ICMP_ANY && !icmp)
		return err_set(why, -EINVAL,
		               "ICMPType: only the protocols icmp and icmpv6 have it");
	if (code != FW_ICMP_ANY && type == FW_ICMP_ANY)
		return err_set(why, -EINVAL, "ICMPCode needs ICMPType");
	if (r->icmp_not && type == FW_ICMP_ANY)
		return err_set(why, -EINVAL, "ICMPNot needs ICMPType");
	return 0;
}

/* ---- what cannot be together ---- */

static bool has_version(const struct ip_match *m, uint8_t version)
{
	if (m->any || m->not || !m->list.n)
		return true;
	for (size_t i = 0; i < m->list.n; i++)
		if (m->list.ranges[i].from.version == version)
			return true;
	return false;
}

static int check_priority(const struct fw_rule *r, struct err *why)
{
	if (r->action == FW_ALLOW && r->priority != 0)
		return err_set(why, -EINVAL, "priority of a rule that allows must be 0");
	if (r->action == FW_LOG_ONLY && r->priority != 4)
		return err_set(why, -EINVAL, "priority of a rule that only logs must be 4");
	return 0;
}

/* Without IP there are no addresses, protocols and ports. */
static int check_no_ip(const struct fw_rule *r, struct err *why)
{
	if (r->proto != FW_PROTO_ANY)
		return err_set(why, -EINVAL, "protocol: this frameType has none");
	if (!r->src.any)
		return err_set(why, -EINVAL, "sourceIPType: this frameType has no IP addresses");
	if (!r->dst.any)
		return err_set(why, -EINVAL,
		               "destinationIPType: this frameType has no IP addresses");
	return 0;
}

static int check_version(const struct fw_rule *r, uint8_t version, struct err *why)
{
	if (!has_version(&r->src, version))
		return err_set(why, -EINVAL, "sourceIPType: no address is of this frameType");
	if (!has_version(&r->dst, version))
		return err_set(why, -EINVAL, "destinationIPType: no address is of this frameType");
	if (!r->proto_not && (version == 6 ? r->proto == PROTO_ICMP || r->proto == PROTO_IGMP
	                                   : r->proto == PROTO_ICMPV6))
		return err_set(why, -EINVAL, "protocol: this frameType does not have it");
	return 0;
}

static int check_frame(const struct fw_rule *r, struct err *why)
{
	bool ip = r->frame == FRAME_IP || r->frame == FRAME_IPV4 || r->frame == FRAME_IPV6;
	if (r->frame == FRAME_OTHER && !r->frame_not &&
	    (r->frame_number == 0x0800 || r->frame_number == 0x86dd))
		ip = true;
	if (r->frame != FRAME_ANY && (!ip || r->frame_not))
		return check_no_ip(r, why);
	if (r->frame == FRAME_IPV4)
		return check_version(r, 4, why);
	return r->frame == FRAME_IPV6 ? check_version(r, 6, why) : 0;
}

static int check_ports(const struct fw_rule *r, struct err *why)
{
	bool ports = !r->proto_not && (r->proto == PROTO_TCP || r->proto == PROTO_UDP ||
	                               r->proto == FW_PROTO_TCP_UDP);
	if (!ports && !r->sport.any)
		return err_set(why, -EINVAL, "sourcePortType: this protocol has no ports");
	if (!ports && !r->dport.any)
		return err_set(why, -EINVAL, "destinationPortType: this protocol has no ports");
	return 0;
}

/* ---- the rest ---- */

static int take_interfaces(struct fw_rule *r, const json_t *in, const json_t *policy,
                           struct err *why)
{
	const json_t *ids = json_array_at(in, "interfaceTypeIDs");
	size_t n = json_array_size(ids);
	r->interface_types = n ? xcalloc(n, sizeof(*r->interface_types)) : NULL;
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_array_get(ids, i);
		uint64_t id = json_is_integer(v) ? (uint64_t)json_integer_value(v) : 0;
		if (id == 0 || (policy && !object_by_id(policy, "interfaceTypes", id)))
			return err_set(why, -ENOENT, "interfaceTypeIDs: item %zu is not known",
			               i + 1);
		r->interface_types[r->ninterface_types++] = id;
	}
	return 0;
}

static int take_reference(const json_t *in, const char *field, const json_t *policy,
                          const char *array, uint64_t *out, struct err *why)
{
	int rc = take_number(in, field, INT64_MAX, 0, out, why);
	if (rc == 0 && *out && policy && !object_by_id(policy, array, *out))
		return err_set(why, -ENOENT, "%s %llu is not known", field,
		               (unsigned long long)*out);
	return rc;
}

static int take_head(struct fw_rule *r, const json_t *in, struct err *why)
{
	static const char *const priorities[] = { "0", "1", "2", "3", "4" };
	static const char *const directions[] = { "incoming", "outgoing" };
	unsigned action = 0, direction = 0;
	uint64_t id = 0;
	int rc = take_number(in, "ID", INT64_MAX, 0, &id, why);
	if (rc == 0)
		rc = take_word(in, "action", action_words, FW_ACTIONS, FW_DENY, &action, why);
	if (rc == 0)
		rc = take_word(in, "priority", priorities, 5, action == FW_LOG_ONLY ? 4 : 0,
		               &r->priority, why);
	if (rc == 0)
		rc = take_word(in, "direction", directions, 2, PACKET_IN, &direction, why);
	r->id = id;
	r->action = (enum fw_action)action;
	r->direction = (enum packet_direction)direction;
	r->name = xstrdup(json_text(in, "name", ""));
	return rc < 0 ? rc : check_priority(r, why);
}

static int take_tail(struct fw_rule *r, const json_t *in, const json_t *policy, struct err *why)
{
	int rc = take_bool(in, "logDisabled", false, &r->quiet, why);
	if (rc == 0)
		rc = take_bool(in, "includePacketData", false, &r->packet_data, why);
	if (rc == 0)
		rc = take_bool(in, "alertEnabled", false, &r->alert, why);
	if (rc == 0)
		rc = take_reference(in, "scheduleID", policy, "schedules", &r->schedule, why);
	if (rc == 0)
		rc = take_reference(in, "contextID", policy, "contexts", &r->context, why);
	return rc < 0 ? rc : take_interfaces(r, in, policy, why);
}

int fw_rule_parse(struct fw_rule *out, const json_t *in, const json_t *policy, struct err *why)
{
	*out = (struct fw_rule){ 0 };
	if (!json_is_object(in))
		return err_set(why, -EINVAL, "a rule is no object");
	int rc = take_head(out, in, why);
	if (rc == 0)
		rc = take_frame(out, in, why);
	if (rc == 0)
		rc = take_protocol(out, in, why);
	if (rc == 0)
		rc = take_sides(out, in, policy, why);
	if (rc == 0)
		rc = take_flags(out, in, why);
	if (rc == 0)
		rc = take_icmp(out, in, why);
	if (rc == 0)
		rc = take_tail(out, in, policy, why);
	if (rc == 0)
		rc = check_frame(out, why);
	return rc < 0 ? rc : check_ports(out, why);
}

void fw_rule_done(struct fw_rule *r)
{
	free(r->name);
	free(r->interface_types);
	ip_list_done(&r->src.list);
	ip_list_done(&r->dst.list);
	mac_list_done(&r->src_mac.list);
	mac_list_done(&r->dst_mac.list);
	port_list_done(&r->sport.list);
	port_list_done(&r->dport.list);
	*r = (struct fw_rule){ 0 };
}

int fw_rule_cmp(const void *a, const void *b)
{
	const struct fw_rule *x = a, *y = b;
	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	if (x->action != y->action)
		return x->action < y->action ? -1 : 1;
	if (!x->hidden != !y->hidden)
		return x->hidden ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

int firewall_check_rule(const json_t *rule, struct err *why)
{
	struct fw_rule r = { 0 };
	int rc = fw_rule_parse(&r, rule, NULL, why);
	fw_rule_done(&r);
	return rc;
}

int firewall_check_list(const char *kind, const json_t *items, struct err *why)
{
	AUTO(ip_list_done) struct ip_list ips = { 0 };
	AUTO(port_list_done) struct port_list ports = { 0 };
	AUTO(mac_list_done) struct mac_list macs = { 0 };
	if (strcmp(kind, "ip") == 0)
		return ip_list_parse(&ips, items, why);
	if (strcmp(kind, "port") == 0)
		return port_list_parse(&ports, items, why);
	return mac_list_parse(&macs, items, why);
}
