#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "net/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_done) struct arena a = { 0 };
	struct uri u = { 0 };
	if (uri_parse((struct str){ (const char *)data, size }, &a, &u) < 0)
		return 0;
	assert(u.path.n > 0 && u.path.p[0] == '/' && str_utf8(u.path));
	for (struct str rest = u.path; rest.p;)
		assert(!str_is(str_cut(&rest, '/'), ".."));
	return 0;
}
