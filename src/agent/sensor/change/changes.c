#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/sensor/change/classes.h"
#include "agent/sensor/change/fold.h"
#include "agent/sensor/change/sites.h"
#include "agent/sensor/change/touched.h"
#include "base/auto.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"
#include "module/integritymonitoring/policy.h"
#include "module/integritymonitoring/section.h"
#include "module/module.h"

/*
 * Integrity Monitoring in real time, the half that sees: the kernel tells of what was made,
 * written, changed, renamed and removed (fanotify(7)); here it is folded, named, and told to `tree`
 * with who did it. Nothing is ever silently missed: what the kernel's queue or ours could not hold
 * is told as lost, and `tree` looks at everything once more.
 */

#ifndef FAN_RENAME
#define FAN_RENAME 0x10000000
#endif

enum {
	TICK_MS = 50,
	ROUND_MS = 2000, /* mounts and bases are looked at */
	PIDS_MAX = 64,
	BLOCK = 64 * 1024,
	READS = 64, /* blocks in a row */
	FLYING_MAX = 8,
	MOUNTINFO_MAX = 16 << 20
};

struct changes {
	struct self *me;
	struct watch group, tick, mounts;
	struct rules *rules; /* owned; NULL: none */
	struct im_rules watched;
	bool on;
	struct sites sites;
	struct whos *whos;
	struct fold fold;
	struct classes classes;
	pid_t own[PIDS_MAX];
	unsigned nown;
	uint64_t round_ms;
	struct buf out; /* the message that is being filled */
	uint32_t next_id;
	unsigned flying; /* messages that tree has not answered */
	bool tree, listening;
	bool told_on;         /* tree knows that everything is watched */
	bool lost;            /* tree is to be told */
	const char *why_lost; /* a sentence */
	char *block;          /* owned: BLOCK bytes */
};

static struct changes *state(struct self *me)
{
	return me->state;
}

/* ---- telling ---- */

static void tell_watching(struct changes *c)
{
	AUTO(json_decrefp) json_t *o = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	bool on = c->on && sites_complete(&c->sites);
	if (!c->tree)
		return;
	json_set_text(o, "state", !c->on ? "off" : on ? "on" : "starting");
	if (c->lost) {
		json_set_bool(o, "lost", true);
		json_set_text(o, "why", c->why_lost);
	}
	json_set(o, "fileSystems", sites_shown(&c->sites));
	json_set(o, "failed", sites_failed(&c->sites));
	json_set_text(o, "processes", c->classes.connector.fd >= 0 ? "connector" : "polled");
	json_write(&b, o);
	if (self_send(c->me, P_TREE, 0, M_WATCHING, 0, buf_view(&b)) < 0)
		return;
	c->lost = false;
	c->told_on = on;
}

static void lose(struct changes *c, const char *why)
{
	if (!c->on || c->lost)
		return;
	log_warning("changes: %s", why);
	c->lost = true;
	c->why_lost = why;
}

static void send_out(struct changes *c)
{
	if (!c->out.n)
		return;
	if (self_send(c->me, P_TREE, 0, M_TOUCHED, ++c->next_id, buf_view(&c->out)) < 0)
		lose(c, "the process that compares could not be told");
	else
		c->flying++;
	buf_clear(&c->out);
}

static void put(struct changes *c, const struct touched *t)
{
	touched_write(&c->out, t);
	if (c->out.n >= TOUCHED_BYTES - 2 * 4096)
		send_out(c);
}

/* ---- events of the kernel ---- */

static bool is_own(const struct changes *c, pid_t pid)
{
	for (unsigned i = 0; i < c->nown; i++)
		if (c->own[i] == pid)
			return true;
	return pid == getpid();
}

static void take(struct changes *c, const struct change_event *e)
{
	uint64_t now = clock_mono_ms();
	if (e->mask & FAN_Q_OVERFLOW) {
		lose(c, "the kernel's queue of events was full");
		return;
	}
	/* What we write ourselves would have to be written down again. */
	if (!c->on || is_own(c, e->pid))
		return;
	struct person *by = whos_get(c->whos, e->pid, e->pidfd == FAN_NOPIDFD);
	const uint64_t moved = FAN_MOVED_FROM | FAN_MOVED_TO;
	uint64_t mask = e->mask & FAN_RENAME ? (e->mask & ~(uint64_t)FAN_RENAME) | moved : e->mask;
	int rc = fold_add(&c->fold, mask, e->dir, e->name, e->file, by, now);
	if (rc == 0 && e->new_dir.n)
		rc = fold_add(&c->fold, mask, e->new_dir, e->new_name, e->file, by, now);
	if (rc < 0)
		lose(c, "more was changed than could be held");
	person_drop(by);
}

