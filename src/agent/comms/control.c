#include "agent/comms/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"

static void forget(struct exchange *x)
{
	struct control *c = x->control;
	if (x->gone && !x->ended)
		x->gone(x);
	TAILQ_REMOVE(&c->exchanges, x, next);
	c->n--;
	loop_del(c->loop, &x->watch);
	buf_done(&x->in);
	buf_done(&x->out);
	free(x);
}

/* Sends what it can; what is left waits until the tool reads. */
static void flush(struct exchange *x)
{
	while (x->out.n) {
		ssize_t n = send(x->watch.fd, x->out.p, x->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			loop_mod(x->control->loop, &x->watch, EPOLLIN | EPOLLOUT);
			return;
		}
		if (n < 0) {
			buf_clear(&x->out); /* the tool is gone; reading says so */
			break;
		}
		buf_drop(&x->out, (size_t)n);
	}
	if (x->ended)
		shutdown(x->watch.fd, SHUT_WR);
	loop_mod(x->control->loop, &x->watch, EPOLLIN);
}

static void say(struct exchange *x, json_t *j)
{
	json_write(&x->out, j);
	json_decref(j);
	buf_char(&x->out, '\n');
	flush(x);
}

void exchange_line(struct exchange *x, const char *text)
{
	json_t *j = json_object();
	json_set_bytes(j, "line", str_of(text));
	say(x, j);
}

/* Lines end with \n, which json_set_bytes() would escape; each line is made safe on its own. */
static json_t *safe_lines(const char *text)
{
	AUTO(buf_done) struct buf b = { 0 };
	for (struct str rest = str_of(text); rest.p;) {
		buf_safe(&b, str_cut(&rest, '\n'));
		if (rest.p)
			buf_char(&b, '\n');
	}
	return json_stringn(b.p ? b.p : "", b.n);
}

void exchange_end(struct exchange *x, int status, const char *response, int exit)
{
	json_t *j = json_object();
	json_set_int(j, "status", status);
	/* The vendor's tool says OK whatever the number is; scripts look for it. */
	json_set_text(j, "text", status == 403 ? "Forbidden - untrusted peer" : "OK");
	json_set(j, "response", safe_lines(response));
	json_set_int(j, "exit", exit);
	x->ended = true;
	say(x, j);
}

static void handle(struct exchange *x, struct str line)
{
	struct err why = { { 0 } };
	AUTO(json_decrefp) json_t *j = json_parse(line, &why);
	x->asked = true;
	const char *verb = j ? json_text(j, "verb", NULL) : NULL;
	if (!verb) {
		exchange_end(x, 400, *why.text ? why.text : "Error: the request has no verb", 1);
		return;
	}
	x->control->ask(x->control->arg, x, verb, json_object_at(j, "args"));
}

/* false: the tool is gone. */
static bool receive(struct exchange *x)
{
	char *room = buf_room(&x->in, 4096);
	if (!room)
		return false;
	ssize_t n = recv(x->watch.fd, room, 4096, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	if (x->asked)
		return true; /* one request an exchange; the rest is not read */
	x->in.n += (size_t)n;
	const char *end = memchr(x->in.p, '\n', x->in.n);
	if (end)
		handle(x, (struct str){ x->in.p, (size_t)(end - x->in.p) });
	else if (x->in.n > CONTROL_REQUEST_MAX)
		exchange_end(x, 400, "Error: the request is too long", 1);
	return true;
}

static void exchange_ready(struct watch *w, uint32_t events)
{
	struct exchange *x = CONTAINER_OF(w, struct exchange, watch);
	if (events & EPOLLOUT)
		flush(x);
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !receive(x))
		forget(x);
}

static bool may_ask(const struct control *c, int fd)
{
	struct ucred peer = { 0 };
	socklen_t n = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return false;
	return peer.uid == 0 || peer.uid == c->owner;
}

static void listen_ready(struct watch *w, uint32_t events)
{
	(void)events;
	struct control *c = CONTAINER_OF(w, struct control, listen);
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (c->n >= CONTROL_CLIENTS_MAX) {
		close(fd);
		return;
	}
	struct exchange *x = xcalloc(1, sizeof(*x));
	x->control = c;
	x->watch = (struct watch){ fd, exchange_ready };
	TAILQ_INSERT_TAIL(&c->exchanges, x, next);
	c->n++;
	if (loop_add(c->loop, &x->watch, EPOLLIN) < 0) {
		forget(x);
		return;
	}
	if (!may_ask(c, fd)) {
		log_warning("a stranger asked at the control socket and was refused");
		x->asked = true;
		exchange_end(x, 403, "", 1);
	}
}

int control_open(struct control *c, struct loop *l, int fd)
{
	struct stat st;
	c->loop = l;
	c->listen = (struct watch){ fd, listen_ready };
	TAILQ_INIT(&c->exchanges);
	/* A socket's inode belongs to whoever made it: the guard's user. */
	if (fstat(fd, &st) < 0)
		return -errno;
	c->owner = st.st_uid;
	return loop_add(l, &c->listen, EPOLLIN);
}

void control_done(struct control *c)
{
	for (struct exchange *x = TAILQ_FIRST(&c->exchanges), *after = NULL; x; x = after) {
		after = TAILQ_NEXT(x, next);
		forget(x);
	}
	loop_del(c->loop, &c->listen);
}
