#pragma once
#include "module/plaintext.h"

/*
 * The one place where plaintext is judged: the rows of module/plaintext.c, in their order. A policy
 * is taken by all of them or by none.
 */
struct readers {
	struct reader {
		struct instance *instance; /* owned */
		struct rules *rules;       /* owned; NULL: none */
	} rows[PLAINTEXT_ROWS_MAX];
	size_t n;
};

/* One connection, as the rows have it. */
struct reading {
	void *of[PLAINTEXT_ROWS_MAX]; /* NULL: this row does not look */
};

int readers_init(struct readers *r, struct host *host);
void readers_done(struct readers *r);
/* policy: the whole document, NULL: none. -EINVAL: the last one stays in force. */
int readers_apply(struct readers *r, const json_t *policy, struct err *why);
/* Does anybody look into TLS? */
bool readers_on(const struct readers *r);
void readers_open(struct readers *r, const struct plaintext_ends *ends, struct reading *out);
enum plaintext_answer readers_data(struct readers *r, struct reading *at, enum app_side from,
                                   const uint8_t *data, size_t len, uint64_t missed);
void readers_close(struct readers *r, struct reading *at);
void readers_tick(struct readers *r, uint64_t now_ms);
void readers_place(struct readers *r, int64_t utc_offset_s);
void readers_flush(struct readers *r);
