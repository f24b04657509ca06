#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/desk.h"
#include "agent/sensor/mounts.h"
#include "agent/sensor/tree/integrity.h"
#include "agent/sensor/tree/known.h"
#include "agent/sensor/tree/pace.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"

/*
 * Walks of the file system: scans on demand, and the catch-up that looks at what changed while
 * nobody watched. A walk is a stack of open directories that goes on from the loop, so that
 * commands and answers come between.
 */

enum {
	DEPTH_MAX = 200,
	IN_FLIGHT = 12,
	SLICE_MS = 15,
	SAVE_MS = 30000,
	TICK_MS = 20,
	PROGRESS_MS = 1000,
	PATHS_MAX = 1000,
	SLACK_MS = 2000
};

struct walk {
	LIST_ENTRY(walk) next;
	struct tree *tree;
	int64_t id;   /* of the command; -1: the catch-up */
	uint32_t run; /* names this walk in its events */
	enum scan_type scan;
	uint64_t newer_ns; /* only files changed after this; 0: all */
	char **paths;      /* owned: where to begin */
	size_t npaths, at;
	struct {
		DIR *d;
		size_t path_n; /* of path, without this directory's entries */
		dev_t dev;
		struct place place;
	} stack[DEPTH_MAX];
	size_t depth;
	char path[PATH_MAX];
	uint64_t files, bytes, found, judged, known, skipped, errors, flying, told_ms;
	bool cancelled, walked, refused;
};

/* What a look of a walk leads back to. */
struct step {
	struct walk *walk;
	bool kept; /* the verdict may be kept under this key */
	struct judged_key key;
};

struct tree {
	struct desk desk;
	struct known known;
	struct pace pace;
	struct integrity integrity;
	uint64_t saved_ms;
	struct watch tick;
	LIST_HEAD(, walk) walks;
	uint32_t runs;
	int dir;           /* owned: LIB/tree */
	uint64_t stamp_ms; /* everything before was judged */
	bool caught_up;
	bool behind; /* a catch-up is due as soon as real time watches again */
};

static struct tree *state(struct self *me)
{
	return me->state;
}

/* ---- telling ---- */

static void progress(struct walk *w, const char *status)
{
	AUTO(buf_done) struct buf b = { 0 };
	struct str folder = { w->path, w->depth ? w->stack[w->depth - 1].path_n : 0 };
	if (w->id < 0)
		return;
	json_t *p = json_object();
	json_set_int(p, "files", (int64_t)w->files);
	json_set_int(p, "bytes", (int64_t)w->bytes);
	json_set_int(p, "found", (int64_t)w->found);
	json_set_bytes(p, "folder", folder);
	json_set_text(p, "phase", "scan");
	AUTO(json_decrefp) json_t *o = json_object();
	json_set_int(o, "ID", w->id);
	json_set_text(o, "state", status);
	json_t *r = json_deep_copy(p);
	json_set_int(r, "judged", (int64_t)w->judged);
	json_set_int(r, "known", (int64_t)w->known);
	json_set_int(r, "skipped", (int64_t)w->skipped);
	json_set_int(r, "errors", (int64_t)w->errors);
	json_set(o, "result", r);
	json_set(o, "progress", p);
	if (w->refused)
		json_set_text(o, "message", "no policy that scans for malware is in force");
	json_write(&b, o);
	self_send(w->tree->desk.me, P_COMMS, 0, M_PROGRESS, 0, buf_view(&b));
}

/* A find, for the tool that waits. */
static void tell_line(const struct walk *w, const struct look *l)
{
	AUTO(buf_done) struct buf line = { 0 }, b = { 0 };
	if (w->id < COMMAND_TOOLS)
		return;
	buf_safe(&line, l->op.path);
	buf_z(&line, ": ");
	buf_safe(&line, str_of(l->name));
	AUTO(json_decrefp) json_t *o = json_object();
	json_set_int(o, "ID", w->id);
	json_set_text(o, "state", "running");
	json_set_text(o, "line", line.p ? line.p : "");
	json_write(&b, o);
	self_send(w->tree->desk.me, P_COMMS, 0, M_PROGRESS, 0, buf_view(&b));
}

static void say(struct walk *w, const char *kind)
{
	struct event ev;
	AUTO(buf_done) struct buf b = { 0 };
	if (w->id < 0)
		return;
	event_init(&ev, &event_class_system, kind);
	buf_fmt(&b, "%llu files, %llu found", (unsigned long long)w->files,
	        (unsigned long long)w->found);
	event_text(&ev, "Description", b.p);
	outbox_put(&w->tree->desk.outbox, &ev);
	event_done(&ev);
}

