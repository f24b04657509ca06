#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Which addresses of an IPv4 network have a computer behind them. One is there when it takes or
 * refuses a TCP connection to one of a few ports that servers have, or when our own network's
 * neighbour table knows its hardware address afterwards (it answered ARP and dropped the rest). No
 * raw sockets, so no right is needed.
 */
struct sweep {
	uint32_t low, high; /* host byte order, both included */
	bool names;         /* ask the resolver for their names */
	int stop;           /* readable: give up (-ECANCELED); -1: never */
};

/* Adds JSON: [{"ip":"10.0.0.2","name":"web.example"},...] in the order of their addresses. */
int sweep(const struct sweep *s, struct buf *out, struct err *why);

/* The lines of /proc/net/arp: calls seen() for each address with a hardware address. */
void sweep_neighbours(struct str text, void (*seen)(void *arg, uint32_t address), void *arg);
