#include <assert.h>

#include "engine/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_data(void *arg, unsigned side, const uint8_t *data, size_t len)
{
	volatile uint8_t first = data[0], last = data[len - 1]; /* readable */
	(void)first, (void)last;
	((uint64_t *)arg)[side] += len;
}

static void on_gap(void *arg, unsigned side, uint64_t len)
{
	(void)arg, (void)side;
	assert(len > 0);
}

static void on_close(void *arg, unsigned side)
{
	(void)arg, (void)side;
}

/*
 * Byte 0: limits. Then segments: flags (TCP's six; bit 6: the server's), two bytes of sequence
 * number, one of acknowledgement, one of length, data.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct stream_sink sink = { on_data, on_gap, on_close };
	struct stream s = { 0 };
	uint64_t heard[STREAM_SIDES] = { 0 };
	if (!size)
		return 0;
	struct stream_limits l = { .held = (size_t)(data[0] & 15) * 100,
		                   .kept = data[0] & 16 ? 50 : 0,
		                   .midstream = data[0] & 32,
		                   .refuse = data[0] & 64,
		                   .refuse_conflict = data[0] & 128 };
	for (data++, size--; size >= 5;) {
		uint32_t len = data[4] < size - 5 ? data[4] : (uint32_t)(size - 5);
		struct packet p = { .data = data + 5,
			            .payload_len = len,
			            .tcp_flags = data[0] & 0x3f,
			            .seq = 0xffffff00u + ((uint32_t)data[1] << 8 | data[2]),
			            .ack = 0xffffff00u + data[3],
			            .window = 1000 };
		stream_see(&s, &l, data[0] & 64 ? 1 : 0, &p, &sink, heard);
		assert(s.held <= l.held);
		data += 5 + len;
		size -= 5 + len;
	}
	stream_end(&s, &l, &sink, heard);
	stream_done(&s);
	return 0;
}
