#pragma once
#include <pthread.h>

#include "agent/sensor/packet/judges.h"
#include "base/buf.h"
#include "proc/loop.h"

/*
 * A policy's rules are parsed and compiled beside the loop, which goes on answering packets by the
 * rules before: thousands of rules take longer than a packet may wait. A thread and not a process,
 * because what it makes (pattern databases, compiled expressions) is handed over as it lies in
 * memory. Of policies that come meanwhile the newest counts.
 */
struct taker {
	struct loop *loop; /* borrowed */
	struct watch ready;
	pthread_t thread;
	bool busy, waits;
	struct buf next; /* with `waits` */
	struct taken_policy {
		struct buf body;
		json_t *policy; /* owned; NULL: protect nothing */
		struct judges_taken rules;
		struct err why;
		int rc;
	} job;
	/* In the loop, with each policy that was taken or refused; what is left of it is freed. */
	void (*done)(struct taker *t, struct taken_policy *p);
};

int taker_init(struct taker *t, struct loop *loop,
               void (*done)(struct taker *t, struct taken_policy *p));
void taker_done(struct taker *t);
/* body: the document, empty: no policy. */
void taker_give(struct taker *t, struct str body);
