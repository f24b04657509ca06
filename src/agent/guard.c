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
#include "agent/watchdog.h"
#include "base/auto.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"

#ifndef FAN_REPORT_FD_ERROR
#define FAN_REPORT_FD_ERROR 0x00002000
#endif

/* Row 0: stays root and does the few deeds that only root can. It reads no byte of a file but to
 * encrypt it. */

enum { PIDS_MAX = 64, BODY_MAX = 1 << 20, SILENT_MS = 10000 };

struct keeper {
	struct outbox outbox;
	int quarantine;            /* owned; < 0: there is none */
	struct watchdog *watchdog; /* lives as long as we do; NULL: it cannot be */
};

/* NULL once we are ending. */
static struct keeper *state(struct self *me)
{
	return me->state;
}

int guard_start(struct self *me)
{
	struct keeper *g = xcalloc(1, sizeof(*g));
	struct err why = { { 0 } };
	me->state = g;
	outbox_init(&g->outbox, me);
	g->quarantine = quarantine_open(me->lib, &why);
	if (g->quarantine < 0)
		log_error("%s", why.text);
	g->watchdog = watchdog_new(SILENT_MS);
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
}

void guard_up(struct self *me, struct peer *p)
{
	if (state(me) && p->who == P_SPOOL)
		outbox_up(&state(me)->outbox);
	tell_pids(me);
	if (state(me) && state(me)->watchdog && p->who == P_FILES)
		watchdog_watch(state(me)->watchdog, guard_pid(me, P_FILES, 0));
}

void guard_down(struct self *me, struct peer *p)
{
	struct keeper *g = state(me);
	struct event ev;
	if (!g)
		return;
	if (p->who == P_SPOOL)
		outbox_down(&g->outbox);
	if (p->who == P_FILES && g->watchdog) {
		watchdog_watch(g->watchdog, 0);
		if (watchdog_bit(g->watchdog))
			log_error("files did not answer: it was ended");
	}
	event_init(&ev, &event_class_system, "process-died");
	event_text(&ev, "Process", me->program->procs[p->who].name);
	outbox_put(&g->outbox, &ev);
	event_done(&ev);
}

void guard_stop(struct self *me)
{
	struct keeper *g = state(me);
	outbox_done(&g->outbox);
	if (g->quarantine >= 0)
		close(g->quarantine);
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
	(void)p, (void)m;
	tell_pids(me);
	return 0;
}

static void answer(struct self *me, const struct peer *p, uint32_t type, uint32_t id,
                   const json_t *o)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, o);
	int rc = self_send(me, p->who, p->instance, type, id, buf_view(&b));
	if (rc < 0 && rc != -ENOTCONN)
		log_error("answer %s: %s", me->program->procs[p->who].name, strerror(-rc));
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

