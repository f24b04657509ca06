#include "module/integritymonitoring/survey/packages.h"

#include <errno.h>
#include <fcntl.h>
#include <gcrypt.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/map.h"
#include "module/integritymonitoring/survey/owned.h"
#include "module/integritymonitoring/survey/sources.h"

enum {
	LOG_MAX = 64 << 20,
	STATUS_MAX = 256 << 20,
	LIST_MAX = 64 << 20,
	APART_MS = 10 * 60 * 1000, /* what is further apart is another transaction */
	TEXT_MAX = 2000,
	CHUNK = 65536
};

/* A package that was installed, upgraded or removed in the time that is looked at. */
struct package {
	struct str name, was, is; /* "libc6:amd64" */
	bool removed;
	struct transaction *of; /* borrowed */
};

struct transaction {
	struct im_group group;
	const char *tool;
	size_t npackages;
};

/* What the records say of a path. */
struct owned {
	const struct package *package;
	const uint8_t *md5, *sha256; /* NULL: no such record */
};

struct packages {
	struct arena arena;
	char *root; /* owned: "" is the host's */
	int64_t since_ms;
	struct map by_name; /* struct package */
	struct map by_path; /* struct owned, by canonical path */
	struct transaction **list;
	size_t nlist, cap;
	struct transaction *last; /* of the tool that is read now */
	struct package *now;      /* whose files are read */
	size_t files;
	const struct package_paths *paths; /* borrowed */
};

/* ---- paths ---- */

struct str path_canonical(struct str path)
{
	static const char *const merged[] = {
		"bin/", "sbin/", "lib/", "lib32/", "lib64/", "libx32/"
	};
	if (!str_starts(path, STR("/usr/")))
		return path;
	for (size_t i = 0; i < ARRAY_LEN(merged); i++)
		if (str_starts(str_skip(path, 5), str_of(merged[i])))
			return str_skip(path, 4);
	return path;
}

bool path_inside(const char *root, struct str path, struct str *out)
{
	struct str top = str_of(root);
	if (!str_starts(path, top) || path.n == top.n || path.p[top.n] != '/')
		return false;
	*out = path_canonical(str_skip(path, top.n));
	return true;
}

static const struct owned *owner(const struct packages *p, struct str path)
{
	return map_get(&p->by_path, path_canonical(path));
}

char *root_dup(const char *root)
{
	struct str r = str_of(root);
	while (r.n && r.p[r.n - 1] == '/')
		r.n--;
	return str_dup(r);
}

/* ---- transactions ---- */

static struct transaction *transaction_at(struct packages *p, const char *tool, int64_t when_ms)
{
	struct transaction *t = p->last;
	if (t && t->tool == tool && when_ms - t->group.to_ms <= APART_MS) {
		if (when_ms > t->group.to_ms)
			t->group.to_ms = when_ms;
		return t;
	}
	if (p->nlist == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 8;
		struct transaction **more =
			arena_array(&p->arena, cap, sizeof(struct transaction *));
		for (size_t i = 0; i < p->nlist; i++)
			more[i] = p->list[i];
		p->list = more;
		p->cap = cap;
	}
	t = arena_alloc(&p->arena, sizeof(*t));
	im_group_init(&t->group, "package");
	t->tool = tool;
	t->group.from_ms = t->group.to_ms = when_ms;
	p->list[p->nlist++] = t;
	p->last = t;
	return t;
}

static struct str kept(struct packages *p, struct str s)
{
	return (struct str){ arena_str(&p->arena, s), s.n };
}

/* Takes what was done to a package: what came last is what counts. */
static struct package *take(struct packages *p, const char *tool, const struct package_deed *d)
{
	struct package *k = map_get(&p->by_name, d->package);
	if (!k) {
		if (p->by_name.n == PACKAGES_MAX)
			return NULL;
		k = arena_alloc(&p->arena, sizeof(*k));
		k->name = kept(p, d->package);
		map_set(&p->by_name, k->name, k);
	}
	if (d->was.n)
		k->was = kept(p, d->was);
	k->is = kept(p, d->is);
	k->removed = d->is.n == 0 && d->was.n != 0;
	k->of = transaction_at(p, tool, d->when_ms);
	return k;
}

