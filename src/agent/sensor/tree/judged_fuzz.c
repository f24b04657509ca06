#include <stdint.h>
#include <stdlib.h>

#include "agent/sensor/tree/judged.h"
#include "base/auto.h"
#include "base/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The checksum is put right, so that what stands behind it is reached. What is taken can be written
 * and is taken again (a full table may give up rows).
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char boot[JUDGED_BOOT + 1] = "3f0c9f1e-0000-4000-8000-0123456789ab";
	AUTO(buf_done) struct buf file = { 0 }, again = { 0 };
	AUTO(judged_done) struct judged j = { .max = 64 }, k = { .max = 64 };
	uint8_t sum[8];
	struct wr w = wr_init(sum, sizeof(sum));
	judged_read(&j, (struct str){ (const char *)data, size }, boot);
	buf_add(&file, data, size);
	wr_u64(&w, judged_checksum((struct str){ (const char *)data, size }));
	buf_add(&file, sum, sizeof(sum));
	if (judged_read(&j, buf_view(&file), boot) < 0)
		return 0;
	if (j.n > j.cap || j.cap > j.max || judged_write(&j, boot, &again) < 0 ||
	    judged_read(&k, buf_view(&again), boot) < 0 || k.n > j.n)
		abort();
	return 0;
}
