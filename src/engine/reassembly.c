#include "engine/reassembly.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"

enum {
	BUCKETS = 1024,
	BLOCK = 252,
	PIECES_MAX = 256,
	WHOLE_MAX = 65535,
	HEADER_MAX = 60,
	NOTHING = -1,
};

struct block {
	int32_t next;
	uint8_t data[BLOCK];
};

struct piece {
	uint16_t offset, len;
	int32_t block;
};

struct key {
	struct ip src, dst;
	uint8_t proto, zero; /* no byte of it is padding: it is compared whole */
	uint32_t id;
};

/* One datagram under way. */
struct queue {
	struct key key;
	int32_t next; /* in its bucket or in the free list */
	bool used;
	bool dead; /* an overlap or worse was seen: nothing of it passes any more */
	uint64_t due_ms;
	uint32_t have;  /* bytes */
	uint32_t total; /* 0: the last fragment did not come yet */
	uint8_t header[HEADER_MAX];
	uint8_t header_len; /* 0: the first fragment did not come yet */
	uint16_t npieces;
	struct piece pieces[PIECES_MAX]; /* by offset */
};

struct reassembly {
	struct reassembly_limits limits;
	uint64_t hash_key[2];
	int32_t buckets[BUCKETS];
	struct queue *queues; /* owned */
	struct block *blocks; /* owned */
	int32_t nqueues, nblocks, free_queue, free_block;
	uint32_t count;
	uint8_t whole[HEADER_MAX + WHOLE_MAX];
};

struct reassembly *reassembly_new(const struct reassembly_limits *limits, size_t bytes,
                                  const uint64_t key[static 2])
{
	struct reassembly *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->limits = limits ? *limits : reassembly_limits_default;
	r->nqueues = (int32_t)(r->limits.keep_max ? r->limits.keep_max : 1);
	r->nblocks = (int32_t)(bytes / sizeof(struct block)) + 1;
	r->queues = calloc((size_t)r->nqueues, sizeof(*r->queues));
	r->blocks = calloc((size_t)r->nblocks, sizeof(*r->blocks));
	if (!r->queues || !r->blocks) {
		reassembly_free(r);
		return NULL;
	}
	memcpy(r->hash_key, key, sizeof(r->hash_key));
	for (int i = 0; i < BUCKETS; i++)
		r->buckets[i] = NOTHING;
	for (int32_t i = 0; i < r->nqueues; i++)
		r->queues[i].next = i + 1 < r->nqueues ? i + 1 : NOTHING;
	for (int32_t i = 0; i < r->nblocks; i++)
		r->blocks[i].next = i + 1 < r->nblocks ? i + 1 : NOTHING;
	return r;
}

void reassembly_free(struct reassembly *r)
{
	if (!r)
		return;
	free(r->queues);
	free(r->blocks);
	free(r);
}

void reassembly_set_limits(struct reassembly *r, const struct reassembly_limits *limits)
{
	r->limits = *limits;
}

uint32_t reassembly_count(const struct reassembly *r)
{
	return r->count;
}

/* ---- blocks ---- */

static void give_back(struct reassembly *r, int32_t block)
{
	while (block != NOTHING) {
		int32_t next = r->blocks[block].next;
		r->blocks[block].next = r->free_block;
		r->free_block = block;
		block = next;
	}
}

static int32_t keep(struct reassembly *r, const uint8_t *p, size_t n)
{
	int32_t first = NOTHING, *link = &first;
	while (n) {
		size_t some = n < BLOCK ? n : BLOCK;
		int32_t b = r->free_block;
		if (b == NOTHING) {
			*link = NOTHING;
			give_back(r, first);
			return NOTHING;
		}
		r->free_block = r->blocks[b].next;
		memcpy(r->blocks[b].data, p, some);
		*link = b;
		link = &r->blocks[b].next;
		*link = NOTHING;
		p += some;
		n -= some;
	}
	return first;
}

static void put(const struct reassembly *r, const struct piece *piece, uint8_t *to)
{
	size_t n = piece->len;
	for (int32_t b = piece->block; b != NOTHING && n; b = r->blocks[b].next) {
		size_t some = n < BLOCK ? n : BLOCK;
		memcpy(to, r->blocks[b].data, some);
		to += some;
		n -= some;
	}
}

