#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/spool/journal.h"
#include "agent/spool/outlet.h"
#include "agent/spool/segment.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"
#include "module/module.h"

enum {
	MIB = 1 << 20,
	DEFAULT_MIB = 256,
	BODY_MAX = 64 << 20,
	BATCH_EVENTS = 1000,
	BATCH_BYTES = 4 << 20,
	FORWARD_EVENTS = 200, /* as many may come twice after a death */
	TELL_PAUSE = 60000,   /* ms between two events that tell a loss */
	STATUS_PAUSE = 1000,
	STOP_MAX = 3000, /* ms */
};

/* Somebody who waits for an event to be on the disk. */
struct waiter {
	unsigned who, instance;
	uint32_t id;
};

struct spool {
	struct self *me;
	struct journal journal;
	struct outlets outlets;
	struct waiter *waiters; /* owned */
	size_t nwaiters, cap;
	struct watch commit; /* eventfd: something was added in this batch of the loop */
	struct watch tick;   /* status and losses to tell */
	bool in_flight;
	uint64_t told_ms, told_lost_ms;
	uint64_t said_bytes, said_events, said_lost;
};

int spool_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX])
{
	(void)instance;
	return agent_folder(guard, P_SPOOL, "spool", &out[0]);
}

/* ---- to comms ---- */

static void pump(struct spool *s)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (s->in_flight || !peer_is_up(self_peer(s->me, P_COMMS, 0)))
		return;
	int n = journal_batch(&s->journal, BATCH_EVENTS, BATCH_BYTES, &b);
	if (n == 0)
		return;
	if (n < 0) {
		log_error("read events for the manager: %s", strerror(-n));
		return;
	}
	int rc = self_send(s->me, P_COMMS, 0, M_BATCH, 0, buf_view(&b));
	s->in_flight = rc == 0;
	if (rc < 0)
		journal_unpin(&s->journal);
}

/* ---- to forward ---- */

static void pump_outlets(struct spool *s)
{
	while (peer_is_up(self_peer(s->me, P_FORWARD, 0))) {
		AUTO(buf_done) struct buf b = { 0 };
		int64_t id = outlets_next(&s->outlets, FORWARD_EVENTS, BATCH_BYTES, &b);
		if (id < 0)
			log_error("read events to forward: %s", strerror((int)-id));
		if (id <= 0)
			return;
		if (self_send(s->me, P_FORWARD, 0, M_FORWARD, (uint32_t)id, buf_view(&b)) < 0)
			outlets_answer(&s->outlets, id, 0);
	}
}

/* ---- how it stands ---- */

static void say_status(struct spool *s)
{
	const struct journal *j = &s->journal;
	uint64_t events = journal_events(j), lost = j->state.s.lost;
	if (events == s->said_events && j->bytes == s->said_bytes && lost == s->said_lost)
		return;
	AUTO(buf_done) struct buf b = { 0 };
	buf_fmt(&b,
	        "{\"spool\":{\"bytes\":%" PRIu64 ",\"events\":%" PRIu64 ",\"lost\":%" PRIu64 "}}",
	        j->bytes, events, lost);
	if (self_send(s->me, P_COMMS, 0, M_STATUS, 0, buf_view(&b)) < 0)
		return;
	s->said_events = events;
	s->said_bytes = j->bytes;
	s->said_lost = lost;
}

/* ---- from the workers ---- */

/* A disk that fails is nothing that we can mend: start afresh; whoever waits sends again. */
static int broken(struct spool *s, const char *what, int rc)
{
	log_error("%s: %s", what, strerror(-rc));
	self_stop(s->me, 1);
	return 0;
}

static void answer_waiters(struct spool *s)
{
	for (size_t i = 0; i < s->nwaiters; i++) {
		const struct waiter *w = &s->waiters[i];
		self_send(s->me, w->who, w->instance, M_EVENT_KEPT, w->id, (struct str){ 0 });
	}
	s->nwaiters = 0;
}

/* Tells a loss at once, but in a flood of them only now and then. */
static int tell(struct spool *s)
{
	uint64_t now = clock_mono_ms();
	if (s->journal.state.s.untold == 0 || (s->told_ms && now < s->told_ms + TELL_PAUSE))
		return 0;
	int rc = journal_tell(&s->journal);
	if (rc > 0) {
		log_warning("the spool is full: events were lost (%" PRIu64 " so far)",
		            s->journal.state.s.lost);
		s->told_ms = now;
	}
	return rc;
}

