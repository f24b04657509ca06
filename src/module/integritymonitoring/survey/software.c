#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "module/integritymonitoring/survey/sources.h"

enum { STATUS_MAX = 256 << 20, RPM_INDEX_MAX = 65536, RPM_DATA_MAX = 256 << 20 };

/* ---- dpkg ---- */

/* The first line of a field: "Version: 1.2". */
static struct str field_of(struct str paragraph, struct str name)
{
	while (paragraph.p) {
		struct str line = str_cut(&paragraph, '\n');
		if (line.n > name.n && line.p[name.n] == ':' &&
		    str_eq_nocase((struct str){ line.p, name.n }, name))
			return str_trim(str_skip(line, name.n + 1));
	}
	return (struct str){ 0 };
}

static struct str next_paragraph(struct str *rest)
{
	const char *end = rest->n ? memmem(rest->p, rest->n, "\n\n", 2) : NULL;
	struct str p = { rest->p, end ? (size_t)(end - rest->p) : rest->n };
	*rest = end ? str_skip(*rest, p.n + 2) : (struct str){ 0 };
	return p;
}

void parse_dpkg(struct gathered *g, struct str status)
{
	static const struct {
		const char *attribute, *field;
	} fields[] = {
		{ "Name", "Package" },
		{ "Version", "Version" },
		{ "Manufacturer", "Maintainer" },
		{ "Size", "Installed-Size" },
		{ "Architecture", "Architecture" },
		{ "Parent", "Source" },
		{ "State", "Status" },
	};
	while (status.n) {
		AUTO(buf_done) struct buf key = { 0 };
		struct str p = next_paragraph(&status);
		struct str name = field_of(p, STR("Package"));
		if (!name.n)
			continue;
		/* As dpkg -l shows it. */
		buf_str(&key, name);
		if (str_is(field_of(p, STR("Multi-Arch")), "same")) {
			buf_char(&key, ':');
			buf_str(&key, field_of(p, STR("Architecture")));
		}
		struct im_entity *e = gathered_add(g, IM_SOFTWARE, buf_view(&key));
		for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
			struct str v = field_of(p, str_of(fields[i].field));
			if (v.n)
				gathered_set(g, e, fields[i].attribute, v);
		}
	}
}

/* ---- rpm ---- */

static uint32_t be32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

struct rpm {
	struct str index, data;
};

enum { RPM_ENTRY = 16, RPM_INT32 = 4, RPM_INT64 = 5, RPM_STRING = 6, RPM_I18N = 9 };

static bool rpm_find(const struct rpm *h, uint32_t tag, uint32_t *type, struct str *out)
{
	for (size_t i = 0; i + RPM_ENTRY <= h->index.n; i += RPM_ENTRY) {
		const char *e = h->index.p + i;
		uint32_t offset = be32(e + 8);
		if (be32(e) != tag || offset >= h->data.n)
			continue;
		*type = be32(e + 4);
		*out = str_skip(h->data, offset);
		return true;
	}
	return false;
}

static struct str rpm_text(const struct rpm *h, uint32_t tag)
{
	uint32_t type = 0;
	struct str s = { 0 };
	if (!rpm_find(h, tag, &type, &s) || (type != RPM_STRING && type != RPM_I18N))
		return (struct str){ 0 };
	s.n = strnlen(s.p, s.n);
	return s;
}

static bool rpm_number(const struct rpm *h, uint32_t tag, uint64_t *out)
{
	uint32_t type = 0;
	struct str s = { 0 };
	if (!rpm_find(h, tag, &type, &s))
		return false;
	if (type == RPM_INT32 && s.n >= 4)
		*out = be32(s.p);
	else if (type == RPM_INT64 && s.n >= 8)
		*out = (uint64_t)be32(s.p) << 32 | be32(s.p + 4);
	else
		return false;
	return true;
}

/* rpm's tags (rpmtag.h). */
enum {
	TAG_NAME = 1000,
	TAG_VERSION = 1001,
	TAG_RELEASE = 1002,
	TAG_EPOCH = 1003,
	TAG_INSTALLTIME = 1008,
	TAG_SIZE = 1009,
	TAG_VENDOR = 1011,
	TAG_ARCH = 1022,
	TAG_SOURCERPM = 1044,
	TAG_LONGSIZE = 5009
};

static void set_number(struct gathered *g, struct im_entity *e, const char *attribute,
                       const struct rpm *h, uint32_t tag)
{
	char text[24];
	uint64_t v = 0;
	if (!rpm_number(h, tag, &v))
		return;
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	gathered_set(g, e, attribute, (struct str){ text, (size_t)n });
}