/* ---- queues ---- */

static void key_of(const struct packet *p, struct key *out)
{
	memset(out, 0, sizeof(*out));
	out->src = p->src;
	out->dst = p->dst;
	/* IPv6: the first fragment may know more of the protocol than the others. */
	out->proto = p->src.version == 4 ? p->proto : 0;
	out->id = p->fragment_id;
}

static unsigned bucket_of(const struct reassembly *r, const struct key *k)
{
	return (unsigned)siphash(r->hash_key, k, sizeof(*k)) % BUCKETS;
}

static void forget_pieces(struct reassembly *r, struct queue *q)
{
	for (int i = 0; i < q->npieces; i++)
		give_back(r, q->pieces[i].block);
	q->npieces = 0;
}

static void drop(struct reassembly *r, struct queue *q)
{
	int32_t i = (int32_t)(q - r->queues), *link = &r->buckets[bucket_of(r, &q->key)];
	forget_pieces(r, q);
	while (*link != i)
		link = &r->queues[*link].next;
	*link = q->next;
	q->used = false;
	q->next = r->free_queue;
	r->free_queue = i;
	r->count--;
}

uint32_t reassembly_clean(struct reassembly *r, uint64_t now_ms)
{
	uint32_t n = 0;
	for (int32_t i = 0; i < r->nqueues; i++) {
		if (r->queues[i].used && r->queues[i].due_ms <= now_ms) {
			drop(r, &r->queues[i]);
			n++;
		}
	}
	return n;
}

static struct queue *find(struct reassembly *r, const struct key *k, uint64_t now_ms)
{
	for (int32_t i = r->buckets[bucket_of(r, k)]; i != NOTHING; i = r->queues[i].next) {
		struct queue *q = &r->queues[i];
		if (memcmp(&q->key, k, sizeof(*k)) != 0)
			continue;
		if (q->due_ms > now_ms)
			return q;
		drop(r, q);
		return NULL;
	}
	return NULL;
}

static struct queue *begin(struct reassembly *r, const struct key *k, uint64_t now_ms)
{
	if (r->free_queue == NOTHING || r->count >= r->limits.keep_max)
		reassembly_clean(r, now_ms);
	int32_t i = r->free_queue;
	if (i == NOTHING || r->count >= r->limits.keep_max)
		return NULL;
	struct queue *q = &r->queues[i];
	unsigned bucket = bucket_of(r, k);
	r->free_queue = q->next;
	*q = (struct queue){ .key = *k,
		             .next = r->buckets[bucket],
		             .used = true,
		             .due_ms = now_ms + (uint64_t)r->limits.timeout_s * 1000 };
	r->buckets[bucket] = i;
	r->count++;
	return q;
}

/* ---- fragments ---- */

static enum reason check(const struct reassembly *r, const struct packet *p)
{
	const struct reassembly_limits *l = &r->limits;
	if (p->src.version == 6)
		return l->ipv6_min_mtu && p->more && p->ip_len < 1280 ? REASON_IPV6_FRAGMENT_SMALL
		                                                      : REASON_NONE;
	if (p->more && p->fragment_offset == 0 && p->ip_len < l->size_min)
		return REASON_FIRST_FRAGMENT_SMALL;
	if (p->fragment_offset && p->fragment_offset < l->offset_min)
		return REASON_FRAGMENT_OFFSET_SMALL;
	return REASON_NONE;
}

/* Where the piece belongs; NOTHING: it overlaps, or is there already (*again). */
static int place(const struct queue *q, uint32_t from, uint32_t to, bool *again)
{
	int at = 0;
	*again = false;
	while (at < q->npieces && q->pieces[at].offset < from)
		at++;
	if (at < q->npieces && q->pieces[at].offset == from &&
	    (uint32_t)q->pieces[at].offset + q->pieces[at].len == to)
		*again = true;
	bool left = at > 0 && (uint32_t)q->pieces[at - 1].offset + q->pieces[at - 1].len > from;
	bool right = at < q->npieces && q->pieces[at].offset < to;
	return left || right ? NOTHING : at;
}

