#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/packet.h"

/*
 * The two byte streams of one TCP connection, in order. What comes in order is handed on where it
 * lies; only bytes behind a hole are copied, up to a limit. Of every byte the first copy counts.
 */

enum { STREAM_SIDES = 2 }; /* 0: who began the connection, 1: the other */

struct stream_limits {
	size_t held;    /* bytes behind holes that a connection keeps */
	size_t kept;    /* last bytes of a side that retransmissions are compared with; 0: none */
	bool midstream; /* connections whose beginning was not seen are read too */
	/* What does not fit is refused, as by a full window, and will be sent again; otherwise the
	 * bytes of the hole are given up. */
	bool refuse;
	bool refuse_conflict; /* a retransmission that says otherwise is not taken, not even its
	                         rest */
};

extern const struct stream_limits stream_limits_default;

enum stream_answer {
	STREAM_FINE,
	STREAM_AGAIN,    /* nothing new in it */
	STREAM_CONFLICT, /* says otherwise about bytes that came already */
	STREAM_FULL,     /* behind a hole, and no room (limits.refuse) */
	STREAM_OUTSIDE   /* the receiver will not take it: out of its window or of the connection,
	                    without   ACK, of bytes that were not sent, too old by its timestamp */
};

/* Called from inside stream_see() and stream_end(). */
struct stream_sink {
	void (*data)(void *arg, unsigned side, const uint8_t *data, size_t len);
	void (*gap)(void *arg, unsigned side, uint64_t len); /* bytes that will never come */
	void (*close)(void *arg, unsigned side);             /* FIN or RST; once for a side */
};

struct stream_piece;

struct stream_half {
	uint32_t next;  /* the sequence number that is waited for */
	uint32_t sent;  /* behind the last byte that a segment said it has */
	uint32_t stamp; /* newest timestamp (RFC 7323) of bytes in order, with has_stamp */
	uint32_t right; /* the end of the window that the receiver offered */
	uint32_t fin;   /* behind the last byte, with has_fin */
	uint8_t scale;
	bool known, has_right, has_scale, has_fin, closed;
	bool has_stamp, past_syn;  /* past_syn: it has sent something but a SYN */
	struct stream_piece *held; /* owned; by sequence number, no overlaps */
	uint8_t *kept;             /* owned; a ring of limits.kept bytes */
	uint32_t kept_cap, kept_n;
	uint64_t bytes, lost; /* handed on, given up */
};

/* {0} is a connection that begins. */
struct stream {
	struct stream_half half[STREAM_SIDES];
	size_t held; /* memory of pieces */
	bool reset, handshake;
	/* The caller's word: the other side is not shown, or was not once, so what it offered and
	 * sent is not known. */
	bool alone;
};

void stream_done(struct stream *s);
/* A decoded TCP segment, no fragment, of a side. */
enum stream_answer stream_see(struct stream *s, const struct stream_limits *l, unsigned side,
                              const struct packet *p, const struct stream_sink *sink, void *arg);
/* The connection is over (timeout): what is held behind holes is handed on, holes as gaps. */
void stream_end(struct stream *s, const struct stream_limits *l, const struct stream_sink *sink,
                void *arg);
size_t stream_memory(const struct stream *s);
