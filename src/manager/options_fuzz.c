#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "manager/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err why;
	struct options *o = xcalloc(1, sizeof(*o));
	options_file(o, (struct str){ (const char *)data, size }, "fuzz", &why);
	options_free(o);
	return 0;
}
