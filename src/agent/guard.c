#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/outbox.h"
#include "agent/quarantine/quarantine.h"
#include "agent/sensor/change/group.h"
#include "agent/sensor/log/opener.h"
#include "agent/sensor/packet/loader.h"
#include "agent/sensor/tls/hooks.h"
#include "agent/watchdog.h"
#include "base/auto.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"
#include "module/module.h"

#ifndef FAN_REPORT_FD_ERROR
#define FAN_REPORT_FD_ERROR 0x00002000
#endif

/* Row 0: stays root and does the few deeds that only root can. It reads no byte of a file. */

enum { PIDS_MAX = 64, BODY_MAX = 1 << 20, RULESET_BYTES = 32 << 20, SILENT_MS = 10000 };

/* Who waits for the store. A process that was started again has other questions of the same
 * numbers: the old one's are not answered. */
struct ask {
	LIST_ENTRY(ask) next;
	struct self *me;
	unsigned who, instance;
	uint32_t type, id; /* of the answer */
	bool gone;
};

struct keeper {
	struct outbox outbox;
	struct quarantine *quarantine; /* owned; NULL: there is none */
	LIST_HEAD(, ask) asks;
	struct watchdog *watchdog; /* lives as long as we do; NULL: it cannot be */
	struct loader *loader;
	struct hooks *hooks;
	struct opener opener;
};

/* NULL once we are ending. */
static struct keeper *state(struct self *me)
{
	return me->state;
}

/* ---- what the store tells ---- */

static void send_json(struct self *me, unsigned who, unsigned instance, uint32_t type, uint32_t id,
                      const json_t *o)
{
	AUTO(buf_done) struct buf b = { 0 };
	struct peer *p = self_peer(me, who, instance);
	json_write(&b, o);
	int rc = p && peer_is_up(p) ? peer_send_big(p, type, id, buf_view(&b)) : -ENOTCONN;
	if (rc < 0 && rc != -ENOTCONN)
		log_error("tell %s: %s", me->program->procs[who].name, strerror(-rc));
}

static void tell_status(struct self *me)
{
	const struct keeper *g = state(me);
	if (!g || !g->quarantine)
		return;
	AUTO(json_decrefp)
	json_t *o = json_pack("{s:{s:{s:o}}}", "modules", "antimalware", "quarantine",
	                      quarantine_report(g->quarantine));
	send_json(me, P_COMMS, 0, M_STATUS, 0, o);
}

static void changed(void *arg, const json_t *entry)
{
	struct self *me = arg;
	send_json(me, P_COMMS, 0, M_STORE_CHANGED, 0, entry);
	tell_status(me);
}

static void dropped(void *arg, const char *path)
{
	struct self *me = arg;
	struct event ev;
	event_init(&ev, &event_class_system, "file-dropped");
	event_text(&ev, "TargetType", "identified file");
	event_text(&ev, "TargetName", path);
	outbox_put(&state(me)->outbox, &ev);
	event_done(&ev);
}

static void full(void *arg, unsigned count)
{
	struct self *me = arg;
	struct event ev;
	event_init(&ev, &event_class_system, "quarantine-full");
	event_int(&ev, "Count", count);
	outbox_put(&state(me)->outbox, &ev);
	event_done(&ev);
}

static void exempted(void *arg)
{
	struct self *me = arg;
	const struct keeper *g = state(me);
	if (!g || !g->quarantine)
		return;
	AUTO(json_decrefp) json_t *list = quarantine_exempt(g->quarantine);
	send_json(me, P_FILES, 0, M_EXEMPT, 0, list);
	send_json(me, P_TREE, 0, M_EXEMPT, 0, list);
}

/* Whoever knows it by its `unique` drops it. */
static void tell(void *arg, const char *text, const char *record_id)
{
	struct self *me = arg;
	struct event ev;
	struct err why = { { 0 } };
	if (event_parse(str_of(text), event_classes, &ev, &why) < 0) {
		log_error("quarantine: the event of %s: %s", record_id, why.text);
		return;
	}
	event_text(&ev, "QuarantineRecordID", record_id);
	outbox_put(&state(me)->outbox, &ev);
	event_done(&ev);
}

/* ---- the firewall's ruleset ---- */

