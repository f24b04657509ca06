#include "net/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/auto.h"
#include "base/buf.h"
#include "proc/loop.h"

enum { CONNECT_MS = 10000, TIMEOUT_MS = 60000, BODY_MAX = 1 << 20, IDLE_CONNECTIONS = 4 };

/* A socket that libcurl wants watched; libcurl closes it. */
struct sock {
	struct watch watch;
	struct client *client;
};

struct call {
	LIST_ENTRY(call) next;
	struct client *client;
	CURL *easy;
	struct curl_slist *headers;
	char *body; /* owned */
	struct buf got;
	size_t max;
	bool look, too_big;
	void (*done)(void *arg, const struct reply *r);
	void *arg;
	char error[CURL_ERROR_SIZE];
};

struct client {
	struct loop *loop;
	CURLM *multi;
	struct watch timer;
	LIST_HEAD(, call) calls;
};

static void call_free(struct call *k)
{
	LIST_REMOVE(k, next);
	curl_multi_remove_handle(k->client->multi, k->easy);
	curl_easy_cleanup(k->easy);
	curl_slist_free_all(k->headers);
	buf_done(&k->got);
	free(k->body);
	free(k);
}

void call_cancel(struct call *k)
{
	if (k)
		call_free(k);
}

/* ---- the end of a call ---- */

static int error_code(CURLcode rc)
{
	static const struct {
		CURLcode curl;
		int code;
	} table[] = {
		{ CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT },
		{ CURLE_COULDNT_CONNECT, -ECONNREFUSED },
		{ CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH },
		{ CURLE_COULDNT_RESOLVE_PROXY, -EHOSTUNREACH },
		{ CURLE_PEER_FAILED_VERIFICATION, -EPERM },
		{ CURLE_SSL_ISSUER_ERROR, -EPERM },
		{ CURLE_SSL_CACERT_BADFILE, -EPERM },
		{ CURLE_SSL_CERTPROBLEM, -EBADMSG },
		{ CURLE_WRITE_ERROR, -EFBIG },
		{ CURLE_OUT_OF_MEMORY, -ENOMEM },
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].curl == rc)
			return table[i].code;
	return -EIO;
}

/* The last certificate of the chain, of those that `look` asked for, goes into pem. */
static void find_ca(CURL *easy, struct buf *pem, struct reply *r)
{
	struct curl_certinfo *chain = NULL;
	struct cert_facts facts;
	if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || !chain ||
	    chain->num_of_certs <= 0)
		return;
	for (struct curl_slist *l = chain->certinfo[chain->num_of_certs - 1]; l; l = l->next)
		if (strncmp(l->data, "Cert:", 5) == 0)
			buf_z(pem, l->data + 5);
	if (buf_end(pem) < 0 || cert_facts(buf_view(pem), &facts, NULL) < 0)
		return;
	r->ca = buf_view(pem);
	memcpy(r->fingerprint, facts.fingerprint, sizeof(r->fingerprint));
}

static void explain(const struct call *k, CURLcode rc, struct err *why)
{
	long proxy = 0;
	curl_easy_getinfo(k->easy, CURLINFO_HTTP_CONNECTCODE, &proxy);
	if (k->too_big)
		err_set(why, 0, "the answer is longer than %zu bytes", k->max);
	else if (proxy >= 400)
		err_set(why, 0, "the proxy answered %ld", proxy);
	else
		err_set(why, 0, "%s", *k->error ? k->error : curl_easy_strerror(rc));
}

