#include "agent/sensor/file/marks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/sensor/mounts.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

enum {
	REST_MS = 2000, /* between two rounds */
	STEP = 4,       /* namespaces a tick */
	HELD_MAX = 256, /* mount points that are open for the guard at a time */
	MOUNTINFO_MAX = 4 << 20,
	FAILED_MAX = 50
};

struct mark {
	uint64_t round; /* when it was last seen */
	uint32_t major, minor;
	bool set;
	char *path; /* owned: as the status names it */
};

/* One pass over the mount namespaces: a process of each stands for it. */
struct round {
	pid_t *pids; /* owned */
	size_t n, at;
};

static void mark_free(struct mark *k)
{
	free(k->path);
	free(k);
}

static void round_free(struct marks *m)
{
	if (m->round)
		free(m->round->pids);
	free(m->round);
	m->round = NULL;
}

void marks_init(struct marks *m, struct self *me, int group)
{
	*m = (struct marks){ .me = me, .group = group, .failed = json_array() };
}

static void forget_all(struct marks *m)
{
	struct map_item item;
	for (size_t at = 0; map_next(&m->asked, &at, &item);)
		mark_free(item.value);
	map_done(&m->asked);
	json_array_clear(m->failed);
	round_free(m);
	m->rest_until_ms = 0;
	m->settled = false;
}

void marks_done(struct marks *m)
{
	forget_all(m);
	json_decref(m->failed);
	free(m->wanted);
	m->failed = NULL;
	m->wanted = NULL;
}

static int tell_guard(struct marks *m, const json_t *o)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, o);
	int rc = self_send_fd(m->me, P_GUARD, M_MARK, 0, buf_view(&b), m->group);
	if (rc == 0)
		m->waiting++;
	return rc;
}

/* The guard gets the mount point as a descriptor of ours: nobody can exchange what is at a path,
 * and it need not walk one. O_PATH asks nobody (host-sensors 4.5). */
static void ask(struct marks *m, const char *key, const char *path, struct mark *k)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0) {
		log_warning("%s is not protected: %s", k->path, strerror(errno));
		return;
	}
	AUTO(json_decrefp) json_t *o = json_object();
	json_set_bytes(o, "path", str_of(k->path));
	json_set_text(o, "key", key);
	json_set_int(o, "at", fd);
	int rc = tell_guard(m, o);
	if (rc == 0) {
		m->held++;
		return;
	}
	close(fd);
	log_error("ask for a mark on %s: %s", k->path, strerror(-rc));
}

static void want(struct marks *m, const char *key, const char *path, const struct mark *like)
{
	struct mark *k = map_get(&m->asked, str_of(key));
	if (k) {
		k->round = m->round_number;
		return;
	}
	if (m->held >= HELD_MAX)
		return; /* the next round */
	k = xcalloc(1, sizeof(*k));
	*k = *like;
	k->round = m->round_number;
	k->path = xstrdup(like->path);
	map_set(&m->asked, str_of(key), k);
	ask(m, key, path, k);
}

struct here {
	struct marks *m;
	pid_t pid; /* 0: our own namespace */
};

static void mount_seen(void *arg, const struct mount_point *p)
{
	const struct here *h = arg;
	char key[64], path[PATH_MAX + 40], label[PATH_MAX];
	snprintf(key, sizeof(key), "%llu %u:%u", (unsigned long long)p->id, p->major, p->minor);
	snprintf(label, sizeof(label), "%s", p->path);
	if (h->pid)
		snprintf(path, sizeof(path), "/proc/%d/root%s", (int)h->pid, p->path);
	else
		snprintf(path, sizeof(path), "%s", p->path);
	struct mark like = { .major = p->major, .minor = p->minor, .path = label };
	want(h->m, key, path, &like);
}

static void look_at(struct marks *m, pid_t pid)
{
	char path[64];
	AUTO(buf_done) struct buf b = { 0 };
	struct here here = { m, pid };
	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
	else
		snprintf(path, sizeof(path), "/proc/self/mountinfo");
	if (file_read(AT_FDCWD, path, MOUNTINFO_MAX, &b) == 0)
		mounts_local(buf_view(&b), mount_seen, &here);
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	unsigned i = x[0] == y[0];
	return x[i] < y[i] ? -1 : x[i] > y[i];
}

/* Is it a child of our guard? "12 (name) S 1 ...": the name may hold anything. */
static bool is_ours(const char *pid)
{
	char path[300];
	AUTO(buf_done) struct buf b = { 0 };
	uint64_t parent = 0;
	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	if (file_read(AT_FDCWD, path, 4096, &b) < 0 || !b.p)
		return false;
	const char *close = memrchr(b.p, ')', b.n);
	if (!close)
		return false;
	struct str rest = str_trim(str_skip(buf_view(&b), (size_t)(close - b.p) + 1));
	str_cut(&rest, ' '); /* its state */
	return str_u64(str_cut(&rest, ' '), 0, INT32_MAX, &parent) == 0 &&
	       (pid_t)parent == getppid();
}

/*
 * A process of each mount namespace but ours, and but those that our own processes made for
 * themselves: were the scanner's private file system watched, each temporary file that it opens
 * would have to be scanned first.
 */
