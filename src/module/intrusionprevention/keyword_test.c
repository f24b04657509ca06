#include "base/test.h"
#include "module/intrusionprevention/tested.h"

/* Each keyword with what it finds and what it does not, over a buffer, a datagram or headers. */

enum with { DATAGRAM, URI, BODY, STREAM };

struct keyword_case {
	const char *options;
	enum with with;
	const char *yes, *no;
	size_t nyes, nno; /* 0: strlen */
};

#define C(opt, how, y, n)            \
	{                            \
		opt, how, y, n, 0, 0 \
	}
#define B(opt, how, y, n)                                    \
	{                                                    \
		opt, how, y, n, sizeof(y) - 1, sizeof(n) - 1 \
	}

/* clang-format off */
static const struct keyword_case cases[] = {
	C("content:\"abc\"", DATAGRAM, "xxabcxx", "xxabxcx"),
	C("content:!\"abc\"", DATAGRAM, "xxabxcx", "xxabcxx"),
	C("content:\"aBc\"; nocase", DATAGRAM, "xxAbCxx", "xxabx"),
	C("content:\"aBc\"", DATAGRAM, "aBc", "abc"),
	C("content:\"a|62 63|\\;\\\"\\\\d\"", DATAGRAM, "abc;\"\\d", "abcd"),
	C("content:\"abc\"; depth:4", DATAGRAM, "xabc", "xxabc"),
	C("content:\"abc\"; offset:2", DATAGRAM, "xxabc", "xabcx"),
	C("content:\"abc\"; offset:2; depth:4", DATAGRAM, "xxxabc", "xxxxabc"),
	C("content:\"abc\"; content:\"def\"; distance:2", DATAGRAM, "abc--def", "abc-def"),
	C("content:\"abc\"; content:\"def\"; distance:-3", DATAGRAM, "abcdef", "xdefabc"),
	C("content:\"abc\"; content:\"def\"; within:5", DATAGRAM, "abc--def", "abc---def"),
	C("content:\"abc\"; content:\"def\"; distance:1; within:4", DATAGRAM, "abc--def", "abcdef"),
	/* Backtracking: the first abc has no def near it. */
	C("content:\"abc\"; content:\"def\"; distance:0; within:3", DATAGRAM, "abc--abcdef", "abc--def"),
	C("content:\"a\"; content:\"b\"; distance:0; content:\"c\"; distance:0; within:1", DATAGRAM, "a-b-bc", "a-b-cb"),
	C("content:\"abc\"; content:!\"def\"; within:4", DATAGRAM, "abcxxdef", "abcxdef"),
	C("content:\"abc\"; startswith", DATAGRAM, "abcx", "xabc"),
	C("content:\"abc\"; endswith", DATAGRAM, "abcxabc", "abcx"),
	C("content:!\"abc\"; endswith", DATAGRAM, "abcx", "xabc"),
	C("content:\"abc\"; fast_pattern:only", DATAGRAM, "abc", "abd"),
	C("content:\"xabcx\"; fast_pattern:1,3", DATAGRAM, "xabcx", "yabcy"),
	C("content:\"abc\",nocase,offset 2,depth 5", DATAGRAM, "xxABC", "ABCxx"),
	C("content:\"abc\",fast_pattern,startswith; content:\"d\",distance 1,within 2", DATAGRAM, "abcxd", "abcd"),
	C("content:\"abc\"; rawbytes", DATAGRAM, "abc", "ab"),
	C("pcre:\"/ab+c/\"", DATAGRAM, "xabbbc", "xac"),
	C("pcre:!\"/ab+c/\"", DATAGRAM, "xac", "xabbbc"),
	C("pcre:\"/AB+C/i\"", DATAGRAM, "abbc", "acc"),
	C("pcre:\"/^b/m\"", DATAGRAM, "a\nb", "ab"),
	C("pcre:\"/a.b/s\"", DATAGRAM, "a\nb", "ab"),
	C("pcre:\"/a b/x\"", DATAGRAM, "ab", "a b"),
	C("pcre:\"/b/A\"", DATAGRAM, "ba", "ab"),
	C("content:\"abc\"; pcre:\"/^\\d+/R\"", DATAGRAM, "abc123", "abcx123"),
	C("content:\"abc\"; pcre:\"/^d/R\"", DATAGRAM, "abcxabcd", "abcx"),
	C("pcre:\"/x\\d/\"; content:\"z\"; distance:0; within:1", DATAGRAM, "x1-x2z", "x1-z"),
	C("isdataat:3", DATAGRAM, "abcd", "abc"),
	C("isdataat:!3", DATAGRAM, "abc", "abcd"),
	C("content:\"a\"; isdataat:2,relative", DATAGRAM, "abc", "ab"),
	C("content:\"a\"; isdataat:!1,relative", DATAGRAM, "xa", "xab"),
	B("byte_test:2,>,256,0", DATAGRAM, "\x01\x01", "\x01\x00"),
	B("byte_test:2,=,1,0,little", DATAGRAM, "\x01\x00", "\x00\x01"),
	B("byte_test:1,!=,5,1", DATAGRAM, "\x05\x06", "\x06\x05"),
	B("byte_test:1,!&,128,0", DATAGRAM, "\x7f", "\x80"),
	B("byte_test:1,&,128,0", DATAGRAM, "\x81", "\x7f"),
	B("byte_test:1,<=,3,0", DATAGRAM, "\x03", "\x04"),
	B("byte_test:2,=,3,0,bitmask 0x0ff0", DATAGRAM, "\xf0\x3f", "\x00\x0f"),
	C("content:\"n=\"; byte_test:4,>,1000,0,relative,string,dec", DATAGRAM, "n=1001", "n=0999"),
	C("byte_test:2,=,255,0,string,hex", DATAGRAM, "ff", "fe"),
	B("byte_jump:1,0; content:\"z\"; distance:0; within:1", DATAGRAM, "\x02xxz", "\x02xxxz"),
	B("byte_jump:1,0,from_beginning; content:\"z\"; distance:0; within:1", DATAGRAM, "\x03xxz", "\x02xxz"),
	B("byte_jump:1,0,multiplier 2,post_offset 1; content:\"z\"; distance:0; within:1", DATAGRAM, "\x01xxxz", "\x01xxz"),
	B("byte_jump:1,0,align; content:\"z\"; distance:0; within:1", DATAGRAM, "\x01xxxxz", "\x01xz"),
	B("byte_jump:0,0,from_end,post_offset -2; content:\"z\"; distance:0; within:1", DATAGRAM, "xxzx", "xxxz"),
	B("byte_extract:1,0,n; content:\"z\"; offset:n; depth:1", DATAGRAM, "\x03xxz", "\x02xxz"),
	B("byte_extract:1,0,n,multiplier 2; byte_test:1,=,n,1", DATAGRAM, "\x02\x04", "\x02\x02"),
	B("content:\"a\"; byte_extract:1,0,n,relative; content:\"z\"; distance:n; within:1", DATAGRAM, "a\x02xxz", "a\x01xxz"),
	B("byte_math:bytes 1, offset 0, oper +, rvalue 2, result r; byte_test:1,=,r,1", DATAGRAM, "\x01\x03", "\x01\x02"),
	B("byte_math:bytes 1, offset 0, oper *, rvalue 3, result r; content:\"z\"; offset:r; depth:1", DATAGRAM, "\x01xxz", "\x01xxxz"),
	B("byte_math:bytes 1, offset 0, oper <<, rvalue 1, result r; byte_test:1,=,r,1", DATAGRAM, "\x02\x04", "\x02\x02"),
	C("dsize:3", DATAGRAM, "abc", "abcd"),
	C("dsize:>3", DATAGRAM, "abcd", "abc"),
	C("dsize:2<>5", DATAGRAM, "abcd", "abcde"),
	C("base64_decode; base64_data; content:\"hello\"", DATAGRAM, "aGVsbG8=", "aGVsbHA="),
	C("content:\"B=\"; base64_decode:bytes 8, offset 1, relative; base64_data; content:\"hello\"; startswith", DATAGRAM, "B=:aGVsbG8=", "B=aGVsbG8="),
	C("content:\"PORT \"; ftpbounce", DATAGRAM, "PORT 10,9,9,9,4,5", "PORT 192,0,2,1,4,5"),
	C("http.uri; content:\"/a\"; startswith", URI, "/a/b", "/b/a"),
	C("content:\"/a\"; http_uri; content:\"b\"; http_uri; distance:1", URI, "/a/b", "/ab"),
	C("uricontent:\"/a\"", URI, "/a", "/b"),
	C("http.uri; bsize:4", URI, "/abc", "/abcd"),
	C("http.uri; entropy:value >= 3.0", URI, "/abcdefg", "/aaaaaaa"),
	C("http.uri; entropy:bytes 4, offset 1, value = 2", URI, "/abcdaaaa", "/abca"),
	C("http.uri; entropy: value<0.55, bytes 8", URI, "aaaaaaab", "aaaaaabb"),
	C("http.uri; content:\"a\"; bsize:<4", URI, "/a", "/abcd"),
	C("http.uri; bsize:3<>6", URI, "/abc", "/ab"),
	C("urilen:3<>6,norm; http.uri; content:\"a\"", URI, "/abc", "/a"),
	C("pcre:\"/\\/a\\d/U\"", URI, "/a1", "/ab"),
	C("content:\"/a\"; http_uri; pcre:\"/^\\d/UR\"", URI, "/a1", "/ab"),
	C("http.uri; dotprefix; content:\".a.b\"; endswith", URI, "x.a.b", "xa.b"),
	C("http.uri; to_lowercase; content:\"abc\"", URI, "ABC", "AB"),
	C("http.uri; to_uppercase; content:\"ABC\"", URI, "abc", "ab"),
	C("http.uri; strip_whitespace; content:\"abc\"", URI, "a b\tc", "a-bc"),
	C("http.uri; compress_whitespace; content:\"a b\"", URI, "a   b", "ab"),
	C("http.uri; url_decode; content:\"a b/\"", URI, "a+b%2f", "a%2fb"),
	B("http.uri; to_md5; content:\"|90 01 50 98 3c d2 4f b0 d6 96 3f 7d 28 e1 7f 72|\"", URI, "abc", "abd"),
	B("http.uri; to_sha1; content:\"|a9 99 3e 36|\"; startswith", URI, "abc", "abd"),
	B("http.uri; to_sha256; content:\"|ba 78 16 bf|\"; startswith", URI, "abc", "abd"),
	B("http.uri; xor:\"0102\"; content:\"abc\"", URI, "\x60\x60\x62", "abc"),
	C("http.uri; pcrexform:\"k=(\\w+)\"; content:\"v\"; bsize:1", URI, "?k=v&w", "?k=vw"),
	C("http.uri; dataset:isset,names", URI, "evil.example", "good.example"),
	C("http.uri; dataset:isnotset,names,type string", URI, "good.example", "evil.example"),
	C("http.uri; datarep:names,>,40", URI, "bad.example", "evil.example"),
	C("http.request_body; content:\"a\"; content:\"b\"; distance:0", BODY, "a--b", "b--a"),
	C("content:\"a\"; http_client_body", BODY, "xa", "xb"),
	C("pcre:\"/a$/P\"", BODY, "xa", "ab"),
	C("stream_size:client,>,3; content:\"a\"", STREAM, "xxxxa", "a"),
	C("content:\"a\"; content:!\"b\"; within:3", STREAM, "axxxb", "axb"),
	C("content:\"a\"; isdataat:!4,relative", STREAM, "axxx", "axxxx"),
};
/* clang-format on */