/* The call is over and forgotten before done() runs, which may start another one. */
static void finish(struct call *k, CURLcode rc)
{
	AUTO(buf_done) struct buf body = k->got;
	AUTO(buf_done) struct buf ca = { 0 };
	struct reply r = { .body = buf_view(&body) };
	struct err why = { { 0 } };
	char type[128] = "";
	long status = 0;
	const char *t = NULL;
	k->got = (struct buf){ 0 };
	curl_easy_getinfo(k->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(k->easy, CURLINFO_CONTENT_TYPE, &t);
	if (t)
		snprintf(type, sizeof(type), "%s", t);
	r.type = type;
	if (rc == CURLE_OK) {
		r.status = (int)status;
	} else {
		explain(k, rc, &why);
		r.rc = k->too_big ? -EFBIG : error_code(rc);
		r.error = why.text;
		r.body = (struct str){ 0 };
	}
	if (k->look)
		find_ca(k->easy, &ca, &r);
	void (*done)(void *, const struct reply *) = k->done;
	void *arg = k->arg;
	call_free(k);
	done(arg, &r);
}

static void reap(struct client *c)
{
	int left = 0;
	for (CURLMsg *m = curl_multi_info_read(c->multi, &left); m;
	     m = curl_multi_info_read(c->multi, &left)) {
		struct call *k = NULL;
		if (m->msg != CURLMSG_DONE)
			continue;
		CURLcode rc = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&k);
		finish(k, rc);
	}
}

/* ---- the loop ---- */

static void act(struct client *c, curl_socket_t fd, int what)
{
	int running = 0;
	curl_multi_socket_action(c->multi, fd, what, &running);
	reap(c);
}

static void sock_ready(struct watch *w, uint32_t events)
{
	struct sock *s = CONTAINER_OF(w, struct sock, watch);
	int what = 0;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		what |= CURL_CSELECT_ERR;
	act(s->client, w->fd, what);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *own)
{
	(void)easy;
	struct client *c = arg;
	struct sock *s = own;
	if (what == CURL_POLL_REMOVE) {
		if (s)
			loop_forget(c->loop, &s->watch);
		free(s);
		return 0;
	}
	uint32_t events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
	                  (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
	if (s)
		return loop_mod(c->loop, &s->watch, events);
	s = xcalloc(1, sizeof(*s));
	s->client = c;
	s->watch = (struct watch){ fd, sock_ready };
	curl_multi_assign(c->multi, fd, s);
	return loop_add(c->loop, &s->watch, events);
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
	(void)multi;
	struct client *c = arg;
	/* 0 means at once, but not from in here; a timer that is set to 0 would be off. */
	return loop_timer_set(&c->timer, ms < 0 ? 0 : ms == 0 ? 1 : (uint64_t)ms, 0);
}

static void timer_ready(struct watch *w, uint32_t events)
{
	(void)events;
	struct client *c = CONTAINER_OF(w, struct client, timer);
	loop_tick(w);
	act(c, CURL_SOCKET_TIMEOUT, 0);
}

int client_new(struct client **out, struct loop *l, struct err *why)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(why, -EIO, "libcurl cannot be set up");
	struct client *c = xcalloc(1, sizeof(*c));
	c->loop = l;
	c->timer = (struct watch){ -1, timer_ready };
	c->multi = curl_multi_init();
	int rc = c->multi ? loop_timer(l, &c->timer, 0, 0) : -ENOMEM;
	if (rc < 0) {
		client_free(c);
		return err_set(why, rc, "set up HTTP: %s", strerror(-rc));
	}
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
	*out = c;
	return 0;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	struct call *next = NULL;
	for (struct call *k = LIST_FIRST(&c->calls); k; k = next) {
		next = LIST_NEXT(k, next);
		call_free(k);
	}
	if (c->multi)
		curl_multi_cleanup(c->multi);
	loop_del(c->loop, &c->timer);
	free(c);
}

