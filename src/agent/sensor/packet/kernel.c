#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/sensor/packet/ask.h"
#include "agent/sensor/packet/learnt.h"
#include "agent/sensor/packet/packet.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

/* What the kernel had counted for a rule when it was asked last. */
struct count {
	uint64_t before, now;
};

void kernel_init(struct packets *s)
{
	s->kernel.tables = -1;
	s->kernel.generation = (unsigned)(clock_ms() / 1000 % GENERATIONS) + 1;
}

void kernel_done(struct packets *s)
{
	struct kernel *k = &s->kernel;
	struct map_item item;
	size_t at = 0;
	while (map_next(&k->counted, &at, &item))
		free(item.value);
	map_done(&k->counted);
	if (k->tables >= 0)
		close(k->tables);
	free(k->document);
	free(k->stopped);
}

/* ---- hits ---- */

static void counted(uint64_t rule, uint64_t packets, void *arg)
{
	struct kernel *k = arg;
	struct str key = { (const char *)&rule, sizeof(rule) };
	struct count *c = map_get(&k->counted, key);
	if (!c) {
		c = xcalloc(1, sizeof(*c));
		map_set(&k->counted, key, c);
	}
	c->now += packets;
}

/* What the kernel counted since the last time; a new ruleset counts from nothing. */
static void take_counts(struct packets *s, bool afresh)
{
	struct kernel *k = &s->kernel;
	struct map_item item;
	size_t at = 0;
	if (!packets_first(s) || k->tables < 0)
		return;
	int rc = learnt_hits(k->tables, counted, k);
	if (rc < 0 && rc != -ENOENT)
		log_error("read the counters: %s", strerror(-rc));
	while (map_next(&k->counted, &at, &item)) {
		struct count *c = item.value;
		uint64_t id, more = c->now >= c->before ? c->now - c->before : c->now;
		memcpy(&id, item.key.p, sizeof(id));
		if (more)
			firewall_add_hits(judges_firewall(&s->judges), id, more);
		c->before = afresh ? 0 : c->now;
		c->now = 0;
	}
}

void kernel_count(struct packets *s)
{
	take_counts(s, false);
}

/* ---- compiling ---- */

static bool carries(const struct link *l)
{
	return l->up && strcmp(l->name, "lo") != 0;
}

/* Without any connection nobody has to ask; else what comms found out counts. */
static unsigned places(const struct packets *s)
{
	for (unsigned i = 0; i < s->links.n; i++)
		if (carries(&s->links.list[i]))
			return s->kernel.places ? s->kernel.places : PLACE_LOCAL;
	return PLACE_NONE | PLACE_NO_INTERNET;
}

/* Names of interfaces that can carry packets, NULL last. */
static void active(const struct packets *s, const char *out[static LINKS_MAX + 1])
{
	size_t n = 0;
	for (unsigned i = 0; i < s->links.n; i++)
		if (carries(&s->links.list[i]))
			out[n++] = s->links.list[i].name;
	out[n] = NULL;
}

/*
 * Whatever the rules say, the agent stays connected: without that nobody could take back a rule.
 * What comms opens passes, and what answers it.
 */
static void write_own(const struct kernel *k, struct buf *out)
{
	static const char head[] =
		"{\"insert\":{\"rule\":{\"family\":\"inet\",\"table\":\"" TABLE "\",\"chain\":";
	static const char mark[] = "{\"ct\":{\"key\":\"mark\"}}";
	buf_fmt(out,
	        "%s\"out\",\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"skuid\"}},"
	        "\"right\":%u}},{\"mangle\":{\"key\":%s,\"value\":{\"|\":[%s,%d]}}},{\"accept\":null}]}}},",
	        head, (unsigned)k->comms, mark, mark, MARK_OWN);
	buf_fmt(out,
	        "%s\"in\",\"expr\":[{\"match\":{\"op\":\"!=\",\"left\":{\"&\":[%s,%d]},\"right\":0}},"
	        "{\"match\":{\"op\":\"==\",\"left\":{\"ct\":{\"key\":\"direction\"}},\"right\":\"reply\"}},"
	        "{\"accept\":null}]}}}",
	        head, mark, MARK_OWN);
}

static bool fails_open(const struct rules *r)
{
	return r->fail_open_engine || r->tap;
}

/* Whoever counts connections has to see all of them. */
static unsigned queues(const struct packets *s, const struct rules *r)
{
	return firewall_counts_connections(r) ? 1 : agent_options(s->me)->packet_processes;
}

