#pragma once
#include "engine/app/app.h"
#include "engine/packet.h"
#include "module/module.h"

/*
 * A further part of a module's face, for modules that judge what programs say to each other inside
 * TLS. The process `tls` shows them the plaintext that it sees at the libraries' functions; there
 * are no packets.
 */
struct plaintext_ends {
	struct ip client, server; /* version 0: not known */
	uint16_t client_port, server_port;
	bool serving; /* the process on this host is the server */
	uint32_t process;
};

enum plaintext_answer {
	PLAINTEXT_GO_ON,
	PLAINTEXT_ENOUGH, /* nothing more of this connection can matter */
	PLAINTEXT_END     /* the connection is to be ended; never said in tap or detect mode */
};

struct plaintext_row {
	const struct module *module; /* section, start(), apply(), report(), stop() */
	/* Does this policy have the module look into TLS? */
	bool (*on)(const struct rules *r);
	/* A connection; NULL: nothing of it can matter, or no memory. */
	void *(*open)(struct instance *i, const struct plaintext_ends *ends);
	/* Bytes that follow those before; `missed` bytes behind them were not seen. */
	enum plaintext_answer (*data)(struct instance *i, void *connection, enum app_side from,
	                              const uint8_t *data, size_t len, uint64_t missed);
	void (*close)(struct instance *i, void *connection);
	void (*tick)(struct instance *i, uint64_t now_ms);
	void (*place)(struct instance *i, int64_t utc_offset_s); /* of the computer's time zone */
	void (*flush)(struct instance *i);                       /* all events, now */
};

extern const struct plaintext_row *const plaintext_rows[]; /* plaintext.c; NULL last */
enum { PLAINTEXT_ROWS_MAX = 2 };
