#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* A package's header as rpm keeps it in its database: an index of tags and their data (rpm's
 * documentation, "Header structure"). Borrowed from the bytes it was opened on. */
struct rpm {
	struct str index, data;
};

enum { RPM_INT16 = 3, RPM_INT32 = 4, RPM_INT64 = 5, RPM_STRING = 6, RPM_STRINGS = 8, RPM_I18N = 9 };

/* rpm's tags (rpmtag.h). */
enum {
	RPM_NAME = 1000,
	RPM_VERSION = 1001,
	RPM_RELEASE = 1002,
	RPM_EPOCH = 1003,
	RPM_INSTALLTIME = 1008,
	RPM_SIZE = 1009,
	RPM_VENDOR = 1011,
	RPM_ARCH = 1022,
	RPM_FILEDIGESTS = 1035,
	RPM_SOURCERPM = 1044,
	RPM_DIRINDEXES = 1116,
	RPM_BASENAMES = 1117,
	RPM_DIRNAMES = 1118,
	RPM_LONGSIZE = 5009,
	RPM_FILEDIGESTALGO = 5011
};

enum { RPM_ALGO_MD5 = 1, RPM_ALGO_SHA256 = 8 };

int rpm_open(struct rpm *h, struct str blob); /* 0 or -EBADMSG */
/* The tag's type, how many values, and the bytes from its first one to the end; false: none. */
bool rpm_find(const struct rpm *h, uint32_t tag, uint32_t *type, uint32_t *count, struct str *out);
struct str rpm_text(const struct rpm *h, uint32_t tag);
bool rpm_number(const struct rpm *h, uint32_t tag, uint64_t *out);
/* "1:2.0-3.el9" */
struct buf;
void rpm_version(const struct rpm *h, struct buf *out);

/* The values of a list of texts, one after the other. {0} when there is none. */
struct rpm_texts {
	struct str rest;
	uint32_t left;
};

struct rpm_texts rpm_texts(const struct rpm *h, uint32_t tag);
bool rpm_texts_next(struct rpm_texts *t, struct str *out);
uint32_t rpm_be32(const char *p);
