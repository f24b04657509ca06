#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/test.h"
#include "engine/flow.h"
#include "engine/made.h"

static const uint64_t key[2] = { 1, 2 };
#define MINUTE 60000ull
#define HOUR   (60 * MINUTE)
#define LATE   (10 * MINUTE) /* the cold start is over */

static const struct flow_rules inspect = { .tcp = true, .udp = true, .icmp = true };

/* Us is 192.0.2.2 (2001:db8::2); in: from the peer to us. */
struct talk {
	struct flows *f;
	const struct flow_rules *rules;
	bool v6, forced;
	uint64_t now;
	uint16_t peer_port, our_port;
	size_t data;
	uint8_t fill;
};

static struct flow_answer say(struct talk *t, bool in, uint8_t flags, uint32_t seq, uint32_t ack)
{
	struct made m = { 0 };
	struct packet p = { .direction = in ? PACKET_IN : PACKET_OUT };
	const char *peer = t->v6 ? "2001:db8::1" : "192.0.2.1";
	const char *us = t->v6 ? "2001:db8::2" : "192.0.2.2";
	made_ip(&m, in ? peer : us, in ? us : peer, PROTO_TCP);
	made_tcp(&m, in ? t->peer_port : t->our_port, in ? t->our_port : t->peer_port, flags, seq,
	         ack);
	memset(m.b + m.n, t->fill, t->data);
	m.n += t->data;
	assert_int_equal(made_decode(&m, &p), REASON_NONE);
	return flow_see(t->f, &p, t->rules, !t->forced, t->now);
}

static struct talk begin(const struct flow_limits *limits, const struct flow_rules *rules)
{
	return (struct talk){ .f = flows_new(64, limits, key, 0),
		              .rules = rules,
		              .now = LATE,
		              .peer_port = 4000,
		              .our_port = 80 };
}

static void shake(struct talk *t)
{
	assert_int_equal(say(t, true, TCP_SYN, 100, 0).is, FLOW_NEW);
	assert_int_equal(say(t, false, TCP_SYN | TCP_ACK, 500, 101).reason, REASON_NONE);
	assert_int_equal(say(t, true, TCP_ACK, 101, 501).state, FLOW_ESTABLISHED);
}

static void a_connection_lives_and_ends(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct talk t = begin(NULL, &inspect);
		t.v6 = v6;
		assert_int_equal(say(&t, true, TCP_SYN, 100, 0).state, FLOW_SYN_RCVD);
		assert_int_equal(say(&t, false, TCP_SYN | TCP_ACK, 500, 101).state, FLOW_SYN_RCVD);
		assert_int_equal(say(&t, true, TCP_ACK, 101, 501).state, FLOW_ESTABLISHED);
		t.data = 10;
		assert_int_equal(say(&t, true, TCP_ACK | TCP_PSH, 101, 501).reason, REASON_NONE);
		assert_int_equal(say(&t, false, TCP_ACK, 501, 111).reason, REASON_NONE);
		t.data = 0;
		assert_int_equal(say(&t, true, TCP_FIN | TCP_ACK, 111, 511).state, FLOW_CLOSE_WAIT);
		assert_int_equal(say(&t, false, TCP_FIN | TCP_ACK, 511, 112).state, FLOW_LAST_ACK);
		struct flow_answer a = say(&t, true, TCP_ACK, 112, 512);
		assert_int_equal(a.is, FLOW_ENDED);
		assert_int_equal(a.state, FLOW_CLOSED);
		assert_int_equal(say(&t, true, TCP_ACK, 112, 512).reason, REASON_OUT_OF_CONNECTION);
		flows_free(t.f);
	}
}

static void our_own_connection_ends_by_us(void **state)
{
	(void)state;
	struct talk t = begin(NULL, &inspect);
	assert_int_equal(say(&t, false, TCP_SYN, 100, 0).state, FLOW_SYN_SENT);
	say(&t, true, TCP_SYN | TCP_ACK, 500, 101);
	assert_int_equal(say(&t, false, TCP_ACK, 101, 501).state, FLOW_ESTABLISHED);
	assert_int_equal(say(&t, false, TCP_FIN | TCP_ACK, 101, 501).state, FLOW_FIN_WAIT1);
	assert_int_equal(say(&t, true, TCP_FIN | TCP_ACK, 501, 102).state, FLOW_CLOSING);
	assert_int_equal(say(&t, false, TCP_ACK, 102, 502).state, FLOW_CLOSED);
	flows_free(t.f);
}

