#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "net/identity.h"
#include "net/uri.h"

struct loop;

/*
 * HTTPS on listening sockets (libmicrohttpd, GnuTLS; TLS 1.2 and 1.3 only), in the loop. What is
 * malformed or too large is answered here, with {"message":"text"}; what is well-formed goes to
 * handle().
 */
struct server;

/*
 * One request, whole. It lives until gone() was called for it, once, whether it was answered or
 * not; what is in it is borrowed.
 */
struct request {
	struct server *server;
	const char *method; /* "GET", "HEAD", "POST", "PUT", "DELETE" */
	struct uri uri;
	struct pairs headers; /* names in lower case; repeated ones joined by ", " */
	struct str body;
	char address[INET6_ADDRSTRLEN];
	uint16_t port; /* the listening one, as it was told by server_options */
	/* Of a client certificate that the server's CA issued, for clients, and that is in its
	 * time. */
	bool trusted;
	char fingerprint[FINGERPRINT_LEN], cn[128];
	const char *untrusted; /* why a certificate that was shown is not; NULL: none was shown */
	void *user;            /* the handler's own */
};

struct server_options {
	struct loop *loop;
	bool ask_cert;            /* ask clients for a certificate; they need not have one */
	uint16_t port;            /* told to the requests; the sockets are bound already */
	unsigned connections_max; /* 0: 1000 */
	unsigned idle_s; /* 0: 30; a connection where nothing moves for so long is closed */
	size_t body_max; /* 0: 1 MiB */
	/* The longest body of a request whose path starts so; NULL: body_max for all. */
	size_t (*body_limit)(void *owner, const struct request *r);
	void (*handle)(void *owner, struct request *r);
	void (*gone)(void *owner, struct request *r); /* may be NULL */
	void *owner;
};

struct server_tls {           /* PEM */
	struct str cert, key; /* the chain with its CA, the key */
	struct str ca;        /* whose client certificates are trusted */
};

struct reply_head {
	int status;
	const struct pair *headers;
	size_t nheaders;
};

int server_new(struct server **out, const struct server_options *o, const struct server_tls *tls,
               struct err *why);
void server_free(struct server *s);
/* Takes the descriptor of a listening socket. */
int server_listen(struct server *s, int fd, struct err *why);
/* Other certificates from the next connection on; those that are open go on as they are. */
int server_renew(struct server *s, const struct server_tls *tls, struct err *why);
unsigned server_connections(const struct server *s);

/* Answers, in handle() or later. The body is copied; each request is answered once. */
void request_answer(struct request *r, const struct reply_head *head, struct str body);
void request_fail(struct request *r, int status, const char *message); /* {"message":"..."} */

/*
 * Answers with a stream (server-sent events): a comment goes out every 15 s. What a client does not
 * read is kept up to 1 MiB; then it is cut off, which gone() tells.
 */
void request_stream(struct request *r, const struct reply_head *head);
void request_push(struct request *r, struct str bytes);
void request_end(struct request *r); /* what was pushed still goes out */
