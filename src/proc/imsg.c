#include "proc/imsg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"

/* What stands before the body of each datagram. */
struct head {
	uint32_t type, id, len, flags;
};

enum { IMSG_BIG = 1u << 0 /* the descriptor is a sealed memfd that holds the body */ };

struct queued {
	STAILQ_ENTRY(queued) next;
	struct head head;
	int fd; /* owned, -1 */
	uint8_t data[];
};

static void queued_free(struct queued *q)
{
	if (q->fd >= 0)
		close(q->fd);
	free(q);
}

static void drop(struct peer *p)
{
	peer_done(p);
	if (p->lost)
		p->lost(p);
}

static ssize_t send_one(int sock, const struct head *h, const void *data, int fd)
{
	struct iovec iov[2] = {
		{ .iov_base = (void *)(uintptr_t)h, .iov_len = sizeof(*h) },
		{ .iov_base = (void *)(uintptr_t)data, .iov_len = h->len },
	};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = h->len ? 2 : 1 };
	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	ssize_t n = sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

static void flush(struct peer *p)
{
	while (!STAILQ_EMPTY(&p->queue)) {
		struct queued *q = STAILQ_FIRST(&p->queue);
		ssize_t n = send_one(p->watch.fd, &q->head, q->data, q->fd);
		if (n == -EAGAIN || n == -ENOBUFS)
			return;
		STAILQ_REMOVE_HEAD(&p->queue, next);
		p->nqueued--;
		queued_free(q);
		if (n < 0)
			return; /* the end is seen by reading */
	}
	loop_mod(p->loop, &p->watch, EPOLLIN);
}

/* Takes the one descriptor that may come along; closes any more and says that there were too many.
 */
static int take_fd(struct msghdr *m, int *out)
{
	int rc = m->msg_flags & MSG_CTRUNC ? -EBADMSG : 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd = -1;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (*out < 0) {
				*out = fd;
			} else {
				close(fd);
				rc = -EBADMSG;
			}
		}
	}
	return rc;
}

/* One datagram: 1 handled, 0 nothing there, or < 0: the peer has to go. */
static int receive_one(struct peer *p)
{
	static uint8_t body[IMSG_MAX];
	struct head h = { 0 };
	struct iovec iov[2] = { { &h, sizeof(h) }, { body, sizeof(body) } };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = iov,
		              .msg_iovlen = 2,
		              .msg_control = &control,
		              .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(p->watch.fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	struct imsg m = { .type = h.type, .id = h.id, .len = h.len, .fd = -1, .data = body };
	m.big = h.flags & IMSG_BIG;
	int rc = take_fd(&msg, &m.fd);
	if (rc == 0 && ((size_t)n < sizeof(h) || h.len != (size_t)n - sizeof(h) ||
	                (msg.msg_flags & MSG_TRUNC) || (h.flags & ~(uint32_t)IMSG_BIG)))
		rc = -EBADMSG;
	if (rc == 0)
		rc = p->got(p, &m);
	if (m.fd >= 0)
		close(m.fd);
	return rc < 0 ? rc : 1;
}

static void ready(struct watch *w, uint32_t events)
{
	struct peer *p = CONTAINER_OF(w, struct peer, watch);
	int fd = w->fd;
	if (events & EPOLLOUT)
		flush(p);
	/* Bounded, so that one talkative peer does not starve the others; a handler may end the
	 * peer. */
	for (int i = 0; i < 64 && !p->paused && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)); i++) {
		int rc = receive_one(p);
		if (w->fd != fd)
			return;
		if (rc < 0) {
			drop(p);
			return;
		}
		if (rc == 0)
			return;
	}
}

int peer_init(struct peer *p, struct loop *l, int fd, unsigned who, unsigned instance)
{
	p->watch = (struct watch){ fd, ready };
	p->loop = l;
	p->who = who;
	p->instance = instance;
	p->nqueued = 0;
	STAILQ_INIT(&p->queue);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	int size = 4 << 20;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	int rc = loop_add(l, &p->watch, EPOLLIN);
	if (rc < 0)
		p->watch.fd = -1;
	return rc;
}

void peer_done(struct peer *p)
{
	if (!p->loop)
		return;
	loop_del(p->loop, &p->watch);
	while (!STAILQ_EMPTY(&p->queue)) {
		struct queued *q = STAILQ_FIRST(&p->queue);
		STAILQ_REMOVE_HEAD(&p->queue, next);
		queued_free(q);
	}
	p->nqueued = 0;
}

bool peer_is_up(const struct peer *p)
{
	return p && p->loop && p->watch.fd >= 0;
}

static int queue(struct peer *p, const struct head *h, const void *data, int fd)
{
	if (p->nqueued >= IMSG_QUEUE_MAX)
		return -ENOBUFS;
	struct queued *q = calloc(1, sizeof(*q) + h->len);
	if (!q)
		return -ENOMEM;
	q->head = *h;
	if (data && h->len)
		memcpy(q->data, data, h->len);
	q->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0 && q->fd < 0) {
		free(q);
		return -errno;
	}
	STAILQ_INSERT_TAIL(&p->queue, q, next);
	p->nqueued++;
	return loop_mod(p->loop, &p->watch, EPOLLIN | EPOLLOUT);
}

static int put(struct peer *p, const struct head *h, const void *data, int fd)
{
	if (!peer_is_up(p))
		return -ENOTCONN;
	if (h->len > IMSG_MAX)
		return -EMSGSIZE;
	if (STAILQ_EMPTY(&p->queue)) {
		ssize_t n = send_one(p->watch.fd, h, data, fd);
		if (n >= 0)
			return 0;
		if (n != -EAGAIN && n != -ENOBUFS)
			return (int)n;
	}
	return queue(p, h, data, fd);
}

int peer_send(struct peer *p, const struct imsg *m)
{
	struct head h = { m->type, m->id, m->len, 0 };
	return put(p, &h, m->data, m->fd);
}

int peer_send_big(struct peer *p, uint32_t type, uint32_t id, struct str body)
{
	if (body.n <= IMSG_MAX) {
		struct head h = { type, id, (uint32_t)body.n, 0 };
		return put(p, &h, body.p, -1);
	}
	AUTO(closep) int fd = file_memfd("imsg", body.p, body.n);
	if (fd < 0)
		return fd;
	struct head h = { type, id, 0, IMSG_BIG };
	return put(p, &h, NULL, fd);
}

int imsg_body(const struct imsg *m, size_t max, struct imsg_body *out)
{
	*out = (struct imsg_body){ 0 };
	if (!m->big) {
		if (m->len > max)
			return -EFBIG;
		out->s = (struct str){ (const char *)m->data, m->len };
		return 0;
	}
	int seals = m->fd < 0 ? -1 : fcntl(m->fd, F_GET_SEALS);
	const int must = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	/* Not fstat(): libc makes it newfstatat(), which a process without files may not call. */
	off_t size = seals < 0 ? -1 : lseek(m->fd, 0, SEEK_END);
	if (size < 0 || (seals & must) != must)
		return -EPERM;
	if ((size_t)size > max)
		return -EFBIG;
	void *map = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, m->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	out->owned = map;
	out->mapped = (size_t)size;
	out->s = (struct str){ map, out->mapped };
	return 0;
}

void imsg_body_done(struct imsg_body *b)
{
	if (b->owned)
		munmap(b->owned, b->mapped);
	*b = (struct imsg_body){ 0 };
}