/* ---- the stamp ---- */

static void write_stamp(struct tree *t)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)t->stamp_ms);
	AUTO(closep)
	int fd = openat(t->dir, "stamp.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	                0600);
	/* A crash may lose the newest stamp: then a little more is looked at again, and told under
	 * the same name. */
	if (fd >= 0 && file_write_all(fd, text, (size_t)n) == 0)
		renameat(t->dir, "stamp.new", t->dir, "stamp");
}

static void read_stamp(struct tree *t)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (file_read(t->dir, "stamp", 64, &b) == 0)
		str_u64(str_trim(buf_view(&b)), 0, UINT64_MAX, &t->stamp_ms);
}

/* ---- walking ---- */

static void walk_free(struct walk *w)
{
	while (w->depth)
		closedir(w->stack[--w->depth].d);
	for (size_t i = 0; i < w->npaths; i++)
		free(w->paths[i]);
	free(w->paths);
	LIST_REMOVE(w, next);
	free(w);
}

static void finish(struct walk *w)
{
	struct tree *t = w->tree;
	if (w->id < 0)
		t->caught_up = true;
	say(w, w->cancelled ? "scan-cancelled" : "scan-ended");
	progress(w, w->refused ? "failed" : w->cancelled ? "cancelled" : "done");
	walk_free(w);
}

static bool enter(struct walk *w, int dir, const char *name, size_t path_n)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	DIR *d = fd < 0 || fstat(fd, &st) < 0 ? NULL : fdopendir(fd);
	if (!d) {
		w->errors++;
		if (fd >= 0)
			close(fd);
		return false;
	}
	w->stack[w->depth].d = d;
	w->stack[w->depth].path_n = path_n;
	w->stack[w->depth].place =
		w->id < 0 ? (struct place){ 0 } : known_place(&w->tree->known, fd, &st);
	w->stack[w->depth++].dev = st.st_dev;
	return true;
}

static uint64_t ctime_of(const struct stat *st)
{
	return (uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec;
}

/* The verdict on this very file is known and the policy wants it looked at. */
static bool is_known(struct walk *w, size_t n, const struct stat *st)
{
	const struct tree *t = w->tree;
	const struct file_op op = { .path = { w->path, n }, .scan = w->scan };
	struct judged_key key;
	return known_key(&t->known, &w->stack[w->depth - 1].place, st, w->scan, &key) &&
	       known_clean(&t->known, &key) &&
	       config_wants(rules_config(t->desk.rules, w->scan), &op);
}

static void count_file(struct walk *w, const struct stat *st)
{
	w->files++;
	w->bytes += (uint64_t)st->st_size;
}

static struct step *step_new(struct walk *w, int fd)
{
	const struct tree *t = w->tree;
	struct step *s = xcalloc(1, sizeof(*s));
	struct stat st;
	s->walk = w;
	s->kept = w->depth && fstat(fd, &st) == 0 &&
	          known_key(&t->known, &w->stack[w->depth - 1].place, &st, w->scan, &s->key) &&
	          known_calm(fd, &s->key);
	return s;
}

static void look_at(struct walk *w, int dir, const char *name, size_t n, const struct stat *st)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		w->errors++;
		return;
	}
	struct step *s = step_new(w, fd);
	struct look *l = look_new(fd, (struct str){ w->path, n });
	look_actor(l, (struct str){ 0 }, (struct str){ 0 }, (struct str){ 0 });
	l->op.scan = w->scan;
	l->op.run = w->run;
	l->owner = s;
	count_file(w, st);
	pace_began(&w->tree->pace, clock_mono_ms());
	/* Counted first: it may be released before desk_look() returns. */
	w->flying++;
	if (desk_look(&w->tree->desk, SENSE_WALK, l) == VERDICT_LATER)
		return;
	w->flying--;
	w->skipped += st->st_size > 0;
	free(s);
	look_free(l);
}

