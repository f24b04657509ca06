#include <assert.h>

#include "engine/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture c;
	struct capture_packet one;
	struct packet p = { 0 };
	if (capture_open(&c, data, size, NULL) < 0)
		return 0;
	while (capture_next(&c, &one, NULL) == 1) {
		assert(one.data >= data && one.len <= size - (size_t)(one.data - data));
		if (one.readable)
			packet_decode(&p, one.link, one.data, one.len, NULL);
	}
	return 0;
}
