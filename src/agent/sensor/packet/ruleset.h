#pragma once
#include <jansson.h>

#include "agent/sensor/packet/ask.h"
#include "base/err.h"
#include "base/str.h"

/*
 * The compiled ruleset in the kernel and on disk. A document is
 *   {"version":1,"failOpen":bool,"queues":N,"whenStopped":"leave|remove","ackGapMs":N,
 *    "nft":{"nftables":[...]}}
 * with the nft part as the Firewall compiles it. Loading puts the chain "ask" in place (ask.h),
 * then gives nft one transaction that replaces everything else in our table and nothing in
 * anybody's. Needs root; done by a program run for it (ruleset_main()), so that the guard never
 * waits and a host without a running agent is protected from the first packet.
 */

/* Is it well-formed, and does it name no table but ours? */
int ruleset_check(const json_t *document, struct err *why);

/* What of our table is in the kernel: {"chains":[name],"sets":[{"name","kind","kept"}],
 * "counters":[name],"families":[name]}; new, or NULL. */
json_t *ruleset_found(struct err *why);
/* The one transaction that makes the ruleset out of what was found (new). */
json_t *ruleset_transaction(const json_t *document, const json_t *found);

int ruleset_load(const json_t *document, enum ask_by *by, struct err *why);
/* Removes our table from every family; none there is no error. The kernel's own pace of answers to
 * ACKs is back. */
int ruleset_remove(struct err *why);

/* LIB/firewall/ruleset.json: the last one that the kernel took. */
#define RULESET_FOLDER "firewall"
#define RULESET_KEPT   "ruleset.json"
#define RULESET_NEXT   "next.json"
enum { RULESET_MAX = 32 << 20 };

/*
 * yagura-agent --load-firewall: loads the kept ruleset; --load-firewall=next: loads next.json and
 * keeps it when the kernel took it; --unload-firewall removes the table. Prints
 * {"by":"queue statement|compat target"} or {"error":sentence}. -1: the command line asks for none
 * of these; else the exit status.
 */
int ruleset_main(int argc, char **argv);
