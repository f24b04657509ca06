#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rand.h"
#include "manager/exchange.h"
#include "manager/front/files.h"
#include "manager/manager.h"
#include "net/server.h"

/*
 * The process that the network reaches: TLS, HTTP, the console's files. It opens nothing and never
 * sees the database; what is asked of the API goes to the core as it came.
 */

enum {
	TLS_MAX = 256 * 1024,
	ANSWER_MAX = EXCHANGE_HEAD_MAX + EXCHANGE_BODY_MAX + 8,
	BODY_API = 8 << 20,
	BODY_AGENT = 8 << 20,
	BODY_STRANGER = 64 * 1024, /* from whom shows the agents' port no certificate of ours */
	HEADERS_OUT = 24,
};

struct front {
	struct self *me;
	struct site site;
	struct server *servers[2]; /* console and API; agents (NULL: the same port serves both) */
	struct map waiting;        /* id -> struct request that the core works on, or streams to */
	uint32_t last_id;
};

static struct str id_key(const uint32_t *id)
{
	return (struct str){ (const char *)id, sizeof(*id) };
}

static uint32_t id_of(const struct request *r)
{
	return (uint32_t)(uintptr_t)r->user;
}

/* ---- what every answer has ---- */

/* clang-format off */
struct named {
	const char *name, *value;
};

static const struct named page_headers[] = {
	{ "Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()" },
};
static const struct named api_headers[] = {
	{ "Cache-Control", "no-store" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'" },
};
/* clang-format on */

struct head {
	struct pair p[HEADERS_OUT];
	size_t n;
};

static void add(struct head *h, const char *name, const char *value)
{
	if (h->n < HEADERS_OUT)
		h->p[h->n++] = (struct pair){ str_of(name), str_of(value) };
}

static bool has(const struct head *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (str_eq_nocase(h->p[i].name, str_of(name)))
			return true;
	return false;
}

/* Adds those that are not there yet. */
static void add_all(struct head *h, const struct named *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!has(h, p[i].name))
			add(h, p[i].name, p[i].value);
}

/* ---- the console's files ---- */

static void serve_file(struct front *f, struct request *r)
{
	if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0) {
		request_fail(r, 405, "Method not allowed");
		return;
	}
	const struct site_file *file = site_find(&f->site, r->uri.path);
	if (!file) {
		request_fail(r, 404, "There is no such page");
		return;
	}
	struct head h = { 0 };
	add_all(&h, page_headers, ARRAY_LEN(page_headers));
	add(&h, "Content-Type", file->type);
	add(&h, "Cache-Control",
	    file->immutable ? "public, max-age=31536000, immutable" : "no-cache");
	add(&h, "ETag", file->etag);
	add(&h, "Vary", "Accept-Encoding");
	bool gz = file->gz.n && accepts_gzip(pairs_get(&r->headers, "accept-encoding"));
	if (gz)
		add(&h, "Content-Encoding", "gzip");
	bool same = str_is(pairs_get(&r->headers, "if-none-match"), file->etag);
	const struct reply_head head = { same ? 304 : 200, h.p, h.n };
	request_answer(r, &head,
	               same ? (struct str){ 0 } : buf_view(gz ? &file->gz : &file->plain));
}

/* ---- to the core ---- */

static json_t *query_of(const struct request *r)
{
	json_t *query = json_object();
	for (size_t i = 0; i < r->uri.query.n; i++) {
		const struct pair *p = &r->uri.query.p[i];
		AUTO(freep) char *name = str_dup(p->name);
		json_t *values = json_object_get(query, name);
		if (!values) {
			values = json_array();
			json_set(query, name, values);
		}
		json_array_append_new(values,
		                      json_stringn(p->value.n ? p->value.p : "", p->value.n));
	}
	return query;
}

static json_t *headers_of(const struct request *r)
{
	json_t *headers = json_object();
	for (size_t i = 0; i < r->headers.n; i++) {
		AUTO(freep) char *name = str_dup(r->headers.p[i].name);
		if (str_utf8(r->headers.p[i].name))
			json_set_bytes(headers, name, r->headers.p[i].value);
	}
	return headers;
}