enum { DAY_S = 86400 };

static int compile(struct packets *s, const struct rules *r, unsigned generation, struct buf *out,
                   struct err *why)
{
	AUTO(buf_done) struct buf nft = { 0 };
	struct packet_want wants[PACKET_WANTS_MAX];
	const char *up[LINKS_MAX + 1];
	const struct kernel *k = &s->kernel;
	active(s, up);
	const struct fw_target t = { .now = { fw_hour(clock_ms(), clock_utc_offset_s()),
		                              places(s) },
		                     .interfaces = s->links.names,
		                     .active = up,
		                     .log_group = s->logged.room ? LOG_GROUP : 0,
		                     .mark_shift = MARK_SHIFT,
		                     .generation = generation,
		                     .settle_mark = MARK_SETTLED,
		                     .reset_mark = MARK_RESET,
		                     .wants = wants,
		                     .nwants = judges_wants(&s->judges, wants) };
	int rc = firewall_compile(r, &t, &nft, why);
	if (rc < 0)
		return rc;
	buf_fmt(out,
	        "{\"version\":1,\"failOpen\":%s,\"queues\":%u,\"whenStopped\":\"%s\","
	        "\"ackGapMs\":%u,\"nft\":",
	        fails_open(r) ? "true" : "false", queues(s, r),
	        k->stopped && strcmp(k->stopped, "Remove") == 0 ? "remove" : "leave",
	        (r->ack_gap_s < DAY_S ? r->ack_gap_s : DAY_S) * 1000u);
	/* The compiler's array goes on. */
	if (nft.n < 2 || memcmp(nft.p + nft.n - 2, "]}", 2) != 0)
		return err_set(why, -EINVAL, "the compiled ruleset is not understood");
	buf_str(out, (struct str){ nft.p, nft.n - 2 });
	buf_char(out, ',');
	write_own(k, out);
	buf_z(out, "]}}");
	return buf_end(out);
}

/* What the last ruleset settled is judged anew by another one. */
static int compile_news(struct packets *s, const struct rules *r, struct buf *out, struct err *why)
{
	struct kernel *k = &s->kernel;
	int rc = compile(s, r, k->generation, out, why);
	if (rc < 0 || (k->document && strcmp(k->document, out->p) == 0))
		return rc;
	k->generation = k->generation % GENERATIONS + 1;
	buf_clear(out);
	return compile(s, r, k->generation, out, why);
}

/* ---- loading ---- */

static void send_ruleset(struct packets *s, struct str document)
{
	struct kernel *k = &s->kernel;
	struct peer *guard = self_peer(s->me, P_GUARD, 0);
	if (document.n)
		take_counts(s, true);
	int rc = peer_send_big(guard, M_RULESET, ++k->loads, document);
	k->loaded = false;
	snprintf(k->trouble, sizeof(k->trouble), "%s%s", rc < 0 ? "the ruleset was not sent: " : "",
	         rc < 0 ? strerror(-rc) : "");
}

static void load(struct packets *s)
{
	AUTO(buf_done) struct buf b = { 0 };
	struct kernel *k = &s->kernel;
	const struct rules *r = judges_ruleset(&s->judges);
	struct err why = { { 0 } };
	firewall_place(judges_firewall(&s->judges), clock_utc_offset_s(), places(s));
	judges_place(&s->judges, clock_utc_offset_s(), places(s));
	if (!packets_first(s))
		return;
	k->hour = fw_hour(clock_ms(), clock_utc_offset_s());
	if (r && compile_news(s, r, &b, &why) < 0) {
		snprintf(k->trouble, sizeof(k->trouble), "%.200s", why.text);
		k->loaded = false;
		log_error("compile the firewall's ruleset: %s", why.text);
		outbox_system(&s->outbox, "policy-refused", why.text);
		return;
	}
	if (k->document && strcmp(k->document, b.p ? b.p : "") == 0 && !*k->trouble)
		return;
	free(k->document);
	k->document = b.p ? xstrdup(b.p) : xstrdup("");
	send_ruleset(s, buf_view(&b));
}

void kernel_policy(struct packets *s, const json_t *policy)
{
	const json_t *part = json_object_at(json_object_at(policy, "sections"), "firewall");
	free(s->kernel.stopped);
	s->kernel.stopped = xstrdup(json_text(json_object_at(part, "settings"),
	                                      "firewallSettingRulesetWhenStopped", "Leave"));
	load(s);
	kernel_tell_status(s);
}

