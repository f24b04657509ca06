#pragma once
#include "module/loginspection/section.h"

/*
 * From the bytes of a log file to the lines that rules look at: where one ends, what it says in
 * UTF-8, and which lines are one event. Pure.
 */

enum li_encoding { LI_UTF8, LI_UTF16LE, LI_UTF16BE };

/* By the first bytes of a file: a byte order mark, or Latin text in 16 bits. */
enum li_encoding li_encoding_of(struct str head);

struct li_lines {
	enum li_format format;
	enum li_encoding encoding;
};

enum { LI_LINES_MAX = 1000 }; /* of one event */

/*
 * The next event of bytes that begin where the last one ended: how many of them it takes, 0 when it
 * is not complete. last: nothing came for a while, so that lines that are there may be all. text:
 * what the engine is to read; empty where there is nothing to read (an empty line, a comment).
 */
size_t li_lines_next(const struct li_lines *l, struct str bytes, bool last, struct buf *text);
/* The bytes up to and with the next newline, 0: there is none. */
size_t li_line_end(enum li_encoding e, struct str bytes);
/* Bytes of one line, or of the beginning of one, as UTF-8 (added to text). */
void li_line_text(enum li_encoding e, struct str bytes, struct buf *text);
