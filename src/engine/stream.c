#include "engine/stream.h"

#include <stdlib.h>
#include <string.h>

const struct stream_limits stream_limits_default = { .held = 64 << 10 };

struct stream_piece {
	struct stream_piece *next; /* owned */
	uint32_t seq, len;
	uint8_t data[];
};

/* A segment's bytes on their way in. */
struct arrival {
	struct stream *s;
	const struct stream_limits *l;
	const struct stream_sink *sink;
	void *arg;
	unsigned side;
	uint32_t seq, len;
	const uint8_t *data;
};

/* A window is below 2^30 (RFC 7323), so whatever is farther away is no data of this connection. */
enum { FAR = 1 << 30 };

static int32_t after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static struct stream_half *half_of(const struct arrival *a)
{
	return &a->s->half[a->side];
}

/* ---- memory ---- */

static size_t size_of(const struct stream_piece *p)
{
	return sizeof(*p) + p->len;
}

static void release(struct stream *s, struct stream_piece *p)
{
	s->held -= size_of(p);
	free(p);
}

static void release_all(struct stream *s, struct stream_half *h)
{
	while (h->held) {
		struct stream_piece *p = h->held;
		h->held = p->next;
		release(s, p);
	}
}

void stream_done(struct stream *s)
{
	for (unsigned i = 0; i < STREAM_SIDES; i++) {
		release_all(s, &s->half[i]);
		free(s->half[i].kept);
	}
	*s = (struct stream){ 0 };
}

size_t stream_memory(const struct stream *s)
{
	return s->held + s->half[0].kept_cap + s->half[1].kept_cap;
}

/* ---- what was handed on, for comparing ---- */

static void keep(struct stream_half *h, const struct stream_limits *l, const uint8_t *data,
                 size_t len)
{
	if (!l->kept)
		return;
	if (!h->kept) {
		h->kept = malloc(l->kept);
		h->kept_cap = h->kept ? (uint32_t)l->kept : 0;
	}
	if (!h->kept_cap)
		return;
	uint64_t at = h->bytes; /* of the stream: a byte's place in the ring is its own for good */
	if (len > h->kept_cap) {
		at += len - h->kept_cap;
		data += len - h->kept_cap;
		len = h->kept_cap;
	}
	size_t from = (size_t)(at % h->kept_cap);
	size_t first = len < h->kept_cap - from ? len : h->kept_cap - from;
	memcpy(h->kept + from, data, first);
	memcpy(h->kept, data + first, len - first);
	h->kept_n = h->kept_n + len < h->kept_cap ? h->kept_n + (uint32_t)len : h->kept_cap;
}

/* Do the bytes before h->next say what was handed on there? What is not kept is believed. */
static bool same_as_kept(const struct arrival *a)
{
	const struct stream_half *h = half_of(a);
	if (!h->kept_n || after(h->next, a->seq) <= 0)
		return true;
	uint32_t back = h->next - a->seq, skip = back > h->kept_n ? back - h->kept_n : 0;
	for (uint32_t i = skip; i < a->len && i < back; i++)
		if (a->data[i] != h->kept[(h->bytes - (back - i)) % h->kept_cap])
			return false;
	return true;
}

static bool same_as_held(const struct arrival *a)
{
	for (const struct stream_piece *p = half_of(a)->held; p; p = p->next) {
		if (after(p->seq, a->seq + a->len) >= 0)
			break;
		uint32_t from = after(p->seq, a->seq) > 0 ? p->seq : a->seq;
		uint32_t end = after(p->seq + p->len, a->seq + a->len) < 0 ? p->seq + p->len
		                                                           : a->seq + a->len;
		if (after(end, from) > 0 &&
		    memcmp(p->data + (from - p->seq), a->data + (from - a->seq), end - from) != 0)
			return false;
	}
	return true;
}

/* ---- handing on ---- */

static void hand_on(const struct arrival *a, const uint8_t *data, uint32_t len)
{
	struct stream_half *h = half_of(a);
	if (!len)
		return;
	keep(h, a->l, data, len);
	h->next += len;
	h->bytes += len;
	a->sink->data(a->arg, a->side, data, len);
}

static void end_side(const struct arrival *a)
{
	struct stream_half *h = half_of(a);
	if (h->closed)
		return;
	h->closed = true;
	release_all(a->s, h);
	a->sink->close(a->arg, a->side);
}

