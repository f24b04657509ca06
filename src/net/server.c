#include "net/server.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "net/http.h"

static int keep_tls(struct server *s, const struct server_tls *tls, struct err *why)
{
	int rc = cert_matches(tls->cert, tls->key, why);
	if (rc < 0)
		return rc;
	struct cert_facts facts;
	rc = s->o.ask_cert ? cert_facts(tls->ca, &facts, why) : 0;
	if (rc < 0)
		return rc;
	buf_clear(&s->cert);
	buf_clear(&s->key);
	buf_clear(&s->ca);
	buf_str(&s->cert, tls->cert);
	buf_str(&s->key, tls->key);
	buf_str(&s->ca, tls->ca);
	return 0;
}

static void sweep_door(struct door *d, uint64_t now)
{
	struct conn *next = NULL;
	for (struct conn *c = LIST_FIRST(&d->conns); c; c = next) {
		next = LIST_NEXT(c, next);
		if (c->deadline_ms && now > c->deadline_ms)
			conn_cut(c);
		else if (c->http)
			http_ping(c->http, now);
	}
}

static void sweep(struct watch *w, uint32_t events)
{
	(void)events;
	struct server *s = CONTAINER_OF(w, struct server, sweep);
	uint64_t now = clock_mono_ms();
	struct door *next = NULL;
	loop_tick(w);
	for (struct door *d = LIST_FIRST(&s->doors); d; d = next) {
		next = LIST_NEXT(d, next);
		sweep_door(d, now);
		if (d->shut && LIST_EMPTY(&d->conns))
			door_free(d);
	}
}

int server_new(struct server **out, const struct server_options *o, const struct server_tls *tls,
               struct err *why)
{
	struct server *s = xcalloc(1, sizeof(*s));
	s->o = *o;
	s->o.connections_max = o->connections_max ? o->connections_max : 1000;
	s->o.idle_s = o->idle_s ? o->idle_s : 30;
	s->o.body_max = o->body_max ? o->body_max : 1 << 20;
	s->sweep = (struct watch){ -1, sweep };
	int rc = keep_tls(s, tls, why);
	if (rc == 0)
		rc = loop_timer(o->loop, &s->sweep, SWEEP_MS, SWEEP_MS);
	if (rc < 0) {
		server_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	while (!LIST_EMPTY(&s->doors))
		door_free(LIST_FIRST(&s->doors));
	loop_del(s->o.loop, &s->sweep);
	buf_done(&s->cert);
	buf_done(&s->key);
	buf_done(&s->ca);
	free(s);
}

int server_listen(struct server *s, int fd, struct err *why)
{
	return door_open(s, fd, why);
}

int server_renew(struct server *s, const struct server_tls *tls, struct err *why)
{
	if (str_eq(buf_view(&s->cert), tls->cert) && str_eq(buf_view(&s->key), tls->key) &&
	    str_eq(buf_view(&s->ca), tls->ca))
		return 0;
	int rc = keep_tls(s, tls, why);
	if (rc < 0)
		return rc;
	int fds[DOORS_MAX];
	unsigned n = 0;
	for (struct door *d = LIST_FIRST(&s->doors); d && n < DOORS_MAX; d = LIST_NEXT(d, next))
		if (!d->shut)
			fds[n++] = door_shut(d);
	for (unsigned i = 0; i < n; i++) {
		int bad = door_open(s, fds[i], why);
		rc = rc < 0 ? rc : bad;
	}
	return rc;
}

unsigned server_connections(const struct server *s)
{
	unsigned n = 0;
	for (const struct door *d = LIST_FIRST(&s->doors); d; d = LIST_NEXT(d, next))
		for (const struct conn *c = LIST_FIRST(&d->conns); c; c = LIST_NEXT(c, next))
			n++;
	return n;
}
