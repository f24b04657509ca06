#include "manager/api/trial.h"

#include <errno.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/str.h"

static void found(struct app *a, struct signing *s, int rc, struct str result)
{
	AUTO(freep) char *why = NULL;
	if (rc == 0) {
		AUTO(json_decrefp)
		json_t *h = json_pack("{s:s,s:s}", "Content-Type", "application/json;charset=utf-8",
		                      "Cache-Control", "no-store");
		a->hooks->reply(a, s->request, 200, h, result, false);
		return;
	}
	why = str_dup(result);
	if (rc == -EAGAIN)
		answer_error(a, s->request, 503, "It took too long or too much, and was ended.");
	else
		answer_error(a, s->request, 400, *why ? why : "The input is not right.");
}

int trial(struct call *c, const char *engine, json_t *input)
{
	AUTO(buf_done) struct buf b = { 0 };
	AUTO(json_decrefp)
	json_t *order = json_pack("{s:s,s:o}", "engine", engine, "input", input);
	if (!c->app->hooks->try_out) {
		err_set(&c->why, 0, "There is no process to try it in.");
		return 503;
	}
	json_write(&b, order);
	struct signing *s = sign_later(c->app, found);
	s->request = c->rq->id;
	c->later = true;
	c->app->hooks->try_out(c->app, s->ticket, buf_view(&b));
	return 200;
}