/* A segment in an established connection (ours to send: 501, theirs: 101), and what is said. */
static void segments_out_of_order_of_things_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *why;
		bool in;
		uint8_t flags;
		uint32_t seq, ack;
		enum reason reason;
	} cases[] = {
		{ "in order", true, TCP_ACK, 101, 501, REASON_NONE },
		{ "far ahead", true, TCP_ACK, 101 + 70000, 501, REASON_INVALID_SEQUENCE },
		{ "far behind", true, TCP_ACK, UINT32_MAX - 69898, 501, REASON_INVALID_SEQUENCE },
		{ "of what was not sent", true, TCP_ACK, 101, 502, REASON_INVALID_ACK },
		{ "blind reset", true, TCP_RST, 101 + 70000, 0, REASON_INVALID_SEQUENCE },
		{ "no flags", true, 0, 101, 501, REASON_INVALID_FLAGS },
		{ "syn fin", true, TCP_SYN | TCP_FIN, 101, 501, REASON_INVALID_FLAGS },
		{ "syn rst", true, TCP_SYN | TCP_RST, 101, 501, REASON_INVALID_FLAGS },
		{ "rst fin", true, TCP_RST | TCP_FIN, 101, 501, REASON_INVALID_FLAGS },
		{ "urgent", true, TCP_URG | TCP_ACK, 101, 501, REASON_NONE },
		{ "split", false, TCP_SYN, 501, 0, REASON_INVALID_FLAGS },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct talk t = begin(NULL, &inspect);
		shake(&t);
		struct flow_answer a =
			say(&t, cases[i].in, cases[i].flags, cases[i].seq, cases[i].ack);
		if (a.reason != cases[i].reason)
			fail_msg("%s: %d", cases[i].why, (int)a.reason);
		flows_free(t.f);
	}
}

static void the_split_handshake_is_refused(void **state)
{
	(void)state;
	struct talk t = begin(NULL, &inspect);
	assert_int_equal(say(&t, false, TCP_SYN, 100, 0).is, FLOW_NEW);
	struct flow_answer a = say(&t, true, TCP_SYN, 500, 0);
	assert_int_equal(a.reason, REASON_INVALID_FLAGS);
	assert_string_equal(a.note, "split handshake");
	flows_free(t.f);
}

static void each_evasion_follows_its_posture(void **state)
{
	(void)state;
	static const struct {
		enum evasion what;
		uint8_t flags;
		size_t data;
	} cases[] = {
		{ EVASION_ZERO_FLAGS, 0, 0 },
		{ EVASION_SYN_FIN, TCP_SYN | TCP_FIN, 0 },
		{ EVASION_SYN_RST, TCP_SYN | TCP_RST, 0 },
		{ EVASION_RST_FIN, TCP_RST | TCP_FIN, 0 },
		{ EVASION_URGENT, TCP_URG | TCP_ACK, 0 },
		{ EVASION_CONGESTION, TCP_ECE | TCP_ACK, 0 },
		{ EVASION_CONGESTION, TCP_CWR | TCP_ACK, 0 },
		{ EVASION_SYN_DATA, TCP_SYN, 9 },
		{ EVASION_RST_OUT, TCP_RST, 0 },
		{ EVASION_FIN_OUT, TCP_FIN | TCP_ACK, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int p = POSTURE_ALLOW; p <= POSTURE_DENY_SILENT; p++) {
			struct flow_limits l = flow_limits_default;
			for (int k = 0; k < EVASION_COUNT; k++)
				l.evasion[k] = POSTURE_ALLOW;
			l.evasion[cases[i].what] = (enum posture)p;
			struct talk t = begin(&l, &inspect);
			t.data = cases[i].data;
			t.now = MINUTE; /* what is under way is taken in */
			struct flow_answer a = say(&t, true, cases[i].flags, 1, 1);
			if ((a.reason != REASON_NONE) != (p != POSTURE_ALLOW) ||
			    (a.reason && a.posture != (enum posture)p))
				fail_msg("%zu %d: %d %d", i, p, (int)a.reason, (int)a.posture);
			flows_free(t.f);
		}
	}
}

