#pragma once
#include "manager/options.h"
#include "proc/proc.h"

/* The manager's processes, in the order of procs.c. */
enum proc_id { P_GUARD, P_FRONT, P_CORE, P_CA, P_CLERK, P_COURIER, P_BENCH, P_RUNNER, P_COUNT };

enum imsg_type {
#define IMSG(name, from, to, fd, max, doc) M_##name,
#include "manager/imsg.def"
#undef IMSG
	M_COUNT
};

enum { LISTEN_MAX = 4 }; /* addresses; each has a socket for console and one for agents */

extern const struct program manager_program;

/* Handlers by message type, M_COUNT of them; see struct proc. */
extern int (*const front_on[])(struct self *me, struct peer *p, struct imsg *m);
extern int (*const core_on[])(struct self *me, struct peer *p, struct imsg *m);
extern int (*const ca_on[])(struct self *me, struct peer *p, struct imsg *m);
extern int (*const clerk_on[])(struct self *me, struct peer *p, struct imsg *m);
extern int (*const courier_on[])(struct self *me, struct peer *p, struct imsg *m);
extern int (*const bench_on[])(struct self *me, struct peer *p, struct imsg *m);

int front_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX]);
int front_early(struct self *me);
int front_start(struct self *me);
void front_down(struct self *me, struct peer *p);
void front_stop(struct self *me);

int core_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX]);
int core_start(struct self *me);
void core_down(struct self *me, struct peer *p);
void core_stop(struct self *me);

int ca_early(struct self *me);
int ca_start(struct self *me);
void ca_up(struct self *me, struct peer *p);
void ca_hup(struct self *me);
void ca_stop(struct self *me);

int clerk_start(struct self *me);
void clerk_up(struct self *me, struct peer *p);
void clerk_stop(struct self *me);

int bench_start(struct self *me);

int courier_start(struct self *me);
void courier_stop(struct self *me);

/* --setup: makes keys, certificates and the database where there are none, prints the password;
 * what struct program's parse returns. */
int setup_run(struct self *me);
