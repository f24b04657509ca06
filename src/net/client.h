#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "net/identity.h"

struct loop;

/*
 * HTTPS requests from the loop (libcurl). Names are resolved by threads of libcurl's. A call ends
 * with done(), exactly once and never before client_call() returned, or by call_cancel(). done()
 * may start other calls but not free the client.
 */
struct client; /* one for a process */
struct call;

struct reply {
	int status; /* HTTP, or 0: there was no answer */
	int rc;     /* 0, or -errno: -ETIMEDOUT, -ECONNREFUSED, -EPERM (not to be trusted), ... */
	const char *error; /* a sentence when rc < 0 */
	struct str body;
	const char *type; /* Content-Type, or "" */
	/* The last certificate that the peer showed, its CA as it says: PEM and fingerprint; filled
	 * with `look` only. */
	struct str ca;
	char fingerprint[FINGERPRINT_LEN];
};

struct call_options {
	const char *method, *url;
	const char *const *headers; /* "Name: value", NULL last; or NULL */
	struct str body;
	const char *ca_file; /* PEM: whom to trust, and only them; the name in the URL must fit */
	/* Looks at a server that is not known yet, without any check: GET only, no body, no client
	 * certificate. What it says proves nothing until the CA that it showed was accepted. */
	bool look;
	/* A page of the network, http:// too: a GET that says nothing of us. */
	bool page;
	const char *cert_file, *key_file; /* PEM, or NULL */
	const char *proxy;                /* "http://host:port", or NULL: none */
	const char *proxy_user, *proxy_password;
	unsigned connect_ms; /* 0: 10 s */
	unsigned timeout_ms; /* of the whole call; 0: 60 s */
	size_t max;          /* of the answer's body; 0: 1 MiB */
	bool fresh;          /* on a new connection: certificates or proxies have changed */
	void (*done)(void *arg, const struct reply *r);
	void *arg;
};

int client_new(struct client **out, struct loop *l, struct err *why);
void client_free(struct client *c); /* cancels what is under way */
/* Everything in o is copied. 0, or -EINVAL with a sentence. */
int client_call(struct client *c, const struct call_options *o, struct call **out, struct err *why);
void call_cancel(struct call *k); /* done() is not called any more */
