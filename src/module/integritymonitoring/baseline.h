#pragma once
#include "module/integritymonitoring/integritymonitoring.h"

/*
 * A baseline's bytes: blocks, each the length of its content (u32), its kind (u8), the content, and
 * SHA-256 over the chain so far, kind, length and content. The last block's chain is the root: who
 * knows it can tell whether anything in the file is not what was written. A file that does not end
 * with an IM_BLOCK_END is no baseline. Within a block of entities, a key is written as what it does
 * not share with the one before it; they are in im_order(), over the whole file.
 */

enum { IM_CHAIN = 32, IM_BLOCK_HEAD = 5, IM_BLOCK_MAX = 1 << 20, IM_HEADER_MAX = 64 << 20 };
enum im_block { IM_BLOCK_HEADER = 'H', IM_BLOCK_ENTITIES = 'E', IM_BLOCK_END = 'Z' };

struct im_chain {
	uint8_t hash[IM_CHAIN];
};

/* The chain of an empty file: names format and version. */
void im_chain_init(struct im_chain *c);
/* Appends a whole block and moves the chain on. 0 or -ENOMEM. */
int im_block_make(struct buf *out, enum im_block kind, struct str content, struct im_chain *c);
/* The length of the block that these IM_BLOCK_HEAD bytes begin, with its chain; -EBADMSG. */
int64_t im_block_length(const uint8_t head[static IM_BLOCK_HEAD]);
/* A whole block: its kind (content borrowed), or -EBADMSG when it is not the chain's next. */
int im_block_open(struct str block, struct im_chain *c, struct str *content);

/* ---- entities of a block ---- */

struct im_packer {
	struct buf block; /* the content so far */
	struct buf last;  /* the key before */
	uint64_t n;
};

void im_packer_done(struct im_packer *p);
/* Adds an entity; the caller ends the block when p->block.n is enough for it. */
int im_pack(struct im_packer *p, const struct im_entity *e);
void im_packer_next(struct im_packer *p); /* a new block */

struct im_unpacker {
	struct str rest;
	struct buf key; /* the entity's, until the next one */
};

void im_unpacker_done(struct im_unpacker *u);
void im_unpack_block(struct im_unpacker *u, struct str content); /* borrowed while it is read */
/* 1: an entity (borrowed until the next), 0: the end of the block, or -EBADMSG. */
int im_unpack(struct im_unpacker *u, struct im_entity *out);

/* ---- the last block ---- */

struct im_totals {
	uint64_t entities, files, directories, bytes; /* bytes: of what the files hold */
};

void im_totals_count(struct im_totals *t, const struct im_entity *e);
int im_totals_make(struct buf *out, const struct im_totals *t, struct im_chain *c);
int im_totals_open(struct str content, struct im_totals *out);
