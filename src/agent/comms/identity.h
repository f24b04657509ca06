#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "agent/comms/address.h"
#include "base/buf.h"
#include "net/identity.h"

/*
 * Who the agent is for which manager. On disk: key.pem, cert.pem, ca.pem and, written last,
 * identity.json, without which the others count for nothing. The process works in that folder, so
 * these names are also what libcurl is given.
 */
#define IDENTITY_KEY  "key.pem"
#define IDENTITY_CERT "cert.pem"
#define IDENTITY_CA   "ca.pem"

struct identity {
	bool valid; /* the agent is activated */
	struct address manager;
	char host_guid[64], tenant_id[64], manager_guid[64];
	int64_t computer_id;
	uint8_t policy_key[PUBLIC_KEY_LEN];
};

/* 0 with out->valid saying whether there is one; < 0: there is one that cannot be used. */
int identity_load(int dir, struct identity *out, struct err *why);
/* Keeps what the manager answered to /agent/activate. */
int identity_keep(int dir, const struct address *manager, struct str key, struct str ca,
                  struct str answer, struct identity *out, struct err *why);
int identity_forget(int dir);
/* "https://host:port" + path */
void identity_url(const struct identity *id, const char *path, struct buf *out);
