#include "agent/sensor/tls/destroy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { ANSWER_MS = 1000 };

static int answer_of(int diag)
{
	char room[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct pollfd ready = { .fd = diag, .events = POLLIN };
	if (poll(&ready, 1, ANSWER_MS) <= 0)
		return -ETIMEDOUT;
	ssize_t n = recv(diag, room, sizeof(room), 0);
	const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)room;
	if (n < (ssize_t)(sizeof(*h) + sizeof(struct nlmsgerr)) || h->nlmsg_type != NLMSG_ERROR)
		return n < 0 ? -errno : -EBADMSG;
	struct nlmsgerr e;
	memcpy(&e, room + NLMSG_HDRLEN, sizeof(e));
	return e.error;
}

int destroy_connection(int diag, const struct tls_ends *ends)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 what;
	} ask = { .head = { .nlmsg_len = sizeof(ask),
		            .nlmsg_type = SOCK_DESTROY,
		            .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		  .what = { .sdiag_family = (uint8_t)ends->family,
		            .sdiag_protocol = IPPROTO_TCP,
		            .idiag_states = ~0u } };
	struct inet_diag_sockid *id = &ask.what.id;
	id->idiag_sport = htons(ends->local);
	id->idiag_dport = htons(ends->remote);
	memcpy(id->idiag_src, ends->local_ip, sizeof(id->idiag_src));
	memcpy(id->idiag_dst, ends->remote_ip, sizeof(id->idiag_dst));
	/* The kernel compares it, so that no later connection with the same ports is meant. */
	id->idiag_cookie[0] = (uint32_t)ends->cookie;
	id->idiag_cookie[1] = (uint32_t)(ends->cookie >> 32);
	if (!ends->cookie)
		return -ENOENT;
	if (send(diag, &ask, sizeof(ask), 0) < 0)
		return -errno;
	return answer_of(diag);
}
