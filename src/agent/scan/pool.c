#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/scan/scan.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "module/antimalware/scanner/worker.h"

enum { REPORT_MAX = 32 * 1024, RETRY_MS = 30000 };

static struct generation *in_state(const struct scan *s, enum generation_state state)
{
	struct generation *g = NULL;
	LIST_FOREACH (g, &s->generations, next)
		if (g->state == state)
			return g;
	return NULL;
}

struct generation *pool_now(const struct scan *s)
{
	return in_state(s, GENERATION_READY);
}

/* ---- a worker ---- */

static void worker_close(struct worker *w)
{
	struct scan *s = w->of->scan;
	char folder[64];
	if (w->sock.fd < 0)
		return;
	if (w->pidfd >= 0) {
		syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0);
		close(w->pidfd);
	}
	w->pidfd = -1;
	loop_del(&s->me->loop, &w->sock);
	zygote_folder(s->tmp, w->name, folder, sizeof(folder));
	file_remove_tree(AT_FDCWD, folder);
}

static void generation_free(struct generation *g)
{
	struct scan *s = g->scan;
	for (unsigned i = 0; i < s->nworkers; i++)
		worker_close(&g->workers[i]);
	loop_del(&s->me->loop, &g->zygote);
	json_decref(g->report);
	LIST_REMOVE(g, next);
	free(g);
}

/* A retiring generation goes when its last answer was given; then there is room for the next. */
static void retire(struct generation *g)
{
	struct scan *s = g->scan;
	bool busy = false;
	g->state = GENERATION_RETIRING;
	for (unsigned i = 0; i < s->nworkers; i++) {
		if (g->workers[i].job)
			busy = true;
		else
			worker_close(&g->workers[i]);
	}
	if (busy)
		return;
	generation_free(g);
	pool_reload(s);
}

