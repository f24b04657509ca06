#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO(zone_freep) struct zone *z = NULL;
	if (zone_parse((struct str){ (const char *)p, n }, &z, NULL) == 0)
		for (int64_t t = -4000000000; t < 8000000000; t += 777777777)
			zone_utc(z, t + zone_offset(z, t));
	return 0;
}
