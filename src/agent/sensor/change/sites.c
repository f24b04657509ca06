#include "agent/sensor/change/sites.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/sensor/change/event.h"
#include "agent/sensor/mounts.h"
#include "base/auto.h"
#include "base/log.h"

enum { LAYERS_MAX = 512, SPREAD_DEPTH = 3 };

struct site_mount {
	uint64_t id;
	uint32_t major, minor;
	char *point, *root;
	char **layers; /* of an overlay: its directories; NULL: none */
	size_t nlayers;
};

/* A base that is reached by way of links. */
struct site_alias {
	char *real, *base;
};

/* ---- mounts ---- */

static void mounts_clear(struct sites *p)
{
	for (size_t i = 0; i < p->nmounts; i++) {
		struct site_mount *m = &p->mounts[i];
		for (size_t j = 0; j < m->nlayers; j++)
			free(m->layers[j]);
		free(m->layers);
		free(m->point);
		free(m->root);
	}
	free(p->mounts);
	p->mounts = NULL;
	p->nmounts = 0;
}

/* "\\054" and the like, as the kernel writes what would separate options. */
static void unescape(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char v = 0;
		size_t k = 0;
		while (s.p[i] == '\\' && k < 3 && i + 1 + k < s.n && s.p[i + 1 + k] >= '0' &&
		       s.p[i + 1 + k] <= '7')
			v = (unsigned char)(v * 8 + (s.p[i + 1 + k++] - '0'));
		if (k == 3)
			buf_char(out, (char)v);
		else
			buf_char(out, s.p[i]);
		i += k == 3 ? 3 : 0;
	}
}

/* The first of a list of layers, between which ':' stands: a backslash takes it literally. */
static char *next_layer(struct str *list)
{
	AUTO(buf_done) struct buf b = { 0 };
	size_t i = 0;
	for (; i < list->n && list->p[i] != ':'; i++) {
		i += list->p[i] == '\\' && i + 1 < list->n;
		buf_char(&b, list->p[i]);
	}
	*list = i < list->n ? str_skip(*list, i + 1) : (struct str){ 0 };
	return str_dup(buf_view(&b));
}

/* Of an overlay; those that were named from where somebody stood then cannot be found. */
static void add_layers(struct site_mount *m, struct str options)
{
	m->layers = xcalloc(LAYERS_MAX, sizeof(*m->layers));
	while (options.p) {
		AUTO(buf_done) struct buf b = { 0 };
		struct str value = str_cut(&options, ',');
		struct str key = str_cut(&value, '=');
		if (!str_starts(key, STR("lowerdir")) && !str_is(key, "upperdir"))
			continue;
		unescape(value, &b);
		struct str list = buf_view(&b);
		while (list.p && m->nlayers < LAYERS_MAX) {
			char *layer = next_layer(&list);
			if (layer[0] == '/')
				m->layers[m->nlayers++] = layer;
			else
				free(layer);
		}
	}
}

static void add_mount(void *arg, const struct mount_point *in)
{
	struct sites *p = arg;
	struct site_mount *more = reallocarray(p->mounts, p->nmounts + 1, sizeof(*more));
	if (!more)
		abort();
	p->mounts = more;
	struct site_mount *m = &p->mounts[p->nmounts++];
	*m = (struct site_mount){ .id = in->id,
		                  .major = in->major,
		                  .minor = in->minor,
		                  .point = xstrdup(in->path),
		                  .root = xstrdup(in->root) };
	if (str_is(in->type, "overlay"))
		add_layers(m, in->options);
}

void sites_mounts(struct sites *p, struct str mountinfo)
{
	mounts_clear(p);
	mounts_local(mountinfo, add_mount, p);
}

/* ---- paths ---- */

/* What is left of path below dir: false when it is elsewhere. "/" holds everything. */
static bool below(const char *dir, struct str path, struct str *rest)
{
	struct str d = str_of(dir);
	if (d.n == 1)
		d.n = 0;
	if (!str_starts(path, d) || (path.n > d.n && path.p[d.n] != '/'))
		return false;
	*rest = str_skip(path, d.n);
	return true;
}

