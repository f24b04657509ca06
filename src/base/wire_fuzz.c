#include "base/wire.h"

enum { OPS_MAX = 64, TEXT_MAX = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads one value of kind op and writes it again. */
static void copy(struct rd *r, struct wr *w, unsigned op)
{
	switch (op % 4) {
	case 0:
		wr_u8(w, rd_u8(r));
		break;
	case 1:
		wr_u32(w, rd_u32(r));
		break;
	case 2:
		wr_u64(w, rd_u64(r));
		break;
	default:
		wr_str(w, rd_str(r, TEXT_MAX));
	}
}

/* The first byte says how many of those that follow choose what is read from the rest. What was
 * read and written again must be the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t copied[OPS_MAX * (TEXT_MAX + 4)];
	size_t nops = size ? data[0] % OPS_MAX : 0;
	if (size < 1 + nops)
		return 0;
	const uint8_t *ops = data + 1, *rest = ops + nops;
	size_t n = size - 1 - nops;
	struct rd r = rd_init(rest, n);
	struct wr w = wr_init(copied, sizeof(copied));
	size_t good = 0;
	for (size_t i = 0; i < nops; i++) {
		copy(&r, &w, ops[i]);
		if (!r.bad)
			good = wr_len(&w);
	}
	if (wr_end(&w) < 0 || good > n || (good && memcmp(copied, rest, good) != 0))
		__builtin_trap();
	if (rd_end(&r) == 0 && good != n)
		__builtin_trap();
	return 0;
}
