#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/outbox.h"
#include "agent/sensor/packet/ask.h"
#include "agent/sensor/packet/learnt.h"
#include "agent/sensor/packet/links.h"
#include "agent/sensor/packet/logged.h"
#include "agent/sensor/packet/queue.h"
#include "agent/watchdog.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rand.h"
#include "module/firewall/firewall.h"

/*
 * The Firewall in the agent: answers the kernel's questions about packets, hears what the kernel
 * decided by itself, compiles the ruleset from the policy and has the guard load it. Nothing is
 * allocated per packet. The first instance does what is done once for all.
 */

enum {
	TICK_MS = 500,
	STATUS_TICKS = 20,
	POLICY_MAX = 32 << 20,
	FLOWS = 65536,
	LAST_READS = 64,
	/* Our bit of the packet mark: no more questions about this connection. */
	MARK_SETTLED = 1 << 27,
	/* Our bits of the conntrack mark: six of the compiler's, and the agent's own connections.
	 */
	MARK_SHIFT = 20,
	MARK_OWN = 1 << 26,
	GENERATIONS = 7
};

struct packets {
	struct host host;
	struct self *me;
	struct outbox outbox;
	struct firewall *firewall;
	struct rules *rules; /* owned; NULL: none */
	uid_t comms;         /* who talks to the manager */
	char *stopped;       /* owned: "leave" or "remove" the table when the agent ends */
	struct queue queue;
	struct logged logged;
	struct links links;
	struct watch asked, told, changed, tick;
	int tables; /* owned; -1: none */
	void *alive;
	char *document; /* owned: the ruleset that was sent last; NULL: none yet */
	uint32_t loads; /* how many were sent */
	bool loaded;    /* the last one is in the kernel */
	char by[24];    /* what it asks with */
	char trouble[256], deaf[128];
	struct map counted;        /* rule's number (8 bytes): struct count, owned */
	unsigned hour, generation; /* 1 to GENERATIONS */
	uint64_t ticks;
};

/* What the kernel had counted for a rule when it was asked last. */
struct count {
	uint64_t before, now;
};

static struct packets *state(struct self *me)
{
	return me->state;
}

static bool first(const struct packets *s)
{
	return s->me->instance == 0;
}

/* ---- the engine's host ---- */

static void h_emit(struct host *h, const struct event *ev)
{
	outbox_put(&CONTAINER_OF(h, struct packets, host)->outbox, ev);
}

static uint64_t h_now(struct host *h)
{
	(void)h;
	return clock_ms();
}

/* ---- packets ---- */

static void block_sources(struct packets *s)
{
	struct ip source;
	uint32_t seconds = 0;
	while (firewall_next_block(s->firewall, &source, &seconds)) {
		int rc = s->tables < 0 ? -ENOTCONN : learnt_block(s->tables, &source, seconds);
		if (rc < 0)
			log_error("block a source: %s", strerror(-rc));
	}
}

static enum reason look_at(struct packets *s, const struct queued_packet *q, struct packet *p)
{
	bool out = q->hook == NF_INET_LOCAL_OUT || q->hook == NF_INET_POST_ROUTING;
	uint32_t index = out || !q->indev ? q->outdev : q->indev;
	const struct link *link = links_find(&s->links, index);
	*p = (struct packet){ .direction = out ? PACKET_OUT : PACKET_IN,
		              .ifindex = index,
		              .ifname = link ? link->name : NULL,
		              .when_ms = clock_ms(),
		              .partial = (q->skb_info & (NFQA_SKB_CSUMNOTREADY | NFQA_SKB_GSO)) ||
		                         q->wire > q->len };
	enum reason why = packet_decode(p, PACKET_IP, q->data, q->len, &s->rules->checks);
	if (q->mac) {
		p->has_mac = true;
		memcpy(p->src_mac, q->mac, sizeof(p->src_mac));
		if (link && link->has_mac)
			memcpy(p->dst_mac, link->mac, sizeof(p->dst_mac));
	}
	return why;
}

static void on_asked(const struct queued_packet *q, void *arg)
{
	struct packets *s = arg;
	struct packet p;
	/* No rules: what is asked about is of a ruleset that is about to go. */
	if (!s->rules || !q->data) {
		queue_verdict(&s->queue, q->id, NF_ACCEPT, 0);
		return;
	}
	enum reason why = look_at(s, q, &p);
	struct fw_outcome o = firewall_judge(s->firewall, &p, why);
	uint32_t mark = !o.drop && o.settled ? q->mark | MARK_SETTLED : 0;
	queue_verdict(&s->queue, q->id, o.drop ? NF_DROP : NF_ACCEPT, mark);
}

