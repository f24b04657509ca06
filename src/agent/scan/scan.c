#include "agent/scan/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

/* The dispatcher: questions in, answers out; pool.c has the workers. */

enum { TICK_MS = 250, SETTLE_MS = 300, FILES_SHARE = 2, OPTIONS_MAX = 4096 };

static void request_free(struct scan *s, struct request *r)
{
	s->queued--;
	if (r->fd >= 0)
		close(r->fd);
	json_decref(r->options);
	free(r);
}

static void tell_status(struct scan *s)
{
	struct generation *g = pool_now(s);
	AUTO(json_decrefp) json_t *o = json_object();
	json_t *am = json_object(), *messages = json_array();
	if (g)
		json_set(am, "signatures", json_deep_copy(g->report));
	json_set_int(am, "scanned", (int64_t)s->scanned);
	json_set_int(am, "scannerDied", (int64_t)s->died);
	if (s->failed[0]) {
		json_set_bool(am, "error", true);
		json_array_append_new(messages,
		                      json_string("Anti-Malware: signatures could not be loaded"));
	}
	json_set(o, "modules", json_pack("{s:o}", "antimalware", am));
	json_set(o, "messages", messages);
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, o);
	self_send(s->me, P_COMMS, 0, M_STATUS, 0, buf_view(&b));
}

void scan_answer(struct scan *s, struct request *r, const json_t *result)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, result);
	s->scanned++;
	/* An asker that was started again knows nothing of what its predecessor asked. */
	if (r->life == s->life[r->who])
		self_send(s->me, r->who, 0, M_SCANNED, r->id, buf_view(&b));
	request_free(s, r);
}

void scan_answer_error(struct scan *s, struct request *r, const char *error)
{
	AUTO(json_decrefp) json_t *o = json_pack("{s:s,s:s}", "verdict", "error", "error", error);
	s->errors++;
	scan_answer(s, r, o);
}

void scan_requeue(struct scan *s, struct request *r)
{
	TAILQ_INSERT_HEAD(r->who == P_TREE ? &s->tree : &s->files, r, next);
}

/* Openers wait: their files go first, and one worker at least is always left to them besides the
 * one that is lent to `files`. Scans on demand take one, or all others when the policy wants more
 * than one thread. */
struct request *scan_next(struct scan *s)
{
	struct requests *q = &s->files;
	if (TAILQ_EMPTY(q)) {
		unsigned share = s->nworkers > FILES_SHARE ? s->nworkers - FILES_SHARE : 1;
		if (s->tree_busy >= (s->multithreaded ? share : 1))
			return NULL;
		q = &s->tree;
	}
	struct request *r = TAILQ_FIRST(q);
	if (r)
		TAILQ_REMOVE(q, r, next);
	return r;
}

static void tell_signatures(struct scan *s, unsigned who)
{
	struct generation *g = pool_now(s);
	AUTO(json_decrefp) json_t *o = g ? json_copy(g->report) : NULL;
	AUTO(buf_done) struct buf b = { .max = 4096 };
	if (!o)
		return;
	json_object_del(o, "problems");
	json_write(&b, o);
	if (buf_end(&b) == 0)
		self_send(s->me, who, 0, M_SIGNATURES, 0, buf_view(&b));
}

void scan_loaded(struct scan *s, struct generation *g)
{
	static const unsigned everybody[] = { P_FILES, P_TREE, P_COMMS };
	const char *epoch = json_text(g->report, "epoch", "");
	s->failed[0] = '\0';
	log_info("%lld signatures are loaded", (long long)json_int(g->report, "signatures", 0));
	for (size_t i = 0; i < ARRAY_LEN(everybody); i++)
		tell_signatures(s, everybody[i]);
	size_t i;
	json_t *problem;
	json_array_foreach (json_object_get(g->report, "problems"), i, problem) {
		log_error("signature file %s", log_quote(str_of(json_string_value(problem))));
		outbox_system(&s->outbox, "signatures-failed", json_string_value(problem));
	}
	if (strcmp(epoch, s->epoch) != 0) {
		struct event ev;
		snprintf(s->epoch, sizeof(s->epoch), "%s", epoch);
		event_init(&ev, &event_class_system, "signatures-loaded");
		event_int(&ev, "Count", json_int(g->report, "signatures", 0));
		outbox_put(&s->outbox, &ev);
		event_done(&ev);
	}
	tell_status(s);
}

void scan_failed(struct scan *s, const char *why)
{
	log_error("load signatures: %s", why);
	if (strcmp(s->failed, why) != 0)
		outbox_system(&s->outbox, "signatures-failed", why);
	snprintf(s->failed, sizeof(s->failed), "%.250s", why);
	tell_status(s);
}

void scan_worker_died(struct scan *s)
{
	s->died++;
}

void scan_reload_soon(struct scan *s, uint64_t ms)
{
	s->reload = true;
	loop_timer_set(&s->settle, ms, 0);
}

static void settled(struct watch *w, uint32_t events)
{
	(void)events;
	struct scan *s = CONTAINER_OF(w, struct scan, settle);
	loop_tick(w);
	pool_reload(s);
}

