#pragma once
#include <jansson.h>

#include "agent/agent.h"

/*
 * In the guard: the programs of hook.bpf.c in the kernel. `tls` says in which processes it wants to
 * look (TLS_LOOK); the guard finds the libraries that they have mapped and gives each, open, to
 * `tls`, which finds the functions in it (TLS_LIBRARY, TLS_HOOK); the guard hooks them. So nothing
 * of a file that others may have written is read by the guard, and `tls` needs no right for it.
 * The programs go when `tls` ends.
 */
struct hooks;

struct hooks *hooks_new(struct self *me);
void hooks_free(struct hooks *h);
/* In tls_prepare(): loads the programs; "ring" and "diag". What cannot be is said in TLS_STATE. */
int hooks_prepare(struct hooks *h, struct birth_fd out[static BIRTH_FDS_MAX]);
void hooks_down(struct hooks *h);
/* The messages of `tls`; -EBADMSG. */
int hooks_look(struct hooks *h, const json_t *message);
int hooks_hook(struct hooks *h, const json_t *message);
