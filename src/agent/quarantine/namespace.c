#include "agent/quarantine/namespace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/str.h"

/* Processes of one namespace may have different roots; so many are asked, of so many namespaces. */
enum { ROOTS_MAX = 16, SPACES_MAX = 4096, MOUNTINFO_MAX = 8 << 20 };

uint64_t mount_of(int fd)
{
	struct statx x;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) < 0 || !(x.stx_mask & STATX_MNT_ID))
		return 0;
	return x.stx_mnt_id;
}

static bool has_mount(const char *pid, uint64_t mount)
{
	char path[300], word[32];
	AUTO(buf_done) struct buf b = { 0 };
	snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
	int n = snprintf(word, sizeof(word), "%llu ", (unsigned long long)mount);
	if (file_read(AT_FDCWD, path, MOUNTINFO_MAX, &b) < 0)
		return false;
	struct str rest = buf_view(&b);
	while (rest.p) {
		struct str line = str_cut(&rest, '\n');
		if (str_starts(line, (struct str){ word, (size_t)n }))
			return true;
	}
	return false;
}

/* What is known of the namespaces so far. */
struct spaces {
	uint64_t own, mount;
	struct {
		uint64_t ino;
		bool has;
	} * seen; /* owned */
	unsigned n;
};

static bool is_wanted(struct spaces *s, const char *pid)
{
	char path[300];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", pid);
	if (stat(path, &st) < 0 || st.st_ino == s->own)
		return false;
	for (unsigned i = 0; i < s->n; i++)
		if (s->seen[i].ino == st.st_ino)
			return s->seen[i].has;
	if (s->n == SPACES_MAX)
		return false;
	s->seen[s->n].ino = st.st_ino;
	s->seen[s->n].has = has_mount(pid, s->mount);
	return s->seen[s->n++].has;
}

static int try_root(const char *pid, int (*try)(void *arg, int root), void *arg)
{
	char path[300];
	snprintf(path, sizeof(path), "/proc/%s/root", pid);
	AUTO(closep) int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -ESTALE : try(arg, root);
}

int namespace_try(uint64_t mount, int (*try)(void *arg, int root), void *arg)
{
	struct stat st;
	struct spaces s = { .mount = mount };
	int rc = -ESTALE;
	DIR *proc = mount ? opendir("/proc") : NULL;
	if (!proc)
		return rc;
	s.own = stat("/proc/self/ns/mnt", &st) == 0 ? st.st_ino : 0;
	s.seen = xcalloc(SPACES_MAX, sizeof(*s.seen));
	unsigned tried = 0;
	for (const struct dirent *e = readdir(proc); e && rc != 0 && tried < ROOTS_MAX;
	     e = readdir(proc)) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' || !is_wanted(&s, e->d_name))
			continue;
		rc = try_root(e->d_name, try, arg);
		tried++;
	}
	closedir(proc);
	free(s.seen);
	return rc;
}