/* Asks the zygote for the workers that are missing. */
static void fill(struct generation *g)
{
	struct scan *s = g->scan;
	for (unsigned i = 0; i < s->nworkers && g->state == GENERATION_READY; i++) {
		struct worker *w = &g->workers[i];
		char folder[64];
		if (w->sock.fd >= 0 || w->asked || g->zygote.fd < 0)
			continue;
		if (i == WORKER_LENT && !peer_is_up(self_peer(s->me, P_FILES, 0)))
			continue;
		w->name = ++s->next_name;
		zygote_folder(s->tmp, w->name, folder, sizeof(folder));
		if (mkdir(folder, 0700) < 0 && errno != EEXIST)
			log_error("make %s: %s", folder, strerror(errno));
		w->asked = send(g->zygote.fd, &w->name, sizeof(w->name),
		                MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(w->name);
	}
}

static struct request *take_job(struct worker *w)
{
	/* The analyzer does not follow LIST_REMOVE(). NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	struct request *r = TAKE(w->job);
	if (r && r->who == P_TREE)
		w->of->scan->tree_busy--;
	return r;
}

/* The worker ended, or has to: what it was asked is asked once more, or answered. */
static void worker_lost(struct worker *w, bool late)
{
	struct generation *g = w->of;
	struct scan *s = g->scan;
	struct request *r = take_job(w);
	bool had_job = r;
	worker_close(w);
	if (r)
		scan_worker_died(s);
	if (r && late)
		scan_answer_error(s, r, "the time for scanning it is up");
	else if (r && ++r->deaths < 2)
		scan_requeue(s, r);
	else if (r)
		scan_answer_error(s, r, "the scanner ended twice while it looked at it");
	if (g->state == GENERATION_RETIRING) {
		retire(g);
	} else if (had_job) {
		fill(g);
	} /* else: one that cannot even start is tried again by pool_late() */
	pool_pump(s);
}

static void worker_ready(struct watch *watch, uint32_t events)
{
	(void)events;
	struct worker *w = CONTAINER_OF(watch, struct worker, sock);
	struct generation *g = w->of;
	struct scan *s = g->scan;
	AUTO(json_decrefp) json_t *result = worker_answer(w->sock.fd);
	if (!result || !w->job) {
		worker_lost(w, false);
		return;
	}
	scan_answer(s, take_job(w), result);
	if (g->state == GENERATION_RETIRING)
		retire(g);
	pool_pump(s);
}

static bool give(struct worker *w, struct request *r)
{
	int64_t seconds = json_int(r->options, "seconds", SCAN_SECONDS);
	if (worker_ask(w->sock.fd, r->fd, r->options) < 0)
		return false;
	w->job = r;
	w->end_ms = clock_mono_ms() + (uint64_t)(seconds > 0 ? seconds : SCAN_SECONDS) * 1000;
	if (r->who == P_TREE)
		w->of->scan->tree_busy++;
	return true;
}

void pool_pump(struct scan *s)
{
	struct generation *g = pool_now(s);
	for (unsigned i = WORKER_LENT + 1; g && i < s->nworkers; i++) {
		struct worker *w = &g->workers[i];
		if (w->sock.fd < 0 || w->job)
			continue;
		struct request *r = scan_next(s);
		if (!r)
			return;
		if (!give(w, r)) {
			scan_requeue(s, r);
			worker_close(w);
			fill(g);
		}
	}
}

void pool_late(struct scan *s)
{
	uint64_t now = clock_mono_ms();
	struct generation *g = NULL, *after = NULL;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		; /* a zygote that ended: its socket has said so */
	for (g = LIST_FIRST(&s->generations); g; g = after) {
		after = LIST_NEXT(g, next);
		if (g->state == GENERATION_READY)
			fill(g);
		for (unsigned i = 0; i < s->nworkers; i++) {
			struct worker *w = &g->workers[i];
			if (!w->job || now < w->end_ms)
				continue;
			s->slow++;
			worker_lost(w, true); /* may free the generation: the rest next time */
			return;
		}
	}
}

/* ---- a zygote ---- */

static void zygote_lost(struct generation *g)
{
	struct scan *s = g->scan;
	loop_del(&s->me->loop, &g->zygote);
	if (g->state == GENERATION_LOADING) {
		scan_failed(s, "the process that loads them ended");
		generation_free(g);
	}
	if (g->state != GENERATION_RETIRING && !s->stopping) {
		s->reload = true;
		scan_reload_soon(s, g->state == GENERATION_READY ? 1000 : RETRY_MS);
	}
}

/* The lent worker's process ended. */
static void lent_ended(struct watch *watch, uint32_t events)
{
	(void)events;
	struct worker *w = CONTAINER_OF(watch, struct worker, sock);
	scan_worker_died(w->of->scan);
	worker_close(w);
	fill(w->of);
}

/* Hands its socket (taken) to `files`; we keep the process. */
static int lend(struct worker *w, int sock, int pidfd)
{
	struct scan *s = w->of->scan;
	int watched = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
	w->pidfd = pidfd;
	w->sock = (struct watch){ watched, lent_ended };
	int rc = watched < 0 ? -errno : loop_add(&s->me->loop, &w->sock, EPOLLIN);
	if (rc == 0 && w->of->state == GENERATION_READY)
		self_send_fd(s->me, P_FILES, M_SCANNER, 0, (struct str){ 0 }, sock);
	close(sock);
	return rc; /* what nobody took has lost its other end, and ends */
}

void pool_lend(struct scan *s)
{
	struct generation *g = pool_now(s);
	if (g)
		fill(g);
}

void pool_recall(struct scan *s)
{
	struct generation *g;
	LIST_FOREACH (g, &s->generations, next)
		worker_close(&g->workers[WORKER_LENT]);
}

/* Takes a worker that the zygote made; -1 when the message is none. */
static int take_worker(struct generation *g, const struct msghdr *m, unsigned name)
{
	struct scan *s = g->scan;
	int fds[2];
	const struct cmsghdr *h = CMSG_FIRSTHDR(m);
	if (!h || h->cmsg_type != SCM_RIGHTS || h->cmsg_len != CMSG_LEN(sizeof(fds)))
		return -1;
	memcpy(fds, CMSG_DATA(h), sizeof(fds));
	for (unsigned i = 0; i < s->nworkers; i++) {
		struct worker *w = &g->workers[i];
		if (!w->asked || w->name != name)
			continue;
		w->asked = false;
		if (i == WORKER_LENT)
			return lend(w, fds[0], fds[1]);
		w->sock = (struct watch){ fds[0], worker_ready };
		w->pidfd = fds[1];
		return loop_add(&s->me->loop, &w->sock, EPOLLIN);
	}
	close(fds[0]);
	close(fds[1]);
	return -1;
}

static int take_report(struct generation *g, struct str text)
{
	struct scan *s = g->scan;
	AUTO(json_decrefp) json_t *j = json_parse(text, NULL);
	if (!j)
		return -1;
	const char *error = json_text(j, "error", NULL);
	if (error) {
		scan_failed(s, error);
		generation_free(g);
		if (!pool_now(s))
			scan_reload_soon(s, RETRY_MS);
		return 0;
	}
	struct generation *old = pool_now(s);
	g->report = TAKE(j);
	g->state = GENERATION_READY;
	fill(g);
	scan_loaded(s, g);
	if (old)
		retire(old);
	return 0;
}

static void zygote_ready(struct watch *watch, uint32_t events)
{
	(void)events;
	struct generation *g = CONTAINER_OF(watch, struct generation, zygote);
	struct scan *s = g->scan;
	static char body[REPORT_MAX];
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} c;
	struct iovec iov = { body, sizeof(body) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)
	};
	ssize_t n = recvmsg(watch->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && errno == EAGAIN)
		return;
	int rc = -1;
	unsigned name = 0;
	if (n > 0 && g->state == GENERATION_LOADING) {
		rc = take_report(g, (struct str){ body, (size_t)n });
	} else if (n == (ssize_t)sizeof(name)) {
		memcpy(&name, body, sizeof(name));
		rc = take_worker(g, &m, name);
	}
	if (rc < 0)
		zygote_lost(g);
	pool_pump(s);
}

