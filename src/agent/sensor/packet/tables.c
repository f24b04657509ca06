#include "agent/sensor/packet/tables.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "base/auto.h"

enum { WAIT_S = 5, MESSAGE_ROOM = 2048, ANSWER_ROOM = 65536 };

static void put_edge(struct tables_batch *b, uint16_t type)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(b->room + b->n);
	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST;
	h->nlmsg_seq = b->seq++;
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = AF_UNSPEC;
	g->version = NFNETLINK_V0;
	g->res_id = htons(NFNL_SUBSYS_NFTABLES);
	b->n += h->nlmsg_len;
}

void tables_begin(struct tables_batch *b)
{
	b->n = 0;
	b->messages = 0;
	b->seq = (uint32_t)time(NULL);
	put_edge(b, NFNL_MSG_BATCH_BEGIN);
}

static struct nlmsghdr *put(char *at, unsigned type, unsigned family, unsigned flags, uint32_t seq)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(at);
	h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = seq;
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = (uint8_t)family;
	g->version = NFNETLINK_V0;
	g->res_id = 0;
	return h;
}

struct nlmsghdr *tables_add(struct tables_batch *b, unsigned type, unsigned family, unsigned flags)
{
	if (b->n + MESSAGE_ROOM > sizeof(b->room))
		abort();
	b->messages++;
	return put(b->room + b->n, type, family, NLM_F_ACK | flags, b->seq++);
}

void tables_added(struct tables_batch *b, const struct nlmsghdr *h)
{
	b->n += h->nlmsg_len;
}

int tables_socket(void)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	AUTO(closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* Every message is answered, and a batch that is refused as a whole by its first edge. */
static int answers(int fd, uint32_t first, unsigned wanted)
{
	static _Alignas(8) char room[ANSWER_ROOM];
	int result = 0;
	for (unsigned got = 0; got < wanted;) {
		ssize_t n = recv(fd, room, sizeof(room), 0);
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		int left = (int)n;
		for (const struct nlmsghdr *h = (const void *)room; mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_type != NLMSG_ERROR)
				continue;
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
			if (result == 0)
				result = e->error;
			if (h->nlmsg_seq == first)
				return result;
			got++;
		}
	}
	return result;
}

int tables_commit(int fd, struct tables_batch *b)
{
	uint32_t first = ((const struct nlmsghdr *)(const void *)b->room)->nlmsg_seq;
	put_edge(b, NFNL_MSG_BATCH_END);
	return send(fd, b->room, b->n, 0) < 0 ? -errno : answers(fd, first, b->messages);
}

int tables_dump(int fd, unsigned type, unsigned family, const char *table,
                int (*each)(const struct nlmsghdr *h, void *arg), void *arg)
{
	static _Alignas(8) char room[ANSWER_ROOM];
	uint32_t seq = (uint32_t)time(NULL);
	struct nlmsghdr *h = put(room, type, family, NLM_F_DUMP, seq);
	if (table)
		mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, table);
	int rc = send(fd, h, h->nlmsg_len, 0) < 0 ? -errno : 0;
	for (int run = MNL_CB_OK; rc == 0 && run > MNL_CB_STOP;) {
		ssize_t n = recv(fd, room, sizeof(room), 0);
		run = n < 0 ? -1 : mnl_cb_run(room, (size_t)n, seq, 0, each, arg);
		if (run < 0)
			rc = -errno;
	}
	return rc;
}
