#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/sensor/packet/learnt.h"
#include "agent/sensor/packet/links.h"
#include "agent/sensor/packet/logged.h"
#include "agent/sensor/packet/queue.h"
#include "agent/sensor/packet/ruleset.h"
#include "agent/sensor/packet/tables.h"
#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"

/* Everything happens in a network namespace of this test's own; without root there is none. */

enum { PORT_ASKED = 7001, PORT_FREE = 7002, PORT_DENIED = 7003 };

#define CHAIN                                                                                \
	"{\"add\":{\"table\":{\"family\":\"inet\",\"name\":\"yagura\"}}},"                   \
	"{\"add\":{\"chain\":{\"family\":\"inet\",\"table\":\"yagura\",\"name\":\"ask\"}}}," \
	"{\"add\":{\"chain\":{\"family\":\"inet\",\"table\":\"yagura\",\"name\":\"in\","     \
	"\"type\":\"filter\",\"hook\":\"input\",\"prio\":10,\"policy\":\"accept\"}}},"
#define RULE(port, does)                                                                   \
	"{\"add\":{\"rule\":{\"family\":\"inet\",\"table\":\"yagura\",\"chain\":\"in\","   \
	"\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"udp\"," \
	"\"field\":\"dport\"}},\"right\":" #port "}}," does "]}}}"
#define ASK  "{\"jump\":{\"target\":\"ask\"}}"
#define DROP "{\"drop\":null}"
#define LOG  "{\"log\":{\"prefix\":\"rule 5\",\"group\":47120}}," DROP

static json_t *document(bool fail_open, unsigned queues, const char *commands)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_fmt(&b, "{\"version\":1,\"failOpen\":%s,\"queues\":%u,\"nft\":{\"nftables\":[%s]}}",
	        fail_open ? "true" : "false", queues, commands);
	json_t *o = json_parse(buf_view(&b), NULL);
	assert_non_null(o);
	return o;
}

static bool own_network(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	if (unshare(CLONE_NEWNET) < 0)
		return false;
	AUTO(closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(ioctl(fd, SIOCSIFFLAGS, &r) == 0);
	return true;
}

#define NEEDS_NETWORK()             \
	do {                        \
		if (!own_network()) \
			skip();     \
	} while (0)

static void shell(const char *command)
{
	/* NOLINTNEXTLINE(cert-env33-c): a fixed command of this test */
	assert_int_equal(system(command), 0);
}

struct way {
	int from, to;
	struct sockaddr_in at;
};

static struct way way_to(uint16_t port)
{
	struct way w = { socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		         socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
		         { .sin_family = AF_INET,
		           .sin_port = htons(port),
		           .sin_addr = { htonl(INADDR_LOOPBACK) } } };
	assert_int_equal(bind(w.to, (const struct sockaddr *)&w.at, sizeof(w.at)), 0);
	return w;
}

static void way_done(struct way *w)
{
	close(w->from);
	close(w->to);
}

static void send_one(const struct way *w)
{
	/* A packet that a rule drops on its way out is an error here; on its way in it is not. */
	assert_int_equal(sendto(w->from, "x", 1, 0, (const struct sockaddr *)&w->at, sizeof(w->at)),
	                 1);
}

static bool arrived(const struct way *w)
{
	char c;
	return recv(w->to, &c, 1, 0) == 1;
}

static bool passes(uint16_t port)
{
	AUTO(way_done) struct way w = way_to(port);
	send_one(&w);
	return arrived(&w);
}

static void load(bool fail_open, unsigned queues, const char *commands)
{
	enum ask_by by = ASK_NOTHING;
	struct err why = { { 0 } };
	AUTO(json_decrefp) json_t *o = document(fail_open, queues, commands);
	int rc = ruleset_load(o, &by, &why);
	if (rc < 0)
		fail_msg("%s", why.text);
	assert_true(by == ASK_STATEMENT || by == ASK_TARGET);
}

static void what_nobody_is_asked_about_passes_or_not_as_the_plan_says(void **state)
{
	(void)state;
	NEEDS_NETWORK();
	load(true, 1, CHAIN RULE(7001, ASK) "," RULE(7003, DROP));
	assert_true(passes(PORT_ASKED));
	assert_true(passes(PORT_FREE));
	assert_false(passes(PORT_DENIED));
	load(false, 1, CHAIN RULE(7001, ASK));
	assert_false(passes(PORT_ASKED));
	assert_true(passes(PORT_DENIED));
}

struct listener {
	struct queue q;
	uint32_t verdict;
	unsigned seen;
};

static void heard(const struct queued_packet *p, void *arg)
{
	struct listener *l = arg;
	l->seen++;
	assert_int_equal(p->protocol, 0x0800);
	assert_int_equal(p->len, 29);
	queue_verdict(&l->q, p->id, l->verdict, 0);
}

static void listen_once(struct listener *l)
{
	struct pollfd p = { .fd = l->q.fd, .events = POLLIN };
	if (poll(&p, 1, 1000) == 1)
		assert_true(queue_read(&l->q, heard, l) >= 0);
}

static void whoever_is_asked_decides(void **state)
{
	(void)state;
	NEEDS_NETWORK();
	load(false, 1, CHAIN RULE(7001, ASK));
	struct listener l = { .verdict = NF_ACCEPT };
	int fd = queue_socket();
	assert_true(fd >= 0);
	assert_int_equal(queue_init(&l.q, fd, QUEUE_FIRST, false), 0);
	assert_true(l.q.flags & QUEUE_GSO);
	AUTO(way_done) struct way w = way_to(PORT_ASKED);
	for (int i = 0; i < 3; i++)
		send_one(&w);
	assert_false(arrived(&w));
	listen_once(&l);
	assert_int_equal(l.seen, 3);
	for (int i = 0; i < 3; i++)
		assert_true(arrived(&w));
	l.verdict = NF_DROP;
	send_one(&w);
	listen_once(&l);
	assert_int_equal(l.seen, 4);
	assert_false(arrived(&w));
	/* Nobody is there any more. */
	queue_done(&l.q);
	close(fd);
	send_one(&w);
	assert_false(arrived(&w));
	load(true, 1, CHAIN RULE(7001, ASK));
	send_one(&w);
	assert_true(arrived(&w));
}

static void verdicts_of_a_burst_keep_their_order(void **state)
{
	(void)state;
	NEEDS_NETWORK();
	load(false, 1, CHAIN RULE(7001, ASK));
	struct listener l = { .verdict = NF_ACCEPT };
	int fd = queue_socket();
	assert_int_equal(queue_init(&l.q, fd, QUEUE_FIRST, false), 0);
	AUTO(way_done) struct way w = way_to(PORT_ASKED);
	for (int i = 0; i < 4; i++)
		send_one(&w);
	/* Packet 2 of 4 is dropped: what came before it is accepted first. */
	struct pollfd p = { .fd = fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 1000), 1);
	queue_verdict(&l.q, 1, NF_ACCEPT, 0);
	queue_verdict(&l.q, 2, NF_DROP, 0);
	queue_verdict(&l.q, 3, NF_ACCEPT, 0);
	queue_verdict(&l.q, 4, NF_ACCEPT, 0);
	queue_flush(&l.q);
	unsigned n = 0;
	while (arrived(&w))
		n++;
	assert_int_equal(n, 3);
	queue_done(&l.q);
	close(fd);
}