/* Pieces that the hole before them no longer keeps back. */
static void drain(const struct arrival *a)
{
	struct stream_half *h = half_of(a);
	while (h->held && after(h->held->seq, h->next) <= 0) {
		struct stream_piece *p = h->held;
		uint32_t old = h->next - p->seq;
		h->held = p->next;
		if (old < p->len)
			hand_on(a, p->data + old, p->len - old);
		release(a->s, p);
	}
	if (h->has_fin && after(h->next, h->fin) >= 0)
		end_side(a);
}

static void give_up_hole(const struct arrival *a, uint32_t to)
{
	struct stream_half *h = half_of(a);
	uint32_t lost = to - h->next;
	h->next = to;
	h->lost += lost;
	h->kept_n = 0;
	a->sink->gap(a->arg, a->side, lost);
}

/* ---- holding ---- */

static struct stream_piece *piece(const struct arrival *a, uint32_t from, uint32_t to)
{
	struct stream_piece *p = malloc(sizeof(*p) + (to - from));
	if (!p)
		return NULL;
	p->seq = from;
	p->len = to - from;
	memcpy(p->data, a->data + (from - a->seq), p->len);
	a->s->held += size_of(p);
	return p;
}

/* Links copies of those bytes of [seq, seq + len) that no piece has. */
static bool hold_new(const struct arrival *a)
{
	struct stream_piece **link = &half_of(a)->held;
	uint32_t at = a->seq, end = a->seq + a->len;
	while (after(end, at) > 0) {
		while (*link && after((*link)->seq + (*link)->len, at) <= 0)
			link = &(*link)->next;
		uint32_t stop = *link && after((*link)->seq, end) < 0 ? (*link)->seq : end;
		if (after(stop, at) > 0) {
			struct stream_piece *p = piece(a, at, stop);
			if (!p)
				return false;
			p->next = *link;
			*link = p;
			link = &p->next;
		}
		at = *link && after((*link)->seq, end) < 0 ? (*link)->seq + (*link)->len : end;
	}
	return true;
}

/* Room for n more bytes behind holes; without limits.refuse the first holes are given up for it. */
static bool make_room(const struct arrival *a, size_t n)
{
	struct stream_half *h = half_of(a);
	while (a->s->held + n > a->l->held) {
		if (a->l->refuse || !h->held || after(a->seq, h->next) <= 0)
			return false;
		uint32_t first = h->held->seq;
		give_up_hole(a, after(a->seq, first) < 0 ? a->seq : first);
		drain(a);
	}
	return true;
}

/* What the bytes between held pieces take at most: a piece before each of those, and one behind. */
static size_t need_of(const struct arrival *a)
{
	size_t pieces = 1;
	for (const struct stream_piece *p = half_of(a)->held; p; p = p->next)
		pieces += after(p->seq, a->seq) > 0 && after(p->seq, a->seq + a->len) < 0;
	return pieces * sizeof(struct stream_piece) + a->len;
}

static enum stream_answer absorb(struct arrival *a);

static enum stream_answer behind_a_hole(struct arrival *a)
{
	struct stream_half *h = half_of(a);
	if (make_room(a, need_of(a))) {
		if (after(a->seq, h->next) <= 0)
			return absorb(a);
		if (hold_new(a))
			return STREAM_FINE;
	}
	if (a->l->refuse)
		return STREAM_FULL;
	/* The other side holds the room, or there is no memory: go on behind the hole. */
	if (after(a->seq, h->next) > 0) {
		while (h->held && after(h->held->seq, a->seq) < 0) {
			give_up_hole(a, h->held->seq);
			drain(a);
		}
		if (after(a->seq, h->next) > 0)
			give_up_hole(a, a->seq);
	}
	return absorb(a);
}

/* In order, or overlapping what was handed on: held pieces win over the new bytes below them. */
static enum stream_answer absorb(struct arrival *a)
{
	struct stream_half *h = half_of(a);
	uint32_t end = a->seq + a->len;
	bool any = false;
	drain(a);
	while (!h->closed && after(end, h->next) > 0) {
		uint32_t stop = h->held && after(h->held->seq, end) < 0 ? h->held->seq : end;
		hand_on(a, a->data + (h->next - a->seq), stop - h->next);
		any = true;
		drain(a);
	}
	drain(a);
	return any ? STREAM_FINE : STREAM_AGAIN;
}

