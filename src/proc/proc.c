#include "proc/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "proc/link.h"

struct peer *self_peer(struct self *me, unsigned who, unsigned instance)
{
	if (who >= me->program->nprocs || instance >= INSTANCES_MAX)
		return NULL;
	return &me->peers[who * INSTANCES_MAX + instance];
}

int self_send(struct self *me, unsigned who, unsigned instance, uint32_t type, uint32_t id,
              struct str body)
{
	struct peer *p = self_peer(me, who, instance);
	return peer_is_up(p) ? peer_send_big(p, type, id, body) : -ENOTCONN;
}

int self_send_fd(struct self *me, unsigned who, uint32_t type, uint32_t id, struct str body, int fd)
{
	struct peer *p = self_peer(me, who, 0);
	struct imsg m = { .type = type,
		          .id = id,
		          .len = (uint32_t)body.n,
		          .fd = fd,
		          .data = (const uint8_t *)body.p };
	return peer_is_up(p) ? peer_send(p, &m) : -ENOTCONN;
}

int self_take_fd(struct self *me, const char *name)
{
	for (unsigned i = 0; i < me->nfds; i++)
		if (strcmp(me->fds[i].name, name) == 0 && me->fds[i].fd >= 0)
			return TAKE_FD(me->fds[i].fd);
	return -ENOENT;
}

void self_stop(struct self *me, int status)
{
	me->status = status;
	me->loop.stop = true;
}

bool link_permitted(const struct program *program, unsigned a, unsigned b)
{
	for (unsigned i = 0; i < program->nrules; i++) {
		const struct imsg_rule *r = &program->rules[i];
		if (((r->from >> a) & 1 && (r->to >> b) & 1) ||
		    ((r->from >> b) & 1 && (r->to >> a) & 1))
			return true;
	}
	return false;
}

int link_check(const struct program *program, unsigned from, unsigned to, const struct imsg *m)
{
	if (m->type >= program->nrules)
		return -EBADMSG;
	const struct imsg_rule *r = &program->rules[m->type];
	if (!((r->from >> from) & 1) || !((r->to >> to) & 1) || m->len > r->max ||
	    (m->fd >= 0 && !r->fd))
		return -EPERM;
	return 0;
}

int link_got(struct peer *p, struct imsg *m)
{
	struct self *me = p->owner;
	int rc = link_check(me->program, p->who, me->id, m);
	if (rc == 0 && (!me->proc->on || !me->proc->on[m->type]))
		rc = -EOPNOTSUPP;
	if (rc == 0)
		rc = me->proc->on[m->type](me, p, m);
	if (rc < 0)
		log_error("drop %s: its message %u (%u bytes): %s", me->program->procs[p->who].name,
		          m->type, m->len, strerror(-rc));
	return rc;
}

/* In the child: what the guard says on the link of birth. */
static int from_guard(struct peer *p, struct imsg *m)
{
	struct self *me = p->owner;
	if (m->type == LINK_STOP) {
		me->asked = true;
		self_stop(me, 0);
		return 0;
	}
	if (m->type == LINK_HUP) {
		if (me->proc->hup)
			me->proc->hup(me);
		return 0;
	}
	if (m->type == LINK_PEER)
		return link_peer(me, m);
	return link_got(p, m);
}

static void guard_lost(struct peer *p)
{
	(void)p;
	_exit(1); /* without the guard nobody answers for us */
}

static void peer_lost(struct peer *p)
{
	struct self *me = p->owner;
	if (me->proc->down && me->started)
		me->proc->down(me, p);
	/* The guard cannot know why the pair broke; if the other end lives it gets a new one. */
	self_send(me, 0, 0, LINK_BROKEN, 0,
	          (struct str){ (const char *)(uint32_t[3]){ p->who, p->instance, p->birth }, 12 });
}

int link_peer(struct self *me, struct imsg *m)
{
	uint32_t at[3];
	if (m->len != sizeof(at) || m->fd < 0)
		return -EBADMSG;
	memcpy(at, m->data, sizeof(at));
	struct peer *p = self_peer(me, at[0], at[1]);
	if (!p || !link_permitted(me->program, me->id, at[0]))
		return -EPERM;
	bool replaced = peer_is_up(p);
	peer_done(p);
	/* The end of the old one has not been read yet: who waits for an answer is told all the
	 * same. */
	if (replaced && me->proc->down && me->started)
		me->proc->down(me, p);
	p->owner = me;
	p->birth = at[2];
	p->got = link_got;
	p->lost = peer_lost;
	int rc = peer_init(p, &me->loop, TAKE_FD(m->fd), at[0], at[1]);
	/* Before start() nothing can be handled: what comes waits in the socket. */
	if (rc == 0 && !me->started)
		rc = loop_mod(&me->loop, &p->watch, 0);
	if (rc == 0 && me->proc->up && me->started)
		me->proc->up(me, p);
	return rc;
}

