#include "agent/sensor/change/who.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensor/people.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"

enum { SEEN = 1 << 14 /* a power of two */, FRESH_MS = 100, PASSWD_MS = 1000, CGROUP_MAX = 16384 };

/* A slot for each pid modulo SEEN: the last that had it. */
struct slot {
	pid_t pid;
	bool sure;        /* the connector vouches: it is as it was read */
	uint64_t read_ms; /* monotonic */
	struct person *person;
};

struct whos {
	struct slot slots[SEEN];
	struct buf passwd;
	struct timespec passwd_changed;
	uint64_t passwd_ms;
	bool connected; /* the connector has spoken */
};

struct whos *whos_new(void)
{
	return xcalloc(1, sizeof(struct whos));
}

void person_drop(struct person *p)
{
	if (p && --p->refs == 0)
		free(p);
}

struct person *person_hold(struct person *p)
{
	p->refs++;
	return p;
}

void whos_forget(struct whos *w)
{
	for (size_t i = 0; i < SEEN; i++) {
		person_drop(w->slots[i].person);
		w->slots[i] = (struct slot){ 0 };
	}
}

void whos_free(struct whos *w)
{
	if (!w)
		return;
	whos_forget(w);
	buf_done(&w->passwd);
	free(w);
}

static struct person *person_new(const struct im_actor *a)
{
	const struct str in[] = { a->user, a->process, a->parent, a->container };
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(in); i++)
		n += in[i].n;
	struct person *p = xcalloc(1, sizeof(*p) + n);
	p->refs = 1;
	p->actor.pid = a->pid;
	struct str *out[] = { &p->actor.user, &p->actor.process, &p->actor.parent,
		              &p->actor.container };
	char *at = p->text;
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		if (in[i].n)
			memcpy(at, in[i].p, in[i].n);
		*out[i] = (struct str){ at, in[i].n };
		at += in[i].n;
	}
	return p;
}

static struct slot *slot_of(struct whos *w, pid_t pid)
{
	return &w->slots[(unsigned)pid % SEEN];
}

static struct slot *known(struct whos *w, pid_t pid)
{
	struct slot *s = slot_of(w, pid);
	return s->person && s->pid == pid ? s : NULL;
}

static struct slot *put(struct whos *w, pid_t pid, struct person *p, bool sure)
{
	struct slot *s = slot_of(w, pid);
	person_drop(s->person);
	*s = (struct slot){ pid, sure, clock_mono_ms(), p };
	return s;
}

/* ---- /proc ---- */

static struct str passwd(struct whos *w)
{
	struct stat st;
	uint64_t now = clock_mono_ms();
	if (w->passwd.n && now - w->passwd_ms < PASSWD_MS)
		return buf_view(&w->passwd);
	w->passwd_ms = now;
	if (stat("/etc/passwd", &st) == 0 &&
	    (!w->passwd.n || memcmp(&st.st_ctim, &w->passwd_changed, sizeof(st.st_ctim)) != 0)) {
		buf_clear(&w->passwd);
		file_read(AT_FDCWD, "/etc/passwd", 4 << 20, &w->passwd);
		w->passwd_changed = st.st_ctim;
	}
	return buf_view(&w->passwd);
}

static struct str program_of(pid_t pid, char out[static PATH_MAX])
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	ssize_t n = readlink(path, out, PATH_MAX);
	return (struct str){ out, n > 0 ? (size_t)n : 0 };
}

/* "12 (name) S 1 ...": the name may hold anything. */
static pid_t parent_of(struct str stat)
{
	uint64_t parent = 0;
	const char *close = stat.n ? memrchr(stat.p, ')', stat.n) : NULL;
	if (!close)
		return 0;
	struct str rest = str_trim(str_skip(stat, (size_t)(close - stat.p) + 1));
	str_cut(&rest, ' ');
	return str_u64(str_cut(&rest, ' '), 0, INT32_MAX, &parent) == 0 ? (pid_t)parent : 0;
}

