#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/identity.h"

/*
 * The authority's keys and certificates, in ETC/ca: ca.pem ca.key server.pem server.key policy.key
 * and hosts, the names in the server's certificate, one a line. Only the ca process reads the
 * folder.
 */
enum {
	CA_DAYS = 3650,
	SERVER_DAYS = 397,  /* what browsers accept */
	CLIENT_DAYS = 3650, /* ends with the CA's at the latest */
	RENEW_DAYS = 30,    /* before its end the server's certificate is made anew */
};

struct authority {
	struct buf ca, ca_key;         /* PEM */
	struct buf server, server_key; /* PEM; the certificate with the CA's behind it */
	struct buf policy_key;
	struct buf hosts;
};

void authority_done(struct authority *a);
/* Makes what is missing in the folder (a directory descriptor). */
int authority_make(int dir, const char *const *hosts, unsigned n, struct err *why);
int authority_load(int dir, struct authority *out, struct err *why);
/* Makes a new server certificate when there is none or it ends within RENEW_DAYS: 1 when it did. */
int authority_renew(int dir, struct authority *a, struct err *why);
int authority_certify(const struct authority *a, struct str csr, const char *cn, struct buf *out,
                      struct err *why);
