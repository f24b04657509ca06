#include "base/auto.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is accepted can be written and read again; what is refused has a clean sentence. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err why = { { 0 } };
	AUTO(json_decrefp) json_t *j = json_parse((struct str){ (const char *)data, size }, &why);
	if (!j) {
		if (!why.text[0] || !str_utf8(str_of(why.text)))
			__builtin_trap();
		return 0;
	}
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, j);
	AUTO(json_decrefp) json_t *again = json_parse(buf_view(&b), &why);
	if (buf_end(&b) < 0 || !json_equal(j, again))
		__builtin_trap();
	return 0;
}