static void asked_ready(struct watch *w, uint32_t events)
{
	(void)events;
	struct packets *s = CONTAINER_OF(w, struct packets, asked);
	watchdog_alive(s->alive);
	int rc = queue_read(&s->queue, on_asked, s);
	if (rc < 0)
		log_error("read packets: %s", strerror(-rc));
	block_sources(s);
}

/* "R ID D ", "R ID L ", "N NUMBER D "; T for D in tap mode; "S ": only shown. */
static bool prefix_parse(const char *prefix, char *kind, uint64_t *number, char *what)
{
	struct str rest = str_of(prefix), word = str_cut(&rest, ' ');
	struct str digits = str_cut(&rest, ' ');
	*kind = *what = '\0';
	*number = 0;
	if (word.n == 1)
		*kind = word.p[0];
	if (rest.n)
		*what = rest.p[0];
	if (*kind == 'S')
		return true;
	return (*kind == 'R' || *kind == 'N') && *what &&
	       str_u64(digits, 0, UINT64_MAX, number) == 0;
}

static void on_told(const struct queued_packet *q, const char *prefix, void *arg)
{
	struct packets *s = arg;
	struct packet p;
	char kind = 0, what = 0;
	uint64_t number = 0;
	if (!s->rules || !prefix_parse(prefix, &kind, &number, &what))
		return;
	look_at(s, q, &p); /* what is wrong with it the kernel has said */
	firewall_told(s->firewall, &p, kind == 'R' ? number : 0,
	              kind == 'N' ? (enum reason)number : REASON_NONE, what == 'D' || what == 'T');
}

static void told_ready(struct watch *w, uint32_t events)
{
	(void)events;
	struct packets *s = CONTAINER_OF(w, struct packets, told);
	watchdog_alive(s->alive);
	int rc = logged_read(&s->logged, on_told, s);
	if (rc < 0)
		log_error("read what the kernel tells: %s", strerror(-rc));
	block_sources(s);
}

/* ---- hits ---- */

static void counted(uint64_t rule, uint64_t packets, void *arg)
{
	struct packets *s = arg;
	struct str key = { (const char *)&rule, sizeof(rule) };
	struct count *c = map_get(&s->counted, key);
	if (!c) {
		c = xcalloc(1, sizeof(*c));
		map_set(&s->counted, key, c);
	}
	c->now += packets;
}

/* What the kernel counted since the last time; a new ruleset counts from nothing. */
static void take_counts(struct packets *s, bool afresh)
{
	struct map_item item;
	size_t at = 0;
	if (!first(s) || s->tables < 0)
		return;
	int rc = learnt_hits(s->tables, counted, s);
	if (rc < 0 && rc != -ENOENT)
		log_error("read the counters: %s", strerror(-rc));
	while (map_next(&s->counted, &at, &item)) {
		struct count *c = item.value;
		uint64_t id, more = c->now >= c->before ? c->now - c->before : c->now;
		memcpy(&id, item.key.p, sizeof(id));
		if (more)
			firewall_add_hits(s->firewall, id, more);
		c->before = afresh ? 0 : c->now;
		c->now = 0;
	}
}

/* ---- the ruleset ---- */

static int64_t utc_offset(void)
{
	time_t now = time(NULL);
	struct tm t;
	return localtime_r(&now, &t) ? t.tm_gmtoff : 0;
}

/* Whether the computer has any connection; no page is fetched to find out more. */
static unsigned places(const struct packets *s)
{
	for (unsigned i = 0; i < s->links.n; i++)
		if (s->links.list[i].up && strcmp(s->links.list[i].name, "lo") != 0)
			return PLACE_LOCAL;
	return PLACE_NONE | PLACE_NO_INTERNET;
}

/*
 * Whatever the rules say, the agent stays connected: without that nobody could take back a rule.
 * What comms opens passes, and what answers it.
 */
