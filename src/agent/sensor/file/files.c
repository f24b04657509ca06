#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/desk.h"
#include "agent/sensor/file/actor.h"
#include "agent/sensor/file/marks.h"
#include "agent/sensor/file/verdicts.h"
#include "agent/watchdog.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"
#include "module/antimalware/antimalware.h"

/*
 * Real-time protection: the kernel asks before a file is opened and tells when one was written
 * (fanotify(7)). This process opens nothing by path on a protected file system: it would have to
 * answer itself.
 */

#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200
#endif
#ifndef FAN_MARK_IGNORE
#define FAN_MARK_IGNORE 0x00000400
#endif

enum {
	TICK_MS = 100,
	PIDS_MAX = 64,
	GRAIN_NS = 20000000,
	BATCH = 32,
	EVENT_BYTES =
		sizeof(struct fanotify_event_metadata) + sizeof(struct fanotify_event_info_pidfd)
};

/* Somebody who waits for an answer. */
struct opener {
	STAILQ_ENTRY(opener) next;
	int fd; /* owned: the event's */
};
STAILQ_HEAD(openers, opener);

struct files {
	struct desk desk;
	struct watch group, tick, mounts;
	struct verdicts verdicts;
	pid_t own[PIDS_MAX];
	unsigned nown;
	struct marks marks;
	struct actors *actors;
	void *alive;             /* the watchdog's page, or NULL */
	unsigned open, open_max; /* descriptors of events that we hold */
	uint64_t asked, ticks;
	uint64_t allowed_unseen; /* opens that we let through to keep descriptors free */
	uint64_t no_descriptor;  /* opens that the kernel denied, since there was none */
	char epoch[20];
};

static struct files *state(struct self *me)
{
	return me->state;
}

static void answer(struct files *f, int fd, bool allow)
{
	struct fanotify_response r = { .fd = fd, .response = allow ? FAN_ALLOW : FAN_DENY };
	if (write(f->group.fd, &r, sizeof(r)) != (ssize_t)sizeof(r) && errno != ENOENT)
		log_error("answer the kernel: %s", strerror(errno));
}

static void done_with(struct files *f, int fd)
{
	close(fd);
	f->open--;
}

/* ---- what is known of a file version ---- */

static struct version version_of(const struct stat *st)
{
	return (struct version){ st->st_dev, st->st_ino,
		                 (uint64_t)st->st_ctim.tv_sec * 1000000000u +
		                         (uint64_t)st->st_ctim.tv_nsec,
		                 (uint64_t)st->st_size };
}

static struct version version_of_op(const struct file_op *op)
{
	return (struct version){ op->dev, op->ino, op->ctime_ns, op->size };
}

/*
 * Lets the kernel answer by itself until the file changes. Only when the version that was judged is
 * still there, and old enough that a change within the clock's grain would show (host-sensors 4.4).
 */