static void a_connection_under_way_is_taken_in_after_a_start_only(void **state)
{
	(void)state;
	struct talk t = begin(NULL, &inspect);
	t.now = 4 * MINUTE;
	assert_int_equal(say(&t, true, TCP_ACK, 1, 1).reason, REASON_NONE);
	assert_int_equal(say(&t, false, TCP_ACK, 900000, 1).reason, REASON_NONE);
	t.peer_port++;
	t.now = LATE;
	assert_int_equal(say(&t, true, TCP_ACK, 1, 1).reason, REASON_OUT_OF_CONNECTION);
	assert_int_equal(say(&t, false, TCP_ACK, 1, 1).reason, REASON_NONE);
	assert_int_equal(say(&t, true, TCP_ACK, 1, 1).reason, REASON_NONE);
	flows_free(t.f);
}

static void timeouts_are_those_of_the_state(void **state)
{
	(void)state;
	struct talk t = begin(NULL, &inspect);
	shake(&t);
	t.now += 3 * HOUR - 1;
	assert_int_equal(say(&t, true, TCP_ACK, 101, 501).reason, REASON_NONE);
	t.now += 3 * HOUR;
	assert_int_equal(say(&t, true, TCP_ACK, 101, 501).reason, REASON_OUT_OF_CONNECTION);
	t.peer_port++;
	say(&t, true, TCP_SYN, 100, 0);
	assert_int_equal(flows_count(t.f, FLOW_SYN_RCVD), 1);
	assert_int_equal(flows_clean(t.f, t.now + 59999), 0);
	assert_int_equal(flows_clean(t.f, t.now + 60000), 1);
	assert_int_equal(flows_count(t.f, FLOW_SYN_RCVD), 0);
	flows_free(t.f);
}

static void a_reset_connection_takes_nothing_but_a_new_one(void **state)
{
	(void)state;
	struct talk t = begin(NULL, &inspect);
	shake(&t);
	assert_int_equal(say(&t, true, TCP_RST, 101, 0).state, FLOW_DISCONNECT);
	assert_int_equal(say(&t, true, TCP_ACK, 101, 501).reason, REASON_CLOSED);
	assert_int_equal(say(&t, true, TCP_SYN, 9000, 0).is, FLOW_NEW);
	flows_free(t.f);
}

static void connections_are_limited_by_peer(void **state)
{
	(void)state;
	struct flow_rules r = inspect;
	r.max_incoming = 2;
	struct talk t = begin(NULL, &r);
	for (int i = 0; i < 3; i++, t.peer_port++)
		assert_int_equal(say(&t, true, TCP_SYN, 100, 0).reason,
		                 i < 2 ? REASON_NONE : REASON_MAX_INCOMING);
	t.v6 = true;
	assert_int_equal(say(&t, true, TCP_SYN, 100, 0).reason, REASON_NONE);
	t.v6 = false;
	t.peer_port = 4000;
	say(&t, false, TCP_RST | TCP_ACK, 0, 101);
	t.now += 2 * MINUTE;
	flows_clean(t.f, t.now);
	assert_int_equal(say(&t, true, TCP_SYN, 100, 0).reason, REASON_NONE);
	flows_free(t.f);

	r = inspect;
	r.max_outgoing = 1;
	t = begin(NULL, &r);
	for (int i = 0; i < 2; i++, t.our_port++)
		assert_int_equal(say(&t, false, TCP_SYN, 100, 0).reason,
		                 i < 1 ? REASON_NONE : REASON_MAX_OUTGOING);
	flows_free(t.f);
}

static void half_open_connections_are_limited_and_whole_ones_are_not(void **state)
{
	(void)state;
	struct flow_rules r = inspect;
	r.max_half_open = 2;
	struct talk t = begin(NULL, &r);
	for (int i = 0; i < 5; i++, t.peer_port++)
		shake(&t);
	for (int i = 0; i < 3; i++, t.peer_port++)
		assert_int_equal(say(&t, true, TCP_SYN, 100, 0).reason,
		                 i < 2 ? REASON_NONE : REASON_MAX_SYN);
	flows_free(t.f);
}

static void a_flood_never_takes_more_than_the_table(void **state)
{
	(void)state;
	struct talk t = begin(NULL, &inspect);
	enum reason last = REASON_NONE;
	for (uint16_t i = 0; i < 100; i++) {
		t.peer_port = i;
		last = say(&t, true, TCP_SYN, 100, 0).reason;
	}
	assert_int_equal(last, REASON_MEMORY);
	assert_int_equal(flows_count(t.f, FLOW_SYN_RCVD), 64);
	t.now += MINUTE;
	assert_int_equal(say(&t, true, TCP_SYN, 100, 0).reason, REASON_NONE);
	flows_free(t.f);
}

