#pragma once
#include <jansson.h>

#include "agent/agent.h"
#include "base/map.h"

/*
 * The guard's part of Log Inspection: it opens the log files that `logs` asks for and hands them
 * over. What it handed over once it hands over again only when another file has the name.
 */
struct opener {
	struct self *me;
	struct map given; /* by path: struct given, owned */
};

void opener_init(struct opener *o, struct self *me);
void opener_done(struct opener *o);
void opener_down(struct opener *o); /* `logs` ended: it has nothing any more */
/* LOG_LOOK, LOG_CLOSED (agent.h). */
int opener_look(struct opener *o, const json_t *ask);
int opener_closed(struct opener *o, const json_t *what);
