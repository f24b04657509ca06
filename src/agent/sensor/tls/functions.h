#pragma once
#include <stdbool.h>

/*
 * The functions of OpenSSL's libssl (1.1.0 and later, and its relatives with the same interface:
 * SSL_read(3), SSL_write(3)) that are hooked: a row each.
 */
struct tls_function {
	const char *name;
	const char *enter; /* the program of hook.bpf.c at its beginning */
	bool returns;      /* "returns" at its end */
};

extern const struct tls_function tls_functions[]; /* {0} last */
