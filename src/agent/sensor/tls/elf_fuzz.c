#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensor/tls/elf.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int from_memory(void *arg, uint64_t at, void *to, size_t n)
{
	const struct str *s = arg;
	if (at > s->n || n > s->n - at)
		return -EIO;
	memcpy(to, s->p + at, n);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "SSL_read", "SSL_write", "" };
	struct str bytes = { (const char *)data, size };
	const struct elf_source s = { from_memory, &bytes };
	uint64_t offsets[3];
	struct err why = { { 0 } };
	int found = elf_functions(&s, names, 3, offsets, &why);
	if ((found < 0) != (why.text[0] != '\0') || found > 3)
		abort();
	return 0;
}
