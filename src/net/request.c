#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "net/http.h"

/* ---- the beginning: request line, headers, certificate ---- */

static struct conn *conn_of(struct MHD_Connection *mhd)
{
	return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void *http_begin(void *door, const char *raw, struct MHD_Connection *mhd)
{
	struct door *d = door;
	struct http *h = xcalloc(1, sizeof(*h));
	h->conn = conn_of(mhd);
	h->conn->http = h;
	h->r.server = d->server;
	h->r.port = d->server->o.port;
	h->raw_rc = uri_parse(str_of(raw), &h->memory, &h->r.uri);
	return h;
}

struct headers {
	struct http *h;
	size_t bytes;
	bool bad;
};

static struct pair *header_named(struct pairs *all, struct str name)
{
	for (size_t i = 0; i < all->n; i++)
		if (str_eq(all->p[i].name, name))
			return &all->p[i];
	return NULL;
}

static enum MHD_Result add_header(void *arg, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
	(void)kind;
	struct headers *all = arg;
	struct arena *a = &all->h->memory;
	struct pairs *p = &all->h->r.headers;
	struct str v = str_of(value ? value : "");
	all->bytes += strlen(key) + v.n;
	if (all->bytes > HEADERS_MAX || p->n == HEADER_COUNT_MAX) {
		all->bad = true;
		return MHD_NO;
	}
	char *name = arena_str(a, str_of(key));
	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	struct pair *same = header_named(p, str_of(name));
	if (!same) {
		p->p[p->n++] = (struct pair){ str_of(name), { arena_str(a, v), v.n } };
		return MHD_YES;
	}
	size_t n = same->value.n + 2 + v.n;
	char *joined = arena_alloc(a, n + 1);
	snprintf(joined, n + 1, "%.*s%s%s", STR_ARG(same->value),
	         strcmp(name, "cookie") == 0 ? "; " : ", ", value ? value : "");
	same->value = (struct str){ joined, n };
	return MHD_YES;
}

static int read_headers(struct http *h)
{
	struct headers all = { .h = h };
	h->r.headers.p = arena_array(&h->memory, HEADER_COUNT_MAX, sizeof(struct pair));
	MHD_get_connection_values(h->conn->mhd, MHD_HEADER_KIND, add_header, &all);
	return all.bad ? -E2BIG : 0;
}

static void read_address(struct http *h)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(h->conn->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *a = info ? info->client_addr : NULL;
	const struct sockaddr_in *v4 = (const void *)a;
	const struct sockaddr_in6 *v6 = (const void *)a;
	if (a && a->sa_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, h->r.address, sizeof(h->r.address));
	else if (a && a->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], h->r.address, sizeof(h->r.address));
	else if (a && a->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &v6->sin6_addr, h->r.address, sizeof(h->r.address));
}

static int trust(struct conn *c, gnutls_session_t session, struct err *why)
{
	unsigned n = 0, status = 0;
	const gnutls_datum_t *certs = gnutls_certificate_get_peers(session, &n);
	if (!certs || n == 0)
		return -ENOENT;
	char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_typed_vdata_st data = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
		                       .data = (unsigned char *)purpose };
	int rc = gnutls_certificate_verify_peers(session, &data, 1, &status);
	if (rc < 0)
		return err_set(why, -EPERM, "%s", gnutls_strerror(rc));
	if (status != 0) {
		gnutls_datum_t text = { 0 };
		gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
		err_set(why, -EPERM, "%s", text.data ? (const char *)text.data : "not trusted");
		gnutls_free(text.data);
		return -EPERM;
	}
	struct cert_facts facts;
	rc = cert_facts_der((struct str){ (const char *)certs[0].data, certs[0].size }, &facts,
	                    why);
	if (rc < 0)
		return rc;
	c->peer.trusted = true;
	memcpy(c->peer.fingerprint, facts.fingerprint, sizeof(facts.fingerprint));
	memcpy(c->peer.cn, facts.cn, sizeof(facts.cn));
	return 0;
}

/*
 * libmicrohttpd asks for a certificate and lets everybody in who has none or a wrong one: what it
 * is worth is decided here, once for a connection, before a byte of the request counts.
 */
