#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "proc/link.h"

enum { PAUSE_FIRST = 100, PAUSE_MAX = 5000, LONG_LIFE = 10000, STOP_MS = 5000 };

/* A process of the table, as the guard sees it. */
struct child {
	struct self *me;
	unsigned id, instance;
	pid_t pid; /* 0: not running */
	bool ready;
	uint32_t births;
	uint64_t born_ms;
	uint64_t pause_ms;  /* before the next start */
	struct watch life;  /* pidfd */
	struct watch again; /* timer */
};

struct guard {
	struct self *me;
	char **argv;
	bool stopping, told;
	struct watch signals, deadline;
	struct child children[PROCS_MAX * INSTANCES_MAX];
};

static unsigned instances(const struct self *me, unsigned row)
{
	const struct proc *p = &me->program->procs[row];
	unsigned n = p->count ? p->count(me) : p->instances;
	return n ? n : 1;
}

static struct child *child_of(struct self *me, unsigned who, unsigned instance)
{
	return &me->guard->children[who * INSTANCES_MAX + instance];
}

static int send_fd(struct peer *p, uint32_t type, const void *body, size_t n, int fd)
{
	struct imsg m = { .type = type, .len = (uint32_t)n, .fd = fd, .data = body };
	return peer_send(p, &m);
}

/* Makes a pair of sockets between two children and gives each its end. */
static void join(struct self *me, struct child *a, struct child *b)
{
	int pair[2];
	if (!link_permitted(me->program, a->id, b->id) || a->pid == 0 || b->pid == 0)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		log_error("join %s and %s: %s", me->program->procs[a->id].name,
		          me->program->procs[b->id].name, strerror(errno));
		return;
	}
	uint32_t to_a[3] = { b->id, b->instance, b->births };
	uint32_t to_b[3] = { a->id, a->instance, a->births };
	send_fd(self_peer(me, a->id, a->instance), LINK_PEER, to_a, sizeof(to_a), pair[0]);
	send_fd(self_peer(me, b->id, b->instance), LINK_PEER, to_b, sizeof(to_b), pair[1]);
	close(pair[0]);
	close(pair[1]);
}

static void join_all(struct self *me, struct child *c)
{
	for (unsigned i = 1; i < me->program->nprocs; i++)
		for (unsigned k = 0; k < instances(me, i); k++)
			if (child_of(me, i, k) != c)
				join(me, c, child_of(me, i, k));
}

static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	if (!path || strlen(path) >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, strlen(path));
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	AUTO(closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
}

static void child_ready(struct self *me, struct child *c)
{
	c->ready = true;
	for (unsigned i = 1; i < me->program->nprocs; i++)
		for (unsigned k = 0; k < instances(me, i); k++)
			if (!child_of(me, i, k)->ready)
				return;
	if (!me->guard->told) {
		me->guard->told = true;
		log_info("%s is ready", me->program->name);
		notify("READY=1");
	}
}

static int got(struct peer *p, struct imsg *m)
{
	struct self *me = p->owner;
	uint32_t at[3];
	switch (m->type) {
	case LINK_READY:
		child_ready(me, child_of(me, p->who, p->instance));
		return 0;
	case LINK_BROKEN:
		if (m->len != sizeof(at))
			return -EBADMSG;
		memcpy(at, m->data, sizeof(at));
		if (at[0] == 0 || at[0] >= me->program->nprocs || at[1] >= INSTANCES_MAX)
			return -EBADMSG;
		/* Of two ends that complain the first is heard; and of an end that has been started
		 * again since nobody needs to hear: that birth brought a new pair, in which
		 * messages may be under way already. */
		if (p->who < at[0] && child_of(me, at[0], at[1])->births == at[2])
			join(me, child_of(me, p->who, p->instance), child_of(me, at[0], at[1]));
		return 0;
	default:
		return link_got(p, m);
	}
}

