#include "agent/sensor/packet/taker.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"

static void job_done(struct taken_policy *p)
{
	buf_done(&p->body);
	json_decref(p->policy);
	judges_taken_done(&p->rules);
	*p = (struct taken_policy){ 0 };
}

/* Touches nothing but the job. */
static void *take(void *arg)
{
	struct taker *t = arg;
	struct taken_policy *p = &t->job;
	const uint64_t one = 1;
	if (p->body.n)
		p->policy = json_parse(buf_view(&p->body), NULL);
	p->rc = judges_take(p->policy, &p->rules, &p->why);
	(void)!write(t->ready.fd, &one, sizeof(one));
	return NULL;
}

static void start(struct taker *t)
{
	int rc = pthread_create(&t->thread, NULL, take, t);
	t->busy = rc == 0;
	if (t->busy)
		return;
	/* Packets wait, but the policy is not lost. */
	log_error("compile a policy beside packets: %s", strerror(rc));
	take(t);
}

static void taken(struct watch *w, uint32_t events)
{
	struct taker *t = CONTAINER_OF(w, struct taker, ready);
	uint64_t n = 0;
	(void)events;
	(void)!read(w->fd, &n, sizeof(n));
	if (t->busy)
		pthread_join(t->thread, NULL);
	t->busy = false;
	t->done(t, &t->job);
	job_done(&t->job);
	malloc_trim(0); /* what the thread needed meanwhile is not needed again soon */
	if (!t->waits)
		return;
	t->waits = false;
	t->job.body = t->next;
	t->next = (struct buf){ 0 };
	start(t);
}

int taker_init(struct taker *t, struct loop *loop,
               void (*done)(struct taker *t, struct taken_policy *p))
{
	*t = (struct taker){ .loop = loop, .done = done };
	t->ready = (struct watch){ eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), taken };
	return t->ready.fd < 0 ? -errno : loop_add(loop, &t->ready, EPOLLIN);
}

void taker_done(struct taker *t)
{
	if (!t->done)
		return;
	if (t->busy)
		pthread_join(t->thread, NULL);
	loop_del(t->loop, &t->ready);
	close(t->ready.fd);
	job_done(&t->job);
	buf_done(&t->next);
	*t = (struct taker){ 0 };
}

void taker_give(struct taker *t, struct str body)
{
	struct buf *to = t->busy ? &t->next : &t->job.body;
	buf_clear(to);
	buf_str(to, body);
	if (t->busy)
		t->waits = true;
	else
		start(t);
}