static void keep_header(struct queue *q, const struct packet *p)
{
	const uint8_t *h = p->data + p->network;
	if (p->fragment_offset)
		return;
	if (p->src.version == 4) {
		q->header_len = (uint8_t)((h[0] & 15) * 4);
		memcpy(q->header, h, q->header_len);
		return;
	}
	/* What stood before the fragment header has done its work. */
	q->header_len = 40;
	memcpy(q->header, h, 40);
	q->header[6] = p->data[p->fragment_data - 8];
}

static enum reason add(struct reassembly *r, struct queue *q, const struct packet *p)
{
	uint32_t from = p->fragment_offset, to = from + p->fragment_len;
	bool again = false;
	int at = place(q, from, to, &again);
	if (again)
		return REASON_NONE;
	if (at == NOTHING)
		return REASON_OVERLAP;
	if (!p->more && q->total && q->total != to)
		return REASON_OVERLAP;
	if (!p->more)
		q->total = to;
	if (q->total && to > q->total)
		return REASON_FRAGMENT_BOUNDS;
	if (q->npieces == PIECES_MAX)
		return REASON_MEMORY;
	int32_t block = keep(r, p->data + p->fragment_data, p->fragment_len);
	if (block == NOTHING)
		return REASON_MEMORY;
	memmove(&q->pieces[at + 1], &q->pieces[at],
	        (size_t)(q->npieces - at) * sizeof(q->pieces[0]));
	q->pieces[at] = (struct piece){ (uint16_t)from, (uint16_t)p->fragment_len, block };
	q->npieces++;
	q->have += p->fragment_len;
	keep_header(q, p);
	return REASON_NONE;
}

/* A last fragment that lies before bytes that came already. */
static bool beyond(const struct queue *q)
{
	if (!q->npieces || !q->total)
		return false;
	const struct piece *last = &q->pieces[q->npieces - 1];
	return (uint32_t)last->offset + last->len > q->total;
}

/* RFC 791, 3.1: the header's checksum, since its length and offset are other ones now. */
static void sum_header(uint8_t *h, size_t n)
{
	uint32_t total = 0;
	h[10] = h[11] = 0;
	for (size_t i = 0; i < n; i += 2)
		total += (uint32_t)(h[i] << 8 | h[i + 1]);
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	h[10] = (uint8_t)(~total >> 8);
	h[11] = (uint8_t)~total;
}

static size_t put_together(struct reassembly *r, const struct queue *q)
{
	uint8_t *h = r->whole;
	bool v4 = q->key.src.version == 4;
	size_t n = v4 ? q->header_len + q->total : q->total;
	memcpy(h, q->header, q->header_len);
	for (int i = 0; i < q->npieces; i++)
		put(r, &q->pieces[i], h + q->header_len + q->pieces[i].offset);
	h[v4 ? 2 : 4] = (uint8_t)(n >> 8);
	h[v4 ? 3 : 5] = (uint8_t)n;
	if (v4) {
		h[6] = h[7] = 0;
		sum_header(h, q->header_len);
	}
	return q->header_len + q->total;
}

enum reassembly_state reassembly_see(struct reassembly *r, const struct packet *p, uint64_t now_ms,
                                     const uint8_t **out, size_t *out_len, enum reason *why)
{
	struct key k;
	key_of(p, &k);
	struct queue *q = find(r, &k, now_ms);
	*why = check(r, p);
	if (*why == REASON_NONE && !q && !(q = begin(r, &k, now_ms)))
		*why = REASON_MEMORY;
	if (*why == REASON_NONE && q->dead)
		*why = REASON_OVERLAP;
	if (*why == REASON_NONE)
		*why = add(r, q, p);
	if (*why == REASON_NONE &&
	    (beyond(q) || (k.src.version == 4 && q->total + q->header_len > WHOLE_MAX)))
		*why = REASON_FRAGMENT_BOUNDS;
	if (*why != REASON_NONE) {
		if (q) {
			forget_pieces(r, q);
			q->dead = true;
		}
		return REASSEMBLY_REFUSED;
	}
	if (!q->header_len || !q->total || q->have != q->total)
		return REASSEMBLY_HELD;
	*out_len = put_together(r, q);
	*out = r->whole;
	drop(r, q);
	return REASSEMBLY_WHOLE;
}
