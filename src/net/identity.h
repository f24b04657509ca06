#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * Keys, certificates and signatures; PEM in, PEM out, nothing kept. Keys for TLS are ECDSA P-256,
 * keys that sign documents are Ed25519. Errors are -errno and a sentence: -EBADMSG it cannot be
 * read, -EPERM it is read and not to be trusted.
 */
enum key_kind { KEY_TLS, KEY_SIGNING };

enum {
	FINGERPRINT_LEN = 65, /* SHA-256 as upper-case hex with its NUL */
	PUBLIC_KEY_LEN = 32,  /* Ed25519, RFC 8032 */
	SIGNATURE_LEN = 64,
	PEM_MAX = 64 * 1024,
};

struct issuer { /* PEM of a CA, borrowed */
	struct str cert, key;
};

struct cert_facts {
	char cn[128]; /* "" when it has none */
	char fingerprint[FINGERPRINT_LEN];
	uint64_t from_ms, until_ms; /* since the epoch */
	bool ca;
};

int key_new(enum key_kind kind, struct buf *out, struct err *why);
/* The public half of an Ed25519 key. */
int key_public(struct str key, uint8_t out[static PUBLIC_KEY_LEN], struct err *why);
int key_sign(struct str key, struct str bytes, uint8_t out[static SIGNATURE_LEN], struct err *why);
/* 0 when it is that key's signature of exactly these bytes; -EPERM otherwise. */
int signature_check(const uint8_t key[static PUBLIC_KEY_LEN], struct str bytes,
                    struct str signature);

/* A request for a certificate, signed by the key that it asks for. */
int csr_new(struct str key, const char *cn, struct buf *out, struct err *why);
/* Is it a request, small enough, signed by its own key, of a kind and size that we certify? */
int csr_check(struct str csr, struct err *why);

/* A certificate of its own that may sign others. days may be negative in tests: expired. */
int cert_new_ca(struct str key, const char *cn, int days, struct buf *out, struct err *why);
/* names are host names and addresses, the first also the CN. */
int cert_new_server(const struct issuer *ca, struct str key, const char *const *names, unsigned n,
                    int days, struct buf *out, struct err *why);
/* Takes the public key of the request and nothing else from it. */
int cert_new_client(const struct issuer *ca, struct str csr, const char *cn, int days,
                    struct buf *out, struct err *why);
/* Of the first certificate in the text. */
int cert_facts(struct str cert, struct cert_facts *out, struct err *why);
int cert_facts_der(struct str cert, struct cert_facts *out, struct err *why);
/* Does this certificate belong to this key? */
int cert_matches(struct str cert, struct str key, struct err *why);
/* Was it issued by this CA, is it in its time? */
int cert_check(struct str cert, struct str ca, struct err *why);
