#include "module/intrusionprevention/traffic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

#define NOBODY UINT32_MAX

/* Connections of an age leave in the order of their last packets. */
enum age { AGE_NEW, AGE_CLOSED, AGE_DATAGRAM, AGE_OPEN, AGES };

struct connection {
	struct ip ip[2]; /* 0: the client's */
	uint16_t port[2];
	uint8_t proto;
	uint8_t age;
	bool app_tried, settled, midstream;
	bool outgoing;            /* this computer began it */
	bool alone;               /* what the server sends is not shown */
	enum ips_verdict verdict; /* DROP, RESET: of all that follows */
	uint32_t bucket_next;     /* or in the free list */
	uint32_t older, newer;    /* in its age */
	uint64_t last_ms;
	size_t memory;      /* as last counted */
	uint32_t shown;     /* of traffic, when `alone` was decided */
	uint64_t milestone; /* where was last asked whether rules want more */
	struct traffic *traffic;
	struct stream stream;
	struct app *app;       /* owned */
	struct ips_flow *flow; /* owned */
};

struct traffic {
	struct traffic_limits limits;
	struct app_limits alone;   /* limits.app without the server's side */
	uint64_t (*answers)[1024]; /* owned; traffic_show() */
	uint32_t shown;            /* how often that was called */
	struct ips *ips;           /* borrowed */
	uint64_t key[2];
	uint32_t mask, free;
	uint32_t *buckets;              /* owned */
	struct connection *connections; /* owned */
	uint32_t oldest[AGES], newest[AGES], count;
	size_t memory;
	struct traffic_counts counts;
	struct reassembly *fragments; /* owned */
	/* The packet being looked at, for callbacks. */
	const struct packet *packet;
	uint64_t now_ms;
	enum ips_verdict verdict;
};

const struct traffic_limits traffic_limits_default = {
	.connections = 65536,
	.memory = 256 << 20,
	.stream = { .held = 64 << 10 },
	.app = { .body = { 1 << 20, 1 << 20 },
	         .window = 32 << 10,
	         .headers = 64 << 10,
	         .decompress = 8 << 20,
	         .layers = 2,
	         .transactions = 64,
	         .detect = 4096,
	         .memory = 4 << 20 },
	.new_s = 20,
	.open_s = 3600,
	.closed_s = 10,
	.datagram_s = 30,
	.checksums = true,
	.retransmit = POSTURE_LOG,
	.fragments = { .keep_max = 1000, .timeout_s = 60 },
	.fragment_memory = 4 << 20,
};

/* ---- the table ---- */

static int end_cmp(const struct ip *a, uint16_t ap, const struct ip *b, uint16_t bp)
{
	int c = memcmp(a, b, sizeof(*a));
	return c ? c : ap - bp;
}

/* Both directions of a connection have the same. */
static uint32_t bucket_of(const struct traffic *t, const struct ip ip[2], const uint16_t port[2],
                          uint8_t proto)
{
	uint8_t b[2 * sizeof(struct ip) + 5];
	int first = end_cmp(&ip[0], port[0], &ip[1], port[1]) <= 0 ? 0 : 1;
	memcpy(b, &ip[first], sizeof(struct ip));
	memcpy(b + sizeof(struct ip), &ip[!first], sizeof(struct ip));
	memcpy(b + 2 * sizeof(struct ip), &port[first], 2);
	memcpy(b + 2 * sizeof(struct ip) + 2, &port[!first], 2);
	b[sizeof(b) - 1] = proto;
	return (uint32_t)siphash(t->key, b, sizeof(b)) & t->mask;
}

static uint32_t index_of(const struct connection *c)
{
	return (uint32_t)(c - c->traffic->connections);
}

static void age_leave(struct traffic *t, struct connection *c)
{
	if (c->older != NOBODY)
		t->connections[c->older].newer = c->newer;
	else
		t->oldest[c->age] = c->newer;
	if (c->newer != NOBODY)
		t->connections[c->newer].older = c->older;
	else
		t->newest[c->age] = c->older;
}

static void age_enter(struct traffic *t, struct connection *c, enum age age)
{
	uint32_t i = index_of(c);
	c->age = (uint8_t)age;
	c->newer = NOBODY;
	c->older = t->newest[age];
	if (c->older != NOBODY)
		t->connections[c->older].newer = i;
	else
		t->oldest[age] = i;
	t->newest[age] = i;
}

