#include <stdlib.h>
#include <string.h>

#include "engine/capture.h"
#include "module/intrusionprevention/tested.h"
#include "module/intrusionprevention/traffic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

/*
 * The whole engine over a capture: fragments, streams, protocols, rules of each kind. The mutator
 * keeps captures such that packets are read: it changes what is said, its sizes, its order and its
 * cuts, and has sequence numbers, acknowledgements and lengths follow.
 */

/* ---- the engine ---- */

static const char rules[] =
	"alert tcp any any -> any any (content:\"/bin/sh\"; nocase; sid:1;)\n"
	"drop tcp any any -> any any (content:\"attack\"; content:\"now\"; within:20; sid:2;)\n"
	"alert tcp any any -> any any (pcre:\"/union\\s+select/i\"; sid:3;)\n"
	"alert tcp-pkt any any -> any any (content:\"|ff|SMB\"; offset:4; depth:4; sid:4;)\n"
	"alert udp any any -> any any (content:\"|00 01|\"; byte_test:2,>,4,0,relative; sid:5;)\n"
	"alert http any any -> any any (http.uri; content:\"..\"; sid:6;)\n"
	"alert http any any -> any any (http.uri; url_decode; content:\"select\"; nocase; "
	"http.method; content:\"GET\"; sid:7;)\n"
	"reject http any any -> any any (http.request_body; content:\"cmd=\"; "
	"byte_extract:1,0,n,relative; isdataat:n,relative; sid:8;)\n"
	"alert http any any -> any any (http.header; content:\"jndi\"; http.user_agent; "
	"content:!\"curl\"; sid:9;)\n"
	"alert http any any -> any any (file.data; content:\"root:\"; base64_decode:bytes 20; "
	"base64_data; content:\"x\"; sid:10;)\n"
	"alert http any any -> any any (http.stat_code; content:\"200\"; flowbits:set,ok; "
	"noalert; sid:11;)\n"
	"alert http any any -> any any (flowbits:isset,ok; http.response_body; bsize:>3; sid:12;)\n"
	"alert http any any -> any any (http.cookie; content:\"=\"; http.header_names; "
	"content:\"Host\"; detection_filter:track by_src, count 2, seconds 60; sid:13;)\n"
	"alert http any any -> any any (web_attack:sql; sid:14;)\n"
	"alert dns any any -> any any (dns.query; content:\"evil\"; endswith; sid:15;)\n"
	"alert tls any any -> any any (tls.sni; content:\"e\"; sid:16;)\n"
	"alert tls any any -> any any (tls.cert_subject; content:\"CN\"; sid:17;)\n"
	"alert ssh any any -> any any (ssh.software; content:\"lib\"; sid:18;)\n"
	"alert smb any any -> any any (smb.named_pipe; content:\"samr\"; sid:19;)\n"
	"alert smb any any -> any any (file.name; content:\".exe\"; sid:20;)\n"
	"alert smb any any -> any any (dce_stub_data; content:\"|00 00|\"; dce_opnum:4; sid:21;)\n"
	"alert ftp any any -> any any (ftp.command; content:\"USER\"; sid:22;)\n"
	"alert smtp any any -> any any (smtp.command; content:\"RCPT\"; xbits:set,mail,track "
	"ip_src,expire 60; sid:23;)\n"
	"alert smtp any any -> any any (file.data; content:\"MZ\"; startswith; sid:24;)\n"
	"alert tcp any any -> any any (app-layer-event:http.compression_bomb; sid:25;)\n"
	"alert ip any any -> any any (ttl:<2; sid:26;)\n"
	"alert tcp any any -> any any (flow:established,to_server; content:!\"zz\"; "
	"stream_size:client,>,10; sid:27;)\n";

static struct ips_set *compiled(void)
{
	static struct ips_set *set; /* for all inputs */
	struct ips_report report = { 0 };
	if (set)
		return set;
	if (tested_compile(rules, &set, &report) < 0 || report.disabled)
		abort();
	ips_report_done(&report);
	return set;
}

