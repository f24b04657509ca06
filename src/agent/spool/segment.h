#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/*
 * The bytes of a segment file: a head, then records. A record says its own length and checksum
 * (CRC32C), so that a reader finds the next whole one behind whatever a crash left.
 */
enum { SEGMENT_HEAD = 16, RECORD_HEAD = 20, RECORD_MAX = 1 << 20 /* bytes of an event */ };

struct record {
	uint64_t seq;
	struct str unique, body; /* borrowed */
	size_t at, len;          /* the whole record in the file */
	size_t body_at;          /* of the body in the file */
};

void segment_head(uint8_t out[static SEGMENT_HEAD], unsigned severity);
/* The severity that the head names, or -EBADMSG. */
int segment_head_read(const uint8_t *p, size_t n);

/* Adds one record to b. */
void record_write(struct buf *b, uint64_t seq, struct str unique, struct str body);

struct segment_reader {
	const uint8_t *p;
	size_t n, at;
	size_t damaged; /* bytes that belong to no record */
};

/* p holds the whole file, head included. */
void segment_reader_init(struct segment_reader *r, const uint8_t *p, size_t n);
bool segment_next(struct segment_reader *r, struct record *out);

uint32_t crc32c(uint32_t crc, const void *p, size_t n);