static void connections_are_spread_over_queues(void **state)
{
	(void)state;
	NEEDS_NETWORK();
	load(false, 2, CHAIN RULE(7001, ASK));
	struct listener l[2] = { { .verdict = NF_ACCEPT }, { .verdict = NF_ACCEPT } };
	for (uint16_t i = 0; i < 2; i++)
		assert_int_equal(
			queue_init(&l[i].q, queue_socket(), (uint16_t)(QUEUE_FIRST + i), false), 0);
	for (int i = 0; i < 32; i++) {
		AUTO(way_done) struct way w = way_to(PORT_ASKED);
		send_one(&w);
		struct pollfd p[2] = { { .fd = l[0].q.fd, .events = POLLIN },
			               { .fd = l[1].q.fd, .events = POLLIN } };
		assert_int_equal(poll(p, 2, 1000), 1);
		for (int k = 0; k < 2; k++)
			if (p[k].revents)
				listen_once(&l[k]);
		assert_true(arrived(&w));
	}
	assert_int_equal(l[0].seen + l[1].seen, 32);
	assert_true(l[0].seen > 0);
	assert_true(l[1].seen > 0);
	for (int i = 0; i < 2; i++) {
		close(l[i].q.fd);
		queue_done(&l[i].q);
	}
}

static void named(const struct queued_packet *p, const char *prefix, void *arg)
{
	unsigned *n = arg;
	assert_string_equal(prefix, "rule 5");
	assert_int_equal(p->len, 29);
	++*n;
}

static void what_the_kernel_decided_is_told_with_its_prefix(void **state)
{
	(void)state;
	NEEDS_NETWORK();
	struct logged l;
	int fd = queue_socket();
	unsigned n = 0;
	assert_int_equal(logged_init(&l, fd), 0);
	load(false, 1, CHAIN RULE(7003, LOG));
	assert_false(passes(PORT_DENIED));
	struct pollfd p = { .fd = fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 2000), 1);
	assert_int_equal(logged_read(&l, named, &n), 0);
	assert_int_equal(n, 1);
	logged_done(&l);
	close(fd);
}

