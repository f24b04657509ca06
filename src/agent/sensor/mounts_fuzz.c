#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensor/mounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seen(void *arg, const struct mount_point *m)
{
	(void)arg;
	if (m->path[0] != '/' || strlen(m->path) >= PATH_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	mounts_local((struct str){ (const char *)data, size }, seen, NULL);
	return 0;
}
