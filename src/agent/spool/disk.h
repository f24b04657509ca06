#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What the spool asks of the disk; a test puts faults between. Results are -errno. */
struct disk {
	int (*create)(int dir, const char *name); /* a new file: descriptor */
	int (*write)(int fd, const void *p, size_t n, uint64_t at);
	int (*sync)(int fd);
	int (*cut)(int fd, uint64_t size);
	int (*remove)(int dir, const char *name);
};

extern const struct disk disk_real;
