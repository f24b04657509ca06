#pragma once
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Transactions of nf_tables by netlink, for the few things that `nft -j` cannot say. A batch takes
 * effect as a whole or not at all.
 */
struct tables_batch {
	_Alignas(8) char room[16384];
	size_t n;
	uint32_t seq; /* of the message added last */
	unsigned messages;
};

void tables_begin(struct tables_batch *b);
/* A message NFT_MSG_x of this family; its attributes are put behind it with mnl_attr_put_*(). The
 * room is enough for what this agent says. */
struct nlmsghdr *tables_add(struct tables_batch *b, unsigned type, unsigned family, unsigned flags);
/* Closes the message that tables_add() began. */
void tables_added(struct tables_batch *b, const struct nlmsghdr *h);
/* A socket for the calls below, in this network namespace; or -errno. */
int tables_socket(void);
/* Sends it and waits for the answer: 0, or the first error as -errno. */
int tables_commit(int fd, struct tables_batch *b);
/* Dumps objects (NFT_MSG_GETx) of a family; each() may end it with < 0. */
int tables_dump(int fd, unsigned type, unsigned family, const char *table,
                int (*each)(const struct nlmsghdr *h, void *arg), void *arg);