static void group_ready(struct watch *w, uint32_t events)
{
	struct changes *c = CONTAINER_OF(w, struct changes, group);
	(void)events;
	for (int i = 0; i < READS; i++) {
		ssize_t n = read(w->fd, c->block, BLOCK);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			lose(c, "the kernel's events could not be read");
		if (n <= 0)
			return;
		/* Who a process is that has ended meanwhile, the connector has told before. */
		classes_drain(&c->classes);
		struct str rest = { c->block, (size_t)n };
		struct change_event e;
		int rc = 0;
		while ((rc = change_event_next(&rest, &e)) == 1) {
			take(c, &e);
			if (e.pidfd >= 0)
				close(e.pidfd);
		}
		if (rc < 0)
			lose(c, "an event of the kernel could not be understood");
	}
}

/* ---- from events to paths ---- */

struct naming {
	struct changes *changes;
	const struct folded *folded;
	struct touched t;
	bool covered;
};

static uint32_t touch_of(uint64_t mask)
{
	const uint64_t moved = FAN_MOVED_FROM | FAN_MOVED_TO;
	uint32_t touch = 0;
	if (mask & (FAN_MODIFY | FAN_CLOSE_WRITE))
		touch |= TOUCH_CONTENT;
	if (mask & FAN_ATTRIB)
		touch |= TOUCH_ATTRIBUTES;
	if (mask & (FAN_CREATE | FAN_DELETE))
		touch |= TOUCH_NAME;
	if (mask & moved)
		touch |= TOUCH_MOVED;
	if ((mask & FAN_ONDIR) && (mask & (moved | FAN_DELETE)))
		touch |= TOUCH_TREE;
	return touch;
}

/* May something of the rules be at this path, or below it when all of that came or went? */
static bool is_watched(const struct changes *c, struct str path, uint32_t touch)
{
	if (im_may_cover(&c->watched, path))
		return true;
	if (!(touch & TOUCH_TREE))
		return false;
	AUTO(freep) uint16_t *room = xcalloc(c->watched.nsets + 1, sizeof(*room));
	struct im_candidates sets = { .set = room };
	return im_descends(&c->watched, NULL, path, &sets);
}

static bool parent_is_watched(const struct changes *c, struct str path, uint32_t touch)
{
	while (path.n && path.p[path.n - 1] != '/')
		path.n--;
	path.n -= path.n > 1;
	return (touch & (TOUCH_NAME | TOUCH_MOVED)) && im_may_cover(&c->watched, path);
}

static void named(void *arg, struct str path)
{
	struct naming *n = arg;
	struct changes *c = n->changes;
	classes_path(&c->classes, path, n->folded->by, clock_mono_ms());
	if (!is_watched(c, path, n->t.touch) && !parent_is_watched(c, path, n->t.touch))
		return;
	n->covered = true;
	n->t.path = path;
	put(c, &n->t);
}

/* A name that no rule means may be another name of a file that one does. */
static void look_for_links(struct changes *c, struct naming *n, int dir)
{
	const struct folded *d = n->folded;
	struct stat st;
	AUTO(freep) char *name = str_dup(d->name);
	if (n->covered || (d->mask & FAN_ONDIR))
		return;
	int rc = dir >= 0 && d->name.n ? fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) : -1;
	if (rc < 0 && d->file.n) {
		AUTO(closep) int fd = sites_open(&c->sites, d->file);
		rc = fd < 0 ? -1 : fstat(fd, &st);
	}
	/* One name that is left may be the one that counts. */
	if (rc < 0 || !S_ISREG(st.st_mode) ||
	    (st.st_nlink < 2 && !(d->mask & (FAN_DELETE | FAN_ATTRIB))))
		return;
	n->t.path = (struct str){ 0 };
	n->t.dev = st.st_dev;
	n->t.ino = st.st_ino;
	put(c, &n->t);
}

/* Only the file itself is known: it was reached without a name, or by one that is gone. */
static int name_file(struct changes *c, const struct naming *n)
{
	char link[40], target[PATH_MAX];
	struct touched t = n->t;
	struct stat st;
	AUTO(closep) int fd = sites_open(&c->sites, n->folded->file);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || st.st_nlink == 0)
		return -ESTALE;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, target, sizeof(target));
	if (len <= 0 || target[0] != '/')
		return -ESTALE;
	t.dev = st.st_dev;
	t.ino = st.st_ino;
	t.path = (struct str){ target, (size_t)len };
	if (!is_watched(c, t.path, t.touch))
		t.path = (struct str){ 0 };
	put(c, &t);
	return 0;
}