static bool hits(const struct keyword_case *k, const char *text, size_t n)
{
	struct tested t;
	char rule[600];
	static const char *const headers[] = { "udp", "http", "http", "tcp" };
	snprintf(rule, sizeof(rule), "alert %s any any -> any any (%s; sid:1;)", headers[k->with],
	         k->options);
	tested_init(&t, rule);
	if (text && t.report.disabled)
		fail_msg("%s: column %u: %s", k->options, t.report.problems[0].column,
		         t.report.problems[0].text);
	if (k->with == DATAGRAM) {
		struct made m = { 0 };
		struct packet p = { 0 };
		tested_flow(&t, PROTO_UDP, 53);
		made_ip(&m, "192.0.2.1", "10.0.0.5", PROTO_UDP);
		made_udp(&m, 4000, 53);
		made_bytes(&m, text, n);
		assert_int_equal(made_decode(&m, &p), REASON_NONE);
		ips_packet(t.ips, t.flow, &p, APP_CLIENT, 1);
	} else if (k->with == STREAM) {
		tested_stream(&t, APP_CLIENT, text, n);
	} else {
		enum app_buffer b = k->with == URI ? BUFFER_HTTP_URI : BUFFER_HTTP_REQUEST_BODY;
		tested_buffer(&t, APP_HTTP, b, APP_CLIENT, text, n);
	}
	bool is = tested_told(&t, 1);
	tested_done(&t);
	return is;
}

