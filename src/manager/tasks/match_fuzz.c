#include <stdint.h>
#include <stdlib.h>

#include "base/auto.h"
#include "manager/tasks/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The pattern up to the first newline, then the text. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str rest = { (const char *)p, n };
	AUTO(freep) char *pattern = str_dup(str_cut(&rest, '\n'));
	int rc = match_whole(pattern, rest);
	if (rc > 1 || (rc >= 0 && match_check(pattern, NULL) < 0))
		abort();
	return 0;
}
