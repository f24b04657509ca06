#include "agent/sensor/tree/pace.h"

#include <errno.h>

enum { READ_MS = 100, MEMORY_MS = 2000, PAUSE_MS = 50, FIELDS = 8, IDLE = 3, IOWAIT = 4 };

bool pace_due(const struct pace *p, uint64_t now_ms)
{
	return now_ms - p->read_ms >= READ_MS;
}

/* "cpu  user nice system idle iowait irq softirq steal ..." (proc(5)) */
int pace_read(struct pace *p, struct str stat, uint64_t now_ms)
{
	struct str line = str_cut(&stat, '\n');
	uint64_t total = 0, idle = 0;
	if (!str_starts(line, STR("cpu ")))
		return -EBADMSG;
	line = str_trim(str_skip(line, 4));
	for (int i = 0; i < FIELDS; i++) {
		uint64_t v = 0;
		if (str_u64(str_cut(&line, ' '), 0, UINT64_MAX / 16, &v) < 0)
			return -EBADMSG;
		total += v;
		idle += i == IDLE || i == IOWAIT ? v : 0;
	}
	uint64_t busy = total - idle, took = now_ms - p->read_ms;
	if (p->read_ms && total > p->total && busy >= p->busy) {
		unsigned load = (unsigned)((busy - p->busy) * 1000 / (total - p->total));
		uint64_t weight = took < MEMORY_MS ? took : MEMORY_MS;
		p->load = (unsigned)((load * weight + p->load * (MEMORY_MS - weight)) / MEMORY_MS);
	}
	p->busy = busy;
	p->total = total;
	p->read_ms = now_ms;
	return 0;
}

bool pace_allows(const struct pace *p, unsigned limit, uint64_t now_ms)
{
	return p->load < limit || now_ms - p->file_ms >= PAUSE_MS;
}

void pace_began(struct pace *p, uint64_t now_ms)
{
	p->file_ms = now_ms;
}