static void join(struct buf *out, const char *dir, struct str rest)
{
	buf_clear(out);
	if (strcmp(dir, "/") != 0 || !rest.n)
		buf_z(out, dir);
	if (!(rest.n == 1 && rest.p[0] == '/'))
		buf_str(out, rest);
	if (!out->n)
		buf_char(out, '/');
}

struct spread {
	const struct sites *sites;
	void (*each)(void *arg, struct str path);
	void *arg;
};

static void spread(const struct spread *s, struct str path, int depth)
{
	AUTO(buf_done) struct buf b = { 0 };
	const struct sites *p = s->sites;
	struct str rest;
	s->each(s->arg, path);
	for (size_t i = 0; depth && i < p->nmounts; i++) {
		for (size_t j = 0; j < p->mounts[i].nlayers; j++) {
			if (!below(p->mounts[i].layers[j], path, &rest))
				continue;
			join(&b, p->mounts[i].point, rest);
			spread(s, buf_view(&b), depth - 1);
		}
	}
	for (size_t i = 0; depth && i < p->naliases; i++) {
		if (!below(p->aliases[i].real, path, &rest))
			continue;
		join(&b, p->aliases[i].base, rest);
		spread(s, buf_view(&b), 0);
	}
}

void sites_spread(const struct sites *p, uint32_t major, uint32_t minor, struct str path,
                  void (*each)(void *arg, struct str path), void *arg)
{
	AUTO(buf_done) struct buf b = { 0 };
	const struct spread s = { p, each, arg };
	struct str rest;
	for (size_t i = 0; i < p->nmounts; i++) {
		const struct site_mount *m = &p->mounts[i];
		if (m->major != major || m->minor != minor || !below(m->root, path, &rest))
			continue;
		join(&b, m->point, rest);
		spread(&s, buf_view(&b), SPREAD_DEPTH);
	}
}

/* ---- file systems ---- */

static void system_free(struct site_system *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->point);
	free(s->root);
	free(s->error);
	free(s);
}

void sites_forget(struct sites *p)
{
	struct map_item item;
	for (size_t at = 0; map_next(&p->systems, &at, &item);)
		system_free(item.value);
	map_done(&p->systems);
}

static void aliases_clear(struct sites *p)
{
	for (size_t i = 0; i < p->naliases; i++) {
		free(p->aliases[i].real);
		free(p->aliases[i].base);
	}
	free(p->aliases);
	p->aliases = NULL;
	p->naliases = 0;
}

void sites_done(struct sites *p)
{
	mounts_clear(p);
	aliases_clear(p);
	sites_forget(p);
	*p = (struct sites){ 0 };
}

/* The mount by which a file system is best seen: the one of most of it that holds the path. */
static const struct site_mount *mount_of(const struct sites *p, const struct stat *st,
                                         bool subvolumes, struct str path)
{
	const struct site_mount *best = NULL, *longest = NULL;
	struct str rest;
	for (size_t i = 0; i < p->nmounts; i++) {
		const struct site_mount *m = &p->mounts[i];
		if (m->major == major(st->st_dev) && m->minor == minor(st->st_dev) &&
		    (!best || strlen(m->root) < strlen(best->root)))
			best = m;
		if (below(m->point, path, &rest) &&
		    (!longest || strlen(m->point) >= strlen(longest->point)))
			longest = m;
	}
	/* A subvolume of btrfs has a number that no mount shows. */
	return best || !subvolumes ? best : longest;
}

struct wanted {
	struct sites *sites;
	void (*mark)(void *arg, struct site_system *s, int fd);
	void *arg;
};

static void want(const struct wanted *w, int fd, struct str path);

/* What is written to an overlay is written to its upper layer, which can be marked; false: this
 * namespace does not see its layers. */
