#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/outbox.h"
#include "agent/sensor/tls/destroy.h"
#include "agent/sensor/tls/elf.h"
#include "agent/sensor/tls/functions.h"
#include "agent/sensor/tls/readers.h"
#include "agent/sensor/tls/record.h"
#include "agent/sensor/tls/ring.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"

/* The process `tls`: reads what the programs in the kernel copied, connection by connection, has it
 * judged, and ends connections. */

enum {
	TICK_MS = 500,
	LOOK_TICKS = 4, /* processes come and go */
	STATUS_TICKS = 20,
	CONNECTIONS_MAX = 20000,
	BURST = 256, /* records before others have their turn */
	POLICY_MAX = 32 << 20,
	FUNCTIONS_MAX = 16
};

/* The processes that are looked into: the servers that end TLS themselves. */
static const char *const programs[] = { "nginx", "apache2", "httpd", "haproxy", NULL };

struct key {
	uint64_t ssl;
	uint64_t process;
};

struct connection {
	TAILQ_ENTRY(connection) next; /* the longest silent first */
	struct key key;
	struct tls_ends ends;
	struct reading reading;
	bool enough;
};

struct tls {
	struct host host;
	struct self *me;
	struct outbox outbox;
	struct readers readers;
	struct watch ring_watch, tick;
	struct ring ring;
	int diag; /* owned; -1 */
	struct map connections;
	TAILQ_HEAD(connection_list, connection) order;
	size_t nconnections;
	bool looking;   /* the guard was asked for processes */
	json_t *hooked; /* owned: TLS_STATE */
	char trouble[200];
	uint64_t ticks, bytes, missed, ended, not_ended, crowded;
};

static struct tls *state(struct self *me)
{
	return me->state;
}

/* ---- the modules' host ---- */

static void h_emit(struct host *h, const struct event *ev)
{
	outbox_put(&CONTAINER_OF(h, struct tls, host)->outbox, ev);
}

static uint64_t h_now(struct host *h)
{
	(void)h;
	return clock_ms();
}

/* ---- connections ---- */

static struct str key_text(const struct key *k)
{
	return (struct str){ (const char *)k, sizeof(*k) };
}

static void forget(struct tls *s, struct connection *c)
{
	readers_close(&s->readers, &c->reading);
	map_del(&s->connections, key_text(&c->key));
	TAILQ_REMOVE(&s->order, c, next);
	s->nconnections--;
	free(c);
}

static void forget_all(struct tls *s)
{
	while (!TAILQ_EMPTY(&s->order))
		forget(s, TAILQ_FIRST(&s->order));
}

/* An IPv4 address that an IPv6 socket has is an IPv4 address. */
static struct ip address(const struct tls_ends *e, const tls_u8 bytes[static 16])
{
	static const tls_u8 mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	struct ip ip = { 0 };
	if (!e->cookie)
		return ip;
	bool inside = e->family == AF_INET6 && memcmp(bytes, mapped, sizeof(mapped)) == 0;
	ip.version = e->family == AF_INET || inside ? 4 : 6;
	memcpy(ip.b, inside ? bytes + sizeof(mapped) : bytes, ip.version == 4 ? 4 : 16);
	return ip;
}

static struct plaintext_ends plain_ends(const struct tls_record *r)
{
	const struct tls_ends *e = &r->ends;
	struct ip local = address(e, e->local_ip), remote = address(e, e->remote_ip);
	/* Whoever does not say what it is was there before we were: servers live longer. */
	bool serving = e->role != TLS_ROLE_CLIENT;
	return (struct plaintext_ends){ .client = serving ? remote : local,
		                        .server = serving ? local : remote,
		                        .client_port = serving ? e->remote : e->local,
		                        .server_port = serving ? e->local : e->remote,
		                        .serving = serving,
		                        .process = r->process };
}

static struct connection *connection_of(struct tls *s, const struct tls_record *r)
{
	struct key key = { r->ssl, r->process };
	struct connection *c = map_get(&s->connections, key_text(&key));
	/* The same object may serve another socket later. */
	if (c && c->ends.cookie != r->ends.cookie && c->ends.cookie && r->ends.cookie) {
		forget(s, c);
		c = NULL;
	}
	if (c) {
		TAILQ_REMOVE(&s->order, c, next);
		TAILQ_INSERT_TAIL(&s->order, c, next);
		return c;
	}
	if (s->nconnections == CONNECTIONS_MAX) {
		forget(s, TAILQ_FIRST(&s->order));
		s->crowded++;
	}
	c = xcalloc(1, sizeof(*c));
	c->key = key;
	c->ends = r->ends;
	const struct plaintext_ends ends = plain_ends(r);
	readers_open(&s->readers, &ends, &c->reading);
	map_set(&s->connections, key_text(&c->key), c);
	TAILQ_INSERT_TAIL(&s->order, c, next);
	s->nconnections++;
	return c;
}

