#pragma once
#include <jansson.h>
#include <stdint.h>

#include "agent/comms/identity.h"
#include "base/buf.h"

/* A policy whose signature, owner and age were found good. {0}: none. */
struct policy {
	struct buf text; /* the signed bytes */
	json_t *json;    /* owned */
	uint64_t version;
};

void policy_done(struct policy *p);
/* Is it signed by the manager's key, for this host, and no older than `have`? */
int policy_check(struct str text, struct str signature, const struct identity *id, uint64_t have,
                 struct policy *out, struct err *why);
/* The answer of GET /agent/policy: {"policy":base64,"signature":base64}. */
int policy_decode(struct str answer, struct buf *text, struct buf *signature, struct err *why);
/* The last good one on disk, in one file, so that text and signature always belong together. */
int policy_keep(int dir, struct str text, struct str signature);
/* -ENOENT: there is none; it is checked like one from the network. */
int policy_load(int dir, const struct identity *id, struct policy *out, struct err *why);
/* The value of a policy setting, or otherwise. */
const char *policy_setting(const struct policy *p, const char *name, const char *otherwise);
/* "10 Minutes", "1 Hour", "60 Seconds" in ms; 0: not that. */
uint64_t policy_duration(const char *text);