/* ---- the start of a call ---- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct call *k = arg;
	size_t len = size * n;
	if (k->got.n + len > k->max) {
		k->too_big = true;
		return 0;
	}
	buf_add(&k->got, p, len);
	return buf_end(&k->got) < 0 ? 0 : len;
}

static void set_tls(struct call *k, const struct call_options *o)
{
	CURL *e = k->easy;
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, o->look ? 0L : 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, o->look ? 0L : 2L);
	curl_easy_setopt(e, CURLOPT_CERTINFO, o->look ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(e, CURLOPT_CAINFO, o->ca_file);
	if (o->cert_file) {
		curl_easy_setopt(e, CURLOPT_SSLCERT, o->cert_file);
		curl_easy_setopt(e, CURLOPT_SSLKEY, o->key_file);
	}
}

static void set_proxy(struct call *k, const struct call_options *o)
{
	CURL *e = k->easy;
	/* "" also switches off what the environment says. */
	curl_easy_setopt(e, CURLOPT_PROXY, o->proxy ? o->proxy : "");
	curl_easy_setopt(e, CURLOPT_NOPROXY, "");
	if (!o->proxy)
		return;
	curl_easy_setopt(e, CURLOPT_HTTPPROXYTUNNEL, 1L);
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (o->proxy_user) {
		curl_easy_setopt(e, CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(e, CURLOPT_PROXYUSERNAME, o->proxy_user);
		curl_easy_setopt(e, CURLOPT_PROXYPASSWORD,
		                 o->proxy_password ? o->proxy_password : "");
	}
}

static void set_request(struct call *k, const struct call_options *o)
{
	CURL *e = k->easy;
	if (strcmp(o->method, "HEAD") == 0)
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	else if (strcmp(o->method, "GET") != 0 || o->body.n > 0) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->body.n);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, k->body);
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, o->method);
	}
	for (const char *const *h = o->headers; h && *h; h++)
		k->headers = curl_slist_append(k->headers, *h);
	/* No wait for a 100: it costs a round trip, and an early refusal is seen all the same. */
	k->headers = curl_slist_append(k->headers, "Expect:");
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, k->headers);
}

static void set_limits(struct call *k, const struct call_options *o)
{
	CURL *e = k->easy;
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
	                 (long)(o->connect_ms ? o->connect_ms : CONNECT_MS));
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(o->timeout_ms ? o->timeout_ms : TIMEOUT_MS));
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, o->fresh ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, o->page ? "http,https" : "https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	k->max = o->max ? o->max : BODY_MAX;
}

static int check(const struct call_options *o, struct err *why)
{
	bool plain = strncasecmp(o->url, "http://", 7) == 0;
	if (o->page && (strcmp(o->method, "GET") != 0 || o->body.n > 0 || o->cert_file))
		return err_set(why, -EINVAL, "a page is only fetched");
	if (strncasecmp(o->url, "https://", 8) != 0 && !(o->page && plain))
		return err_set(why, -EINVAL, "the address %s does not begin with https://", o->url);
	if (o->look && (strcmp(o->method, "GET") != 0 || o->body.n > 0 || o->cert_file))
		return err_set(why, -EINVAL, "nothing is sent to a server that is not trusted yet");
	if (!o->look && !o->ca_file)
		return err_set(why, -EINVAL, "no CA is given to check %s with", o->url);
	return 0;
}

int client_call(struct client *c, const struct call_options *o, struct call **out, struct err *why)
{
	int rc = check(o, why);
	if (rc < 0)
		return rc;
	struct call *k = xcalloc(1, sizeof(*k));
	k->client = c;
	k->easy = curl_easy_init();
	if (!k->easy)
		abort();
	k->look = o->look;
	k->done = o->done;
	k->arg = o->arg;
	k->body = str_dup(o->body);
	LIST_INSERT_HEAD(&c->calls, k, next);
	set_limits(k, o);
	set_request(k, o);
	set_tls(k, o);
	set_proxy(k, o);
	curl_easy_setopt(k->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(k->easy, CURLOPT_WRITEDATA, k);
	curl_easy_setopt(k->easy, CURLOPT_ERRORBUFFER, k->error);
	curl_easy_setopt(k->easy, CURLOPT_PRIVATE, k);
	CURLcode bad = curl_easy_setopt(k->easy, CURLOPT_URL, o->url);
	if (bad != CURLE_OK || curl_multi_add_handle(c->multi, k->easy) != CURLM_OK) {
		call_free(k);
		return err_set(why, -EINVAL, "the address %s cannot be called", o->url);
	}
	if (out)
		*out = k;
	return 0;
}
