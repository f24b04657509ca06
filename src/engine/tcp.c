#include <string.h>

#include "base/map.h"
#include "engine/flow_table.h"

/* One segment on its way through the checks. */
struct segment {
	struct flows *f;
	const struct packet *p;
	const struct flow_rules *rules;
	struct flow *flow;
	bool reverse;
	uint64_t now_ms;
	uint32_t end; /* its sequence number behind the last of SYN, data and FIN */
};

static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static struct flow_half *sender(const struct segment *s)
{
	return &s->flow->half[s->reverse];
}

static struct flow_half *receiver(const struct segment *s)
{
	return &s->flow->half[!s->reverse];
}

static struct flow_answer answer(const struct segment *s, enum reason reason, enum posture posture,
                                 const char *note)
{
	return (struct flow_answer){
		.reason = reason,
		.posture = posture,
		.state = s->flow ? s->flow->state : FLOW_FREE,
		.note = note,
		.incoming = s->flow ? s->flow->incoming : s->p->direction == PACKET_IN,
	};
}

static struct flow_answer fine(const struct segment *s)
{
	return answer(s, REASON_NONE, POSTURE_ALLOW, NULL);
}

/* ---- flags ---- */

static const struct {
	enum evasion what;
	uint8_t mask, value;
	enum reason reason;
	const char *note;
} oddities[] = {
	{ EVASION_ZERO_FLAGS, 0x3f, 0, REASON_INVALID_FLAGS, "no flags" },
	{ EVASION_SYN_FIN, 0x03, 0x03, REASON_INVALID_FLAGS, "SYN and FIN" },
	{ EVASION_SYN_RST, 0x06, 0x06, REASON_INVALID_FLAGS, "SYN and RST" },
	{ EVASION_RST_FIN, 0x05, 0x05, REASON_INVALID_FLAGS, "RST and FIN" },
	{ EVASION_URGENT, TCP_URG, TCP_URG, REASON_INVALID_FLAGS, "URG" },
	{ EVASION_CONGESTION, TCP_ECE, TCP_ECE, REASON_CE_FLAGS, "ECE" },
	{ EVASION_CONGESTION, TCP_CWR, TCP_CWR, REASON_CE_FLAGS, "CWR" },
};

static bool speaks(enum posture p)
{
	return p != POSTURE_ALLOW && p != POSTURE_IGNORE;
}