static void loaded(struct self *me, uint32_t id, json_t *answer)
{
	send_json(me, P_PACKET, 0, M_RULESET_DONE, id, answer);
}

static int on_ruleset(struct self *me, struct peer *p, struct imsg *m)
{
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	int rc = imsg_body(m, RULESET_BYTES, &body);
	(void)p;
	if (rc < 0)
		return rc;
	if (!state(me))
		return 0;
	if (body.s.n)
		loader_put(state(me)->loader, m->id, body.s);
	else
		loader_forget(state(me)->loader);
	return 0;
}

int packet_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX])
{
	return loader_prepare(state(guard) ? state(guard)->loader : NULL, instance, out);
}

/* ---- TLS libraries ---- */

int tls_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX])
{
	(void)instance;
	return hooks_prepare(state(guard) ? state(guard)->hooks : NULL, out);
}

static int on_tls(struct self *me, const struct imsg *m,
                  int (*take)(struct hooks *h, const json_t *message))
{
	AUTO(json_decrefp)
	json_t *o = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	if (!o)
		return -EBADMSG;
	return state(me) ? take(state(me)->hooks, o) : 0;
}

static int on_tls_look(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	return on_tls(me, m, hooks_look);
}

static int on_tls_hook(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	return on_tls(me, m, hooks_hook);
}

/* ---- log files ---- */

static int on_log_look(struct self *me, struct peer *p, struct imsg *m)
{
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	(void)p;
	int rc = imsg_body(m, BODY_MAX, &body);
	AUTO(json_decrefp) json_t *o = rc < 0 ? NULL : json_parse(body.s, NULL);
	if (!o)
		return -EBADMSG;
	return state(me) ? opener_look(&state(me)->opener, o) : 0;
}

static int on_log_closed(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	AUTO(json_decrefp)
	json_t *o = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	if (!o)
		return -EBADMSG;
	if (state(me))
		opener_closed(&state(me)->opener, o);
	return 0;
}

int guard_start(struct self *me)
{
	struct keeper *g = xcalloc(1, sizeof(*g));
	struct err why = { { 0 } };
	me->state = g;
	outbox_init(&g->outbox, me);
	LIST_INIT(&g->asks);
	const struct quarantine_ears ears = { me, changed, dropped, full, exempted, tell };
	g->quarantine = quarantine_new(&me->loop, me->lib, &ears, &why);
	if (!g->quarantine)
		log_error("%s", why.text);
	else
		quarantine_tell(g->quarantine, true);
	g->watchdog = watchdog_new(SILENT_MS);
	g->loader = loader_new(me, loaded);
	g->hooks = hooks_new(me);
	opener_init(&g->opener, me);
	return 0;
}

static void tell_pids(struct self *me)
{
	pid_t pids[PIDS_MAX];
	uint8_t room[PIDS_MAX * 4];
	struct wr w = wr_init(room, sizeof(room));
	unsigned n = guard_pids(me, pids, PIDS_MAX);
	for (unsigned i = 0; i < n; i++)
		wr_u32(&w, (uint32_t)pids[i]);
	self_send(me, P_FILES, 0, M_PIDS, 0, (struct str){ (const char *)room, wr_len(&w) });
	self_send(me, P_CHANGES, 0, M_PIDS, 0, (struct str){ (const char *)room, wr_len(&w) });
}

void guard_up(struct self *me, struct peer *p)
{
	if (state(me) && p->who == P_SPOOL)
		outbox_up(&state(me)->outbox);
	tell_pids(me);
	if (state(me) && state(me)->watchdog && p->who == P_FILES)
		watchdog_watch(state(me)->watchdog, guard_pid(me, P_FILES, 0));
	if (state(me))
		loader_up(state(me)->loader, p, guard_pid(me, p->who, p->instance));
	if (p->who == P_FILES || p->who == P_TREE)
		exempted(me);
	if (p->who == P_COMMS)
		tell_status(me);
}

