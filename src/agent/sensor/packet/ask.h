#pragma once
#include <stdbool.h>

/*
 * The chain "ask" of our table: whatever jumps there is asked for in user space. It is not a part
 * of what `nft -j` loads, since no nft can say an nft_compat target, which stands in for the queue
 * statement where a kernel lacks that. So it is put in place first, by itself and in one batch,
 * while nothing or the old ruleset jumps to it; the ruleset that follows leaves it alone.
 */
#define TABLE     "yagura"
#define CHAIN_ASK "ask"

enum {
	QUEUE_FIRST = 47120, /* our queues are QUEUE_FIRST ... in this network namespace */
	QUEUES_MAX = 4
};

/* What this kernel asks with. */
enum ask_by { ASK_NOTHING, ASK_STATEMENT, ASK_TARGET };
extern const char *const ask_names[]; /* "queue statement", "compat target" */

struct ask_plan {
	unsigned queues; /* connections are spread over so many; 1 to QUEUES_MAX */
	bool fail_open;  /* no process at a queue: the packet passes; else it is dropped */
};

/* 0 and how, or -errno: the old chain is in force. */
int ask_put(const struct ask_plan *plan, enum ask_by *by);
