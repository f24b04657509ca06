#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "proc/imsg.h"
#include "proc/loop.h"

/*
 * A program is a table of processes. Row 0, the guard, stays root and reads nothing a stranger
 * wrote: it executes itself once per row (argv as given, plus -P name -I instance), hands out the
 * socket pairs that the message table permits and the descriptors that its `prepare` opened, closes
 * its own copies, restarts what dies (at once, then with a growing pause up to 5 s) and does the
 * deeds that only root can. When a process is restarted, its peers get new socket pairs: `up` is
 * called again.
 */
struct self;

/* What a process may still do after its drop; all zero is the tightest. */
struct sandbox {
	const char *const *read;     /* Landlock: read below these (NULL-terminated; "%lib", "%etc",
	                                "%run" expand) */
	const char *const *write;    /* ... and write below these */
	const char *const *syscalls; /* seccomp: names beyond the common set, NULL-terminated */
	const char *root; /* chroot into a private tmpfs of root_mib MiB (mount namespace); NULL:
	                     none */
	unsigned root_mib;
	const char *const *binds; /* "FROM:/TO" bound read-only into that root */
	bool net;                 /* may open AF_INET/AF_INET6/AF_UNIX sockets */
	bool exec;                /* may execute (nobody should) */
	bool fork;                /* may fork (clone without CLONE_NEW*) */
	bool no_landlock;         /* platform.md 1 */
	uint64_t caps;            /* capabilities kept (bits 1 << CAP_X) */
	uint64_t mem_max;   /* RLIMIT_AS in bytes, 0: the default; ignored in the sanitizer build */
	uint64_t files_max; /* RLIMIT_NOFILE wished, 0: the default */
};

/* A descriptor handed over at birth, by name. */
struct birth_fd {
	const char *name;
	int fd; /* owned by the guard; closed once sent */
};

enum { BIRTH_FDS_MAX = 16, INSTANCES_MAX = 8, PROCS_MAX = 24 };

struct proc {
	const char *name;   /* argv[0], log prefix, -P word */
	const char *user;   /* NULL: root. Unknown on this host: a numeric uid of 64100 + row */
	unsigned instances; /* 0 means 1 */
	const char *exe;    /* another executable beside ours, NULL: ourselves */
	/* In the guard before each birth: opens what needs root. Fills at most BIRTH_FDS_MAX,
	 * returns how many or -errno. */
	int (*prepare)(struct self *guard, unsigned instance, struct birth_fd *out);
	/* In the child, before the drop: what has to be loaded with the old rights. May be NULL. */
	int (*early)(struct self *me);
	/* In the child, sandboxed, loop ready, peers up: sets itself up; then the loop runs. */
	int (*start)(struct self *me);
	/* Handlers by message type; NULL entries refuse (the peer is dropped). */
	int (*const *on)(struct self *me, struct peer *p, struct imsg *m);
	void (*up)(struct self *me, struct peer *p);   /* a peer (again) reachable; may be NULL */
	void (*down)(struct self *me, struct peer *p); /* a peer's process died; may be NULL */
	void (*stop)(struct self *me); /* asked to end: loop is stopped after this */
	struct sandbox box;
};

/* A row of imsg.def: who may send what to whom. No row, no socket pair. */
struct imsg_rule {
	const char *name;
	uint32_t from, to; /* bit sets of proc ids */
	bool fd;           /* may carry a descriptor */
	uint32_t max;      /* longest body */
	const char *doc;
};

struct program {
	const char *name; /* "yagura-agent" */
	const struct proc *procs;
	unsigned nprocs;
	const struct imsg_rule *rules;
	unsigned nrules;
	/* Parses the command line (both in the guard and in each child); 0, or an exit status when
	 * < 0 or > 0. */
	int (*options)(struct self *me, int argc, char **argv);
};

/* What a process knows of itself. */
struct self {
	const struct program *program;
	const struct proc *proc;
	unsigned id, instance;
	struct loop loop;
	struct peer *peers; /* nprocs * INSTANCES_MAX, use self_peer() */
	struct birth_fd fds[BIRTH_FDS_MAX];
	unsigned nfds;
	const char *lib, *etc, *run; /* directories, for the sandbox's %words */
	void *state;                 /* the process's own */
	void *options;               /* program->options put it there */
};

int proc_main(const struct program *program, int argc, char **argv);

/* The link to a process; NULL when the table permits none. It may be down: peer_is_up(). */
struct peer *self_peer(struct self *me, unsigned who, unsigned instance);
int self_fd(struct self *me, const char *name);      /* borrowed; -ENOENT */
int self_take_fd(struct self *me, const char *name); /* the caller's now */
void self_stop(struct self *me, int status);
/* In the guard: is this pid one of ours (a process of the table or the guard itself)? In order, for
 * the sensor's own-process set. */
unsigned self_pids(struct self *me, pid_t *out, unsigned max);
/* In the guard: ends a process of the table (it is restarted). */
int self_restart(struct self *me, unsigned who, unsigned instance);
/* Called in the guard after each (re)start of a process, when set by the program's guard row `up`.
 */

/* Applies the box to the calling process; for executables that are no row of a table (and for
 * tests). */
int sandbox_enter(const struct sandbox *box, const char *user, unsigned row,
                  const struct self *dirs, struct err *why);
