#pragma once
#include "proc/proc.h"

/* Inside proc/: the link between guard and child, and the rules that every link obeys. */

enum { LINK_FILENO = 3 };

/* Messages of the link itself; a program's own types are small numbers. */
enum link_type {
	LINK_FD = 0x7fff0000, /* a descriptor at birth; body: its name */
	LINK_PEER,   /* a socket to another process; body: u32 who, u32 instance, u32 birth */
	LINK_GO,     /* birth is complete */
	LINK_READY,  /* child: started and sandboxed */
	LINK_BROKEN, /* child: a pair broke; body: as LINK_PEER gave it */
	LINK_STOP,
	LINK_HUP,
};

bool link_permitted(const struct program *program, unsigned a, unsigned b);
/* 0, or why a message of `from` to `to` breaks the table. */
int link_check(const struct program *program, unsigned from, unsigned to, const struct imsg *m);
int link_got(struct peer *p, struct imsg *m); /* peer.got: check, then the handler */
int link_peer(struct self *me, struct imsg *m);

int guard_main(struct self *me, char **argv);
/* Forks and executes a row; the child's end of `link` becomes its descriptor 3. pid or -errno. */
pid_t spawn(const struct self *guard, const struct proc *row, unsigned instance, char **argv,
            int link);