void guard_down(struct self *me, struct peer *p)
{
	struct keeper *g = state(me);
	struct event ev;
	struct ask *a = NULL;
	if (!g)
		return;
	if (p->who == P_SPOOL)
		outbox_down(&g->outbox);
	if (p->who == P_FILES && g->watchdog) {
		watchdog_watch(g->watchdog, 0);
		if (watchdog_bit(g->watchdog))
			log_error("files did not answer: it was ended");
	}
	loader_down(g->loader, p);
	if (p->who == P_TLS)
		hooks_down(g->hooks);
	if (p->who == P_LOGS)
		opener_down(&g->opener);
	if ((p->who == P_FILES || p->who == P_TREE) && g->quarantine)
		quarantine_tell(g->quarantine, false);
	LIST_FOREACH (a, &g->asks, next)
		a->gone = a->gone || (a->who == p->who && a->instance == p->instance);
	event_init(&ev, &event_class_system, "process-died");
	event_text(&ev, "Process", me->program->procs[p->who].name);
	outbox_put(&g->outbox, &ev);
	event_done(&ev);
}

void guard_stop(struct self *me)
{
	struct keeper *g = state(me);
	quarantine_free(g->quarantine);
	loader_free(g->loader);
	hooks_free(g->hooks);
	opener_done(&g->opener);
	while (!LIST_EMPTY(&g->asks)) {
		struct ask *a = LIST_FIRST(&g->asks);
		LIST_REMOVE(a, next);
		free(a);
	}
	outbox_done(&g->outbox);
	free(g);
	me->state = NULL;
}

static int on_kept(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	if (state(me))
		outbox_kept(&state(me)->outbox, m->id);
	return 0;
}

static int on_identity(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	tell_pids(me);
	/* Deactivated: nobody's firewall is left behind, whether the packet process lives or not.
	 */
	if (state(me) && m->len == 1 && m->data[0] == 0)
		loader_forget(state(me)->loader);
	return 0;
}

/* ---- real time ---- */

/* The newest form of the group that this kernel has: Linux 6.13, 5.15, 5.10. */
static int fanotify_open(void)
{
	static const unsigned more[] = { FAN_REPORT_PIDFD | FAN_REPORT_FD_ERROR, FAN_REPORT_PIDFD,
		                         0 };
	int fd = -1;
	for (size_t i = 0; i < ARRAY_LEN(more) && fd < 0; i++)
		fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK |
		                           FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS | more[i],
		                   O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME);
	if (fd >= 0)
		return fd;
	log_error("fanotify: %s", strerror(errno));
	return -errno;
}

/* The sensor is born with a new group: what marked the old one is gone with it. */
int files_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX])
{
	(void)instance;
	int n = 0, fd = fanotify_open();
	if (fd < 0)
		return fd;
	out[n++] = (struct birth_fd){ "fanotify", fd };
	fd = state(guard) && state(guard)->watchdog ? watchdog_page(state(guard)->watchdog)
	                                            : -ENOENT;
	if (fd >= 0)
		out[n++] = (struct birth_fd){ "alive", fd };
	return n;
}

/* Its own two rows ask the guard for marks, each for the kind of group that it has. */
static int mark(unsigned who, int group, const char *path)
{
	int rc = 0;
	if (who == P_CHANGES)
		return group_mark(group, path);
	if (!*path)
		rc = fanotify_mark(group, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0, AT_FDCWD, NULL);
	else
		rc = fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
		                   FAN_OPEN_PERM | FAN_CLOSE_WRITE, AT_FDCWD, path);
	return rc < 0 ? -errno : 0;
}

static int on_mark(struct self *me, struct peer *p, struct imsg *m)
{
	AUTO(json_decrefp)
	json_t *o = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	const char *path = json_text(o, "path", NULL);
	char point[64];
	if (!path || m->fd < 0)
		return -EBADMSG;
	/* The sensor's own open descriptor of the mount point: no path is walked. */
	snprintf(point, sizeof(point), "/proc/%d/fd/%d", (int)guard_pid(me, p->who, p->instance),
	         (int)json_int(o, "at", -1));
	int rc = p->who == P_CHANGES && json_object_get(o, "listen")
	                 ? group_listen(m->fd, json_bool(o, "listen", false))
	                 : mark(p->who, m->fd, *path ? point : path);
	if (rc < 0)
		json_set_text(o, "error", strerror(-rc));
	send_json(me, p->who, p->instance, M_MARKED, m->id, o);
	return 0;
}

int changes_prepare(struct self *guard, unsigned instance,
                    struct birth_fd out[static BIRTH_FDS_MAX])
{
	(void)guard;
	(void)instance;
	return group_prepare(out);
}