static bool take_logged(void *arg, const struct package_deed *d)
{
	struct packages *p = arg;
	return take(p, "dpkg", d) != NULL;
}

static int by_name(const void *a, const void *b)
{
	return str_cmp((*(struct package *const *)a)->name, (*(struct package *const *)b)->name);
}

static void describe_package(const struct package *k)
{
	struct transaction *t = k->of;
	struct buf *text = &t->group.text;
	t->npackages++;
	if (text->n > TEXT_MAX)
		return;
	buf_fmt(text, "%s%.*s", t->npackages > 1 ? ", " : "", STR_ARG(k->name));
	if (k->was.n && k->is.n)
		buf_fmt(text, " %.*s -> %.*s", STR_ARG(k->was), STR_ARG(k->is));
	else if (k->is.n)
		buf_fmt(text, " %.*s", STR_ARG(k->is));
	else
		buf_z(text, " removed");
}

static void describe_transaction(struct transaction *t)
{
	struct im_group *g = &t->group;
	AUTO(buf_done) struct buf names = g->text;
	g->text = (struct buf){ 0 };
	buf_fmt(&g->text, "%s: %zu packages: ", t->tool, t->npackages);
	buf_str(&g->text, buf_view(&names));
	if (names.n > TEXT_MAX)
		buf_z(&g->text, ", ...");
	buf_fmt(&g->id, "%s-%lld", t->tool, (long long)g->from_ms);
}

/* What is known of the packages, for people, by name. */
static void describe(struct packages *p)
{
	AUTO(freep) struct package **all = xcalloc(p->by_name.n + 1, sizeof(struct package *));
	size_t at = 0, n = 0;
	struct map_item item;
	while (map_next(&p->by_name, &at, &item))
		all[n++] = item.value;
	if (n)
		qsort(all, n, sizeof(struct package *), by_name);
	for (size_t i = 0; i < n; i++)
		describe_package(all[i]);
	for (size_t i = 0; i < p->nlist; i++)
		describe_transaction(p->list[i]);
}

/* ---- files of packages ---- */

static const uint8_t *bytes(struct packages *p, const uint8_t *from, size_t n)
{
	if (!from)
		return NULL;
	uint8_t *to = arena_alloc(&p->arena, n);
	memcpy(to, from, n);
	return to;
}

static bool take_file(void *arg, const struct package_file *f)
{
	struct packages *p = arg;
	struct str path = path_canonical(f->path);
	struct owned *o = map_get(&p->by_path, path);
	if (p->files == PACKAGE_FILES_MAX)
		return false;
	if (!o) {
		p->files++;
		o = arena_alloc(&p->arena, sizeof(*o));
		map_set(&p->by_path, kept(p, path), o);
	}
	o->package = p->now;
	if (f->md5)
		o->md5 = bytes(p, f->md5, 16);
	if (f->sha256)
		o->sha256 = bytes(p, f->sha256, 32);
	return true;
}

static int read_below(const struct packages *p, const char *path, size_t max, struct buf *out)
{
	AUTO(buf_done) struct buf whole = { 0 };
	buf_fmt(&whole, "%s%s", p->root, path);
	return file_read(AT_FDCWD, whole.p, max, out);
}

/* PKG.KIND or, of one that may be there for several architectures, PKG:ARCH.KIND. */
static int read_info(const struct packages *p, struct str name, const char *kind, struct buf *out)
{
	struct str rest = name, plain = str_cut(&rest, ':');
	AUTO(buf_done) struct buf path = { 0 };
	buf_fmt(&path, "/var/lib/dpkg/info/%.*s.%s", STR_ARG(name), kind);
	int rc = read_below(p, path.p, LIST_MAX, out);
	if (rc != -ENOENT)
		return rc;
	buf_clear(&path);
	buf_fmt(&path, "/var/lib/dpkg/info/%.*s.%s", STR_ARG(plain), kind);
	return read_below(p, path.p, LIST_MAX, out);
}

