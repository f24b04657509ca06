#include <string.h>

#include "base/auto.h"
#include "base/test.h"
#include "engine/made.h"
#include "engine/packet.h"

static void every_protocol_is_decoded(void **state)
{
	(void)state;
	static const char *const ends[][2] = { { "192.0.2.1", "198.51.100.2" },
		                               { "2001:db8::1", "2001:db8::2" } };
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct packet p = { .direction = PACKET_OUT };
		struct made m = { 0 };
		char text[46];
		made_ip(&m, ends[i][0], ends[i][1], PROTO_TCP);
		made_tcp(&m, 4000, 443, TCP_SYN | TCP_ACK, 7, 9);
		made_fill(&m, 11);
		assert_int_equal(made_decode(&m, &p), REASON_NONE);
		assert_string_equal(ip_text(&p.src, text), ends[i][0]);
		assert_string_equal(ip_text(&p.dst, text), ends[i][1]);
		assert_int_equal(p.direction, PACKET_OUT);
		assert_int_equal(p.frame, i ? 0x86dd : 0x0800);
		assert_int_equal(p.proto, PROTO_TCP);
		assert_int_equal(p.sport, 4000);
		assert_int_equal(p.dport, 443);
		assert_int_equal(p.seq, 7);
		assert_int_equal(p.ack, 9);
		assert_int_equal(p.tcp_flags, TCP_SYN | TCP_ACK);
		assert_int_equal(p.payload_len, 11);

		m = (struct made){ 0 };
		made_ip(&m, ends[i][0], ends[i][1], PROTO_UDP);
		made_udp(&m, 5000, 53);
		made_fill(&m, 5);
		assert_int_equal(made_decode(&m, &p), REASON_NONE);
		assert_int_equal(p.dport, 53);
		assert_int_equal(p.payload_len, 5);

		m = (struct made){ 0 };
		made_ip(&m, ends[i][0], ends[i][1], i ? PROTO_ICMPV6 : PROTO_ICMP);
		made_icmp(&m, i ? 128 : 8, 0, 77);
		assert_int_equal(made_decode(&m, &p), REASON_NONE);
		assert_int_equal(p.icmp_type, i ? 128 : 8);
		assert_int_equal(p.icmp_id, 77);
	}
}

static void vlan_tags_are_passed(void **state)
{
	(void)state;
	struct made m = { 0 };
	struct packet p = { 0 };
	made_ethernet(&m, 0x88a8);
	made_32(&m, 0x00058100);
	made_32(&m, 0x00070800);
	made_ip(&m, "192.0.2.1", "192.0.2.2", PROTO_TCP);
	made_tcp(&m, 1, 2, TCP_SYN, 0, 0);
	made_end(&m);
	assert_int_equal(packet_decode(&p, PACKET_ETHERNET, m.b, m.n, NULL), REASON_NONE);
	assert_int_equal(p.vlans, 2);
	assert_int_equal(p.vlan, 5);
	assert_int_equal(p.dport, 2);
	assert_int_equal(p.dst_mac[5], 1);
	assert_int_equal(p.src_mac[5], 2);
}

static void arp_is_decoded(void **state)
{
	(void)state;
	struct made m = { 0 };
	struct packet p = { 0 };
	made_ethernet(&m, 0x0806);
	made_32(&m, 0x00010800);
	made_32(&m, 0x06040002);
	made_fill(&m, 20);
	assert_int_equal(packet_decode(&p, PACKET_ETHERNET, m.b, m.n, NULL), REASON_NONE);
	assert_int_equal(p.arp_op, 2);
	assert_int_equal(packet_decode(&p, PACKET_ETHERNET, m.b, m.n - 1, NULL),
	                 REASON_PROTOCOL_HEADER);
}

static void tcp_options_are_read(void **state)
{
	(void)state;
	struct made m = { 0 };
	struct packet p = { 0 };
	made_ip(&m, "192.0.2.1", "192.0.2.2", PROTO_TCP);
	made_tcp(&m, 1, 2, TCP_SYN, 0, 0);
	m.b[m.ip + 20 + 12] = 0xa0;
	made_bytes(&m, "\2\4\5\xb4\4\2\x8\xa\0\0\0\1\0\0\0\2\1\3\3\7", 20);
	assert_int_equal(made_decode(&m, &p), REASON_NONE);
	assert_int_equal(p.tcp.mss, 1460);
	assert_true(p.tcp.sack);
	assert_true(p.tcp.has_timestamp);
	assert_int_equal(p.tcp.tsval, 1);
	assert_int_equal(p.tcp.tsecr, 2);
	assert_int_equal(p.tcp.wscale, 7);
	m.b[m.ip + 40 + 1] = 0;
	assert_int_equal(made_decode(&m, &p), REASON_TCP_LENGTH);
}

