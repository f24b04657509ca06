#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Values to bytes and back (little endian), for messages between our own processes and files of our
 * own. Both ends are sticky: after the first overrun every later call does nothing (a reader yields
 * zeros), and the end says so once.
 */
struct wr {
	uint8_t *at, *end;
	uint8_t *start;
	bool bad;
};

struct rd {
	const uint8_t *at, *end;
	bool bad;
};

static inline struct wr wr_init(void *p, size_t n)
{
	return (struct wr){ .at = p, .end = (uint8_t *)p + n, .start = p };
}

static inline struct rd rd_init(const void *p, size_t n)
{
	return (struct rd){ .at = p, .end = (const uint8_t *)p + n };
}

void wr_u8(struct wr *w, uint8_t v);
void wr_u32(struct wr *w, uint32_t v);
void wr_u64(struct wr *w, uint64_t v);
void wr_str(struct wr *w, struct str s); /* u32 length, bytes */
size_t wr_len(const struct wr *w);
int wr_end(const struct wr *w); /* 0, or -EMSGSIZE */

uint8_t rd_u8(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
struct str rd_str(struct rd *r, size_t max); /* borrowed from the input */
int rd_end(const struct rd *r);              /* 0, or -EBADMSG: short, long or over a limit */
