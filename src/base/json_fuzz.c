#include "base/auto.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err why = { { 0 } };
	AUTO(json_decrefp) json_t *j = json_parse((struct str){ (const char *)data, size }, &why);
	AUTO(buf_done) struct buf b = { 0 };
	if (j)
		json_write(&b, j);
	return 0;
}
