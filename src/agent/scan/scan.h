#pragma once
#include <jansson.h>
#include <sys/queue.h>

#include "agent/agent.h"
#include "agent/outbox.h"

/*
 * The scan process answers one question: is this open file harmful? It never loads an engine
 * itself: a zygote loads the signatures once and forks the workers that share them (pool.c). New
 * signatures make a new generation of zygote and workers, which takes over when it is ready.
 */
enum { WORKERS_MAX = 10, QUEUE_MAX = 4096 };
/* The first worker of a generation is lent to `files`, which asks it without us between; it comes
 * here with what that worker is too busy for, or did not survive. */
enum { WORKER_LENT };

/* A question that somebody waits for. */
struct request {
	TAILQ_ENTRY(request) next;
	unsigned who, life; /* the asker, and which life of it */
	uint32_t id;
	int fd;          /* owned */
	json_t *options; /* owned */
	unsigned deaths; /* of workers that tried */
};
TAILQ_HEAD(requests, request);

struct worker {
	struct watch sock; /* fd -1: none; of the lent one its process: ready when that ended */
	int pidfd;
	unsigned name; /* of its folder */
	bool asked;    /* the zygote will hand it over */
	struct generation *of;
	struct request *job; /* owned; NULL: idle */
	uint64_t end_ms;     /* it is killed then */
};

enum generation_state { GENERATION_LOADING, GENERATION_READY, GENERATION_RETIRING };

struct generation {
	LIST_ENTRY(generation) next;
	struct scan *scan;
	enum generation_state state;
	struct watch zygote;
	struct worker workers[WORKERS_MAX];
	json_t *report; /* owned: scanner_report(); NULL while loading */
};

struct scan {
	struct self *me;
	struct outbox outbox;
	const char *signatures, *tmp; /* folders; borrowed */
	unsigned nworkers, next_name;
	LIST_HEAD(, generation) generations;
	struct requests files, tree; /* openers wait for the first */
	unsigned queued, tree_busy;
	unsigned life[P_COUNT];
	struct watch changes; /* inotify on the signatures */
	struct watch settle;  /* timer: no change any more, or try again */
	struct watch tick;    /* timer: looks for workers that are over their time */
	bool reload, low_memory, multithreaded, stopping;
	char failed[256]; /* why no signatures could be loaded; empty: they could */
	char epoch[20];   /* that was told last */
	uint64_t scanned, errors, died, slow;
};

/* scan.c */
void scan_answer(struct scan *s, struct request *r, const json_t *result); /* takes r */
void scan_answer_error(struct scan *s, struct request *r, const char *error);
void scan_requeue(struct scan *s, struct request *r);
struct request *scan_next(struct scan *s); /* or NULL */
void scan_loaded(struct scan *s, struct generation *g);
void scan_failed(struct scan *s, const char *why);
void scan_reload_soon(struct scan *s, uint64_t ms);
void scan_worker_died(struct scan *s);

/* pool.c */
struct generation *pool_now(const struct scan *s); /* the one that scans, or NULL */
void pool_reload(struct scan *s);                  /* if s->reload and nothing is in the way */
void pool_pump(struct scan *s);                    /* gives what waits to idle workers */
void pool_late(struct scan *s); /* ends workers over their time, asks for those that are missing */
void pool_lend(struct scan *s); /* `files` is there */
void pool_recall(struct scan *s); /* ... and no longer */
void pool_done(struct scan *s);

/* zygote.c: in the child. Says what it loaded, then makes a worker for each name it is sent. */
_Noreturn void zygote_run(int control, const char *signatures, const char *tmp);
/* In the dispatcher: the folder of a worker. */
void zygote_folder(const char *tmp, unsigned name, char *out, size_t n);

/* The row's functions (main.c). */
HANDLERS(scan);
int scan_early(struct self *me);
int scan_start(struct self *me);
int scan_start_at(struct self *me, const char *signatures, const char *tmp);
void scan_up(struct self *me, struct peer *p);
void scan_down(struct self *me, struct peer *p);
void scan_hup(struct self *me);
void scan_stop(struct self *me);
