#pragma once
#include <stddef.h>

/* From getrandom(2); they never fail (abort without entropy). */
void rand_bytes(void *p, size_t n);
/* A random (version 4) UUID in upper case: "8F0E2C3A-....", RFC 9562. */
void rand_guid(char out[static 37]);
/* n characters of [A-Za-z0-9] without look-alikes, NUL-terminated: out holds n + 1. */
void rand_password(char *out, size_t n);
