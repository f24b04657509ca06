#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/sensor/packet/logged.h"
#include "agent/sensor/packet/queue.h"
#include "agent/sensor/packet/ruleset.h"
#include "module/firewall/drawn.h"

/*
 * Real packets against the kernel's own ruleset, compared with the reference decision: rule sets
 * by lot are compiled and loaded as the agent does it, into a network namespace of this test's own
 * with three interfaces. Packets come in through them as frames and go out from raw sockets; a
 * table behind ours tells which ones passed. Without root there is none of it.
 */

enum { SETS = 40, PACKETS = 50, WAIT_MS = 20000, BEHIND = 90, SENTINEL_PORT = 9 };

static const char *const links[] = { "eth0", "wlan0", "tun0" };
static const uint8_t link_mac[6] = { 0x02, 0, 0, 0, 0, 0xee };

/* A packet that was sent: its bytes from the IP header on, and whether it was seen to pass. */
struct sent {
	struct made made;
	struct packet packet;
	bool passed;
};

struct net {
	int taps[3], raw4, raw6, lo;
	struct logged told; /* by the table behind ours */
	struct sent sent[PACKETS];
	size_t n;
	uint16_t serial; /* the IP identification, or flow label, of the last one */
	bool end;        /* the sentinel was seen */
};

static void shell(const char *line)
{
	if (system(line) != 0) /* NOLINT(cert-env33-c): a fixed line */
		fail_msg("%s", line);
}

/* ---- the namespace ---- */

static int tap(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	assert_true(ioctl(fd, TUNSETIFF, &r) == 0);
	return fd;
}

static int raw(int family, int level, int option)
{
	const int yes = 1;
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	assert_true(fd >= 0);
	assert_true(setsockopt(fd, level, option, &yes, sizeof(yes)) == 0);
	return fd;
}

/* Whatever comes in is for this host, from wherever it says; whatever goes out needs nobody's
 * address. */
static void addresses(void)
{
	shell("ip link set lo up");
	shell("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 "
	      "net.ipv4.conf.all.accept_local=1");
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		char line[700];
		const char *n = links[i];
		snprintf(
			line, sizeof(line),
			"sysctl -qw net.ipv4.conf.%s.rp_filter=0 && "
			"ip link set %s address 02:00:00:00:00:ee arp off up && "
			"ip addr add 10.%zu.0.1/24 dev %s && ip addr add fd00:%zu::1/64 dev %s nodad && "
			"ip rule add iif %s lookup 100 && ip -6 rule add iif %s lookup 100 && "
			"ip route add default dev %s metric %zu && "
			"ip -6 route add default dev %s metric %zu",
			n, n, i + 1, n, i + 1, n, n, n, n, i + 10, n, i + 10);
		shell(line);
	}
	shell("ip route add local 0.0.0.0/0 dev lo table 100");
	shell("ip -6 route add local ::/0 dev lo table 100");
}

static void table_behind(void)
{
	char line[500];
	snprintf(line, sizeof(line),
	         "nft 'table inet behind { chain in { type filter hook input priority %d; "
	         "log prefix \"P \" group %d; }; chain out { type filter hook output priority %d; "
	         "oifname != \"lo\" log prefix \"P \" group %d; }; }'",
	         BEHIND, LOG_GROUP, BEHIND, LOG_GROUP);
	shell(line);
}