/* Rules as Docker, firewalld and ufw make them, and a table of an administrator. */
#define OTHERS                                               \
	"nft 'table ip nat {\n"                              \
	"chain DOCKER { }\n"                                 \
	"chain PREROUTING {\n"                               \
	"type nat hook prerouting priority -100\n"           \
	"fib daddr type local counter jump DOCKER\n"         \
	"}\n"                                                \
	"}\n"                                                \
	"table ip filter {\n"                                \
	"chain DOCKER-USER { counter return; }\n"            \
	"chain FORWARD {\n"                                  \
	"type filter hook forward priority 0; policy drop\n" \
	"jump DOCKER-USER\n"                                 \
	"}\n"                                                \
	"}\n"                                                \
	"table inet firewalld {\n"                           \
	"set zone {\n"                                       \
	"type ifname; elements = { lo }\n"                   \
	"}\n"                                                \
	"chain filter_INPUT {\n"                             \
	"type filter hook input priority 10\n"               \
	"ct state established accept\n"                      \
	"}\n"                                                \
	"}\n"                                                \
	"table ip6 filter {\n"                               \
	"chain ufw6-user-input { }\n"                        \
	"chain INPUT {\n"                                    \
	"type filter hook input priority 0\n"                \
	"jump ufw6-user-input\n"                             \
	"}\n"                                                \
	"}\n"                                                \
	"table inet mine {\n"                                \
	"counter c { }\n"                                    \
	"}\n"                                                \
	"'\n"

static char *listed_others(void)
{
	char *text = NULL;
	size_t n = 0;
	/* NOLINTNEXTLINE(cert-env33-c): a fixed command of this test */
	FILE *f = popen("nft -s list table ip nat; nft -s list table ip filter; nft -s list table "
	                "inet firewalld; nft -s list table ip6 filter; nft -s list table inet mine",
	                "re");
	assert_non_null(f);
	assert_true(getdelim(&text, &n, '\0', f) > 100);
	pclose(f);
	return text;
}

static void nobody_elses_tables_change(void **state)
{
	(void)state;
	NEEDS_NETWORK();
	struct err why = { { 0 } };
	shell(OTHERS);
	AUTO(freep) char *before = listed_others();
	load(true, 2, CHAIN RULE(7001, ASK));
	load(false, 1, CHAIN RULE(7003, DROP));
	AUTO(freep) char *during = listed_others();
	assert_string_equal(before, during);
	assert_int_equal(ruleset_remove(&why), 0);
	assert_int_equal(ruleset_remove(&why), 0); /* gone already */
	AUTO(freep) char *after = listed_others();
	assert_string_equal(before, after);
	shell("! nft list table inet yagura 2>/dev/null");
}

#define SETS(name)                                                                           \
	"{\"add\":{\"set\":{\"family\":\"inet\",\"table\":\"yagura\",\"name\":\"blocked4\"," \
	"\"type\":\"ipv4_addr\",\"flags\":[\"timeout\"]}}},"                                 \
	"{\"add\":{\"set\":{\"family\":\"inet\",\"table\":\"yagura\",\"name\":\"" name "\"," \
	"\"type\":\"inet_service\",\"elem\":[7003]}}},"

static void a_reload_keeps_what_was_learnt_and_drops_what_is_not_named(void **state)
{
	(void)state;
	NEEDS_NETWORK();
	load(true, 1, CHAIN SETS("old") RULE(7001, "{\"accept\":null}"));
	shell("nft add element inet yagura blocked4 '{ 192.0.2.9 timeout 5m }'");
	load(true, 1, CHAIN SETS("new") RULE(7003, DROP));
	shell("nft list set inet yagura blocked4 | grep -q 192.0.2.9");
	shell("nft list set inet yagura new | grep -q 7003");
	shell("! nft list set inet yagura old 2>/dev/null");
	assert_false(passes(PORT_DENIED));
}

#define SETS6                                                                                \
	"{\"add\":{\"set\":{\"family\":\"inet\",\"table\":\"yagura\",\"name\":\"blocked6\"," \
	"\"type\":\"ipv6_addr\",\"flags\":[\"timeout\"]}}},"

static void a_source_is_blocked_for_a_while(void **state)
{
	(void)state;
	NEEDS_NETWORK();
	struct ip source;
	AUTO(closep) int fd = tables_socket();
	assert_int_equal(ip_parse("192.0.2.77", &source), 0);
	assert_int_equal(learnt_block(fd, &source, 300), -ENOENT);
	load(true, 1, CHAIN SETS("x") SETS6 RULE(7003, DROP));
	assert_int_equal(learnt_block(fd, &source, 300), 0);
	assert_int_equal(learnt_block(fd, &source, 300), 0);
	shell("nft list set inet yagura blocked4 | grep -q '192.0.2.77 timeout 5m'");
	assert_int_equal(ip_parse("2001:db8::77", &source), 0);
	assert_int_equal(learnt_block(fd, &source, 60), 0);
	shell("nft list set inet yagura blocked6 | grep -q '2001:db8::77 timeout 1m'");
}

