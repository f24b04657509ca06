#pragma once
#include "base/buf.h"
#include "engine/app/app.h"

/* Lines of text protocols, out of bytes that were cut anywhere. {0} is valid. */

struct lines {
	struct buf held; /* the line under way */
	bool cut;        /* it is longer than the limit: the rest of it is dropped */
};

enum { LINE_LONG = 4096 };

/*
 * Takes bytes up to a line's end; returns how many were used. *line is set when a line is whole:
 * without CR LF, valid until the next call, NULL otherwise. *cut: it was longer.
 */
size_t lines_take(struct app *a, enum app_side side, struct lines *l, const uint8_t *p, size_t n,
                  struct app_bytes *line);
/* What is left of a line without an end; false: nothing. */
bool lines_rest(struct lines *l, struct app_bytes *line);
void lines_done(struct app *a, struct lines *l);
