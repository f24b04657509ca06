#include "agent/comms/comms.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/comms/host.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

enum { BODY_MAX = 64 << 20 };

/* ---- in the guard ---- */

static int control_socket(const char *run)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int n = snprintf(at.sun_path, sizeof(at.sun_path), "%s/control.sock", run);
	if (n >= (int)sizeof(at.sun_path)) {
		log_error("the path %s/control.sock is too long for a socket", run);
		return -ENAMETOOLONG;
	}
	AUTO(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	unlink(at.sun_path);
	mode_t old = umask(0177);
	int rc =
		bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 16) < 0 ? -errno : 0;
	umask(old);
	if (rc < 0)
		log_error("listen at %s: %s", at.sun_path, strerror(-rc));
	return rc < 0 ? rc : TAKE_FD(fd);
}

int comms_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX])
{
	(void)instance;
	int n = agent_folder(guard, P_COMMS, "comms", &out[0]);
	if (n < 0)
		return n;
	int more = agent_folder(guard, P_COMMS, "diag", &out[1]);
	int fd = more < 0 ? more : control_socket(guard->run);
	if (fd < 0) {
		close(out[0].fd);
		if (more > 0)
			close(out[1].fd);
		return fd;
	}
	snprintf(out[2].name, sizeof(out[2].name), "control");
	out[2].fd = fd;
	return 3;
}

/* ---- events and policies ---- */

void comms_event(struct comms *c, const char *kind, const char *target, const char *description,
                 int64_t count)
{
	struct event ev;
	event_init(&ev, &event_class_system, kind);
	event_text(&ev, "TargetName", target);
	event_text(&ev, "Description", description);
	if (count >= 0)
		event_int(&ev, "Count", count);
	outbox_put(&c->outbox, &ev);
	event_done(&ev);
}

static void send_policy(struct comms *c, const struct peer *p)
{
	int rc = self_send(c->me, p->who, p->instance, M_POLICY, 0, buf_view(&c->policy.text));
	if (rc < 0)
		log_error("give %s the policy: %s", c->me->program->procs[p->who].name,
		          strerror(-rc));
}

static bool obeys(const struct peer *p)
{
	return agent_rules[M_POLICY].to >> p->who & 1;
}

static void send_policy_to_all(struct comms *c)
{
	for (unsigned i = 0; i < c->me->program->nprocs; i++) {
		for (unsigned k = 0; k < INSTANCES_MAX; k++) {
			const struct peer *p = self_peer(c->me, i, k);
			if (peer_is_up(p) && obeys(p))
				send_policy(c, p);
		}
	}
}

int comms_new_policy(struct comms *c, struct str text, struct str signature, struct err *why)
{
	struct policy p = { 0 };
	int rc = policy_check(text, signature, &c->id, c->policy.version, &p, why);
	if (rc < 0)
		return rc;
	rc = policy_keep(c->dir, text, signature);
	if (rc < 0) {
		policy_done(&p);
		return err_set(why, rc, "it cannot be kept: %s", strerror(-rc));
	}
	bool newer = p.version != c->policy.version;
	policy_done(&c->policy);
	c->policy = p;
	send_policy_to_all(c);
	places_policy(&c->places);
	heartbeat_plan(c);
	if (newer) {
		log_info("policy version %llu is in force", (unsigned long long)p.version);
		comms_event(c, "policy-applied", NULL, NULL, (int64_t)p.version);
		task_want(c, TASK_HEARTBEAT);
	}
	return 0;
}

/* ---- activation ---- */

static void say_identity(struct comms *c)
{
	const char is = (char)c->id.valid;
	self_send(c->me, P_GUARD, 0, M_IDENTITY, 0, (struct str){ &is, 1 });
}

void comms_activated(struct comms *c)
{
	char url[320];
	address_write(&c->id.manager, "https", url, sizeof(url));
	log_info("activated with %s", url);
	comms_event(c, "activated", json_string_value(c->host), url, -1);
	say_identity(c);
	index_ask(c);
	tasks_start(c);
}

/* The agent protects nothing from here on, and knows no manager. What is in the spool stays. */
void comms_reset(struct comms *c, const char *why)
{
	tasks_stop(c);
	places_done(&c->places);
	commands_drop(c);
	loop_del(&c->me->loop, &c->beat);
	int rc = identity_forget(c->dir);
	if (rc < 0)
		log_error("forget the identity: %s", strerror(-rc));
	log_warning("the agent was reset: %s", why);
	comms_event(c, "deactivated", json_string_value(c->host), why, -1);
	c->id = (struct identity){ 0 };
	policy_done(&c->policy);
	json_array_clear(c->results);
	json_array_clear(c->index);
	c->nposting = c->index_posting = 0;
	c->index_whole = c->online = c->leaving = false;
	c->last_command = 0;
	c->refused[0] = '\0';
	send_policy_to_all(c);
	places_policy(&c->places);
	say_identity(c);
}

/* ---- messages ---- */

static int take_json(const struct imsg *m, json_t **out)
{
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	struct err why = { { 0 } };
	int rc = imsg_body(m, BODY_MAX, &body);
	if (rc < 0)
		return rc;
	*out = json_parse(body.s, &why);
	if (!*out)
		log_error("%s", why.text);
	return *out ? 0 : -EBADMSG;
}

static int on_event_kept(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct comms *c = me->state;
	outbox_kept(&c->outbox, m->id);
	return 0;
}

