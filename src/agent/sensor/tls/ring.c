#include "agent/sensor/tls/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEADER = 8 }; /* of a record: its length with two bits, the page it is on */

int ring_init(struct ring *r, int fd, size_t size)
{
	long page = sysconf(_SC_PAGESIZE);
	*r = (struct ring){ .page = (size_t)page, .mask = size - 1 };
	void *p = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->consumer = p;
	/* The bytes are mapped twice in a row, so that none wraps around. */
	p = mmap(NULL, r->page + 2 * size, PROT_READ, MAP_SHARED, fd, page);
	if (p == MAP_FAILED) {
		int rc = -errno;
		ring_done(r);
		return rc;
	}
	r->producer = p;
	return 0;
}

void ring_done(struct ring *r)
{
	if (r->consumer)
		munmap(r->consumer, r->page);
	if (r->producer)
		munmap((void *)(uintptr_t)r->producer, r->page + 2 * (r->mask + 1));
	*r = (struct ring){ 0 };
}

unsigned ring_read(struct ring *r, unsigned max,
                   void (*each)(void *arg, const void *record, size_t n), void *arg)
{
	unsigned n = 0;
	size_t at = r->consumer ? __atomic_load_n(r->consumer, __ATOMIC_RELAXED) : 0;
	while (r->consumer && n < max) {
		size_t end = __atomic_load_n((const size_t *)(const void *)r->producer,
		                             __ATOMIC_ACQUIRE);
		if (at == end)
			break;
		const uint8_t *record = r->producer + r->page + (at & r->mask);
		uint32_t head =
			__atomic_load_n((const uint32_t *)(const void *)record, __ATOMIC_ACQUIRE);
		if (head & BPF_RINGBUF_BUSY_BIT)
			break; /* being written; we are woken again */
		size_t len = head & ~(uint32_t)(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		if (!(head & BPF_RINGBUF_DISCARD_BIT))
			each(arg, record + HEADER, len);
		at += (len + HEADER + 7) & ~(size_t)7;
		__atomic_store_n(r->consumer, at, __ATOMIC_RELEASE);
		n++;
	}
	return n;
}