static int on_mark(struct self *me, struct peer *p, struct imsg *m)
{
	AUTO(json_decrefp)
	json_t *o = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	const char *path = json_text(o, "path", NULL);
	char point[64];
	int rc = 0;
	if (!path || m->fd < 0)
		return -EBADMSG;
	/* The sensor's own open descriptor of the mount point: no path is walked. */
	snprintf(point, sizeof(point), "/proc/%d/fd/%d", (int)guard_pid(me, p->who, p->instance),
	         (int)json_int(o, "at", -1));
	if (!*path)
		rc = fanotify_mark(m->fd, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0, AT_FDCWD, NULL);
	else
		rc = fanotify_mark(m->fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
		                   FAN_OPEN_PERM | FAN_CLOSE_WRITE, AT_FDCWD, point);
	if (rc < 0)
		json_set_text(o, "error", strerror(errno));
	answer(me, p, M_MARKED, m->id, o);
	return 0;
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

static int do_deed(struct self *me, const json_t *o, int fd, json_t **record, struct err *why)
{
	AUTO(buf_done) struct buf path = { 0 };
	struct quarantine_file f = { .fd = fd,
		                     .dev = (uint64_t)json_int(o, "dev", 0),
		                     .ino = (uint64_t)json_int(o, "ino", 0),
		                     .detail = json_object_at(o, "detail") };
	if (base64_decode(&path, str_of(json_text(o, "path", ""))) < 0 || path.n == 0 ||
	    memchr(path.p, '\0', path.n))
		return err_set(why, -EINVAL, "the file's path is not known");
	f.path = path.p;
	end_runners(f.dev, f.ino);
	if (strcmp(json_text(o, "op", ""), "delete") == 0) {
		int rc = quarantine_unlink(f.path, f.dev, f.ino, 0);
		return rc < 0 ? err_set(why, rc, "delete: %s", strerror(-rc)) : 0;
	}
	if (state(me)->quarantine < 0)
		return err_set(why, -EIO, "there is no quarantine");
	return quarantine_put(state(me)->quarantine, &f, record, why);
}

static int on_deed(struct self *me, struct peer *p, struct imsg *m)
{
	AUTO(json_decrefp)
	json_t *o = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	AUTO(json_decrefp) json_t *record = NULL;
	AUTO(json_decrefp) json_t *out = json_object();
	struct err why = { { 0 } };
	if (!o || m->fd < 0)
		return -EBADMSG;
	if (!state(me))
		return 0;
	json_set_text(out, "op", json_text(o, "op", ""));
	if (do_deed(me, o, m->fd, &record, &why) < 0)
		json_set_text(out, "error", why.text);
	if (record) {
		json_set_text(out, "recordID", json_text(record, "recordID", ""));
		AUTO(buf_done) struct buf b = { 0 };
		json_write(&b, record);
		self_send(me, P_COMMS, 0, M_STORE_CHANGED, 0, buf_view(&b));
	}
	answer(me, p, M_DEED_DONE, m->id, out);
	return 0;
}

/* ---- the store ---- */

static void tell_change(struct self *me, const json_t *record)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, record);
	self_send(me, P_COMMS, 0, M_STORE_CHANGED, 0, buf_view(&b));
}

static int on_store(struct self *me, struct peer *p, struct imsg *m)
{
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	AUTO(json_decrefp) json_t *record = NULL;
	AUTO(json_decrefp) json_t *out = json_object();
	struct err why = { { 0 } };
	int dir = state(me) ? state(me)->quarantine : -1;
	int rc = imsg_body(m, BODY_MAX, &body);
	AUTO(json_decrefp) json_t *o = rc < 0 ? NULL : json_parse(body.s, NULL);
	const char *op = json_text(o, "op", ""), *id = json_text(o, "recordID", "");
	if (!o)
		return -EBADMSG;
	if (strcmp(op, "list") == 0) {
		json_set(out, "files", quarantine_list(dir));
	} else if (strcmp(op, "restore") == 0) {
		rc = quarantine_restore(dir, id, &record, &why);
	} else if (strcmp(op, "delete") == 0) {
		rc = quarantine_delete(dir, id, &record, &why);
	} else if (strcmp(op, "fetch") == 0) {
		AUTO(closep) int fd = quarantine_fetch(dir, id, &why);
		struct imsg reply = { .type = M_STORE_DONE,
			              .id = m->id,
			              .fd = fd,
			              .len = 2,
			              .data = (const uint8_t *)"{}" };
		if (fd >= 0)
			return peer_send(p, &reply);
		rc = fd;
	} else {
		rc = err_set(&why, -EINVAL, "an unknown operation");
	}
	if (rc < 0)
		json_set_text(out, "error", why.text);
	if (record)
		tell_change(me, record);
	answer(me, p, M_STORE_DONE, m->id, out);
	return 0;
}

int (*const guard_on[M_COUNT])(struct self *, struct peer *,
                               struct imsg *) = { [M_EVENT_KEPT] = on_kept,
	                                          [M_IDENTITY] = on_identity,
	                                          [M_MARK] = on_mark,
	                                          [M_DEED] = on_deed,
	                                          [M_STORE] = on_store };
