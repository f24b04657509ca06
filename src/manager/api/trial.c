#include "manager/api/trial.h"

#include <errno.h>
#include <string.h>

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

static int order(struct call *c, const char *engine, json_t *input, struct signing *s)
{
	AUTO(buf_done) struct buf b = { 0 };
	AUTO(json_decrefp)
	json_t *o = json_pack("{s:s,s:o}", "engine", engine, "input", input);
	json_write(&b, o);
	s->request = c->rq->id;
	c->later = true;
	c->app->hooks->try_out(c->app, s->ticket, buf_view(&b));
	return 0;
}

int trial(struct call *c, const char *engine, json_t *input)
{
	if (!c->app->hooks->try_out) {
		json_decref(input);
		err_set(&c->why, 0, "There is no process to try it in.");
		return 503;
	}
	order(c, engine, input, sign_later(c->app, found));
	return 200;
}

/* ---- before something is stored ---- */

static void again(struct app *a, struct signing *s, int rc, struct str result)
{
	const json_t *rq = s->more, *body = json_object_get(rq, "body");
	if (rc < 0) {
		found(a, s, rc, result);
		return;
	}
	const struct request copy = {
		.id = s->request,
		.listener = LISTENER_CONSOLE,
		.method = json_text(rq, "method", ""),
		.path = json_text(rq, "path", ""),
		.query = json_object_at(rq, "query"),
		.headers = json_object_at(rq, "headers"),
		.body = { json_string_value(body), json_string_length(body) },
		.address = json_text(rq, "address", ""),
		.tried = true,
	};
	app_request(a, &copy);
}

static json_t *copy_of(const struct request *rq)
{
	json_t *o = json_object();
	json_set_text(o, "method", rq->method);
	json_set_text(o, "path", rq->path);
	json_set_text(o, "address", rq->address ? rq->address : "");
	if (rq->query)
		json_set(o, "query", json_deep_copy(rq->query));
	if (rq->headers)
		json_set(o, "headers", json_deep_copy(rq->headers));
	json_set(o, "body", json_stringn(rq->body.p, rq->body.n)); /* it is JSON, so UTF-8 */
	return o;
}

int trial_first(struct call *c, const char *engine, json_t *input)
{
	if (c->rq->tried || !c->app->hooks->try_out) {
		json_decref(input);
		return c->rq->tried
		               ? 0
		               : err_set(&c->why, -EINVAL, "There is no process to try it in.");
	}
	struct signing *s = sign_later(c->app, again);
	s->more = copy_of(c->rq);
	order(c, engine, input, s);
	return -EINPROGRESS;
}
