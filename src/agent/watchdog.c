#include "agent/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"

enum { PAGE = 4096, PAUSE_NS = 200000000 };

struct watchdog {
	pthread_t thread;
	unsigned silent_ms;
	pthread_mutex_t lock; /* of pidfd; never held across a call that can wait */
	int page, pidfd;      /* owned; pidfd < 0: nobody */
	_Atomic uint64_t *seen;
	atomic_bool bit;
};

static void look(struct watchdog *w)
{
	uint64_t seen = atomic_load(w->seen), now = clock_mono_ms();
	if (seen > now || now - seen < w->silent_ms)
		return;
	pthread_mutex_lock(&w->lock);
	if (w->pidfd >= 0 && syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0) == 0)
		atomic_store(&w->bit, true);
	pthread_mutex_unlock(&w->lock);
}

static void *guard_dog(void *arg)
{
	struct watchdog *w = arg;
	const struct timespec pause = { 0, PAUSE_NS };
	for (;;) {
		nanosleep(&pause, NULL);
		look(w);
	}
	return NULL;
}

struct watchdog *watchdog_new(unsigned silent_ms)
{
	struct watchdog *w = xcalloc(1, sizeof(*w));
	sigset_t all, before;
	w->pidfd = -1;
	w->silent_ms = silent_ms;
	pthread_mutex_init(&w->lock, NULL);
	w->page = memfd_create("alive", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* Whoever has the page cannot take it away below our eyes. */
	int rc = w->page < 0 || ftruncate(w->page, PAGE) < 0 ||
	                         fcntl(w->page, F_ADD_SEALS,
	                               F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0
	                 ? -errno
	                 : 0;
	if (rc == 0)
		w->seen = watchdog_map(w->page);
	if (rc == 0 && !w->seen)
		rc = -errno;
	if (rc < 0) {
		log_error("watchdog: %s", strerror(-rc));
		if (w->page >= 0)
			close(w->page);
		free(w);
		return NULL;
	}
	atomic_store(w->seen, clock_mono_ms());
	/* Signals belong to the loop. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = -pthread_create(&w->thread, NULL, guard_dog, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc < 0)
		log_error("watchdog: %s", strerror(-rc));
	return w;
}

int watchdog_page(struct watchdog *w)
{
	atomic_store(w->seen, clock_mono_ms());
	int fd = dup(w->page);
	return fd < 0 ? -errno : fd;
}

void watchdog_watch(struct watchdog *w, pid_t pid)
{
	int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	if (pid > 0 && fd < 0)
		log_error("watchdog: %s", strerror(errno));
	pthread_mutex_lock(&w->lock);
	int old = w->pidfd;
	w->pidfd = fd;
	pthread_mutex_unlock(&w->lock);
	if (old >= 0)
		close(old);
}

bool watchdog_bit(struct watchdog *w)
{
	return atomic_exchange(&w->bit, false);
}

void *watchdog_map(int fd)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return page == MAP_FAILED ? NULL : page;
}

void watchdog_alive(void *page)
{
	if (page)
		atomic_store((_Atomic uint64_t *)page, clock_mono_ms());
}
