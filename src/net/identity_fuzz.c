#include <stddef.h>
#include <stdint.h>

#include "net/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err why;
	struct cert_facts facts;
	struct str in = { (const char *)data, size };
	csr_check(in, &why);
	cert_facts(in, &facts, &why);
	cert_check(in, in, &why);
	return 0;
}
