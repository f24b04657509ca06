#include "agent/desk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "module/antimalware/antimalware.h"
#include "module/antimalware/scanner/ask.h"

enum { POLICY_MAX = 16 << 20, EXEMPT_MAX = 1 << 20 };

static struct desk *of(struct host *h)
{
	return (struct desk *)h;
}

static struct str key(const uint64_t *id)
{
	return (struct str){ (const char *)id, sizeof(*id) };
}

static struct look *find(struct desk *d, uint64_t id)
{
	return map_get(&d->looks, key(&id));
}

struct look *look_new(int fd, struct str path)
{
	struct stat st = { 0 };
	struct look *l = xcalloc(1, sizeof(*l));
	l->fd = fd;
	l->text[0] = str_dup(path);
	l->op.path = str_of(l->text[0]);
	l->since_ms = clock_mono_ms();
	l->wall_ms = clock_ms();
	if (fstat(fd, &st) < 0)
		return l;
	l->op.dev = st.st_dev;
	l->op.ino = st.st_ino;
	l->op.size = (uint64_t)st.st_size;
	l->op.mode = st.st_mode;
	l->op.nlink = (uint32_t)st.st_nlink;
	l->op.ctime_ns = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec;
	l->op.mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	return l;
}

void look_actor(struct look *l, struct str image, struct str user, struct str container)
{
	const struct str parts[] = { image, user, container };
	for (int i = 0; i < 3; i++)
		l->text[i + 1] = str_dup(parts[i]);
	l->op.actor.image = str_of(l->text[1]);
	l->op.actor.user = str_of(l->text[2]);
	l->op.actor.container = str_of(l->text[3]);
}

void look_free(struct look *l)
{
	for (int i = 0; i < 4; i++)
		free(l->text[i]);
	if (l->fd >= 0)
		close(l->fd);
	json_decref(l->asked);
	free(l);
}

/* ---- what the module asks for ---- */

static void h_emit(struct host *h, const struct event *ev)
{
	outbox_put(&of(h)->outbox, ev);
}

static void h_settle(struct host *h, uint64_t id, enum verdict v)
{
	struct look *l = find(of(h), id);
	if (!l || l->settled)
		return;
	l->settled = true;
	l->verdict = v;
	if (of(h)->settled)
		of(h)->settled(of(h), l);
}

static void h_remember(struct host *h, uint64_t id)
{
	struct look *l = find(of(h), id);
	if (l && !l->stale)
		l->cacheable = true;
}

static bool ask_lent(struct desk *d, struct look *l)
{
	if (d->lent.sock.fd < 0 || d->lent.look || worker_ask(d->lent.sock.fd, l->fd, l->asked) < 0)
		return false;
	d->lent.look = l->id;
	return true;
}

/* The lent worker if it is there and idle, else the scan process. */
static void send_scan(struct desk *d, struct look *l)
{
	l->sent = ask_lent(d, l);
	if (l->sent)
		return;
	AUTO(buf_done) struct buf b = { .max = 4096 };
	json_write(&b, l->asked);
	l->sent = buf_end(&b) == 0 &&
	          self_send_fd(d->me, P_SCAN, M_SCAN, (uint32_t)l->id, buf_view(&b), l->fd) == 0;
}

/* A scanner that is not there now is asked when it is back; the deadline bounds who waits. */
static int h_ask(struct host *h, uint64_t id, const json_t *options)
{
	struct look *l = find(of(h), id);
	if (!l)
		return -ENOENT;
	l->asked = json_deep_copy(options);
	send_scan(of(h), l);
	return 0;
}

static int h_deed(struct host *h, uint64_t id, enum deed deed, const json_t *detail)
{
	struct desk *d = of(h);
	struct look *l = find(d, id);
	AUTO(buf_done) struct buf path = { 0 }, b = { 0 };
	if (!l)
		return -ENOENT;
	base64_encode(&path, l->op.path);
	AUTO(json_decrefp) json_t *o = json_object();
	json_set_text(o, "op", deed == DEED_DELETE ? "delete" : "quarantine");
	json_set_text(o, "path", path.p ? path.p : "");
	json_set_int(o, "dev", (int64_t)l->op.dev);
	json_set_int(o, "ino", (int64_t)l->op.ino);
	json_set(o, "detail", json_deep_copy(detail));
	json_write(&b, o);
	return self_send_fd(d->me, P_GUARD, M_DEED, (uint32_t)id, buf_view(&b), l->fd);
}