static void each_keyword_finds_what_it_says_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct keyword_case *k = &cases[i];
		if (k->yes && !hits(k, k->yes, k->nyes ? k->nyes : strlen(k->yes)))
			fail_msg("%s: not found", k->options);
		if (hits(k, k->no, k->nno ? k->nno : strlen(k->no)))
			fail_msg("%s: found where it is not", k->options);
	}
}

/* ---- headers of packets ---- */

struct header_case {
	const char *rule;
	int set; /* what is changed in the packet that is found */
	int value;
	int wrong;
};

enum { AS_IT_IS, TTL, FLAGS, ICMP_TYPE, ICMP_CODE, IP_ID, DPORT, PROTO };

static bool packet_hits(const char *rule, int set, int value)
{
	struct tested t;
	struct made m = { 0 };
	struct packet p = { 0 };
	bool icmp = set == ICMP_TYPE || set == ICMP_CODE, udp = set == PROTO && value == PROTO_UDP;
	tested_init(&t, rule);
	if (t.report.disabled)
		fail_msg("%s: column %u: %s", rule, t.report.problems[0].column,
		         t.report.problems[0].text);
	made_ip(&m, "192.0.2.1", set == PROTO && value == 0 ? "192.0.2.1" : "10.0.0.5",
	        icmp  ? PROTO_ICMP
	        : udp ? PROTO_UDP
	              : PROTO_TCP);
	if (set == TTL)
		m.b[8] = (uint8_t)value;
	if (set == IP_ID)
		m.b[5] = (uint8_t)value;
	if (icmp)
		made_icmp(&m, (uint8_t)(set == ICMP_TYPE ? value : 8),
		          (uint8_t)(set == ICMP_CODE ? value : 0), 77);
	else if (udp)
		made_udp(&m, 4000, 80);
	else
		made_tcp(&m, 40000, (uint16_t)(set == DPORT ? value : 80),
		         (uint8_t)(set == FLAGS ? value : TCP_SYN), 1000, 2000);
	made_decode(&m, &p);
	ips_packet(t.ips, NULL, &p, APP_CLIENT, 1);
	bool is = tested_told(&t, 1);
	tested_done(&t);
	return is;
}

