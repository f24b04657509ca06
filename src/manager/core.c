#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"
#include "manager/api/api.h"
#include "manager/exchange.h"
#include "manager/forward/post.h"
#include "manager/manager.h"

/* The process around the core: messages to calls of manager/api and back. */

enum {
	ASK_MAX = EXCHANGE_HEAD_MAX + EXCHANGE_BODY_MAX + 8,
	TEXT_MAX = 256 * 1024,
	KEY_MAX = 64,
	SENT_MAX = 1 << 20,
	TRIED_MAX = 64 << 20
};

/* An answer that the authority or the bench owes us. */
struct owed {
	LIST_ENTRY(owed) next;
	unsigned who;
	uint32_t ticket;
};

struct core {
	struct self *me;
	struct app *app;   /* NULL until the authority has spoken */
	json_t *authority; /* what it said; the configuration borrows from it */
	char *database, *scripts;
	LIST_HEAD(, owed) owed;
};

/* ---- to the front and the authority ---- */

static void send_front(struct core *c, uint32_t type, uint64_t id, struct str body)
{
	int rc = self_send(c->me, P_FRONT, 0, type, (uint32_t)id, body);
	if (rc < 0 && rc != -ENOTCONN)
		log_error("answer request %ju: %s", (uintmax_t)id, strerror(-rc));
}

static void send_answer(struct core *c, uint64_t id, const struct answer *a)
{
	AUTO(buf_done) struct buf b = { 0 };
	int rc = answer_write(&b, a);
	if (rc < 0) {
		static const struct answer sorry = {
			.status = 500,
			.body = { "{\"message\":\"The answer is too large\"}", 37 },
		};
		log_error("answer request %ju: %s", (uintmax_t)id, strerror(-rc));
		buf_clear(&b);
		if (answer_write(&b, &sorry) < 0)
			return;
	}
	send_front(c, M_RESPONSE, id, buf_view(&b));
}

static void reply(struct app *a, uint64_t id, int status, const json_t *headers, struct str body,
                  bool stream)
{
	const struct answer answer = {
		.status = status, .headers = headers, .body = body, .stream = stream
	};
	send_answer(app_owner(a), id, &answer);
}

static void chunk(struct app *a, uint64_t id, struct str piece)
{
	send_front(app_owner(a), M_CHUNK, id, piece);
}

static void ask_for(struct core *c, unsigned who, uint64_t ticket, uint32_t type, struct str body)
{
	struct owed *o = xcalloc(1, sizeof(*o));
	o->who = who;
	o->ticket = (uint32_t)ticket;
	LIST_INSERT_HEAD(&c->owed, o, next);
	int rc = self_send(c->me, who, 0, type, o->ticket, body);
	if (rc < 0)
		log_error("ask %s: %s", c->me->program->procs[who].name, strerror(-rc));
	/* Without an answer it is settled when the process is seen to be down, or at once. */
	if (rc < 0) {
		LIST_REMOVE(o, next);
		free(o);
		app_signed(c->app, ticket, rc, (struct str){ 0 });
	}
}

static void sign_certificate(struct app *a, uint64_t ticket, struct str csr, const char *cn)
{
	size_t n = csr.n + strlen(cn) + 8;
	AUTO(freep) char *room = xcalloc(1, n);
	struct wr w = wr_init(room, n);
	wr_str(&w, csr);
	wr_str(&w, str_of(cn));
	ask_for(app_owner(a), P_CA, ticket, M_SIGN_CSR, (struct str){ room, wr_len(&w) });
}

static void sign_policy(struct app *a, uint64_t ticket, struct str policy)
{
	ask_for(app_owner(a), P_CA, ticket, M_SIGN_POLICY, policy);
}

static void try_out(struct app *a, uint64_t ticket, struct str order)
{
	ask_for(app_owner(a), P_BENCH, ticket, M_TRY, order);
}

/* The ways of forward/post.h. */
static int send_order(struct app *a, unsigned way, uint64_t ticket, struct str order)
{
	struct core *c = app_owner(a);
	if (way == POST_SCRIPT)
		return self_send(c->me, P_RUNNER, 0, M_RUN, (uint32_t)ticket, order);
	return self_send(c->me, P_COURIER, way, M_SEND, (uint32_t)ticket, order);
}

static int on_sent(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct core *c = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	int rc = imsg_body(m, SENT_MAX, &body);
	if (rc < 0)
		return rc;
	struct rd r = rd_init(body.s.p, body.s.n);
	uint32_t error = rd_u32(&r);
	struct str text = rd_str(&r, SENT_MAX);
	if (rd_end(&r) < 0 || error > 4095)
		return -EBADMSG;
	AUTO(freep) char *why = str_dup(text);
	if (c->app)
		app_sent(c->app, m->id, -(int)error, why);
	return 0;
}

/* ---- from the authority ---- */

static int open_app(struct core *c)
{
	static const struct app_hooks hooks = { reply,       chunk,      sign_certificate,
		                                sign_policy, send_order, try_out };
	const struct options *o = c->me->options;
	const json_t *j = c->authority;
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf key = { 0 };
	AUTO(closep) int fd = self_take_fd(c->me, "secrets");
	if (fd < 0 || file_read_fd(fd, KEY_MAX, &key) < 0 || !key.p) {
		log_error("read secrets.key: it is not there, or too long");
		return -EIO;
	}
	const struct app_config config = {
		.database = c->database,
		.ca = json_text(j, "ca", ""),
		.policy_key = json_text(j, "policyKey", ""),
		.server_fingerprint = json_text(j, "sha256", ""),
		.server_expires_ms = json_int(j, "notAfter", 0),
		.host = json_text(j, "host", "localhost"),
		.console_port = (unsigned)o->number[SET_CONSOLE_PORT],
		.agent_port = (unsigned)o->number[SET_AGENT_PORT],
		.software = YAGURA_SOFTWARE_DIR,
		.scripts = c->scripts,
		.shipped = true,
		.key = buf_view(&key),
	};
	int rc = app_open(&c->app, &config, &hooks, c, &why);
	explicit_bzero(key.p, key.n);
	if (rc < 0)
		log_error("open %s: %s", c->database, why.text);
	return rc;
}

