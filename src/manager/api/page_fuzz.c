#include <stdlib.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A stored object written without a tree is the one that is written with it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct field fields[] = { { "name", T_TEXT, 0 },
		                               { "n", T_INT, F_OMIT_EMPTY },
		                               { "secret", T_TEXT, F_SECRET },
		                               { "list", T_IDS, F_OMIT_EMPTY },
		                               { "on", T_BOOL, 0 },
		                               { "ID", T_INT, F_READ_ONLY },
		                               { 0 } };
	const struct str text = { (const char *)data, size };
	AUTO(json_decrefp) json_t *object = json_parse(text, NULL);
	AUTO(buf_done) struct buf b = { 0 };
	struct page_members m;
	if (!json_is_object(object) || !page_cut(text, &m))
		return 0;
	buf_char(&b, '{');
	/* Keys with escapes are other keys to the one who does not read them. */
	if (memchr(data, '\\', size) || !page_write(&b, fields, NULL, &m))
		return 0;
	buf_z(&b, "\"ID\":7}");
	AUTO(json_decrefp) json_t *written = json_parse(buf_view(&b), NULL);
	AUTO(json_decrefp) json_t *shown = fields_show(fields, object, 7);
	if (!json_equal(written, shown))
		abort();
	return 0;
}
