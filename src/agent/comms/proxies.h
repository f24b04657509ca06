#pragma once
#include <stdbool.h>

#include "agent/comms/address.h"
#include "base/buf.h"

/* The proxies that dsa_control sets, kept in proxies.json. */
enum proxy_use { PROXY_DSM, PROXY_RELAY, PROXY_USES };

struct proxy {
	bool set;
	struct address address;
	char user[128], password[128];
};

struct proxies {
	struct proxy p[PROXY_USES];
};

int proxies_load(int dir, struct proxies *out, struct err *why);
/* "dsm_proxy://HOST:PORT/" or "" (none): keeps it and answers what dsa_control prints. */
int proxies_set(int dir, struct proxies *all, enum proxy_use use, const char *value,
                struct buf *answer, struct err *why);
/* "USER:PASSWORD" or "" (none). */
int proxies_set_user(int dir, struct proxies *all, enum proxy_use use, const char *value,
                     struct buf *answer, struct err *why);
