#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "net/http.h"

/* TLS 1.2 and 1.3, forward secrecy only. */
#define PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA"

enum { MEMORY_MAX = 48 * 1024, RUNS_MAX = 16 };

/* It does not wake up by itself for a connection that is resumed. */
void door_want(struct door *d)
{
	d->wanted = true;
	loop_timer_set(&d->timer, 1, 0);
}

/*
 * libmicrohttpd's epoll set is edge-triggered inside: what it left undone does not make its
 * descriptor ready again, so it is asked after each run how long it can wait.
 */
static void run(struct door *d)
{
	MHD_UNSIGNED_LONG_LONG ms = 0;
	enum MHD_Result waits = MHD_NO;
	for (int i = 0; i < RUNS_MAX; i++) {
		d->wanted = false;
		MHD_run(d->daemon);
		waits = MHD_get_timeout(d->daemon, &ms);
		if (!d->wanted && (waits != MHD_YES || ms > 0))
			break;
	}
	if (d->wanted)
		door_want(d);
	else
		loop_timer_set(&d->timer, waits != MHD_YES ? 0 : ms ? ms : 1, 0);
}

static void epoll_ready(struct watch *w, uint32_t events)
{
	(void)events;
	run(CONTAINER_OF(w, struct door, epoll));
}

static void timer_ready(struct watch *w, uint32_t events)
{
	(void)events;
	loop_tick(w);
	run(CONTAINER_OF(w, struct door, timer));
}

/* Breaks the line; libmicrohttpd notices and tidies up. */
void conn_cut(struct conn *c)
{
	shutdown(c->fd, SHUT_RDWR);
	c->deadline_ms = 0;
	if (!c->http)
		return;
	c->http->cut = true;
	http_resume(c->http);
}

static void conn_changed(void *arg, struct MHD_Connection *mhd, void **context,
                         enum MHD_ConnectionNotificationCode code)
{
	struct door *d = arg;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		struct conn *c = xcalloc(1, sizeof(*c));
		c->door = d;
		c->mhd = mhd;
		c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		c->deadline_ms = clock_mono_ms() + START_MS;
		LIST_INSERT_HEAD(&d->conns, c, next);
		*context = c;
	} else if (*context) {
		struct conn *c = *context;
		LIST_REMOVE(c, next);
		free(c);
		*context = NULL;
	}
}

static struct MHD_Daemon *start(struct door *d, int fd)
{
	struct server *s = d->server;
	const struct MHD_OptionItem none = { MHD_OPTION_END, 0, NULL };
	const struct MHD_OptionItem trust = { MHD_OPTION_HTTPS_MEM_TRUST, 0, s->ca.p };
	struct MHD_OptionItem more[2] = { s->o.ask_cert ? trust : none, none };
	return MHD_start_daemon(
		MHD_USE_TLS | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, http_access,
		d, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_HTTPS_MEM_CERT, s->cert.p,
		MHD_OPTION_HTTPS_MEM_KEY, s->key.p, MHD_OPTION_HTTPS_PRIORITIES, PRIORITIES,
		MHD_OPTION_CONNECTION_LIMIT, s->o.connections_max, MHD_OPTION_CONNECTION_TIMEOUT,
		s->o.idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_MAX,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, http_begin, d,
		MHD_OPTION_NOTIFY_COMPLETED, http_end, d, MHD_OPTION_NOTIFY_CONNECTION,
		conn_changed, d, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
}

int door_open(struct server *s, int fd, struct err *why)
{
	struct door *d = xcalloc(1, sizeof(*d));
	d->server = s;
	d->epoll = (struct watch){ -1, epoll_ready };
	d->timer = (struct watch){ -1, timer_ready };
	LIST_INSERT_HEAD(&s->doors, d, next);
	d->daemon = start(d, fd);
	if (!d->daemon) {
		close(fd);
		door_free(d);
		return err_set(why, -EIO, "the HTTPS server cannot be started");
	}
	d->epoll.fd = MHD_get_daemon_info(d->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	int rc = loop_add(s->o.loop, &d->epoll, EPOLLIN);
	if (rc == 0)
		rc = loop_timer(s->o.loop, &d->timer, 1, 0);
	if (rc < 0) {
		door_free(d);
		return err_set(why, rc, "the HTTPS server cannot be watched");
	}
	return 0;
}

int door_shut(struct door *d)
{
	d->shut = true;
	return MHD_quiesce_daemon(d->daemon);
}

void door_free(struct door *d)
{
	struct loop *l = d->server->o.loop;
	/* A daemon must not be stopped while a connection is suspended. */
	for (struct conn *c = LIST_FIRST(&d->conns); c; c = LIST_NEXT(c, next))
		conn_cut(c);
	loop_forget(l, &d->epoll);
	loop_del(l, &d->timer);
	if (d->daemon) {
		MHD_run(d->daemon);
		MHD_stop_daemon(d->daemon);
	}
	LIST_REMOVE(d, next);
	free(d);
}