static void leave_mark(struct files *f, int fd, const struct version *judged)
{
	struct stat st;
	struct timespec now;
	if (fstat(fd, &st) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return;
	struct version v = version_of(&st);
	uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	if (memcmp(&v, judged, sizeof(v)) != 0 || v.ctime_ns + GRAIN_NS > now_ns ||
	    st.st_nlink == 0)
		return;
	if (fanotify_mark(f->group.fd, FAN_MARK_ADD | FAN_MARK_IGNORE | FAN_MARK_EVICTABLE,
	                  FAN_OPEN_PERM, fd, NULL) < 0 &&
	    errno == EINVAL)
		fanotify_mark(f->group.fd, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK, FAN_OPEN_PERM, fd,
		              NULL);
}

/* A write through a mapping leaves the mark where it was (host-sensors 4.2). */
static void take_mark(struct files *f, int fd)
{
	if (fanotify_mark(f->group.fd, FAN_MARK_REMOVE | FAN_MARK_IGNORE, FAN_OPEN_PERM, fd, NULL) <
	            0 &&
	    errno == EINVAL)
		fanotify_mark(f->group.fd, FAN_MARK_REMOVE | FAN_MARK_IGNORED_MASK, FAN_OPEN_PERM,
		              fd, NULL);
}

static bool is_own(const struct files *f, pid_t pid)
{
	for (unsigned i = 0; i < f->nown; i++)
		if (f->own[i] == pid)
			return true;
	return pid == getpid();
}

/* ---- events ---- */

static struct look *same_file(struct files *f, const struct version *v)
{
	struct look *l;
	LIST_FOREACH (l, &f->desk.list, next) {
		struct version w = version_of_op(&l->op);
		if (memcmp(&w, v, sizeof(w)) == 0)
			return l;
	}
	return NULL;
}

static void wait_for(struct look *l, int fd)
{
	struct opener *o = xcalloc(1, sizeof(*o));
	if (!l->owner) {
		struct openers *q = xcalloc(1, sizeof(*q));
		STAILQ_INIT(q);
		l->owner = q;
	}
	o->fd = fd;
	STAILQ_INSERT_TAIL((struct openers *)l->owner, o, next);
}

static void answer_all(struct files *f, struct look *l, bool allow)
{
	struct openers *q = l->owner;
	while (q && !STAILQ_EMPTY(q)) {
		struct opener *o = STAILQ_FIRST(q);
		STAILQ_REMOVE_HEAD(q, next);
		answer(f, o->fd, allow);
		done_with(f, o->fd);
		free(o);
	}
}

static void on_settled(struct desk *d, struct look *l)
{
	struct files *f = (struct files *)d;
	struct version v = version_of_op(&l->op);
	if (l->cacheable && l->verdict == VERDICT_PASS) {
		verdicts_put(&f->verdicts, &v, KNOWN_CLEAN);
		leave_mark(f, l->fd, &v);
	}
	if (l->malware && l->verdict == VERDICT_DENY)
		verdicts_put(&f->verdicts, &v, KNOWN_DENIED);
	answer_all(f, l, l->verdict == VERDICT_PASS);
}

static void on_released(struct desk *d, struct look *l)
{
	struct files *f = (struct files *)d;
	answer_all(f, l, l->verdict != VERDICT_DENY);
	free(l->owner);
	l->owner = NULL;
	f->open--; /* the look's own descriptor, which look_free() closes */
}

static void begin(struct files *f, enum sense sense, int fd, const struct who *who, bool waits)
{
	char target[PATH_MAX], magic[64];
	snprintf(magic, sizeof(magic), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(magic, target, sizeof(target));
	int held = waits ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : fd;
	if (held < 0) {
		answer(f, fd, true);
		done_with(f, fd);
		f->allowed_unseen++;
		return;
	}
	struct look *l = look_new(held, (struct str){ target, n > 0 ? (size_t)n : 0 });
	f->open += waits;
	actor_describe(f->actors, l, who);
	if (waits)
		wait_for(l, fd);
	f->asked++;
	enum verdict v = desk_look(&f->desk, sense, l);
	if (v == VERDICT_LATER)
		return;
	/* Not wanted: not cached either, since that may depend on who asks. */
	answer_all(f, l, v == VERDICT_PASS);
	free(l->owner);
	f->open--;
	look_free(l);
}

static void opened(struct files *f, int fd, const struct version *v, const struct who *who)
{
	enum known k = verdicts_get(&f->verdicts, v);
	struct look *l = k == KNOWN_NOTHING ? same_file(f, v) : NULL;
	if (k != KNOWN_NOTHING || (l && l->settled)) {
		bool allow = k == KNOWN_CLEAN || (k == KNOWN_NOTHING && l->verdict == VERDICT_PASS);
		answer(f, fd, allow);
		if (k == KNOWN_CLEAN)
			leave_mark(f, fd, v);
		done_with(f, fd);
	} else if (l) {
		wait_for(l, fd);
	} else {
		begin(f, SENSE_OPEN, fd, who, true);
	}
}

static void event(struct files *f, const struct fanotify_event_metadata *e, const struct who *who)
{
	struct stat st;
	if (e->fd < 0) {
		/* The kernel had no descriptor for it and denied it (FAN_REPORT_FD_ERROR). */
		f->no_descriptor += e->mask & FAN_OPEN_PERM ? 1 : 0;
		return;
	}
	f->open++;
	bool waits = e->mask & FAN_OPEN_PERM;
	if (!waits)
		take_mark(f, e->fd);
	bool skip =
		is_own(f, e->pid) || fstat(e->fd, &st) < 0 || !S_ISREG(st.st_mode) || !f->desk.on;
	/* The kernel would deny what it has no descriptor for: let go before that
	 * (host-sensors 4.6). */
	if (!skip && f->open > f->open_max) {
		f->allowed_unseen++;
		skip = true;
	}
	if (skip) {
		if (waits)
			answer(f, e->fd, true);
		done_with(f, e->fd);
		return;
	}
	struct version v = version_of(&st);
	if (waits)
		opened(f, e->fd, &v, who);
	else if (verdicts_get(&f->verdicts, &v) != KNOWN_NOTHING || same_file(f, &v))
		done_with(f, e->fd);
	else
		begin(f, SENSE_CHANGE, e->fd, who, false);
}

/* Who acts, held fast by a descriptor (FAN_REPORT_PIDFD, Linux 5.15) where there is one. */
static struct who who_of(const struct fanotify_event_metadata *e)
{
	struct who w = { .pid = e->pid, .pidfd = WHO_NO_PIDFD };
	const char *at = (const char *)e + e->metadata_len, *end = (const char *)e + e->event_len;
	struct fanotify_event_info_header h;
	while ((size_t)(end - at) >= sizeof(h)) {
		memcpy(&h, at, sizeof(h));
		if (h.len < sizeof(h) || h.len > end - at)
			break;
		if (h.info_type == FAN_EVENT_INFO_TYPE_PIDFD &&
		    h.len >= sizeof(struct fanotify_event_info_pidfd)) {
			struct fanotify_event_info_pidfd info;
			memcpy(&info, at, sizeof(info));
			w.pidfd = info.pidfd;
		}
		at += h.len;
	}
	return w;
}

static void group_ready(struct watch *w, uint32_t events)
{
	(void)events;
	struct files *f = CONTAINER_OF(w, struct files, group);
	static _Alignas(8) char block[BATCH * EVENT_BYTES];
	ssize_t n = read(w->fd, block, sizeof(block));
	if (n < 0 && errno == EMFILE)
		f->no_descriptor++;
	watchdog_alive(f->alive);
	if (n <= 0)
		return;
	const struct fanotify_event_metadata *e = (const void *)block;
	while (FAN_EVENT_OK(e, n)) {
		struct who who = who_of(e);
		event(f, e, &who);
		if (who.pidfd >= 0)
			close(who.pidfd);
		n -= e->event_len;
		e = (const void *)((const char *)e + e->event_len);
	}
}

/* ---- marks ---- */

static void mounts_changed(struct watch *w, uint32_t events)
{
	(void)events;
	struct files *f = CONTAINER_OF(w, struct files, mounts);
	marks_tick(&f->marks, true);
}

static void forget(struct files *f)
{
	verdicts_forget(&f->verdicts);
	desk_forget(&f->desk);
	if (fanotify_mark(f->group.fd, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL) < 0)
		log_error("forget the kernel's verdicts: %s", strerror(errno));
}

/* ---- status ---- */

static void tell_status(struct files *f)
{
	AUTO(json_decrefp) json_t *o = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	json_t *am = f->desk.antimalware->module->report(f->desk.antimalware),
	       *mounts = marks_shown(&f->marks);
	json_set_text(am, "message", f->desk.on ? "On, Real Time" : "Off");
	json_set(am, "fileSystems", mounts);
	json_set_int(am, "allowedUnseen", (int64_t)f->allowed_unseen);
	json_set_int(am, "deniedUnseen", (int64_t)f->no_descriptor);
	json_set(o, "modules", json_pack("{s:o}", "antimalware", am));
	json_set(o, "messages", json_deep_copy(f->marks.failed));
	json_write(&b, o);
	self_send(f->desk.me, P_COMMS, 0, M_STATUS, 0, buf_view(&b));
}

static void marks_changed(struct marks *m)
{
	tell_status(CONTAINER_OF(m, struct files, marks));
}

/* ---- messages ---- */

static int on_policy(struct self *me, struct peer *p, struct imsg *m)
{
	struct files *f = state(me);
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	(void)p;
	int rc = imsg_body(m, 16 << 20, &body);
	if (rc == 0)
		rc = desk_policy(&f->desk, body.s);
	if (rc < 0)
		return rc;
	forget(f);
	const char *only = agent_options(me)->protect;
	f->marks.single = only != NULL;
	marks_want(&f->marks, !f->desk.on ? NULL : only ? only : f->desk.rules->mounts);
	tell_status(f);
	return 0;
}

static int on_signatures(struct self *me, struct peer *p, struct imsg *m)
{
	struct files *f = state(me);
	(void)p;
	AUTO(json_decrefp)
	json_t *o = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	const char *epoch = json_text(o, "epoch", "");
	if (strcmp(epoch, f->epoch) == 0)
		return 0;
	snprintf(f->epoch, sizeof(f->epoch), "%s", epoch);
	desk_return_scanner(&f->desk);
	forget(f);
	return 0;
}

static int on_marked(struct self *me, struct peer *p, struct imsg *m)
{
	struct files *f = state(me);
	(void)p;
	AUTO(json_decrefp)
	json_t *o = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	marks_answered(&f->marks, o);
	return 0;
}

static int on_pids(struct self *me, struct peer *p, struct imsg *m)
{
	struct files *f = state(me);
	struct rd r = rd_init(m->data, m->len);
	(void)p;
	f->nown = 0;
	while (r.at < r.end && !r.bad && f->nown < PIDS_MAX)
		f->own[f->nown++] = (pid_t)rd_u32(&r);
	return 0;
}

int (*const files_on[M_COUNT])(struct self *, struct peer *, struct imsg *) = {
	[M_EXEMPT] = desk_on_exempt,
	[M_POLICY] = on_policy,
	[M_EVENT_KEPT] = desk_on_kept,
	[M_SCANNED] = desk_on_scanned,
	[M_SCANNER] = desk_on_scanner,
	[M_DEED_DONE] = desk_on_deed_done,
	[M_SIGNATURES] = on_signatures,
	[M_MARKED] = on_marked,
	[M_PIDS] = on_pids,
};

/* The time before which everything was judged and its events are on disk. */
static void tell_watched(struct files *f)
{
	uint64_t until = clock_ms();
	struct look *l;
	LIST_FOREACH (l, &f->desk.list, next)
		if (l->wall_ms < until)
			until = l->wall_ms;
	/* What the kernel has not told yet is older than this moment. */
	struct pollfd queue = { .fd = f->group.fd, .events = POLLIN };
	if (!f->desk.on || !marks_complete(&f->marks) || poll(&queue, 1, 0) != 0 ||
	    !TAILQ_EMPTY(&f->desk.outbox.waiting))
		return;
	uint8_t room[8];
	struct wr w = wr_init(room, sizeof(room));
	wr_u64(&w, until);
	self_send(f->desk.me, P_TREE, 0, M_WATCHED, 0,
	          (struct str){ (const char *)room, sizeof(room) });
}

static void ticked(struct watch *w, uint32_t events)
{
	(void)events;
	struct files *f = CONTAINER_OF(w, struct files, tick);
	loop_tick(w);
	watchdog_alive(f->alive);
	desk_tick(&f->desk);
	marks_tick(&f->marks, false);
	if (++f->ticks % 10 == 0) {
		tell_watched(f);
	}
	if (f->ticks % 100 == 0 && f->desk.on)
		tell_status(f);
}

int files_start(struct self *me)
{
	struct files *f = xcalloc(1, sizeof(*f));
	struct rlimit r = { 1024, 1024 };
	me->state = f;
	desk_init(&f->desk, me);
	f->desk.settled = on_settled;
	f->desk.released = on_released;
	getrlimit(RLIMIT_NOFILE, &r);
	f->open_max = (unsigned)(r.rlim_cur / 4 * 3);
	/* Nothing is marked yet: the only time at which a file may be opened by path. */
	f->actors = actors_new();
	int page = self_take_fd(me, "alive");
	f->alive = page < 0 ? NULL : watchdog_map(page);
	if (page >= 0)
		close(page);
	f->group = (struct watch){ self_take_fd(me, "fanotify"), group_ready };
	if (f->group.fd < 0)
		return f->group.fd;
	marks_init(&f->marks, me, f->group.fd);
	f->marks.changed = marks_changed;
	f->mounts = (struct watch){ open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC),
		                    mounts_changed };
	f->tick.ready = ticked;
	int rc = verdicts_init(&f->verdicts);
	if (rc == 0)
		rc = loop_add(&me->loop, &f->group, EPOLLIN);
	if (rc == 0 && f->mounts.fd >= 0)
		rc = loop_add(&me->loop, &f->mounts, EPOLLPRI);
	if (rc == 0)
		rc = loop_timer(&me->loop, &f->tick, TICK_MS, TICK_MS);
	/* Our own code must not have to be read from a file system that we answer for. */
	if (rc == 0 && !YAGURA_SANITIZED && mlockall(MCL_CURRENT) < 0)
		log_debug("lock memory: %s", strerror(errno));
	return rc;
}

void files_up(struct self *me, struct peer *p)
{
	desk_up(&state(me)->desk, p);
	if (p->who == P_COMMS)
		tell_status(state(me));
}

void files_down(struct self *me, struct peer *p)
{
	desk_down(&state(me)->desk, p);
}

void files_stop(struct self *me)
{
	struct files *f = state(me);
	struct look *l;
	/* Whoever waits is let through when the group is closed; what is known is told first. */
	LIST_FOREACH (l, &f->desk.list, next)
		answer_all(f, l, true);
	outbox_flush(&f->desk.outbox, 1000);
	marks_done(&f->marks);
	verdicts_done(&f->verdicts);
	actors_free(f->actors);
	f->actors = NULL;
}