static void touch(struct traffic *t, struct connection *c, enum age age)
{
	c->last_ms = t->now_ms;
	if (c->age == age && c->newer == NOBODY)
		return;
	age_leave(t, c);
	age_enter(t, c, age);
}

static void table_init(struct traffic *t)
{
	memset(t->buckets, 0xff, ((size_t)t->mask + 1) * sizeof(*t->buckets));
	memset(t->oldest, 0xff, sizeof(t->oldest));
	memset(t->newest, 0xff, sizeof(t->newest));
	/* The free list grows as connections are first used, so that pages stay untouched. */
	t->free = NOBODY;
}

static void take_alone(struct traffic *t)
{
	t->alone = t->limits.app;
	t->alone.client_only = true;
}

struct traffic *traffic_new(const struct traffic_limits *limits, struct ips *ips,
                            const uint64_t key[static 2])
{
	struct traffic *t = calloc(1, sizeof(*t));
	uint32_t buckets = 16;
	if (!t)
		return NULL;
	t->limits = limits ? *limits : traffic_limits_default;
	take_alone(t);
	while (buckets < t->limits.connections && buckets < 1u << 24)
		buckets <<= 1;
	t->ips = ips;
	t->mask = buckets - 1;
	memcpy(t->key, key, sizeof(t->key));
	t->buckets = calloc(buckets, sizeof(*t->buckets));
	t->connections = calloc(t->limits.connections + 1u, sizeof(*t->connections));
	t->fragments = reassembly_new(&t->limits.fragments, t->limits.fragment_memory, key);
	if (!t->buckets || !t->connections || !t->fragments) {
		traffic_free(t);
		return NULL;
	}
	table_init(t);
	return t;
}

/* ---- what a connection holds ---- */

static void count_memory(struct traffic *t, struct connection *c)
{
	size_t now = stream_memory(&c->stream) + (c->app ? app_memory(c->app) : 0);
	t->memory += now - c->memory;
	c->memory = now;
}

static void count_app(struct traffic *t, const struct connection *c)
{
	const struct app_counts *n = app_counted(c->app);
	t->counts.not_inspected += n->skipped[0] + n->skipped[1];
}

static void drop_app(struct traffic *t, struct connection *c)
{
	if (!c->app)
		return;
	count_app(t, c);
	app_end(c->app);
	c->app = NULL;
}

static void forget(struct traffic *t, struct connection *c)
{
	uint32_t i = index_of(c), *link = &t->buckets[bucket_of(t, c->ip, c->port, c->proto)];
	while (*link != i)
		link = &t->connections[*link].bucket_next;
	*link = c->bucket_next;
	age_leave(t, c);
	drop_app(t, c);
	stream_done(&c->stream);
	count_memory(t, c);
	if (c->flow)
		ips_flow_free(t->ips, c->flow);
	*c = (struct connection){ .bucket_next = t->free, .traffic = t };
	t->free = i;
	t->count--;
}

void traffic_free(struct traffic *t)
{
	if (!t)
		return;
	for (int age = 0; t->connections && age < AGES; age++)
		while (t->mask && t->oldest[age] != NOBODY && t->count)
			forget(t, &t->connections[t->oldest[age]]);
	reassembly_free(t->fragments);
	free(t->buckets);
	free(t->connections);
	free(t->answers);
	free(t);
}

void traffic_set_limits(struct traffic *t, const struct traffic_limits *limits)
{
	uint32_t connections = t->limits.connections;
	t->limits = *limits;
	t->limits.connections = connections;
	take_alone(t);
	reassembly_set_limits(t->fragments, &t->limits.fragments);
}

int traffic_show(struct traffic *t, const uint64_t answers[2][1024])
{
	size_t size = 2 * sizeof(*t->answers);
	if (answers && !t->answers)
		t->answers = malloc(size);
	if (answers && !t->answers)
		return -ENOMEM;
	if (answers) {
		memcpy(t->answers, answers, size);
	} else {
		free(t->answers);
		t->answers = NULL;
	}
	t->shown++;
	return 0;
}

