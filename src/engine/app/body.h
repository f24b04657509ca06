#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "engine/app/app.h"

/* A body or file: decoded, and the window of it that can be looked at. */

enum coding { CODING_NONE, CODING_GZIP, CODING_DEFLATE, CODING_BROTLI };

enum { BODY_LAYERS = 4 };

struct inflater;

struct body {
	struct buf held;          /* the window */
	uint64_t offset;          /* bytes that were before the window */
	uint64_t total;           /* bytes of the body so far, decoded */
	bool any, whole, stopped; /* stopped: beyond a limit, or what follows cannot be decoded */
	unsigned nlayers;
	struct inflater *layers[BODY_LAYERS]; /* owned; [0] takes what came */
	uint64_t inflated;
};

/* codings: the outermost first, as they are to be taken off. */
void body_begin(struct app_tx *tx, enum app_side side, struct body *b, const enum coding *codings,
                unsigned n);
/* Tells the sink of each step (STAGE_BODY). */
void body_data(struct app_tx *tx, enum app_side side, struct body *b, const uint8_t *data,
               size_t len);
void body_gap(struct app_tx *tx, enum app_side side, struct body *b, uint64_t len);
void body_end(struct app_tx *tx, enum app_side side, struct body *b);
void body_clear(struct app *a, struct body *b); /* memory of a window is kept */
void body_done(struct app *a, struct body *b);
bool body_bytes(const struct body *b, struct app_bytes *out); /* false: there is none */
