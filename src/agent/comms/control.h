#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "base/buf.h"
#include "proc/loop.h"

/* The agent's own socket, RUN/control.sock (docs/protocol.md 2): its server's side. */
enum { CONTROL_CLIENTS_MAX = 16, CONTROL_REQUEST_MAX = 64 << 10 };

struct control;

/* One exchange with a tool. It lives until its answer is out or the tool went away. */
struct exchange {
	TAILQ_ENTRY(exchange) next;
	struct control *control;
	struct watch watch;
	struct buf in, out;
	bool asked, ended;
	void *job; /* what answers later */
	/* The tool went away before the answer: forget this exchange. May be NULL. */
	void (*gone)(struct exchange *x);
};

struct control {
	struct loop *loop;
	struct watch listen;
	uid_t owner;
	unsigned n;
	TAILQ_HEAD(exchange_list, exchange) exchanges;
	void (*ask)(void *owner, struct exchange *x, const char *verb, const json_t *args);
	void *arg;
};

/* Takes the listening descriptor. */
int control_open(struct control *c, struct loop *l, int fd);
void control_done(struct control *c);
/* A progress line, then the end, exactly once. After the end x must not be used. */
void exchange_line(struct exchange *x, const char *text);
void exchange_end(struct exchange *x, int status, const char *response, int exit);