static void read_files(struct packages *p, struct package *k)
{
	AUTO(buf_done) struct buf list = { 0 }, sums = { 0 };
	/* A name is a part of a path. */
	if (memchr(k->name.p, '/', k->name.n))
		return;
	p->now = k;
	if (read_info(p, k->name, "list", &list) == 0)
		parse_dpkg_list(buf_view(&list), take_file, p);
	if (read_info(p, k->name, "md5sums", &sums) == 0)
		parse_md5sums(buf_view(&sums), take_file, p);
}

/* Settings of packages: their sums are in the status. */
static void read_settings(struct packages *p)
{
	AUTO(buf_done) struct buf status = { 0 };
	if (read_below(p, "/var/lib/dpkg/status", STATUS_MAX, &status) < 0)
		return;
	for (struct str rest = buf_view(&status); rest.n;) {
		struct str paragraph = dpkg_paragraph(&rest);
		AUTO(buf_done) struct buf name = { 0 };
		buf_fmt(&name, "%.*s:%.*s", STR_ARG(dpkg_field(paragraph, STR("Package"))),
		        STR_ARG(dpkg_field(paragraph, STR("Architecture"))));
		p->now = map_get(&p->by_name, buf_view(&name));
		if (p->now)
			parse_conffiles(paragraph, take_file, p);
	}
}

static void read_dpkg(struct packages *p)
{
	/* The older one first. */
	static const char *const logs[] = { "/var/log/dpkg.log.1", "/var/log/dpkg.log" };
	size_t at = 0;
	struct map_item item;
	for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
		AUTO(buf_done) struct buf log = { 0 };
		if (read_below(p, logs[i], LOG_MAX, &log) == 0)
			parse_dpkg_log(buf_view(&log), p->since_ms, take_logged, p);
	}
	while (map_next(&p->by_name, &at, &item))
		read_files(p, item.value);
	if (p->by_name.n)
		read_settings(p);
}

static void take_rpm(void *arg, struct str blob)
{
	struct packages *p = arg;
	AUTO(buf_done) struct buf name = { 0 };
	struct package_deed d;
	if (parse_rpm_files(blob, &d, &name, NULL, NULL) < 0 || d.when_ms < p->since_ms)
		return;
	d.is = STR("installed");
	p->now = take(p, "rpm", &d);
	buf_clear(&name);
	if (p->now)
		parse_rpm_files(blob, &d, &name, take_file, p);
}

void rpm_each(const char *root, void (*each)(void *arg, struct str blob), void *arg)
{
	static const char *const paths[] = { "/var/lib/rpm/rpmdb.sqlite",
		                             "/usr/lib/sysimage/rpm/rpmdb.sqlite" };
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		AUTO(buf_done) struct buf path = { 0 };
		sqlite3 *db = NULL;
		sqlite3_stmt *st = NULL;
		buf_fmt(&path, "%s%s", root, paths[i]);
		if (access(path.p, F_OK) < 0 || rpm_database(path.p, &db) < 0)
			continue;
		if (sqlite3_prepare_v2(db, "select blob from Packages", -1, &st, NULL) == SQLITE_OK)
			while (sqlite3_step(st) == SQLITE_ROW)
				each(arg, (struct str){ sqlite3_column_blob(st, 0),
				                        (size_t)sqlite3_column_bytes(st, 0) });
		sqlite3_finalize(st);
		sqlite3_close(db);
		return;
	}
}

