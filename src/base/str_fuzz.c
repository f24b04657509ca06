#include "base/buf.h"
#include "base/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size };
	uint64_t u = 0;
	int64_t i = 0;
	str_u64(s, 0, UINT64_MAX, &u);
	str_i64(s, INT64_MIN, INT64_MAX, &i);
	struct buf b = { 0 };
	buf_safe(&b, s);
	if (b.p && !str_utf8(buf_view(&b)))
		__builtin_trap();
	buf_done(&b);
	for (struct str rest = s; rest.p;)
		str_trim(str_cut(&rest, '/'));
	struct rd r = rd_init(data, size);
	while (!r.bad && r.at < r.end)
		rd_str(&r, 1000);
	return 0;
}