static void what_an_icmp_error_speaks_of_is_read(void **state)
{
	(void)state;
	struct made m = { 0 };
	struct packet p = { 0 };
	made_ip(&m, "192.0.2.1", "192.0.2.2", PROTO_ICMP);
	made_icmp(&m, 3, 3, 0);
	size_t outer = m.ip;
	made_ip(&m, "192.0.2.2", "192.0.2.9", PROTO_UDP);
	made_32(&m, 4000u << 16 | 161);
	m.ip = outer;
	assert_int_equal(made_decode(&m, &p), REASON_NONE);
	assert_true(p.has_inner);
	assert_int_equal(p.inner_proto, PROTO_UDP);
	assert_int_equal(p.inner_sport, 4000);
	assert_int_equal(p.inner_dport, 161);
}

/* A packet whose one byte is wrong, and the reason. */
struct fault {
	const char *why;
	const char *src, *dst;
	uint8_t proto;
	size_t at; /* from the IP header */
	uint8_t value;
	int cut; /* bytes taken from the end */
	enum reason reason;
};

/* clang-format off */
static const struct fault faults[] = {
	{ "no version",            "192.0.2.1", "192.0.2.2", PROTO_TCP,  0, 0x05, 0, REASON_UNKNOWN_IP_VERSION },
	{ "short header length",   "192.0.2.1", "192.0.2.2", PROTO_TCP,  0, 0x44, 0, REASON_IPV4_HEADER },
	{ "long header length",    "192.0.2.1", "192.0.2.2", PROTO_TCP,  0, 0x4f, 0, REASON_IPV4_HEADER },
	{ "longer than it is",     "192.0.2.1", "192.0.2.2", PROTO_TCP,  2, 0x10, 0, REASON_IP_LENGTH },
	{ "shorter than a header", "192.0.2.1", "192.0.2.2", PROTO_TCP,  3, 19,   0, REASON_IP_LENGTH },
	{ "cut",                   "192.0.2.1", "192.0.2.2", PROTO_TCP,  3, 40,   1, REASON_IP_LENGTH },
	{ "from a group",          "224.0.0.1", "192.0.2.2", PROTO_TCP,  1, 0,    0, REASON_INVALID_IP },
	{ "from everybody",  "255.255.255.255", "192.0.2.2", PROTO_TCP,  1, 0,    0, REASON_INVALID_IP },
	{ "to itself",             "192.0.2.2", "192.0.2.2", PROTO_TCP,  1, 0,    0, REASON_SAME_ADDRESS },
	{ "data offset 4",         "192.0.2.1", "192.0.2.2", PROTO_TCP, 32, 0x40, 0, REASON_DATA_OFFSET },
	{ "data offset 15",        "192.0.2.1", "192.0.2.2", PROTO_TCP, 32, 0xf0, 0, REASON_TCP_LENGTH },
	{ "half a TCP header",     "192.0.2.1", "192.0.2.2", PROTO_TCP,  3, 39,   1, REASON_TRANSPORT_LENGTH },
	{ "nothing behind",        "192.0.2.1", "192.0.2.2", PROTO_TCP,  3, 20,  20, REASON_ZERO_PAYLOAD },
	{ "last part odd",         "192.0.2.1", "192.0.2.2", PROTO_TCP,  6, 0x20, 0, REASON_FRAGMENT_OFFSET },
	{ "last part too far",     "192.0.2.1", "192.0.2.2", PROTO_TCP,  6, 0x1f, 0, REASON_NONE },
	{ "v6 longer than it is",  "2001:db8::1", "2001:db8::2", PROTO_TCP,  4, 1, 0, REASON_IP_LENGTH },
	{ "v6 from a group",       "ff02::1", "2001:db8::2", PROTO_TCP,  1, 0, 0, REASON_IPV6_MULTICAST_SOURCE },
	{ "v6 to nobody",          "2001:db8::1", "::", PROTO_TCP,  1, 0, 0, REASON_IPV6_ADDRESS },
	{ "v6 reserved",           "4001:db8::1", "2001:db8::2", PROTO_TCP,  1, 0, 0, REASON_IPV6_ADDRESS },
	{ "v6 mapped",             "::ffff:1.2.3.4", "2001:db8::2", PROTO_TCP,  1, 0, 0, REASON_IPV6_ADDRESS },
	{ "v6 6to4 of 10/8",       "2002:a00:1::1", "2001:db8::2", PROTO_TCP,  1, 0, 0, REASON_IPV6_ADDRESS },
	{ "v6 to itself",          "2001:db8::1", "2001:db8::1", PROTO_TCP,  1, 0, 0, REASON_SAME_ADDRESS },
	{ "v6 no next header",     "2001:db8::1", "2001:db8::2", PROTO_NONE, 1, 0, 0, REASON_ZERO_PAYLOAD },
	{ "v6 options too long",   "2001:db8::1", "2001:db8::2", PROTO_DSTOPTS, 41, 9, 0, REASON_PROTOCOL_HEADER },
	{ "v6 data offset 4",      "2001:db8::1", "2001:db8::2", PROTO_TCP, 52, 0x40, 0, REASON_DATA_OFFSET },
};
/* clang-format on */

