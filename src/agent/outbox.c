#include "agent/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"

/* So that a slow disk fills our own queue and not the socket's. */
enum { WINDOW = 256 };

struct outbox_entry {
	TAILQ_ENTRY(outbox_entry) next;
	uint32_t id;
	bool sent;
	size_t n;
	char text[];
};

void outbox_init(struct outbox *o, struct self *me)
{
	*o = (struct outbox){ .me = me };
	TAILQ_INIT(&o->waiting);
}

void outbox_done(struct outbox *o)
{
	for (struct outbox_entry *e = TAILQ_FIRST(&o->waiting), *after = NULL; e; e = after) {
		after = TAILQ_NEXT(e, next);
		free(e);
	}
	TAILQ_INIT(&o->waiting);
}

static void send_some(struct outbox *o)
{
	struct outbox_entry *e = NULL;
	if (o->in_flight >= WINDOW)
		return;
	TAILQ_FOREACH (e, &o->waiting, next) {
		if (e->sent)
			continue;
		if (o->in_flight >= WINDOW ||
		    self_send(o->me, P_SPOOL, 0, M_EVENT, e->id, (struct str){ e->text, e->n }) < 0)
			return;
		e->sent = true;
		o->in_flight++;
	}
}

void outbox_put(struct outbox *o, const struct event *ev)
{
	AUTO(buf_done) struct buf b = { 0 };
	event_write(&b, ev);
	if (buf_end(&b) < 0)
		abort();
	struct outbox_entry *e = xcalloc(1, sizeof(*e) + b.n);
	e->id = ++o->next_id;
	e->n = b.n;
	memcpy(e->text, b.p, b.n);
	TAILQ_INSERT_TAIL(&o->waiting, e, next);
	o->bytes += e->n;
	send_some(o);
}

void outbox_kept(struct outbox *o, uint32_t id)
{
	struct outbox_entry *e = NULL;
	TAILQ_FOREACH (e, &o->waiting, next)
		if (e->id == id)
			break;
	if (!e)
		return;
	TAILQ_REMOVE(&o->waiting, e, next);
	if (e->sent)
		o->in_flight--;
	o->bytes -= e->n;
	free(e);
	send_some(o);
}

void outbox_down(struct outbox *o)
{
	struct outbox_entry *e = NULL;
	TAILQ_FOREACH (e, &o->waiting, next)
		e->sent = false;
	o->in_flight = 0;
}

void outbox_up(struct outbox *o)
{
	outbox_down(o);
	send_some(o);
}

void outbox_flush(struct outbox *o, unsigned ms)
{
	uint64_t end = clock_mono_ms() + ms;
	while (!TAILQ_EMPTY(&o->waiting) && clock_mono_ms() < end &&
	       loop_once(&o->me->loop, 50) == 0)
		;
}

void outbox_system(struct outbox *o, const char *kind, const char *description)
{
	struct event ev;
	event_init(&ev, &event_class_system, kind);
	event_text(&ev, "Description", description);
	outbox_put(o, &ev);
	event_done(&ev);
}