static void write_own(const struct packets *s, struct buf *out)
{
	static const char head[] =
		"{\"insert\":{\"rule\":{\"family\":\"inet\",\"table\":\"" TABLE "\",\"chain\":";
	static const char mark[] = "{\"ct\":{\"key\":\"mark\"}}";
	buf_fmt(out,
	        "%s\"out\",\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"skuid\"}},"
	        "\"right\":%u}},{\"mangle\":{\"key\":%s,\"value\":{\"|\":[%s,%d]}}},{\"accept\":null}]}}},",
	        head, (unsigned)s->comms, mark, mark, MARK_OWN);
	buf_fmt(out,
	        "%s\"in\",\"expr\":[{\"match\":{\"op\":\"!=\",\"left\":{\"&\":[%s,%d]},\"right\":0}},"
	        "{\"match\":{\"op\":\"==\",\"left\":{\"ct\":{\"key\":\"direction\"}},\"right\":\"reply\"}},"
	        "{\"accept\":null}]}}}",
	        head, mark, MARK_OWN);
}

static int compile(struct packets *s, unsigned generation, struct buf *out, struct err *why)
{
	AUTO(buf_done) struct buf nft = { 0 };
	const struct fw_target t = { .now = { fw_hour(clock_ms(), utc_offset()), places(s) },
		                     .interfaces = s->links.names,
		                     .log_group = s->logged.room ? LOG_GROUP : 0,
		                     .mark_shift = MARK_SHIFT,
		                     .generation = generation,
		                     .settle_mark = MARK_SETTLED };
	int rc = firewall_compile(s->rules, &t, &nft, why);
	if (rc < 0)
		return rc;
	buf_fmt(out, "{\"version\":1,\"failOpen\":%s,\"queues\":%u,\"whenStopped\":\"%s\",\"nft\":",
	        s->rules->fail_open_engine || s->rules->tap ? "true" : "false",
	        (unsigned)PACKET_PROCESSES,
	        s->stopped && strcmp(s->stopped, "Remove") == 0 ? "remove" : "leave");
	/* The compiler's array goes on. */
	if (nft.n < 2 || memcmp(nft.p + nft.n - 2, "]}", 2) != 0)
		return err_set(why, -EINVAL, "the compiled ruleset is not understood");
	buf_str(out, (struct str){ nft.p, nft.n - 2 });
	buf_char(out, ',');
	write_own(s, out);
	buf_z(out, "]}}");
	return buf_end(out);
}

/* What the last ruleset settled is judged anew by another one. */
static int compile_news(struct packets *s, struct buf *out, struct err *why)
{
	int rc = compile(s, s->generation, out, why);
	if (rc < 0 || (s->document && strcmp(s->document, out->p) == 0))
		return rc;
	s->generation = s->generation % GENERATIONS + 1;
	buf_clear(out);
	return compile(s, s->generation, out, why);
}

static void tell_status(struct packets *s);

static void send_ruleset(struct packets *s, struct str document)
{
	struct peer *guard = self_peer(s->me, P_GUARD, 0);
	if (document.n)
		take_counts(s, true);
	int rc = peer_send_big(guard, M_RULESET, ++s->loads, document);
	s->loaded = false;
	if (rc < 0)
		snprintf(s->trouble, sizeof(s->trouble), "the ruleset was not sent: %s",
		         strerror(-rc));
}

/* Compiles again; what is in the kernel already is not loaded a second time. */
static void load(struct packets *s, bool again)
{
	AUTO(buf_done) struct buf b = { 0 };
	struct err why = { { 0 } };
	if (!first(s))
		return;
	s->hour = fw_hour(clock_ms(), utc_offset());
	firewall_place(s->firewall, utc_offset(), places(s));
	if (s->rules && s->rules->on && compile_news(s, &b, &why) < 0) {
		snprintf(s->trouble, sizeof(s->trouble), "%.200s", why.text);
		log_error("compile the firewall's ruleset: %s", why.text);
		outbox_system(&s->outbox, "policy-refused", why.text);
		return;
	}
	if (!again && s->document && strcmp(s->document, b.p ? b.p : "") == 0)
		return;
	free(s->document);
	s->document = b.p ? xstrdup(b.p) : xstrdup("");
	send_ruleset(s, buf_view(&b));
}

static int on_ruleset_done(struct self *me, struct peer *p, struct imsg *m)
{
	struct packets *s = state(me);
	(void)p;
	AUTO(json_decrefp)
	json_t *o = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	if (m->id != s->loads)
		return 0;
	const char *error = json_text(o, "error", NULL);
	s->loaded = o && !error;
	snprintf(s->by, sizeof(s->by), "%s", json_text(o, "by", ""));
	snprintf(s->trouble, sizeof(s->trouble), "%s", error ? error : "");
	if (error)
		outbox_system(&s->outbox, "policy-refused", error);
	tell_status(s);
	return 0;
}