static void count_five(uint64_t rule, uint64_t packets, void *arg)
{
	uint64_t *n = arg;
	assert_int_equal(rule, 5);
	*n += packets;
}

static void the_kernel_counts_for_each_rule(void **state)
{
	(void)state;
	NEEDS_NETWORK();
	uint64_t n = 0;
	AUTO(closep) int fd = tables_socket();
	assert_int_equal(learnt_hits(fd, count_five, &n), 0);
	load(true, 1, CHAIN RULE(7002, DROP));
	shell("nft add rule inet yagura in udp dport 7001 counter comment '\"R 5\"'");
	shell("nft add rule inet yagura in udp dport 7003 counter comment '\"R 5\"'");
	shell("nft add rule inet yagura in udp dport 7001 counter comment '\"other\"'");
	assert_true(passes(PORT_ASKED));
	assert_true(passes(PORT_DENIED));
	assert_true(passes(PORT_DENIED));
	assert_int_equal(learnt_hits(fd, count_five, &n), 0);
	assert_int_equal(n, 3);
}

static void a_ruleset_that_nft_refuses_leaves_the_old_one(void **state)
{
	(void)state;
	NEEDS_NETWORK();
	enum ask_by by;
	struct err why = { { 0 } };
	load(true, 1, CHAIN RULE(7003, DROP));
	AUTO(json_decrefp)
	json_t *o = document(true, 1, CHAIN RULE(7001, "{\"jump\":{\"target\":\"nowhere\"}}"));
	assert_int_equal(ruleset_load(o, &by, &why), -EINVAL);
	assert_non_null(strstr(why.text, "nft refused"));
	assert_false(passes(PORT_DENIED));
	assert_true(passes(PORT_ASKED));
}

static void a_ruleset_for_other_tables_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"{\"flush\":{\"ruleset\":null}}",
		"{\"add\":{\"table\":{\"family\":\"inet\",\"name\":\"filter\"}}}",
		"{\"delete\":{\"table\":{\"family\":\"ip\",\"name\":\"yagura\"}}}",
		"{\"add\":{\"rule\":{\"family\":\"inet\",\"table\":\"mine\",\"chain\":\"in\"}}}",
		"{\"reset\":{\"rules\":{\"family\":\"inet\",\"table\":\"yagura\"}}}",
		"7",
		"{\"add\":{},\"delete\":{}}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err why = { { 0 } };
		AUTO(json_decrefp) json_t *o = document(true, 1, bad[i]);
		assert_true(ruleset_check(o, &why) < 0);
		assert_true(*why.text);
	}
	struct err why = { { 0 } };
	AUTO(json_decrefp) json_t *none = document(true, 0, "");
	assert_int_equal(ruleset_check(none, &why), -EINVAL);
	AUTO(json_decrefp) json_t *good = document(true, 1, CHAIN RULE(1, DROP));
	assert_int_equal(ruleset_check(good, &why), 0);
}

static void interfaces_come_and_go(void **state)
{
	(void)state;
	NEEDS_NETWORK();
	struct links l;
	int fd = links_socket();
	assert_true(fd >= 0);
	assert_int_equal(links_init(&l, fd), 0);
	assert_int_equal(links_read(&l), 1);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.names[0], "lo");
	shell("ip link add veth7 type veth peer name veth8");
	assert_int_equal(links_read(&l), 1);
	assert_int_equal(l.n, 3);
	const struct link *veth = links_find(&l, if_nametoindex("veth7"));
	assert_non_null(veth);
	assert_true(veth->has_mac);
	shell("ip link del veth7");
	assert_int_equal(links_read(&l), 1);
	assert_int_equal(l.n, 1);
	assert_int_equal(links_read(&l), 0);
	links_done(&l);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ruleset_for_other_tables_is_refused),
		cmocka_unit_test(what_nobody_is_asked_about_passes_or_not_as_the_plan_says),
		cmocka_unit_test(whoever_is_asked_decides),
		cmocka_unit_test(verdicts_of_a_burst_keep_their_order),
		cmocka_unit_test(connections_are_spread_over_queues),
		cmocka_unit_test(what_the_kernel_decided_is_told_with_its_prefix),
		cmocka_unit_test(nobody_elses_tables_change),
		cmocka_unit_test(a_reload_keeps_what_was_learnt_and_drops_what_is_not_named),
		cmocka_unit_test(a_ruleset_that_nft_refuses_leaves_the_old_one),
		cmocka_unit_test(a_source_is_blocked_for_a_while),
		cmocka_unit_test(the_kernel_counts_for_each_rule),
		cmocka_unit_test(interfaces_come_and_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