static void read_certificate(struct http *h)
{
	struct conn *c = h->conn;
	if (!c->checked && h->r.server->o.ask_cert) {
		struct err why = { { 0 } };
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
		int rc = info ? trust(c, info->tls_session, &why) : -ENOENT;
		if (rc < 0 && rc != -ENOENT)
			snprintf(c->untrusted, sizeof(c->untrusted), "%s", why.text);
	}
	c->checked = true;
	h->r.trusted = c->peer.trusted;
	memcpy(h->r.fingerprint, c->peer.fingerprint, sizeof(h->r.fingerprint));
	memcpy(h->r.cn, c->peer.cn, sizeof(h->r.cn));
	h->r.untrusted = *c->untrusted ? c->untrusted : NULL;
}

static const char *known_method(const char *method)
{
	static const char *const known[] = { "GET", "HEAD", "POST", "PUT", "DELETE" };
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(method, known[i]) == 0)
			return known[i];
	return NULL;
}

/* ---- answers ---- */

static void set_deadline(struct http *h, uint64_t bytes)
{
	h->conn->deadline_ms = clock_mono_ms() + START_MS + bytes * 1000 / RATE;
}

static enum MHD_Result send_response(struct http *h)
{
	if (!h->response)
		return MHD_NO; /* cut: the line is closed */
	enum MHD_Result rc = MHD_queue_response(h->conn->mhd, (unsigned)h->status, h->response);
	MHD_destroy_response(h->response);
	h->response = NULL;
	return rc;
}

void http_resume(struct http *h)
{
	if (!h->suspended)
		return;
	h->suspended = false;
	MHD_resume_connection(h->conn->mhd);
	door_want(h->conn->door);
}

static void respond(struct request *r, const struct reply_head *head, struct MHD_Response *response)
{
	struct http *h = CONTAINER_OF(r, struct http, r);
	if (!response)
		return;
	if (h->response) { /* answered already, and not sent yet: the first answer counts */
		MHD_destroy_response(response);
		return;
	}
	h->response = response;
	h->status = head->status;
	for (size_t i = 0; i < head->nheaders; i++) {
		AUTO(freep) char *name = str_dup(head->headers[i].name);
		AUTO(freep) char *value = str_dup(head->headers[i].value);
		MHD_add_response_header(response, name, value);
	}
	http_resume(h);
}

void request_answer(struct request *r, const struct reply_head *head, struct str body)
{
	set_deadline(CONTAINER_OF(r, struct http, r), body.n);
	respond(r, head,
	        MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)body.p,
	                                        MHD_RESPMEM_MUST_COPY));
}

void request_fail(struct request *r, int status, const char *message)
{
	static const struct pair json = { { "Content-Type", 12 }, { "application/json", 16 } };
	const struct reply_head head = { status, &json, 1 };
	AUTO(json_decrefp) json_t *body = json_object();
	AUTO(buf_done) struct buf text = { 0 };
	json_set_bytes(body, "message", str_of(message));
	json_write(&text, body);
	request_answer(r, &head, buf_view(&text));
}

/* ---- streams ---- */

static ssize_t next_bytes(void *arg, uint64_t at, char *out, size_t max)
{
	(void)at;
	struct http *h = arg;
	if (h->cut)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (h->out.n == 0 && h->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (h->out.n == 0) {
		h->suspended = true;
		MHD_suspend_connection(h->conn->mhd);
		return 0;
	}
	size_t n = h->out.n < max ? h->out.n : max;
	memcpy(out, h->out.p, n);
	buf_drop(&h->out, n);
	return (ssize_t)n;
}

void request_stream(struct request *r, const struct reply_head *head)
{
	struct http *h = CONTAINER_OF(r, struct http, r);
	h->state = HTTP_STREAM;
	h->pushed_ms = clock_mono_ms();
	h->out.max = STREAM_MAX;
	h->conn->deadline_ms = 0;
	respond(r, head,
	        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, next_bytes, h,
	                                          NULL));
}

void request_push(struct request *r, struct str bytes)
{
	struct http *h = CONTAINER_OF(r, struct http, r);
	if (h->state != HTTP_STREAM || h->ended || h->cut)
		return;
	buf_str(&h->out, bytes);
	h->pushed_ms = clock_mono_ms();
	if (buf_end(&h->out) < 0)
		conn_cut(h->conn); /* it does not read */
	else if (!h->response)
		http_resume(h);
}

