#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What is spoken on a connection. Bytes go in in order, a side at a time, cut anywhere;
 * transactions with named buffers come out. Whatever comes out is the same however the bytes were
 * cut. No I/O, no clock; memory is bounded by the limits, and what was not looked at is counted.
 */

enum app_protocol {
	APP_UNKNOWN, /* not decided yet */
#define PROTOCOL(id, name, tcp, udp, words) APP_##id,
#include "engine/app/protocol.def"
#undef PROTOCOL
	APP_FAILED, /* none of them, for good */
	APP_PROTOCOLS
};

const char *app_protocol_name(enum app_protocol p); /* "http", "unknown", "failed" */
/* APP_UNKNOWN if no protocol has this name. */
enum app_protocol app_protocol_find(const char *name);

enum app_side { APP_CLIENT, APP_SERVER, APP_SIDES };

enum app_buffer {
#define BUFFER(id, name, protocol, side, many) BUFFER_##id,
#include "engine/app/buffer.def"
#undef BUFFER
	APP_BUFFERS
};

struct app_buffer_row {
	const char *name;
	enum app_protocol protocol; /* APP_UNKNOWN: several have it */
	bool client, server;        /* which sides have it */
	bool many;
};

extern const struct app_buffer_row app_buffers[APP_BUFFERS];
int app_buffer_find(const char *name); /* an enum app_buffer, or -1 */

/*
 * How far a side of a transaction has come. Buffers never change once their stage is reached, but
 * bodies, which grow until STAGE_DONE.
 */
enum app_stage {
	STAGE_NONE,
	STAGE_LINE,    /* request or status line; a DNS question; a command */
	STAGE_HEADERS, /* all headers; a TLS hello; an SSH banner */
	STAGE_BODY,    /* a piece of the body has come */
	STAGE_DONE
};

struct app_bytes {
	const uint8_t *data;
	size_t len;
	bool whole;      /* nothing will be added */
	uint64_t offset; /* bytes of the whole that were before data[0] and are no longer held */
};

enum app_event {
#define EVENT(id, name, number, protocol) APP_EVENT_##id,
#include "engine/app/event.def"
#undef EVENT
	APP_EVENTS
};

/* What is odd about a connection: app-layer-event of the rule language, behaviour 4.8's reasons. */
struct app_event_row {
	const char *name; /* "http.invalid_percent_encoding" */
	unsigned number;  /* behaviour 4.8's number, 0: it has none */
	enum app_protocol protocol;
};

extern const struct app_event_row app_events[]; /* by enum app_event; {0} last */

struct app;
struct app_tx;

/* Buffers of a transaction; false: there is none (yet). Valid until the next call of app_*(). */
bool app_tx_buffer(const struct app_tx *tx, enum app_buffer b, enum app_side side, unsigned index,
                   struct app_bytes *out);
enum app_stage app_tx_stage(const struct app_tx *tx, enum app_side side);
uint64_t app_tx_number(const struct app_tx *tx); /* from 0 */
/* A word of the inspecting side's own, NULL at first; it is for `ended` to free. */
void **app_tx_state(struct app_tx *tx);
/* Small facts of protocols, for keywords that are numbers (dns.opcode, tls.version, smb command).
 */
enum app_number {
	NUMBER_DNS_OPCODE,
	NUMBER_DNS_RCODE,
	NUMBER_DNS_TYPE,
	NUMBER_TLS_VERSION, /* 0x0303 */
	NUMBER_SMB_COMMAND,
	NUMBER_SMB_VERSION, /* 1, 2, 3 */
	NUMBER_DCE_OPNUM,
	NUMBER_URI_LEN, /* of the raw URI */
	APP_NUMBERS
};
bool app_tx_number_of(const struct app_tx *tx, enum app_number n, enum app_side side,
                      uint64_t *out);
/* DCE/RPC interface of the bound context that the request is for, 16 bytes; or NULL. */
const uint8_t *app_tx_dce_interface(const struct app_tx *tx);

enum app_verdict {
	APP_GO_ON,
	APP_STOP /* the sink has seen enough: nothing more of this connection is parsed */
};

/* Called from inside app_data(), app_gap() and app_close(). */
struct app_sink {
	/* The protocol was decided; once. */
	void (*protocol)(void *arg, struct app *a, enum app_protocol p);
	/* A side of a transaction came to a stage, or its body grew. */
	enum app_verdict (*progress)(void *arg, struct app *a, struct app_tx *tx,
	                             enum app_side side, enum app_stage stage);
	void (*event)(void *arg, struct app *a, struct app_tx *tx, enum app_side side,
	              unsigned event); /* index of app_events; tx may be NULL */
	/* Both sides are done, or the connection is: tx goes away. */
	void (*ended)(void *arg, struct app *a, struct app_tx *tx);
};

struct app_limits {
	size_t body[APP_SIDES]; /* bytes of a body that are looked at; 0: all */
	/* Bytes of a body that are held at once. The last half of it is always there, so what spans
	 * up to that much is seen at once however a body is cut. */
	size_t window;
	size_t headers;        /* a request's or answer's headers */
	size_t decompress;     /* bytes out of one compressed body */
	unsigned layers;       /* of compression */
	unsigned transactions; /* not ended, of one connection */
	size_t detect;         /* bytes of a side before a protocol is given up */
	bool double_decode;    /* a URI's %25xx is decoded once more */
	bool plus_is_space;    /* in the query */
	size_t memory;         /* of one connection; 0: no limit */
	bool client_only; /* the server's bytes are not shown: a transaction ends with the client's
	                   */
};

extern const struct app_limits app_limits_default;

struct app_counts {
	uint64_t bytes[APP_SIDES];   /* that came */
	uint64_t skipped[APP_SIDES]; /* not looked at: behind a limit or a failure, or a gap itself
	                              */
	uint64_t transactions;
};

/* limits and sink are borrowed and must outlive the connection. NULL: no memory. udp: each call of
 * app_data() is a datagram. */
struct app *app_begin(const struct app_limits *limits, const struct app_sink *sink, void *arg,
                      bool udp, uint16_t server_port);
void app_end(struct app *a);
/* From here on; borrowed as at the beginning. */
void app_set_limits(struct app *a, const struct app_limits *limits);
/* Bytes that follow those before. */
enum app_verdict app_data(struct app *a, enum app_side side, const uint8_t *data, size_t len);
/* len bytes are missing for good. */
void app_gap(struct app *a, enum app_side side, uint64_t len);
/* The side sends no more. */
void app_close(struct app *a, enum app_side side);
enum app_protocol app_is(const struct app *a);
/* Nothing more will come out of it: encrypted from here on, failed, or stopped. */
bool app_over(const struct app *a);
size_t app_memory(const struct app *a);
const struct app_counts *app_counted(const struct app *a);