static int pass_on(struct front *f, struct request *r, bool agent)
{
	AUTO(json_decrefp) json_t *query = query_of(r);
	AUTO(json_decrefp) json_t *headers = headers_of(r);
	AUTO(freep) char *path = str_dup(r->uri.path);
	AUTO(buf_done) struct buf b = { 0 };
	const struct ask ask = {
		.agent = agent,
		.method = strcmp(r->method, "HEAD") == 0 ? "GET" : r->method,
		.path = path,
		.query = query,
		.headers = headers,
		.address = r->address,
		.fingerprint = r->trusted ? r->fingerprint : NULL,
		.cn = r->trusted ? r->cn : NULL,
		.untrusted = r->untrusted,
		.body = r->body,
	};
	int rc = ask_write(&b, &ask);
	if (rc < 0)
		return rc;
	uint32_t id = ++f->last_id ? f->last_id : ++f->last_id;
	rc = self_send(f->me, P_CORE, 0, M_REQUEST, id, buf_view(&b));
	if (rc < 0)
		return rc;
	r->user = (void *)(uintptr_t)id;
	map_set(&f->waiting, id_key(&id), r);
	return 0;
}

static void send_core(struct front *f, struct request *r, bool agent)
{
	int rc = pass_on(f, r, agent);
	if (rc == -ENOTCONN)
		request_fail(r, 503, "The manager is starting");
	else if (rc == -EMSGSIZE)
		request_fail(r, 413, "The request is too large");
	else if (rc < 0)
		request_fail(r, 503, "The manager is busy");
}

/* Is path this word, or below it? */
static bool below(struct str path, const char *word)
{
	size_t n = strlen(word);
	return str_starts(path, str_of(word)) && (path.n == n || path.p[n] == '/');
}

static void handle(void *owner, struct request *r)
{
	struct front *f = owner;
	const struct options *o = f->me->options;
	bool agents = r->port == o->number[SET_AGENT_PORT];
	bool console = r->port == o->number[SET_CONSOLE_PORT];
	struct str path = r->uri.path;
	if (agents && below(path, "/agent"))
		send_core(f, r, true);
	else if (!console)
		request_fail(r, 404, "There is nothing here but /agent");
	else if (below(path, "/api") || below(path, "/rest") || below(path, "/software") ||
	         below(path, "/metrics"))
		send_core(f, r, false);
	else
		serve_file(f, r);
}

static size_t body_limit(void *owner, const struct request *r)
{
	const struct front *f = owner;
	const struct options *o = f->me->options;
	bool agents = r->port == o->number[SET_AGENT_PORT] && below(r->uri.path, "/agent");
	if (!agents)
		return r->port == o->number[SET_CONSOLE_PORT] ? BODY_API : 0;
	if (!r->trusted)
		return BODY_STRANGER;
	return below(r->uri.path, "/agent/files") ? EXCHANGE_BODY_MAX : BODY_AGENT;
}

static void gone(void *owner, struct request *r)
{
	struct front *f = owner;
	uint32_t id = id_of(r);
	if (id && map_del(&f->waiting, id_key(&id)))
		self_send(f->me, P_CORE, 0, M_GONE, id, (struct str){ 0 });
}

/* ---- from the core ---- */

static struct request *find(struct front *f, uint32_t id)
{
	struct request *r = map_get(&f->waiting, id_key(&id));
	if (!r) /* it has left meanwhile, or it asked another front */
		self_send(f->me, P_CORE, 0, M_GONE, id, (struct str){ 0 });
	return r;
}

static void settle(struct front *f, struct request *r)
{
	uint32_t id = id_of(r);
	map_del(&f->waiting, id_key(&id));
	r->user = NULL;
}

static void answer_from(struct front *f, struct request *r, const struct answer *a)
{
	struct head h = { 0 };
	const char *name = NULL;
	json_t *value = NULL;
	json_object_foreach ((json_t *)(uintptr_t)a->headers, name, value) {
		if (json_is_string(value))
			add(&h, name, json_string_value(value));
	}
	if (a->body.n && !has(&h, "Content-Type"))
		add(&h, "Content-Type", a->stream ? "text/event-stream" : "application/json");
	add_all(&h, api_headers, ARRAY_LEN(api_headers));
	const struct reply_head head = { a->status, h.p, h.n };
	if (a->stream) {
		request_stream(r, &head);
		if (a->body.n)
			request_push(r, a->body);
		return;
	}
	settle(f, r);
	request_answer(r, &head, a->body);
}

static int on_response(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct front *f = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	AUTO(answer_done) struct answer a = { 0 };
	struct err why = { { 0 } };
	int rc = imsg_body(m, ANSWER_MAX, &body);
	if (rc == 0)
		rc = answer_read(body.s, &a, &why);
	if (rc < 0)
		return rc;
	struct request *r = find(f, m->id);
	if (r)
		answer_from(f, r, &a);
	return 0;
}

