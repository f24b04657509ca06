#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/str.h"
#include "proc/loop.h"

/*
 * Messages between our processes: one SOCK_SEQPACKET datagram each, so the kernel keeps the
 * boundaries, with at most one descriptor. What is too big for a message travels as a sealed memfd
 * (peer_send_big() and imsg_body() hide that).
 */
enum { IMSG_MAX = 32 * 1024, IMSG_QUEUE_MAX = 1024 };

struct imsg {
	uint32_t type; /* a row of the program's imsg.def */
	uint32_t id;   /* the asker's; an answer carries it back */
	uint32_t len;
	bool big; /* the body is in fd: imsg_body() reads it */
	int fd;   /* -1, or owned by the receiver (take it with TAKE_FD; else it is closed) */
	const uint8_t *data; /* borrowed: dies when the handler returns */
};

struct peer {
	struct watch watch;
	struct loop *loop;
	void *owner;       /* for the handlers */
	unsigned who;      /* proc id of the other end */
	unsigned instance; /* of the other end */
	uint32_t birth;    /* of the other end: how often its process has been started */
	bool paused;       /* nothing is read */
	unsigned nqueued;
	STAILQ_HEAD(, queued) queue;
	int (*got)(struct peer *p, struct imsg *m); /* < 0 drops the peer */
	void (*lost)(struct peer *p); /* the other end is gone; the watch is already idle */
};

int peer_init(struct peer *p, struct loop *l, int fd, unsigned who, unsigned instance);
void peer_done(struct peer *p); /* closes; queued messages and their descriptors are dropped */
bool peer_is_up(const struct peer *p);

/* Sends or queues; m->fd is duplicated, the caller keeps its own. -ENOBUFS: the peer is stuck;
 * -ENOTCONN. */
int peer_send(struct peer *p, const struct imsg *m);
/* A body of any size up to 64 MiB: inline when it fits, else as a sealed memfd in the descriptor's
 * place. */
int peer_send_big(struct peer *p, uint32_t type, uint32_t id, struct str body);
/* Receiving side of peer_send_big(): *out is the body; *keep holds what must be freed afterwards.
 */
struct imsg_body {
	struct str s;
	void *owned;
	size_t mapped;
};
int imsg_body(const struct imsg *m, size_t max, struct imsg_body *out);
void imsg_body_done(struct imsg_body *b);
