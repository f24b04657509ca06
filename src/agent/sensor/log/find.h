#pragma once
#include <sys/stat.h>

/*
 * In the guard: files that a path with wildcards means, opened without reading a byte of them. A
 * link is followed only when it is root's, so that whoever may write beside a log cannot point us
 * at a file that they may not read. Below each wildcard names that begin with a dot are left out.
 */
struct log_found {
	const char *path; /* borrowed */
	int fd;           /* borrowed: read only, a regular file */
	const struct stat *st;
};

/* each() < 0 ends the search. 0, or what each() returned. */
int log_find(const char *pattern, int (*each)(void *arg, const struct log_found *f), void *arg);
/* Rotated copies of a log: files beside it whose names are made from its name. */
int log_find_rotated(const char *path, int (*each)(void *arg, const struct log_found *f),
                     void *arg);