static void end(struct tls *s, struct connection *c)
{
	c->enough = true;
	readers_close(&s->readers, &c->reading);
	int rc = s->diag < 0 ? -ENOTCONN : destroy_connection(s->diag, &c->ends);
	if (rc == 0) {
		s->ended++;
		return;
	}
	s->not_ended++;
	log_error("a connection that is to end stays: %s", strerror(-rc));
}

static void on_record(void *arg, const void *record, size_t n)
{
	struct tls *s = arg;
	const struct tls_record *r = record;
	if (n < offsetof(struct tls_record, data) || r->len > n - offsetof(struct tls_record, data))
		return;
	if (r->kind == TLS_CLOSED) {
		struct key key = { r->ssl, r->process };
		struct connection *c = map_get(&s->connections, key_text(&key));
		if (c)
			forget(s, c);
		return;
	}
	struct connection *c = connection_of(s, r);
	bool serving = r->ends.role != TLS_ROLE_CLIENT;
	enum app_side from = (r->kind == TLS_READ) == serving ? APP_CLIENT : APP_SERVER;
	s->bytes += r->len;
	s->missed += r->missed;
	if (c->enough)
		return;
	switch (readers_data(&s->readers, &c->reading, from, r->data, r->len, r->missed)) {
	case PLAINTEXT_GO_ON:
		break;
	case PLAINTEXT_ENOUGH:
		c->enough = true;
		break;
	case PLAINTEXT_END:
		end(s, c);
		break;
	}
}

static void ring_ready(struct watch *w, uint32_t events)
{
	(void)events;
	struct tls *s = CONTAINER_OF(w, struct tls, ring_watch);
	ring_read(&s->ring, BURST, on_record, s);
}

/* ---- libraries ---- */

static void look(struct tls *s, bool changed)
{
	bool on = readers_on(&s->readers) && s->ring.consumer;
	if (!on && !s->looking)
		return;
	AUTO(json_decrefp) json_t *o = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	json_t *names = json_array();
	for (size_t i = 0; on && programs[i]; i++)
		json_array_append_new(names, json_string(programs[i]));
	json_set(o, "programs", names);
	json_set_bool(o, "changed", changed || on != s->looking);
	json_write(&b, o);
	if (self_send(s->me, P_GUARD, 0, M_TLS_LOOK, 0, buf_view(&b)) == 0)
		s->looking = on;
}

static int from_file(void *arg, uint64_t at, void *to, size_t n)
{
	if (at > INT64_MAX)
		return -EIO;
	return pread(*(const int *)arg, to, n, (off_t)at) == (ssize_t)n ? 0 : -EIO;
}

static int on_library(struct self *me, struct peer *p, struct imsg *m)
{
	const char *names[FUNCTIONS_MAX];
	uint64_t offsets[FUNCTIONS_MAX];
	struct err why = { { 0 } };
	size_t n = 0;
	(void)p;
	AUTO(json_decrefp)
	json_t *asked = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	if (!asked || m->fd < 0)
		return -EBADMSG;
	for (; tls_functions[n].name; n++)
		names[n] = tls_functions[n].name;
	const struct elf_source source = { from_file, &m->fd };
	/* What is no library has none of them. */
	if (elf_functions(&source, names, n, offsets, &why) < 0)
		log_info("TLS: %s", why.text);
	AUTO(json_decrefp) json_t *o = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	json_t *found = json_object();
	for (size_t i = 0; i < n; i++)
		if (offsets[i])
			json_set_int(found, names[i], (int64_t)offsets[i]);
	json_set_int(o, "library", json_int(asked, "library", -1));
	json_set(o, "functions", found);
	json_write(&b, o);
	self_send(me, P_GUARD, 0, M_TLS_HOOK, 0, buf_view(&b));
	return 0;
}

/* ---- status ---- */

static void set_count(json_t *o, const char *key, uint64_t n)
{
	json_set_int(o, key, (int64_t)n);
}

static const char *words(const struct tls *s)
{
	if (!readers_on(&s->readers))
		return "Off";
	if (s->trouble[0])
		return "Off, not possible on this host";
	for (size_t i = 0; i < json_array_size(json_array_at(s->hooked, "libraries")); i++)
		if (json_int(json_array_get(json_array_at(s->hooked, "libraries"), i), "hooks", 0))
			return "On";
	return "On, no server that uses TLS is seen";
}

static void tell_status(struct tls *s)
{
	AUTO(json_decrefp) json_t *o = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	json_t *tls = json_object();
	json_set_text(tls, "message", words(s));
	if (readers_on(&s->readers)) {
		if (s->trouble[0])
			json_set_text(tls, "error", s->trouble);
		set_count(tls, "connections", s->nconnections);
		set_count(tls, "bytes", s->bytes);
		set_count(tls, "missedBytes", s->missed);
		set_count(tls, "ended", s->ended);
		set_count(tls, "notEnded", s->not_ended);
		set_count(tls, "forgotten", s->crowded);
		set_count(tls, "lost", (uint64_t)json_int(s->hooked, "lost", 0));
		if (json_array_at(s->hooked, "libraries"))
			json_set(tls, "libraries",
			         json_deep_copy(json_array_at(s->hooked, "libraries")));
	}
	json_set(o, "modules", json_pack("{s:{s:o}}", "intrusionprevention", "tls", tls));
	json_write(&b, o);
	struct peer *p = self_peer(s->me, P_COMMS, 0);
	if (p && peer_is_up(p))
		peer_send_big(p, M_STATUS, 0, buf_view(&b));
}