static void conditions_on_headers_hold_or_not(void **state)
{
	/* clang-format off */
	static const struct header_case headers[] = {
		{ "alert ip any any -> any any (ttl:5; sid:1;)", TTL, 5, 6 },
		{ "alert ip any any -> any any (ttl:<5; sid:1;)", TTL, 4, 5 },
		{ "alert ip any any -> any any (ttl:5-7; sid:1;)", TTL, 7, 8 },
		{ "alert ip any any -> any any (id:4615; sid:1;)", IP_ID, 7, 8 },
		{ "alert tcp any any -> any any (flags:S; sid:1;)", FLAGS, TCP_SYN, TCP_SYN | TCP_ACK },
		{ "alert tcp any any -> any any (flags:S+; sid:1;)", FLAGS, TCP_SYN | TCP_ACK, TCP_ACK },
		{ "alert tcp any any -> any any (flags:*SF; sid:1;)", FLAGS, TCP_FIN, TCP_ACK },
		{ "alert tcp any any -> any any (flags:!S; sid:1;)", FLAGS, TCP_ACK, TCP_SYN },
		{ "alert tcp any any -> any any (flags:S,12; sid:1;)", FLAGS, TCP_SYN | TCP_ECE | TCP_CWR, TCP_SYN | TCP_ACK },
		{ "alert tcp any any -> any any (flags:0; sid:1;)", FLAGS, 0, TCP_SYN },
		{ "alert icmp any any -> any any (itype:8; sid:1;)", ICMP_TYPE, 8, 0 },
		{ "alert icmp any any -> any any (itype:>10; sid:1;)", ICMP_TYPE, 11, 10 },
		{ "alert icmp any any -> any any (icode:3; sid:1;)", ICMP_CODE, 3, 2 },
		{ "alert icmp any any -> any any (icmp_id:77; icmp_seq:1; icode:3; sid:1;)", ICMP_CODE, 3, 2 },
		{ "alert tcp any any -> any any (seq:1000; ack:2000; window:65535; flags:S; sid:1;)", FLAGS, TCP_SYN, TCP_ACK },
		{ "alert ip any any -> any any (ip_proto:17; sid:1;)", PROTO, PROTO_UDP, 0 },
		{ "alert ip any any -> any any (ip_proto:!udp; sid:1;)", PROTO, 0, PROTO_UDP },
		{ "alert ip any any -> any any (sameip; sid:1;)", PROTO, 0, PROTO_UDP },
		{ "alert ip any any -> any any (fragbits:!D; ttl:9; sid:1;)", TTL, 9, 8 },
		{ "alert tcp any any -> any [80,443] (flags:S; sid:1;)", DPORT, 443, 81 },
		{ "alert tcp any any -> any !80 (flags:S; sid:1;)", DPORT, 81, 80 },
		{ "alert tcp any any -> any [1:100,!80] (flags:S; sid:1;)", DPORT, 81, 80 },
		{ "alert tcp any any -> $HOME_NET $HTTP_PORTS (flags:S; sid:1;)", DPORT, 8080, 443 },
		{ "alert tcp $EXTERNAL_NET any -> any 1024: (flags:S; sid:1;)", DPORT, 1024, 1023 },
		{ "alert tcp [192.0.2.0/24,!192.0.2.7] any -> any :90 (flags:S; sid:1;)", DPORT, 90, 91 },
		{ "alert tcp 192.0.2.0-192.0.2.9 any <> any 80 (flags:S; sid:1;)", FLAGS, TCP_SYN, TCP_ACK },
		{ "alert ip any any -> any any (iprep:src,hosts,>,50; ttl:3; sid:1;)", TTL, 3, 4 },
		{ "drop ip [192.0.2.1,192.0.2.3] any -> any any (ip_proto:17; sid:1;)", PROTO, PROTO_UDP, 0 },
	};
	/* clang-format on */
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		if (!packet_hits(headers[i].rule, headers[i].set, headers[i].value))
			fail_msg("%s: not found", headers[i].rule);
		if (packet_hits(headers[i].rule, headers[i].set, headers[i].wrong))
			fail_msg("%s: found where it is not", headers[i].rule);
	}
	assert_false(packet_hits("alert tcp 10.0.0.0/8 any -> any any (flags:S; sid:1;)", FLAGS,
	                         TCP_SYN));
	assert_true(packet_hits("alert tcp 10.0.0.0/8 any <> any any (flags:S; sid:1;)", FLAGS,
	                        TCP_SYN));
	assert_false(
		packet_hits("alert tcp6 any any -> any any (flags:S; sid:1;)", FLAGS, TCP_SYN));
}

