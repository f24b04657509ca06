#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

/*
 * One idea: everything that can happen is a file descriptor that becomes ready. A signal is a
 * signalfd, a timer a timerfd, a child's end a pidfd. A watch is embedded in its owner and never
 * allocated by the loop; {.fd = -1} is an idle one.
 */
struct watch {
	int fd;
	void (*ready)(struct watch *w, uint32_t events);
};

struct loop {
	int epfd;
	bool stop;
	int n; /* events in this batch */
	struct epoll_event batch[64];
};

int loop_init(struct loop *l);
void loop_done(struct loop *l);
int loop_add(struct loop *l, struct watch *w, uint32_t events); /* w->fd and w->ready are set */
int loop_mod(struct loop *l, struct watch *w, uint32_t events);
/* Forgets w (also in the batch that is being handled) and closes w->fd; an idle watch is fine. */
void loop_del(struct loop *l, struct watch *w);
/* Forgets w and leaves the descriptor open, for those that a library owns. */
void loop_forget(struct loop *l, struct watch *w);
int loop_run(struct loop *l);                  /* until l->stop; 0 or -errno */
int loop_once(struct loop *l, int timeout_ms); /* one batch; for tests and foreign loops */

/* A timer that calls w->ready first after first_ms, then every every_ms (0: once). ready() must
 * call loop_tick(). */
int loop_timer(struct loop *l, struct watch *w, uint64_t first_ms, uint64_t every_ms);
int loop_timer_set(struct watch *w, uint64_t first_ms, uint64_t every_ms); /* 0, 0 disarms */
uint64_t loop_tick(struct watch *w); /* how often it expired since last asked */
/* Blocks these signals and delivers them as w->ready; read them with loop_signal() until 0. */
int loop_signals(struct loop *l, struct watch *w, const int *signals, unsigned n);
int loop_signal(struct watch *w);
int loop_child(struct loop *l, struct watch *w,
               pid_t pid); /* ready when the child ended; reap it then */