static int on_state(struct self *me, struct peer *p, struct imsg *m)
{
	struct tls *s = state(me);
	(void)p;
	json_t *o = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	if (!json_is_object(o)) {
		json_decref(o);
		return -EBADMSG;
	}
	bool changed = !s->hooked || !json_equal(json_array_at(o, "libraries"),
	                                         json_array_at(s->hooked, "libraries"));
	json_decref(s->hooked);
	s->hooked = o;
	if (changed)
		tell_status(s);
	return 0;
}

/* ---- policy ---- */

static int on_policy(struct self *me, struct peer *p, struct imsg *m)
{
	struct tls *s = state(me);
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	struct err why = { { 0 } };
	(void)p;
	int rc = imsg_body(m, POLICY_MAX, &body);
	if (rc < 0)
		return rc;
	AUTO(json_decrefp) json_t *policy = body.s.n ? json_parse(body.s, NULL) : NULL;
	bool before = readers_on(&s->readers);
	/* The packet process tells of a policy that is refused. */
	if (readers_apply(&s->readers, policy, &why) < 0) {
		log_error("policy: %s", why.text);
		return 0;
	}
	if (before != readers_on(&s->readers))
		forget_all(s);
	look(s, true);
	tell_status(s);
	return 0;
}

static int on_kept(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	outbox_kept(&state(me)->outbox, m->id);
	return 0;
}

int (*const tls_on[M_COUNT])(struct self *, struct peer *,
                             struct imsg *) = { [M_POLICY] = on_policy,
	                                        [M_EVENT_KEPT] = on_kept,
	                                        [M_TLS_LIBRARY] = on_library,
	                                        [M_TLS_STATE] = on_state };

/* ---- life ---- */

static void ticked(struct watch *w, uint32_t events)
{
	(void)events;
	struct tls *s = CONTAINER_OF(w, struct tls, tick);
	loop_tick(w);
	readers_place(&s->readers, clock_utc_offset_s());
	readers_tick(&s->readers, clock_ms());
	s->ticks++;
	if (s->ticks % LOOK_TICKS == 0)
		look(s, false);
	if (s->ticks % STATUS_TICKS == 0 && readers_on(&s->readers))
		tell_status(s);
}

/* The time zone's file is read while files can be. */
int tls_early(struct self *me)
{
	(void)me;
	tzset();
	return 0;
}

static void open_ring(struct tls *s)
{
	s->ring_watch = (struct watch){ self_take_fd(s->me, "ring"), ring_ready };
	int rc = s->ring_watch.fd < 0 ? s->ring_watch.fd
	                              : ring_init(&s->ring, s->ring_watch.fd, TLS_RING);
	if (rc == 0)
		rc = loop_add(&s->me->loop, &s->ring_watch, EPOLLIN);
	if (rc < 0)
		snprintf(s->trouble, sizeof(s->trouble),
		         "the kernel does not let us see into TLS libraries: %s", strerror(-rc));
}

int tls_start(struct self *me)
{
	struct tls *s = xcalloc(1, sizeof(*s));
	me->state = s;
	s->me = me;
	s->host = (struct host){ .emit = h_emit, .now_ms = h_now };
	TAILQ_INIT(&s->order);
	outbox_init(&s->outbox, me);
	int rc = readers_init(&s->readers, &s->host);
	if (rc < 0)
		return rc;
	s->diag = self_take_fd(me, "diag");
	open_ring(s);
	s->tick.ready = ticked;
	return loop_timer(&me->loop, &s->tick, TICK_MS, TICK_MS);
}

void tls_up(struct self *me, struct peer *p)
{
	if (p->who == P_SPOOL)
		outbox_up(&state(me)->outbox);
	if (p->who == P_COMMS)
		tell_status(state(me));
}

void tls_down(struct self *me, struct peer *p)
{
	if (p->who == P_SPOOL)
		outbox_down(&state(me)->outbox);
}

void tls_stop(struct self *me)
{
	struct tls *s = state(me);
	ring_read(&s->ring, BURST, on_record, s);
	forget_all(s);
	readers_flush(&s->readers);
	outbox_flush(&s->outbox, 1000);
	readers_done(&s->readers);
	ring_done(&s->ring);
	map_done(&s->connections);
	json_decref(s->hooked);
	if (s->diag >= 0)
		close(s->diag);
	me->state = NULL;
	free(s);
}