static int on_authority(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct core *c = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	struct err why = { { 0 } };
	int rc = imsg_body(m, TEXT_MAX, &body);
	if (rc < 0)
		return rc;
	AUTO(json_decrefp) json_t *j = json_parse(body.s, &why);
	if (!j)
		return -EBADMSG;
	if (c->app && json_equal(j, c->authority))
		return 0;
	if (c->app) { /* a renewed certificate: the guard starts us again with it */
		self_stop(me, 0);
		return 0;
	}
	json_decref(c->authority);
	c->authority = TAKE(j);
	if (open_app(c) < 0)
		self_stop(me, 1); /* the guard tries again, with a growing pause */
	return 0;
}

static bool settle(struct core *c, uint32_t ticket)
{
	for (struct owed *o = LIST_FIRST(&c->owed); o; o = LIST_NEXT(o, next)) {
		/* The analyzer does not follow LIST_REMOVE().
		 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		if (o->ticket != ticket)
			continue;
		LIST_REMOVE(o, next);
		free(o);
		return true;
	}
	return false;
}

static int on_signed(struct self *me, struct peer *p, struct imsg *m)
{
	struct core *c = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	size_t max = p->who == P_BENCH ? TRIED_MAX : TEXT_MAX;
	int rc = imsg_body(m, max, &body);
	if (rc < 0)
		return rc;
	struct rd r = rd_init(body.s.p, body.s.n);
	uint32_t error = rd_u32(&r);
	struct str result = rd_str(&r, max);
	rc = rd_end(&r);
	if (rc < 0 || error > 4095)
		return -EBADMSG;
	if (settle(c, m->id) && c->app)
		app_signed(c->app, m->id, -(int)error, result);
	return 0;
}

void core_down(struct self *me, struct peer *p)
{
	struct core *c = me->state;
	if (c->app)
		app_process_died(c->app, me->program->procs[p->who].name);
	if (c->app && p->who == P_COURIER)
		app_courier_down(c->app);
	if (c->app && p->who == P_RUNNER)
		app_runner_down(c->app);
	for (struct owed *o = LIST_FIRST(&c->owed), *next = NULL; o; o = next) {
		uint32_t ticket = o->ticket;
		next = LIST_NEXT(o, next);
		if (o->who != p->who)
			continue;
		settle(c, ticket);
		if (c->app)
			app_signed(c->app, ticket, -EAGAIN, (struct str){ 0 });
	}
}

/* ---- from the front and the clerk ---- */

static int on_request(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct core *c = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	AUTO(ask_done) struct ask ask = { 0 };
	struct err why = { { 0 } };
	int rc = imsg_body(m, ASK_MAX, &body);
	if (rc == 0)
		rc = ask_read(body.s, &ask, &why);
	if (rc < 0)
		return rc;
	if (ask.untrusted)
		log_warning("a client certificate from %s is not trusted: %s", ask.address,
		            log_quote(str_of(ask.untrusted)));
	if (!c->app) {
		static const struct answer later = {
			.status = 503,
			.body = { "{\"message\":\"The manager is starting\"}", 37 },
		};
		send_answer(c, m->id, &later);
		return 0;
	}
	const struct request rq = {
		.id = m->id,
		.listener = ask.agent ? LISTENER_AGENT : LISTENER_CONSOLE,
		.method = ask.method,
		.path = ask.path,
		.query = ask.query,
		.headers = ask.headers,
		.body = ask.body,
		.address = ask.address,
		.fingerprint = ask.fingerprint,
		.common = ask.cn,
	};
	app_request(c->app, &rq);
	return 0;
}

static int on_gone(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct core *c = me->state;
	if (c->app)
		app_gone(c->app, m->id);
	return 0;
}

static int on_tick(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	(void)m;
	struct core *c = me->state;
	if (c->app)
		app_tick(c->app);
	int rc = self_send(me, P_CLERK, 0, M_TICKED, 0, (struct str){ 0 });
	return rc == -ENOTCONN ? 0 : rc;
}

int core_start(struct self *me)
{
	struct core *c = xcalloc(1, sizeof(*c));
	c->me = me;
	LIST_INIT(&c->owed);
	if (asprintf(&c->database, "sqlite:%s/yagura.db", me->lib) < 0 ||
	    asprintf(&c->scripts, "%s/scripts", me->etc) < 0)
		abort();
	me->state = c;
	return 0;
}

void core_stop(struct self *me)
{
	struct core *c = me->state;
	app_free(c->app);
	json_decref(c->authority);
	while (!LIST_EMPTY(&c->owed))
		settle(c, LIST_FIRST(&c->owed)->ticket);
	free(c->database);
	free(c->scripts);
	free(c);
	me->state = NULL;
}

int (*const core_on[])(struct self *me, struct peer *p, struct imsg *m) = {
	[M_REQUEST] = on_request,     [M_GONE] = on_gone, [M_SIGNED] = on_signed,
	[M_AUTHORITY] = on_authority, [M_TICK] = on_tick, [M_SENT] = on_sent,
	[M_TRIED] = on_signed,        [M_RAN] = on_sent,  [M_COUNT] = NULL,
};
