#include "agent/sensor/packet/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sensor/packet/links.h"
#include "agent/sensor/packet/queue.h"
#include "agent/sensor/packet/ruleset.h"
#include "agent/sensor/packet/tables.h"
#include "agent/watchdog.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

enum { ANSWER_MAX = 4096, LOAD_MS = 30000, SILENT_MS = 3000 };

struct loader {
	struct self *me;
	void (*done)(struct self *me, uint32_t id, json_t *answer);
	struct watch life, deadline;
	pid_t pid;     /* of what loads now; 0: nothing */
	uint32_t id;   /* of that */
	int answer;    /* memfd that it prints into */
	char *waiting; /* owned: the next document, or NULL */
	uint32_t next_id;
	bool remove;                                 /* at the end */
	struct watchdog *dogs[PACKET_PROCESSES_MAX]; /* live as long as we do; NULL: cannot be */
};

static int folder(const struct loader *l)
{
	int rc = file_mkdirs(AT_FDCWD, l->me->lib, 0755, (uid_t)-1, (gid_t)-1);
	AUTO(closep) int lib = rc < 0 ? -1 : open(l->me->lib, O_DIRECTORY | O_CLOEXEC);
	if (lib < 0)
		return rc < 0 ? rc : -errno;
	if (mkdirat(lib, RULESET_FOLDER, 0700) < 0 && errno != EEXIST)
		return -errno;
	int dir = openat(lib, RULESET_FOLDER, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return dir < 0 ? -errno : dir;
}

static void tell(struct loader *l, uint32_t id, const char *error)
{
	AUTO(json_decrefp) json_t *o = json_object();
	json_set_text(o, "error", error);
	log_error("load the firewall's ruleset: %s", error);
	l->done(l->me, id, o);
}

static pid_t start(const struct loader *l, int out)
{
	static char exe[] = "/proc/self/exe", load[] = "--load-firewall=next", lib[] = "--lib";
	static char path[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
	static char asan[] = "ASAN_OPTIONS=detect_leaks=0";
	AUTO(freep) char *where = xstrdup(l->me->lib);
	char *const argv[] = { exe, lib, where, load, NULL }, *const env[] = { path, asan, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none;
	pid_t pid = -1;
	sigemptyset(&none);
	posix_spawnattr_init(&how);
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	int rc = posix_spawn(&pid, exe, &files, &how, argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&how);
	return rc == 0 ? pid : -rc;
}

static void begin(struct loader *l, uint32_t id, struct str document)
{
	AUTO(closep) int dir = folder(l);
	int rc = dir < 0 ? dir : file_replace(dir, RULESET_NEXT, document.p, document.n, 0600);
	l->answer = memfd_create("answer", MFD_CLOEXEC);
	if (rc == 0 && l->answer < 0)
		rc = -errno;
	pid_t pid = rc < 0 ? rc : start(l, l->answer);
	if (pid > 0)
		rc = loop_child(&l->me->loop, &l->life, pid);
	if (pid < 0 || rc < 0) {
		if (l->answer >= 0)
			close(TAKE_FD(l->answer));
		tell(l, id, strerror(pid < 0 ? -pid : -rc));
		return;
	}
	l->pid = pid;
	l->id = id;
	loop_timer_set(&l->deadline, LOAD_MS, 0);
}

static void reap(struct loader *l)
{
	int status = 0;
	while (waitpid(l->pid, &status, 0) < 0 && errno == EINTR)
		;
	l->pid = 0;
	loop_timer_set(&l->deadline, 0, 0);
	loop_del(&l->me->loop, &l->life);
}

static void ended(struct watch *w, uint32_t events)
{
	(void)events;
	struct loader *l = CONTAINER_OF(w, struct loader, life);
	AUTO(buf_done) struct buf b = { 0 };
	reap(l);
	int rc = file_read_fd(l->answer, ANSWER_MAX, &b);
	AUTO(json_decrefp) json_t *o = rc < 0 ? NULL : json_parse(buf_view(&b), NULL);
	close(TAKE_FD(l->answer));
	const char *error = json_text(o, "error", NULL);
	if (!o || error)
		tell(l, l->id, o ? error : "the program that loads it failed");
	else
		l->done(l->me, l->id, o);
	AUTO(freep) char *next = TAKE(l->waiting);
	if (next)
		begin(l, l->next_id, str_of(next));
}

static void too_long(struct watch *w, uint32_t events)
{
	(void)events;
	struct loader *l = CONTAINER_OF(w, struct loader, deadline);
	loop_tick(w);
	if (l->pid > 0)
		kill(l->pid, SIGKILL);
}

struct loader *loader_new(struct self *me,
                          void (*done)(struct self *me, uint32_t id, json_t *answer))
{
	struct loader *l = xcalloc(1, sizeof(*l));
	*l = (struct loader){ .me = me,
		              .done = done,
		              .life = { .fd = -1, .ready = ended },
		              .deadline = { .fd = -1, .ready = too_long },
		              .answer = -1 };
	int rc = loop_timer(&me->loop, &l->deadline, 0, 0);
	if (rc < 0)
		log_error("the firewall's loader: %s", strerror(-rc));
	for (unsigned i = 0; i < agent_options(me)->packet_processes; i++)
		l->dogs[i] = watchdog_new(SILENT_MS);
	return l;
}

void loader_put(struct loader *l, uint32_t id, struct str document)
{
	AUTO(json_decrefp) json_t *o = json_parse(document, NULL);
	struct err why = { { 0 } };
	if (!o || ruleset_check(o, &why) < 0) {
		tell(l, id, o ? why.text : "it is not JSON");
		return;
	}
	l->remove = strcmp(json_text(o, "whenStopped", "leave"), "remove") == 0;
	if (l->pid == 0) {
		begin(l, id, document);
		return;
	}
	free(l->waiting);
	l->waiting = str_dup(document);
	l->next_id = id;
}

static void end_running(struct loader *l)
{
	if (l->pid == 0)
		return;
	kill(l->pid, SIGKILL);
	reap(l);
	close(TAKE_FD(l->answer));
}

void loader_forget(struct loader *l)
{
	struct err why = { { 0 } };
	AUTO(closep) int dir = folder(l);
	free(TAKE(l->waiting));
	end_running(l);
	if (dir >= 0) {
		unlinkat(dir, RULESET_KEPT, 0);
		unlinkat(dir, RULESET_NEXT, 0);
	}
	if (ruleset_remove(&why) < 0)
		log_error("%s", why.text);
}

void loader_free(struct loader *l)
{
	struct err why = { { 0 } };
	if (!l)
		return;
	end_running(l);
	if (l->remove && ruleset_remove(&why) < 0)
		log_error("%s", why.text);
	loop_del(&l->me->loop, &l->deadline);
	free(l->waiting);
	free(l);
}

/* ---- the packet processes ---- */

static int give(const char *name, int fd, struct birth_fd *out)
{
	if (fd < 0) {
		log_error("open the socket %s: %s", name, strerror(-fd));
		return 0;
	}
	out->fd = fd;
	snprintf(out->name, sizeof(out->name), "%s", name);
	return 1;
}

int loader_prepare(struct loader *l, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX])
{
	/* What cannot be had is missed by the process, which tells of it. */
	int n = give("queue", queue_socket(), &out[0]);
	n += give("links", links_socket(), &out[n]);
	if (instance == 0) {
		n += give("logged", queue_socket(), &out[n]);
		n += give("tables", tables_socket(), &out[n]);
	}
	if (l && l->dogs[instance])
		n += give("alive", watchdog_page(l->dogs[instance]), &out[n]);
	return n;
}

void loader_up(struct loader *l, const struct peer *p, pid_t pid)
{
	if (p->who == P_PACKET && l->dogs[p->instance])
		watchdog_watch(l->dogs[p->instance], pid);
}

void loader_down(struct loader *l, const struct peer *p)
{
	if (p->who != P_PACKET || !l->dogs[p->instance])
		return;
	watchdog_watch(l->dogs[p->instance], 0);
	if (watchdog_bit(l->dogs[p->instance]))
		log_error("packet did not answer: it was ended");
}