/* What its receiver does not get, at least the manager hears of. */
static int tell_not_forwarded(struct spool *s)
{
	int64_t id = 0;
	for (uint64_t n = outlets_lost(&s->outlets, &id); n; n = outlets_lost(&s->outlets, &id)) {
		struct event ev;
		AUTO(buf_done) struct buf b = { 0 };
		char name[48];
		snprintf(name, sizeof(name), "syslog configuration %" PRId64, id);
		event_init(&ev, &event_class_system, "forwarding-lost");
		event_int(&ev, "Count", (int64_t)n);
		event_int(&ev, "TargetID", id);
		event_text(&ev, "TargetName", name);
		event_write(&b, &ev);
		int rc = journal_add(&s->journal, ev.kind->severity, str_of(ev.unique),
		                     buf_view(&b));
		event_done(&ev);
		if (rc < 0)
			return rc;
		s->told_lost_ms = clock_mono_ms();
	}
	return s->told_lost_ms ? journal_commit(&s->journal) : 0;
}

static int commit(struct spool *s)
{
	/* First where it may come twice. */
	int rc = outlets_commit(&s->outlets);
	if (rc == 0)
		rc = journal_commit(&s->journal);
	if (rc == 0)
		rc = tell(s);
	return rc;
}

static void commit_ready(struct watch *w, uint32_t events)
{
	(void)events;
	struct spool *s = CONTAINER_OF(w, struct spool, commit);
	loop_tick(w);
	int rc = commit(s);
	if (rc < 0) {
		broken(s, "keep events", rc);
		return;
	}
	answer_waiters(s);
	pump(s);
	pump_outlets(s);
}

static void wait_for_disk(struct spool *s, const struct peer *p, uint32_t id)
{
	if (s->nwaiters == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		struct waiter *more = xcalloc(cap, sizeof(*more));
		if (s->nwaiters)
			memcpy(more, s->waiters, s->nwaiters * sizeof(*more));
		free(s->waiters);
		s->waiters = more;
		s->cap = cap;
	}
	if (s->nwaiters == 0) {
		const uint64_t one = 1;
		if (write(s->commit.fd, &one, sizeof(one)) < 0)
			log_error("wake the writer: %s", strerror(errno));
	}
	s->waiters[s->nwaiters++] = (struct waiter){ p->who, p->instance, id };
}

static int keep(struct spool *s, struct str text)
{
	struct err why = { { 0 } };
	struct event ev = { 0 };
	if (event_parse(text, event_classes, &ev, &why) < 0 || text.n > RECORD_MAX) {
		/* The sender would send it for ever; the manager would not take it either. */
		log_error("drop an event: %s", text.n > RECORD_MAX ? "it is too long" : why.text);
		event_done(&ev);
		return 0;
	}
	int rc = outlets_add(&s->outlets, &ev, text);
	if (rc == 0)
		rc = journal_add(&s->journal, ev.kind->severity, str_of(ev.unique), text);
	event_done(&ev);
	return rc;
}

static int on_event(struct self *me, struct peer *p, struct imsg *m)
{
	struct spool *s = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	int rc = imsg_body(m, BODY_MAX, &body);
	if (rc < 0)
		return rc;
	rc = keep(s, body.s);
	if (rc < 0)
		return broken(s, "keep an event", rc);
	wait_for_disk(s, p, m->id);
	return 0;
}

static int on_batch_done(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct spool *s = me->state;
	struct rd r = rd_init(m->data, m->len);
	uint64_t seq = rd_u64(&r);
	int rc = rd_end(&r);
	if (rc < 0)
		return rc;
	s->in_flight = false;
	rc = journal_ack(&s->journal, seq);
	if (rc < 0)
		return broken(s, "forget what the manager has", rc);
	pump(s);
	return 0;
}

static int on_forwarded(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct spool *s = me->state;
	struct rd r = rd_init(m->data, m->len);
	uint64_t seq = rd_u64(&r);
	int rc = rd_end(&r);
	if (rc < 0)
		return rc;
	rc = outlets_answer(&s->outlets, m->id, seq);
	if (rc < 0)
		return broken(s, "forget what was forwarded", rc);
	pump_outlets(s);
	return 0;
}

static int on_policy(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct spool *s = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	int rc = imsg_body(m, BODY_MAX, &body);
	if (rc < 0)
		return rc;
	AUTO(json_decrefp) json_t *policy = body.s.n ? json_parse(body.s, NULL) : NULL;
	const json_t *settings = policy ? json_object_at(policy, "settings") : NULL;
	const char *text = settings ? json_text(settings, "platformSettingSpoolMaxMbytes", "") : "";
	uint64_t mib = DEFAULT_MIB;
	if (*text && str_u64(str_of(text), 1, 1 << 20, &mib) < 0)
		log_warning("platformSettingSpoolMaxMbytes is no size in MB: %s",
		            log_quote(str_of(text)));
	rc = outlets_route(&s->outlets,
	                   json_object_at(json_object_at(policy, "forwarding"), "classes"));
	if (rc == 0)
		rc = outlets_limit(&s->outlets, mib * MIB);
	if (rc == 0)
		rc = journal_limit(&s->journal, mib * MIB);
	return rc < 0 ? broken(s, "set up the spool", rc) : 0;
}