/* NULL: there is no such process. */
static struct person *read_process(struct whos *w, pid_t pid)
{
	char path[64], image[PATH_MAX], parent_image[PATH_MAX], user[PEOPLE_NAME];
	struct stat st;
	AUTO(buf_done) struct buf cgroup = { 0 }, stat_text = { 0 };
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (stat(path, &st) < 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read(AT_FDCWD, path, 4096, &stat_text) < 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	file_read(AT_FDCWD, path, CGROUP_MAX, &cgroup);
	people_name(passwd(w), st.st_uid, user);
	struct im_actor a = { .pid = pid,
		              .user = str_of(user),
		              .process = program_of(pid, image),
		              .container = people_container(buf_view(&cgroup)) };
	pid_t parent = parent_of(buf_view(&stat_text));
	const struct slot *p = parent ? known(w, parent) : NULL;
	a.parent = p && p->sure ? p->person->actor.process
	           : parent     ? program_of(parent, parent_image)
	                        : (struct str){ 0 };
	return person_new(&a);
}

struct person *whos_get(struct whos *w, pid_t pid, bool gone)
{
	struct slot *s = known(w, pid);
	if (s && (gone || s->sure || clock_mono_ms() - s->read_ms < FRESH_MS))
		return person_hold(s->person);
	struct person *p = gone ? NULL : read_process(w, pid);
	if (p)
		return person_hold(put(w, pid, p, w->connected)->person);
	if (s)
		return person_hold(s->person);
	const struct im_actor a = { .pid = pid };
	return person_new(&a);
}

/* ---- the connector ---- */

static void forked(struct whos *w, pid_t parent, pid_t child)
{
	const struct slot *s = known(w, parent);
	if (!s) {
		struct slot *old = known(w, child);
		if (old)
			person_drop(TAKE(old->person));
		return;
	}
	struct im_actor a = s->person->actor;
	a.pid = child;
	a.parent = a.process;
	put(w, child, person_new(&a), s->sure);
}

static void began(struct whos *w, pid_t pid)
{
	const struct slot *before = known(w, pid);
	struct person *p = read_process(w, pid);
	if (!p && before) {
		/* It has ended already: of its program we know that its parent's is not it. */
		struct im_actor a = before->person->actor;
		a.process = (struct str){ 0 };
		p = person_new(&a);
	}
	if (p)
		put(w, pid, p, true);
}

bool whos_told(struct whos *w, struct str datagram)
{
	struct nlmsghdr h;
	struct cn_msg m;
	struct proc_event e = { 0 };
	const size_t head = NLMSG_HDRLEN + sizeof(m), fork = sizeof(e.event_data.fork);
	const size_t least = head + offsetof(struct proc_event, event_data);
	if (datagram.n < least)
		return false;
	memcpy(&h, datagram.p, sizeof(h));
	memcpy(&m, datagram.p + NLMSG_HDRLEN, sizeof(m));
	if (h.nlmsg_type != NLMSG_DONE || m.id.idx != CN_IDX_PROC || m.id.val != CN_VAL_PROC)
		return false;
	size_t n = datagram.n - head;
	memcpy(&e, datagram.p + head, n < sizeof(e) ? n : sizeof(e));
	w->connected = true;
	if (datagram.n < least + fork)
		return false;
	if (e.what == PROC_EVENT_FORK &&
	    e.event_data.fork.child_pid == e.event_data.fork.child_tgid)
		forked(w, e.event_data.fork.parent_tgid, e.event_data.fork.child_tgid);
	else if (e.what == PROC_EVENT_EXEC)
		began(w, e.event_data.exec.process_tgid);
	else if (e.what == PROC_EVENT_UID && known(w, e.event_data.id.process_tgid))
		known(w, e.event_data.id.process_tgid)->sure = false;
	else
		return e.what == PROC_EVENT_EXIT &&
		       e.event_data.exit.process_pid == e.event_data.exit.process_tgid;
	return e.what == PROC_EVENT_EXEC || e.what == PROC_EVENT_FORK;
}