/* A protocol that was read without answers goes on so: what is shown later has no beginning. */
static void follow_shown(struct traffic *t, struct connection *c)
{
	const uint64_t *bits = t->answers ? t->answers[c->outgoing] : NULL;
	uint16_t port = c->port[1];
	if (c->shown == t->shown)
		return;
	c->shown = t->shown;
	c->alone = (c->alone && c->app) ||
	           (c->proto == PROTO_TCP && bits && !(bits[port / 64] >> port % 64 & 1));
	c->stream.alone = c->stream.alone || c->alone;
	if (c->app)
		app_set_limits(c->app, c->alone ? &t->alone : &t->limits.app);
}

static const struct stream_sink stream_sink;
static const struct app_sink app_sink;

/* What is behind holes is looked at before a connection is forgotten. */
static void end_connection(struct traffic *t, struct connection *c)
{
	t->packet = NULL;
	if (c->proto == PROTO_TCP && c->flow && !c->settled)
		stream_end(&c->stream, &t->limits.stream, &stream_sink, c);
	forget(t, c);
}

static struct connection *room(struct traffic *t)
{
	if (t->free == NOBODY && t->count < t->limits.connections) {
		struct connection *c = &t->connections[t->count];
		c->traffic = t;
		return c;
	}
	for (int age = 0; t->free == NOBODY && age < AGES; age++)
		if (t->oldest[age] != NOBODY) {
			t->counts.evicted++;
			end_connection(t, &t->connections[t->oldest[age]]);
		}
	if (t->free == NOBODY)
		return NULL;
	struct connection *c = &t->connections[t->free];
	t->free = c->bucket_next;
	return c;
}

/* ---- finding ---- */

static void ports_of(const struct packet *p, uint16_t port[2])
{
	bool icmp = p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6;
	port[0] = icmp ? p->icmp_id : p->sport;
	port[1] = icmp ? p->icmp_id : p->dport;
}

static struct connection *find(struct traffic *t, const struct packet *p, enum app_side *side)
{
	struct ip ip[2] = { p->src, p->dst };
	uint16_t port[2];
	ports_of(p, port);
	uint32_t i = t->buckets[bucket_of(t, ip, port, p->proto)];
	for (; i != NOBODY; i = t->connections[i].bucket_next) {
		struct connection *c = &t->connections[i];
		for (int s = 0; s < 2 && c->proto == p->proto; s++)
			if (end_cmp(&c->ip[s], c->port[s], &ip[0], port[0]) == 0 &&
			    end_cmp(&c->ip[!s], c->port[!s], &ip[1], port[1]) == 0) {
				*side = (enum app_side)s;
				return c;
			}
	}
	return NULL;
}

/* Who serves, when the beginning was not seen: whose port is the lower. */
static bool from_server(const struct packet *p)
{
	if (p->proto != PROTO_TCP)
		return false;
	if (p->tcp_flags & TCP_SYN)
		return p->tcp_flags & TCP_ACK;
	return p->sport < p->dport;
}

static struct connection *begin(struct traffic *t, const struct packet *p, enum app_side *side)
{
	struct connection *c = room(t);
	uint16_t port[2];
	if (!c)
		return NULL;
	int from = from_server(p) ? 1 : 0;
	ports_of(p, port);
	*c = (struct connection){ .proto = p->proto, .traffic = t, .last_ms = t->now_ms };
	c->ip[from] = p->src;
	c->ip[!from] = p->dst;
	c->port[from] = port[0];
	c->port[!from] = port[1];
	c->midstream = p->proto == PROTO_TCP && !(p->tcp_flags & TCP_SYN);
	c->outgoing = (p->direction == PACKET_OUT) == (from == 0);
	c->shown = t->shown - 1;
	uint32_t *bucket = &t->buckets[bucket_of(t, c->ip, c->port, c->proto)];
	c->bucket_next = *bucket;
	*bucket = index_of(c);
	age_enter(t, c, p->proto != PROTO_TCP ? AGE_DATAGRAM : AGE_NEW);
	t->count++;
	t->counts.connections++;
	*side = (enum app_side)from;
	return c;
}

/* ---- callbacks: they look at the packet that t->packet is ---- */

static void judge(struct traffic *t, enum ips_verdict v)
{
	if (v > t->verdict)
		t->verdict = v;
}

