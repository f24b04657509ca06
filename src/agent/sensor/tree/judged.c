#include "agent/sensor/tree/judged.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/wire.h"

enum {
	CAP_MIN = 1 << 10,
	WAYS = 8,
	ROW_SIZE = 16,
	HEAD_SIZE = 8 + JUDGED_BOOT + 16 + 4,
	TAIL_SIZE = 8
};

static const char magic[8] = { 'y', 'g', 'j', 'u', 'd', 'g', 'e', '1' };

/* who 0: free. */
struct judged_row {
	uint64_t who, what;
};

void judged_init(struct judged *j, size_t max)
{
	*j = (struct judged){ .max = max };
	rand_bytes(j->key, sizeof(j->key));
}

void judged_done(struct judged *j)
{
	free(j->rows);
	*j = (struct judged){ 0 };
}

void judged_forget(struct judged *j)
{
	j->changed = j->changed || j->n;
	free(j->rows);
	j->rows = NULL;
	j->cap = j->n = 0;
}

static struct judged_row row_of(const struct judged *j, const struct judged_key *k)
{
	const uint64_t file[3] = { k->dev, k->mount, k->ino };
	const uint64_t other[2] = { j->key[0], ~j->key[1] };
	return (struct judged_row){ siphash(j->key, file, sizeof(file)) | 1,
		                    siphash(other, k, sizeof(*k)) };
}

static struct judged_row *way(const struct judged *j, uint64_t who, size_t i)
{
	return &j->rows[((who >> 1) + i) & (j->cap - 1)];
}

bool judged_has(const struct judged *j, const struct judged_key *k)
{
	struct judged_row r = row_of(j, k);
	for (size_t i = 0; j->cap && i < WAYS; i++) {
		const struct judged_row *at = way(j, r.who, i);
		if (at->who == r.who && at->what == r.what)
			return true;
	}
	return false;
}

/* The row of this file, else a free one, else NULL. */
static struct judged_row *room_for(const struct judged *j, uint64_t who)
{
	struct judged_row *room = NULL;
	for (size_t i = 0; i < WAYS; i++) {
		struct judged_row *at = way(j, who, i);
		if (at->who == who)
			return at;
		if (!at->who && !room)
			room = at;
	}
	return room;
}

static bool place(struct judged *j, const struct judged_row *r)
{
	struct judged_row *at = room_for(j, r->who);
	if (!at)
		return false;
	j->n += !at->who;
	*at = *r;
	return true;
}

static bool grow(struct judged *j)
{
	size_t cap = j->cap ? j->cap * 2 : CAP_MIN < j->max ? CAP_MIN : j->max;
	struct judged_row *rows = cap > j->max ? NULL : calloc(cap, sizeof(*rows));
	if (!rows)
		return false;
	struct judged_row *old = j->rows;
	size_t n = j->cap;
	j->rows = rows;
	j->cap = cap;
	j->n = 0;
	for (size_t i = 0; i < n; i++)
		if (old[i].who)
			place(j, &old[i]); /* one that finds no room is scanned again one day */
	free(old);
	return true;
}

static void put(struct judged *j, const struct judged_row *r)
{
	if (j->n * 4 >= j->cap * 3)
		grow(j);
	while (j->cap && !place(j, r))
		if (!grow(j)) {
			*way(j, r->who, r->what % WAYS) = *r;
			return;
		}
}

void judged_put(struct judged *j, const struct judged_key *k)
{
	struct judged_row r = row_of(j, k);
	put(j, &r);
	j->changed = true;
}

/* ---- as a file ---- */

/* It finds what a crash tore, not what somebody forged: the folder is the scanner's alone. */
uint64_t judged_checksum(struct str before)
{
	static const uint64_t key[2] = { 0x79616775726121ull, 0x6a756467656431ull };
	return siphash(key, before.p, before.n);
}

int judged_write(const struct judged *j, const char boot[static JUDGED_BOOT], struct buf *out)
{
	size_t size = HEAD_SIZE + j->n * ROW_SIZE + TAIL_SIZE;
	char *room = buf_room(out, size);
	if (!room)
		return -ENOMEM;
	memcpy(room, magic, sizeof(magic));
	memcpy(room + sizeof(magic), boot, JUDGED_BOOT);
	struct wr w =
		wr_init(room + sizeof(magic) + JUDGED_BOOT, size - sizeof(magic) - JUDGED_BOOT);
	wr_u64(&w, j->key[0]);
	wr_u64(&w, j->key[1]);
	wr_u32(&w, (uint32_t)j->n);
	for (size_t i = 0; i < j->cap; i++) {
		if (!j->rows[i].who)
			continue;
		wr_u64(&w, j->rows[i].who);
		wr_u64(&w, j->rows[i].what);
	}
	wr_u64(&w, judged_checksum((struct str){ room, size - TAIL_SIZE }));
	out->n += size;
	return wr_end(&w);
}

/* Is it whole? Then the reader stands at its rows. */
static int open_file(struct str file, const char *boot, struct rd *r, uint64_t key[static 2],
                     uint32_t *n)
{
	if (file.n < HEAD_SIZE + TAIL_SIZE || memcmp(file.p, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	struct rd tail = rd_init(file.p + file.n - TAIL_SIZE, TAIL_SIZE);
	if (rd_u64(&tail) != judged_checksum((struct str){ file.p, file.n - TAIL_SIZE }))
		return -EBADMSG;
	*r = rd_init(file.p + sizeof(magic) + JUDGED_BOOT,
	             file.n - sizeof(magic) - JUDGED_BOOT - TAIL_SIZE);
	key[0] = rd_u64(r);
	key[1] = rd_u64(r);
	*n = rd_u32(r);
	if ((uint64_t)*n * ROW_SIZE != file.n - HEAD_SIZE - TAIL_SIZE)
		return -EBADMSG;
	return memcmp(file.p + sizeof(magic), boot, JUDGED_BOOT) == 0 ? 0 : -ESTALE;
}

int judged_read(struct judged *j, struct str file, const char boot[static JUDGED_BOOT])
{
	AUTO(judged_done) struct judged got = { .max = j->max };
	struct rd r = { 0 };
	uint32_t n = 0;
	int rc = open_file(file, boot, &r, got.key, &n);
	if (rc < 0)
		return rc;
	if (n > j->max)
		return -E2BIG;
	for (uint32_t i = 0; i < n; i++) {
		struct judged_row row = { .who = rd_u64(&r) };
		row.what = rd_u64(&r);
		if (!(row.who & 1))
			return -EBADMSG;
		put(&got, &row);
	}
	judged_done(j);
	*j = got;
	got = (struct judged){ 0 };
	return rd_end(&r);
}