static void each_malformed_header_has_its_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		const struct fault *f = &faults[i];
		struct made m = { 0 };
		struct packet p = { 0 };
		made_ip(&m, f->src, f->dst, f->proto);
		made_tcp(&m, 1, 2, TCP_SYN, 0, 0);
		made_end(&m);
		m.b[f->at] = f->value;
		enum reason why = packet_decode(&p, PACKET_IP, m.b, m.n - (size_t)f->cut, NULL);
		if (why != f->reason)
			fail_msg("%s: %d", f->why, (int)why);
		if (why)
			assert_non_null(reason_find(why));
	}
}

static void a_udp_length_that_lies_is_refused(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 2; n++) {
		struct made m = { 0 };
		struct packet p = { 0 };
		made_ip(&m, "192.0.2.1", "192.0.2.2", PROTO_UDP);
		made_udp(&m, 5000, 53);
		made_end(&m);
		m.b[25] = n ? 9 : 7;
		assert_int_equal(packet_decode(&p, PACKET_IP, m.b, m.n, NULL),
		                 REASON_TRANSPORT_LENGTH);
	}
}

static void fragments_are_described(void **state)
{
	(void)state;
	struct made m = { 0 };
	struct packet p = { 0 };
	made_ip(&m, "192.0.2.1", "192.0.2.2", PROTO_UDP);
	made_fill(&m, 30);
	m.b[6] = 0;
	m.b[7] = 8;
	assert_int_equal(made_decode(&m, &p), REASON_NONE);
	assert_true(p.fragment);
	assert_int_equal(p.fragment_offset, 64);
	assert_int_equal(p.fragment_len, 30);
	assert_int_equal(p.transport, 0);
	m.b[6] = 0x1f;
	m.b[7] = 0xff;
	assert_int_equal(made_decode(&m, &p), REASON_FRAGMENT_BOUNDS);

	m = (struct made){ 0 };
	made_ip(&m, "2001:db8::1", "2001:db8::2", PROTO_FRAGMENT);
	made_32(&m, (uint32_t)PROTO_UDP << 24 | 64 << 0 | 1);
	made_32(&m, 0xabcdef01);
	made_fill(&m, 24);
	assert_int_equal(made_decode(&m, &p), REASON_NONE);
	assert_true(p.fragment && p.more);
	assert_int_equal(p.fragment_offset, 64);
	assert_int_equal(p.fragment_id, 0xabcdef01);
	assert_int_equal(p.proto, PROTO_UDP);
}

static void routing_header_zero_is_refused_as_the_policy_says(void **state)
{
	(void)state;
	struct made m = { 0 };
	struct packet p = { 0 };
	struct packet_checks lax = packet_checks_default;
	lax.routing_type0 = false;
	made_ip(&m, "2001:db8::1", "2001:db8::2", PROTO_ROUTING);
	made_32(&m, (uint32_t)PROTO_TCP << 24);
	made_32(&m, 0);
	made_tcp(&m, 1, 2, TCP_SYN, 0, 0);
	assert_int_equal(made_decode(&m, &p), REASON_PROTOCOL_HEADER);
	assert_int_equal(packet_decode(&p, PACKET_IP, m.b, m.n, &lax), REASON_NONE);
	assert_int_equal(p.dport, 2);
}