/* ---- state ---- */

static void bits_of_a_flow_are_set_and_asked(void **state)
{
	(void)state;
	struct tested t;
	tested_init(
		&t,
		"alert tcp any any -> any any (content:\"b\"; flowbits:isset,x|y; sid:2;)\n"
		"alert tcp any any -> any any (content:\"a\"; flowbits:set,x; flowbits:noalert; sid:1;)\n"
		"alert tcp any any -> any any (content:\"c\"; flowbits:isnotset,x; sid:3;)\n"
		"alert tcp any any -> any any (content:\"d\"; flowbits:unset,x; sid:4;)\n"
		"alert tcp any any -> any any (content:\"e\"; flowbits:toggle,x; sid:5;)");
	assert_int_equal(t.report.disabled, 0);
	tested_stream(&t, APP_CLIENT, "b1", 2);
	assert_int_equal(t.nsids, 0);
	tested_flow(&t, PROTO_TCP, 80);
	tested_stream(&t, APP_CLIENT, "c", 1);
	assert_true(tested_told(&t, 3));
	tested_flow(&t, PROTO_TCP, 80);
	tested_stream(&t, APP_CLIENT, "a-b", 3);
	assert_true(tested_told(&t, 2));
	assert_false(tested_told(&t, 1));
	t.nsids = 0;
	tested_stream(&t, APP_CLIENT, "c", 1);
	assert_int_equal(t.nsids, 0);
	tested_stream(&t, APP_CLIENT, "d", 1);
	assert_true(tested_told(&t, 4));
	tested_done(&t);
}

