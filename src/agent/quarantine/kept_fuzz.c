#include <stdlib.h>

#include "agent/quarantine/kept.h"
#include "base/auto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was understood is written in a way that is understood as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(kept_done) struct kept r = { 0 };
	AUTO(kept_done) struct kept again = { 0 };
	AUTO(buf_done) struct buf first = { 0 };
	AUTO(buf_done) struct buf second = { 0 };
	if (kept_parse((struct str){ (const char *)data, size }, &r, NULL) < 0)
		return 0;
	kept_write(&r, &first);
	if (kept_parse(buf_view(&first), &again, NULL) < 0)
		abort();
	kept_write(&again, &second);
	if (!str_eq(buf_view(&first), buf_view(&second)))
		abort();
	return 0;
}
