#pragma once
#include <microhttpd.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "net/server.h"
#include "proc/loop.h"

/* What server.c, door.c and request.c share. */

enum {
	SWEEP_MS = 5000,
	PING_MS = 15000,
	START_MS = 30000, /* for a handshake and the head of a request */
	RATE = 16 * 1024, /* bytes a second that a body must move at, either way */
	STREAM_BLOCK = 16384,
	STREAM_MAX = 1 << 20,    /* bytes that a reader of a stream may leave unread */
	HEADERS_MAX = 16 * 1024, /* of one request, names and values */
	HEADER_COUNT_MAX = 100,
	OVER_MAX = 4 << 20, /* of a body that is too long, so much is read before the line is cut */
	DOORS_MAX = 16,
};

/*
 * A listening socket with its certificates: one libmicrohttpd daemon. New certificates make a new
 * door on the same socket; the old one is shut and stays until its last connection ends.
 */
struct door {
	LIST_ENTRY(door) next;
	struct server *server;
	struct MHD_Daemon *daemon;
	struct watch epoll; /* libmicrohttpd's */
	struct watch timer;
	bool shut;
	bool wanted; /* something was resumed that it has not looked at */
	LIST_HEAD(, conn) conns;
};

/* A connection. */
struct conn {
	LIST_ENTRY(conn) next;
	struct door *door;
	struct MHD_Connection *mhd;
	int fd;               /* borrowed */
	uint64_t deadline_ms; /* when it is cut unless something ends before; 0: none */
	bool checked;         /* the client's certificate was looked at */
	struct request peer;  /* only what the certificate says */
	char untrusted[sizeof(struct err)];
	struct http *http; /* what it is about now */
};

enum http_state { HTTP_HEAD, HTTP_BODY, HTTP_HANDED, HTTP_STREAM };

/* A request with all that belongs to it. */
struct http {
	struct request r;
	struct conn *conn;
	enum http_state state;
	bool handed;    /* handle() has seen it, gone() must be told */
	bool suspended; /* libmicrohttpd does not look at it until it is resumed */
	bool cut;
	struct arena memory;
	struct buf body;
	size_t limit, over; /* of the body; what came beyond it */
	int raw_rc;         /* of uri_parse() */
	struct MHD_Response *response;
	int status;
	struct buf out; /* of a stream */
	bool ended;
	uint64_t pushed_ms;
};

struct server {
	struct server_options o;
	struct buf cert, key, ca; /* PEM, NUL-terminated */
	struct watch sweep;
	LIST_HEAD(, door) doors;
};

int door_open(struct server *s, int fd, struct err *why); /* takes fd */
int door_shut(struct door *d);                            /* gives the socket back */
void door_free(struct door *d);
void door_want(struct door *d); /* soon, not from in here */

void conn_cut(struct conn *c);

/* libmicrohttpd's callbacks. */
void *http_begin(void *door, const char *raw, struct MHD_Connection *mhd);
enum MHD_Result http_access(void *door, struct MHD_Connection *mhd, const char *url,
                            const char *method, const char *version, const char *data, size_t *n,
                            void **http);
void http_end(void *door, struct MHD_Connection *mhd, void **http,
              enum MHD_RequestTerminationCode why);
void http_ping(struct http *h, uint64_t now_ms);
void http_resume(struct http *h);
