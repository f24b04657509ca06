#include <inttypes.h>
#include <string.h>

#include "agent/comms/comms.h"
#include "agent/comms/host.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"

enum { DEPTH_MAX = 6 };

static bool same_member(const json_t *a, const json_t *b, const char *key)
{
	return json_equal(json_object_get(a, key), json_object_get(b, key));
}

/* What people look at of a module; counters may wait for the next heartbeat. */
static bool same_module(const json_t *x, const json_t *y)
{
	static const char *const words[] = { "state",      "message",     "error", "policyVersion",
		                             "signatures", "fileSystems", "engine" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!same_member(x, y, words[i]))
			return false;
	return true;
}

/* Do both say the same of what people look at? */
static bool same_words(const json_t *a, const json_t *b)
{
	const json_t *x = json_object_at(a, "modules"), *y = json_object_at(b, "modules");
	const char *name;
	json_t *v;
	if (!same_member(a, b, "messages") || json_object_size(x) != json_object_size(y))
		return false;
	json_object_foreach ((json_t *)(uintptr_t)y, name, v)
		if (!same_module(json_object_at(x, name), v))
			return false;
	return true;
}

void status_take(struct comms *c, const struct peer *from, json_t *part)
{
	json_t **kept = &c->parts[from->who][from->instance];
	bool news = !same_words(*kept, part);
	json_decref(*kept);
	*kept = part;
	if (news)
		task_want(c, TASK_HEARTBEAT);
}

/* Objects are merged, lists joined; else the later one stands. */
static void merge(json_t *into, const json_t *from, int depth)
{
	const char *key;
	json_t *v;
	json_object_foreach ((json_t *)(uintptr_t)from, key, v) {
		json_t *old = json_object_get(into, key);
		if (json_is_object(old) && json_is_object(v) && depth > 0)
			merge(old, v, depth - 1);
		else if (json_is_array(old) && json_is_array(v))
			json_array_extend(old, v);
		else
			json_object_set_new(into, key, json_deep_copy(v));
	}
}

/* A module works by the policy that the instance furthest behind has, and says what that one says.
 */
static void hold_back(json_t *modules, const json_t *part)
{
	const json_t *theirs = json_object_at(part, "modules");
	const char *name;
	json_t *m;
	json_object_foreach (modules, name, m) {
		const json_t *v = json_object_at(theirs, name);
		int64_t version = json_int(v, "policyVersion", 0);
		if (version >= json_int(m, "policyVersion", 0))
			continue;
		json_set_int(m, "policyVersion", version);
		if (v)
			json_set_text(m, "message", json_text(v, "message", ""));
	}
}

static unsigned instances(const struct comms *c, unsigned who)
{
	const struct proc *row = &c->me->program->procs[who];
	return row->count ? row->count(c->me) : row->instances;
}

/* The first instance's part is the process's; of the others counts what keeps it from being true.
 */
static void merge_process(json_t *into, const struct comms *c, unsigned who)
{
	if (!c->parts[who][0])
		return;
	AUTO(json_decrefp) json_t *whole = json_deep_copy(c->parts[who][0]);
	for (unsigned i = 1; i < instances(c, who); i++) {
		const json_t *part = c->parts[who][i];
		hold_back(json_object_get(whole, "modules"), part);
		json_array_extend(json_object_get(into, "messages"),
		                  json_object_get(part, "messages"));
	}
	merge(into, whole, DEPTH_MAX);
}

/* The first address of the first interface: what the manager may show as the last one used. */
static const char *first_address(const json_t *interfaces)
{
	for (size_t i = 0; i < json_array_size(interfaces); i++) {
		const json_t *ips = json_array_at(json_array_get(interfaces, i), "IPs");
		if (ips && json_array_size(ips))
			return json_string_value(json_array_get(ips, 0));
	}
	return "";
}

json_t *status_make(const struct comms *c)
{
	json_t *j = json_object(), *interfaces = host_interfaces();
	json_set_text(j, "agentVersion", YAGURA_VERSION);
	json_set(j, "hostName", host_name());
	json_set(j, "platform", host_platform());
	json_set_int(j, "time", (int64_t)clock_ms());
	json_set_int(j, "uptime", (int64_t)(clock_mono_ms() - c->started_ms));
	json_set_int(j, "policyVersion", (int64_t)c->policy.version);
	json_set_text(j, "lastIP", first_address(interfaces));
	json_set(j, "interfaces", interfaces);
	json_set(j, "modules", json_object());
	json_set(j, "messages", json_array());
	if (*c->refused)
		json_array_append_new(json_object_get(j, "messages"),
		                      json_sprintf("A policy was refused: %s", c->refused));
	for (unsigned i = 0; i < P_COUNT; i++)
		merge_process(j, c, i);
	return j;
}

static void line(struct buf *out, const char *prefix, const char *name, const char *value)
{
	buf_fmt(out, "%s%s: ", prefix, name);
	buf_safe(out, str_of(value));
	buf_char(out, '\n');
}

/* "PREFIX.a.b: value" for every value below j. */
static void flatten(struct buf *out, const char *prefix, const json_t *j, int depth)
{
	const char *key;
	json_t *v;
	json_object_foreach ((json_t *)(uintptr_t)j, key, v) {
		AUTO(buf_done) struct buf name = { 0 };
		buf_fmt(&name, "%s.%s", prefix, key);
		if (json_is_object(v) && depth > 0) {
			flatten(out, name.p, v, depth - 1);
		} else if (json_is_string(v)) {
			line(out, name.p, "", json_string_value(v));
		} else if (!json_is_object(v)) {
			AUTO(buf_done) struct buf value = { 0 };
			if (json_is_array(v)) {
				json_write(&value, v);
			} else if (json_is_integer(v)) {
				buf_fmt(&value, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
			} else {
				buf_z(&value, json_is_true(v) ? "true" : "false");
			}
			line(out, name.p, "", value.p);
		}
	}
}

static const char *color(const struct comms *c)
{
	if (!c->id.valid)
		return "grey";
	if (*c->refused)
		return "red";
	return c->online ? "green" : "yellow";
}

void status_text(const struct comms *c, struct buf *out)
{
	static const char prefix[] = "AgentStatus";
	char url[320] = "";
	AUTO(json_decrefp) json_t *j = status_make(c);
	if (c->id.valid)
		address_write(&c->id.manager, "https", url, sizeof(url));
	line(out, prefix, ".agentState", color(c));
	line(out, prefix, ".activated", c->id.valid ? "true" : "false");
	line(out, prefix, ".dsmUrl", url);
	line(out, prefix, ".dsmDN", c->id.valid ? c->id.manager_guid : "");
	line(out, prefix, ".hostGUID", c->id.host_guid);
	line(out, prefix, ".tenantID", c->id.tenant_id);
	buf_fmt(out, "AgentStatus.lastContact: %" PRIu64 "\n", c->seen_ms);
	json_object_del(j, "interfaces");
	flatten(out, prefix, j, DEPTH_MAX);
}

void status_components(const struct comms *c, struct buf *out)
{
	AUTO(json_decrefp) json_t *j = status_make(c);
	const json_t *am = json_object_at(json_object_at(j, "modules"), "antimalware");
	line(out, "Component.Agent", ".version", YAGURA_VERSION);
	if (am)
		flatten(out, "Component.AM", am, DEPTH_MAX);
	else
		line(out, "Component.AM", ".state", "off");
}