static enum stream_answer take(struct arrival *a)
{
	struct stream_half *h = half_of(a);
	bool same = same_as_held(a) && same_as_kept(a);
	if (!same && a->l->refuse_conflict)
		return STREAM_CONFLICT;
	if (h->has_fin && after(a->seq + a->len, h->fin) > 0) {
		if (after(a->seq, h->fin) >= 0)
			return STREAM_OUTSIDE;
		a->len = h->fin - a->seq;
	}
	enum stream_answer r = after(a->seq, h->next) > 0 ? behind_a_hole(a) : absorb(a);
	return same ? r : STREAM_CONFLICT;
}

/* ---- the handshake and the flags ---- */

static void learn_window(struct stream *s, unsigned side, const struct packet *p)
{
	struct stream_half *me = &s->half[side], *peer = &s->half[!side];
	bool syn = p->tcp_flags & TCP_SYN;
	if (syn) {
		me->has_scale = p->tcp.has_wscale;
		me->scale = p->tcp.wscale > 14 ? 14 : p->tcp.wscale;
	}
	if (!(p->tcp_flags & TCP_ACK) || (p->tcp_flags & TCP_RST))
		return;
	/* Both must have offered to scale; a connection that was joined late has no window to go
	 * by. */
	if (!s->handshake || s->alone)
		return;
	unsigned scale = !syn && me->has_scale && peer->has_scale ? me->scale : 0;
	uint32_t right = p->ack + ((uint32_t)p->window << scale);
	if (!peer->has_right || after(right, peer->right) > 0)
		peer->right = right;
	peer->has_right = true;
}

/* A new connection with the ports of an old one. */
static void begin_again(struct stream *s)
{
	bool alone = s->alone;
	stream_done(s);
	s->alone = alone;
	s->handshake = true;
}

static void take_syn(struct stream *s, unsigned side, const struct packet *p)
{
	struct stream_half *me = &s->half[side], *peer = &s->half[!side];
	bool ack = p->tcp_flags & TCP_ACK;
	if (!ack && (s->reset || (me->closed && peer->closed)))
		begin_again(s);
	/* Until something was handed on, the SYN that the receiver answered counts. */
	if (!me->known || (!ack && !peer->known && !me->bytes)) {
		me->next = me->sent = p->seq + 1;
		me->known = true;
		me->has_stamp = p->tcp.has_timestamp;
		me->stamp = p->tcp.tsval;
		s->handshake = true;
	}
	if (ack && !peer->bytes && !peer->held && (!peer->known || peer->next != p->ack)) {
		peer->next = peer->sent = p->ack;
		peer->known = true;
	}
}

/* What stands in a SYN counts only while it may begin the connection. */
static bool syn_may_carry(const struct stream_half *me, const struct packet *p)
{
	return !me->past_syn && !me->bytes && me->next == p->seq + 1;
}

static bool pick_up(struct stream *s, const struct stream_limits *l, unsigned side,
                    const struct packet *p)
{
	struct stream_half *me = &s->half[side], *peer = &s->half[!side];
	if (me->known)
		return true;
	/* The other side's beginning was seen, or nobody's and that is allowed. */
	if (!l->midstream && !peer->known)
		return false;
	me->next = me->sent = p->seq;
	me->known = true;
	if (!peer->known && (p->tcp_flags & TCP_ACK)) {
		peer->next = peer->sent = p->ack;
		peer->known = true;
	}
	return true;
}

/* RFC 7323, 5.3: what is older than bytes that came in order is a duplicate that strayed. */
static bool is_too_old(struct stream_half *me, const struct packet *p)
{
	if (!me->has_stamp || !p->tcp.has_timestamp)
		return false;
	if (me->stamp && after(p->tcp.tsval, me->stamp) < 0)
		return true;
	if (after(p->seq, me->next) <= 0)
		me->stamp = p->tcp.tsval;
	return false;
}

/* RFC 9293, 3.10.7.4: who acknowledges what was not sent is not listened to, nor who says nothing
 * about it. Only a connection seen from its beginning tells. */
static bool acknowledges(const struct stream *s, unsigned side, const struct packet *p)
{
	const struct stream_half *peer = &s->half[!side];
	if (!(p->tcp_flags & TCP_ACK))
		return false;
	return !s->handshake || s->alone || !peer->known || after(p->ack, peer->sent) <= 0;
}

