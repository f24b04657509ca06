#include "base/auto.h"
#include "manager/manager.h"

/* The clock: tells the core once a second that time has passed, and never twice before it answers.
 */

enum { EVERY_MS = 1000 };

struct clerk {
	struct self *me;
	struct watch timer;
	bool waiting;
};

static void tick(struct watch *w, uint32_t events)
{
	(void)events;
	struct clerk *c = CONTAINER_OF(w, struct clerk, timer);
	loop_tick(w);
	if (!c->waiting && self_send(c->me, P_CORE, 0, M_TICK, 0, (struct str){ 0 }) == 0)
		c->waiting = true;
}

static int ticked(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	(void)m;
	struct clerk *c = me->state;
	c->waiting = false;
	return 0;
}

void clerk_up(struct self *me, struct peer *p)
{
	struct clerk *c = me->state;
	if (p->who == P_CORE)
		c->waiting = false;
}

int clerk_start(struct self *me)
{
	struct clerk *c = xcalloc(1, sizeof(*c));
	c->me = me;
	c->timer = (struct watch){ -1, tick };
	me->state = c;
	return loop_timer(&me->loop, &c->timer, EVERY_MS, EVERY_MS);
}

void clerk_stop(struct self *me)
{
	struct clerk *c = me->state;
	loop_del(&me->loop, &c->timer);
	me->state = NULL;
	free(c);
}

int (*const clerk_on[])(struct self *me, struct peer *p, struct imsg *m) = {
	[M_TICKED] = ticked,
	[M_COUNT] = NULL,
};