static bool is_over(const struct traffic *t)
{
	return t->verdict >= IPS_VERDICT_DROP;
}

static void on_protocol(void *arg, struct app *a, enum app_protocol p)
{
	struct connection *c = arg;
	struct traffic *t = c->traffic;
	(void)a;
	judge(t, ips_app_protocol(t->ips, c->flow, p, t->packet, t->now_ms));
}

static enum app_verdict on_progress(void *arg, struct app *a, struct app_tx *tx, enum app_side side,
                                    enum app_stage stage)
{
	struct connection *c = arg;
	struct traffic *t = c->traffic;
	(void)a, (void)stage;
	judge(t, ips_tx_progress(t->ips, c->flow, tx, side, t->packet, t->now_ms));
	return is_over(t) ? APP_STOP : APP_GO_ON;
}

static void on_event(void *arg, struct app *a, struct app_tx *tx, enum app_side side,
                     unsigned event)
{
	struct connection *c = arg;
	struct traffic *t = c->traffic;
	(void)a;
	judge(t, ips_app_event(t->ips, c->flow, tx, side, event, t->packet, t->now_ms));
}

static void on_ended(void *arg, struct app *a, struct app_tx *tx)
{
	struct connection *c = arg;
	(void)a;
	ips_tx_ended(c->traffic->ips, tx);
}

static const struct app_sink app_sink = { on_protocol, on_progress, on_event, on_ended };

static void on_data(void *arg, unsigned side, const uint8_t *data, size_t len)
{
	struct connection *c = arg;
	struct traffic *t = c->traffic;
	if (is_over(t))
		return;
	/* The protocol first, so that what raw bytes raise is told with its name. */
	if (c->app)
		app_data(c->app, (enum app_side)side, data, len);
	if (!is_over(t))
		judge(t, ips_stream(t->ips, c->flow, (enum app_side)side, data, len, t->packet,
		                    t->now_ms));
}

static void on_gap(void *arg, unsigned side, uint64_t len)
{
	struct connection *c = arg;
	struct traffic *t = c->traffic;
	t->counts.lost += len;
	ips_stream_gap(t->ips, c->flow, (enum app_side)side, len);
	if (c->app)
		app_gap(c->app, (enum app_side)side, len);
}

static void on_close(void *arg, unsigned side)
{
	struct connection *c = arg;
	if (c->app && !is_over(c->traffic))
		app_close(c->app, (enum app_side)side);
}

static const struct stream_sink stream_sink = { on_data, on_gap, on_close };

/* ---- a packet ---- */

static bool begin_flow(struct traffic *t, struct connection *c)
{
	struct ips_tuple tuple = { .client = c->ip[0],
		                   .server = c->ip[1],
		                   .client_port = c->port[0],
		                   .server_port = c->port[1],
		                   .proto = c->proto,
		                   .midstream = c->midstream };
	if (!c->flow)
		c->flow = ips_flow_new(t->ips, &tuple);
	if (c->flow)
		*ips_flow_owner(c->flow) = c;
	return c->flow != NULL;
}

/* The protocol is read from the first byte on, or not at all. */
static void begin_app(struct traffic *t, struct connection *c)
{
	if (c->app_tried || (c->proto != PROTO_TCP && c->proto != PROTO_UDP))
		return;
	c->app_tried = true;
	if (!t->limits.memory || t->memory < t->limits.memory)
		c->app = app_begin(c->alone ? &t->alone : &t->limits.app, &app_sink, c,
		                   c->proto == PROTO_UDP, c->port[1]);
	if (!c->app)
		t->counts.without_room++;
}

static void told_again(struct traffic *t, enum stream_answer answer, struct traffic_outcome *o)
{
	if (answer == STREAM_OUTSIDE)
		t->counts.outside++;
	if (answer == STREAM_FULL) {
		t->counts.refused++;
		o->drop = true;
	}
	if (answer != STREAM_CONFLICT)
		return;
	t->counts.conflicts++;
	enum posture p = t->limits.retransmit;
	if (p == POSTURE_ALLOW || p == POSTURE_IGNORE)
		return;
	o->reason = REASON_RETRANSMIT;
	o->note = "says otherwise than the first copy";
	o->drop = p == POSTURE_DENY || p == POSTURE_DENY_SILENT;
}

