#pragma once
#include <jansson.h>

#include "base/err.h"

/* The client's side of the agent's own socket, RUN/control.sock (docs/protocol.md 2). */
enum { CONTROL_UNREACHABLE = 3 /* exit status: there is no agent that answers */ };

struct control_reply {
	int status, exit;
	char *text, *response; /* owned */
};

/*
 * Sends {"verb","args"} (args is taken over) and waits for the end; progress lines go to `line` as
 * they come. -ECONNREFUSED, -ENOENT...: the agent does not run.
 */
int control_ask(const char *run, const char *verb, json_t *args,
                void (*line)(void *arg, const char *text), void *arg, struct control_reply *out,
                struct err *why);
void control_reply_done(struct control_reply *r);

/* Where the agent's socket is: --run, else the environment's YAGURA_RUN, else /run/yagura. */
const char *control_run_dir(const char *option);

/* Prints "HTTP Status: 200 - OK", "Response:" and what the agent answered. */
void control_print(const struct control_reply *r);