/* A child whose messages break the table is suspect: it is ended and started afresh. */
static void lost(struct peer *p)
{
	struct self *me = p->owner;
	struct child *c = child_of(me, p->who, p->instance);
	if (c->pid > 0)
		kill(c->pid, SIGKILL);
}

static void start(struct child *c);

static void start_again(struct watch *w, uint32_t events)
{
	(void)events;
	struct child *c = CONTAINER_OF(w, struct child, again);
	loop_del(&c->me->loop, w);
	start(c);
}

static void plan(struct child *c)
{
	uint64_t lived = clock_mono_ms() - c->born_ms;
	uint64_t pause = lived >= LONG_LIFE ? 0 : c->pause_ms;
	c->pause_ms = pause == 0 ? PAUSE_FIRST : pause * 2 > PAUSE_MAX ? PAUSE_MAX : pause * 2;
	c->again.ready = start_again;
	if (pause == 0)
		start(c);
	else
		loop_timer(&c->me->loop, &c->again, pause, 0);
}

static bool all_gone(const struct guard *g)
{
	for (size_t i = 0; i < ARRAY_LEN(g->children); i++)
		if (g->children[i].pid > 0)
			return false;
	return true;
}

static void died(struct watch *w, uint32_t events)
{
	(void)events;
	struct child *c = CONTAINER_OF(w, struct child, life);
	struct self *me = c->me;
	int status = 0;
	if (waitpid(c->pid, &status, WNOHANG) != c->pid)
		return;
	loop_del(&me->loop, w);
	const char *name = me->program->procs[c->id].name;
	if (!me->guard->stopping && WIFSIGNALED(status))
		log_warning("%s[%d] was ended by signal %d", name, (int)c->pid, WTERMSIG(status));
	else if (!me->guard->stopping)
		log_warning("%s[%d] ended with status %d", name, (int)c->pid, WEXITSTATUS(status));
	c->pid = 0;
	c->ready = false;
	struct peer *p = self_peer(me, c->id, c->instance);
	peer_done(p);
	if (me->guard->stopping) {
		if (all_gone(me->guard))
			self_stop(me, 0);
		return;
	}
	if (me->proc->down)
		me->proc->down(me, p);
	plan(c);
}

static int give_birth(struct child *c, int link)
{
	struct self *me = c->me;
	const struct proc *row = &me->program->procs[c->id];
	struct peer *p = self_peer(me, c->id, c->instance);
	p->owner = me;
	p->got = got;
	p->lost = lost;
	int rc = peer_init(p, &me->loop, link, c->id, c->instance);
	if (rc < 0)
		return rc;
	struct birth_fd fds[BIRTH_FDS_MAX] = { 0 };
	int n = row->prepare ? row->prepare(me, c->instance, fds) : 0;
	for (int i = 0; i < n; i++) {
		send_fd(p, LINK_FD, fds[i].name, strlen(fds[i].name), fds[i].fd);
		close(fds[i].fd); /* the kernel must never wait for a dead worker because we hold a
		                     copy */
	}
	if (n < 0)
		return n;
	join_all(me, c);
	return send_fd(p, LINK_GO, NULL, 0, -1);
}

static void start(struct child *c)
{
	struct self *me = c->me;
	int pair[2];
	c->born_ms = clock_mono_ms();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		log_error("start %s: %s", me->program->procs[c->id].name, strerror(errno));
		plan(c);
		return;
	}
	pid_t pid = spawn(me, &me->program->procs[c->id], c->instance, me->guard->argv, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		log_error("start %s: %s", me->program->procs[c->id].name, strerror(-pid));
		plan(c);
		return;
	}
	c->pid = pid;
	c->births++;
	c->life.ready = died;
	int rc = loop_child(&me->loop, &c->life, pid);
	if (rc == 0)
		rc = give_birth(c, pair[0]);
	if (rc < 0) {
		log_error("start %s: %s", me->program->procs[c->id].name, strerror(-rc));
		kill(pid, SIGKILL);
		return;
	}
	if (me->proc->up)
		me->proc->up(me, self_peer(me, c->id, c->instance));
}