/* ---- deeds ---- */

/* Ends the processes that run this file. */
static unsigned end_runners(uint64_t dev, uint64_t ino)
{
	DIR *proc = opendir("/proc");
	unsigned n = 0;
	for (const struct dirent *e = proc ? readdir(proc) : NULL; e; e = readdir(proc)) {
		char path[300];
		struct stat st;
		uint64_t pid = 0;
		if (str_u64(str_of(e->d_name), 2, INT32_MAX, &pid) < 0)
			continue;
		AUTO(closep) int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
		snprintf(path, sizeof(path), "/proc/%s/exe", e->d_name);
		if (fd < 0 || stat(path, &st) < 0 || st.st_dev != dev || st.st_ino != ino ||
		    (pid_t)pid == getpid())
			continue;
		n += syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0;
	}
	if (proc)
		closedir(proc);
	return n;
}

static struct quarantine_caller caller(struct self *me, const struct peer *p, uint32_t type,
                                       uint32_t id,
                                       void (*done)(void *arg, const struct quarantine_answer *a))
{
	struct ask *a = xcalloc(1, sizeof(*a));
	*a = (struct ask){
		.me = me, .who = p->who, .instance = p->instance, .type = type, .id = id
	};
	LIST_INSERT_HEAD(&state(me)->asks, a, next);
	return (struct quarantine_caller){ done, a };
}

static void ask_free(struct ask *a)
{
	LIST_REMOVE(a, next);
	free(a);
}

static void answer_deed(const struct self *me, const struct ask *ask, const char *op,
                        const struct quarantine_answer *a)
{
	AUTO(json_decrefp) json_t *out = json_object();
	json_set_text(out, "op", op);
	if (a->error)
		json_set_text(out, "error", a->error);
	else if (*a->record_id)
		json_set_text(out, "recordID", a->record_id);
	if (a->note)
		json_set_text(out, "note", a->note);
	if (a->full)
		json_set_bool(out, "full", true);
	send_json((struct self *)(uintptr_t)me, ask->who, ask->instance, ask->type, ask->id, out);
}

static void taken(void *arg, const struct quarantine_answer *a)
{
	struct ask *ask = arg;
	if (!ask->gone)
		answer_deed(ask->me, ask, "quarantine", a);
	ask_free(ask);
}

static void delete_it(struct self *me, const struct peer *p, uint32_t id, int fd,
                      const struct quarantine_file *f)
{
	const struct ask ask = {
		.who = p->who, .instance = p->instance, .type = M_DEED_DONE, .id = id
	};
	struct quarantine_answer a = { .record_id = "" };
	struct err why = { { 0 } };
	struct stat st;
	char note[80];
	unsigned left = 0;
	int rc = fstat(fd, &st) < 0 || st.st_dev != f->dev || st.st_ino != f->ino
	                 ? -ESTALE
	                 : quarantine_unlink(fd, f->path, &left);
	if (rc < 0) {
		err_set(&why, rc, "delete: %s", strerror(-rc));
		a.error = why.text;
	} else if (left) {
		snprintf(note, sizeof(note), "%u other name(s) of the file remain", left);
		a.note = note;
	}
	answer_deed(me, &ask, "delete", &a);
}

static void do_deed(struct self *me, const struct peer *p, const json_t *o, uint32_t id, int fd)
{
	AUTO(buf_done) struct buf path = { 0 };
	const json_t *detail = json_object_at(o, "detail");
	struct quarantine_file f = { .fd = fd,
		                     .dev = (uint64_t)json_int(o, "dev", 0),
		                     .ino = (uint64_t)json_int(o, "ino", 0),
		                     .max = (uint64_t)json_int(detail, "storeMaxMbytes", 0) << 20,
		                     .detail = detail };
	const char *op = json_text(o, "op", "");
	bool good = base64_decode(&path, str_of(json_text(o, "path", ""))) == 0 && path.n &&
	            !memchr(path.p, '\0', path.n);
	if (!good || (strcmp(op, "delete") != 0 && !state(me)->quarantine)) {
		const struct ask ask = {
			.who = p->who, .instance = p->instance, .type = M_DEED_DONE, .id = id
		};
		answer_deed(me, &ask, op,
		            &(struct quarantine_answer){
				    .error = good ? "there is no quarantine"
		                                  : "the file's path is not known" });
		return;
	}
	f.path = path.p;
	end_runners(f.dev, f.ino);
	if (strcmp(op, "delete") == 0)
		delete_it(me, p, id, fd, &f);
	else
		quarantine_put(state(me)->quarantine, &f, caller(me, p, M_DEED_DONE, id, taken));
}