/* ---- policy ---- */

static int parse(struct packets *s, struct str text, struct rules **out, struct err *why)
{
	AUTO(json_decrefp) json_t *j = text.n ? json_parse(text, NULL) : NULL;
	const json_t *part = json_object_at(json_object_at(j, "sections"), "firewall");
	*out = NULL;
	int rc = part ? firewall_section.parse(part, out, why) : 0;
	if (rc < 0)
		return rc;
	free(s->stopped);
	s->stopped = xstrdup(json_text(json_object_at(part, "settings"),
	                               "firewallSettingRulesetWhenStopped", "Leave"));
	return 0;
}

static int on_policy(struct self *me, struct peer *p, struct imsg *m)
{
	struct packets *s = state(me);
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	struct err why = { { 0 } };
	struct rules *rules = NULL;
	(void)p;
	int rc = imsg_body(m, POLICY_MAX, &body);
	if (rc < 0)
		return rc;
	if (parse(s, body.s, &rules, &why) < 0) {
		log_error("policy: %s", why.text);
		outbox_system(&s->outbox, "policy-refused", why.text);
		return 0; /* the last one stays in force */
	}
	if (rules)
		firewall_apply(s->firewall, rules, clock_ms());
	else
		firewall_flush(s->firewall);
	if (s->rules && rules)
		firewall_section.free(s->rules);
	else if (s->rules)
		s->rules->on = false; /* what the engine still points to */
	s->rules = rules ? rules : s->rules;
	if (s->rules && s->queue.room)
		queue_fail_open(&s->queue, s->rules->fail_open_engine || s->rules->tap);
	load(s, false);
	tell_status(s);
	return 0;
}

static int on_kept(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	outbox_kept(&state(me)->outbox, m->id);
	return 0;
}

int (*const packet_on[M_COUNT])(struct self *, struct peer *, struct imsg *) = {
	[M_POLICY] = on_policy, [M_EVENT_KEPT] = on_kept, [M_RULESET_DONE] = on_ruleset_done
};

/* ---- status ---- */

static json_t *engine_shown(const struct packets *s)
{
	json_t *o = json_object();
	json_set_text(o, "mode", s->rules->tap ? "Tap" : "Inline");
	json_set_text(o, "asksBy", s->by);
	json_set_text(o, "whenItFails",
	              s->rules->fail_open_engine || s->rules->tap ? "Fail open" : "Fail closed");
	json_set_int(o, "processes", PACKET_PROCESSES);
	json_set_bool(o, "GSO", (s->queue.flags & QUEUE_GSO) != 0);
	json_set_bool(o, "loaded", s->loaded);
	json_set_int(o, "lost", (int64_t)s->queue.lost);
	return o;
}

static void tell_status(struct packets *s)
{
	AUTO(json_decrefp) json_t *o = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	bool on = s->rules && s->rules->on;
	const char *trouble = *s->deaf ? s->deaf : s->trouble;
	if (!first(s))
		return;
	json_t *fw = firewall_report(s->firewall);
	json_set_text(fw, "message", !on ? "Off" : s->rules->tap ? "On, Tap" : "On, Inline");
	if (on) {
		json_set(fw, "engine", engine_shown(s));
		json_set_bool(fw, "error", *trouble != '\0');
	}
	json_set(o, "modules", json_pack("{s:o}", "firewall", fw));
	if (on && *trouble)
		json_set(o, "messages", json_pack("[o]", json_sprintf("Firewall: %s", trouble)));
	json_write(&b, o);
	struct peer *comms = self_peer(s->me, P_COMMS, 0);
	if (peer_is_up(comms))
		peer_send_big(comms, M_STATUS, 0, buf_view(&b));
}

/* ---- life ---- */

static void links_ready(struct watch *w, uint32_t events)
{
	(void)events;
	struct packets *s = CONTAINER_OF(w, struct packets, changed);
	if (links_read(&s->links) > 0 && s->document)
		load(s, false);
}