static void tell_all(struct self *me, uint32_t type)
{
	for (unsigned i = INSTANCES_MAX; i < me->program->nprocs * INSTANCES_MAX; i++)
		if (peer_is_up(&me->peers[i]))
			send_fd(&me->peers[i], type, NULL, 0, -1);
}

static void too_long(struct watch *w, uint32_t events)
{
	(void)events;
	struct guard *g = CONTAINER_OF(w, struct guard, deadline);
	loop_tick(w);
	for (size_t i = 0; i < ARRAY_LEN(g->children); i++)
		if (g->children[i].pid > 0)
			kill(g->children[i].pid, SIGKILL);
	self_stop(g->me, 1);
}

static void stop(struct guard *g)
{
	if (g->stopping)
		return;
	g->stopping = true;
	notify("STOPPING=1");
	tell_all(g->me, LINK_STOP);
	if (g->me->proc->stop)
		g->me->proc->stop(g->me);
	g->deadline.ready = too_long;
	loop_timer(&g->me->loop, &g->deadline, STOP_MS, 0);
	if (all_gone(g))
		self_stop(g->me, 0);
}

static void signalled(struct watch *w, uint32_t events)
{
	(void)events;
	struct guard *g = CONTAINER_OF(w, struct guard, signals);
	for (int s = loop_signal(w); s; s = loop_signal(w)) {
		if (s != SIGHUP) {
			stop(g);
			continue;
		}
		if (g->me->proc->hup)
			g->me->proc->hup(g->me);
		tell_all(g->me, LINK_HUP);
	}
}

static int watch_signals(struct guard *g)
{
	static const int wanted[] = { SIGTERM, SIGINT, SIGHUP };
	signal(SIGPIPE, SIG_IGN);
	g->signals.ready = signalled;
	return loop_signals(&g->me->loop, &g->signals, wanted, ARRAY_LEN(wanted));
}

int guard_main(struct self *me, char **argv)
{
	AUTO(freep) struct guard *g = xcalloc(1, sizeof(*g));
	g->me = me;
	g->argv = argv;
	me->guard = g;
	g->deadline.fd = -1;
	for (unsigned i = 0; i < ARRAY_LEN(g->children); i++)
		g->children[i] = (struct child){ .me = me,
			                         .id = i / INSTANCES_MAX,
			                         .instance = i % INSTANCES_MAX,
			                         .life.fd = -1,
			                         .again.fd = -1 };
	int rc = watch_signals(g);
	if (rc == 0 && me->proc->start)
		rc = me->proc->start(me);
	if (rc < 0) {
		log_error("start: %s", strerror(-rc));
		return 1;
	}
	for (unsigned i = 1; i < me->program->nprocs; i++)
		for (unsigned k = 0; k < instances(me, i); k++)
			start(child_of(me, i, k));
	rc = loop_run(&me->loop);
	for (size_t i = 0; i < ARRAY_LEN(g->children); i++) {
		loop_del(&me->loop, &g->children[i].life);
		loop_del(&me->loop, &g->children[i].again);
	}
	loop_del(&me->loop, &g->deadline);
	loop_del(&me->loop, &g->signals);
	return rc < 0 ? 1 : me->status;
}

unsigned guard_pids(struct self *me, pid_t *out, unsigned max)
{
	unsigned n = 0;
	if (max)
		out[n++] = getpid();
	for (size_t i = 0; i < ARRAY_LEN(me->guard->children) && n < max; i++)
		if (me->guard->children[i].pid > 0)
			out[n++] = me->guard->children[i].pid;
	return n;
}

pid_t guard_pid(struct self *me, unsigned who, unsigned instance)
{
	return child_of(me, who, instance)->pid;
}
