#include "agent/sensor/packet/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sensor/packet/attributes.h"
#include "base/auto.h"

enum { RECEIVE_BYTES = 8 << 20, ANSWER_MS = 2000, REQUEST_ROOM = 256 };

int queue_socket(void)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	const int room = RECEIVE_BYTES, yes = 1;
	AUTO(closep)
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &yes, sizeof(yes)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* ---- asking the kernel for what we want ---- */

static struct nlmsghdr *request(struct queue *q, char *room, unsigned type, unsigned flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(room);
	h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type);
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = ++q->seq;
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = AF_UNSPEC;
	g->version = NFNETLINK_V0;
	g->res_id = htons(q->number);
	return h;
}

static bool packet_of(const struct nlmsghdr *h, struct queued_packet *out);
static void send_verdict(struct queue *q, unsigned type, uint32_t id, uint32_t verdict,
                         uint32_t mark);

/* Packets may come before the answer, when there are no rules to judge them by: they are dealt with
 * as if nobody were there. */
static int answer(struct queue *q, uint32_t seq, bool pass)
{
	for (;;) {
		struct pollfd p = { .fd = q->fd, .events = POLLIN };
		struct queued_packet early;
		int n = poll(&p, 1, ANSWER_MS);
		if (n <= 0)
			return n < 0 ? -errno : -ETIMEDOUT;
		ssize_t got = recv(q->fd, q->room, QUEUE_MESSAGE, 0);
		if (got < 0)
			return -errno;
		const struct nlmsghdr *h = (const void *)q->room;
		if (!mnl_nlmsg_ok(h, (int)got))
			continue;
		if (packet_of(h, &early))
			send_verdict(q, NFQNL_MSG_VERDICT, early.id, pass ? NF_ACCEPT : NF_DROP, 0);
		else if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_seq == seq)
			return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
	}
}

static int ask(struct queue *q, struct nlmsghdr *h, bool pass)
{
	if (send(q->fd, h, h->nlmsg_len, 0) < 0)
		return -errno;
	return answer(q, h->nlmsg_seq, pass);
}

static struct nlmsghdr *flag_request(struct queue *q, char *room, uint32_t flag, bool on,
                                     unsigned flags)
{
	struct nlmsghdr *h = request(q, room, NFQNL_MSG_CONFIG, flags);
	mnl_attr_put_u32(h, NFQA_CFG_FLAGS, htonl(on ? flag : 0));
	mnl_attr_put_u32(h, NFQA_CFG_MASK, htonl(flag));
	return h;
}

static bool set_flag(struct queue *q, uint32_t flag, bool pass)
{
	_Alignas(8) char room[REQUEST_ROOM];
	return ask(q, flag_request(q, room, flag, true, NLM_F_ACK), pass) == 0;
}

/* In one request, since packets between the two would be dropped. */
static int bind_queue(struct queue *q, bool pass)
{
	_Alignas(8) char room[REQUEST_ROOM];
	const struct nfqnl_msg_config_cmd bind_it = { .command = NFQNL_CFG_CMD_BIND };
	const struct nfqnl_msg_config_params params = { .copy_range = htonl(0xffff),
		                                        .copy_mode = NFQNL_COPY_PACKET };
	struct nlmsghdr *h = request(q, room, NFQNL_MSG_CONFIG, NLM_F_ACK);
	mnl_attr_put(h, NFQA_CFG_CMD, sizeof(bind_it), &bind_it);
	mnl_attr_put(h, NFQA_CFG_PARAMS, sizeof(params), &params);
	mnl_attr_put_u32(h, NFQA_CFG_QUEUE_MAXLEN, htonl(QUEUE_LENGTH));
	return ask(q, h, pass);
}

void queue_fail_open(struct queue *q, bool yes)
{
	_Alignas(8) char room[REQUEST_ROOM];
	if (yes == ((q->flags & QUEUE_FAIL_OPEN) != 0))
		return;
	/* Without an answer, since packets come meanwhile; the kernel took it before. */
	const struct nlmsghdr *h = flag_request(q, room, NFQA_CFG_F_FAIL_OPEN, yes, 0);
	if (send(q->fd, h, h->nlmsg_len, 0) == (ssize_t)h->nlmsg_len)
		q->flags ^= QUEUE_FAIL_OPEN;
}

int queue_init(struct queue *q, int fd, uint16_t number, bool fail_open)
{
	*q = (struct queue){ .fd = fd, .number = number };
	q->room = malloc((size_t)QUEUE_BURST * QUEUE_MESSAGE);
	if (!q->room)
		return -ENOMEM;
	for (size_t i = 0; i < QUEUE_BURST; i++) {
		q->parts[i] = (struct iovec){ q->room + i * QUEUE_MESSAGE, QUEUE_MESSAGE };
		q->heads[i].msg_hdr = (struct msghdr){ .msg_iov = &q->parts[i], .msg_iovlen = 1 };
	}
	int rc = bind_queue(q, fail_open);
	if (rc < 0)
		return rc;
	q->flags |= set_flag(q, NFQA_CFG_F_GSO, fail_open) ? QUEUE_GSO : 0;
	if (fail_open)
		q->flags |= set_flag(q, NFQA_CFG_F_FAIL_OPEN, fail_open) ? QUEUE_FAIL_OPEN : 0;
	return 0;
}