static void h_release(struct host *h, uint64_t id)
{
	struct desk *d = of(h);
	struct look *l = map_del(&d->looks, key(&id));
	if (!l)
		return;
	LIST_REMOVE(l, next);
	d->n--;
	if (d->released)
		d->released(d, l);
	look_free(l);
}

static uint64_t h_now(struct host *h)
{
	(void)h;
	return clock_ms();
}

void desk_init(struct desk *d, struct self *me)
{
	d->host = (struct host){ h_emit, h_settle, h_remember, h_ask, h_deed, h_release, h_now };
	d->me = me;
	d->deadline_ms = 2000;
	d->lent.sock.fd = -1;
	LIST_INIT(&d->list);
	outbox_init(&d->outbox, me);
	d->antimalware = antimalware_module.start(&d->host);
}

int desk_policy(struct desk *d, struct str policy)
{
	AUTO(json_decrefp) json_t *j = policy.n ? json_parse(policy, NULL) : NULL;
	const json_t *part = json_object_at(json_object_at(j, "sections"), "antimalware");
	struct rules *rules = NULL;
	struct err why = { { 0 } };
	int rc = part ? antimalware_section.parse(part, &rules, &why) : 0;
	if (rc < 0) {
		log_error("policy: %s", why.text);
		outbox_system(&d->outbox, "policy-refused", why.text);
		return 0; /* the last one stays in force */
	}
	antimalware_module.apply(d->antimalware, rules);
	antimalware_section.free(d->rules);
	d->rules = rules;
	d->on = rules && rules->on;
	d->deadline_ms = rules ? rules->deadline_ms : 2000;
	return 0;
}

int desk_on_exempt(struct self *me, struct peer *p, struct imsg *m)
{
	struct desk *d = me->state;
	(void)p;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	if (imsg_body(m, EXEMPT_MAX, &body) < 0)
		return 0;
	AUTO(json_decrefp) json_t *list = json_parse(body.s, NULL);
	size_t n = json_array_size(list);
	free(d->exempt);
	d->exempt = n ? xcalloc(n, sizeof(*d->exempt)) : NULL;
	d->nexempt = n;
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(list, i);
		d->exempt[i] = (struct exempt){ (uint64_t)json_int(o, "dev", 0),
			                        (uint64_t)json_int(o, "ino", 0),
			                        (uint64_t)json_int(o, "ctimeNs", 0),
			                        (uint64_t)json_int(o, "size", 0) };
	}
	return 0;
}

static bool is_exempt(const struct desk *d, const struct file_op *op)
{
	for (size_t i = 0; i < d->nexempt; i++) {
		const struct exempt *e = &d->exempt[i];
		if (e->ino == op->ino && e->dev == op->dev && e->size == op->size &&
		    (e->ctime_ns == 0 || e->ctime_ns == op->ctime_ns))
			return true;
	}
	return false;
}

enum verdict desk_look(struct desk *d, enum sense sense, struct look *l)
{
	if (is_exempt(d, &l->op))
		return VERDICT_PASS;
	l->id = ++d->next_id & 0xffffffffu;
	map_set(&d->looks, key(&l->id), l);
	LIST_INSERT_HEAD(&d->list, l, next);
	d->n++;
	const struct sight s = {
		.sense = sense, .id = l->id, .when_ns = l->since_ms * 1000000u, .file = &l->op
	};
	enum verdict v = antimalware_module.decide(d->antimalware, &s);
	if (v == VERDICT_LATER)
		return v;
	map_del(&d->looks, key(&l->id));
	LIST_REMOVE(l, next);
	d->n--;
	return v;
}

int desk_on_kept(struct self *me, struct peer *p, struct imsg *m)
{
	struct desk *d = me->state;
	(void)p;
	outbox_kept(&d->outbox, m->id);
	return 0;
}