static void see_tcp(struct traffic *t, struct connection *c, enum app_side side,
                    struct traffic_outcome *o)
{
	const struct packet *p = t->packet;
	bool established =
		side == APP_CLIENT && (p->tcp_flags & (TCP_SYN | TCP_RST | TCP_ACK)) == TCP_ACK;
	if (established || c->midstream)
		ips_flow_established(c->flow);
	judge(t, ips_packet(t->ips, c->flow, p, side, t->now_ms));
	if (is_over(t))
		return;
	/* Of the server's packets only some are seen: they say nothing of its bytes and window. */
	bool unheard = c->alone && side == APP_SERVER;
	if (p->payload_len && !unheard)
		begin_app(t, c);
	if (c->alone)
		c->stream.half[APP_CLIENT].has_right = false;
	if (!unheard)
		told_again(t, stream_see(&c->stream, &t->limits.stream, side, p, &stream_sink, c),
		           o);
	bool closed = c->stream.reset ||
	              (c->stream.half[0].closed && (c->alone || c->stream.half[1].closed));
	touch(t, c, closed ? AGE_CLOSED : established || c->age == AGE_OPEN ? AGE_OPEN : AGE_NEW);
	/* It is kept to know late packets by; what was spoken has been told. */
	if (closed)
		drop_app(t, c);
}

static void see_datagram(struct traffic *t, struct connection *c, enum app_side side)
{
	const struct packet *p = t->packet;
	ips_flow_established(c->flow); /* once answered, or asked: rules of UDP say nothing finer */
	judge(t, ips_packet(t->ips, c->flow, p, side, t->now_ms));
	touch(t, c, AGE_DATAGRAM);
	if (p->proto != PROTO_UDP || is_over(t))
		return;
	begin_app(t, c);
	if (c->app && p->payload_len)
		app_data(c->app, side, p->data + p->payload, p->payload_len);
}

/* All rules are asked, so seldom: when the protocol is known, when it ends, and every 256 KiB. */
static uint64_t milestone_of(const struct connection *c)
{
	enum app_protocol p = c->app ? app_is(c->app) : APP_FAILED;
	uint64_t bytes = c->stream.half[0].bytes + c->stream.half[1].bytes;
	return bytes >> 18 << 8 | (uint64_t)p << 1 | (c->app && app_over(c->app) ? 1 : 0);
}

static void settle(struct traffic *t, struct connection *c)
{
	uint64_t milestone = milestone_of(c);
	if (c->proto != PROTO_TCP || c->verdict || milestone == c->milestone)
		return;
	c->milestone = milestone;
	if (c->app && app_over(c->app))
		ips_flow_over(c->flow);
	if (ips_flow_wants(c->flow, APP_CLIENT) || ips_flow_wants(c->flow, APP_SERVER))
		return;
	c->settled = true;
	drop_app(t, c);
	stream_done(&c->stream);
}

static struct traffic_outcome see_whole(struct traffic *t, const struct packet *p)
{
	struct traffic_outcome o = { 0 };
	enum app_side side = APP_CLIENT;
	t->counts.bytes += p->payload_len;
	struct connection *c = p->transport ? find(t, p, &side) : NULL;
	if (!c && p->transport)
		c = begin(t, p, &side); /* which may end another */
	t->packet = p;
	t->verdict = IPS_NONE;
	if (!c || !begin_flow(t, c)) {
		t->counts.not_inspected += p->payload_len;
		o.verdict = ips_packet(t->ips, NULL, p, APP_CLIENT, t->now_ms);
		return o;
	}
	o.flow = c->flow;
	follow_shown(t, c);
	/* The reset that tells of a refusal goes to the client, and what that says of it to a
	 * server. */
	if (c->verdict && p->proto == PROTO_TCP && (p->tcp_flags & TCP_RST) && !p->payload_len)
		return o;
	if (c->verdict || c->settled) {
		touch(t, c, (enum age)c->age);
		if (c->settled)
			t->counts.not_inspected += p->payload_len;
		o.verdict = c->verdict;
		o.settled = c->settled;
		return o;
	}
	if (p->proto == PROTO_TCP)
		see_tcp(t, c, side, &o);
	else
		see_datagram(t, c, side);
	o.verdict = t->verdict;
	o.protocol = c->app ? app_is(c->app) : APP_UNKNOWN;
	/* A datagram is dropped by itself; of a stream nothing may follow. */
	if (is_over(t) && p->proto == PROTO_TCP) {
		c->verdict = t->verdict;
		drop_app(t, c);
		stream_done(&c->stream);
	}
	settle(t, c);
	o.settled = c->settled;
	count_memory(t, c);
	return o;
}