static bool want_layers(const struct wanted *w, const struct site_mount *m)
{
	bool any = false;
	for (size_t i = 0; i < m->nlayers; i++) {
		AUTO(closep) int fd = open(m->layers[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		any = true;
		want(w, fd, str_of(m->layers[i]));
	}
	return any;
}

static void want(const struct wanted *w, int fd, struct str path)
{
	struct sites *p = w->sites;
	struct statfs fs;
	struct stat st;
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return;
	const struct site_mount *m = mount_of(p, &st, fs.f_type == BTRFS_SUPER_MAGIC, path);
	struct str id = { (const char *)&fs.f_fsid, HANDLE_FSID };
	if (!m || want_layers(w, m))
		return; /* of the network, or of the kernel; or its layers are watched */
	struct site_system *s = map_get(&p->systems, id);
	if (s && s->mount == m->id) {
		s->round = p->round;
		return;
	}
	if (!s) {
		s = xcalloc(1, sizeof(*s));
		s->fd = -1;
		memcpy(s->id, id.p, id.n);
		map_set(&p->systems, id, s);
	}
	/* Another mount: it may have been away for a while, and its mark with it. */
	free(s->point);
	free(s->root);
	free(s->error);
	s->point = xstrdup(m->point);
	s->root = xstrdup(m->root);
	s->error = NULL;
	s->mount = m->id;
	s->major = m->major;
	s->minor = m->minor;
	s->marked = false;
	s->asked = true;
	s->round = p->round;
	int at = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (at >= 0)
		w->mark(w->arg, s, at);
}

/* The path, or the nearest directory above it that is there; alias: note when links lead there. */
static void want_path(const struct wanted *w, const char *path, bool alias)
{
	char real[PATH_MAX], magic[40];
	AUTO(freep) char *at = xstrdup(*path ? path : "/");
	struct sites *p = w->sites;
	bool whole = true;
	AUTO(closep) int fd = open(at, O_PATH | O_CLOEXEC);
	while (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		char *slash = strrchr(at, '/');
		whole = false;
		if (!slash || at[1] == '\0')
			return;
		slash[slash == at] = '\0';
		fd = open(at, O_PATH | O_CLOEXEC);
	}
	if (fd < 0)
		return;
	snprintf(magic, sizeof(magic), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(magic, real, sizeof(real) - 1);
	if (n <= 0)
		return;
	real[n] = '\0';
	if (alias && whole && strcmp(real, at) != 0) {
		struct site_alias *more = reallocarray(p->aliases, p->naliases + 1, sizeof(*more));
		if (!more)
			abort();
		p->aliases = more;
		p->aliases[p->naliases++] = (struct site_alias){ xstrdup(real), xstrdup(at) };
	}
	want(w, fd, str_of(real));
}

static bool holds_part(const struct im_rules *r, const char *point)
{
	for (size_t i = 0; i < r->nsets; i++) {
		struct str rest;
		AUTO(freep) char *base = str_dup(r->sets[i].base);
		if (im_classes[r->sets[i].class].paths &&
		    below(*base ? base : "/", str_of(point), &rest))
			return true;
	}
	return false;
}

static void drop_unseen(struct sites *p)
{
	struct map_item item;
	for (size_t at = 0; map_next(&p->systems, &at, &item);) {
		struct site_system *s = item.value;
		if (s->round == p->round)
			continue;
		map_del(&p->systems, item.key);
		system_free(s);
	}
}

void sites_want(struct sites *p, const struct im_rules *watched, const char *const *extra,
                void (*mark)(void *arg, struct site_system *s, int fd), void *arg)
{
	const struct wanted w = { p, mark, arg };
	p->round++;
	aliases_clear(p);
	for (size_t i = 0; i < watched->nsets; i++) {
		AUTO(freep) char *base = str_dup(watched->sets[i].base);
		if (im_classes[watched->sets[i].class].paths)
			want_path(&w, base, true);
	}
	for (; extra && *extra; extra++)
		want_path(&w, *extra, false);
	for (size_t i = 0; i < p->nmounts; i++) {
		const struct site_mount *m = &p->mounts[i];
		if (!holds_part(watched, m->point))
			continue;
		want_path(&w, m->point, false);
	}
	drop_unseen(p);
}

bool sites_complete(const struct sites *p)
{
	struct map_item item;
	for (size_t at = 0; map_next(&p->systems, &at, &item);) {
		const struct site_system *s = item.value;
		if (!s->marked && !s->error)
			return false;
	}
	return true;
}

json_t *sites_shown(const struct sites *p)
{
	json_t *out = json_array();
	struct map_item item;
	for (size_t at = 0; map_next(&p->systems, &at, &item);) {
		const struct site_system *s = item.value;
		if (s->marked)
			json_array_append_new(out, json_stringn(s->point, strlen(s->point)));
	}
	return out;
}

json_t *sites_failed(const struct sites *p)
{
	json_t *out = json_array();
	struct map_item item;
	for (size_t at = 0; map_next(&p->systems, &at, &item);) {
		const struct site_system *s = item.value;
		if (s->error)
			json_array_append_new(
				out,
				json_sprintf(
					"Integrity Monitoring: %s is not watched in real time: %s",
					s->point, s->error));
	}
	return out;
}

/* ---- handles ---- */

int sites_open(struct sites *p, struct str handle)
{
	_Alignas(struct file_handle) char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	struct site_system *s =
		handle.n > HANDLE_FSID ? map_get(&p->systems, (struct str){ handle.p, HANDLE_FSID })
				       : NULL;
	struct str h = str_skip(handle, HANDLE_FSID);
	if (!s || h.n > sizeof(room))
		return -ESTALE;
	if (s->fd < 0)
		s->fd = open(s->point, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	if (s->fd < 0)
		return -errno;
	memcpy(room, h.p, h.n);
	int fd = open_by_handle_at(s->fd, (struct file_handle *)(void *)room, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void sites_rest(struct sites *p)
{
	struct map_item item;
	for (size_t at = 0; map_next(&p->systems, &at, &item);) {
		struct site_system *s = item.value;
		if (s->fd >= 0)
			close(TAKE_FD(s->fd));
	}
}

static void spread_in(struct sites *p, const struct site_system *s, struct str path,
                      struct str name, void (*each)(void *arg, struct str path), void *arg)
{
	AUTO(buf_done) struct buf within = { 0 };
	struct str rest;
	/* A directory that is not below the mount is told as from the root of its file system. */
	if (below(s->point, path, &rest))
		join(&within, s->root, rest);
	else
		join(&within, "/", path);
	if (name.n && !str_is(name, ".")) {
		if (!str_is(buf_view(&within), "/"))
			buf_char(&within, '/');
		buf_str(&within, name);
	}
	sites_spread(p, s->major, s->minor, buf_view(&within), each, arg);
}

int sites_resolve(struct sites *p, struct str handle, struct str name, int *dir,
                  void (*each)(void *arg, struct str path), void *arg)
{
	char link[40], target[PATH_MAX];
	struct stat st;
	AUTO(closep) int fd = sites_open(p, handle);
	if (fd < 0)
		return fd == -ENOENT ? -ESTALE : fd;
	if (fstat(fd, &st) < 0 || st.st_nlink == 0)
		return -ESTALE;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, target, sizeof(target));
	if (n < 0)
		return -errno;
	if (n == 0 || target[0] != '/' || n == (ssize_t)sizeof(target))
		return -ENAMETOOLONG;
	const struct site_system *s = map_get(&p->systems, (struct str){ handle.p, HANDLE_FSID });
	if (s)
		spread_in(p, s, (struct str){ target, (size_t)n }, name, each, arg);
	if (dir)
		*dir = TAKE_FD(fd);
	return 0;
}