static void bits_of_hosts_outlive_connections_and_expire(void **state)
{
	(void)state;
	struct tested t;
	tested_init(
		&t,
		"alert tcp any any -> any any (content:\"a\"; xbits:set,x,track ip_src,expire 10; sid:1;)\n"
		"alert tcp any any -> any any (content:\"b\"; xbits:isset,x,track ip_src; sid:2;)");
	assert_int_equal(t.report.disabled, 0);
	tested_stream(&t, APP_CLIENT, "a", 1);
	tested_flow(&t, PROTO_TCP, 80);
	tested_stream(&t, APP_CLIENT, "b", 1);
	assert_true(tested_told(&t, 2));
	t.now_ms += 11000;
	tested_flow(&t, PROTO_TCP, 80);
	tested_stream(&t, APP_CLIENT, "b", 1);
	assert_false(tested_told(&t, 2));
	tested_done(&t);
}

static void numbers_of_a_flow_count(void **state)
{
	(void)state;
	struct tested t;
	tested_init(&t,
	            "alert tcp any any -> any any (content:\"a\"; flowint:n,+,1; noalert; sid:1;)\n"
	            "alert tcp any any -> any any (content:\"b\"; flowint:n,>,2; sid:2;)\n"
	            "alert tcp any any -> any any (content:\"c\"; flowint:n,notset; sid:3;)");
	assert_int_equal(t.report.disabled, 0);
	tested_stream(&t, APP_CLIENT, "c", 1);
	assert_true(tested_told(&t, 3));
	tested_flow(&t, PROTO_TCP, 80);
	tested_stream(&t, APP_CLIENT, "aab", 3);
	assert_false(tested_told(&t, 2));
	tested_flow(&t, PROTO_TCP, 80);
	tested_stream(&t, APP_CLIENT, "aaab", 4);
	assert_true(tested_told(&t, 2));
	tested_done(&t);
}

static unsigned told_of_ten(const char *option, uint64_t step_ms)
{
	struct tested t;
	char rule[300];
	unsigned told = 0;
	snprintf(rule, sizeof(rule), "drop tcp any any -> any any (content:\"a\"; %s; sid:1;)",
	         option);
	tested_init(&t, rule);
	assert_int_equal(t.report.disabled, 0);
	for (int i = 0; i < 10; i++) {
		tested_flow(&t, PROTO_TCP, 80);
		tested_stream(&t, APP_CLIENT, "a", 1);
		told += t.nsids;
		t.now_ms += step_ms;
	}
	tested_done(&t);
	return told;
}

static void thresholds_tell_as_often_as_they_say(void **state)
{
	(void)state;
	assert_int_equal(told_of_ten("threshold:type limit,track by_src,count 3,seconds 60", 1), 3);
	assert_int_equal(told_of_ten("threshold:type threshold,track by_src,count 3,seconds 60", 1),
	                 3);
	assert_int_equal(told_of_ten("threshold:type both,track by_dst,count 3,seconds 60", 1), 1);
	assert_int_equal(told_of_ten("detection_filter:track by_src,count 4,seconds 60", 1), 6);
	assert_int_equal(told_of_ten("threshold:type limit,track by_rule,count 1,seconds 2", 1000),
	                 5);
	assert_int_equal(told_of_ten("threshold:type both,track by_both,count 5,seconds 1", 1000),
	                 0);
}