int parse_rpm_header(struct gathered *g, struct str blob)
{
	AUTO(buf_done) struct buf key = { 0 }, version = { 0 };
	if (blob.n < 8)
		return -EBADMSG;
	uint32_t entries = be32(blob.p), data = be32(blob.p + 4);
	if (entries > RPM_INDEX_MAX || data > RPM_DATA_MAX ||
	    blob.n - 8 < (size_t)entries * RPM_ENTRY + data)
		return -EBADMSG;
	struct rpm h = { { blob.p + 8, (size_t)entries * RPM_ENTRY },
		         { blob.p + 8 + (size_t)entries * RPM_ENTRY, data } };
	struct str name = rpm_text(&h, TAG_NAME), arch = rpm_text(&h, TAG_ARCH);
	uint64_t epoch = 0;
	if (!name.n)
		return -EBADMSG;
	buf_str(&key, name);
	if (arch.n)
		buf_fmt(&key, ".%.*s", STR_ARG(arch));
	if (rpm_number(&h, TAG_EPOCH, &epoch) && epoch)
		buf_fmt(&version, "%llu:", (unsigned long long)epoch);
	buf_str(&version, rpm_text(&h, TAG_VERSION));
	buf_char(&version, '-');
	buf_str(&version, rpm_text(&h, TAG_RELEASE));
	struct im_entity *e = gathered_add(g, IM_SOFTWARE, buf_view(&key));
	gathered_set(g, e, "Name", name);
	gathered_set(g, e, "Version", buf_view(&version));
	gathered_set(g, e, "Architecture", arch);
	gathered_set(g, e, "Manufacturer", rpm_text(&h, TAG_VENDOR));
	gathered_set(g, e, "Parent", rpm_text(&h, TAG_SOURCERPM));
	set_number(g, e, "InstalledDate", &h, TAG_INSTALLTIME);
	set_number(g, e, "Size", &h, TAG_SIZE);
	if (!(e->has & im_attributes_named(IM_SOFTWARE, STR("Size"), 0)))
		set_number(g, e, "Size", &h, TAG_LONGSIZE);
	return 0;
}

static int open_database(const char *path, sqlite3 **out)
{
	/* Where the write-ahead log cannot be shared read-only, what is in the file has to do. */
	static const char *const how[] = { "", "&immutable=1" };
	for (size_t i = 0; i < ARRAY_LEN(how); i++) {
		char uri[256];
		snprintf(uri, sizeof(uri), "file:%s?mode=ro%s", path, how[i]);
		if (sqlite3_open_v2(uri, out, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) ==
		            SQLITE_OK &&
		    sqlite3_exec(*out, "select count(*) from Packages", NULL, NULL, NULL) ==
		            SQLITE_OK)
			return 0;
		sqlite3_close(*out);
		*out = NULL;
	}
	return -EIO;
}

static int read_rpm(struct gathered *g, const char *path)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	int rc = open_database(path, &db);
	if (rc < 0)
		return rc;
	if (sqlite3_prepare_v2(db, "select blob from Packages", -1, &st, NULL) != SQLITE_OK)
		rc = -EIO;
	while (rc == 0) {
		int step = sqlite3_step(st);
		if (step == SQLITE_DONE)
			break;
		struct str blob = { sqlite3_column_blob(st, 0),
			            (size_t)sqlite3_column_bytes(st, 0) };
		rc = step != SQLITE_ROW ? -EIO : parse_rpm_header(g, blob);
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	return rc;
}

/* A host may have both. A database of rpm in a form that is not read here is told as unreadable. */
int gather_software(struct gathered *g)
{
	static const char *const rpm[] = { "/var/lib/rpm/rpmdb.sqlite",
		                           "/usr/lib/sysimage/rpm/rpmdb.sqlite" };
	static const char *const others[] = { "/var/lib/rpm/Packages", "/var/lib/rpm/Packages.db",
		                              "/usr/lib/sysimage/rpm/Packages.db" };
	AUTO(buf_done) struct buf status = { 0 };
	int rc = file_read(AT_FDCWD, "/var/lib/dpkg/status", STATUS_MAX, &status);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (rc == 0)
		parse_dpkg(g, buf_view(&status));
	for (size_t i = 0; i < ARRAY_LEN(rpm); i++)
		if (access(rpm[i], F_OK) == 0)
			return read_rpm(g, rpm[i]);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (access(others[i], F_OK) == 0)
			return -ENOTSUP;
	return 0;
}