static void on_alert(void *arg, const struct ips_alert *a)
{
	unsigned *n = arg;
	*n += a->rule->sid != 0;
}

static void see_all(struct traffic *t, struct capture *c)
{
	struct capture_packet one;
	struct err why;
	uint64_t last = 0;
	while (capture_next(c, &one, &why) == 1) {
		struct packet p = { .when_ms = one.when_ms };
		last = one.when_ms;
		if (one.readable &&
		    packet_decode(&p, one.link, one.data, one.len, NULL) == REASON_NONE)
			traffic_see(t, &p, one.when_ms);
		traffic_clean(t, 10, one.when_ms);
	}
	traffic_flush(t, last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t key[2] = { 1, 2 };
	struct traffic_limits limits = traffic_limits_default;
	unsigned alerts = 0;
	bool prevent = size % 2;
	struct ips_mode mode = { .prevent = prevent, .alert = on_alert, .arg = &alerts };
	struct capture c = { 0 };
	struct err why;
	if (capture_open(&c, data, size, &why) < 0)
		return 0;
	limits.connections = 32;
	limits.memory = 1 << 20;
	limits.checksums = false;
	limits.stream.refuse = limits.stream.refuse_conflict = prevent;
	limits.stream.kept = prevent ? 4096 : 0;
	limits.stream.midstream = size % 3 == 0;
	struct ips *ips = ips_new(compiled(), &mode, &ips_face_app);
	struct traffic *t = traffic_new(&limits, ips, key);
	see_all(t, &c);
	/* Whatever came, nothing of it stays. */
	if (traffic_connections(t) || traffic_memory(t))
		abort();
	traffic_free(t);
	ips_free(ips);
	return 0;
}

/* ---- captures that stay readable ---- */

enum { FILE_HEADER = 24, RECORD_HEADER = 16, RECORDS = 200, PACKET = 3000, IP_HEADER = 20 };

struct record {
	uint8_t head[RECORD_HEADER];
	uint8_t p[PACKET];
	size_t n;
};

struct records {
	uint8_t head[FILE_HEADER];
	struct record list[RECORDS];
	size_t n;
};

static unsigned roll(unsigned *seed, size_t n)
{
	*seed = *seed * 1103515245u + 12345u;
	return n ? (unsigned)((*seed >> 8) % n) : 0;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Little-endian pcap of raw IP, as the corpus has it; anything else is left to libFuzzer. */
static bool read_records(struct records *r, const uint8_t *data, size_t size)
{
	size_t at = FILE_HEADER;
	if (size < FILE_HEADER || memcmp(data, "\xd4\xc3\xb2\xa1", 4) != 0)
		return false;
	memcpy(r->head, data, FILE_HEADER);
	for (r->n = 0; r->n < RECORDS && size - at >= RECORD_HEADER; r->n++) {
		struct record *one = &r->list[r->n];
		memcpy(one->head, data + at, RECORD_HEADER);
		one->n = (size_t)one->head[8] | (size_t)one->head[9] << 8;
		at += RECORD_HEADER;
		if (one->n > PACKET || one->n > size - at)
			break;
		memcpy(one->p, data + at, one->n);
		at += one->n;
	}
	return r->n > 0;
}

static size_t write_records(struct records *r, uint8_t *data, size_t max)
{
	size_t at = FILE_HEADER;
	memcpy(data, r->head, FILE_HEADER);
	for (size_t i = 0; i < r->n && at + RECORD_HEADER + r->list[i].n <= max; i++) {
		struct record *one = &r->list[i];
		for (int k = 8; k < 16; k += 4) {
			one->head[k] = (uint8_t)one->n;
			one->head[k + 1] = (uint8_t)(one->n >> 8);
		}
		memcpy(data + at, one->head, RECORD_HEADER);
		memcpy(data + at + RECORD_HEADER, one->p, one->n);
		at += RECORD_HEADER + one->n;
	}
	return at;
}

/* Where the payload of TCP or UDP begins, 0: there is none. */
static size_t payload_of(const struct record *r)
{
	if (r->n < IP_HEADER + 8 || r->p[0] != 0x45)
		return 0;
	size_t at = IP_HEADER + 8;
	if (r->p[9] == PROTO_TCP)
		at = r->n > IP_HEADER + 12 ? IP_HEADER + (size_t)(r->p[IP_HEADER + 12] >> 4) * 4
		                           : r->n + 1;
	return at <= r->n ? at : 0;
}

static void set_length(struct record *r, size_t n)
{
	r->n = n;
	r->p[2] = (uint8_t)(n >> 8);
	r->p[3] = (uint8_t)n;
	if (r->p[9] == PROTO_UDP) {
		r->p[IP_HEADER + 4] = (uint8_t)((n - IP_HEADER) >> 8);
		r->p[IP_HEADER + 5] = (uint8_t)(n - IP_HEADER);
	}
}

/* The connection's later packets follow a payload that became longer by `more`. */
static void follow(struct records *r, size_t from, uint32_t more)
{
	const struct record *one = &r->list[from];
	if (one->p[9] != PROTO_TCP)
		return;
	for (size_t i = from + 1; i < r->n; i++) {
		uint8_t *q = r->list[i].p;
		if (!payload_of(&r->list[i]) || q[9] != PROTO_TCP)
			continue;
		if (memcmp(q + 12, one->p + 12, 12) == 0)
			put32(q + IP_HEADER + 4, get32(q + IP_HEADER + 4) + more);
		else if (memcmp(q + 12, one->p + 16, 4) == 0)
			put32(q + IP_HEADER + 8, get32(q + IP_HEADER + 8) + more);
	}
}

static void change_payload(struct records *r, size_t i)
{
	struct record *one = &r->list[i];
	size_t at = payload_of(one), before = one->n;
	if (!at)
		return;
	size_t n = LLVMFuzzerMutate(one->p + at, one->n - at, PACKET - at);
	set_length(one, at + n);
	follow(r, i, (uint32_t)(one->n - before));
}

static void insert(struct records *r, size_t at, const struct record *one)
{
	if (r->n == RECORDS)
		return;
	memmove(&r->list[at + 1], &r->list[at], (r->n - at) * sizeof(r->list[0]));
	r->list[at] = *one;
	r->n++;
}

/* One segment as two. */
static void split(struct records *r, size_t i, unsigned *seed)
{
	struct record rest = r->list[i];
	size_t at = payload_of(&rest);
	if (!at || rest.p[9] != PROTO_TCP || rest.n - at < 2)
		return;
	size_t first = 1 + roll(seed, rest.n - at - 1);
	memmove(rest.p + at, rest.p + at + first, rest.n - at - first);
	set_length(&rest, rest.n - first);
	put32(rest.p + IP_HEADER + 4, get32(rest.p + IP_HEADER + 4) + (uint32_t)first);
	set_length(&r->list[i], at + first);
	insert(r, i + 1, &rest);
}

static void mutate(struct records *r, unsigned *seed)
{
	size_t i = roll(seed, r->n), j = roll(seed, r->n);
	struct record one = r->list[i];
	switch (roll(seed, 10)) {
	case 0:
		r->list[i] = r->list[j];
		r->list[j] = one;
		break;
	case 1:
		insert(r, j, &one);
		break;
	case 2:
		memmove(&r->list[i], &r->list[i + 1], (r->n - i - 1) * sizeof(one));
		r->n--;
		break;
	case 3:
	case 4:
		split(r, i, seed);
		break;
	case 5:
		LLVMFuzzerMutate(r->list[i].p, r->list[i].n, r->list[i].n);
		break;
	default:
		change_payload(r, i);
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static struct records r;
	if (!read_records(&r, data, size))
		return LLVMFuzzerMutate(data, size, max);
	for (unsigned n = 1 + roll(&seed, 3); n && r.n; n--)
		mutate(&r, &seed);
	return write_records(&r, data, max);
}

/* Where there is no libFuzzer: the corpus is only replayed, and nobody mutates. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max)
{
	if (max > size)
		data[size++] = 'a';
	return size;
}