static int on_deed(struct self *me, struct peer *p, struct imsg *m)
{
	AUTO(json_decrefp)
	json_t *o = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	if (!o || m->fd < 0)
		return -EBADMSG;
	if (state(me))
		do_deed(me, p, o, m->id, m->fd);
	return 0;
}

/* ---- the store ---- */

static void store_done(void *arg, const struct quarantine_answer *a)
{
	struct ask *ask = arg;
	AUTO(json_decrefp) json_t *out = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	struct peer *p = self_peer(ask->me, ask->who, ask->instance);
	if (a->error)
		json_set_text(out, "error", a->error);
	if (a->note)
		json_set_text(out, "note", a->note);
	if (a->password)
		json_set_text(out, "password", a->password);
	json_write(&b, out);
	const struct imsg reply = { .type = ask->type,
		                    .id = ask->id,
		                    .fd = a->fd,
		                    .len = (uint32_t)b.n,
		                    .data = (const uint8_t *)b.p };
	if (!ask->gone && p && peer_is_up(p))
		peer_send(p, &reply);
	ask_free(ask);
}

static void store_list(struct self *me, const struct peer *p, uint32_t id)
{
	AUTO(json_decrefp) json_t *out = json_object();
	json_set(out, "files", quarantine_list(state(me)->quarantine));
	send_json(me, p->who, p->instance, M_STORE_DONE, id, out);
}

static void store_ask(struct self *me, const struct peer *p, const json_t *o,
                      struct quarantine_caller done)
{
	struct quarantine *q = state(me)->quarantine;
	struct err why = { { 0 } };
	const char *op = json_text(o, "op", ""), *id = json_text(o, "recordID", "");
	const struct quarantine_return what = { .id = id,
		                                .path = json_text(o, "path", NULL),
		                                .overwrite = json_bool(o, "overwrite", false),
		                                .again = !json_bool(o, "exempt", true) };
	struct quarantine_answer a = { .record_id = id, .fd = -1 };
	(void)p;
	if (strcmp(op, "restore") == 0) {
		quarantine_restore(q, &what, done);
		return;
	}
	if (strcmp(op, "fetch") == 0) {
		quarantine_fetch(q, id, done);
		return;
	}
	a.rc = strcmp(op, "delete") == 0 ? quarantine_delete(q, id, &why)
	                                 : err_set(&why, -EINVAL, "an unknown operation");
	a.error = a.rc < 0 ? why.text : NULL;
	done.done(done.arg, &a);
}

static int on_store(struct self *me, struct peer *p, struct imsg *m)
{
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	int rc = imsg_body(m, BODY_MAX, &body);
	AUTO(json_decrefp) json_t *o = rc < 0 ? NULL : json_parse(body.s, NULL);
	if (!o)
		return -EBADMSG;
	if (!state(me))
		return 0;
	if (!state(me)->quarantine) {
		const struct quarantine_answer a = { .error = "there is no quarantine", .fd = -1 };
		const struct quarantine_caller c = caller(me, p, M_STORE_DONE, m->id, store_done);
		c.done(c.arg, &a);
	} else if (strcmp(json_text(o, "op", ""), "list") == 0) {
		store_list(me, p, m->id);
	} else {
		store_ask(me, p, o, caller(me, p, M_STORE_DONE, m->id, store_done));
	}
	return 0;
}

int (*const guard_on[M_COUNT])(struct self *, struct peer *, struct imsg *) = {
	[M_EVENT_KEPT] = on_kept,   [M_IDENTITY] = on_identity,
	[M_MARK] = on_mark,         [M_DEED] = on_deed,
	[M_STORE] = on_store,       [M_RULESET] = on_ruleset,
	[M_TLS_LOOK] = on_tls_look, [M_TLS_HOOK] = on_tls_hook,
	[M_LOG_LOOK] = on_log_look, [M_LOG_CLOSED] = on_log_closed
};
