#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "module/integritymonitoring/survey/rpm.h"
#include "module/integritymonitoring/survey/sources.h"

enum { STATUS_MAX = 256 << 20 };

/* ---- dpkg ---- */

struct str dpkg_field(struct str paragraph, struct str name)
{
	while (paragraph.p) {
		struct str line = str_cut(&paragraph, '\n');
		if (line.n > name.n && line.p[name.n] == ':' &&
		    str_eq_nocase((struct str){ line.p, name.n }, name))
			return str_trim(str_skip(line, name.n + 1));
	}
	return (struct str){ 0 };
}

struct str dpkg_paragraph(struct str *rest)
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
		struct str p = dpkg_paragraph(&status);
		struct str name = dpkg_field(p, STR("Package"));
		if (!name.n)
			continue;
		/* As dpkg -l shows it. */
		buf_str(&key, name);
		if (str_is(dpkg_field(p, STR("Multi-Arch")), "same")) {
			buf_char(&key, ':');
			buf_str(&key, dpkg_field(p, STR("Architecture")));
		}
		struct im_entity *e = gathered_add(g, IM_SOFTWARE, buf_view(&key));
		for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
			struct str v = dpkg_field(p, str_of(fields[i].field));
			if (v.n)
				gathered_set(g, e, fields[i].attribute, v);
		}
	}
}

/* ---- rpm ---- */

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
	struct rpm h;
	if (rpm_open(&h, blob) < 0)
		return -EBADMSG;
	struct str name = rpm_text(&h, RPM_NAME), arch = rpm_text(&h, RPM_ARCH);
	if (!name.n)
		return -EBADMSG;
	buf_str(&key, name);
	if (arch.n)
		buf_fmt(&key, ".%.*s", STR_ARG(arch));
	rpm_version(&h, &version);
	struct im_entity *e = gathered_add(g, IM_SOFTWARE, buf_view(&key));
	gathered_set(g, e, "Name", name);
	gathered_set(g, e, "Version", buf_view(&version));
	gathered_set(g, e, "Architecture", arch);
	gathered_set(g, e, "Manufacturer", rpm_text(&h, RPM_VENDOR));
	gathered_set(g, e, "Parent", rpm_text(&h, RPM_SOURCERPM));
	set_number(g, e, "InstalledDate", &h, RPM_INSTALLTIME);
	set_number(g, e, "Size", &h, RPM_SIZE);
	if (!(e->has & im_attributes_named(IM_SOFTWARE, STR("Size"), 0)))
		set_number(g, e, "Size", &h, RPM_LONGSIZE);
	return 0;
}

int rpm_database(const char *path, struct sqlite3 **out)
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
	int rc = rpm_database(path, &db);
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