static void a_retransmission_with_other_bytes_is_noticed_when_asked(void **state)
{
	(void)state;
	struct flow_limits l = flow_limits_default;
	l.evasion[EVASION_RETRANSMIT] = POSTURE_DENY;
	struct talk t = begin(&l, &inspect);
	shake(&t);
	t.data = 8;
	t.fill = 'a';
	assert_int_equal(say(&t, true, TCP_ACK, 101, 501).reason, REASON_NONE);
	assert_int_equal(say(&t, true, TCP_ACK, 101, 501).reason, REASON_NONE);
	t.fill = 'b';
	assert_int_equal(say(&t, true, TCP_ACK, 101, 501).reason, REASON_RETRANSMIT);
	flows_free(t.f);
}

/* ---- UDP and ICMP ---- */

static struct flow_answer udp(struct talk *t, bool in)
{
	struct made m = { 0 };
	struct packet p = { .direction = in ? PACKET_IN : PACKET_OUT };
	made_ip(&m, in ? "192.0.2.1" : "192.0.2.2", in ? "192.0.2.2" : "192.0.2.1", PROTO_UDP);
	made_udp(&m, in ? 53 : 5000, in ? 5000 : 53);
	assert_int_equal(made_decode(&m, &p), REASON_NONE);
	return flow_see(t->f, &p, t->rules, !t->forced, t->now);
}

static void udp_is_let_in_as_an_answer_only(void **state)
{
	(void)state;
	struct talk t = begin(NULL, &inspect);
	assert_int_equal(udp(&t, true).reason, REASON_UNSOLICITED_UDP);
	assert_int_equal(udp(&t, false).is, FLOW_NEW);
	assert_int_equal(udp(&t, true).reason, REASON_NONE);
	t.now += 20000;
	assert_int_equal(udp(&t, true).reason, REASON_UNSOLICITED_UDP);
	t.forced = true;
	assert_int_equal(udp(&t, true).reason, REASON_NONE);
	flows_free(t.f);
}

static struct flow_answer icmp(struct talk *t, bool in, uint8_t type, uint16_t id)
{
	struct made m = { 0 };
	struct packet p = { .direction = in ? PACKET_IN : PACKET_OUT };
	const char *peer = t->v6 ? "2001:db8::1" : "192.0.2.1";
	const char *us = t->v6 ? "2001:db8::2" : "192.0.2.2";
	made_ip(&m, in ? peer : us, in ? us : peer, t->v6 ? PROTO_ICMPV6 : PROTO_ICMP);
	made_icmp(&m, type, 0, id);
	assert_int_equal(made_decode(&m, &p), REASON_NONE);
	return flow_see(t->f, &p, t->rules, !t->forced, t->now);
}

static void icmp_is_let_in_as_an_answer_only(void **state)
{
	(void)state;
	struct talk t = begin(NULL, &inspect);
	assert_int_equal(icmp(&t, true, 0, 7).reason, REASON_UNSOLICITED_ICMP);
	assert_int_equal(icmp(&t, true, 8, 7).reason, REASON_UNSOLICITED_ICMP);
	assert_int_equal(icmp(&t, false, 8, 7).reason, REASON_NONE);
	assert_int_equal(icmp(&t, true, 0, 7).reason, REASON_NONE);
	assert_int_equal(icmp(&t, true, 0, 8).reason, REASON_UNSOLICITED_ICMP);
	t.v6 = true;
	assert_int_equal(icmp(&t, true, 135, 0).reason, REASON_NONE);
	assert_int_equal(icmp(&t, true, 128, 7).reason, REASON_UNSOLICITED_ICMP);
	flows_free(t.f);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(a_connection_lives_and_ends),
		cmocka_unit_test(our_own_connection_ends_by_us),
		cmocka_unit_test(segments_out_of_order_of_things_are_refused),
		cmocka_unit_test(the_split_handshake_is_refused),
		cmocka_unit_test(each_evasion_follows_its_posture),
		cmocka_unit_test(a_connection_under_way_is_taken_in_after_a_start_only),
		cmocka_unit_test(timeouts_are_those_of_the_state),
		cmocka_unit_test(a_reset_connection_takes_nothing_but_a_new_one),
		cmocka_unit_test(connections_are_limited_by_peer),
		cmocka_unit_test(half_open_connections_are_limited_and_whole_ones_are_not),
		cmocka_unit_test(a_flood_never_takes_more_than_the_table),
		cmocka_unit_test(a_retransmission_with_other_bytes_is_noticed_when_asked),
		cmocka_unit_test(udp_is_let_in_as_an_answer_only),
		cmocka_unit_test(icmp_is_let_in_as_an_answer_only),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
