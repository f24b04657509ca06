#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * An HTTP request and its answer as they travel between front and core: a JSON head and the body's
 * bytes, as two strings of base/wire.h. Every struct here borrows from what it was read from.
 */
enum { EXCHANGE_HEAD_MAX = 128 * 1024, EXCHANGE_BODY_MAX = 60 * 1024 * 1024 };

struct ask {
	bool agent;            /* came in at the agents' listener */
	const char *method;    /* "GET" (HEAD arrives as GET), "POST", "PUT", "DELETE" */
	const char *path;      /* decoded, normalised: starts with "/", without "//", ".." */
	const json_t *query;   /* {name: [value, ...]}, decoded */
	const json_t *headers; /* {lower-case name: value} */
	const char *address;   /* of the peer, "192.0.2.1" */
	/* Of a client certificate that our CA issued and that has not expired; NULL otherwise. */
	const char *fingerprint; /* SHA-256 in upper-case hex */
	const char *cn;
	const char *untrusted; /* why a certificate that was shown was not accepted, or NULL */
	struct str body;
	json_t *head; /* owned: all of the above hangs from it */
};

struct answer {
	int status;
	const json_t *headers; /* {name: value}, or NULL */
	bool stream;           /* CHUNK messages follow; body is the first piece */
	struct str body;
	json_t *head; /* owned */
};

int ask_write(struct buf *out, const struct ask *a);
int ask_read(struct str in, struct ask *out, struct err *why);
void ask_done(struct ask *a);

int answer_write(struct buf *out, const struct answer *a);
int answer_read(struct str in, struct answer *out, struct err *why);
void answer_done(struct answer *a);