static void ticked(struct watch *w, uint32_t events)
{
	(void)events;
	loop_tick(w);
	pool_late(CONTAINER_OF(w, struct scan, tick));
}

static void changed(struct watch *w, uint32_t events)
{
	(void)events;
	struct scan *s = CONTAINER_OF(w, struct scan, changes);
	static char block[8192];
	while (read(w->fd, block, sizeof(block)) > 0)
		;
	scan_reload_soon(s, SETTLE_MS);
}

static int watch_signatures(struct scan *s)
{
	s->changes.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (s->changes.fd < 0)
		return -errno;
	s->changes.ready = changed;
	if (inotify_add_watch(s->changes.fd, s->signatures, IN_CLOSE_WRITE | IN_MOVE | IN_DELETE) <
	    0)
		log_warning("watch the signatures: %s", strerror(errno));
	return loop_add(&s->me->loop, &s->changes, EPOLLIN);
}

int scan_start_at(struct self *me, const char *signatures, const char *tmp)
{
	struct scan *s = xcalloc(1, sizeof(*s));
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	s->me = me;
	s->signatures = signatures;
	s->tmp = tmp;
	s->nworkers = cores < 1 ? 3 : cores > WORKERS_MAX - 2 ? WORKERS_MAX : (unsigned)cores + 2;
	s->changes.fd = s->settle.fd = s->tick.fd = -1;
	s->settle.ready = settled;
	s->tick.ready = ticked;
	LIST_INIT(&s->generations);
	TAILQ_INIT(&s->files);
	TAILQ_INIT(&s->tree);
	outbox_init(&s->outbox, me);
	me->state = s;
	int rc = loop_timer(&me->loop, &s->settle, 0, 0);
	if (rc == 0)
		rc = loop_timer(&me->loop, &s->tick, TICK_MS, TICK_MS);
	if (rc == 0)
		rc = watch_signatures(s);
	if (rc < 0)
		return rc;
	s->reload = true;
	pool_reload(s);
	return 0;
}

int scan_start(struct self *me)
{
	return scan_start_at(me, "/signatures", "");
}

void scan_up(struct self *me, struct peer *p)
{
	struct scan *s = me->state;
	s->life[p->who]++;
	if (p->who == P_SPOOL)
		outbox_up(&s->outbox);
	if (p->who == P_FILES || p->who == P_TREE || p->who == P_COMMS)
		tell_signatures(s, p->who);
	if (p->who == P_COMMS)
		tell_status(s);
	if (p->who == P_FILES)
		pool_lend(s);
}

void scan_down(struct self *me, struct peer *p)
{
	struct scan *s = me->state;
	s->life[p->who]++;
	if (p->who == P_SPOOL)
		outbox_down(&s->outbox);
	if (p->who == P_FILES)
		pool_recall(s);
}

void scan_hup(struct self *me)
{
	scan_reload_soon(me->state, 1);
}

void scan_stop(struct self *me)
{
	struct scan *s = me->state;
	s->stopping = true;
	outbox_flush(&s->outbox, 1000);
	pool_done(s);
}

static int on_scan(struct self *me, struct peer *p, struct imsg *m)
{
	struct scan *s = me->state;
	if (m->fd < 0 || m->big)
		return -EBADMSG;
	struct request *r = xcalloc(1, sizeof(*r));
	*r = (struct request){
		.who = p->who, .life = s->life[p->who], .id = m->id, .fd = TAKE_FD(m->fd)
	};
	r->options = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	s->queued++;
	if (!r->options || s->queued > QUEUE_MAX) {
		scan_answer_error(
			s, r, r->options ? "too many files wait for the scanner" : "bad options");
		return 0;
	}
	TAILQ_INSERT_TAIL(p->who == P_TREE ? &s->tree : &s->files, r, next);
	pool_pump(s);
	return 0;
}

static int on_reload(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p, (void)m;
	scan_reload_soon(me->state, 1);
	return 0;
}

static int on_kept(struct self *me, struct peer *p, struct imsg *m)
{
	struct scan *s = me->state;
	(void)p;
	outbox_kept(&s->outbox, m->id);
	return 0;
}

static bool is_on(const json_t *settings, const char *name)
{
	return str_eq_nocase(str_of(json_text(settings, name, "false")), STR("true"));
}

static int on_policy(struct self *me, struct peer *p, struct imsg *m)
{
	struct scan *s = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	(void)p;
	int rc = imsg_body(m, 16 << 20, &body);
	if (rc < 0)
		return rc;
	AUTO(json_decrefp) json_t *j = body.s.n ? json_parse(body.s, NULL) : NULL;
	const json_t *am = json_object_at(json_object_at(j, "sections"), "antimalware");
	const json_t *settings = json_object_at(am, "settings");
	s->low_memory = is_on(settings, "antiMalwareSettingLowMemoryReloadEnabled");
	s->multithreaded =
		is_on(settings, "antiMalwareSettingMalwareScanMultithreadedProcessingEnabled");
	return 0;
}

int (*const scan_on[M_COUNT])(struct self *, struct peer *, struct imsg *) = {
	[M_SCAN] = on_scan, [M_RELOAD] = on_reload, [M_EVENT_KEPT] = on_kept, [M_POLICY] = on_policy
};