/* What the receiving kernel drops is not looked at. */
static struct traffic_outcome see_summed(struct traffic *t, const struct packet *p)
{
	if (!t->limits.checksums || packet_checksum_holds(p))
		return see_whole(t, p);
	t->counts.bad_checksums++;
	return (struct traffic_outcome){ 0 };
}

static struct traffic_outcome see_fragment(struct traffic *t, const struct packet *p)
{
	struct traffic_outcome o = { 0 };
	struct packet whole = { .direction = p->direction,
		                .ifindex = p->ifindex,
		                .ifname = p->ifname,
		                .when_ms = p->when_ms,
		                .partial = p->partial,
		                .reassembled = true };
	const uint8_t *data = NULL;
	size_t n = 0;
	enum reassembly_state s = reassembly_see(t->fragments, p, t->now_ms, &data, &n, &o.reason);
	if (s == REASSEMBLY_WHOLE) {
		o.reason = packet_decode(&whole, PACKET_IP, data, n, NULL);
		if (o.reason == REASON_NONE)
			return see_summed(t, &whole);
	}
	o.drop = o.reason != REASON_NONE;
	return o;
}

struct traffic_outcome traffic_see(struct traffic *t, const struct packet *p, uint64_t now_ms)
{
	t->now_ms = now_ms;
	t->counts.packets++;
	if (!packet_is_ip(p))
		return (struct traffic_outcome){ 0 };
	if (!p->fragment)
		return see_summed(t, p);
	if (!t->limits.checksums || packet_checksum_holds(p))
		return see_fragment(t, p);
	t->counts.bad_checksums++;
	return (struct traffic_outcome){ 0 };
}

/* ---- over time ---- */

static uint64_t timeout_ms(const struct traffic *t, enum age age)
{
	const struct traffic_limits *l = &t->limits;
	uint32_t s[AGES] = { [AGE_NEW] = l->new_s,
		             [AGE_CLOSED] = l->closed_s,
		             [AGE_DATAGRAM] = l->datagram_s,
		             [AGE_OPEN] = l->open_s };
	return (uint64_t)s[age] * 1000;
}

uint32_t traffic_clean(struct traffic *t, uint32_t max, uint64_t now_ms)
{
	uint32_t ended = 0;
	t->now_ms = now_ms;
	t->verdict = IPS_NONE;
	for (int age = 0; age < AGES; age++)
		while (ended < max && t->oldest[age] != NOBODY) {
			struct connection *c = &t->connections[t->oldest[age]];
			if (c->last_ms + timeout_ms(t, (enum age)age) > now_ms)
				break;
			end_connection(t, c);
			ended++;
		}
	if (reassembly_count(t->fragments))
		reassembly_clean(t->fragments, now_ms);
	return ended;
}

void traffic_flush(struct traffic *t, uint64_t now_ms)
{
	t->now_ms = now_ms;
	for (int age = 0; age < AGES; age++)
		while (t->oldest[age] != NOBODY) {
			t->verdict = IPS_NONE;
			end_connection(t, &t->connections[t->oldest[age]]);
		}
}

const struct traffic_counts *traffic_counted(const struct traffic *t)
{
	return &t->counts;
}

size_t traffic_memory(const struct traffic *t)
{
	return t->memory;
}

uint32_t traffic_connections(const struct traffic *t)
{
	return t->count;
}

enum app_protocol traffic_protocol(const struct ips_flow *f)
{
	union { /* what is asked for is not changed */
		const struct ips_flow *in;
		struct ips_flow *out;
	} same = { .in = f };
	const struct connection *c = f ? *ips_flow_owner(same.out) : NULL;
	return c && c->app ? app_is(c->app) : APP_UNKNOWN;
}