static void tick(struct watch *w, uint32_t events)
{
	(void)events;
	struct spool *s = CONTAINER_OF(w, struct spool, tick);
	loop_tick(w);
	int rc = tell(s);
	if (rc < 0) {
		broken(s, "tell a loss", rc);
		return;
	}
	rc = s->told_lost_ms && clock_mono_ms() < s->told_lost_ms + TELL_PAUSE
	             ? 0
	             : tell_not_forwarded(s);
	if (rc < 0) {
		broken(s, "tell what was not forwarded", rc);
		return;
	}
	say_status(s);
	pump(s);
	pump_outlets(s);
}

void spool_up(struct self *me, struct peer *p)
{
	struct spool *s = me->state;
	if (p->who == P_FORWARD) {
		outlets_restart(&s->outlets);
		pump_outlets(s);
	}
	if (p->who != P_COMMS)
		return;
	s->in_flight = false;
	journal_unpin(&s->journal);
	s->said_events = UINT64_MAX;
	say_status(s);
	pump(s);
}

void spool_down(struct self *me, struct peer *p)
{
	struct spool *s = me->state;
	if (p->who == P_COMMS) {
		s->in_flight = false;
		journal_unpin(&s->journal);
	}
	if (p->who == P_FORWARD)
		outlets_restart(&s->outlets);
}

static int add_system(struct spool *s, const char *kind, const char *description)
{
	struct event ev;
	AUTO(buf_done) struct buf b = { 0 };
	event_init(&ev, &event_class_system, kind);
	event_text(&ev, "Description", description);
	event_write(&b, &ev);
	int rc = journal_add(&s->journal, ev.kind->severity, str_of(ev.unique), buf_view(&b));
	event_done(&ev);
	return rc;
}

/* What replay had to mend is told like everything else. */
static int report_damage(struct spool *s)
{
	char text[96];
	if (s->journal.damaged == 0)
		return 0;
	snprintf(text, sizeof(text), "%" PRIu64 " bytes could not be read and were cut off",
	         s->journal.damaged);
	log_warning("the spool was damaged: %s", text);
	int rc = add_system(s, "spool-repaired", text);
	return rc < 0 ? rc : journal_commit(&s->journal);
}

int spool_start(struct self *me)
{
	struct spool *s = xcalloc(1, sizeof(*s));
	struct err why = { { 0 } };
	me->state = s;
	s->me = me;
	int dir = self_take_fd(me, "spool");
	if (dir < 0)
		return dir;
	int rc = journal_open(&s->journal, dir, &disk_real, (uint64_t)DEFAULT_MIB * MIB, &why);
	if (rc < 0) {
		log_error("%s", why.text);
		return rc;
	}
	rc = outlets_open(&s->outlets, dir, (uint64_t)DEFAULT_MIB * MIB, &why);
	if (rc < 0) {
		log_error("%s", why.text);
		return rc;
	}
	rc = report_damage(s);
	if (rc < 0)
		return rc;
	s->commit = (struct watch){ eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), commit_ready };
	if (s->commit.fd < 0)
		return -errno;
	rc = loop_add(&me->loop, &s->commit, EPOLLIN);
	if (rc < 0)
		return rc;
	s->tick.ready = tick;
	return loop_timer(&me->loop, &s->tick, STATUS_PAUSE, STATUS_PAUSE);
}

static bool somebody_talks(struct self *me)
{
	uint32_t senders = agent_rules[M_EVENT].from & ~(1u << P_GUARD); /* it outlives us */
	for (unsigned who = 0; who < P_COUNT; who++)
		for (unsigned k = 0; senders >> who & 1 && k < INSTANCES_MAX; k++)
			if (peer_is_up(self_peer(me, who, k)))
				return true;
	return false;
}

/* The spool is the last to go: what the others still have to say is kept. */
void spool_stop(struct self *me)
{
	struct spool *s = me->state;
	uint64_t end = clock_mono_ms() + STOP_MAX;
	while (somebody_talks(me) && clock_mono_ms() < end && loop_once(&me->loop, 50) == 0)
		;
	int rc = add_system(s, "agent-stopped", NULL);
	if (rc >= 0 && commit(s) == 0)
		answer_waiters(s);
	outlets_done(&s->outlets);
	journal_done(&s->journal);
	loop_del(&me->loop, &s->commit);
	loop_del(&me->loop, &s->tick);
	free(s->waiters);
	free(s);
}

int (*const spool_on[M_COUNT])(struct self *me, struct peer *p, struct imsg *m) = {
	[M_EVENT] = on_event,
	[M_BATCH_DONE] = on_batch_done,
	[M_FORWARDED] = on_forwarded,
	[M_POLICY] = on_policy,
};
