#pragma once
#include "base/buf.h"
#include "base/str.h"

/* A ZIP archive in memory, its members stored as they are (APPNOTE.TXT 4.3, method 0). */
struct zip {
	struct buf out, directory;
	unsigned n;
};

void zip_add(struct zip *z, const char *name, struct str content);
void zip_end(struct zip *z); /* z->out is the file */
void zip_done(struct zip *z);
