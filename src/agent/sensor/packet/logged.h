#pragma once
#include "agent/sensor/packet/queue.h"

/*
 * What the kernel decided by itself and tells (nflog): its packets, each with the prefix that the
 * rule gave it.
 */
enum { LOG_GROUP = 47120 };

struct logged {
	int fd;        /* borrowed: queue_socket() */
	uint8_t *room; /* owned */
};

int logged_init(struct logged *l, int fd);
void logged_done(struct logged *l);
/* Reads what there is; each() gets a packet without an id, and the prefix. 0 or -errno. */
int logged_read(struct logged *l,
                void (*each)(const struct queued_packet *p, const char *prefix, void *arg),
                void *arg);