void request_end(struct request *r)
{
	struct http *h = CONTAINER_OF(r, struct http, r);
	h->ended = true;
	set_deadline(h, h->out.n);
	http_resume(h);
}

/* A suspended client that leaves is not noticed by libmicrohttpd. */
static bool has_left(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

void http_ping(struct http *h, uint64_t now_ms)
{
	if (h->suspended && has_left(h->conn->fd))
		conn_cut(h->conn);
	else if (h->state == HTTP_STREAM && now_ms - h->pushed_ms >= PING_MS)
		request_push(&h->r, STR(": ping\n\n"));
}

/* ---- libmicrohttpd's calls ---- */

static enum MHD_Result refuse(struct http *h, int status, const char *message)
{
	h->state = HTTP_HANDED;
	request_fail(&h->r, status, message);
	return send_response(h);
}

static enum MHD_Result first_call(struct http *h, const char *method)
{
	const struct server_options *o = &h->r.server->o;
	h->state = HTTP_BODY;
	h->r.method = known_method(method);
	if (h->raw_rc == -E2BIG)
		return refuse(h, 414, "The address is too long");
	if (h->raw_rc < 0)
		return refuse(h, 400, "The address is malformed");
	if (!h->r.method)
		return refuse(h, 405, "Method not allowed");
	if (read_headers(h) < 0)
		return refuse(h, 431, "The request's headers are too large");
	read_address(h);
	read_certificate(h);
	h->limit = o->body_limit ? o->body_limit(o->owner, &h->r) : o->body_max;
	uint64_t length = 0;
	struct str said = pairs_get(&h->r.headers, "content-length");
	int rc = said.p ? str_u64(said, 0, h->limit, &length) : 0;
	if (rc == -EINVAL)
		return refuse(h, 400, "The length of the body is malformed");
	if (rc < 0)
		return refuse(h, 413, "The request is too large");
	set_deadline(h, said.p ? length : h->limit);
	return MHD_YES;
}

static enum MHD_Result more_body(struct http *h, const char *data, size_t *n)
{
	if (h->over == 0 && h->body.n + *n <= h->limit)
		buf_add(&h->body, data, *n);
	else
		h->over += *n;
	*n = 0;
	return h->over > OVER_MAX || buf_end(&h->body) < 0 ? MHD_NO : MHD_YES;
}

static enum MHD_Result whole(struct http *h)
{
	const struct server_options *o = &h->r.server->o;
	if (h->over)
		return refuse(h, 413, "The request is too large");
	h->state = HTTP_HANDED;
	h->handed = true;
	h->r.body = buf_view(&h->body);
	h->conn->deadline_ms = 0;
	o->handle(o->owner, &h->r);
	if (h->response)
		return send_response(h);
	h->suspended = true;
	MHD_suspend_connection(h->conn->mhd);
	return MHD_YES;
}

enum MHD_Result http_access(void *door, struct MHD_Connection *mhd, const char *url,
                            const char *method, const char *version, const char *data, size_t *n,
                            void **http)
{
	(void)door;
	(void)mhd;
	(void)url;
	(void)version;
	struct http *h = *http;
	switch (h->state) {
	case HTTP_HEAD:
		return first_call(h, method);
	case HTTP_BODY:
		return *n > 0 ? more_body(h, data, n) : whole(h);
	case HTTP_HANDED:
	case HTTP_STREAM:
		break;
	}
	return h->cut ? MHD_NO : send_response(h);
}

void http_end(void *door, struct MHD_Connection *mhd, void **http,
              enum MHD_RequestTerminationCode why)
{
	(void)door;
	(void)mhd;
	(void)why;
	struct http *h = *http;
	if (!h)
		return;
	const struct server_options *o = &h->r.server->o;
	if (h->handed && o->gone)
		o->gone(o->owner, &h->r);
	if (h->response)
		MHD_destroy_response(h->response);
	h->conn->http = NULL;
	h->conn->deadline_ms = clock_mono_ms() + START_MS + o->idle_s * 1000ull;
	buf_done(&h->body);
	buf_done(&h->out);
	arena_done(&h->memory);
	free(h);
	*http = NULL;
}