/* One entry of the directory on top; false: that directory is done. */
static bool walk_entry(struct walk *w)
{
	DIR *d = w->stack[w->depth - 1].d;
	size_t base = w->stack[w->depth - 1].path_n;
	const struct dirent *e = readdir(d);
	struct stat st;
	if (!e)
		return false;
	if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
		return true;
	bool root = base == 1 && w->path[0] == '/';
	int n = snprintf(w->path + base, sizeof(w->path) - base, "%s%s", root ? "" : "/",
	                 e->d_name);
	if (n < 0 || base + (size_t)n >= sizeof(w->path) ||
	    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		w->errors++;
		return true;
	}
	if (S_ISDIR(st.st_mode) && st.st_dev == w->stack[w->depth - 1].dev && w->depth < DEPTH_MAX)
		enter(w, dirfd(d), e->d_name, base + (size_t)n);
	else if (!S_ISREG(st.st_mode) || ctime_of(&st) < w->newer_ns)
		return true;
	else if (is_known(w, base + (size_t)n, &st)) {
		count_file(w, &st);
		w->known++;
		w->judged++;
	} else
		look_at(w, dirfd(d), e->d_name, base + (size_t)n, &st);
	return true;
}

static void start_path(struct walk *w)
{
	struct stat st;
	const char *p = w->paths[w->at++];
	snprintf(w->path, sizeof(w->path), "%s", p);
	size_t n = strlen(w->path);
	while (n > 1 && w->path[n - 1] == '/')
		w->path[--n] = '\0';
	if (lstat(w->path, &st) < 0)
		w->errors++;
	else if (S_ISDIR(st.st_mode))
		enter(w, AT_FDCWD, w->path, n);
	else if (S_ISREG(st.st_mode))
		look_at(w, AT_FDCWD, w->path, n, &st);
}

/* In thousandths of all processors, by the policy's cpuUsage; nobody asked for a catch-up to be
 * slow. */
static unsigned load_limit(const struct walk *w)
{
	const struct rules *r = w->tree->desk.rules;
	if (w->id < 0 || !r)
		return UINT_MAX;
	switch (rules_config(r, w->scan)->cpu) {
	case CPU_LOW:
		return 200;
	case CPU_MEDIUM:
		return 500;
	case CPU_HIGH:
		break;
	}
	return UINT_MAX;
}

/* As far as a slice of time, the files under way and the host's load allow. */
static void go_on(struct walk *w)
{
	uint64_t now = clock_mono_ms(), end = now + SLICE_MS;
	unsigned limit = load_limit(w);
	while (w->flying < IN_FLIGHT && !w->walked && now < end &&
	       (w->cancelled || pace_allows(&w->tree->pace, limit, now))) {
		if (w->cancelled || (!w->depth && w->at == w->npaths))
			w->walked = true;
		else if (!w->depth)
			start_path(w);
		else if (!walk_entry(w))
			closedir(w->stack[--w->depth].d);
		now = clock_mono_ms();
	}
	if (now - w->told_ms >= PROGRESS_MS) {
		w->told_ms = now;
		progress(w, "running");
	}
	if (w->walked && w->flying == 0)
		finish(w);
}

static void all_go_on(struct tree *t)
{
	struct walk *w = NULL, *after = NULL;
	for (w = LIST_FIRST(&t->walks); w; w = after) {
		after = LIST_NEXT(w, next);
		go_on(w);
	}
}

static void on_released(struct desk *d, struct look *l)
{
	struct tree *t = (struct tree *)d;
	struct step *s = l->owner;
	struct walk *w = s->walk;
	w->flying--;
	w->found += l->malware;
	w->judged += l->judged;
	w->errors += !l->judged;
	if (l->malware)
		tell_line(w, l);
	else if (l->cacheable && s->kept)
		known_put(&t->known, &s->key, w->scan);
	free(s);
}

static void add_path(void *arg, const char *path)
{
	struct walk *w = arg;
	if (w->npaths == PATHS_MAX)
		return;
	char **more = realloc(w->paths, (w->npaths + 1) * sizeof(*more));
	if (!more)
		return;
	w->paths = more;
	w->paths[w->npaths++] = xstrdup(path);
}

static void add_mount(void *arg, const struct mount_point *m)
{
	add_path(arg, m->path);
}

static void add_everything(struct walk *w)
{
	const char *only = agent_options(w->tree->desk.me)->protect;
	AUTO(buf_done) struct buf b = { 0 };
	if (only)
		add_path(w, only);
	else if (file_read(AT_FDCWD, "/proc/self/mountinfo", 4 << 20, &b) == 0)
		mounts_local(buf_view(&b), add_mount, w);
}

