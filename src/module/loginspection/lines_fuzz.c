#include <string.h>

#include "base/buf.h"
#include "module/loginspection/loginspection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str part(struct str *rest)
{
	const char *cut = rest->n ? memmem(rest->p, rest->n, "\n--\n", 4) : NULL;
	struct str one = { rest->p, cut ? (size_t)(cut - rest->p) : rest->n };
	*rest = str_skip(*rest, one.n + 4);
	return one;
}

/* Decoders, rules and lines, each up to a line "--". The first byte chooses the dialect. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data + (size > 0), size - (size > 0) };
	struct li_dialect dialect = { size && data[0] & 1, size && data[0] & 2 };
	struct li_file d = { "d", part(&rest) }, r = { "r", part(&rest) };
	struct li_set *set = NULL;
	struct li_answer a;
	struct buf b = { 0 };
	if (li_set_build(&(struct li_files){ &d, 1 }, &(struct li_files){ &r, 1 }, NULL, &dialect,
	                 &set, NULL) < 0)
		return 0;
	struct li_engine *e = li_engine_new(set, "host");
	for (int64_t now = 1; rest.p && now < 64; now++) {
		li_engine_line(e, str_cut(&rest, '\n'), (struct str){ 0 }, now, &a);
		li_answer_write(&b, &a);
	}
	buf_clear(&b);
	li_engine_save(e, &b);
	li_engine_load(e, buf_view(&b), NULL);
	li_engine_free(e);
	li_set_free(set);
	buf_done(&b);
	return 0;
}