static void tell(struct changes *c, const struct folded *d)
{
	struct naming n = { .changes = c,
		            .folded = d,
		            .t = { .touch = touch_of(d->mask), .actor = d->by->actor } };
	AUTO(closep) int dir = -1;
	int rc = d->dir.n ? sites_resolve(&c->sites, d->dir, d->name, &dir, named, &n)
	                  : name_file(c, &n);
	/* A directory that is gone is told of by its own name. */
	if (rc < 0 && rc != -ESTALE && rc != -ENOENT)
		lose(c, "a changed directory could not be named");
	if (d->dir.n)
		look_for_links(c, &n, dir);
}

static void flush(struct changes *c)
{
	uint64_t now = clock_mono_ms();
	while (c->flying < FLYING_MAX) {
		struct folded *d = fold_take(&c->fold, now);
		if (!d)
			break;
		tell(c, d);
		folded_free(d);
	}
	struct person *by = NULL;
	for (enum im_class k; (k = classes_take(&c->classes, now, &by)) != IM_LINUX_CLASSES;) {
		const struct touched t = { .touch = TOUCH_CLASS,
			                   .class = k,
			                   .actor = by ? by->actor : (struct im_actor){ 0 } };
		put(c, &t);
		person_drop(by);
	}
	send_out(c);
	sites_rest(&c->sites);
}

/* ---- marks ---- */

static void ask_guard(struct changes *c, const json_t *o, int fd)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, o);
	if (self_send_fd(c->me, P_GUARD, M_MARK, 0, buf_view(&b), fd) < 0)
		log_error("changes: the guard cannot be asked");
}

static void mark(void *arg, struct site_system *s, int fd)
{
	struct changes *c = arg;
	char key[2 * sizeof(s->id) + 1];
	AUTO(json_decrefp) json_t *o = json_object();
	hex_lower(key, s->id, sizeof(s->id));
	json_set_bytes(o, "path", str_of(s->point));
	json_set_text(o, "key", key);
	json_set_int(o, "at", fd);
	json_set_int(o, "mount", (int64_t)s->mount);
	ask_guard(c, o, c->group.fd);
}

static void look_at_mounts(struct changes *c)
{
	AUTO(buf_done) struct buf b = { 0 };
	const char *only = agent_options(c->me)->protect;
	c->round_ms = clock_mono_ms();
	if (!c->on || file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &b) < 0)
		return;
	sites_mounts(&c->sites, buf_view(&b));
	sites_want(&c->sites, &c->watched, only || !classes_any(&c->classes) ? NULL : classes_files,
	           mark, c);
	if (sites_complete(&c->sites) != c->told_on)
		tell_watching(c);
}

static void mounts_changed(struct watch *w, uint32_t events)
{
	(void)events;
	look_at_mounts(CONTAINER_OF(w, struct changes, mounts));
}

static int on_marked(struct self *me, struct peer *p, struct imsg *m)
{
	struct changes *c = state(me);
	(void)p;
	AUTO(json_decrefp)
	json_t *o = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	const char *key = json_text(o, "key", ""), *error = json_text(o, "error", NULL);
	int64_t fd = json_int(o, "at", -1);
	struct map_item item;
	if (fd >= 0)
		close((int)fd);
	for (size_t at = 0; *key && map_next(&c->sites.systems, &at, &item);) {
		struct site_system *s = item.value;
		char hex[2 * sizeof(s->id) + 1];
		hex_lower(hex, s->id, sizeof(s->id));
		if (strcmp(hex, key) != 0 || (int64_t)s->mount != json_int(o, "mount", -1))
			continue;
		s->asked = false;
		s->marked = !error;
		free(s->error);
		s->error = error ? xstrdup(error) : NULL;
	}
	if (error)
		log_warning("changes: %s is not watched: %s", json_text(o, "path", "a connector"),
		            error);
	tell_watching(c);
	return 0;
}

static void listen_to_processes(struct changes *c, bool on)
{
	AUTO(json_decrefp) json_t *o = json_object();
	if (c->classes.connector.fd < 0 || c->listening == on)
		return;
	c->listening = on;
	json_set_text(o, "path", "");
	json_set_bool(o, "listen", on);
	ask_guard(c, o, c->classes.connector.fd);
	whos_forget(c->whos);
}

/* ---- messages ---- */

static void forget(struct changes *c)
{
	AUTO(json_decrefp) json_t *flush_marks = json_pack("{s:s}", "path", "");
	ask_guard(c, flush_marks, c->group.fd);
	sites_forget(&c->sites);
	fold_done(&c->fold);
	fold_init(&c->fold);
	integritymonitoring_section.free(c->rules);
	c->rules = NULL;
	c->watched = (struct im_rules){ 0 };
	c->told_on = c->on = false;
}

