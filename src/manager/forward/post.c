#include "manager/forward/post.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"

_Static_assert(POST_WAYS == ARRAY_LEN(((struct app *)NULL)->posts), "a place for each way");

bool post_busy(const struct app *a, enum post_way way)
{
	return a->posts[way].done != NULL;
}

static void settle(struct app *a, enum post_way way, int rc, const char *text)
{
	struct posted p = a->posts[way];
	a->posts[way] = (struct posted){ 0 };
	if (store_begin(a->store) < 0) {
		/* Nothing is marked as sent: it is sent again. */
		return;
	}
	p.done(a, p.about, rc, text);
	store_end(a->store, true);
}

void post(struct app *a, enum post_way way, const json_t *order,
          void (*done)(struct app *a, int64_t about, int rc, const char *text), int64_t about)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, order);
	a->posts[way] =
		(struct posted){ .ticket = (uint32_t)++a->ticket, .done = done, .about = about };
	int rc = a->hooks->send
	                 ? a->hooks->send(a, (unsigned)way, a->posts[way].ticket, buf_view(&b))
	                 : -ENOTCONN;
	if (rc < 0)
		settle(a, way, rc, "the process that does it is not there");
}

void app_sent(struct app *a, uint64_t ticket, int rc, const char *text)
{
	for (unsigned way = 0; way < POST_WAYS; way++)
		if (a->posts[way].done && a->posts[way].ticket == (uint32_t)ticket)
			settle(a, (enum post_way)way, rc, text);
}

static void way_down(struct app *a, enum post_way way, const char *text)
{
	if (a->posts[way].done)
		settle(a, way, -EAGAIN, text);
}

void app_courier_down(struct app *a)
{
	for (unsigned way = 0; way <= POST_DISCOVER; way++)
		way_down(a, (enum post_way)way, "the courier process ended");
}

void app_runner_down(struct app *a)
{
	way_down(a, POST_SCRIPT, "the runner process ended");
}
