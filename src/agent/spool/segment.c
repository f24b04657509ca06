#include "agent/spool/segment.h"

#include <errno.h>
#include <string.h>

#include "base/wire.h"

static const char magic[8] = { 'Y', 'G', 'S', 'P', 'O', 'O', 'L', '1' };
static const uint32_t record_magic = 0x43524759; /* "YGRC" */

/* RFC 3720 B.4's polynomial, a nibble at a time. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	static const uint32_t table[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		                            0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		                            0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		                            0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75 };
	const uint8_t *b = p;
	crc = ~crc;
	for (size_t i = 0; i < n; i++) {
		crc ^= b[i];
		crc = (crc >> 4) ^ table[crc & 15];
		crc = (crc >> 4) ^ table[crc & 15];
	}
	return ~crc;
}

void segment_head(uint8_t out[static SEGMENT_HEAD], unsigned severity)
{
	struct wr w = wr_init(out, SEGMENT_HEAD);
	memcpy(out, magic, sizeof(magic));
	w.at += sizeof(magic);
	wr_u32(&w, severity);
	wr_u32(&w, crc32c(0, out, SEGMENT_HEAD - 4));
}

int segment_head_read(const uint8_t *p, size_t n)
{
	if (n < SEGMENT_HEAD || memcmp(p, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	struct rd r = rd_init(p + sizeof(magic), SEGMENT_HEAD - sizeof(magic));
	uint32_t severity = rd_u32(&r);
	uint32_t sum = rd_u32(&r);
	return sum == crc32c(0, p, SEGMENT_HEAD - 4) && severity <= 2 ? (int)severity : -EBADMSG;
}

void record_write(struct buf *b, uint64_t seq, struct str unique, struct str body)
{
	size_t payload = 8 + unique.n + body.n;
	uint8_t *p = (uint8_t *)buf_room(b, RECORD_HEAD + payload);
	if (!p)
		return;
	struct wr w = wr_init(p, RECORD_HEAD + payload);
	wr_u32(&w, record_magic);
	wr_u32(&w, (uint32_t)payload);
	wr_u64(&w, seq);
	w.at += 4;
	wr_str(&w, unique);
	wr_str(&w, body);
	uint32_t sum = crc32c(crc32c(0, p, RECORD_HEAD - 4), p + RECORD_HEAD, payload);
	struct wr s = wr_init(p + RECORD_HEAD - 4, 4);
	wr_u32(&s, sum);
	b->n += RECORD_HEAD + payload;
}

void segment_reader_init(struct segment_reader *r, const uint8_t *p, size_t n)
{
	*r = (struct segment_reader){ .p = p, .n = n };
	if (segment_head_read(p, n) >= 0)
		r->at = SEGMENT_HEAD; /* a damaged head does not make the records worthless */
}

static bool read_at(const struct segment_reader *r, size_t at, struct record *out)
{
	struct rd head = rd_init(r->p + at, r->n - at);
	uint32_t mark = rd_u32(&head), payload = rd_u32(&head);
	uint64_t seq = rd_u64(&head);
	uint32_t sum = rd_u32(&head);
	if (head.bad || mark != record_magic || payload > RECORD_MAX + 256 ||
	    payload > r->n - at - RECORD_HEAD)
		return false;
	const uint8_t *p = r->p + at;
	if (crc32c(crc32c(0, p, RECORD_HEAD - 4), p + RECORD_HEAD, payload) != sum)
		return false;
	struct rd body = rd_init(p + RECORD_HEAD, payload);
	struct record rec = { .seq = seq, .at = at, .len = RECORD_HEAD + payload };
	rec.unique = rd_str(&body, 256);
	rec.body = rd_str(&body, RECORD_MAX);
	if (rd_end(&body) < 0)
		return false;
	rec.body_at = at + rec.len - rec.body.n;
	*out = rec;
	return true;
}

bool segment_next(struct segment_reader *r, struct record *out)
{
	while (r->at < r->n) {
		if (read_at(r, r->at, out)) {
			r->at += out->len;
			return true;
		}
		r->at++;
		r->damaged++;
	}
	return false;
}
