#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/comms/comms.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rand.h"

enum { PAUSE_FIRST = 500, PAUSE_MAX = 20000 /* ms */ };

static void begin(struct task *t);

/* Half of it is left to chance, so that a fleet does not come back all at once. */
static uint64_t pause_of(const struct task *t)
{
	uint32_t chance = 0;
	uint64_t pause = PAUSE_FIRST;
	for (unsigned i = 1; i < t->failures && pause < PAUSE_MAX; i++)
		pause *= 2;
	pause = pause > PAUSE_MAX ? PAUSE_MAX : pause;
	rand_bytes(&chance, sizeof(chance));
	return pause / 2 + chance % (pause / 2 + 1);
}

static void retry(struct watch *w, uint32_t events)
{
	(void)events;
	struct task *t = CONTAINER_OF(w, struct task, timer);
	loop_del(&t->comms->me->loop, w);
	begin(t);
}

static void plan(struct task *t)
{
	loop_del(&t->comms->me->loop, &t->timer);
	t->timer.ready = retry;
	int rc = loop_timer(&t->comms->me->loop, &t->timer, pause_of(t), 0);
	if (rc < 0)
		log_error("plan %s: %s", task_rows[t->id].name, strerror(-rc));
}

static void came_through(struct task *t)
{
	struct comms *c = t->comms;
	t->failures = 0;
	if (!c->online)
		log_info("the manager answers");
	c->online = true;
	for (unsigned i = 0; i < TASK_COUNT; i++) {
		if (c->tasks[i].timer.fd < 0 || i == t->id)
			continue;
		loop_del(&c->me->loop, &c->tasks[i].timer);
		c->tasks[i].failures = 0;
		begin(&c->tasks[i]);
	}
}

static void failed(struct task *t, const char *why)
{
	struct comms *c = t->comms;
	t->failures++;
	if (t->failures == 1 || c->online)
		log_warning("%s: %s", task_rows[t->id].name, log_quote(str_of(why)));
	plan(t);
}

/* What the manager said beside the status: its sentence, or none. */
static void sentence(const struct reply *r, char out[static 256])
{
	AUTO(json_decrefp) json_t *j = r->body.n ? json_parse(r->body, NULL) : NULL;
	snprintf(out, 256, "the manager answered %d%s%.200s", r->status, j ? ": " : "",
	         j ? json_text(j, "message", "") : "");
}

static void done(void *arg, const struct reply *r)
{
	struct task *t = arg;
	struct comms *c = t->comms;
	char why[256];
	t->call = NULL;
	if (r->status == 410) {
		comms_reset(c, "the manager does not know this computer any more");
		return;
	}
	if (r->rc < 0) {
		c->online = false;
		failed(t, r->error);
		return;
	}
	c->seen_ms = clock_ms();
	if (r->status < 200 || r->status > 299) {
		sentence(r, why);
		failed(t, why);
		return;
	}
	came_through(t);
	int rc = task_rows[t->id].answer(c, r);
	if (!c->id.valid)
		return; /* it told us to stop */
	if (rc < 0) {
		failed(t, strerror(-rc));
		return;
	}
	if (t->again)
		begin(t);
}

void comms_proxy(const struct comms *c, struct call_options *o, char url[static 320])
{
	const struct proxy *p = &c->proxies.p[PROXY_DSM];
	if (!p->set)
		return;
	snprintf(url, 320, "http://%s:%u", p->address.host, (unsigned)p->address.port);
	o->proxy = url;
	o->proxy_user = *p->user ? p->user : NULL;
	o->proxy_password = *p->user ? p->password : NULL;
}

static void begin(struct task *t)
{
	struct comms *c = t->comms;
	if (!c->id.valid || t->call)
		return;
	loop_del(&c->me->loop, &t->timer);
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	AUTO(buf_done) struct buf path = { 0 }, body = { 0 }, url = { 0 };
	char proxy[320];
	struct call_options o = { .method = "POST",
		                  .headers = headers,
		                  .ca_file = IDENTITY_CA,
		                  .cert_file = IDENTITY_CERT,
		                  .key_file = IDENTITY_KEY,
		                  .done = done,
		                  .arg = t };
	t->again = false;
	if (!task_rows[t->id].ask(c, &path, &body, &o))
		return;
	identity_url(&c->id, path.p, &url);
	o.url = url.p;
	o.body = buf_view(&body);
	comms_proxy(c, &o, proxy);
	struct err why = { { 0 } };
	if (buf_end(&url) < 0 || buf_end(&body) < 0)
		failed(t, "no memory");
	else if (client_call(c->client, &o, &t->call, &why) < 0)
		failed(t, why.text);
}

void task_want(struct comms *c, enum task_id id)
{
	struct task *t = &c->tasks[id];
	if (t->call)
		t->again = true;
	else if (t->timer.fd < 0)
		begin(t);
	/* else: it failed and waits for its time */
}

void tasks_init(struct comms *c)
{
	for (unsigned i = 0; i < TASK_COUNT; i++)
		c->tasks[i] = (struct task){ .comms = c, .id = (enum task_id)i, .timer.fd = -1 };
}

void tasks_start(struct comms *c)
{
	for (unsigned i = 0; i < TASK_COUNT; i++)
		task_want(c, (enum task_id)i);
}

void tasks_stop(struct comms *c)
{
	for (unsigned i = 0; i < TASK_COUNT; i++) {
		struct task *t = &c->tasks[i];
		if (t->call)
			call_cancel(t->call);
		loop_del(&c->me->loop, &t->timer);
		t->call = NULL;
		t->again = false;
		t->failures = 0;
	}
}

static void beat(struct watch *w, uint32_t events)
{
	(void)events;
	struct comms *c = CONTAINER_OF(w, struct comms, beat);
	loop_del(&c->me->loop, w);
	task_want(c, TASK_HEARTBEAT);
}

void heartbeat_plan(struct comms *c)
{
	static const char name[] = "platformSettingHeartbeatInterval";
	uint64_t ms = policy_duration(policy_setting(&c->policy, name, "10 Minutes"));
	loop_del(&c->me->loop, &c->beat);
	c->beat.ready = beat;
	int rc = loop_timer(&c->me->loop, &c->beat, ms ? ms : 600000, 0);
	if (rc < 0)
		log_error("plan the next heartbeat: %s", strerror(-rc));
}
