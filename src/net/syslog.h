#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * A syslog receiver. Calls wait some seconds at most, and no longer than until `stop` can be read
 * (-EINTR): they belong into a process that does nothing else.
 */
struct syslog_target {
	const char *host;
	uint16_t port;
	enum { SYSLOG_UDP, SYSLOG_TCP, SYSLOG_TLS } protocol;
	/* TLS: PEM. ca "" trusts what the system trusts; certificate and key may be "". */
	const char *ca, *certificate, *key;
	int stop; /* a descriptor that says that we are to end, or -1 */
};

struct syslog;

int syslog_open(struct syslog **out, const struct syslog_target *t, struct err *why);
void syslog_close(struct syslog *s);
/*
 * One message. TCP frames by newlines, TLS by octet counts (RFC 5425), UDP cuts what is longer than
 * a datagram.
 */
int syslog_send(struct syslog *s, struct str message, struct err *why);
/* What was sent is at the other end's kernel (TCP, TLS), or handed on (UDP). */
int syslog_flush(struct syslog *s, struct err *why);
bool syslog_alive(struct syslog *s); /* the receiver has not closed */