static bool net_init(struct net *n)
{
	if (unshare(CLONE_NEWNET) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		n->taps[i] = tap(links[i]);
	if (n->taps[0] < 0)
		return false;
	addresses();
	n->raw4 = raw(AF_INET, IPPROTO_IP, IP_HDRINCL);
	n->raw6 = raw(AF_INET6, IPPROTO_IPV6, IPV6_HDRINCL);
	n->lo = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(n->lo >= 0);
	assert_int_equal(logged_init(&n->told, queue_socket()), 0);
	table_behind();
	return true;
}

static void net_done(struct net *n)
{
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		close(n->taps[i]);
	close(n->raw4);
	close(n->raw6);
	close(n->lo);
	close(n->told.fd);
	logged_done(&n->told);
}

/* ---- sending ---- */

static size_t link_of(const struct packet *p)
{
	for (size_t i = 0; i + 1 < ARRAY_LEN(links); i++)
		if (strcmp(links[i], p->ifname) == 0)
			return i;
	return ARRAY_LEN(links) - 1;
}

static void header_sum(uint8_t *h)
{
	uint32_t sum = 0;
	h[10] = h[11] = 0;
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)h[i] << 8 | h[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	h[10] = (uint8_t)(~sum >> 8);
	h[11] = (uint8_t)~sum;
}

/* So that it is known again. */
static void number_it(struct net *n, struct made *m)
{
	uint8_t *at = m->b + (m->v6 ? 2 : 4);
	n->serial = (uint16_t)(n->serial % 65000 + 1);
	at[0] = (uint8_t)(n->serial >> 8);
	at[1] = (uint8_t)n->serial;
	if (!m->v6)
		header_sum(m->b);
}

static void send_in(const struct net *n, const struct sent *s)
{
	uint8_t frame[2100];
	memcpy(frame, link_mac, 6);
	memcpy(frame + 6, s->packet.src_mac, 6);
	frame[12] = s->made.v6 ? 0x86 : 0x08;
	frame[13] = s->made.v6 ? 0xdd : 0x00;
	memcpy(frame + 14, s->made.b, s->made.n);
	ssize_t size = (ssize_t)s->made.n + 14;
	assert_int_equal(write(n->taps[link_of(&s->packet)], frame, (size_t)size), size);
}

/* A packet that our ruleset drops is an error of sendto(), EPERM. */
static void send_out(const struct net *n, const struct sent *s)
{
	int fd = s->made.v6 ? n->raw6 : n->raw4;
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	memcpy(&to4.sin_addr, s->packet.dst.b, 4);
	memcpy(&to6.sin6_addr, s->packet.dst.b, 16);
	const char *name = links[link_of(&s->packet)];
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)),
	                 0);
	const struct sockaddr *to =
		s->made.v6 ? (const struct sockaddr *)&to6 : (const struct sockaddr *)&to4;
	socklen_t len = s->made.v6 ? sizeof(to6) : sizeof(to4);
	if (sendto(fd, s->made.b, s->made.n, 0, to, len) < 0 && errno != EPERM)
		fail_msg("send by %s: %s", name, strerror(errno));
}

static void send_one(struct net *n, uint64_t *seed)
{
	struct sent *s = &n->sent[n->n++];
	*s = (struct sent){ .passed = false };
	random_packet(&s->made, &s->packet, seed);
	number_it(n, &s->made);
	/* Frames have a sender's address always. */
	if (s->packet.direction == PACKET_IN && !s->packet.has_mac) {
		s->packet.has_mac = true;
		s->packet.src_mac[0] = 2;
		s->packet.src_mac[5] = 9;
	}
	if (s->packet.direction == PACKET_IN)
		send_in(n, s);
	else
		send_out(n, s);
}

/* ---- which ones passed ---- */

/* The kernel may write the header's checksum anew, nothing else. */
static bool same(const struct made *m, const struct queued_packet *q)
{
	size_t head = m->v6 ? 8 : 10;
	return q->len == m->n && memcmp(q->data, m->b, head) == 0 &&
	       memcmp(q->data + 12, m->b + 12, m->n - 12) == 0;
}

static void on_told(const struct queued_packet *q, const char *prefix, void *arg)
{
	struct net *n = arg;
	bool udp = q->len == 28 + 2 && q->data[0] == 0x45 && q->data[9] == PROTO_UDP;
	uint16_t serial = n->serial;
	if (prefix[0] != 'P')
		return;
	if (udp && q->data[12] == 127 && memcmp(q->data + 28, &serial, 2) == 0)
		n->end = true;
	for (size_t i = 0; i < n->n; i++)
		if (same(&n->sent[i].made, q))
			n->sent[i].passed = true;
}