/* Before the loop runs: takes descriptors and peers until the guard says go. */
static int birth_got(struct peer *p, struct imsg *m)
{
	struct self *me = p->owner;
	switch (m->type) {
	case LINK_FD:
		if (me->nfds == BIRTH_FDS_MAX || m->len >= sizeof(me->fds[0].name) || m->fd < 0)
			return -EBADMSG;
		me->fds[me->nfds] = (struct birth_fd){ .fd = TAKE_FD(m->fd) };
		memcpy(me->fds[me->nfds++].name, m->data, m->len);
		return 0;
	case LINK_PEER:
		return link_peer(me, m);
	case LINK_GO:
		p->got = from_guard;
		p->paused = true;
		return loop_mod(&me->loop, &p->watch, 0);
	default:
		return -EBADMSG;
	}
}

static int be_born(struct self *me)
{
	struct peer *guard = &me->peers[0];
	guard->owner = me;
	guard->got = birth_got;
	guard->lost = guard_lost;
	int rc = peer_init(guard, &me->loop, LINK_FILENO, 0, 0);
	while (rc == 0 && guard->got == birth_got)
		rc = loop_once(&me->loop, -1);
	return rc;
}

/* start() is done: now the links are listened to. */
static void listen_to_all(struct self *me)
{
	me->started = true;
	for (unsigned i = 0; i < me->program->nprocs * INSTANCES_MAX; i++) {
		me->peers[i].paused = false;
		if (peer_is_up(&me->peers[i]))
			loop_mod(&me->loop, &me->peers[i].watch,
			         EPOLLIN | (me->peers[i].nqueued ? EPOLLOUT : 0));
	}
}

static void say_up(struct self *me)
{
	for (unsigned i = 0; i < me->program->nprocs * INSTANCES_MAX; i++)
		if (me->proc->up && peer_is_up(&me->peers[i]))
			me->proc->up(me, &me->peers[i]);
}

static int child_main(struct self *me)
{
	struct err why = { { 0 } };
	int rc = be_born(me);
	if (rc == 0 && me->proc->early)
		rc = me->proc->early(me);
	if (rc < 0) {
		log_error("start: %s", strerror(-rc));
		return 1;
	}
	rc = sandbox_enter(&me->proc->box, me->proc->user, me->id, me, &why);
	if (rc < 0) {
		log_error("sandbox: %s", why.text);
		return 1;
	}
	rc = me->proc->start ? me->proc->start(me) : 0;
	if (rc < 0) {
		log_error("start: %s", strerror(-rc));
		return 1;
	}
	listen_to_all(me);
	say_up(me);
	self_send(me, 0, 0, LINK_READY, 0, (struct str){ 0 });
	rc = loop_run(&me->loop);
	if (rc == 0 && me->asked && me->proc->stop)
		me->proc->stop(me);
	return rc < 0 ? 1 : me->status;
}

/* Takes "-P name -I n" off the front of the command line: the row, or -1 for the guard. */
static int child_row(struct self *me, int *argc, char ***argv)
{
	if (*argc < 5 || strcmp((*argv)[1], "-P") != 0 || strcmp((*argv)[3], "-I") != 0)
		return -1;
	uint64_t instance = 0;
	if (str_u64(str_of((*argv)[4]), 0, INSTANCES_MAX - 1, &instance) < 0)
		return -1;
	for (unsigned i = 1; i < me->program->nprocs; i++) {
		if (strcmp(me->program->procs[i].name, (*argv)[2]) != 0)
			continue;
		me->instance = (unsigned)instance;
		(*argv)[4] = (*argv)[0];
		*argc -= 4;
		*argv += 4;
		return (int)i;
	}
	return -1;
}

int proc_main(const struct program *program, int argc, char **argv)
{
	struct self me = { .program = program };
	char **all = argv;
	int row = child_row(&me, &argc, &argv);
	me.id = row < 0 ? 0 : (unsigned)row;
	me.proc = &program->procs[me.id];
	log_open(me.proc->name);
	int rc = program->parse(&me, argc, argv);
	int status = rc < 0 ? 2 : 0;
	if (rc == 0) {
		me.peers = xcalloc((size_t)program->nprocs * INSTANCES_MAX, sizeof(*me.peers));
		rc = loop_init(&me.loop);
		status = rc < 0 ? 1 : row < 0 ? guard_main(&me, all) : child_main(&me);
		for (unsigned i = 0; i < program->nprocs * INSTANCES_MAX; i++)
			peer_done(&me.peers[i]);
		loop_done(&me.loop);
		free(me.peers);
	}
	if (program->done)
		program->done(&me);
	return status;
}
