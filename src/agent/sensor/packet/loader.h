#pragma once
#include <jansson.h>

#include "agent/agent.h"
#include "base/str.h"

/*
 * In the guard: rulesets go into the kernel one after another, each by a program run for it
 * (`yagura-agent --load-firewall=next`), so that the guard never waits for nft. What comes while
 * one runs waits, and only the newest of them is loaded.
 */
struct loader;

/* done: a JSON object {"by"} or {"error"} (borrowed) for the ruleset of this id. */
struct loader *loader_new(struct self *me,
                          void (*done)(struct self *me, uint32_t id, json_t *answer));
/* A ruleset's document (ruleset.h). */
void loader_put(struct loader *l, uint32_t id, struct str document);
/* Takes our table out of the kernel and forgets the kept ruleset. */
void loader_forget(struct loader *l);
/* Ends: the table stays or goes as the last ruleset said ("whenStopped"). */
void loader_free(struct loader *l);

/* The packet processes: born with their sockets, ended when they stand still. */
int loader_prepare(struct loader *l, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX]);
void loader_up(struct loader *l, const struct peer *p, pid_t pid);
void loader_down(struct loader *l, const struct peer *p);
