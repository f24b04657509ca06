#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* SCHEME://HOST:PORT/ as dsa_control takes it: a manager or a proxy. */
struct address {
	char host[256]; /* a name, an IPv4 address, or an IPv6 address in brackets */
	uint16_t port;
};

/*
 * Takes exactly this scheme; a single slash ("relay_proxy:/host:1/") is taken as two. port 0 in
 * `otherwise` means that the port must be given.
 */
int address_parse(struct str text, const char *scheme, uint16_t otherwise, struct address *out,
                  struct err *why);
/* "SCHEME://HOST:PORT/" */
void address_write(const struct address *a, const char *scheme, char *out, size_t n);
