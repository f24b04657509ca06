#pragma once
#include "proc/proc.h"

/* The manager's processes, in the order of procs.c. */
enum proc_id { P_GUARD, P_FRONT, P_CORE, P_CA, P_CLERK, P_COUNT };

enum imsg_type {
#define IMSG(name, from, to, fd, max, doc) M_##name,
#include "manager/imsg.def"
#undef IMSG
	M_COUNT
};

/* The periodic jobs that the clerk asks the core for; clerk.c says how often. */
enum tick {
	TICK_STATUS,    /* computers that went offline, jobs that timed out */
	TICK_SESSIONS,  /* sessions and nonces that expired */
	TICK_RETENTION, /* events older than they are kept */
	TICK_COPY,      /* is a copy of the database due? */
	TICK_COUNT
};

/* Each process's face to the table in procs.c; *_on holds M_COUNT handlers. */
typedef int on_fn(struct self *me, struct peer *p, struct imsg *m);
extern on_fn *const guard_on[], *const front_on[], *const core_on[], *const ca_on[],
									     *const clerk_on[];

int front_start(struct self *me);
void front_up(struct self *me, struct peer *p);
void front_down(struct self *me, struct peer *p);
void front_hup(struct self *me);
void front_stop(struct self *me);

int core_start(struct self *me);
void core_up(struct self *me, struct peer *p);
void core_down(struct self *me, struct peer *p);
void core_hup(struct self *me);
void core_stop(struct self *me);

int ca_start(struct self *me);
void ca_up(struct self *me, struct peer *p);
void ca_hup(struct self *me);
void ca_stop(struct self *me);

int clerk_start(struct self *me);
void clerk_stop(struct self *me);

void guard_up(struct self *me, struct peer *p);
void guard_down(struct self *me, struct peer *p);
