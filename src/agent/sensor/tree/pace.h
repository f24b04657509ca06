#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * How fast a scan on demand may go (cpuUsage): at "medium" it pauses between files while the host's
 * processors are more than half busy, with its own share, at "low" while they are more than a fifth
 * busy, at "high" never. {0} is idle.
 */
struct pace {
	uint64_t busy, total;      /* clock ticks since boot, as read last */
	uint64_t read_ms, file_ms; /* monotonic: when it was read, when the last file began */
	unsigned load;             /* of the last seconds, in thousandths */
};

/* Takes the text of /proc/stat: 0, or -EBADMSG. */
int pace_read(struct pace *p, struct str stat, uint64_t now_ms);
bool pace_due(const struct pace *p, uint64_t now_ms); /* should it be read again? */
/* May another file begin? limit in thousandths of all processors. */
bool pace_allows(const struct pace *p, unsigned limit, uint64_t now_ms);
void pace_began(struct pace *p, uint64_t now_ms);
