#include "module/integritymonitoring/survey/rpm.h"

#include <errno.h>

#include "base/buf.h"

enum { ENTRY = 16, INDEX_MAX = 65536, DATA_MAX = 256 << 20 };

uint32_t rpm_be32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

int rpm_open(struct rpm *h, struct str blob)
{
	if (blob.n < 8)
		return -EBADMSG;
	uint32_t entries = rpm_be32(blob.p), data = rpm_be32(blob.p + 4);
	if (entries > INDEX_MAX || data > DATA_MAX || blob.n - 8 < (size_t)entries * ENTRY + data)
		return -EBADMSG;
	h->index = (struct str){ blob.p + 8, (size_t)entries * ENTRY };
	h->data = (struct str){ blob.p + 8 + (size_t)entries * ENTRY, data };
	return 0;
}

bool rpm_find(const struct rpm *h, uint32_t tag, uint32_t *type, uint32_t *count, struct str *out)
{
	for (size_t i = 0; i + ENTRY <= h->index.n; i += ENTRY) {
		const char *e = h->index.p + i;
		uint32_t offset = rpm_be32(e + 8);
		if (rpm_be32(e) != tag || offset >= h->data.n)
			continue;
		*type = rpm_be32(e + 4);
		*count = rpm_be32(e + 12);
		*out = str_skip(h->data, offset);
		return true;
	}
	return false;
}

struct str rpm_text(const struct rpm *h, uint32_t tag)
{
	uint32_t type = 0, count = 0;
	struct str s = { 0 };
	if (!rpm_find(h, tag, &type, &count, &s) || (type != RPM_STRING && type != RPM_I18N))
		return (struct str){ 0 };
	s.n = strnlen(s.p, s.n);
	return s;
}

bool rpm_number(const struct rpm *h, uint32_t tag, uint64_t *out)
{
	uint32_t type = 0, count = 0;
	struct str s = { 0 };
	if (!rpm_find(h, tag, &type, &count, &s))
		return false;
	if (type == RPM_INT32 && s.n >= 4)
		*out = rpm_be32(s.p);
	else if (type == RPM_INT64 && s.n >= 8)
		*out = (uint64_t)rpm_be32(s.p) << 32 | rpm_be32(s.p + 4);
	else
		return false;
	return true;
}

void rpm_version(const struct rpm *h, struct buf *out)
{
	uint64_t epoch = 0;
	if (rpm_number(h, RPM_EPOCH, &epoch) && epoch)
		buf_fmt(out, "%llu:", (unsigned long long)epoch);
	buf_str(out, rpm_text(h, RPM_VERSION));
	buf_char(out, '-');
	buf_str(out, rpm_text(h, RPM_RELEASE));
}

struct rpm_texts rpm_texts(const struct rpm *h, uint32_t tag)
{
	uint32_t type = 0, count = 0;
	struct str s = { 0 };
	if (!rpm_find(h, tag, &type, &count, &s) || type != RPM_STRINGS)
		return (struct rpm_texts){ 0 };
	return (struct rpm_texts){ s, count };
}

bool rpm_texts_next(struct rpm_texts *t, struct str *out)
{
	size_t n = t->left && t->rest.n ? strnlen(t->rest.p, t->rest.n) : 0;
	/* The last one may not be cut off. */
	if (!t->left || n == t->rest.n)
		return false;
	*out = (struct str){ t->rest.p, n };
	t->rest = str_skip(t->rest, n + 1);
	t->left--;
	return true;
}
