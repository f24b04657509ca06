#pragma once
#include "base/str.h"
#include "engine/app/body.h"
#include "engine/app/inspect.h"

/*
 * The parts of a mail (RFC 2045 to 2049), line by line. Each part that is no multipart is a
 * transaction with file.name and, decoded, file.data.
 */

enum { MIME_DEPTH = 8, BOUNDARY_MAX = 70, FILE_NAME_LONG = 256, MIME_FIELD = 1024 };

enum mime_coding { MIME_PLAIN, MIME_BASE64, MIME_QUOTED };

/* A part, or a command of the connection that carries mails. */
struct mime_part {
	struct app_tx tx;
	struct body body;
	struct buf name; /* the file's, or the command's line */
	bool command;
};

struct mime {
	struct app *app;
	struct mime_part *part; /* borrowed: under way; NULL: none, or no room */
	bool headers;           /* of the mail or a part */
	bool multi;             /* its contents are parts */
	enum mime_coding coding;
	struct buf field; /* a header with its folded lines */
	char name[FILE_NAME_LONG];
	struct {
		char text[BOUNDARY_MAX + 1];
		size_t n;
	} boundaries[MIME_DEPTH];
	unsigned depth;
	uint32_t bits; /* base64 under way */
	unsigned nbits;
	bool ended, odd; /* base64: behind its padding; something else was among it */
};

void mime_begin(struct mime *m, struct app *a);
/* A line without its end; whole: the end was there, first: the line begins with it. */
void mime_line(struct mime *m, struct str line, bool first, bool whole);
void mime_end(struct mime *m);
void mime_done(struct mime *m);
struct mime_part *mime_part_new(struct app *a); /* listed; NULL: no memory */
void mime_part_free(struct mime_part *p);