static int on_chunk(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct front *f = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	int rc = imsg_body(m, ANSWER_MAX, &body);
	if (rc < 0)
		return rc;
	struct request *r = find(f, m->id);
	if (!r)
		return 0;
	if (body.s.n) {
		request_push(r, body.s);
	} else {
		settle(f, r);
		request_end(r);
	}
	return 0;
}

/* Whoever waits for a core that died is told so, and may ask again. */
void front_down(struct self *me, struct peer *p)
{
	struct front *f = me->state;
	struct map_item item;
	if (p->who != P_CORE)
		return;
	for (size_t at = 0; map_next(&f->waiting, &at, &item);) {
		struct request *r = item.value;
		settle(f, r);
		request_fail(r, 503, "The manager is starting again");
		request_end(r);
	}
}

/* ---- start, certificates ---- */

int front_early(struct self *me)
{
	const struct options *o = me->options;
	struct front *f = xcalloc(1, sizeof(*f));
	struct err why = { { 0 } };
	f->me = me;
	rand_bytes(&f->last_id, sizeof(f->last_id));
	me->state = f;
	/* Without its files the manager still serves API and agents. */
	if (site_load(&f->site, o->text[SET_CONSOLE], &why) < 0)
		log_warning("no console: %s", why.text);
	return 0;
}

int front_start(struct self *me)
{
	(void)me;
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

void front_stop(struct self *me)
{
	struct front *f = me->state;
	for (size_t i = 0; i < ARRAY_LEN(f->servers); i++)
		server_free(f->servers[i]);
	map_done(&f->waiting);
	site_done(&f->site);
	free(f);
	me->state = NULL;
}

static int open_server(struct front *f, unsigned which, uint64_t port, bool ask_cert,
                       const struct server_tls *tls, struct err *why)
{
	static const char *const names[] = { "console", "agent" };
	const struct options *o = f->me->options;
	const struct server_options so = {
		.loop = &f->me->loop,
		.ask_cert = ask_cert,
		.port = (uint16_t)port,
		.connections_max = (unsigned)o->number[SET_CONNECTIONS_MAX],
		.body_limit = body_limit,
		.handle = handle,
		.gone = gone,
		.owner = f,
	};
	int rc = server_new(&f->servers[which], &so, tls, why);
	for (int i = 0; rc == 0 && i < LISTEN_MAX; i++) {
		char name[24];
		snprintf(name, sizeof(name), "%s%d", names[which], i);
		int fd = self_take_fd(f->me, name);
		if (fd >= 0)
			rc = server_listen(f->servers[which], fd, why);
	}
	return rc;
}

static int open_servers(struct front *f, const struct server_tls *tls, struct err *why)
{
	const struct options *o = f->me->options;
	uint64_t console = o->number[SET_CONSOLE_PORT], agents = o->number[SET_AGENT_PORT];
	int rc = open_server(f, 0, console, console == agents, tls, why);
	if (rc == 0 && console != agents)
		rc = open_server(f, 1, agents, true, tls, why);
	return rc;
}

static int on_tls(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct front *f = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	struct err why = { { 0 } };
	int rc = imsg_body(m, TLS_MAX, &body);
	if (rc < 0)
		return rc;
	AUTO(json_decrefp) json_t *j = json_parse(body.s, &why);
	if (!j)
		return -EBADMSG;
	const struct server_tls tls = { .cert = str_of(json_text(j, "certificate", "")),
		                        .key = str_of(json_text(j, "key", "")),
		                        .ca = str_of(json_text(j, "ca", "")) };
	if (!f->servers[0]) {
		rc = open_servers(f, &tls, &why);
	} else {
		for (size_t i = 0; rc == 0 && i < ARRAY_LEN(f->servers); i++)
			if (f->servers[i])
				rc = server_renew(f->servers[i], &tls, &why);
	}
	if (rc < 0) {
		log_error("use the server's certificate: %s", why.text);
		self_stop(me, 1);
	}
	return 0;
}

int (*const front_on[])(struct self *me, struct peer *p, struct imsg *m) = {
	[M_RESPONSE] = on_response,
	[M_CHUNK] = on_chunk,
	[M_TLS] = on_tls,
	[M_COUNT] = NULL,
};