static struct walk *walk_new(struct tree *t, int64_t id, enum scan_type scan)
{
	struct walk *w = xcalloc(1, sizeof(*w));
	w->tree = t;
	w->id = id;
	w->scan = scan;
	w->run = scan == SCAN_REAL_TIME
	                 ? 0
	                 : (uint32_t)(id > 0 ? id : (int64_t)(clock_ms() & 0x7fffffff));
	w->told_ms = clock_mono_ms();
	LIST_INSERT_HEAD(&t->walks, w, next);
	return w;
}

/* ---- catching up ---- */

static void catch_up(struct tree *t)
{
	struct walk *w;
	LIST_FOREACH (w, &t->walks, next)
		if (w->id < 0)
			w->cancelled = true; /* a newer one looks at more */
	t->caught_up = false;
	w = walk_new(t, -1, SCAN_REAL_TIME);
	w->newer_ns = t->stamp_ms > SLACK_MS ? (t->stamp_ms - SLACK_MS) * 1000000u : 0;
	add_everything(w);
}

/* The host's load, while somebody goes by it. */
static void read_load(struct tree *t, uint64_t now)
{
	AUTO(buf_done) struct buf b = { 0 };
	if ((!LIST_EMPTY(&t->walks) || integrity_runs(&t->integrity)) && pace_due(&t->pace, now) &&
	    file_read(AT_FDCWD, "/proc/stat", 1 << 20, &b) == 0)
		pace_read(&t->pace, buf_view(&b), now);
}

static void ticked(struct watch *watch, uint32_t events)
{
	(void)events;
	struct tree *t = CONTAINER_OF(watch, struct tree, tick);
	uint64_t now = clock_mono_ms();
	loop_tick(watch);
	desk_tick(&t->desk);
	read_load(t, now);
	all_go_on(t);
	integrity_go_on(&t->integrity);
	if (now - t->saved_ms < SAVE_MS)
		return;
	t->saved_ms = now;
	known_save(&t->known);
}

/* ---- messages ---- */

static int on_policy(struct self *me, struct peer *p, struct imsg *m)
{
	struct tree *t = state(me);
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	(void)p;
	int rc = imsg_body(m, 16 << 20, &body);
	bool was_on = t->desk.on;
	if (rc == 0)
		rc = desk_policy(&t->desk, body.s);
	if (rc == 0)
		integrity_policy(&t->integrity, body.s);
	known_conditions(&t->known, (struct str){ 0 }, t->desk.rules);
	if (rc == 0 && t->desk.on && !was_on)
		t->behind = true;
	return rc;
}

static int on_watched(struct self *me, struct peer *p, struct imsg *m)
{
	struct tree *t = state(me);
	struct rd r = rd_init(m->data, m->len);
	uint64_t until = rd_u64(&r);
	(void)p;
	if (rd_end(&r) < 0)
		return -EBADMSG;
	/* Only now: what is written from here on is seen by real time, what was written before by
	 * the walk. */
	if (t->behind && t->desk.on) {
		t->behind = false;
		catch_up(t);
		return 0;
	}
	/* Our own finds count too: their events have to be kept first. */
	if (!t->caught_up || !TAILQ_EMPTY(&t->desk.outbox.waiting) || until <= t->stamp_ms)
		return 0;
	t->stamp_ms = until;
	write_stamp(t);
	return 0;
}

static void begin_scan(struct tree *t, int64_t id, const json_t *args)
{
	struct walk *w = walk_new(t, id,
	                          strcmp(json_text(args, "type", "manual"), "scheduled") == 0
	                                  ? SCAN_SCHEDULED
	                                  : SCAN_MANUAL);
	size_t i;
	json_t *v;
	json_array_foreach (json_object_get(args, "paths"), i, v)
		if (json_is_string(v) && json_string_value(v)[0] == '/')
			add_path(w, json_string_value(v));
	if (!json_array_at(args, "paths"))
		add_everything(w);
	if (!t->desk.rules)
		w->cancelled = w->refused = true;
	say(w, "scan-started");
	progress(w, "running");
}

static void cancel(struct tree *t, int64_t id)
{
	struct walk *w;
	LIST_FOREACH (w, &t->walks, next)
		if (w->id >= 0 && (id == 0 || w->id == id))
			w->cancelled = true;
}

