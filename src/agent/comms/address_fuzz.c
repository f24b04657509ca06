#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/comms/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken is written in one form, which is taken as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address a = { { 0 }, 0 }, b = { { 0 }, 0 };
	char text[320];
	if (address_parse((struct str){ (const char *)data, size }, "dsm", 4120, &a, NULL) < 0)
		return 0;
	address_write(&a, "dsm", text, sizeof(text));
	if (address_parse(str_of(text), "dsm", 0, &b, NULL) < 0 || strcmp(a.host, b.host) != 0 ||
	    a.port != b.port)
		abort();
	return 0;
}
