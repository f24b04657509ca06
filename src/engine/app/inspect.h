#pragma once
#include "base/buf.h"
#include "engine/app/app.h"

/* What app.c and the inspectors share. An inspector is a row of inspectors[] in app.c. */

/* The first member of every inspector's transaction. */
struct app_tx {
	struct app *app;
	struct app_tx *next; /* among those that are not ended, by number */
	uint64_t number;
	enum app_stage stage[APP_SIDES];
	void *state;
};

/* How a connection begins: what came of each side so far. */
struct beginning {
	const uint8_t *p[APP_SIDES];
	size_t n[APP_SIDES];
	uint16_t port;
	bool udp;
};

/*
 * What a longer beginning could not change is said at once: YES and NO are for good. No two
 * inspectors say YES to beginnings of one another.
 */
enum detected { DETECT_NO, DETECT_MAYBE, DETECT_YES };

struct inspector {
	enum app_protocol protocol;
	enum detected (*detect)(const struct beginning *b);
	void *(*new)(struct app *a); /* NULL: no memory */
	void (*data)(void *state, enum app_side side, const uint8_t *data, size_t len);
	void (*gap)(void *state, enum app_side side, uint64_t len);
	void (*close)(void *state, enum app_side side);
	void (*free)(void *state); /* transactions are ended already */
	bool (*buffer)(struct app_tx *tx, enum app_buffer b, enum app_side side, unsigned index,
	               struct app_bytes *out);
	bool (*number)(const struct app_tx *tx, enum app_number n, enum app_side side,
	               uint64_t *out);
	const uint8_t *(*dce)(const struct app_tx *tx); /* or NULL */
	void (*free_tx)(struct app_tx *tx);
};

extern const struct inspector inspector_dns, inspector_ftp, inspector_http1, inspector_http2,
	inspector_smb, inspector_smtp, inspector_ssh, inspector_tls;

struct app {
	const struct app_limits *limits; /* borrowed */
	const struct app_sink *sink;     /* borrowed */
	void *arg;
	const struct inspector *row; /* NULL: not decided, or failed */
	void *state;                 /* owned; the row's */
	enum app_protocol protocol;
	bool udp, stopped, over, closed[APP_SIDES];
	uint16_t port;
	struct buf begun[APP_SIDES]; /* while not decided */
	enum app_side spoke;         /* first */
	struct app_tx *first, *last;
	unsigned ntx;
	size_t memory;
	struct app_counts counts;
};

/* ---- for inspectors ---- */

const struct app_limits *app_limits_of(const struct app *a);

/* Numbers tx and lists it. Beyond limits.transactions the oldest ends first. */
void app_tx_begin(struct app *a, struct app_tx *tx);
/* Unlists tx, tells the sink, gives it to the row's free_tx. */
void app_tx_end(struct app *a, struct app_tx *tx);
/* tx came to a stage (never back). */
void app_progress(struct app_tx *tx, enum app_side side, enum app_stage stage);
void app_tell(struct app *a, struct app_tx *tx, enum app_side side, enum app_event e);
void app_skip(struct app *a, enum app_side side, uint64_t len);
/* Nothing more of the connection can be read: encrypted, or upside down for good. */
void app_finish(struct app *a);
/* Memory taken or given back; false: beyond limits.memory, nothing is charged. */
bool app_charge(struct app *a, size_t n);
void app_refund(struct app *a, size_t n);
/* Bytes that are kept, charged. false: no room, nothing was added. */
bool app_keep(struct app *a, struct buf *b, const void *p, size_t n);
void app_forget(struct app *a, struct buf *b);

static inline bool app_bytes_of(struct app_bytes *out, const void *p, size_t n)
{
	*out = (struct app_bytes){ .data = p, .len = n, .whole = true };
	return true;
}
