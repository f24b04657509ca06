#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/map.h"
#include "module/integritymonitoring/survey/sources.h"

/* Units of systemd: their files and what is linked to start them (systemd.unit(5)). */

enum { UNIT_MAX = 1 << 20, NAMES_MAX = 100000 };

/* The first that has a name is the one that counts. */
static const char *const folders[] = { "/etc/systemd/system", "/run/systemd/system",
	                               "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
	                               "/lib/systemd/system" };

static bool is_unit(const char *name)
{
	static const char *const kinds[] = { ".service", ".socket", ".timer", ".path" };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_ends(str_of(name), str_of(kinds[i])))
			return true;
	return false;
}

/* More of the same key is a list; an empty one begins it anew. */
static void add_value(struct gathered *g, struct im_entity *e, const char *attribute, bool list,
                      struct str value)
{
	AUTO(buf_done) struct buf b = { 0 };
	uint32_t bit = im_attributes_named(IM_SERVICE, str_of(attribute), 0);
	struct str before = e->has & bit ? e->value[__builtin_ctz(bit)] : (struct str){ 0 };
	if (list && before.n && value.n)
		buf_fmt(&b, "%.*s; ", STR_ARG(before));
	buf_str(&b, value);
	gathered_set(g, e, attribute, buf_view(&b));
}

void parse_unit(struct gathered *g, struct im_entity *e, struct str text)
{
	static const struct {
		const char *key, *attribute;
		bool list;
	} keys[] = {
		{ "Description", "Description", false },
		{ "ExecStart", "BinaryPathName", true },
		{ "User", "LogOnAs", false },
	};
	while (text.p) {
		struct str line = str_trim(str_cut(&text, '\n'));
		if (!line.n || line.p[0] == '#' || line.p[0] == ';')
			continue;
		struct str value = line, key = str_cut(&value, '=');
		for (size_t i = 0; i < ARRAY_LEN(keys) && value.p; i++)
			if (str_is(str_trim(key), keys[i].key))
				add_value(g, e, keys[i].attribute, keys[i].list, str_trim(value));
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Drop-ins of every folder, in the order of their names. */
static void parse_drop_ins(struct gathered *g, struct im_entity *e, const char *name)
{
	char *paths[256];
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		char path[PATH_MAX];
		snprintf(path, sizeof(path), "%s/%s.d", folders[i], name);
		DIR *d = opendir(path);
		for (const struct dirent *f = d ? readdir(d) : NULL; f; f = readdir(d)) {
			char full[PATH_MAX];
			if (n == ARRAY_LEN(paths) || !str_ends(str_of(f->d_name), STR(".conf")))
				continue;
			if (snprintf(full, sizeof(full), "%s/%s", path, f->d_name) <
			    (int)sizeof(full))
				paths[n++] = xstrdup(full);
		}
		if (d)
			closedir(d);
	}
	qsort(paths, n, sizeof(*paths), by_name);
	for (size_t i = 0; i < n; i++) {
		AUTO(buf_done) struct buf text = { 0 };
		if (file_read(AT_FDCWD, paths[i], UNIT_MAX, &text) == 0)
			parse_unit(g, e, buf_view(&text));
		free(paths[i]);
	}
}

/* Links below NAME.wants and NAME.requires start a unit. */
static void find_wanted(struct map *wanted)
{
	static char yes;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		DIR *d = opendir(folders[i]);
		for (const struct dirent *f = d ? readdir(d) : NULL; f; f = readdir(d)) {
			struct str name = str_of(f->d_name);
			if (!str_ends(name, STR(".wants")) && !str_ends(name, STR(".requires")))
				continue;
			int fd = openat(dirfd(d), f->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			DIR *links = fd < 0 ? NULL : fdopendir(fd);
			for (const struct dirent *l = links ? readdir(links) : NULL; l;
			     l = readdir(links))
				if (is_unit(l->d_name))
					map_set(wanted, str_of(l->d_name), &yes);
			if (links)
				closedir(links);
			else if (fd >= 0)
				close(fd);
		}
		if (d)
			closedir(d);
	}
}

static struct str start_type(const struct map *wanted, const char *name, const char *target,
                             struct str text)
{
	if (strcmp(target, "/dev/null") == 0)
		return STR("masked");
	if (map_get(wanted, str_of(name)))
		return STR("enabled");
	return memmem(text.p ? text.p : "", text.n, "[Install]", 9) ? STR("disabled")
	                                                            : STR("static");
}

/* A unit that runs has a group of processes. */
static struct str state_of(const char *name)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "/sys/fs/cgroup/system.slice/%s", name);
	return access(path, F_OK) == 0 ? STR("running") : STR("stopped");
}

static void add_unit(struct gathered *g, const struct map *wanted, const char *folder,
                     const char *name)
{
	AUTO(buf_done) struct buf text = { 0 };
	char path[PATH_MAX], target[PATH_MAX] = "";
	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return;
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	struct im_entity *e = gathered_add(g, IM_SERVICE, str_of(name));
	gathered_set(g, e, "Path", str_of(path));
	if (file_read(AT_FDCWD, path, UNIT_MAX, &text) == 0)
		parse_unit(g, e, buf_view(&text));
	gathered_set(g, e, "StartType", start_type(wanted, name, target, buf_view(&text)));
	if (str_ends(str_of(name), STR(".service")))
		gathered_set(g, e, "State", state_of(name));
	parse_drop_ins(g, e, name);
}

int gather_services(struct gathered *g)
{
	AUTO(map_done) struct map wanted = { 0 }, seen = { 0 };
	static char yes;
	find_wanted(&wanted);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		DIR *d = opendir(folders[i]);
		if (!d && errno != ENOENT)
			return -errno;
		for (const struct dirent *f = d ? readdir(d) : NULL; f; f = readdir(d))
			if (is_unit(f->d_name) && seen.n < NAMES_MAX &&
			    !map_set(&seen, str_of(f->d_name), &yes))
				add_unit(g, &wanted, folders[i], f->d_name);
		if (d)
			closedir(d);
	}
	return 0;
}
