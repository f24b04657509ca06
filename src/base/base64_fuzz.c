#include "base/auto.h"
#include "base/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is accepted is the one way to write its bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	AUTO(buf_done) struct buf bytes = { 0 }, again = { 0 };
	if (base64_decode(&bytes, in) < 0)
		return 0;
	base64_encode(&again, buf_view(&bytes));
	if (!str_eq(buf_view(&again), in))
		__builtin_trap();
	return 0;
}