static struct flow_answer check_flags(const struct segment *s)
{
	const struct packet *p = s->p;
	const struct flow_limits *l = &s->f->limits;
	for (size_t i = 0; i < sizeof(oddities) / sizeof(oddities[0]); i++) {
		enum posture posture = l->evasion[oddities[i].what];
		if ((p->tcp_flags & oddities[i].mask) == oddities[i].value && speaks(posture))
			return answer(s, oddities[i].reason, posture, oddities[i].note);
	}
	if (s->rules->deny_ce && (p->tcp_flags & (TCP_ECE | TCP_CWR)))
		return answer(s, REASON_CE_FLAGS, POSTURE_DENY, NULL);
	if ((p->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return fine(s);
	if (p->payload_len && speaks(l->evasion[EVASION_SYN_DATA]))
		return answer(s, REASON_INVALID_FLAGS, l->evasion[EVASION_SYN_DATA],
		              "SYN with data");
	if (p->tcp.mss && p->tcp.mss < l->mss_min)
		return answer(s, REASON_PACKET_INFO, POSTURE_DENY, "MSS too small");
	return fine(s);
}

/* ---- windows ---- */

static uint32_t window_of(const struct segment *s)
{
	bool scale = !(s->p->tcp_flags & TCP_SYN) && sender(s)->scaled && receiver(s)->scaled;
	return (uint32_t)s->p->window << (scale ? sender(s)->scale : 0);
}

static void begin_half(const struct segment *s)
{
	struct flow_half *h = sender(s);
	*h = (struct flow_half){ .iss = s->p->seq,
		                 .end = s->end,
		                 .max_end = s->end,
		                 .seen = true,
		                 .scaled = s->p->tcp.has_wscale,
		                 .scale = s->p->tcp.wscale > 14 ? 14 : s->p->tcp.wscale,
		                 .stamped = s->p->tcp.has_timestamp,
		                 .tsval = s->p->tcp.tsval };
	h->max_win = s->p->window ? s->p->window : 1;
}

/* As conntrack reckons: what the peer acknowledged and offered bounds what may come. */
static struct flow_answer check_window(const struct segment *s)
{
	const struct flow_half *me = sender(s), *other = receiver(s);
	const struct packet *p = s->p;
	if (s->flow->loose || !me->seen || !other->seen)
		return fine(s);
	/* A window that was reduced, or a probe of a closed one, may be a byte over. */
	if (before(me->max_end + 1, p->seq) ||
	    before(s->end, me->end - (other->max_win > 66000 ? other->max_win : 66000)))
		return answer(s, REASON_INVALID_SEQUENCE, POSTURE_DENY, NULL);
	if (!(p->tcp_flags & TCP_ACK))
		return fine(s);
	if (before(other->end, p->ack))
		return answer(s, REASON_INVALID_ACK, POSTURE_DENY, "of what was not sent");
	uint32_t back = me->max_win > 66000 ? me->max_win : 66000;
	if (before(p->ack, other->end - back) && before(p->ack, other->iss))
		return answer(s, REASON_INVALID_ACK, POSTURE_DENY, "too old");
	return fine(s);
}

static void move_window(const struct segment *s)
{
	struct flow_half *me = sender(s), *other = receiver(s);
	const struct packet *p = s->p;
	uint32_t win = window_of(s);
	if (!me->seen)
		begin_half(s);
	if (before(me->end, s->end))
		me->end = s->end;
	if (win > me->max_win)
		me->max_win = win;
	if (!(p->tcp_flags & TCP_ACK))
		return;
	if (before(other->max_end, p->ack + (win ? win : 1)))
		other->max_end = p->ack + (win ? win : 1);
	if (other->fin && p->ack == other->fin_end)
		other->fin_acked = true;
}

/* ---- timestamps, retransmissions ---- */

static struct flow_answer check_stamp(const struct segment *s)
{
	struct flow_half *me = sender(s);
	const struct packet *p = s->p;
	const struct flow_limits *l = &s->f->limits;
	if (!me->stamped || !p->tcp.has_timestamp || (p->tcp_flags & TCP_RST))
		return fine(s);
	if (p->tcp.tsval == 0 && me->tsval != 0 && speaks(l->evasion[EVASION_PAWS_ZERO]))
		return answer(s, REASON_INVALID_SEQUENCE, l->evasion[EVASION_PAWS_ZERO],
		              "timestamp of zero");
	if (before(p->tcp.tsval + l->paws_window, me->tsval) && p->tcp.tsval != 0 &&
	    speaks(l->evasion[EVASION_TIMESTAMP]))
		return answer(s, REASON_INVALID_SEQUENCE, l->evasion[EVASION_TIMESTAMP],
		              "timestamp too old");
	if (before(me->tsval, p->tcp.tsval))
		me->tsval = p->tcp.tsval;
	return fine(s);
}

/* The same place again with other bytes: what was seen first is what the peer was given. */
static struct flow_answer check_again(const struct segment *s)
{
	struct flow_half *me = sender(s);
	const struct packet *p = s->p;
	enum posture posture = s->f->limits.evasion[EVASION_RETRANSMIT];
	if (!speaks(posture) || p->payload_len == 0)
		return fine(s);
	uint32_t hash = (uint32_t)siphash(s->f->key, p->data + p->payload, p->payload_len);
	for (int i = 0; i < SEGMENTS; i++) {
		const struct flow_segment *g = &me->segments[i];
		if (g->len == p->payload_len && g->seq == p->seq)
			return g->hash == hash ? fine(s)
			                       : answer(s, REASON_RETRANSMIT, posture, "prev-full");
	}
	me->segments[me->next_segment++ % SEGMENTS] =
		(struct flow_segment){ p->seq, p->payload_len, hash };
	return fine(s);
}

/* ---- states ---- */

static struct flow_answer over_limit(const struct segment *s)
{
	const struct packet *p = s->p;
	bool in = p->direction == PACKET_IN;
	const struct flow_peer *peer = flow_peer_find(s->f, in ? &p->src : &p->dst);
	const struct flow_rules *r = s->rules;
	uint32_t tcp = 0;
	for (int i = FLOW_SYN_SENT; i <= FLOW_ERROR; i++)
		tcp += s->f->count[i];
	if (tcp >= s->f->limits.max_tcp)
		return answer(s, REASON_MAX_TCP, POSTURE_DENY, NULL);
	if (!peer)
		return fine(s);
	if (in && r->max_incoming && peer->in >= r->max_incoming)
		return answer(s, REASON_MAX_INCOMING, POSTURE_DENY, NULL);
	if (!in && r->max_outgoing && peer->out >= r->max_outgoing)
		return answer(s, REASON_MAX_OUTGOING, POSTURE_DENY, NULL);
	if (in && r->max_half_open && peer->half_open >= r->max_half_open)
		return answer(s, REASON_MAX_SYN, POSTURE_DENY, NULL);
	return fine(s);
}

static struct flow_answer open_flow(struct segment *s)
{
	struct flow_answer a = over_limit(s);
	enum flow_state state = s->p->direction == PACKET_IN ? FLOW_SYN_RCVD : FLOW_SYN_SENT;
	if (a.reason)
		return a;
	s->flow = flow_add(s->f, s->p, state, s->now_ms);
	if (!s->flow)
		return answer(s, REASON_MEMORY, POSTURE_DENY, NULL);
	s->reverse = false;
	flow_count_peer(s->f, s->flow);
	begin_half(s);
	a = fine(s);
	a.is = FLOW_NEW;
	return a;
}

/* A connection under way whose beginning nobody saw. */
static struct flow_answer take_in(struct segment *s)
{
	struct flow *w = flow_add(s->f, s->p, FLOW_ESTABLISHED, s->now_ms);
	if (w)
		w->loose = true;
	s->flow = w;
	s->reverse = false;
	return fine(s);
}

static struct flow_answer out_of_connection(struct segment *s)
{
	const enum posture *e = s->f->limits.evasion;
	uint8_t flags = s->p->tcp_flags;
	bool out = s->p->direction == PACKET_OUT;
	enum posture posture = POSTURE_DENY;
	if (flags & TCP_RST)
		posture = e[EVASION_RST_OUT];
	else if (flags & TCP_FIN)
		posture = e[EVASION_FIN_OUT];
	else if (s->now_ms - s->f->start_ms < (uint64_t)s->f->limits.cold_start_s * 1000)
		return take_in(s);
	else if (out)
		posture = e[EVASION_OUT_OUT];
	if (speaks(posture))
		return answer(s, REASON_OUT_OF_CONNECTION, posture, NULL);
	return out && !(flags & (TCP_RST | TCP_FIN)) ? take_in(s) : fine(s);
}

static struct flow_answer split(const struct segment *s)
{
	enum posture posture = s->f->limits.evasion[EVASION_SPLIT];
	return speaks(posture) ? answer(s, REASON_INVALID_FLAGS, posture, "split handshake")
	                       : fine(s);
}

/* Before the connection stands: SYN, SYN+ACK, ACK and nothing else but RST. */
static struct flow_answer handshake(const struct segment *s)
{
	const struct packet *p = s->p;
	struct flow_half *first = &s->flow->half[0], *second = &s->flow->half[1];
	bool syn = p->tcp_flags & TCP_SYN, ack = p->tcp_flags & TCP_ACK;
	if (!s->reverse && syn && !ack) { /* again, or anew */
		begin_half(s);
		second->seen = false;
		return fine(s);
	}
	if (s->reverse && syn && ack) {
		if (p->ack != first->end && before(first->end, p->ack))
			return answer(s, REASON_INVALID_ACK, POSTURE_DENY, NULL);
		if (!second->seen)
			begin_half(s);
		move_window(s);
		return fine(s);
	}
	if (s->reverse && !second->seen)
		return split(s);
	if (!ack || !second->seen || before(p->ack, second->iss + 1) || before(second->end, p->ack))
		return answer(s, REASON_INVALID_ACK, POSTURE_DENY, NULL);
	move_window(s);
	if (!s->reverse) {
		flow_set(s->f, s->flow, FLOW_ESTABLISHED, s->now_ms);
		s->flow->loose |= s->f->offload;
	}
	return fine(s);
}

static enum flow_state after_fin(const struct segment *s)
{
	bool ours = s->p->direction == PACKET_OUT;
	switch (s->flow->state) {
	case FLOW_ESTABLISHED:
		return ours ? FLOW_FIN_WAIT1 : FLOW_CLOSE_WAIT;
	case FLOW_CLOSE_WAIT:
		return ours ? FLOW_LAST_ACK : FLOW_CLOSE_WAIT;
	case FLOW_FIN_WAIT1:
		return ours ? FLOW_FIN_WAIT1 : FLOW_CLOSING;
	case FLOW_FREE:
	case FLOW_SYN_SENT:
	case FLOW_SYN_RCVD:
	case FLOW_CLOSING:
	case FLOW_LAST_ACK:
	case FLOW_CLOSED:
	case FLOW_DISCONNECT:
	case FLOW_ERROR:
	case FLOW_UDP:
	case FLOW_ICMP:
	case FLOW_STATES:
		break;
	}
	return s->flow->state;
}

static void advance(const struct segment *s)
{
	struct flow *w = s->flow;
	enum flow_state state = w->state;
	if (s->p->tcp_flags & TCP_FIN) {
		sender(s)->fin = true;
		sender(s)->fin_end = s->end;
		state = after_fin(s);
	}
	bool closing = state == FLOW_CLOSING || state == FLOW_LAST_ACK;
	if (closing && w->half[0].fin_acked && w->half[1].fin_acked)
		state = FLOW_CLOSED;
	flow_set(s->f, w, state, s->now_ms);
}

static struct flow_answer reset(const struct segment *s)
{
	flow_set(s->f, s->flow, FLOW_DISCONNECT, s->now_ms);
	struct flow_answer a = fine(s);
	a.is = FLOW_ENDED;
	return a;
}

static struct flow_answer opened(const struct segment *s)
{
	/* A SYN in the middle is answered by the peer's kernel (RFC 5961, 4). */
	if (s->p->tcp_flags & TCP_SYN)
		return s->reverse && !(s->p->tcp_flags & TCP_ACK) ? split(s) : fine(s);
	struct flow_answer a = check_stamp(s);
	if (!a.reason)
		a = check_again(s);
	if (a.reason && a.posture != POSTURE_LOG)
		return a;
	if (!s->flow->loose)
		move_window(s);
	else if (s->p->tcp_flags & TCP_ACK && receiver(s)->fin)
		receiver(s)->fin_acked = true;
	advance(s);
	a.state = s->flow->state;
	a.is = a.state == FLOW_CLOSED ? FLOW_ENDED : FLOW_OLD;
	return a;
}

static struct flow_answer known(struct segment *s)
{
	enum flow_state state = s->flow->state;
	bool syn = (s->p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	if (state == FLOW_CLOSED || state == FLOW_DISCONNECT || state == FLOW_ERROR) {
		if (syn) {
			flow_drop(s->f, s->flow);
			s->flow = NULL;
			return open_flow(s);
		}
		return s->p->tcp_flags & TCP_RST ? fine(s)
		                                 : answer(s, REASON_CLOSED, POSTURE_DENY, NULL);
	}
	struct flow_answer a = check_window(s);
	if (a.reason && !(syn && !s->reverse))
		return a;
	if (s->p->tcp_flags & TCP_RST)
		return reset(s);
	if (state == FLOW_SYN_SENT || state == FLOW_SYN_RCVD)
		return handshake(s);
	return opened(s);
}

struct flow_answer flow_tcp(struct flows *f, const struct packet *p, const struct flow_rules *r,
                            uint64_t now_ms)
{
	struct segment s = { f, p, r, NULL, false, now_ms, 0 };
	s.end = p->seq + p->payload_len + (p->tcp_flags & TCP_SYN ? 1 : 0) +
	        (p->tcp_flags & TCP_FIN ? 1 : 0);
	s.flow = flow_find(f, p, now_ms, &s.reverse);
	struct flow_answer odd = check_flags(&s), a;
	if (odd.reason && odd.posture != POSTURE_LOG)
		return odd;
	if (s.flow)
		a = known(&s);
	else if ((p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		a = open_flow(&s);
	else
		a = out_of_connection(&s);
	if (odd.reason && !a.reason) {
		a.reason = odd.reason;
		a.posture = odd.posture;
		a.note = odd.note;
	}
	return a;
}
