#include <assert.h>

#include "base/auto.h"
#include "module/loginspection/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte is the format, the second the encoding; all events of the rest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf text = { 0 };
	if (size < 2)
		return 0;
	const struct li_lines l = { (enum li_format)(data[0] % LI_FORMATS),
		                    (enum li_encoding)(data[1] % 3) };
	struct str rest = { (const char *)data + 2, size - 2 };
	for (size_t n = 1; n; rest = str_skip(rest, n)) {
		n = li_lines_next(&l, rest, data[1] & 4, &text);
		assert(n <= rest.n);
	}
	return 0;
}
