#include "base/rand.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void rand_bytes(void *p, size_t n)
{
	uint8_t *at = p;
	while (n) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno != EINTR)
			abort();
		if (got > 0) {
			at += got;
			n -= (size_t)got;
		}
	}
}

void rand_guid(char out[static 37])
{
	uint8_t b[16];
	rand_bytes(b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(out, 37, "%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X",
	         b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
	         b[13], b[14], b[15]);
}

void rand_password(char *out, size_t n)
{
	static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
	for (size_t i = 0; i < n;) {
		uint8_t b = 0;
		rand_bytes(&b, 1);
		/* Only the part that the alphabet divides evenly, so that every letter is as
		 * likely. */
		if (b < 256 / (sizeof(letters) - 1) * (sizeof(letters) - 1))
			out[i++] = letters[b % (sizeof(letters) - 1)];
	}
	out[n] = '\0';
}
