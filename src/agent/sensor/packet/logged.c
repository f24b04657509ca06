#include "agent/sensor/packet/logged.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensor/packet/attributes.h"
#include "base/auto.h"

/* nflog: how much of a packet, how many together, and how long they may wait (1/100 s). */
enum {
	ROOM = 256 * 1024,
	PACKET_BYTES = 2048,
	TOGETHER = 32,
	WAIT_CS = 5,
	ANSWER_MS = 2000,
	READS = 16
};

static int answer(struct logged *l, uint32_t seq)
{
	for (;;) {
		struct pollfd p = { .fd = l->fd, .events = POLLIN };
		int n = poll(&p, 1, ANSWER_MS);
		if (n <= 0)
			return n < 0 ? -errno : -ETIMEDOUT;
		ssize_t got = recv(l->fd, l->room, ROOM, 0);
		const struct nlmsghdr *h = (const void *)l->room;
		if (got < 0)
			return -errno;
		if (mnl_nlmsg_ok(h, (int)got) && h->nlmsg_type == NLMSG_ERROR &&
		    h->nlmsg_seq == seq)
			return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
	}
}

int logged_init(struct logged *l, int fd)
{
	_Alignas(8) char room[256];
	const struct nfulnl_msg_config_cmd bind_it = { .command = NFULNL_CFG_CMD_BIND };
	const struct nfulnl_msg_config_mode mode = { .copy_range = htonl(PACKET_BYTES),
		                                     .copy_mode = NFULNL_COPY_PACKET };
	*l = (struct logged){ .fd = fd, .room = malloc(ROOM) };
	if (!l->room)
		return -ENOMEM;
	struct nlmsghdr *h = mnl_nlmsg_put_header(room);
	h->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	h->nlmsg_seq = 1;
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = AF_UNSPEC;
	g->version = NFNETLINK_V0;
	g->res_id = htons(LOG_GROUP);
	mnl_attr_put(h, NFULA_CFG_CMD, sizeof(bind_it), &bind_it);
	mnl_attr_put(h, NFULA_CFG_MODE, sizeof(mode), &mode);
	mnl_attr_put_u32(h, NFULA_CFG_TIMEOUT, htonl(WAIT_CS));
	mnl_attr_put_u32(h, NFULA_CFG_QTHRESH, htonl(TOGETHER));
	if (send(fd, h, h->nlmsg_len, 0) < 0)
		return -errno;
	return answer(l, 1);
}

void logged_done(struct logged *l)
{
	free(l->room);
	l->room = NULL;
}

static uint32_t number_of(const struct nlattr *a)
{
	uint32_t v = 0;
	if (a && mnl_attr_get_payload_len(a) >= sizeof(v))
		memcpy(&v, mnl_attr_get_payload(a), sizeof(v));
	return ntohl(v);
}

static void one(const struct nlmsghdr *h,
                void (*each)(const struct queued_packet *p, const char *prefix, void *arg),
                void *arg)
{
	const struct nlattr *a[NFULA_MAX + 1] = { NULL };
	struct nfulnl_msg_packet_hdr head = { 0 };
	char prefix[128] = "";
	attributes_of(h, sizeof(struct nfgenmsg), a, NFULA_MAX + 1);
	if (!a[NFULA_PACKET_HDR] || mnl_attr_get_payload_len(a[NFULA_PACKET_HDR]) < sizeof(head) ||
	    !a[NFULA_PAYLOAD])
		return;
	memcpy(&head, mnl_attr_get_payload(a[NFULA_PACKET_HDR]), sizeof(head));
	struct queued_packet p = { .hook = head.hook,
		                   .protocol = ntohs(head.hw_protocol),
		                   .mark = number_of(a[NFULA_MARK]),
		                   .indev = number_of(a[NFULA_IFINDEX_INDEV]),
		                   .outdev = number_of(a[NFULA_IFINDEX_OUTDEV]),
		                   .data = mnl_attr_get_payload(a[NFULA_PAYLOAD]),
		                   .len = mnl_attr_get_payload_len(a[NFULA_PAYLOAD]) };
	p.wire = p.len;
	const uint8_t *hw = a[NFULA_HWADDR] ? mnl_attr_get_payload(a[NFULA_HWADDR]) : NULL;
	if (hw &&
	    mnl_attr_get_payload_len(a[NFULA_HWADDR]) >= sizeof(struct nfulnl_msg_packet_hw) &&
	    hw[0] == 0 && hw[1] == 6)
		p.mac = hw + offsetof(struct nfulnl_msg_packet_hw, hw_addr);
	if (a[NFULA_PREFIX]) {
		size_t n = mnl_attr_get_payload_len(a[NFULA_PREFIX]);
		memcpy(prefix, mnl_attr_get_payload(a[NFULA_PREFIX]),
		       n < sizeof(prefix) ? n : sizeof(prefix) - 1);
	}
	each(&p, prefix, arg);
}

int logged_read(struct logged *l,
                void (*each)(const struct queued_packet *p, const char *prefix, void *arg),
                void *arg)
{
	for (int reads = 0; reads < READS; reads++) {
		ssize_t n = recv(l->fd, l->room, ROOM, MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
		int left = (int)n;
		for (const struct nlmsghdr *h = (const void *)l->room; mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left))
			if (h->nlmsg_type == (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
				one(h, each, arg);
	}
	return 0;
}
