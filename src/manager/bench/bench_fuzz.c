#include <stdint.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/bench/bench.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(json_decrefp) json_t *out = NULL;
	struct err why = { { 0 } };
	bench_run((struct str){ (const char *)data, size }, &out, &why);
	return 0;
}
