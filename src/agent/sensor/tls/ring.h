#pragma once
#include <stddef.h>
#include <stdint.h>

/*
 * The reading end of a BPF ring buffer (kernel's bpf/ringbuf), by its descriptor alone: it needs no
 * right. The descriptor becomes readable (epoll) when there is something.
 */
struct ring {
	size_t *consumer;        /* ours to move on; mapped */
	const uint8_t *producer; /* mapped: the kernel's position, then the bytes, twice */
	size_t page, mask;
};

/* size: bytes of the ring, a power of two. */
int ring_init(struct ring *r, int fd, size_t size);
void ring_done(struct ring *r);
/* Calls each(arg, record, length) for at most `max` records; how many. */
unsigned ring_read(struct ring *r, unsigned max,
                   void (*each)(void *arg, const void *record, size_t n), void *arg);