static void ticked(struct watch *w, uint32_t events)
{
	(void)events;
	struct packets *s = CONTAINER_OF(w, struct packets, tick);
	loop_tick(w);
	watchdog_alive(s->alive);
	firewall_tick(s->firewall, clock_ms());
	block_sources(s);
	if (s->document && s->hour != fw_hour(clock_ms(), utc_offset()))
		load(s, false);
	if (++s->ticks % STATUS_TICKS == 0 && s->rules && s->rules->on) {
		take_counts(s, false);
		tell_status(s);
	}
}

/* The files of the time zone and of users are read while files can be. */
int packet_early(struct self *me)
{
	struct packets *s = xcalloc(1, sizeof(*s));
	gid_t gid = 0;
	me->state = s;
	tzset();
	proc_user(&me->program->procs[P_COMMS], P_COMMS, &s->comms, &gid);
	return 0;
}

static int listen_to(struct packets *s, struct watch *w, const char *name,
                     void (*ready)(struct watch *w, uint32_t events))
{
	*w = (struct watch){ self_take_fd(s->me, name), ready };
	return w->fd < 0 ? w->fd : loop_add(&s->me->loop, w, EPOLLIN);
}

static void cannot(struct packets *s, const char *what, int rc)
{
	snprintf(s->deaf, sizeof(s->deaf), "%s: %s", what, strerror(-rc));
	log_error("%s", s->deaf);
}

/* What is missing is told in the status; the ruleset is loaded all the same. */
static void open_ears(struct packets *s)
{
	int rc = listen_to(s, &s->changed, "links", links_ready);
	if (rc == 0)
		rc = links_init(&s->links, s->changed.fd);
	if (rc == 0)
		links_read(&s->links);
	else
		cannot(s, "the network interfaces are not known", rc);
	rc = listen_to(s, &s->asked, "queue", asked_ready);
	if (rc == 0)
		rc = queue_init(&s->queue, s->asked.fd, (uint16_t)(QUEUE_FIRST + s->me->instance),
		                false);
	if (rc < 0)
		cannot(s, "the queue of packets cannot be had", rc);
	if (!first(s))
		return;
	rc = listen_to(s, &s->told, "logged", told_ready);
	if (rc == 0)
		rc = logged_init(&s->logged, s->told.fd);
	if (rc < 0)
		logged_done(&s->logged);
	if (rc < 0)
		cannot(s, "the kernel cannot tell of packets", rc);
	s->tables = self_take_fd(s->me, "tables");
}

int packet_start(struct self *me)
{
	struct packets *s = state(me);
	uint64_t key[2];
	s->me = me;
	s->host = (struct host){ .emit = h_emit, .now_ms = h_now };
	s->tables = -1;
	s->generation = (unsigned)(clock_ms() / 1000 % GENERATIONS) + 1;
	s->asked.fd = s->told.fd = s->changed.fd = -1;
	outbox_init(&s->outbox, me);
	rand_bytes(key, sizeof(key));
	s->firewall = firewall_new(&s->host, FLOWS, key, clock_ms());
	if (!s->firewall)
		return -ENOMEM;
	firewall_offload(s->firewall, true);
	firewall_place(s->firewall, utc_offset(), 0);
	AUTO(closep) int page = self_take_fd(me, "alive");
	s->alive = page < 0 ? NULL : watchdog_map(page);
	open_ears(s);
	s->tick.ready = ticked;
	return loop_timer(&me->loop, &s->tick, TICK_MS, TICK_MS);
}

void packet_up(struct self *me, struct peer *p)
{
	if (p->who == P_SPOOL)
		outbox_up(&state(me)->outbox);
	if (p->who == P_COMMS)
		tell_status(state(me));
}

void packet_down(struct self *me, struct peer *p)
{
	if (p->who == P_SPOOL)
		outbox_down(&state(me)->outbox);
}

void packet_stop(struct self *me)
{
	struct packets *s = state(me);
	struct map_item item;
	size_t at = 0;
	/* What waits is answered before nobody is there. */
	for (int i = 0; s->queue.room && i < LAST_READS; i++)
		if (queue_read(&s->queue, on_asked, s) <= 0)
			break;
	firewall_flush(s->firewall);
	outbox_flush(&s->outbox, 1000);
	while (map_next(&s->counted, &at, &item))
		free(item.value);
	map_done(&s->counted);
	firewall_free(s->firewall);
	firewall_section.free(s->rules);
	queue_done(&s->queue);
	logged_done(&s->logged);
	links_done(&s->links);
	if (s->tables >= 0)
		close(s->tables);
	free(s->document);
	free(s->stopped);
	me->state = NULL;
	free(s);
}