void queue_done(struct queue *q)
{
	free(q->room);
	q->room = NULL;
}

/* ---- verdicts ---- */

static void send_verdict(struct queue *q, unsigned type, uint32_t id, uint32_t verdict,
                         uint32_t mark)
{
	_Alignas(8) char room[REQUEST_ROOM];
	const struct nfqnl_msg_verdict_hdr v = { htonl(verdict), htonl(id) };
	struct nlmsghdr *h = request(q, room, type, 0);
	mnl_attr_put(h, NFQA_VERDICT_HDR, sizeof(v), &v);
	if (mark)
		mnl_attr_put_u32(h, NFQA_MARK, htonl(mark));
	/* A verdict is processed within the call; it fails only for a packet that is gone. */
	(void)!send(q->fd, h, h->nlmsg_len, 0);
}

void queue_flush(struct queue *q)
{
	if (q->pending)
		send_verdict(q, NFQNL_MSG_VERDICT_BATCH, q->accepted, NF_ACCEPT, 0);
	q->pending = false;
}

void queue_verdict(struct queue *q, uint32_t id, uint32_t verdict, uint32_t mark)
{
	if (verdict == NF_ACCEPT && mark == 0) {
		q->accepted = id;
		q->pending = true;
		return;
	}
	/* A batch answers everything up to its id: what came before goes first. */
	queue_flush(q);
	send_verdict(q, NFQNL_MSG_VERDICT, id, verdict, mark);
}

/* ---- packets ---- */

/* A borrowed attribute of at least `least` bytes, or NULL. */
static const void *data_of(const struct nlattr *const *a, unsigned type, size_t least)
{
	return a[type] && mnl_attr_get_payload_len(a[type]) >= least ? mnl_attr_get_payload(a[type])
	                                                             : NULL;
}

static uint32_t number_of(const struct nlattr *const *a, unsigned type, uint32_t otherwise)
{
	const void *p = data_of(a, type, sizeof(uint32_t));
	uint32_t v;
	if (!p)
		return otherwise;
	memcpy(&v, p, sizeof(v));
	return ntohl(v);
}

static uint16_t vlan_of(const struct nlattr *vlan)
{
	const struct nlattr *a[NFQA_VLAN_MAX + 1] = { NULL };
	uint16_t tci;
	if (!vlan)
		return 0;
	attributes_in(vlan, a, NFQA_VLAN_MAX + 1);
	const void *p = data_of(a, NFQA_VLAN_TCI, sizeof(tci));
	if (!p)
		return 0;
	memcpy(&tci, p, sizeof(tci));
	return ntohs(tci) & 0xfff;
}

static bool packet_of(const struct nlmsghdr *h, struct queued_packet *out)
{
	const struct nlattr *a[NFQA_MAX + 1] = { NULL };
	struct nfqnl_msg_packet_hdr head;
	if (h->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
		return false;
	attributes_of(h, sizeof(struct nfgenmsg), a, NFQA_MAX + 1);
	const void *p = data_of(a, NFQA_PACKET_HDR, sizeof(head));
	if (!p)
		return false;
	memcpy(&head, p, sizeof(head));
	*out = (struct queued_packet){ .id = ntohl(head.packet_id),
		                       .hook = head.hook,
		                       .protocol = ntohs(head.hw_protocol),
		                       .mark = number_of(a, NFQA_MARK, 0),
		                       .indev = number_of(a, NFQA_IFINDEX_INDEV, 0),
		                       .outdev = number_of(a, NFQA_IFINDEX_OUTDEV, 0),
		                       .skb_info = number_of(a, NFQA_SKB_INFO, 0),
		                       .vlan = vlan_of(a[NFQA_VLAN]),
		                       .data = data_of(a, NFQA_PAYLOAD, 0),
		                       .l2 = data_of(a, NFQA_L2HDR, 14) };
	out->len = out->data ? mnl_attr_get_payload_len(a[NFQA_PAYLOAD]) : 0;
	out->wire = number_of(a, NFQA_CAP_LEN, out->len);
	out->l2_len = out->l2 ? mnl_attr_get_payload_len(a[NFQA_L2HDR]) : 0;
	const uint8_t *hw = data_of(a, NFQA_HWADDR, sizeof(struct nfqnl_msg_packet_hw));
	if (hw && hw[0] == 0 && hw[1] == 6)
		out->mac = hw + offsetof(struct nfqnl_msg_packet_hw, hw_addr);
	return true;
}

static void read_one(struct queue *q, size_t i, unsigned len,
                     void (*each)(const struct queued_packet *p, void *arg), void *arg)
{
	int left = (int)len;
	struct queued_packet p;
	(void)q;
	for (const struct nlmsghdr *h = q->parts[i].iov_base; mnl_nlmsg_ok(h, left);
	     h = mnl_nlmsg_next(h, &left))
		if (packet_of(h, &p))
			each(&p, arg);
}

int queue_read(struct queue *q, void (*each)(const struct queued_packet *p, void *arg), void *arg)
{
	int n = recvmmsg(q->fd, q->heads, QUEUE_BURST, MSG_DONTWAIT, NULL);
	if (n < 0 && errno == ENOBUFS)
		q->lost++;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
	for (int i = 0; i < n; i++)
		read_one(q, (size_t)i, q->heads[i].msg_len, each, arg);
	queue_flush(q);
	return n;
}
