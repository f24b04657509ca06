#pragma once
#include "base/str.h"
#include "engine/app/body.h"
#include "engine/app/inspect.h"

/* HTTP's messages, whatever carried them: http1.c reads versions 0.9 to 1.1, http2.c version 2. */

struct span {
	uint32_t at, n;
};

struct http_field {
	struct span name, value; /* in the message's text */
};

enum { HTTP_FIELDS_MAX = 512 };

struct http_message {
	struct buf head;                  /* as it came: line, fields, empty line */
	uint32_t fields_at;               /* where in head the fields begin */
	struct span method, uri, version; /* in head; an answer has no method */
	struct span status, phrase;       /* in head */
	struct buf text;           /* "Name: value\r\n", unfolded; cookies behind all others */
	uint32_t cookies_at;       /* where in text those begin */
	struct http_field *fields; /* owned */
	unsigned nfields, fields_cap;
	struct body body;
};

struct http_tx {
	struct app_tx tx;
	struct http_message side[APP_SIDES];
	struct buf uri, host, joined; /* joined: what is put together when asked for */
	uint32_t stream;              /* HTTP/2's number */
};

void http_tx_clear(struct http_tx *t); /* for the next transaction; memory stays */
void http_tx_free(struct http_tx *t);

/* What a message's line says. */
void http_read_request_line(struct http_tx *t);
void http_read_status_line(struct http_tx *t);
/* The URI as the server will understand it, and the host in it. */
void http_read_uri(struct http_tx *t);
/* Fields out of head, from fields_at on. */
void http_read_fields(struct http_tx *t, enum app_side side);
bool http_add_field(struct http_tx *t, enum app_side side, struct str name, struct str value);
/* All fields are there: what is wrong with them. */
void http_check_fields(struct http_tx *t, enum app_side side);

/* The nth value of a field; false: there are not so many. */
bool http_field(const struct http_message *m, const char *name, unsigned nth, struct str *out);
bool http_has_token(const struct http_message *m, const char *field, const char *token);
unsigned http_status(const struct http_tx *t);                     /* 0: none */
struct str http_part(const struct http_message *m, struct span s); /* of head */

/* How a message's body is encoded, from its Content-Encoding and Transfer-Encoding. */
void http_begin_body(struct http_tx *t, enum app_side side);

bool http_buffer(struct app_tx *tx, enum app_buffer b, enum app_side side, unsigned index,
                 struct app_bytes *out);
bool http_number(const struct app_tx *tx, enum app_number n, enum app_side side, uint64_t *out);

/* ---- http_uri.c ---- */

struct http_uri_rules {
	bool double_decode, plus_is_space;
};

/*
 * Percent, %u and overlong UTF-8 sequences decoded, slashes and dots of the path resolved; the host
 * of an absolute URI is left out. Never longer than p. Returns bits 1 << (event -
 * APP_EVENT_HTTP_URI_DEPTH).
 */
uint32_t http_uri_normalise(struct str p, const struct http_uri_rules *r, struct buf *out);
/* The authority of an absolute URI, or {NULL}; *path is the rest. */
struct str http_uri_authority(struct str p, struct str *path);