static int on_policy(struct self *me, struct peer *p, struct imsg *m)
{
	struct changes *c = state(me);
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	struct rules *rules = NULL;
	(void)p;
	int rc = imsg_body(m, 16 << 20, &body);
	if (rc < 0)
		return rc;
	AUTO(json_decrefp) json_t *j = body.s.n ? json_parse(body.s, NULL) : NULL;
	const json_t *part =
		json_object_at(json_object_at(j, "sections"), integritymonitoring_section.name);
	/* `tree` tells of one that is wrong; the last one stays in force there and here. */
	if (part && integritymonitoring_section.parse(part, &rules, NULL) < 0)
		return 0;
	bool on = rules && rules->on && rules->real_time;
	if (on && c->on && json_equal(rules->im.source, c->rules->im.source)) {
		integritymonitoring_section.free(rules);
		return 0;
	}
	forget(c);
	c->rules = rules;
	c->on = on;
	if (on)
		c->watched = im_watched(&rules->im);
	classes_want(&c->classes, &c->watched);
	listen_to_processes(c, on);
	look_at_mounts(c);
	tell_watching(c);
	return 0;
}

static int on_pids(struct self *me, struct peer *p, struct imsg *m)
{
	struct changes *c = state(me);
	struct rd r = rd_init(m->data, m->len);
	(void)p;
	c->nown = 0;
	while (r.at < r.end && !r.bad && c->nown < PIDS_MAX)
		c->own[c->nown++] = (pid_t)rd_u32(&r);
	return 0;
}

static int on_done(struct self *me, struct peer *p, struct imsg *m)
{
	struct changes *c = state(me);
	(void)p;
	(void)m;
	if (c->flying)
		c->flying--;
	return 0;
}

int (*const changes_on[M_COUNT])(struct self *, struct peer *, struct imsg *) = {
	[M_POLICY] = on_policy,
	[M_MARKED] = on_marked,
	[M_PIDS] = on_pids,
	[M_TOUCHED_DONE] = on_done,
};

static void ticked(struct watch *w, uint32_t events)
{
	struct changes *c = CONTAINER_OF(w, struct changes, tick);
	uint64_t now = clock_mono_ms();
	(void)events;
	loop_tick(w);
	if (!c->on)
		return;
	if (now - c->round_ms >= ROUND_MS)
		look_at_mounts(c);
	classes_tick(&c->classes, now);
	if (!c->tree)
		return;
	flush(c);
	if (c->lost)
		tell_watching(c);
}

int changes_start(struct self *me)
{
	struct changes *c = xcalloc(1, sizeof(*c));
	me->state = c;
	c->me = me;
	c->block = xcalloc(1, BLOCK);
	c->out.max = (size_t)2 * TOUCHED_BYTES;
	fold_init(&c->fold);
	c->whos = whos_new();
	c->group = (struct watch){ self_take_fd(me, "fanotify"), group_ready };
	if (c->group.fd < 0)
		return c->group.fd;
	c->mounts = (struct watch){ open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC),
		                    mounts_changed };
	c->tick.ready = ticked;
	int processes = self_take_fd(me, "processes"), sockets = self_take_fd(me, "sockets");
	int rc = classes_init(&c->classes, &me->loop, c->whos, processes < 0 ? -1 : processes,
	                      sockets < 0 ? -1 : sockets);
	if (rc == 0)
		rc = loop_add(&me->loop, &c->group, EPOLLIN);
	if (rc == 0 && c->mounts.fd >= 0)
		rc = loop_add(&me->loop, &c->mounts, EPOLLPRI);
	return rc < 0 ? rc : loop_timer(&me->loop, &c->tick, TICK_MS, TICK_MS);
}

void changes_up(struct self *me, struct peer *p)
{
	struct changes *c = state(me);
	if (p->who != P_TREE)
		return;
	c->tree = true;
	c->flying = 0;
	tell_watching(c);
}

/* What it had not answered it will look for itself when it is back. */
void changes_down(struct self *me, struct peer *p)
{
	struct changes *c = state(me);
	if (p->who != P_TREE)
		return;
	c->tree = false;
	c->flying = 0;
	buf_clear(&c->out);
}

void changes_stop(struct self *me)
{
	struct changes *c = state(me);
	flush(c);
	loop_del(&me->loop, &c->group);
	loop_del(&me->loop, &c->mounts);
	loop_del(&me->loop, &c->tick);
	classes_done(&c->classes);
	fold_done(&c->fold);
	sites_done(&c->sites);
	integritymonitoring_section.free(c->rules);
	whos_free(c->whos);
	buf_done(&c->out);
	free(c->block);
	free(c);
	me->state = NULL;
}