static int generation_start(struct scan *s)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0)
		zygote_run(pair[1], s->signatures, s->tmp);
	int rc = pid < 0 ? -errno : 0;
	close(pair[1]);
	if (rc < 0) {
		close(pair[0]);
		return rc;
	}
	struct generation *g = xcalloc(1, sizeof(*g));
	g->scan = s;
	g->zygote = (struct watch){ pair[0], zygote_ready };
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		g->workers[i] = (struct worker){ .sock = { .fd = -1 }, .pidfd = -1, .of = g };
	LIST_INSERT_HEAD(&s->generations, g, next);
	return loop_add(&s->me->loop, &g->zygote, EPOLLIN);
}

void pool_reload(struct scan *s)
{
	/* Never more than two generations: that bounds the memory. */
	if (!s->reload || s->stopping || in_state(s, GENERATION_LOADING) ||
	    in_state(s, GENERATION_RETIRING))
		return;
	struct generation *now = pool_now(s);
	if (now && s->low_memory) {
		retire(now); /* comes back here when the last of its answers is given */
		return;
	}
	s->reload = false;
	int rc = generation_start(s);
	if (rc < 0) {
		scan_failed(s, strerror(-rc));
		s->reload = true;
		scan_reload_soon(s, RETRY_MS);
	}
}

void pool_done(struct scan *s)
{
	while (!LIST_EMPTY(&s->generations)) {
		struct generation *g = LIST_FIRST(&s->generations);
		for (unsigned i = 0; i < s->nworkers; i++) {
			struct request *r = take_job(&g->workers[i]);
			if (r)
				scan_answer_error(s, r, "the scanner is ending");
		}
		/* The analyzer does not follow LIST_REMOVE().
		 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		generation_free(g);
	}
}
