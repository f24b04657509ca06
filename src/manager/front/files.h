#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"

/* The console's files, all in memory: the process that serves them can open none. */
struct site_file {
	struct buf plain, gz; /* gz empty: there is no compressed form */
	const char *type;
	char etag[24];  /* quoted */
	bool immutable; /* its name changes with its content */
	char path[];    /* "/assets/index-1a2b3c.js" */
};

struct site {
	struct map files; /* path -> struct site_file */
	size_t bytes;
};

int site_load(struct site *s, const char *dir, struct err *why);
void site_done(struct site *s);
/*
 * The file at a path; for a path that names no file, "/index.html": the console's own routes. NULL
 * when there is neither, or when what is missing is plainly a file ("/assets/...", a known ending).
 */
const struct site_file *site_find(const struct site *s, struct str path);
/* Does Accept-Encoding allow gzip? */
bool accepts_gzip(struct str header);