static void facts_of_protocols_are_compared(void **state)
{
	(void)state;
	struct tested t;
	static const uint8_t iface[16] = { 0x83, 0xaf, 0xe1, 0x1f, 0x5d, 0xc9, 0x11, 0x91,
		                           0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa, 0x03 };
	tested_init(
		&t,
		"alert tls any any -> any any (ssl_version:tls1.0,tls1.1; sid:1;)\n"
		"alert tls any any -> any any (tls.version:\"1.2\"; sid:2;)\n"
		"alert tls any any -> any any (ssl_state:client_hello; sid:3;)\n"
		"alert smb any any -> any any (dce_iface:1fe1af83-c95d-9111-a408-002b14a0fa03; "
		"dce_opnum:4,10-12; sid:4;)\n"
		"alert dns any any -> any any (dns.rcode:3; sid:5;)\n"
		"alert tcp any any -> any any (app-layer-protocol:!tls; content:\"q\"; sid:6;)");
	if (t.report.disabled)
		fail_msg("%s", t.report.problems[0].text);
	struct app_tx tx = { .stages = { STAGE_HEADERS }, .dce = iface };
	tx.has_number[NUMBER_TLS_VERSION] = tx.has_number[NUMBER_DCE_OPNUM] = true;
	tx.numbers[NUMBER_TLS_VERSION] = 0x0302;
	tx.numbers[NUMBER_DCE_OPNUM] = 11;
	ips_app_protocol(t.ips, t.flow, APP_TLS, NULL, 0);
	ips_tx_progress(t.ips, t.flow, &tx, APP_CLIENT, NULL, 0);
	ips_tx_ended(t.ips, &tx);
	assert_true(tested_told(&t, 1) && !tested_told(&t, 2) && tested_told(&t, 3));
	assert_false(tested_told(&t, 4));
	tested_flow(&t, PROTO_TCP, 445);
	ips_app_protocol(t.ips, t.flow, APP_SMB, NULL, 0);
	ips_tx_progress(t.ips, t.flow, &tx, APP_CLIENT, NULL, 0);
	ips_tx_ended(t.ips, &tx);
	assert_true(tested_told(&t, 4) && !tested_told(&t, 1));
	tested_stream(&t, APP_CLIENT, "q", 1);
	assert_true(tested_told(&t, 6));
	tested_done(&t);
}

static void oddities_of_protocols_are_told(void **state)
{
	(void)state;
	struct tested t;
	tested_init(
		&t,
		"alert http any any -> any any (app-layer-event:http.double_encoded_uri; sid:1;)");
	assert_int_equal(t.report.disabled, 0);
	ips_app_protocol(t.ips, t.flow, APP_HTTP, NULL, 0);
	ips_app_event(t.ips, t.flow, NULL, APP_CLIENT, APP_EVENT_HTTP_URI_HEX, NULL, 0);
	assert_int_equal(t.nsids, 0);
	ips_app_event(t.ips, t.flow, NULL, APP_CLIENT, APP_EVENT_HTTP_URI_DOUBLE, NULL, 0);
	assert_int_equal(t.nsids, 1);
	tested_done(&t);
}

static void every_sticky_buffer_is_looked_into(void **state)
{
	(void)state;
	for (int b = 0; b < APP_BUFFERS; b++) {
		struct tested t;
		char rule[200];
		snprintf(rule, sizeof(rule),
		         "alert tcp any any -> any any (%s; content:\"abc\"; sid:1;)",
		         app_buffers[b].name);
		if (strcmp(app_buffers[b].name, "tls.version") == 0)
			continue;
		tested_init(&t, rule);
		if (t.report.disabled)
			fail_msg("%s: %s", app_buffers[b].name, t.report.problems[0].text);
		enum app_side side = app_buffers[b].client ? APP_CLIENT : APP_SERVER;
		enum app_protocol app =
			app_buffers[b].protocol ? app_buffers[b].protocol : APP_HTTP;
		tested_buffer(&t, app, (enum app_buffer)b, side, "xab", 3);
		assert_int_equal(t.nsids, 0);
		tested_buffer(&t, app, (enum app_buffer)b, side, "xabc", 4);
		if (t.nsids != 1)
			fail_msg("%s: not found", app_buffers[b].name);
		assert_int_equal(t.last.buffer, b);
		assert_int_equal(t.last.position, 1);
		tested_done(&t);
	}
}

static void keywords_stand_in_order_and_have_words(void **state)
{
	(void)state;
	const struct ips_keyword_words *before = NULL, *k;
	for (size_t i = 0; (k = ips_keyword_at(i)); before = k, i++) {
		assert_true(!before || strcmp(before->name, k->name) < 0);
		assert_true(strlen(k->words) > 3);
	}
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(each_keyword_finds_what_it_says_and_nothing_else),
		cmocka_unit_test(conditions_on_headers_hold_or_not),
		cmocka_unit_test(bits_of_a_flow_are_set_and_asked),
		cmocka_unit_test(bits_of_hosts_outlive_connections_and_expire),
		cmocka_unit_test(numbers_of_a_flow_count),
		cmocka_unit_test(thresholds_tell_as_often_as_they_say),
		cmocka_unit_test(facts_of_protocols_are_compared),
		cmocka_unit_test(oddities_of_protocols_are_told),
		cmocka_unit_test(every_sticky_buffer_is_looked_into),
		cmocka_unit_test(keywords_stand_in_order_and_have_words),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
