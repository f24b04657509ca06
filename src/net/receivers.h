#pragma once
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "net/syslog.h"

/* The syslog receivers that we are connected to. One that is used again is not connected anew. */
enum { RECEIVERS_MAX = 16 };

struct receiver {
	int64_t id;
	json_t *target; /* owned: as it was when we connected */
	struct syslog *syslog;
};

struct receivers {
	struct receiver place[RECEIVERS_MAX];
	unsigned turn; /* whose place the next new one takes */
};

void receivers_done(struct receivers *r);
/*
 * What of a syslog configuration says where it is (docs/forwarding.md): server, port, protocol,
 * certificate, privateKey, caCertificate. New reference.
 */
json_t *receivers_target(const json_t *configuration);
/*
 * Sends an array of texts to the receiver of that id, connecting when we are not, or are to another
 * target. 0: all of them are there (syslog_flush()). stop: as in syslog_open().
 */
int receivers_send(struct receivers *r, int64_t id, const json_t *target, const json_t *messages,
                   int stop, struct err *why);