/* What comes by loopback is told behind all that was sent before. */
static void wait_for_all(struct net *n)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		                        .sin_port = htons(SENTINEL_PORT),
		                        .sin_addr = { htonl(INADDR_LOOPBACK) } };
	uint8_t drain[4096];
	n->end = false;
	assert_int_equal(sendto(n->lo, &n->serial, 2, 0, (const struct sockaddr *)&to, sizeof(to)),
	                 2);
	while (!n->end) {
		struct pollfd p = { .fd = n->told.fd, .events = POLLIN };
		if (poll(&p, 1, WAIT_MS) <= 0)
			fail_msg("the kernel does not tell of a packet on loopback");
		assert_int_equal(logged_read(&n->told, on_told, n), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		while (read(n->taps[i], drain, sizeof(drain)) > 0)
			;
}

/* ---- both decide alike ---- */

static void load(const struct rules *r, const struct fw_target *t)
{
	AUTO(buf_done) struct buf nft = { 0 }, text = { 0 };
	struct err why = { { 0 } };
	enum ask_by by = ASK_NOTHING;
	assert_int_equal(firewall_compile(r, t, &nft, &why), 0);
	buf_fmt(&text, "{\"version\":1,\"failOpen\":true,\"queues\":1,\"nft\":%s}", nft.p);
	AUTO(json_decrefp) json_t *document = json_parse(buf_view(&text), NULL);
	if (ruleset_load(document, &by, &why) < 0)
		fail_msg("%s", why.text);
}

static void compare(const struct rules *r, const struct fw_now *now, const struct sent *s,
                    const char *text)
{
	const struct packet *p = &s->packet;
	struct fw_decision d = fw_evaluate(r, p, now);
	char from[46], to[46];
	if ((d.verdict != FW_DROP) == s->passed)
		return;
	fprintf(stderr, "%s\n", strstr(text, "\"rules\":"));
	fail_msg("%s > %s proto %d %d > %d flags %d type %d %s %s: rules say %d (rule %llu), the "
	         "kernel %s",
	         ip_text(&p->src, from), ip_text(&p->dst, to), p->proto, p->sport, p->dport,
	         p->tcp_flags, p->icmp_type, p->direction == PACKET_IN ? "in" : "out", p->ifname,
	         (int)d.verdict, (unsigned long long)(d.rule ? d.rule->id : 0),
	         s->passed ? "passed it" : "did not");
}

static void the_kernel_decides_as_the_rules_do(void **state)
{
	static const char *const names[] = { "eth0", "wlan0", "tun0", NULL };
	(void)state;
	uint64_t seed = 20261129;
	AUTO(freep) struct net *n = xcalloc(1, sizeof(*n));
	AUTO(buf_done) struct buf text = { 0 };
	size_t drops = 0;
	if (!net_init(n))
		skip();
	for (unsigned i = 0; i < SETS; i++) {
		struct rules *r = draw(&seed, &text);
		const struct fw_target t = { .now = { 5, PLACE_LOCAL },
			                     .interfaces = names,
			                     .log_group = LOG_GROUP + 1,
			                     .mark_shift = 20,
			                     .generation = 1 + i % 7 };
		load(r, &t);
		n->n = 0;
		for (int k = 0; k < PACKETS; k++)
			send_one(n, &seed);
		wait_for_all(n);
		for (int k = 0; k < PACKETS; k++) {
			compare(r, &t.now, &n->sent[k], text.p);
			drops += !n->sent[k].passed;
		}
		firewall_section.free(r);
	}
	net_done(n);
	assert_in_range(drops, SETS * PACKETS / 10, SETS * PACKETS * 9 / 10);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(the_kernel_decides_as_the_rules_do),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
