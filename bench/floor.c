#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * What asking user space about packets costs by itself: a process for each queue that accepts
 * everything, with whole GSO packets, many messages a call and one verdict for all of them.
 *   floor FIRST COUNT       queues FIRST to FIRST + COUNT - 1; prints "ready"; runs until a signal
 * At the end each process says how many packets and bytes it was asked about.
 */

enum { BURST = 16, ROOM = 68 << 10, RECEIVE = 8 << 20, LENGTH = 8192, QUEUES = 16 };

static volatile sig_atomic_t over;

static void on_signal(int number)
{
	(void)number;
	over = 1;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct nlmsghdr *request(char *room, unsigned type, unsigned flags, uint16_t queue)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(room);
	h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type);
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = AF_UNSPEC;
	g->version = NFNETLINK_V0;
	g->res_id = htons(queue);
	return h;
}

static void ask(int fd, const struct nlmsghdr *h)
{
	char room[4096];
	if (send(fd, h, h->nlmsg_len, 0) < 0 || recv(fd, room, sizeof(room), 0) < 0)
		fail("ask the kernel");
	const struct nlmsghdr *a = (const void *)room;
	if (a->nlmsg_type == NLMSG_ERROR &&
	    ((const struct nlmsgerr *)mnl_nlmsg_get_payload(a))->error) {
		fprintf(stderr, "floor: the kernel refuses the queue\n");
		exit(1);
	}
}

static int open_queue(uint16_t queue)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	const struct nfqnl_msg_config_cmd bind_it = { .command = NFQNL_CFG_CMD_BIND };
	const struct nfqnl_msg_config_params params = { .copy_range = htonl(0xffff),
		                                        .copy_mode = NFQNL_COPY_PACKET };
	const int receive = RECEIVE, yes = 1;
	_Alignas(8) char room[256];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		fail("netlink");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof(receive));
	setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &yes, sizeof(yes));
	struct nlmsghdr *h = request(room, NFQNL_MSG_CONFIG, NLM_F_ACK, queue);
	mnl_attr_put(h, NFQA_CFG_CMD, sizeof(bind_it), &bind_it);
	mnl_attr_put(h, NFQA_CFG_PARAMS, sizeof(params), &params);
	mnl_attr_put_u32(h, NFQA_CFG_QUEUE_MAXLEN, htonl(LENGTH));
	ask(fd, h);
	h = request(room, NFQNL_MSG_CONFIG, NLM_F_ACK, queue);
	mnl_attr_put_u32(h, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_GSO));
	mnl_attr_put_u32(h, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO));
	ask(fd, h);
	return fd;
}

struct seen {
	uint64_t packets, bytes;
	uint32_t last;
	int any;
};

static int on_attribute(const struct nlattr *a, void *arg)
{
	struct seen *s = arg;
	struct nfqnl_msg_packet_hdr head;
	if (mnl_attr_get_type(a) == NFQA_PACKET_HDR) {
		memcpy(&head, mnl_attr_get_payload(a), sizeof(head));
		s->last = ntohl(head.packet_id);
		s->any = 1;
		s->packets++;
	}
	if (mnl_attr_get_type(a) == NFQA_PAYLOAD)
		s->bytes += mnl_attr_get_payload_len(a);
	return MNL_CB_OK;
}

static void answer(int fd, uint16_t queue, const struct seen *s)
{
	_Alignas(8) char room[256];
	const struct nfqnl_msg_verdict_hdr v = { htonl(NF_ACCEPT), htonl(s->last) };
	struct nlmsghdr *h = request(room, NFQNL_MSG_VERDICT_BATCH, 0, queue);
	mnl_attr_put(h, NFQA_VERDICT_HDR, sizeof(v), &v);
	(void)!send(fd, h, h->nlmsg_len, 0);
}

static void run(uint16_t queue)
{
	struct mmsghdr heads[BURST];
	struct iovec parts[BURST];
	struct seen s = { 0 };
	char *room = malloc((size_t)BURST * ROOM);
	int fd = open_queue(queue);
	for (size_t i = 0; room && i < BURST; i++) {
		parts[i] = (struct iovec){ room + i * ROOM, ROOM };
		heads[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &parts[i], .msg_iovlen = 1 } };
	}
	if (!room)
		fail("memory");
	while (!over) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (poll(&p, 1, 1000) <= 0)
			continue;
		int n = recvmmsg(fd, heads, BURST, MSG_DONTWAIT, NULL);
		s.any = 0;
		for (int i = 0; i < n; i++)
			mnl_attr_parse(parts[i].iov_base, sizeof(struct nfgenmsg), on_attribute,
			               &s);
		if (s.any)
			answer(fd, queue, &s);
	}
	printf("queue %u: %llu packets, %llu bytes\n", queue, (unsigned long long)s.packets,
	       (unsigned long long)s.bytes);
	fflush(stdout);
	free(room);
	close(fd);
}

int main(int argc, char **argv)
{
	int first = argc > 1 ? atoi(argv[1]) : 0, count = argc > 2 ? atoi(argv[2]) : 1;
	pid_t children[QUEUES];
	struct sigaction stop = { .sa_handler = on_signal };
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	if (count < 1 || count > QUEUES) {
		fprintf(stderr, "usage: floor FIRST COUNT\n");
		return 2;
	}
	for (int i = 1; i < count; i++) {
		children[i] = fork();
		if (children[i] < 0)
			fail("fork");
		if (children[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			run((uint16_t)(first + i));
			return 0;
		}
	}
	puts("ready");
	fflush(stdout);
	run((uint16_t)first);
	for (int i = 1; i < count; i++)
		kill(children[i], SIGTERM);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	return 0;
}
