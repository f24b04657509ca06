#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/test.h"
#include "engine/made.h"
#include "module/intrusionprevention/traffic.h"

static const uint64_t key[2] = { 1, 2 };

enum { SERVER_ISN = 7000, TOLD_MAX = 64 };
#define ISN 0xffffffc0u /* it wraps inside */

/* Rules, connections and what was told of them. */
struct line {
	struct ips_set *set;
	struct ips *ips;
	struct ips_mode mode;
	struct traffic_limits limits;
	struct traffic *traffic;
	uint64_t now;
	uint16_t port;
	uint32_t sids[TOLD_MAX];
	unsigned nsids;
	enum app_protocol protocol; /* of the last alert */
	unsigned retransmits;
	struct traffic_outcome last;
};

static void on_alert(void *arg, const struct ips_alert *a)
{
	struct line *l = arg;
	l->protocol = traffic_protocol(a->flow);
	if (l->nsids < TOLD_MAX)
		l->sids[l->nsids++] = a->rule->sid;
}

static unsigned told(const struct line *l, uint32_t sid)
{
	unsigned n = 0;
	for (unsigned i = 0; i < l->nsids; i++)
		n += l->sids[i] == sid;
	return n;
}

static void open_rules(struct line *l, const char *rules, bool prevent)
{
	struct ips_file file = { .name = "rules", .text = str_of(rules) };
	struct ips_source in = { .files = &file, .nfiles = 1 };
	struct ips_report report = { 0 };
	struct err why = { { 0 } };
	*l = (struct line){ .limits = traffic_limits_default, .port = 80, .now = 1000 };
	l->limits.checksums = false;
	l->limits.connections = 64;
	l->mode = (struct ips_mode){ .prevent = prevent, .alert = on_alert, .arg = l };
	if (ips_compile(&in, &ips_limits_default, NULL, &l->set, &report, &why) < 0 ||
	    report.disabled)
		fail_msg("%s %s", why.text, report.nproblems ? report.problems[0].text : "");
	ips_report_done(&report);
	l->ips = ips_new(l->set, &l->mode, &ips_face_app);
	assert_non_null(l->ips);
}

static void begin(struct line *l)
{
	l->traffic = traffic_new(&l->limits, l->ips, key);
	assert_non_null(l->traffic);
}

static void finish(struct line *l)
{
	traffic_flush(l->traffic, l->now);
	assert_int_equal(traffic_connections(l->traffic), 0);
	assert_int_equal(traffic_memory(l->traffic), 0);
	traffic_free(l->traffic);
	l->traffic = NULL;
}

static void close_rules(struct line *l)
{
	if (l->traffic)
		finish(l);
	ips_free(l->ips);
	ips_set_unref(l->set);
}

static void see(struct line *l, struct made *m)
{
	struct packet p = { .direction = PACKET_IN, .when_ms = l->now };
	assert_int_equal(made_decode(m, &p), REASON_NONE);
	l->last = traffic_see(l->traffic, &p, l->now++);
	l->retransmits += l->last.reason == REASON_RETRANSMIT;
}

static void segment(struct line *l, bool server, uint8_t flags, uint32_t at, const void *data,
                    size_t n)
{
	struct made m = { 0 };
	made_ip(&m, server ? "192.0.2.2" : "192.0.2.1", server ? "192.0.2.1" : "192.0.2.2",
	        PROTO_TCP);
	made_tcp(&m, server ? l->port : 4000, server ? 4000 : l->port, flags,
	         (server ? SERVER_ISN : ISN) + at, (server ? ISN : SERVER_ISN) + 1);
	made_bytes(&m, data, n);
	see(l, &m);
}

static void shake(struct line *l)
{
	segment(l, false, TCP_SYN, 0, "", 0);
	segment(l, true, TCP_SYN | TCP_ACK, 0, "", 0);
	segment(l, false, TCP_ACK, 1, "", 0);
}