struct packages *packages_new(const char *root, int64_t since_ms, const struct package_paths *paths)
{
	struct packages *p = xcalloc(1, sizeof(*p));
	p->root = root_dup(root);
	p->since_ms = since_ms;
	p->paths = paths;
	read_dpkg(p);
	p->last = NULL;
	rpm_each(p->root, take_rpm, p);
	describe(p);
	return p;
}

int64_t packages_since(const json_t *header)
{
	return json_int(header, "made", INT64_MAX) - APART_MS;
}

void packages_free(struct packages *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->nlist; i++)
		im_group_done(&p->list[i]->group);
	map_done(&p->by_name);
	map_done(&p->by_path);
	arena_done(&p->arena);
	free(p->root);
	free(p);
}

const struct im_group *packages_group(const struct packages *p, size_t i)
{
	for (size_t at = 0; at < p->nlist; at++)
		if (p->list[at]->group.count && i-- == 0)
			return &p->list[at]->group;
	return NULL;
}

/* ---- is it a part of one? ---- */

static int hash_file(int fd, gcry_md_hd_t md)
{
	char chunk[CHUNK];
	for (off_t at = 0;;) {
		ssize_t n = pread(fd, chunk, sizeof(chunk), at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		gcry_md_write(md, chunk, (size_t)n);
		at += n;
	}
}

static int hash_path(const char *path, const struct im_file *f, uint8_t md5[static 16],
                     uint8_t sha256[static 32])
{
	AUTO(closep)
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	gcry_md_hd_t md = NULL;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_ino != f->ino ||
	    (uint64_t)st.st_size != f->size)
		return -ESTALE;
	if (gcry_md_open(&md, GCRY_MD_MD5, 0) || gcry_md_enable(md, GCRY_MD_SHA256)) {
		gcry_md_close(md);
		return -ENOMEM;
	}
	int rc = hash_file(fd, md);
	if (rc == 0) {
		memcpy(md5, gcry_md_read(md, GCRY_MD_MD5), 16);
		memcpy(sha256, gcry_md_read(md, GCRY_MD_SHA256), 32);
	}
	gcry_md_close(md);
	return rc;
}

/* The bytes that the survey saw are those that the package recorded. */
static bool is_recorded(const struct im_entity *e, const struct owned *o)
{
	uint8_t md5[16], sha256[32];
	AUTO(freep) char *path = str_dup(e->key);
	if ((!o->md5 && !o->sha256) || hash_path(path, &e->file, md5, sha256) < 0)
		return false;
	/* What is read now is what was seen. */
	if ((e->has & IM_BIT(IMP_SHA256)) && memcmp(sha256, e->file.sha256, sizeof(sha256)) != 0)
		return false;
	return o->sha256 ? memcmp(sha256, o->sha256, sizeof(sha256)) == 0
	                 : memcmp(md5, o->md5, sizeof(md5)) == 0;
}

/* A link of a package that leads to something of one. */
static bool leads_inside(const struct packages *p, struct str path, struct str target)
{
	AUTO(buf_done) struct buf whole = { 0 };
	if (!str_starts(target, STR("/"))) {
		struct str folder = path;
		while (folder.n && folder.p[folder.n - 1] != '/')
			folder.n--;
		buf_str(&whole, folder);
	}
	buf_str(&whole, target);
	return !memmem(whole.p, whole.n, "/../", 4) && owner(p, buf_view(&whole)) != NULL;
}

/* Attributes that no package records. */
static const uint32_t never = IM_BIT(IMP_PERMISSIONS) | IM_BIT(IMP_OWNER) | IM_BIT(IMP_GROUP) |
                              IM_BIT(IMP_ACL) | IM_BIT(IMP_XATTRS) | IM_BIT(IMP_FLAGS) |
                              IM_BIT(IMP_TYPE);

static bool is_special(const struct im_entity *e)
{
	static const uint8_t none[IM_DIGEST];
	return (e->file.mode & (S_ISUID | S_ISGID)) != 0 ||
	       (!S_ISLNK(e->file.mode) && (e->file.mode & S_IWOTH)) ||
	       memcmp(e->file.xattrs, none, sizeof(none)) != 0;
}

