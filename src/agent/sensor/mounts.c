#include "agent/sensor/mounts.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/auto.h"

/* File systems of this host. Network ones raise no events for others' changes; FUSE's daemons could
 * wait for us. */
static bool is_local(struct str type)
{
	static const char *const types[] = { "ext2",  "ext3",     "ext4",    "xfs",
		                             "btrfs", "f2fs",     "overlay", "tmpfs",
		                             "vfat",  "exfat",    "ntfs3",   "iso9660",
		                             "udf",   "squashfs", "zfs",     "jfs" };
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_is(type, types[i]))
			return true;
	return false;
}

/* "\040" and the like, as mountinfo writes blanks. */
static bool unescape(struct str in, char out[static PATH_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < in.n; i++) {
		if (n + 1 >= PATH_MAX)
			return false;
		unsigned char v = 0;
		size_t k = 0;
		while (in.p[i] == '\\' && k < 3 && i + 1 + k < in.n && in.p[i + 1 + k] >= '0' &&
		       in.p[i + 1 + k] <= '7')
			v = (unsigned char)(v * 8 + (in.p[i + 1 + k++] - '0'));
		if (k == 3)
			out[n++] = (char)v;
		else
			out[n++] = in.p[i];
		i += k == 3 ? 3 : 0;
	}
	out[n] = '\0';
	return n > 0 && out[0] == '/';
}

static bool is_system(const char *path)
{
	static const char *const tops[] = { "/proc", "/sys", "/dev" };
	for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
		size_t n = strlen(tops[i]);
		if (strncmp(path, tops[i], n) == 0 && (path[n] == '/' || path[n] == '\0'))
			return true;
	}
	return false;
}

static bool device(struct str in, struct mount_point *m)
{
	uint64_t major = 0, minor = 0;
	if (str_u64(str_cut(&in, ':'), 0, UINT32_MAX, &major) < 0 ||
	    str_u64(in, 0, UINT32_MAX, &minor) < 0)
		return false;
	m->major = (uint32_t)major;
	m->minor = (uint32_t)minor;
	return true;
}

/* "36 35 98:0 /root /mount/point options optional... - type source options" */
static void line(struct str l, void (*each)(void *arg, const struct mount_point *m), void *arg)
{
	char path[PATH_MAX] = "", root[PATH_MAX] = "";
	struct mount_point m = { .path = path, .root = root };
	struct str field[5] = { { 0 } }, part = { 0 };
	for (int i = 0; l.p && i < 5; i++)
		field[i] = str_cut(&l, ' ');
	while (l.p && !str_is(part, "-"))
		part = str_cut(&l, ' ');
	m.type = l.p ? str_cut(&l, ' ') : (struct str){ 0 };
	if (l.p)
		str_cut(&l, ' '); /* the source */
	m.options = l;
	if (is_local(m.type) && unescape(field[3], root) &&
	    str_u64(field[0], 0, UINT64_MAX, &m.id) == 0 && device(field[2], &m) &&
	    unescape(field[4], path) && !is_system(path))
		each(arg, &m);
}

void mounts_local(struct str mountinfo, void (*each)(void *arg, const struct mount_point *m),
                  void *arg)
{
	while (mountinfo.p)
		line(str_cut(&mountinfo, '\n'), each, arg);
}