static void tunnels_are_opened_to_the_depth(void **state)
{
	(void)state;
	struct packet_checks look = packet_checks_default;
	struct packet p = { 0 };
	struct made m = { 0 };
	look.ipv4_tunnels = look.ipv6_tunnels = TUNNEL_LOOK;
	made_ip(&m, "192.0.2.1", "192.0.2.2", PROTO_6IN4);
	made_ip(&m, "2001:db8::1", "2001:db8::2", PROTO_TCP);
	made_tcp(&m, 1, 25, TCP_SYN, 0, 0);
	made_end(&m);
	m.v6 = false;
	m.ip = 0;
	made_end(&m);
	assert_int_equal(packet_decode(&p, PACKET_IP, m.b, m.n, NULL), REASON_NONE);
	assert_int_equal(p.proto, PROTO_6IN4);
	assert_int_equal(packet_decode(&p, PACKET_IP, m.b, m.n, &look), REASON_NONE);
	assert_int_equal(p.tunnel, 1);
	assert_int_equal(p.src.version, 6);
	assert_int_equal(p.dport, 25);
	look.tunnel_depth = 0;
	assert_int_equal(packet_decode(&p, PACKET_IP, m.b, m.n, &look), REASON_PACKET_INFO);
	look.tunnel_bypass = true;
	assert_int_equal(packet_decode(&p, PACKET_IP, m.b, m.n, &look), REASON_NONE);
	look.ipv6_tunnels = TUNNEL_DROP;
	assert_int_equal(packet_decode(&p, PACKET_IP, m.b, m.n, &look), REASON_PACKET_INFO);
}

static void teredo_is_opened_on_its_port(void **state)
{
	(void)state;
	struct packet_checks look = packet_checks_default;
	struct packet p = { 0 };
	look.ipv6_tunnels = TUNNEL_LOOK;
	for (unsigned port = 3544; port <= 3545; port++) {
		struct made m = { 0 };
		made_ip(&m, "192.0.2.1", "192.0.2.2", PROTO_UDP);
		made_udp(&m, 4000, (uint16_t)port);
		size_t udp = m.udp;
		m.udp = 0;
		made_ip(&m, "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::2", PROTO_TCP);
		made_tcp(&m, 1, 25, TCP_SYN, 0, 0);
		made_end(&m);
		m.v6 = false;
		m.ip = 0;
		m.udp = udp;
		made_end(&m);
		assert_int_equal(packet_decode(&p, PACKET_IP, m.b, m.n, &look), REASON_NONE);
		assert_int_equal(p.tunnel, port == 3544);
		look.teredo_any_port = true;
		assert_int_equal(packet_decode(&p, PACKET_IP, m.b, m.n, &look), REASON_NONE);
		assert_int_equal(p.tunnel, 1);
		look.teredo_any_port = false;
		m.b[28] = 0x40;
		assert_int_equal(packet_decode(&p, PACKET_IP, m.b, m.n, &look),
		                 port == 3544 ? REASON_PROTOCOL_HEADER : REASON_NONE);
	}
}

static void a_checksum_is_verified_when_asked(void **state)
{
	(void)state;
	struct packet_checks strict = packet_checks_default;
	struct packet p = { 0 };
	struct made m = { 0 };
	strict.tcp_checksum = true;
	made_ip(&m, "192.0.2.1", "192.0.2.2", PROTO_TCP);
	made_tcp(&m, 1, 2, TCP_SYN, 0, 0);
	made_end(&m);
	assert_int_equal(packet_decode(&p, PACKET_IP, m.b, m.n, &strict), REASON_CHECKSUM);
	/* ~(c000+0201+c000+0202 + 0006+0014 + 0001+0002+5002+ffff), carries added */
	m.b[36] = 0x2b;
	m.b[37] = 0xdc;
	assert_int_equal(packet_decode(&p, PACKET_IP, m.b, m.n, &strict), REASON_NONE);
	m.b[37] ^= 1;
	p.partial = true;
	assert_int_equal(packet_decode(&p, PACKET_IP, m.b, m.n, &strict), REASON_NONE);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(every_protocol_is_decoded),
		cmocka_unit_test(vlan_tags_are_passed),
		cmocka_unit_test(arp_is_decoded),
		cmocka_unit_test(tcp_options_are_read),
		cmocka_unit_test(what_an_icmp_error_speaks_of_is_read),
		cmocka_unit_test(each_malformed_header_has_its_reason),
		cmocka_unit_test(a_udp_length_that_lies_is_refused),
		cmocka_unit_test(fragments_are_described),
		cmocka_unit_test(routing_header_zero_is_refused_as_the_policy_says),
		cmocka_unit_test(tunnels_are_opened_to_the_depth),
		cmocka_unit_test(teredo_is_opened_on_its_port),
		cmocka_unit_test(a_checksum_is_verified_when_asked),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
