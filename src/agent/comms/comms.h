#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "agent/comms/control.h"
#include "agent/comms/identity.h"
#include "agent/comms/places.h"
#include "agent/comms/policy.h"
#include "agent/comms/proxies.h"
#include "agent/outbox.h"
#include "net/client.h"

struct comms;

/*
 * What is to be told to, or asked of, the manager again and again: a row each. A failed one is
 * tried again after a growing pause with some chance in it, or at once when another one succeeds.
 */
enum task_id {
	TASK_HEARTBEAT,
	TASK_POLICY,
	TASK_COMMANDS,
	TASK_EVENTS,
	TASK_RESULTS,
	TASK_INDEX,
	TASK_FILE,
	TASK_COUNT
};

struct task {
	struct comms *comms;
	enum task_id id;
	struct call *call; /* under way */
	struct watch timer;
	unsigned failures;
	bool again; /* wanted once more when the call is over */
};

/* A command of the manager, or what a tool asked for, that is being carried out. */
struct command {
	TAILQ_ENTRY(command) next;
	int64_t id;         /* 0 or from COMMAND_TOOLS on: a tool's */
	uint32_t asked;     /* id of our STORE message; 0: P_TREE does it */
	struct exchange *x; /* the tool that waits, or NULL */
	const struct command_kind *kind;
	char *wanted;    /* owned: the path or record that a tool named */
	json_t *how;     /* owned: of a restore, what else was said */
	struct buf file; /* a quarantined file to be sent, and what opens it */
	char password[64];
	bool file_ready;
	bool unwanted; /* a scan whose tool went away */
};

struct comms {
	struct self *me;
	struct client *client;
	struct outbox outbox;
	struct control control;
	int dir;      /* owned; the working directory */
	int diag;     /* owned */
	json_t *host; /* owned: our name */
	struct identity id;
	struct policy policy;
	struct proxies proxies;
	struct places places;
	struct task tasks[TASK_COUNT];
	bool online;         /* the last exchange with the manager succeeded */
	uint64_t seen_ms;    /* when that was, since the epoch */
	uint64_t started_ms; /* monotonic */
	char refused[160];   /* why the last policy was refused */

	json_t *parts[P_COUNT][INSTANCES_MAX]; /* owned: the others' STATUS */
	struct buf batch;                      /* from the spool; empty: nothing to upload */
	uint64_t posting_first;                /* number of the first event that is under way */
	int64_t last_command, last_tool;
	TAILQ_HEAD(command_list, command) commands;
	json_t *results; /* owned array: to be posted */
	size_t nposting; /* of these, in the call that is under way */
	bool leaving;    /* deactivated: forget all when the results are posted */
	json_t *index;   /* owned array: entries of the quarantine to be posted */
	bool index_whole, index_asked;
	size_t index_posting;
	struct command *sending; /* whose file is under way */
	struct watch beat;       /* the next heartbeat */
	uint32_t next_ask;
	struct activation *activation; /* under way */
};

/* tasks.c */
void tasks_init(struct comms *c);
void tasks_start(struct comms *c); /* after activation */
void tasks_stop(struct comms *c);
void task_want(struct comms *c, enum task_id id);
/* A row's call: adds the path and fills body, method and the like; false: nothing to do now. */
struct task_row {
	const char *name;
	bool (*ask)(struct comms *c, struct buf *path, struct buf *body, struct call_options *o);
	/* The manager answered with 2xx. < 0: its answer is no good. */
	int (*answer)(struct comms *c, const struct reply *r);
};
extern const struct task_row task_rows[TASK_COUNT];
/* The proxy for the manager in o. */
void comms_proxy(const struct comms *c, struct call_options *o, char url[static 320]);

/* activate.c */
void activation_ask(struct comms *c, struct exchange *x, const json_t *args);
void activation_drop(struct comms *c);

void heartbeat_plan(struct comms *c);

/* commands.c */
int commands_take(struct comms *c, const json_t *list);
/* A command that a tool asks for: id 0. < 0 with a sentence: it cannot be done. */
int command_local(struct comms *c, const char *kind, json_t *args, struct err *why);
/* how: "path", "overwrite", "exempt", each optional; taken. */
void command_restore(struct comms *c, struct exchange *x, const char *wanted, json_t *how);
/* Scans these paths (args: {"paths":[...]}) for a tool and tells it how it went. */
void command_scan(struct comms *c, struct exchange *x, const json_t *args);
struct command *command_with_file(struct comms *c);
void command_end(struct comms *c, struct command *k, const char *state, const char *message);
void command_sent(struct comms *c, struct command *k); /* its file has arrived */
void commands_progress(struct comms *c, const json_t *progress);
void commands_store_done(struct comms *c, struct imsg *m, struct str body);
void commands_tree_lost(struct comms *c);
void commands_drop(struct comms *c);
int index_ask(struct comms *c); /* the whole index of the quarantine from the guard */

/* status.c */
void status_take(struct comms *c, const struct peer *from, json_t *part); /* takes part */
json_t *status_make(const struct comms *c);                               /* for the heartbeat */
void status_text(const struct comms *c, struct buf *out);                 /* GetAgentStatus */
void status_components(const struct comms *c, struct buf *out);           /* GetComponentInfo */

/* diag.c: makes LIB/diag/N.zip; its name in *name. */
int diag_make(struct comms *c, struct buf *name, struct err *why);

/* verbs.c: what the tools ask */
void verb_ask(void *arg, struct exchange *x, const char *verb, const json_t *args);

/* comms.c */
void comms_activated(struct comms *c);
void comms_reset(struct comms *c, const char *why);
int comms_new_policy(struct comms *c, struct str text, struct str signature, struct err *why);
void comms_event(struct comms *c, const char *kind, const char *target, const char *description,
                 int64_t count);
