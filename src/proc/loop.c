#include "proc/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

int loop_init(struct loop *l)
{
	*l = (struct loop){ .epfd = epoll_create1(EPOLL_CLOEXEC) };
	return l->epfd < 0 ? -errno : 0;
}

void loop_done(struct loop *l)
{
	if (l->epfd >= 0)
		close(l->epfd);
	*l = (struct loop){ .epfd = -1 };
}

static int control(struct loop *l, int op, struct watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };
	return epoll_ctl(l->epfd, op, w->fd, &e) < 0 ? -errno : 0;
}

int loop_add(struct loop *l, struct watch *w, uint32_t events)
{
	return control(l, EPOLL_CTL_ADD, w, events);
}

int loop_mod(struct loop *l, struct watch *w, uint32_t events)
{
	return control(l, EPOLL_CTL_MOD, w, events);
}

void loop_forget(struct loop *l, struct watch *w)
{
	/* A callback may delete a watch that is due later in the same batch. */
	for (int i = 0; i < l->n; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
	if (w->fd >= 0)
		control(l, EPOLL_CTL_DEL, w, 0);
	w->fd = -1;
}

void loop_del(struct loop *l, struct watch *w)
{
	int fd = w->fd;
	loop_forget(l, w);
	if (fd >= 0)
		close(fd);
}

int loop_once(struct loop *l, int timeout_ms)
{
	int n = epoll_wait(l->epfd, l->batch, sizeof(l->batch) / sizeof(l->batch[0]), timeout_ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	l->n = n;
	for (int i = 0; i < n; i++) {
		struct watch *w = l->batch[i].data.ptr;
		if (w)
			w->ready(w, l->batch[i].events);
	}
	l->n = 0;
	return 0;
}

int loop_run(struct loop *l)
{
	while (!l->stop) {
		int rc = loop_once(l, -1);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static struct timespec in_ms(uint64_t ms)
{
	return (struct timespec){ .tv_sec = (time_t)(ms / 1000),
		                  .tv_nsec = (long)(ms % 1000) * 1000000 };
}

int loop_timer_set(struct watch *w, uint64_t first_ms, uint64_t every_ms)
{
	struct itimerspec t = { .it_value = in_ms(first_ms), .it_interval = in_ms(every_ms) };
	return timerfd_settime(w->fd, 0, &t, NULL) < 0 ? -errno : 0;
}

static int add_or_close(struct loop *l, struct watch *w)
{
	int rc = loop_add(l, w, EPOLLIN);
	if (rc < 0) {
		close(w->fd);
		w->fd = -1;
	}
	return rc;
}

int loop_timer(struct loop *l, struct watch *w, uint64_t first_ms, uint64_t every_ms)
{
	w->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->fd < 0)
		return -errno;
	int rc = loop_timer_set(w, first_ms, every_ms);
	if (rc < 0) {
		close(w->fd);
		w->fd = -1;
		return rc;
	}
	return add_or_close(l, w);
}

uint64_t loop_tick(struct watch *w)
{
	uint64_t n = 0;
	return read(w->fd, &n, sizeof(n)) == (ssize_t)sizeof(n) ? n : 0;
}

int loop_signals(struct loop *l, struct watch *w, const int *signals, unsigned n)
{
	sigset_t set;
	sigemptyset(&set);
	for (unsigned i = 0; i < n; i++)
		sigaddset(&set, signals[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	w->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return w->fd < 0 ? -errno : add_or_close(l, w);
}

int loop_signal(struct watch *w)
{
	struct signalfd_siginfo info = { 0 };
	return read(w->fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

int loop_child(struct loop *l, struct watch *w, pid_t pid)
{
	w->fd = (int)syscall(SYS_pidfd_open, pid, 0);
	return w->fd < 0 ? -errno : add_or_close(l, w);
}