static void scanned(struct desk *d, struct look *l, const json_t *result)
{
	json_decref(l->asked);
	l->asked = NULL;
	l->malware = strcmp(json_text(result, "verdict", ""), "malware") == 0;
	l->judged = l->malware || strcmp(json_text(result, "verdict", ""), "clean") == 0;
	snprintf(l->name, sizeof(l->name), "%s", json_text(result, "name", ""));
	antimalware_module.answer(d->antimalware, l->id, result,
	                          "the scanner's answer is not understood");
}

/* What it was asked and has not answered is asked again. */
void desk_return_scanner(struct desk *d)
{
	struct look *l = d->lent.look ? find(d, d->lent.look) : NULL;
	loop_del(&d->me->loop, &d->lent.sock);
	d->lent.look = 0;
	if (l && l->asked)
		send_scan(d, l);
}

static void lent_ready(struct watch *w, uint32_t events)
{
	(void)events;
	struct desk *d = CONTAINER_OF(w, struct desk, lent.sock);
	AUTO(json_decrefp) json_t *result = d->lent.look ? worker_answer(w->fd) : NULL;
	if (!result) {
		desk_return_scanner(d);
		return;
	}
	struct look *l = find(d, d->lent.look);
	d->lent.look = 0;
	if (l && l->asked)
		scanned(d, l, result);
}

int desk_on_scanner(struct self *me, struct peer *p, struct imsg *m)
{
	struct desk *d = me->state;
	(void)p;
	if (m->fd < 0)
		return -EBADMSG;
	desk_return_scanner(d);
	d->lent.sock = (struct watch){ TAKE_FD(m->fd), lent_ready };
	int rc = loop_add(&me->loop, &d->lent.sock, EPOLLIN);
	if (rc < 0)
		desk_return_scanner(d);
	return 0;
}

int desk_on_scanned(struct self *me, struct peer *p, struct imsg *m)
{
	struct desk *d = me->state;
	(void)p;
	struct look *l = find(d, m->id);
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	if (!l || !l->asked || imsg_body(m, 65536, &body) < 0)
		return 0;
	AUTO(json_decrefp) json_t *result = json_parse(body.s, NULL);
	scanned(d, l, result);
	return 0;
}

int desk_on_deed_done(struct self *me, struct peer *p, struct imsg *m)
{
	struct desk *d = me->state;
	(void)p;
	AUTO(json_decrefp)
	json_t *o = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	bool failed = json_text(o, "error", NULL) != NULL;
	bool delete = strcmp(json_text(o, "op", ""), "delete") == 0;
	int rc = !failed ? 0 : json_bool(o, "full", false) ? -ENOSPC : -EIO;
	antimalware_module.done(d->antimalware, m->id, delete ? DEED_DELETE : DEED_QUARANTINE, rc,
	                        o);
	return 0;
}

void desk_up(struct desk *d, const struct peer *p)
{
	struct look *l;
	if (p->who == P_SPOOL)
		outbox_up(&d->outbox);
	if (p->who != P_SCAN)
		return;
	LIST_FOREACH (l, &d->list, next)
		if (l->asked)
			send_scan(d, l);
}

void desk_down(struct desk *d, const struct peer *p)
{
	struct look *l;
	if (p->who == P_SPOOL)
		outbox_down(&d->outbox);
	if (p->who != P_SCAN)
		return;
	desk_return_scanner(d);
	LIST_FOREACH (l, &d->list, next)
		l->sent = false;
}

void desk_forget(struct desk *d)
{
	struct look *l;
	LIST_FOREACH (l, &d->list, next)
		l->stale = true;
}

void desk_tick(struct desk *d)
{
	uint64_t now = clock_mono_ms();
	struct look *l, *after;
	for (l = LIST_FIRST(&d->list); l; l = after) {
		after = LIST_NEXT(l, next);
		if (l->asked && !l->sent)
			send_scan(d, l);
		if (l->settled || l->late || now - l->since_ms < d->deadline_ms)
			continue;
		l->late = true;
		antimalware_module.late(d->antimalware, l->id);
	}
}
