#pragma once
#include <stdint.h>

#include "net/client.h"
#include "proc/loop.h"

struct comms;
struct peer;

/*
 * Where this computer is, for the Firewall's contexts (module/firewall: enum fw_place). It is local
 * when the manager answers, or, with an address in firewallSettingIntranetConnectivityTestUrl, when
 * that page comes and has what is expected; else remote. With an address for the Internet, that
 * page says whether the Internet is reached. Nothing is asked unless the policy has a context, and
 * what changed is believed when it was found twice.
 */
enum { PLACES_PAGES = 2 };

struct places {
	struct comms *comms; /* borrowed */
	struct watch timer;  /* fd -1: nothing is to be found out */
	struct page {
		struct places *places;
		struct call *call;    /* under way */
		char *url, *expected; /* owned; "": none */
		bool reached;
	} pages[PLACES_PAGES]; /* the own network's, the Internet's */
	uint32_t told, seen;   /* enum fw_place bits; 0: not known yet */
};

void places_init(struct places *p, struct comms *c);
void places_done(struct places *p);
void places_policy(struct places *p); /* the policy is another one */
void places_up(struct places *p, struct peer *packet);
