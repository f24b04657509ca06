#include <stdint.h>
#include <stdlib.h>

#include "agent/spool/segment.h"
#include "base/auto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every record that is found must be one that record_write() makes, byte for byte. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct segment_reader r;
	struct record rec;
	size_t whole = 0;
	segment_reader_init(&r, data, size);
	size_t head = r.at;
	while (segment_next(&r, &rec)) {
		AUTO(buf_done) struct buf b = { 0 };
		record_write(&b, rec.seq, rec.unique, rec.body);
		if (b.n != rec.len || memcmp(b.p, data + rec.at, b.n) != 0)
			abort();
		whole += rec.len;
	}
	if (head + whole + r.damaged != size)
		abort();
	return 0;
}
