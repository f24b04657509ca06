#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "manager/api/api.h"
#include "manager/store/setup.h"

/* A core for the tests of the processes around it: answers what it was asked. */

struct app {
	const struct app_hooks *hooks;
	void *owner;
	char *policy_key;
	uint64_t signing, streaming, ticks;
};

int setup_database(const struct setup *s, struct err *why)
{
	AUTO(freep) char *path = NULL;
	if (asprintf(&path, "%s/yagura.db", s->lib) < 0)
		abort();
	int rc = file_replace(AT_FDCWD, path, "x", 1, 0600);
	if (rc == 0 && chown(path, s->uid, s->gid) < 0)
		rc = -errno;
	return rc < 0 ? err_set(why, rc, "write %s", path) : 0;
}

int app_open(struct app **out, const struct app_config *c, const struct app_hooks *hooks,
             void *owner, struct err *why)
{
	(void)why;
	struct app *a = xcalloc(1, sizeof(*a));
	a->hooks = hooks;
	a->owner = owner;
	a->policy_key = xstrdup(c->policy_key);
	*out = a;
	return 0;
}

void app_free(struct app *a)
{
	if (a)
		free(a->policy_key);
	free(a);
}

void *app_owner(struct app *a)
{
	return a->owner;
}

static void echo(struct app *a, const struct request *rq)
{
	AUTO(json_decrefp) json_t *j = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	json_set_text(j, "method", rq->method);
	json_set_text(j, "path", rq->path);
	json_set_bool(j, "agent", rq->listener == LISTENER_AGENT);
	json_set_text(j, "common", rq->common ? rq->common : "-");
	json_set_int(j, "length", (int64_t)rq->body.n);
	json_object_set(j, "query", (json_t *)(uintptr_t)rq->query);
	json_set_text(j, "policyKey", a->policy_key);
	json_set_int(j, "ticks", (int64_t)a->ticks);
	json_write(&b, j);
	a->hooks->reply(a, rq->id, 200, NULL, buf_view(&b), false);
}

void app_request(struct app *a, const struct request *rq)
{
	struct str path = str_of(rq->path);
	if (str_is(path, "/agent/activate")) {
		a->signing = rq->id;
		a->hooks->sign_certificate(a, 1, rq->body, "00000000-0000-4000-8000-000000000001");
	} else if (str_is(path, "/agent/wrongname")) {
		a->signing = rq->id;
		a->hooks->sign_certificate(a, 1, rq->body, "not a guid");
	} else if (str_is(path, "/api/sign")) {
		a->signing = rq->id;
		a->hooks->sign_policy(a, 2, rq->body);
	} else if (str_is(path, "/api/stream")) {
		a->streaming = rq->id;
		a->hooks->reply(a, rq->id, 200, NULL, STR("data: 1\n\n"), true);
	} else if (str_is(path, "/api/say")) {
		a->hooks->chunk(a, a->streaming, rq->body);
		echo(a, rq);
	} else if (str_is(path, "/api/die")) {
		_exit(3);
	} else if (str_is(path, "/api/big")) {
		AUTO(buf_done) struct buf b = { 0 };
		for (int i = 0; i < 500000; i++)
			buf_char(&b, 'x');
		a->hooks->reply(a, rq->id, 200, NULL, buf_view(&b), false);
	} else {
		echo(a, rq);
	}
}

void app_gone(struct app *a, uint64_t id)
{
	if (a->streaming == id)
		a->streaming = 0;
}

void app_signed(struct app *a, uint64_t ticket, int rc, struct str result)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (rc < 0)
		buf_fmt(&b, "refused %s", strerror(-rc));
	else if (ticket == 1)
		buf_str(&b, result);
	else
		base64_encode(&b, result);
	a->hooks->reply(a, a->signing, rc < 0 ? 400 : 200, NULL, buf_view(&b), false);
}

void app_tick(struct app *a)
{
	a->ticks++;
}

void app_sent(struct app *a, uint64_t ticket, int rc, const char *text)
{
	(void)a, (void)ticket, (void)rc, (void)text;
}

void app_courier_down(struct app *a)
{
	(void)a;
}

void app_process_died(struct app *a, const char *name)
{
	(void)a, (void)name;
}

void app_runner_down(struct app *a)
{
	(void)a;
}
