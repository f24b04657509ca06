#include <assert.h>
#include <string.h>

#include "agent/sensor/log/positions.h"
#include "base/auto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read is written as it was. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_done) struct arena arena = { 0 };
	AUTO(buf_done) struct buf b = { 0 };
	struct positions p = { 0 };
	if (positions_read((struct str){ (const char *)data, size }, &arena, &p) < 0)
		return 0;
	positions_write(&b, &p);
	assert(b.n == size);
	return 0;
}