static void say(struct line *l, bool server, uint32_t at, const char *text)
{
	segment(l, server, TCP_ACK | TCP_PSH, 1 + at, text, strlen(text));
}

/* ---- what a connection does ---- */

static void a_request_and_its_answer_raise_their_rules(void **state)
{
	(void)state;
	struct line l;
	open_rules(
		&l,
		"alert http any any -> any any (msg:\"u\"; http.uri; content:\"/evil\"; sid:1;)\n"
		"alert http any any -> any any (msg:\"f\"; flow:to_client; file.data; content:\"root:x\"; sid:2;)\n"
		"alert tcp any any -> any 80 (msg:\"r\"; flow:established,to_server; content:\"evil HTTP\"; sid:3;)\n"
		"alert dns any any -> any any (msg:\"d\"; dns.query; content:\"bad.example\"; sid:4;)\n",
		false);
	begin(&l);
	shake(&l);
	say(&l, false, 0, "GET /%65vil HTTP/1.1\r\nHo");
	say(&l, false, 24, "st: a\r\n\r\n");
	say(&l, true, 0, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nroot:x");
	assert_int_equal(told(&l, 1), 1);
	assert_int_equal(told(&l, 2), 1);
	assert_int_equal(told(&l, 3), 0); /* on the wire it is written otherwise */
	assert_int_equal(l.protocol, APP_HTTP);
	struct made m = { 0 };
	made_ip(&m, "192.0.2.1", "192.0.2.2", PROTO_UDP);
	made_udp(&m, 5000, 53);
	made_bytes(&m,
	           "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03"
	           "bad\x07"
	           "example\x00\x00\x01\x00\x01",
	           29);
	see(&l, &m);
	assert_int_equal(told(&l, 4), 1);
	assert_int_equal(l.protocol, APP_DNS);
	close_rules(&l);
}

static void from_the_packet_that_matches_on_nothing_passes(void **state)
{
	(void)state;
	struct line l;
	open_rules(&l,
	           "drop http any any -> any any (msg:\"u\"; http.uri; content:\"/evil\"; sid:1;)",
	           true);
	begin(&l);
	shake(&l);
	say(&l, false, 0, "GET /ev");
	assert_int_equal(l.last.verdict, IPS_NONE);
	say(&l, false, 7, "il HTTP/1.1\r\n");
	assert_int_equal(l.last.verdict, IPS_VERDICT_DROP);
	say(&l, false, 20, "\r\n");
	assert_int_equal(l.last.verdict, IPS_VERDICT_DROP);
	say(&l, true, 0, "HTTP/1.1 200 OK\r\n");
	assert_int_equal(l.last.verdict, IPS_VERDICT_DROP);
	assert_int_equal(told(&l, 1), 1);
	close_rules(&l);
}

static void a_connection_that_no_rule_wants_is_left_alone(void **state)
{
	(void)state;
	struct line l;
	open_rules(&l,
	           "alert http any any -> any 80 (msg:\"u\"; http.uri; content:\"/evil\"; sid:1;)",
	           true);
	begin(&l);
	l.port = 22;
	shake(&l);
	say(&l, false, 0, "SSH-2.0-x\r\n");
	assert_true(l.last.settled);
	say(&l, false, 11, "more");
	assert_true(l.last.settled);
	close_rules(&l);
}

static void the_table_and_memory_have_their_limits(void **state)
{
	(void)state;
	struct line l;
	open_rules(&l,
	           "alert http any any -> any any (msg:\"u\"; http.uri; content:\"/evil\"; sid:1;)",
	           false);
	l.limits.connections = 8;
	l.limits.memory = 1; /* the second connection's protocol is not read */
	begin(&l);
	for (uint16_t port = 1000; port < 1100; port++) { /* a flood */
		l.port = port;
		segment(&l, false, TCP_SYN, 0, "", 0);
	}
	assert_int_equal(traffic_connections(l.traffic), 8);
	assert_int_equal(traffic_counted(l.traffic)->evicted, 92);
	for (uint16_t port = 80; port < 82; port++) {
		l.port = port;
		shake(&l);
		say(&l, false, 0, "GET /evil HTTP/1.1\r\n\r\n");
	}
	assert_int_equal(told(&l, 1), 1);
	assert_int_equal(traffic_counted(l.traffic)->without_room, 1);
	l.now += UINT64_C(100000);
	traffic_clean(l.traffic, 1000, l.now);
	assert_int_equal(traffic_connections(l.traffic), 2); /* those that stand */
	close_rules(&l);
}

static void a_wrong_checksum_hides_nothing(void **state)
{
	(void)state;
	struct line l;
	struct made m = { 0 };
	open_rules(&l, "alert tcp any any -> any any (msg:\"u\"; content:\"evil\"; sid:1;)", false);
	l.limits.checksums = true;
	begin(&l);
	made_ip(&m, "192.0.2.1", "192.0.2.2", PROTO_TCP);
	made_tcp(&m, 4000, 80, TCP_SYN, 0, 0);
	see(&l, &m);
	assert_int_equal(traffic_counted(l.traffic)->bad_checksums, 1);
	assert_int_equal(traffic_connections(l.traffic), 0);
	close_rules(&l);
}

/* ---- evasion: every attack, sent in every way ---- */

static uint32_t roll(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static const char rules[] =
	"drop http any any -> any any (msg:\"path\"; http.uri; content:\"/etc/passwd\"; sid:1;)\n"
	"drop http any any -> any any (msg:\"body\"; http.request_body; content:\"union select\"; sid:2;)\n"
	"drop http any any -> any any (msg:\"header\"; http.header; content:\"() { :; }\"; sid:3;)\n"
	"drop tcp any any -> any any (msg:\"raw\"; flow:established,to_server; content:\"|de ad be ef|\"; content:\"tail\"; distance:4; within:4; sid:4;)\n"
	"drop smtp any any -> any any (msg:\"mail\"; file.data; content:\"MZ|90 00|\"; startswith; sid:5;)\n"
	"drop http any any -> any any (msg:\"later\"; http.uri; content:\"/second\"; http.header; content:\"Evil: 1\"; sid:6;)\n";

static const struct attack {
	uint32_t sid;
	const char *greeting; /* of the server */
	const char *bytes;
	size_t n;
} attacks[] = {
#define ATTACK(sid, greeting, text)                   \
	{                                             \
		sid, greeting, text, sizeof(text) - 1 \
	}
	ATTACK(1, "", "GET /a/../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n"),
	ATTACK(1, "", "GET /%2e%2e/%65tc%2fpasswd HTTP/1.1\r\nHost: a\r\n\r\n"),
	ATTACK(1, "", "GET /%c0%ae%c0%ae%c0%afetc\\.\\passwd HTTP/1.1\r\nHost: a\r\n\r\n"),
	ATTACK(1, "", "GET http://a/x/%u002e%u002e//etc/passwd HTTP/1.1\nHost: a\n\n"),
	ATTACK(1, "", "\r\nGET\t/etc/./passwd\tHTTP/1.1\r\n\r\n"),
	ATTACK(2, "", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 14\r\n\r\n1 union select"),
	ATTACK(2, "",
	       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	       "3\r\n1 u\r\n1;x\r\nn\r\n00a\r\nion select\r\n0\r\n\r\n"),
	ATTACK(3, "", "GET / HTTP/1.1\r\nHost: a\r\nX: () {\r\n :; }\r\n\r\n"),
	ATTACK(4, "", "\x01\x02\xde\xad\xbe\xef----tail"),
	ATTACK(5, "220 mx\r\n",
	       "EHLO a\r\nDATA\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	       "Content-Transfer-Encoding: base64\r\n\r\nTV\r\nqQ AAMA\r\n--b--\r\n.\r\n"),
	ATTACK(6, "",
	       "GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\nEvil: 1\r\n\r\n"),
};

enum way {
	WAY_IN_ORDER,
	WAY_SHUFFLED,
	WAY_AGAIN,     /* with retransmissions cut otherwise */
	WAY_CONFLICTS, /* with bytes that say otherwise, before or behind the true ones */
	WAY_OUTSIDE,   /* with segments and resets that the receiver will not take */
	WAYS
};

static void send_piece(struct line *l, const struct attack *a, uint32_t at, uint32_t n)
{
	segment(l, false, TCP_ACK | TCP_PSH, 1 + at, a->bytes + at, n);
}

static void send_noise(struct line *l, uint32_t at, uint32_t n)
{
	char noise[64];
	memset(noise, 'z', sizeof(noise));
	segment(l, false, TCP_ACK, 1 + at, noise, n);
}

static void send_extra(struct line *l, const struct attack *a, enum way way, uint32_t at,
                       uint32_t len, uint32_t *seed)
{
	uint32_t from = roll(seed) % (at + 1), n = 1 + roll(seed) % 64;
	if (way == WAY_AGAIN)
		send_piece(l, a, from, n < a->n - from ? n : (uint32_t)a->n - from);
	if (way == WAY_CONFLICTS && roll(seed) % 4 == 0)
		send_noise(l, from, len);
	if (way == WAY_OUTSIDE) {
		send_noise(l, 200000 + roll(seed) % 1000, 8);
		segment(l, false, TCP_RST, 1 + at + 3 + roll(seed) % 100, "", 0);
	}
}

static void send_attack(struct line *l, const struct attack *a, enum way way, uint32_t seed)
{
	struct {
		uint32_t at, n;
	} pieces[512];
	size_t n = 0;
	uint32_t most = 1 + roll(&seed) % 64;
	for (uint32_t at = 0; at < a->n; n++) {
		uint32_t len = 1 + roll(&seed) % most;
		pieces[n].at = at;
		pieces[n].n = len < a->n - at ? len : (uint32_t)a->n - at;
		at += pieces[n].n;
	}
	for (size_t i = 0; way != WAY_IN_ORDER && i < n; i++) {
		size_t k = i + roll(&seed) % (n - i < 12 ? n - i : 12);
		__typeof__(pieces[0]) t = pieces[i];
		pieces[i] = pieces[k];
		pieces[k] = t;
	}
	shake(l);
	if (a->greeting[0])
		say(l, true, 0, a->greeting);
	for (size_t i = 0; i < n; i++) {
		send_extra(l, a, way, pieces[i].at, pieces[i].n, &seed);
		send_piece(l, a, pieces[i].at, pieces[i].n);
	}
}

static void every_attack_is_found_however_it_is_sent(void **state)
{
	(void)state;
	struct line l;
	open_rules(&l, rules, true);
	l.limits.retransmit = POSTURE_DENY;
	l.limits.stream.kept = 8 << 10;
	l.limits.stream.refuse = l.limits.stream.refuse_conflict = true;
	for (size_t i = 0; i < ARRAY_LEN(attacks); i++)
		for (uint32_t seed = 0; seed < 40u * WAYS; seed++) {
			enum way way = (enum way)(seed % WAYS);
			l.nsids = l.retransmits = 0;
			begin(&l);
			send_attack(&l, &attacks[i], way, seed * 7919 + 1);
			bool found = told(&l, attacks[i].sid) == 1;
			if (!found && !(way == WAY_CONFLICTS && l.retransmits))
				fail_msg("attack %zu, way %d, seed %u: %u alerts", i, way, seed,
				         told(&l, attacks[i].sid));
			if (found)
				assert_int_equal(l.last.verdict, IPS_VERDICT_DROP);
			finish(&l);
		}
	close_rules(&l);
}

/* The attack in one segment, its datagram in fragments of eight bytes, some twice, from the end. */
static void fragments_hide_nothing(void **state)
{
	(void)state;
	for (int overlap = 0; overlap < 2; overlap++) {
		struct line l;
		struct made whole = { 0 };
		open_rules(&l, rules, true);
		begin(&l);
		shake(&l);
		made_ip(&whole, "192.0.2.1", "192.0.2.2", PROTO_TCP);
		made_tcp(&whole, 4000, 80, TCP_ACK, ISN + 1, SERVER_ISN + 1);
		made_bytes(&whole, attacks[0].bytes, attacks[0].n);
		size_t n = whole.n - 20, parts = (n + 15) / 16;
		for (size_t i = parts; i-- > 0;) {
			struct made m = { 0 };
			size_t at = i * 16, len = n - at < 16 ? n - at : 16;
			/* A second copy of a part, at another place. */
			for (int copy = 0; copy < (overlap && i == parts - 2 ? 2 : 1); copy++) {
				m = (struct made){ 0 };
				made_ip(&m, "192.0.2.1", "192.0.2.2", PROTO_TCP);
				m.b[6] = (uint8_t)((i + 1 < parts ? 0x20 : 0) | at >> 11);
				m.b[7] = (uint8_t)((at >> 3) + (unsigned)copy);
				made_bytes(&m, whole.b + 20 + at, len);
				made_end(&m);
				struct packet p = { .when_ms = l.now };
				packet_decode(&p, PACKET_IP, m.b, m.n, NULL);
				l.last = traffic_see(l.traffic, &p, l.now++);
			}
		}
		if (overlap) {
			assert_int_equal(l.last.reason, REASON_OVERLAP);
			assert_true(l.last.drop);
		} else {
			assert_int_equal(told(&l, 1), 1);
			assert_int_equal(l.last.verdict, IPS_VERDICT_DROP);
		}
		close_rules(&l);
	}
}

static const char requests[] =
	"alert http any any -> any any (msg:\"a\"; flow:to_server,established; http.uri; content:\"/evil\"; sid:1;)\n"
	"alert tcp any any -> any any (msg:\"b\"; flow:to_server,established; content:\"raw-evil\"; sid:2;)";

/* Requests on one connection, of which the server's packets are not shown. */
static void requests_are_read_without_their_answers(void **state)
{
	static const uint64_t none[2][1024];
	struct line l;
	char text[100];
	uint32_t at = 0;
	(void)state;
	open_rules(&l, requests, true);
	begin(&l);
	assert_int_equal(traffic_show(l.traffic, none), 0);
	segment(&l, false, TCP_SYN, 0, "", 0);
	segment(&l, false, TCP_ACK, 1, "", 0);
	/* More than there may be transactions under way. */
	for (unsigned i = 0; i < 200; i++) {
		int n = snprintf(text, sizeof(text), "GET /%s%u HTTP/1.1\r\nHost: h\r\n\r\n",
		                 i % 50 == 49 ? "evil" : "good", i);
		say(&l, false, at, text);
		at += (uint32_t)n;
	}
	assert_int_equal(told(&l, 1), 4);
	assert_int_equal(traffic_counted(l.traffic)->not_inspected, 0);
	close_rules(&l);
}

/* Otherwise the client would never hear that it was refused. */
static void a_reset_of_a_refused_connection_passes(void **state)
{
	struct line l;
	(void)state;
	open_rules(&l,
	           "reject tcp any any -> any any (msg:\"b\"; flow:to_server,established; "
	           "content:\"raw-evil\"; sid:2;)",
	           true);
	begin(&l);
	shake(&l);
	say(&l, false, 0, "raw-evil");
	assert_int_equal(l.last.verdict, IPS_VERDICT_RESET);
	segment(&l, true, TCP_RST, 1, "", 0);
	assert_int_equal(l.last.verdict, IPS_NONE);
	segment(&l, false, TCP_RST, 9, "", 0);
	assert_int_equal(l.last.verdict, IPS_NONE);
	say(&l, false, 0, "raw-evil");
	assert_int_equal(l.last.verdict, IPS_VERDICT_RESET);
	close_rules(&l);
}

/* A packet of the server that is seen for another reason says nothing of what it took or takes. */
static void what_is_seen_of_a_server_by_chance_is_not_believed(void **state)
{
	static const uint64_t none[2][1024];
	struct line l;
	char pad[1000];
	(void)state;
	memset(pad, 'x', sizeof(pad));
	open_rules(&l, requests, true);
	begin(&l);
	shake(&l); /* so a window is known */
	assert_int_equal(traffic_show(l.traffic, none), 0);
	for (uint32_t i = 0; i < 180; i++)
		segment(&l, false, TCP_ACK | TCP_PSH, 1 + i * (uint32_t)sizeof(pad), pad,
		        sizeof(pad));
	say(&l, true, 5000, "HTTP/1.1 200 OK\r\n\r\n");
	say(&l, false, 180 * (uint32_t)sizeof(pad), "raw-evil");
	assert_int_equal(told(&l, 2), 1);
	close_rules(&l);
}

/* Rules change, and with them what is shown; a kept connection is read on. */
static void a_connection_outlives_changes_of_what_is_shown(void **state)
{
	static const uint64_t none[2][1024];
	static const char good[] = "GET /good HTTP/1.1\r\nHost: h\r\n\r\n";
	static const char evil[] = "GET /evil HTTP/1.1\r\nHost: h\r\n\r\n";
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	uint32_t at = 0, answered = 0;
	struct line l;
	(void)state;
	open_rules(&l, requests, false);
	begin(&l);
	shake(&l);
	for (unsigned i = 0; i < 300; i++) {
		bool shown = i < 100 || i >= 200;
		if (i == 100 || i == 200)
			assert_int_equal(traffic_show(l.traffic, shown ? NULL : none), 0);
		const char *request = i % 50 == 25 ? evil : good;
		say(&l, false, at, request);
		at += (uint32_t)sizeof(good) - 1;
		if (shown)
			say(&l, true, answered, answer);
		answered += (uint32_t)sizeof(answer) - 1;
	}
	assert_int_equal(told(&l, 1), 6);
	close_rules(&l);
}

/* Behind the banners a rule over SSH finds nothing. */
static void what_is_over_for_all_rules_is_settled(void **state)
{
	struct line l;
	(void)state;
	open_rules(&l,
	           "alert ssh any any -> any any (msg:\"a\"; flow:to_server,established; "
	           "ssh.software; content:\"evil\"; sid:1;)",
	           false);
	l.port = 22;
	begin(&l);
	shake(&l);
	say(&l, true, 0, "SSH-2.0-OpenSSH_9\r\n");
	assert_false(l.last.settled);
	say(&l, false, 0, "SSH-2.0-friend\r\n");
	assert_true(l.last.settled);
	close_rules(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_and_its_answer_raise_their_rules),
		cmocka_unit_test(from_the_packet_that_matches_on_nothing_passes),
		cmocka_unit_test(a_connection_that_no_rule_wants_is_left_alone),
		cmocka_unit_test(the_table_and_memory_have_their_limits),
		cmocka_unit_test(a_wrong_checksum_hides_nothing),
		cmocka_unit_test(every_attack_is_found_however_it_is_sent),
		cmocka_unit_test(fragments_hide_nothing),
		cmocka_unit_test(requests_are_read_without_their_answers),
		cmocka_unit_test(a_reset_of_a_refused_connection_passes),
		cmocka_unit_test(what_is_seen_of_a_server_by_chance_is_not_believed),
		cmocka_unit_test(a_connection_outlives_changes_of_what_is_shown),
		cmocka_unit_test(what_is_over_for_all_rules_is_settled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