static struct round *round_begin(void)
{
	struct round *r = xcalloc(1, sizeof(*r));
	struct stat st;
	AUTO(buf_done) struct buf pairs = { 0 }; /* namespace, pid */
	uint64_t own = stat("/proc/self/ns/mnt", &st) == 0 ? st.st_ino : 0;
	DIR *proc = opendir("/proc");
	for (const struct dirent *e = proc ? readdir(proc) : NULL; e; e = readdir(proc)) {
		char path[300];
		uint64_t pair[2] = { 0 };
		snprintf(path, sizeof(path), "/proc/%s/ns/mnt", e->d_name);
		if (str_u64(str_of(e->d_name), 1, INT32_MAX, &pair[1]) < 0 || stat(path, &st) < 0 ||
		    st.st_ino == own)
			continue;
		pair[0] = st.st_ino;
		if (is_ours(e->d_name))
			pair[1] = 0;
		buf_add(&pairs, pair, sizeof(pair));
	}
	if (proc)
		closedir(proc);
	size_t n = pairs.n / 16;
	uint64_t(*all)[2] = (void *)pairs.p;
	if (n)
		qsort(all, n, sizeof(*all), by_number);
	r->pids = xcalloc(n + 1, sizeof(*r->pids));
	for (size_t i = 0; i < n; i++)
		if ((i == 0 || all[i][0] != all[i - 1][0]) && all[i][1])
			r->pids[r->n++] = (pid_t)all[i][1];
	return r;
}

/* What was not seen in a whole round is unmounted: its mark went with it. */
static void round_end(struct marks *m)
{
	struct map_item item;
	bool gone = false;
	for (size_t at = 0; map_next(&m->asked, &at, &item);) {
		struct mark *k = item.value;
		if (k->round == m->round_number)
			continue;
		map_del(&m->asked, item.key);
		mark_free(k);
		gone = true;
	}
	round_free(m);
	m->settled = true;
	m->rest_until_ms = clock_mono_ms() + REST_MS;
	if (gone && m->changed)
		m->changed(m);
}

/* Another file system at the same path is another mark. */
static void look_at_named(struct marks *m)
{
	struct str rest = str_of(m->wanted);
	while (rest.p) {
		struct str one = m->single ? rest : str_cut(&rest, ':');
		rest = m->single ? (struct str){ 0 } : rest;
		AUTO(freep) char *path = str_dup(one);
		AUTO(buf_done) struct buf key = { 0 };
		struct mark like = { .path = path };
		struct stat st;
		if (one.n == 0 || stat(path, &st) < 0)
			continue;
		like.major = major(st.st_dev);
		like.minor = minor(st.st_dev);
		buf_fmt(&key, "%s %u:%u", path, like.major, like.minor);
		want(m, key.p, path, &like);
	}
}

static bool is_local(const struct marks *m)
{
	return strcmp(m->wanted, "local") == 0;
}

void marks_tick(struct marks *m, bool now)
{
	bool rests = clock_mono_ms() < m->rest_until_ms;
	if (!m->wanted || (rests && !now && !m->round))
		return;
	if (now && m->round) {
		look_at(m, 0);
	} else if (!m->round) {
		m->round_number++;
		m->round = is_local(m) ? round_begin() : xcalloc(1, sizeof(*m->round));
		if (is_local(m))
			look_at(m, 0);
		else
			look_at_named(m);
	}
	for (int i = 0; i < STEP && m->round->at < m->round->n; i++)
		look_at(m, m->round->pids[m->round->at++]);
	if (m->round->at == m->round->n)
		round_end(m);
}

void marks_want(struct marks *m, const char *wanted)
{
	if (m->wanted && wanted && strcmp(m->wanted, wanted) == 0)
		return;
	if (m->wanted) {
		AUTO(json_decrefp) json_t *flush = json_pack("{s:s}", "path", "");
		forget_all(m);
		tell_guard(m, flush);
	}
	free(m->wanted);
	m->wanted = wanted ? xstrdup(wanted) : NULL;
	marks_tick(m, true);
}

void marks_answered(struct marks *m, const json_t *answer)
{
	const char *error = json_text(answer, "error", NULL), *path = json_text(answer, "path", "");
	struct mark *k = map_get(&m->asked, str_of(json_text(answer, "key", "")));
	int64_t fd = json_int(answer, "at", -1);
	if (m->waiting)
		m->waiting--;
	if (fd >= 0 && m->held) {
		close((int)fd);
		m->held--;
	}
	if (k)
		k->set = !error;
	if (error) {
		log_warning("%s is not protected: %s", path, error);
		if (json_array_size(m->failed) < FAILED_MAX)
			json_array_append_new(
				m->failed,
				json_sprintf("Anti-Malware: %s is not protected: %s", path, error));
	}
	if (m->changed)
		m->changed(m);
}

bool marks_complete(const struct marks *m)
{
	return m->settled && m->waiting == 0 && m->asked.n > 0;
}

json_t *marks_shown(const struct marks *m)
{
	json_t *out = json_array();
	AUTO(map_done) struct map seen = { 0 };
	struct map_item item;
	for (size_t at = 0; map_next(&m->asked, &at, &item);) {
		struct mark *k = item.value;
		char device[32];
		snprintf(device, sizeof(device), "%u:%u", k->major, k->minor);
		if (!k->set || map_get(&seen, str_of(device)))
			continue;
		map_set(&seen, str_of(device), k);
		json_array_append_new(out, json_stringn(k->path, strlen(k->path)));
	}
	return out;
}
