#pragma once
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where tests let a process be killed; only the sanitizer build can be told to. */
static inline void fault_point(const char *where)
{
#if YAGURA_SANITIZED
	const char *at = getenv("YAGURA_FAULT");
	if (at && strcmp(at, where) == 0)
		kill(getpid(), SIGKILL);
#else
	(void)where;
#endif
}