static int on_command(struct self *me, struct peer *p, struct imsg *m)
{
	struct tree *t = state(me);
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	(void)p;
	int rc = imsg_body(m, 1 << 20, &body);
	AUTO(json_decrefp) json_t *o = rc < 0 ? NULL : json_parse(body.s, NULL);
	const char *kind = json_text(o, "kind", "");
	if (!o)
		return -EBADMSG;
	if (strcmp(kind, "scan") == 0) {
		begin_scan(t, json_int(o, "ID", 0), json_object_at(o, "args"));
	} else if (strcmp(kind, "cancel-scan") == 0) {
		struct walk done = { .tree = t, .id = json_int(o, "ID", 0) };
		int64_t id = json_int(json_object_at(o, "args"), "command", 0);
		cancel(t, id);
		if (id)
			integrity_cancel(&t->integrity, id);
		progress(&done, "done");
	} else if (strcmp(kind, "integrity-scan") == 0) {
		integrity_begin(&t->integrity, json_int(o, "ID", 0), false,
		                json_bool(json_object_at(o, "args"), "reread", false));
	} else if (strcmp(kind, "integrity-baseline") == 0) {
		integrity_begin(&t->integrity, json_int(o, "ID", 0), true, false);
	} else if (strcmp(kind, "integrity-view") == 0) {
		integrity_view(&t->integrity, json_int(o, "ID", 0), json_object_at(o, "args"));
	} else if (strcmp(kind, "integrity-prove") == 0) {
		integrity_prove(&t->integrity, json_int(o, "ID", 0));
	}
	return 0;
}

static int on_scanned(struct self *me, struct peer *p, struct imsg *m)
{
	int rc = desk_on_scanned(me, p, m);
	all_go_on(state(me)); /* the next file at once, not at the next tick */
	return rc;
}

static int on_signatures(struct self *me, struct peer *p, struct imsg *m)
{
	struct tree *t = state(me);
	(void)p;
	known_conditions(&t->known, (struct str){ (const char *)m->data, m->len }, t->desk.rules);
	return 0;
}

static int on_touched(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	return live_touched(&state(me)->integrity.live, m->id,
	                    (struct str){ (const char *)m->data, m->len });
}

static int on_watching(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	live_sensor(&state(me)->integrity.live, (struct str){ (const char *)m->data, m->len });
	return 0;
}

int (*const tree_on[M_COUNT])(struct self *, struct peer *, struct imsg *) = {
	[M_EXEMPT] = desk_on_exempt,       [M_POLICY] = on_policy,
	[M_EVENT_KEPT] = desk_on_kept,     [M_SCANNED] = on_scanned,
	[M_DEED_DONE] = desk_on_deed_done, [M_COMMAND] = on_command,
	[M_SIGNATURES] = on_signatures,    [M_WATCHED] = on_watched,
	[M_TOUCHED] = on_touched,          [M_WATCHING] = on_watching,
};

int tree_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX])
{
	(void)instance;
	return agent_folder(guard, P_TREE, "tree", &out[0]);
}

int tree_start(struct self *me)
{
	struct tree *t = xcalloc(1, sizeof(*t));
	me->state = t;
	desk_init(&t->desk, me);
	t->desk.released = on_released;
	t->desk.deadline_ms = UINT32_MAX;
	LIST_INIT(&t->walks);
	t->dir = self_take_fd(me, "tree");
	if (t->dir < 0)
		return t->dir;
	read_stamp(t);
	known_init(&t->known, t->dir);
	int rc = integrity_init(&t->integrity, me, &t->desk.outbox, &t->pace, t->dir);
	if (rc < 0)
		return rc;
	/* Somebody wanted to write while known_calm() had its lease. */
	signal(SIGIO, SIG_IGN);
	t->tick.ready = ticked;
	/* ioprio_set(2): the idle class; other work goes first. */
	syscall(SYS_ioprio_set, 1, 0, 3 << 13);
	return loop_timer(&me->loop, &t->tick, TICK_MS, TICK_MS);
}

void tree_up(struct self *me, struct peer *p)
{
	struct tree *t = state(me);
	desk_up(&t->desk, p);
	/* Real time was away for a while: what happened meanwhile is looked at. */
	if (p->who == P_FILES)
		t->behind = true;
	if (p->who == P_COMMS)
		live_status(&t->integrity.live);
}

void tree_down(struct self *me, struct peer *p)
{
	struct tree *t = state(me);
	desk_down(&t->desk, p);
	if (p->who == P_FILES)
		t->caught_up = false;
	if (p->who == P_CHANGES)
		live_sensor_gone(&t->integrity.live);
}

void tree_stop(struct self *me)
{
	known_save(&state(me)->known);
	integrity_done(&state(me)->integrity);
	outbox_flush(&state(me)->desk.outbox, 1000);
	known_done(&state(me)->known);
}
