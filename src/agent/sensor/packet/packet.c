#include "agent/sensor/packet/packet.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/sensor/packet/ask.h"
#include "agent/sensor/packet/learnt.h"
#include "agent/watchdog.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/wire.h"

/* Answers the kernel's questions about packets and hears what it decided by itself. Nothing is
 * allocated per packet. */

enum { TICK_MS = 500, STATUS_TICKS = 20, POLICY_MAX = 32 << 20, LAST_READS = 64 };

static struct packets *state(struct self *me)
{
	return me->state;
}

/* ---- the modules' host ---- */

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
	while (firewall_next_block(judges_firewall(&s->judges), &source, &seconds)) {
		int tables = s->kernel.tables;
		int rc = tables < 0 ? -ENOTCONN : learnt_block(tables, &source, seconds);
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
	const struct rules *engine = judges_engine(&s->judges);
	enum reason why =
		packet_decode(p, PACKET_IP, q->data, q->len, engine ? &engine->checks : NULL);
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
	if (!judges_ruleset(&s->judges) || !q->data) {
		queue_verdict(&s->queue, q->id, NF_ACCEPT, 0);
		return;
	}
	enum reason why = look_at(s, q, &p);
	struct packet_answer a = judges_ask(&s->judges, &p, why);
	uint32_t mark = 0;
	if (a.drop && a.reset)
		mark = q->mark | MARK_RESET; /* let on to where the ruleset refuses it */
	else if (!a.drop && a.settled)
		mark = q->mark | MARK_SETTLED;
	queue_verdict(&s->queue, q->id, a.drop && !a.reset ? NF_DROP : NF_ACCEPT, mark);
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
	if (!judges_ruleset(&s->judges) || !prefix_parse(prefix, &kind, &number, &what))
		return;
	look_at(s, q, &p); /* what is wrong with it the kernel has said */
	firewall_told(judges_firewall(&s->judges), &p, kind == 'R' ? number : 0,
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

/* ---- policy ---- */

static void policy_taken(struct taker *t, struct taken_policy *p)
{
	struct packets *s = CONTAINER_OF(t, struct packets, taker);
	int rc = p->rc < 0 ? p->rc : judges_put(&s->judges, &p->rules, &p->why);
	if (rc < 0) {
		log_error("policy: %s", p->why.text);
		if (packets_first(s))
			outbox_system(&s->outbox, "policy-refused", p->why.text);
		return; /* the last one stays in force */
	}
	const struct rules *r = judges_ruleset(&s->judges);
	if (r && s->queue.room)
		queue_fail_open(&s->queue, r->fail_open_engine || r->tap);
	kernel_policy(s, p->policy);
}

static int on_policy(struct self *me, struct peer *p, struct imsg *m)
{
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	(void)p;
	int rc = imsg_body(m, POLICY_MAX, &body);
	if (rc == 0)
		taker_give(&state(me)->taker, body.s);
	return rc;
}

static int on_ruleset_done(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	kernel_answered(state(me), m->id, (struct str){ (const char *)m->data, m->len });
	return 0;
}

static int on_places(struct self *me, struct peer *p, struct imsg *m)
{
	struct rd r = rd_init(m->data, m->len);
	uint32_t places = rd_u32(&r);
	(void)p;
	if (rd_end(&r) < 0)
		return -EBADMSG;
	kernel_places(state(me), places);
	return 0;
}

static int on_kept(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	outbox_kept(&state(me)->outbox, m->id);
	return 0;
}

int (*const packet_on[M_COUNT])(struct self *, struct peer *,
                                struct imsg *) = { [M_POLICY] = on_policy,
	                                           [M_EVENT_KEPT] = on_kept,
	                                           [M_RULESET_DONE] = on_ruleset_done,
	                                           [M_PLACES] = on_places };

/* ---- life ---- */

static void links_ready(struct watch *w, uint32_t events)
{
	(void)events;
	struct packets *s = CONTAINER_OF(w, struct packets, changed);
	if (links_read(&s->links) > 0)
		kernel_links(s);
}

static void ticked(struct watch *w, uint32_t events)
{
	(void)events;
	struct packets *s = CONTAINER_OF(w, struct packets, tick);
	loop_tick(w);
	watchdog_alive(s->alive);
	judges_tick(&s->judges, clock_ms());
	block_sources(s);
	kernel_tick(s);
	if (++s->ticks % STATUS_TICKS == 0 && judges_ruleset(&s->judges)) {
		kernel_count(s);
		kernel_tell_status(s);
	}
}

unsigned packet_count(const struct self *me)
{
	return agent_options(me)->packet_processes;
}

/* The files of the time zone and of users are read while files can be. */
int packet_early(struct self *me)
{
	struct packets *s = xcalloc(1, sizeof(*s));
	gid_t gid = 0;
	me->state = s;
	tzset();
	proc_user(&me->program->procs[P_COMMS], P_COMMS, &s->kernel.comms, &gid);
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
	if (!packets_first(s))
		return;
	rc = listen_to(s, &s->told, "logged", told_ready);
	if (rc == 0)
		rc = logged_init(&s->logged, s->told.fd);
	if (rc < 0)
		logged_done(&s->logged);
	if (rc < 0)
		cannot(s, "the kernel cannot tell of packets", rc);
	s->kernel.tables = self_take_fd(s->me, "tables");
}

int packet_start(struct self *me)
{
	struct packets *s = state(me);
	s->me = me;
	s->host = (struct host){ .emit = h_emit, .now_ms = h_now };
	s->asked.fd = s->told.fd = s->changed.fd = -1;
	kernel_init(s);
	outbox_init(&s->outbox, me);
	int rc = judges_init(&s->judges, &s->host);
	if (rc == 0)
		rc = taker_init(&s->taker, &me->loop, policy_taken);
	if (rc < 0)
		return rc;
	firewall_offload(judges_firewall(&s->judges), true);
	firewall_shown(judges_firewall(&s->judges), !packets_first(s));
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
		kernel_tell_status(state(me));
}

void packet_down(struct self *me, struct peer *p)
{
	if (p->who == P_SPOOL)
		outbox_down(&state(me)->outbox);
}

void packet_stop(struct self *me)
{
	struct packets *s = state(me);
	/* What waits is answered before nobody is there. */
	for (int i = 0; s->queue.room && i < LAST_READS; i++)
		if (queue_read(&s->queue, on_asked, s) <= 0)
			break;
	taker_done(&s->taker);
	judges_flush(&s->judges);
	outbox_flush(&s->outbox, 1000);
	judges_done(&s->judges);
	kernel_done(s);
	queue_done(&s->queue);
	logged_done(&s->logged);
	links_done(&s->links);
	me->state = NULL;
	free(s);
}
