#define _XOPEN_SOURCE 700 /* strptime */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "module/integritymonitoring/survey/packages.h"
#include "module/integritymonitoring/survey/rpm.h"

enum { MD5_BYTES = 16, SHA256_BYTES = 32 };

/* ---- dpkg ---- */

static struct str word(struct str *rest)
{
	struct str w = str_cut(rest, ' ');
	return w;
}

/* "2026-11-29 11:40:01" in the host's time zone; -1: it is none. */
static int64_t time_of(struct str date, struct str clock)
{
	char text[32];
	struct tm tm = { .tm_isdst = -1 };
	if (date.n != 10 || clock.n != 8)
		return -1;
	memcpy(text, date.p, 10);
	text[10] = ' ';
	memcpy(text + 11, clock.p, 8);
	text[19] = '\0';
	const char *end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
	time_t t = end && !*end ? mktime(&tm) : -1;
	return t < 0 ? -1 : (int64_t)t * 1000;
}

static struct str version(struct str v)
{
	return str_is(v, "<none>") ? (struct str){ 0 } : v;
}

void parse_dpkg_log(struct str log, int64_t since_ms,
                    bool (*each)(void *arg, const struct package_deed *d), void *arg)
{
	static const char *const deeds[] = { "install", "upgrade", "remove", "purge", "disappear" };
	while (log.p) {
		struct str line = str_cut(&log, '\n');
		struct str date = word(&line), clock = word(&line), deed = word(&line);
		bool known = false;
		for (size_t i = 0; i < ARRAY_LEN(deeds); i++)
			known |= str_is(deed, deeds[i]);
		if (!known)
			continue;
		struct package_deed d = { .when_ms = time_of(date, clock) };
		d.package = word(&line);
		d.was = version(word(&line));
		d.is = version(word(&line));
		if (d.when_ms >= since_ms && d.when_ms >= 0 && d.package.n && !each(arg, &d))
			return;
	}
}

void parse_dpkg_list(struct str list, bool (*each)(void *arg, const struct package_file *f),
                     void *arg)
{
	while (list.p) {
		const struct package_file f = { .path = str_cut(&list, '\n') };
		if (str_starts(f.path, STR("/")) && !str_is(f.path, "/.") && !each(arg, &f))
			return;
	}
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool from_hex(struct str hex, uint8_t *out, size_t n)
{
	if (hex.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = nibble(hex.p[2 * i]), low = nibble(hex.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void parse_md5sums(struct str sums, bool (*each)(void *arg, const struct package_file *f),
                   void *arg)
{
	while (sums.p) {
		AUTO(buf_done) struct buf path = { 0 };
		uint8_t md5[MD5_BYTES];
		struct str line = str_cut(&sums, '\n'), hex = word(&line);
		/* "HEX  usr/bin/x" */
		if (str_starts(line, STR(" ")))
			line = str_skip(line, 1);
		if (!line.n || !from_hex(hex, md5, sizeof(md5)))
			continue;
		if (line.p[0] != '/')
			buf_char(&path, '/');
		buf_str(&path, line);
		const struct package_file f = { .path = buf_view(&path), .md5 = md5 };
		if (!each(arg, &f))
			return;
	}
}

void parse_conffiles(struct str paragraph, bool (*each)(void *arg, const struct package_file *f),
                     void *arg)
{
	bool within = false;
	while (paragraph.p) {
		struct str line = str_cut(&paragraph, '\n');
		uint8_t md5[MD5_BYTES];
		if (!str_starts(line, STR(" "))) {
			within = str_starts(line, STR("Conffiles:"));
			continue;
		}
		line = str_skip(line, 1);
		struct package_file f = { .path = word(&line) };
		if (!within || !str_starts(f.path, STR("/")) ||
		    !from_hex(word(&line), md5, sizeof(md5)))
			continue;
		f.md5 = md5;
		if (!each(arg, &f))
			return;
	}
}

/* ---- rpm ---- */

static bool digest_of(struct str hex, uint64_t algorithm, uint8_t *bytes, struct package_file *f)
{
	if (algorithm == RPM_ALGO_SHA256 && from_hex(hex, bytes, SHA256_BYTES))
		f->sha256 = bytes;
	else if (algorithm == RPM_ALGO_MD5 && from_hex(hex, bytes, MD5_BYTES))
		f->md5 = bytes;
	return f->sha256 || f->md5;
}

struct folders {
	struct str *list; /* owned */
	uint32_t n;
};

static void folders_done(struct folders *f)
{
	free(f->list);
}

static int folders_read(const struct rpm *h, struct folders *out)
{
	struct rpm_texts t = rpm_texts(h, RPM_DIRNAMES);
	if (t.left > t.rest.n) /* each has at least its end */
		return -EBADMSG;
	out->list = xcalloc(t.left ? t.left : 1, sizeof(*out->list));
	while (rpm_texts_next(&t, &out->list[out->n]))
		out->n++;
	return t.left ? -EBADMSG : 0;
}

static int each_file(const struct rpm *h, bool (*each)(void *arg, const struct package_file *f),
                     void *arg)
{
	AUTO(folders_done) struct folders folders = { 0 };
	struct rpm_texts names = rpm_texts(h, RPM_BASENAMES),
			 digests = rpm_texts(h, RPM_FILEDIGESTS);
	struct str indexes = { 0 }, name, hex;
	uint32_t type = 0, count = 0;
	uint64_t algorithm = RPM_ALGO_MD5;
	rpm_number(h, RPM_FILEDIGESTALGO, &algorithm);
	if (!names.left)
		return 0; /* a package without files */
	if (!rpm_find(h, RPM_DIRINDEXES, &type, &count, &indexes) || type != RPM_INT32 ||
	    count != names.left || indexes.n / 4 < count || folders_read(h, &folders) < 0)
		return -EBADMSG;
	for (uint32_t i = 0; rpm_texts_next(&names, &name); i++) {
		AUTO(buf_done) struct buf path = { 0 };
		uint8_t bytes[SHA256_BYTES];
		uint32_t folder = rpm_be32(indexes.p + (size_t)i * 4);
		struct package_file f = { 0 };
		if (folder >= folders.n)
			return -EBADMSG;
		if (rpm_texts_next(&digests, &hex))
			digest_of(hex, algorithm, bytes, &f);
		buf_str(&path, folders.list[folder]);
		buf_str(&path, name);
		f.path = buf_view(&path);
		if (!each(arg, &f))
			return 0;
	}
	return names.left ? -EBADMSG : 0;
}

int parse_rpm_files(struct str blob, struct package_deed *d, struct buf *name,
                    bool (*each)(void *arg, const struct package_file *f), void *arg)
{
	struct rpm h;
	uint64_t when = 0;
	if (rpm_open(&h, blob) < 0)
		return -EBADMSG;
	struct str package = rpm_text(&h, RPM_NAME);
	if (!package.n || !rpm_number(&h, RPM_INSTALLTIME, &when) || when > INT64_MAX / 1000)
		return -EBADMSG;
	buf_str(name, package);
	buf_fmt(name, ".%.*s", STR_ARG(rpm_text(&h, RPM_ARCH)));
	*d = (struct package_deed){ .when_ms = (int64_t)when * 1000, .package = buf_view(name) };
	return each ? each_file(&h, each, arg) : 0;
}