static const struct package *any_of(const struct packages *p, const struct transaction *t)
{
	size_t at = 0;
	struct map_item item;
	while (map_next(&p->by_name, &at, &item))
		if (((const struct package *)item.value)->of == t)
			return item.value;
	return NULL;
}

/* dpkg's own records of the package: "/var/lib/dpkg/info/NAME.postinst", and of all. */
static const struct package *record_of(const struct packages *p, struct str path)
{
	static const char *const all[] = {
		"/var/lib/dpkg",
		"/var/lib/dpkg/info",
		"/var/lib/dpkg/updates",
		"/var/lib/dpkg/status",
		"/var/lib/dpkg/status-old",
		"/var/lib/dpkg/lock",
		"/var/lib/dpkg/lock-frontend",
		"/var/lib/dpkg/triggers/Lock",
		"/var/log/dpkg.log",
	};
	static const char info[] = "/var/lib/dpkg/info/";
	const struct transaction *last = p->nlist ? p->list[p->nlist - 1] : NULL;
	size_t at = 0;
	struct map_item item;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (str_is(path, all[i]))
			return any_of(p, last);
	if (!str_starts(path, str_of(info)))
		return NULL;
	struct str name = str_skip(path, sizeof(info) - 1);
	while (name.n && name.p[name.n - 1] != '.')
		name.n--;
	name.n -= name.n > 0;
	while (map_next(&p->by_name, &at, &item)) {
		struct str rest = item.key, plain = str_cut(&rest, ':');
		if (str_eq(name, item.key) || str_eq(name, plain))
			return item.value;
	}
	return NULL;
}

/* A package listed it when the baseline was made, and none does now. */
static const struct package *went_with(const struct packages *p, const struct im_file *was,
                                       struct str path)
{
	if (!was->owned || !p->paths || package_paths_has(p->paths, path) || !p->nlist)
		return NULL;
	return any_of(p, p->list[p->nlist - 1]);
}

static const struct package *explain_path(const struct packages *p, const struct im_change *c)
{
	const struct im_entity *e = c->is;
	struct str path;
	if (c->kind == IM_DELETED && path_inside(p->root, c->was->key, &path))
		return went_with(p, &c->was->file, path);
	if (!e || c->kind == IM_DELETED || c->kind == IM_RENAMED ||
	    !path_inside(p->root, e->key, &path))
		return NULL;
	if (is_special(e) || (c->kind == IM_UPDATED && (c->changed & never)))
		return NULL;
	const struct owned *o = map_get(&p->by_path, path);
	if (!o)
		return !S_ISLNK(e->file.mode) ? record_of(p, path) : NULL;
	bool good = S_ISREG(e->file.mode)   ? is_recorded(e, o)
	            : S_ISLNK(e->file.mode) ? leads_inside(p, path, e->file.target)
	                                    : S_ISDIR(e->file.mode);
	return good ? o->package : NULL;
}

/* A package itself: "libc6" or "libc6:amd64" of dpkg, "bash.x86_64" of rpm. */
static const struct package *explain_package(const struct packages *p, struct str key)
{
	size_t at = 0;
	struct map_item item;
	while (map_next(&p->by_name, &at, &item)) {
		struct str rest = item.key, plain = str_cut(&rest, ':');
		if (str_eq(key, item.key) || str_eq(key, plain))
			return item.value;
	}
	return NULL;
}

bool packages_explain(struct packages *p, const struct im_change *c)
{
	const struct im_entity *e = c->is ? c->is : c->was;
	const struct package *k = NULL;
	if (!p->by_name.n)
		return false;
	if (e->class == IM_FILE || e->class == IM_DIRECTORY)
		k = explain_path(p, c);
	else if (e->class == IM_SOFTWARE)
		k = explain_package(p, e->key);
	if (k)
		im_group_add(&k->of->group, c);
	return k != NULL;
}
