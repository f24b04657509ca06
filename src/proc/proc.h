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
	const char *const
		*read; /* Landlock: read below these, NULL-terminated; %lib %etc %run expand */
	const char *const *write;    /* ... and write below these */
	const char *const *syscalls; /* seccomp: names beyond the common set, NULL-terminated */
	unsigned root_mib; /* chroot into a private tmpfs of this size (own mount namespace) */
	/* "FROM:/TO" bound read-only into that root: a table of its own, or made from the options
	 */
	const char *const *(*binds)(const struct self *me);
	bool files; /* may open files (within Landlock's paths, or by plain rights without it) */
	bool net;   /* may open sockets */
	bool fork;  /* may fork */
	/* Runs other programs: may execute what lies below `read`; seccomp then forbids only what
	 * would lead out of the box. What it starts stays in the box. */
	bool programs;
	bool no_landlock; /* fanotify and Landlock do not mix (docs/architecture.md) */
	uint64_t caps;    /* capabilities kept, bits 1 << CAP_X */
	uint64_t mem_max; /* RLIMIT_AS in bytes, 0: the default; not in the sanitizer build */
	uint64_t fds_max; /* RLIMIT_NOFILE wished, 0: the default */
};

/* A descriptor handed over at birth, by name. */
struct birth_fd {
	char name[24];
	int fd; /* the guard's until sent */
};

enum { BIRTH_FDS_MAX = 8, INSTANCES_MAX = 4, PROCS_MAX = 16 };

struct proc {
	const char *name; /* log prefix, -P word */
	const char *user; /* NULL: root; one that this host does not know: the number 64100 + row */
	unsigned instances;                          /* 0 means 1 */
	unsigned (*count)(const struct self *guard); /* by the options; NULL: instances */
	const char *exe; /* another executable beside ours; NULL: ourselves */
	/* In the guard before each birth: opens what needs root; how many it put into out, or
	 * -errno. */
	int (*prepare)(struct self *guard, unsigned instance,
	               struct birth_fd out[static BIRTH_FDS_MAX]);
	/* In the child, before the drop: what has to be loaded with the old rights. May be NULL. */
	int (*early)(struct self *me);
	/* In the child, sandboxed, with loop and peers: sets itself up; then the loop runs. */
	int (*start)(struct self *me);
	/* Handlers by message type, one for each of the program's rules; NULL refuses (the peer
	 * goes). */
	int (*const *on)(struct self *me, struct peer *p, struct imsg *m);
	void (*up)(struct self *me, struct peer *p);   /* a peer is there, or there again */
	void (*down)(struct self *me, struct peer *p); /* a peer's process ended */
	void (*hup)(struct self *me); /* SIGHUP; the guard passes it on to everybody */
	/* Asked to end: a child's loop has ended and no handler runs unless stop() calls
	 * loop_once().
	 */
	void (*stop)(struct self *me);
	struct sandbox box;
};

/* A row of imsg.def: who may send what to whom. No row, no socket pair. */
struct imsg_rule {
	const char *name;
	uint32_t from, to; /* bit sets of proc ids */
	bool fd;           /* may carry a descriptor */
	uint32_t max;      /* longest body */
};

struct program {
	const char *name; /* "yagura-agent" */
	const struct proc *procs;
	unsigned nprocs;
	const struct imsg_rule *rules;
	unsigned nrules;
	/*
	 * Parses the command line, in the guard and in each child; sets me->lib, etc, run and
	 * options. 0 goes on; 1 ends with status 0 (--help); < 0 ends with status 2.
	 */
	int (*parse)(struct self *me, int argc, char **argv);
	void (*done)(struct self *me); /* frees what parse made; may be NULL */
};

/* What a process knows of itself. */
struct self {
	const struct program *program;
	const struct proc *proc;
	unsigned id, instance;
	struct loop loop;
	struct peer *peers; /* nprocs * INSTANCES_MAX; self_peer() */
	struct birth_fd fds[BIRTH_FDS_MAX];
	unsigned nfds;
	const char *lib, *etc, *run; /* directories, absolute */
	void *state;                 /* the process's own */
	void *options;               /* what program->parse put there */
	bool started;                /* start() is done: up() and down() are called from now on */
	bool asked;                  /* to end */
	int status;                  /* exit status */
	struct guard *guard;         /* in the guard only */
};

int proc_main(const struct program *program, int argc, char **argv);

/* The link to a process; NULL when the table permits none. It may be down: peer_is_up(). */
struct peer *self_peer(struct self *me, unsigned who, unsigned instance);
/* Sends to a process when it is up; -ENOTCONN otherwise. */
int self_send(struct self *me, unsigned who, unsigned instance, uint32_t type, uint32_t id,
              struct str body);
int self_send_fd(struct self *me, unsigned who, uint32_t type, uint32_t id, struct str body,
                 int fd);
int self_take_fd(struct self *me, const char *name); /* the caller's now; -ENOENT */
void self_stop(struct self *me, int status);
/* In the guard: the processes of this program that live, itself first. */
unsigned guard_pids(struct self *me, pid_t *out, unsigned max);
/* In the guard: the process of a row; 0: it does not run. */
pid_t guard_pid(struct self *me, unsigned who, unsigned instance);
/* The user and group that a row runs as. */
void proc_user(const struct proc *proc, unsigned row, uid_t *uid, gid_t *gid);

/*
 * Applies the box to the calling process: limits, private root, user, capabilities, no_new_privs,
 * Landlock (its rules are made before the user changes), seccomp, in this order. Without root only
 * the last two are possible; that is no error.
 */
int sandbox_enter(const struct sandbox *box, const char *user, unsigned row, const struct self *me,
                  struct err *why);
