#pragma once
#include <gnutls/abstract.h>
#include <jansson.h>

#include "base/buf.h"

/* For tests: what an identity provider has, a key and what it signs. */
struct provider {
	gnutls_privkey_t key;
	const char *alg; /* "RS256", "ES256" */
	char kid[20];
};

void provider_init(struct provider *p, const char *alg, const char *kid);
void provider_done(struct provider *p);
json_t *provider_keys(const struct provider *p); /* {"keys":[...]}, a new reference */
/* A token with these claims; head: JSON, or NULL for the usual one. */
void provider_sign(const struct provider *p, const char *head, const json_t *claims,
                   struct buf *out);