/* The receiver has bytes that were not seen here: they will not come again. */
static void take_ack(struct arrival *a, const struct packet *p)
{
	struct arrival other = { a->s, a->l, a->sink, a->arg, !a->side, 0, 0, NULL };
	struct stream_half *h = half_of(&other);
	if (!a->s->handshake || !h->known)
		return;
	while (!h->closed && after(p->ack, h->next) > 0 && after(p->ack, h->sent) <= 0) {
		bool held = h->held && after(h->held->seq, p->ack) < 0;
		/* A FIN has a number too, but is no byte. */
		uint32_t to = held ? h->held->seq : p->ack;
		if (h->has_fin && after(to, h->fin) > 0)
			to = h->fin;
		if (after(to, h->next) <= 0)
			return;
		give_up_hole(&other, to);
		drain(&other);
	}
}

/* RFC 5961, 3.2: only a reset at exactly the next byte ends a connection. */
static enum stream_answer take_reset(struct arrival *a, const struct packet *p)
{
	const struct stream_half *me = half_of(a);
	bool answers_syn = !me->known && (p->tcp_flags & TCP_ACK);
	if (!answers_syn && (!me->known || p->seq != me->next))
		return STREAM_OUTSIDE;
	a->s->reset = true;
	for (unsigned i = 0; i < STREAM_SIDES; i++) {
		a->side = i;
		end_side(a);
	}
	return STREAM_FINE;
}

static bool outside(const struct stream *s, unsigned side, uint32_t seq, uint32_t len)
{
	const struct stream_half *h = &s->half[side];
	int32_t ahead = after(seq, h->next);
	if (ahead >= FAR || ahead <= -FAR)
		return true;
	/* The left edge: such bytes the receiver has; they may still be compared. */
	return ahead > 0 && h->has_right && !s->alone && len && after(seq, h->right) > 0;
}

static void take_fin(struct arrival *a, uint32_t at)
{
	struct stream_half *h = half_of(a);
	if (h->has_fin || after(at, h->next) < 0)
		return;
	h->has_fin = true;
	h->fin = at;
	drain(a);
}

/* A segment that is neither SYN nor RST, or the data of a SYN. */
static enum stream_answer see_data(struct arrival *a, const struct packet *p)
{
	struct stream_half *h = half_of(a);
	enum stream_answer r = STREAM_FINE;
	uint32_t end = a->seq + a->len + (p->tcp_flags & TCP_FIN ? 1 : 0);
	if (outside(a->s, a->side, a->seq, a->len))
		return STREAM_OUTSIDE;
	if (after(end, h->sent) > 0)
		h->sent = end;
	if (!(p->tcp_flags & TCP_SYN)) {
		if (is_too_old(h, p) || !acknowledges(a->s, a->side, p))
			return STREAM_OUTSIDE;
		h->past_syn = true;
		take_ack(a, p);
	}
	learn_window(a->s, a->side, p);
	if (h->closed)
		return a->len && after(a->seq + a->len, h->next) > 0 ? STREAM_OUTSIDE
		                                                     : STREAM_AGAIN;
	if (a->len)
		r = take(a);
	if ((p->tcp_flags & TCP_FIN) && (r == STREAM_FINE || r == STREAM_AGAIN))
		take_fin(a, p->seq + p->payload_len + (p->tcp_flags & TCP_SYN ? 1 : 0));
	return r;
}

enum stream_answer stream_see(struct stream *s, const struct stream_limits *l, unsigned side,
                              const struct packet *p, const struct stream_sink *sink, void *arg)
{
	struct arrival a = { s, l, sink, arg, side, p->seq, p->payload_len, p->data + p->payload };
	if (p->tcp_flags & TCP_SYN) {
		take_syn(s, side, p);
		a.seq++;
		if (!syn_may_carry(&s->half[side], p))
			return STREAM_OUTSIDE;
	} else if (p->tcp_flags & TCP_RST) {
		return take_reset(&a, p);
	} else if (!pick_up(s, l, side, p)) {
		return STREAM_OUTSIDE;
	}
	return see_data(&a, p);
}

void stream_end(struct stream *s, const struct stream_limits *l, const struct stream_sink *sink,
                void *arg)
{
	for (unsigned side = 0; side < STREAM_SIDES; side++) {
		struct arrival a = { s, l, sink, arg, side, 0, 0, NULL };
		struct stream_half *h = &s->half[side];
		while (h->held && !h->closed) {
			give_up_hole(&a, h->held->seq);
			drain(&a);
		}
		end_side(&a);
	}
}
