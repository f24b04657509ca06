#pragma once
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "engine/made.h"
#include "module/firewall/firewall.h"

/* Rule sets and packets by lot, for tests that compare who decides; the same in every run. */

/* xorshift64* */
static inline unsigned pick(uint64_t *seed, unsigned n)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (unsigned)((*seed * 0x2545F4914F6CDD1Dull) >> 33) % n;
}

static inline const char *one_of(uint64_t *seed, const char *const *words, unsigned n)
{
	return words[pick(seed, n)];
}

#define ONE_OF(seed, ...)                                  \
	one_of(seed, (const char *const[]){ __VA_ARGS__ }, \
	       sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

/* ---- random rules ---- */

static inline void random_ips(struct buf *b, uint64_t *seed, const char *side)
{
	unsigned kind = pick(seed, 5);
	if (kind > 2)
		return;
	const char *value = kind == 0   ? ONE_OF(seed, "192.0.2.1", "192.0.2.2", "2001:db8::1")
	                    : kind == 1 ? ONE_OF(seed, "192.0.2.0/31", "192.0.2.2-198.51.100.1",
	                                         "2001:db8::/126", "192.0.2.1\",\"2001:db8::2")
	                                : ONE_OF(seed, "1", "2", "3");
	if (kind == 0)
		buf_fmt(b, "\"%sIPType\":\"single\",\"%sIPValue\":\"%s\",", side, side, value);
	else if (kind == 1)
		buf_fmt(b, "\"%sIPType\":\"multiple\",\"%sIPMultiple\":[\"%s\"],", side, side,
		        value);
	else
		buf_fmt(b, "\"%sIPType\":\"ip-list\",\"%sIPListID\":%s,", side, side, value);
	if (pick(seed, 4) == 0)
		buf_fmt(b, "\"%sIPNot\":true,", side);
}

static inline void random_ports(struct buf *b, uint64_t *seed, const char *side)
{
	if (pick(seed, 2))
		return;
	if (pick(seed, 3) == 0)
		buf_fmt(b, "\"%sPortType\":\"port-list\",\"%sPortListID\":%u,", side, side,
		        1 + pick(seed, 2));
	else
		buf_fmt(b, "\"%sPortType\":\"multiple\",\"%sPortMultiple\":[\"%s\"],", side, side,
		        ONE_OF(seed, "22", "22,53", "23-80", "4000-5000"));
	if (pick(seed, 4) == 0)
		buf_fmt(b, "\"%sPortNot\":true,", side);
}

static inline void random_proto(struct buf *b, uint64_t *seed, bool ports)
{
	static const char *const with_ports[] = { "tcp", "udp", "tcp-udp" };
	if (ports) {
		const char *proto = one_of(seed, with_ports, 3);
		buf_fmt(b, "\"protocol\":\"%s\",", proto);
		random_ports(b, seed, "source");
		random_ports(b, seed, "destination");
		if (strcmp(proto, "tcp") == 0 && pick(seed, 3) == 0)
			buf_fmt(b, "\"anyFlags\":false,\"tcpflags\":[%s],\"TCPNot\":%s,",
			        ONE_OF(seed, "\"syn\"", "\"syn\",\"ack\"", "", "\"ack\""),
			        ONE_OF(seed, "true", "false"));
		return;
	}
	const char *proto = ONE_OF(seed, "any", "icmp", "icmpv6", "igmp", "tcp", "tcp-udp");
	buf_fmt(b, "\"protocol\":\"%s\",", proto);
	bool icmp = strncmp(proto, "icmp", 4) == 0;
	if (icmp && pick(seed, 2))
		buf_fmt(b, "\"ICMPType\":%s,%s\"ICMPNot\":%s,",
		        ONE_OF(seed, "8", "3", "128", "135"), ONE_OF(seed, "", "\"ICMPCode\":0,"),
		        ONE_OF(seed, "true", "false"));
	else if (strcmp(proto, "any") != 0 && pick(seed, 3) == 0)
		buf_z(b, "\"protocolNot\":true,");
}

static inline void random_rule(struct buf *b, uint64_t *seed, unsigned id)
{
	const char *action =
		ONE_OF(seed, "bypass", "log-only", "force-allow", "deny", "deny", "allow", "allow");
	bool fixed = strcmp(action, "allow") == 0 || strcmp(action, "log-only") == 0;
	buf_fmt(b, "%s{\"ID\":%u,\"action\":\"%s\",\"direction\":\"%s\",", id > 1 ? "," : "", id,
	        action, ONE_OF(seed, "incoming", "incoming", "outgoing"));
	buf_fmt(b, "\"priority\":\"%u\",", fixed ? (*action == 'l' ? 4 : 0) : pick(seed, 5));
	const char *frame = ONE_OF(seed, "ip", "ip", "ip", "any", "ipv4", "ipv6", "arp");
	if (strcmp(frame, "arp") == 0 || pick(seed, 12) == 0) {
		buf_fmt(b, "\"frameType\":\"%s\",\"frameNot\":%s,",
		        strcmp(frame, "any") == 0 ? "ip" : frame, ONE_OF(seed, "true", "false"));
	} else {
		buf_fmt(b, "\"frameType\":\"%s\",", frame);
		random_proto(b, seed, pick(seed, 3) > 0);
		random_ips(b, seed, "source");
		random_ips(b, seed, "destination");
	}
	if (pick(seed, 10) == 0)
		buf_fmt(b,
		        "\"sourceMACType\":\"mac-list\",\"sourceMACListID\":%u,\"sourceMACNot\":%s,",
		        1u, ONE_OF(seed, "true", "false"));
	if (pick(seed, 8) == 0)
		buf_fmt(b, "\"interfaceTypeIDs\":[%s],", ONE_OF(seed, "1", "2", "1,2", "3"));
	if (pick(seed, 8) == 0)
		buf_fmt(b, "\"scheduleID\":%u,", 1 + pick(seed, 2));
	if (pick(seed, 8) == 0)
		buf_fmt(b, "\"contextID\":%u,", 1 + pick(seed, 2));
	buf_fmt(b, "\"logDisabled\":%s}", ONE_OF(seed, "true", "false", "false"));
}

static inline void random_policy(struct buf *b, uint64_t *seed)
{
	unsigned n = pick(seed, 13);
	buf_z(b, "{\"state\":\"on\",\"ipLists\":[{\"ID\":1,\"items\":[\"192.0.2.0/30\","
	         "\"2001:db8::1\"]},{\"ID\":2,\"items\":[]},{\"ID\":3,\"items\":[\"0.0.0.0/0\"]}],"
	         "\"portLists\":[{\"ID\":1,\"items\":[\"53\",\"80\"]},{\"ID\":2,\"items\":[]}],"
	         "\"macLists\":[{\"ID\":1,\"items\":[\"02:00:00:00:00:01\"]}],"
	         "\"interfaceTypes\":[{\"ID\":1,\"patterns\":[\"eth*\"]},"
	         "{\"ID\":2,\"patterns\":[\"wlan?\"]},{\"ID\":3,\"patterns\":[\"none\"]}],"
	         "\"contexts\":[{\"ID\":1,\"localConnectionsEnabled\":true},"
	         "{\"ID\":2,\"remoteConnectionsEnabled\":true}],\"schedules\":[");
	for (int s = 0; s < 2; s++) {
		buf_fmt(b, "%s{\"ID\":%d,\"hoursOfWeek\":[", s ? "," : "", s + 1);
		for (int h = 0; h < SCHEDULE_HOURS; h++)
			buf_fmt(b, "%s%s", h ? "," : "", (h == 5) == (s == 0) ? "true" : "false");
		buf_z(b, "]}");
	}
	buf_z(b, "],\"rules\":[");
	for (unsigned i = 1; i <= n; i++)
		random_rule(b, seed, i);
	buf_fmt(b, "],\"agentPort\":%s}", ONE_OF(seed, "4118", "0"));
}

/* A rule that cannot be meant is drawn now and then; then the set is drawn again. text: the
 * section. */
static inline struct rules *draw(uint64_t *seed, struct buf *text)
{
	for (;;) {
		struct rules *r = NULL;
		buf_clear(text);
		random_policy(text, seed);
		AUTO(json_decrefp) json_t *j = json_parse(buf_view(text), NULL);
		assert_non_null(j);
		if (firewall_section.parse(j, &r, NULL) == 0)
			return r;
	}
}

/* ---- random packets ---- */

static inline void random_packet(struct made *m, struct packet *p, uint64_t *seed)
{
	static const char *const v4[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.1" };
	static const char *const v6[] = { "2001:db8::1", "2001:db8::2", "2001:db8::9" };
	static const uint16_t ports[] = { 22, 53, 67, 68, 80, 4000, 4118 };
	static const uint8_t flags[] = { TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, 0, TCP_RST };
	static const uint8_t types[] = { 0, 3, 8, 128, 135 };
	bool six = pick(seed, 2);
	unsigned a = pick(seed, six ? 3 : 4), c = (a + 1 + pick(seed, six ? 2 : 3)) % (six ? 3 : 4);
	unsigned kind = pick(seed, 8);
	*m = (struct made){ 0 };
	*p = (struct packet){ .direction = pick(seed, 3) ? PACKET_IN : PACKET_OUT,
		              .ifname = ONE_OF(seed, "eth0", "wlan0", "tun0") };
	uint8_t proto = kind < 4    ? PROTO_TCP
	                : kind < 6  ? PROTO_UDP
	                : kind == 6 ? PROTO_IGMP
	                : six       ? PROTO_ICMPV6
	                            : PROTO_ICMP;
	made_ip(m, six ? v6[a] : v4[a], six ? v6[c] : v4[c], proto);
	if (proto == PROTO_TCP)
		made_tcp(m, ports[pick(seed, 7)], ports[pick(seed, 7)], flags[pick(seed, 5)], 1, 1);
	else if (proto == PROTO_UDP)
		made_udp(m, ports[pick(seed, 7)], ports[pick(seed, 7)]);
	else
		made_icmp(m, types[pick(seed, 5)], (uint8_t)(pick(seed, 2) * 4), 7);
	assert_int_equal(made_decode(m, p), REASON_NONE);
	p->has_mac = p->direction == PACKET_IN && pick(seed, 2);
	if (p->has_mac) {
		p->src_mac[0] = 2;
		p->src_mac[5] = (uint8_t)(1 + pick(seed, 2));
	}
}