void kernel_links(struct packets *s)
{
	if (s->kernel.document)
		load(s);
}

void kernel_places(struct packets *s, unsigned places_now)
{
	s->kernel.places = places_now;
	kernel_links(s);
}

void kernel_tick(struct packets *s)
{
	if (s->kernel.document && s->kernel.hour != fw_hour(clock_ms(), clock_utc_offset_s())) {
		load(s);
		kernel_tell_status(s);
	}
}

void kernel_answered(struct packets *s, uint32_t id, struct str answer)
{
	struct kernel *k = &s->kernel;
	AUTO(json_decrefp) json_t *o = json_parse(answer, NULL);
	if (id != k->loads)
		return;
	const char *error = o ? json_text(o, "error", NULL) : "the answer is not understood";
	k->loaded = !error;
	snprintf(k->by, sizeof(k->by), "%s", json_text(o, "by", ""));
	snprintf(k->trouble, sizeof(k->trouble), "%s", error ? error : "");
	if (error)
		outbox_system(&s->outbox, "policy-refused", error);
	kernel_tell_status(s);
}

/* ---- status ---- */

static json_t *engine_shown(const struct packets *s, const struct rules *r)
{
	json_t *o = json_object();
	json_set_text(o, "mode", r->tap ? "Tap" : "Inline");
	json_set_text(o, "asksBy", s->kernel.by);
	json_set_text(o, "whenItFails", fails_open(r) ? "Fail open" : "Fail closed");
	json_set_int(o, "processes", queues(s, r));
	json_set_bool(o, "GSO", (s->queue.flags & QUEUE_GSO) != 0);
	json_set_bool(o, "loaded", s->kernel.loaded);
	return o;
}

/* What is in force, not what was asked for. The console has these words in its languages. */
static const char *words(const struct packets *s, const struct rules *r)
{
	const struct kernel *k = &s->kernel;
	if (!r)
		return "Off";
	if (!*k->trouble && !k->loaded)
		return "On, loading rules";
	if (*k->trouble && (k->tables < 0 || !learnt_there(k->tables)))
		return "Off, rules not loaded";
	if (*k->trouble)
		return r->tap ? "On, Tap, new rules not loaded"
		              : "On, Inline, new rules not loaded";
	return r->tap ? "On, Tap" : "On, Inline";
}

/* Of another instance than the first: by which policy it judges, and what is true while that is not
 * the newest. */
static void show_version(const struct packets *s, json_t *part)
{
	json_object_clear(part);
	json_set_text(part, "message", "On, loading rules");
	json_set_int(part, "policyVersion", s->judges.version);
}

/* A module's part of the status. */
static void show(const struct packets *s, json_t *part)
{
	const struct rules *r = judges_ruleset(&s->judges);
	bool on = strcmp(json_text(part, "state", "off"), "off") != 0;
	json_set_text(part, "message", words(s, on ? r : NULL));
	if (!on)
		return;
	json_set_int(part, "policyVersion", s->kernel.loaded ? s->judges.version : 0);
	json_set_bool(part, "error", *s->kernel.trouble || *s->deaf);
}

void kernel_tell_status(struct packets *s)
{
	AUTO(json_decrefp) json_t *o = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	const struct rules *r = judges_ruleset(&s->judges);
	const char *trouble = *s->kernel.trouble ? s->kernel.trouble : s->deaf, *name;
	struct peer *comms = self_peer(s->me, P_COMMS, 0);
	if (!peer_is_up(comms))
		return;
	json_t *modules = judges_report(&s->judges), *part;
	json_object_foreach (modules, name, part)
		if (packets_first(s))
			show(s, part);
		else
			show_version(s, part);
	if (packets_first(s) && r)
		json_set(json_object_get(modules, "firewall"), "engine", engine_shown(s, r));
	if (packets_first(s) && s->queue.lost)
		json_set_int(json_object_get(modules, "firewall"), "lost", (int64_t)s->queue.lost);
	json_set(o, "modules", modules);
	if (r && *trouble)
		json_set(o, "messages", json_pack("[o]", json_sprintf("Firewall: %s", trouble)));
	json_write(&b, o);
	peer_send_big(comms, M_STATUS, 0, buf_view(&b));
}
