#pragma once
#include "agent/agent.h"
#include "agent/outbox.h"
#include "agent/sensor/packet/judges.h"
#include "agent/sensor/packet/links.h"
#include "agent/sensor/packet/logged.h"
#include "agent/sensor/packet/queue.h"
#include "agent/sensor/packet/taker.h"
#include "base/map.h"

/*
 * The process `packet`: packet.c answers the kernel's questions and hears what it decided by
 * itself, judges.c is where a packet is judged, kernel.c compiles the ruleset, has the guard load
 * it and says what is in force. Each instance answers a queue of its own; the first does what is
 * done once for all.
 */

enum {
	/* Our bits of the packet mark: no more questions about this connection; end it. */
	MARK_SETTLED = 1 << 27,
	MARK_RESET = 1 << 28,
	/* Our bits of the conntrack mark: six of the compiler's, and the agent's own connections.
	 */
	MARK_SHIFT = 20,
	MARK_OWN = 1 << 26,
	GENERATIONS = 7
};

/* What is in the kernel and what is wished for; the first instance's. */
struct kernel {
	uid_t comms;    /* who talks to the manager */
	char *stopped;  /* owned: "Leave" or "Remove" the table when the agent ends */
	int tables;     /* owned; -1: none */
	char *document; /* owned: the ruleset that was sent last, "": none; NULL: none yet */
	uint32_t loads; /* how many were sent */
	bool loaded;    /* the last one is in the kernel */
	char by[24];    /* what it asks with */
	char trouble[256];
	struct map counted;        /* rule's number (8 bytes): struct count, owned */
	unsigned hour, generation; /* 1 to GENERATIONS */
	unsigned places;           /* enum fw_place, as comms found out; 0: not yet */
};

struct packets {
	struct host host;
	struct self *me;
	struct outbox outbox;
	struct judges judges;
	struct taker taker;
	struct queue queue;
	struct logged logged;
	struct links links;
	struct watch asked, told, changed, tick;
	void *alive;
	char deaf[128]; /* what cannot be heard */
	uint64_t ticks;
	struct kernel kernel;
};

static inline bool packets_first(const struct packets *s)
{
	return s->me->instance == 0;
}

void kernel_init(struct packets *s);
void kernel_done(struct packets *s);
/* A new policy was taken by the judges, or NULL: none. */
void kernel_policy(struct packets *s, const json_t *policy);
/* Compiles again when an interface or the hour changed; what is in the kernel already is not
 * loaded a second time. */
void kernel_links(struct packets *s);
void kernel_tick(struct packets *s);
void kernel_places(struct packets *s, unsigned places); /* enum fw_place */
/* RULESET_DONE */
void kernel_answered(struct packets *s, uint32_t id, struct str answer);
/* The kernel's counters of rules become the Firewall's hits. */
void kernel_count(struct packets *s);
void kernel_tell_status(struct packets *s);