static int on_batch(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct comms *c = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	int rc = imsg_body(m, BODY_MAX, &body);
	if (rc < 0)
		return rc;
	buf_clear(&c->batch);
	buf_str(&c->batch, body.s);
	rc = buf_end(&c->batch);
	if (rc == 0)
		task_want(c, TASK_EVENTS);
	return rc;
}

static int on_status(struct self *me, struct peer *p, struct imsg *m)
{
	struct comms *c = me->state;
	json_t *part = NULL;
	int rc = take_json(m, &part);
	if (rc == 0)
		status_take(c, p, part);
	return rc;
}

static int on_progress(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct comms *c = me->state;
	AUTO(json_decrefp) json_t *j = NULL;
	int rc = take_json(m, &j);
	if (rc == 0)
		commands_progress(c, j);
	return rc;
}

static int on_store_done(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct comms *c = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	int rc = imsg_body(m, 512 << 20, &body);
	if (rc == 0)
		commands_store_done(c, m, body.s);
	return rc;
}

static int on_store_changed(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct comms *c = me->state;
	json_t *j = NULL;
	int rc = take_json(m, &j);
	if (rc < 0)
		return rc;
	json_array_append_new(c->index, j);
	task_want(c, TASK_INDEX);
	return 0;
}

/* New signatures change what the status says; the scanner's own STATUS follows. */
static int on_signatures(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	(void)m;
	task_want(me->state, TASK_HEARTBEAT);
	return 0;
}

int (*const comms_on[M_COUNT])(struct self *me, struct peer *p, struct imsg *m) = {
	[M_EVENT_KEPT] = on_event_kept, [M_BATCH] = on_batch,
	[M_STATUS] = on_status,         [M_PROGRESS] = on_progress,
	[M_STORE_DONE] = on_store_done, [M_STORE_CHANGED] = on_store_changed,
	[M_SIGNATURES] = on_signatures,
};

/* ---- life ---- */

void comms_up(struct self *me, struct peer *p)
{
	struct comms *c = me->state;
	if (p->who == P_GUARD) {
		say_identity(c);
		index_ask(c);
	}
	if (p->who == P_SPOOL)
		outbox_up(&c->outbox);
	if (obeys(p))
		send_policy(c, p);
	if (p->who == P_PACKET)
		places_up(&c->places, p);
}

void comms_down(struct self *me, struct peer *p)
{
	struct comms *c = me->state;
	if (p->who == P_SPOOL)
		outbox_down(&c->outbox);
	if (p->who == P_TREE)
		commands_tree_lost(c);
}

static void load_policy(struct comms *c)
{
	struct err why = { { 0 } };
	int rc = policy_load(c->dir, &c->id, &c->policy, &why);
	if (rc == 0) {
		log_info("policy version %llu is in force until the manager says otherwise",
		         (unsigned long long)c->policy.version);
		return;
	}
	if (rc == -ENOENT)
		return;
	log_error("refuse a policy: %s", why.text);
	comms_event(c, "policy-refused", NULL, why.text, -1);
	snprintf(c->refused, sizeof(c->refused), "%.*s", (int)sizeof(c->refused) - 1, why.text);
}

static int load(struct comms *c)
{
	struct err why = { { 0 } };
	int rc = identity_load(c->dir, &c->id, &why);
	if (rc < 0) {
		/* Nothing is removed: a person may mend it, or reset the agent. */
		log_error("the agent's identity cannot be used: %s", why.text);
		rc = 0;
	}
	if (proxies_load(c->dir, &c->proxies, &why) < 0)
		log_error("the proxies cannot be used: %s", why.text);
	if (c->id.valid)
		load_policy(c);
	return rc;
}

int comms_start(struct self *me)
{
	struct comms *c = xcalloc(1, sizeof(*c));
	struct err why = { { 0 } };
	me->state = c;
	c->me = me;
	c->started_ms = clock_mono_ms();
	c->beat.fd = -1;
	c->results = json_array();
	c->index = json_array();
	c->host = host_name();
	TAILQ_INIT(&c->commands);
	tasks_init(c);
	places_init(&c->places, c);
	outbox_init(&c->outbox, me);
	c->dir = self_take_fd(me, "comms");
	c->diag = self_take_fd(me, "diag");
	int control = self_take_fd(me, "control");
	if (c->dir < 0 || c->diag < 0 || control < 0)
		return -ENOENT;
	/* libcurl takes names of files; these need no way through folders that are not ours. */
	if (fchdir(c->dir) < 0)
		return -errno;
	int rc = client_new(&c->client, &me->loop, &why);
	if (rc < 0) {
		log_error("%s", why.text);
		return rc;
	}
	c->control.ask = verb_ask;
	c->control.arg = c;
	rc = control_open(&c->control, &me->loop, control);
	if (rc == 0)
		rc = load(c);
	if (rc == 0)
		places_policy(&c->places);
	if (rc == 0)
		tasks_start(c);
	return rc;
}

void comms_stop(struct self *me)
{
	struct comms *c = me->state;
	outbox_flush(&c->outbox, 1000);
	activation_drop(c);
	tasks_stop(c);
	commands_drop(c);
	control_done(&c->control);
	client_free(c->client);
	loop_del(&me->loop, &c->beat);
	outbox_done(&c->outbox);
	policy_done(&c->policy);
	buf_done(&c->batch);
	json_decref(c->results);
	json_decref(c->index);
	json_decref(c->host);
	for (unsigned i = 0; i < P_COUNT * INSTANCES_MAX; i++)
		json_decref(c->parts[i / INSTANCES_MAX][i % INSTANCES_MAX]);
	close(c->dir);
	close(c->diag);
	free(c);
}
