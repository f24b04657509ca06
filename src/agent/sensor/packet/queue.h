#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * A queue of packets that the kernel asks about (NFQUEUE). The guard opens the socket, since that
 * and its buffer need root; the process that answers binds it and reads packets in bursts. They are
 * looked at where they were received; nothing is copied or allocated per packet.
 */
enum {
	QUEUE_BURST = 32,
	QUEUE_MESSAGE = 68 * 1024, /* a whole GSO packet and its attributes */
	QUEUE_LENGTH = 8192        /* packets that may wait in the kernel */
};

enum queue_flag { QUEUE_GSO = 1u << 0, QUEUE_FAIL_OPEN = 1u << 1 };

struct queued_packet {
	uint32_t id, mark, indev, outdev;
	uint8_t hook;        /* NF_INET_x */
	uint16_t protocol;   /* EtherType, host order */
	const uint8_t *data; /* from the IP header on */
	uint32_t len, wire;  /* what is here, and how long the packet is */
	const uint8_t *mac;  /* the sender's, 6 bytes; NULL: none */
	const uint8_t *l2;   /* the whole hardware header; NULL: none */
	uint32_t l2_len;
	uint16_t vlan;     /* 0: none */
	uint32_t skb_info; /* NFQA_SKB_x */
};

struct queue {
	int fd; /* borrowed */
	uint16_t number;
	unsigned flags; /* QUEUE_x that the kernel took */
	uint32_t seq;
	uint64_t lost;     /* reads that failed since the kernel's buffer was full */
	uint8_t *room;     /* owned: QUEUE_BURST messages */
	uint32_t accepted; /* the last id of a run of accepted packets that is not told yet */
	bool pending;
	struct mmsghdr heads[QUEUE_BURST];
	struct iovec parts[QUEUE_BURST];
};

/* In the guard: a socket with a large buffer, in this network namespace; or -errno. */
int queue_socket(void);
/* Binds it: each request is acknowledged, flags one at a time, since some kernels refuse all of
 * them together. fail_open: what does not fit in a full queue passes. */
int queue_init(struct queue *q, int fd, uint16_t number, bool fail_open);
void queue_done(struct queue *q);
void queue_fail_open(struct queue *q, bool yes);
/* Reads what there is, at most QUEUE_BURST; each() looks at one and answers it with
 * queue_verdict(). Returns how many, 0: none, or -errno. */
int queue_read(struct queue *q, void (*each)(const struct queued_packet *p, void *arg), void *arg);
/* Accepted packets are answered together at the end of a burst; others at once, in order. */
void queue_verdict(struct queue *q, uint32_t id, uint32_t verdict, uint32_t mark);
void queue_flush(struct queue *q);
