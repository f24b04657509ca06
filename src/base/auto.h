#pragma once
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* Runs fn(&variable) when the variable leaves its scope. fn must take zeroed and half-built values.
 */
#define AUTO(fn) __attribute__((cleanup(fn)))

/* The pointer's value; the variable is NULL afterwards, so that AUTO leaves what was handed on. */
#define TAKE(p)                            \
	__extension__({                    \
		__typeof__(p) take_ = (p); \
		(p) = NULL;                \
		take_;                     \
	})

/* The descriptor's value; the variable is -1 afterwards. */
#define TAKE_FD(fd)               \
	__extension__({           \
		int take_ = (fd); \
		(fd) = -1;        \
		take_;            \
	})

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The struct of `type` whose `member` p points to. */
#define CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

/* For `AUTO(freep) char *p`: frees what any pointer variable points to. */
static inline void freep(void *p)
{
	free(*(void **)p);
}

/* For `AUTO(closep) int fd = -1`. */
static inline void closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* calloc for small fixed sizes: aborts when there is no memory (a worker is restarted). */
void *xcalloc(size_t n, size_t size);
char *xstrdup(const char *s);
