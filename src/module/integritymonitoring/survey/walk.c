#include "module/integritymonitoring/survey/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/auto.h"

enum { DEPTH_MAX = 256, NAMES_MAX = 1 << 30, CHUNK = 65536 };

struct frame {
	int fd;           /* owned */
	struct buf names; /* NUL-terminated, one after the other */
	uint32_t *at;     /* owned: where each begins, sorted */
	size_t n, next;
	size_t path_n; /* of w->path, without the entry */
	uint64_t dev, ino;
	bool fit;
	struct im_candidates sets; /* owned */
};

struct walk {
	const struct im_rules *rules;
	struct str *roots; /* owned; borrowed from the rules: bases that are below no other */
	size_t nroots, root;
	struct frame frames[DEPTH_MAX];
	size_t depth;
	struct buf path;
	char *target; /* owned: PATH_MAX bytes */
	/* The directory that was told of last and is to be entered. */
	bool entering;
	int enter_from;
	const char *enter_name;
	bool enter_follow;
	struct im_candidates entering_sets; /* owned */
	struct im_candidates all;           /* owned: every set */
	int at;                             /* owned: the directory of walk_at() */
};

/* ---- roots ---- */

static int by_path(const void *a, const void *b)
{
	return im_path_order(*(const struct str *)a, *(const struct str *)b);
}

static bool is_below(struct str dir, struct str path)
{
	return str_starts(path, dir) && (path.n == dir.n || path.p[dir.n] == '/');
}

struct walk *walk_new(const struct im_rules *r)
{
	struct walk *w = xcalloc(1, sizeof(*w));
	w->rules = r;
	w->at = -1;
	w->target = xcalloc(1, PATH_MAX);
	w->roots = xcalloc(r->nsets + 1, sizeof(*w->roots));
	w->all.set = xcalloc(r->nsets + 1, sizeof(*w->all.set));
	w->entering_sets.set = xcalloc(r->nsets + 1, sizeof(*w->entering_sets.set));
	for (size_t i = 0; i < r->nsets; i++) {
		if (!im_classes[r->sets[i].class].paths)
			continue;
		w->all.set[w->all.n++] = (uint16_t)i;
		w->roots[w->nroots++] = r->sets[i].base;
	}
	if (w->nroots)
		qsort(w->roots, w->nroots, sizeof(*w->roots), by_path);
	size_t n = 0;
	for (size_t i = 0; i < w->nroots; i++)
		if (!n || !is_below(w->roots[n - 1], w->roots[i]))
			w->roots[n++] = w->roots[i];
	w->nroots = n;
	return w;
}

struct walk *walk_below(const struct im_rules *r, struct str path)
{
	struct walk *w = walk_new(r);
	if (path.n == 1 && path.p[0] == '/')
		path.n = 0;
	w->roots[0] = path; /* there is room for one even without a set */
	w->nroots = 1;
	return w;
}

static void leave(struct walk *w)
{
	struct frame *f = &w->frames[--w->depth];
	close(f->fd);
	buf_done(&f->names);
	free(f->at);
	free(f->sets.set);
	*f = (struct frame){ 0 };
}

void walk_free(struct walk *w)
{
	if (!w)
		return;
	while (w->depth)
		leave(w);
	if (w->at >= 0)
		close(w->at);
	buf_done(&w->path);
	free(w->roots);
	free(w->target);
	free(w->all.set);
	free(w->entering_sets.set);
	free(w);
}

/* ---- directories ---- */

struct entry {
	uint64_t ino;
	int64_t off;
	unsigned short len;
	unsigned char type;
	char name[];
};

static int read_chunks(struct frame *f, char *chunk)
{
	for (;;) {
		long n = syscall(SYS_getdents64, f->fd, chunk, CHUNK);
		if (n < 0)
			return -errno;
		if (n == 0)
			return buf_end(&f->names);
		for (long at = 0; at < n;) {
			const struct entry *e = (const void *)(chunk + at);
			at += e->len;
			if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0)
				continue;
			buf_add(&f->names, e->name, strlen(e->name) + 1);
			f->n++;
		}
	}
}

static int read_names(struct frame *f)
{
	char *chunk = malloc(CHUNK);
	f->names.max = NAMES_MAX;
	int rc = chunk ? read_chunks(f, chunk) : -ENOMEM;
	free(chunk);
	return rc;
}

static int by_name(const void *a, const void *b, void *names)
{
	const char *base = names;
	return strcmp(base + *(const uint32_t *)a, base + *(const uint32_t *)b);
}

static int sort_names(struct frame *f)
{
	uint32_t at = 0;
	f->at = calloc(f->n + 1, sizeof(*f->at));
	if (!f->at)
		return -ENOMEM;
	for (size_t i = 0; i < f->n; i++) {
		f->at[i] = at;
		at += (uint32_t)strlen(f->names.p + at) + 1;
	}
	if (f->n)
		qsort_r(f->at, f->n, sizeof(*f->at), by_name, f->names.p);
	return 0;
}

/* Change times that the kernel itself keeps and leases that see every writer: not FUSE and the
 * network, whose servers say what they like, not overlays, whose leases miss mappings. */
static bool is_fit(unsigned long type)
{
	return type == EXT4_SUPER_MAGIC || type == XFS_SUPER_MAGIC || type == BTRFS_SUPER_MAGIC ||
	       type == TMPFS_MAGIC;
}

/* What is not on a disk of this host. */
static bool is_foreign(unsigned long type)
{
	static const unsigned long types[] = {
		PROC_SUPER_MAGIC,
		SYSFS_MAGIC,
		CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC,
		DEBUGFS_MAGIC,
		TRACEFS_MAGIC,
		SECURITYFS_MAGIC,
		PSTOREFS_MAGIC,
		BPF_FS_MAGIC,
		DEVPTS_SUPER_MAGIC,
		HUGETLBFS_MAGIC,
		BINFMTFS_MAGIC,
		SELINUX_MAGIC,
		NSFS_MAGIC,
		0x62656570 /* configfs */,
		0x65735543 /* fusectl */,
		0x19800202 /* mqueue */,
		EFIVARFS_MAGIC,
		0x0187 /* autofs */,
		NFS_SUPER_MAGIC,
		0xff534d42 /* cifs */,
		0xfe534d42 /* smb2 */,
		CODA_SUPER_MAGIC,
		AFS_SUPER_MAGIC,
		0x65735546 /* fuse */,
		V9FS_MAGIC,
		0x00c36400 /* ceph */,
	};
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i] == type)
			return true;
	return false;
}

static bool base_within(const struct walk *w, const struct im_candidates *sets, struct str dir)
{
	for (size_t i = 0; i < sets->n; i++)
		if (is_below(dir, w->rules->sets[sets->set[i]].base))
			return true;
	return false;
}

/* A link can lead back to where we are. */
static bool is_loop(const struct walk *w, uint64_t dev, uint64_t ino)
{
	for (size_t i = 0; i < w->depth; i++)
		if (w->frames[i].dev == dev && w->frames[i].ino == ino)
			return true;
	return false;
}

/* Enters w->path; 0, 1: not meant to be entered, or -errno. */
static int enter(struct walk *w)
{
	struct frame f = { .path_n = w->path.n };
	struct stat st;
	struct statfs fs = { 0 };
	if (w->depth == DEPTH_MAX)
		return -ELOOP;
	f.fd = openat(w->enter_from, w->enter_name,
	              O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK |
	                      (w->enter_follow ? 0 : O_NOFOLLOW));
	if (f.fd < 0)
		return -errno;
	int rc = fstat(f.fd, &st) < 0 || fstatfs(f.fd, &fs) < 0 ? -errno : 0;
	if (rc == 0) {
		f.dev = st.st_dev;
		f.ino = st.st_ino;
		f.fit = is_fit((unsigned long)fs.f_type);
		bool crossed = !w->depth || w->frames[w->depth - 1].dev != f.dev;
		if (is_loop(w, f.dev, f.ino) ||
		    (crossed && is_foreign((unsigned long)fs.f_type) &&
		     !base_within(w, &w->entering_sets, buf_view(&w->path))))
			rc = 1;
	}
	if (rc == 0)
		rc = read_names(&f);
	if (rc == 0)
		rc = sort_names(&f);
	if (rc != 0) {
		close(f.fd);
		buf_done(&f.names);
		free(f.at);
		return rc;
	}
	f.sets.n = w->entering_sets.n;
	f.sets.set = xcalloc(f.sets.n, sizeof(*f.sets.set));
	memcpy(f.sets.set, w->entering_sets.set, f.sets.n * sizeof(*f.sets.set));
	w->frames[w->depth++] = f;
	return 0;
}

/* ---- entries ---- */

static int64_t ns_of(const struct statx_timestamp *t)
{
	return (int64_t)((uint64_t)t->tv_sec * 1000000000u + t->tv_nsec);
}

static void fill(struct im_entity *e, const struct statx *x)
{
	struct im_file *f = &e->file;
	e->class = S_ISDIR(x->stx_mode) ? IM_DIRECTORY : IM_FILE;
	e->has = IM_BIT(IMP_TYPE) | IM_BIT(IMP_MODIFIED) | IM_BIT(IMP_CHANGED) |
	         IM_BIT(IMP_PERMISSIONS) | IM_BIT(IMP_OWNER) | IM_BIT(IMP_GROUP) |
	         IM_BIT(IMP_SIZE) | IM_BIT(IMP_FLAGS) | IM_BIT(IMP_INODE) | IM_BIT(IMP_DEVICE) |
	         IM_BIT(IMP_BLOCKS) | IM_BIT(IMP_LINKS) | IM_BIT(IMP_GROWING) |
	         IM_BIT(IMP_SHRINKING);
	if (x->stx_mask & STATX_BTIME)
		e->has |= IM_BIT(IMP_CREATED);
	f->mode = x->stx_mode;
	f->uid = x->stx_uid;
	f->gid = x->stx_gid;
	f->nlink = x->stx_nlink;
	f->ino = x->stx_ino;
	f->dev = makedev(x->stx_dev_major, x->stx_dev_minor);
	f->rdev = makedev(x->stx_rdev_major, x->stx_rdev_minor);
	f->size = x->stx_size;
	f->blocks = x->stx_blocks;
	f->flags = x->stx_attributes & x->stx_attributes_mask & ~(uint64_t)STATX_ATTR_AUTOMOUNT &
	           ~(uint64_t)STATX_ATTR_MOUNT_ROOT;
	f->created = x->stx_mask & STATX_BTIME ? ns_of(&x->stx_btime) : 0;
	f->modified = ns_of(&x->stx_mtime);
	f->accessed = ns_of(&x->stx_atime);
	f->changed = ns_of(&x->stx_ctime);
}

static int stat_at(int dir, const char *name, bool follow, struct statx *x)
{
	return statx(dir, name, (follow ? 0 : AT_SYMLINK_NOFOLLOW) | AT_NO_AUTOMOUNT,
	             STATX_BASIC_STATS | STATX_BTIME, x) < 0
	               ? -errno
	               : 0;
}

/* Sets that go on behind a link: those that follow links, and those whose base is behind it. */
static void keep_followers(struct walk *w, struct im_candidates *sets)
{
	struct str path = buf_view(&w->path);
	size_t n = 0;
	for (size_t i = 0; i < sets->n; i++) {
		const struct im_set *s = &w->rules->sets[sets->set[i]];
		if (s->follow || is_below(path, s->base))
			sets->set[n++] = sets->set[i];
	}
	sets->n = n;
}

static bool followed_here(const struct walk *w, const struct im_candidates *sets,
                          const struct im_entity *e)
{
	for (size_t i = 0; i < sets->n; i++) {
		const struct im_set *s = &w->rules->sets[sets->set[i]];
		if (s->follow && im_set_covers(s, e))
			return true;
	}
	return false;
}

/* Looks at w->path, which is name in dir; false: the rules want nothing of it (its key is empty
 * when nothing is there). */
static bool look(struct walk *w, int dir, const char *name, const struct im_candidates *sets,
                 bool fit, struct found *out)
{
	struct found f = { .dir = dir, .name = name, .fit = fit };
	struct statx x, behind;
	*out = f;
	if (stat_at(dir, name, false, &x) < 0)
		return false; /* it went while we came */
	fill(&f.entity, &x);
	f.entity.key = w->path.n ? buf_view(&w->path) : STR("/");
	bool leads_to_dir = false;
	if (S_ISLNK(x.stx_mode)) {
		ssize_t n = readlinkat(dir, name, w->target, PATH_MAX);
		f.entity.file.target = (struct str){ w->target, n > 0 ? (size_t)n : 0 };
		f.entity.has |= IM_BIT(IMP_LINK);
		bool there = stat_at(dir, name, true, &behind) == 0;
		leads_to_dir = there && S_ISDIR(behind.stx_mode);
		if (there && S_ISREG(behind.stx_mode) && followed_here(w, sets, &f.entity)) {
			fill(&f.entity, &behind);
			f.entity.has |= IM_BIT(IMP_LINK);
			f.followed = true;
			f.fit = false; /* it may be on any file system */
		}
	}
	f.wanted = im_wanted(w->rules, sets, &f.entity);
	if (S_ISDIR(x.stx_mode) || leads_to_dir) {
		w->entering = im_descends(w->rules, sets, f.entity.key, &w->entering_sets);
		if (w->entering && leads_to_dir) {
			keep_followers(w, &w->entering_sets);
			w->entering = w->entering_sets.n > 0;
		}
		w->enter_from = dir;
		w->enter_name = name;
		w->enter_follow = leads_to_dir;
	}
	*out = f;
	return f.wanted != 0;
}

static void set_path(struct walk *w, size_t parent_n, const char *name)
{
	w->path.n = parent_n;
	buf_char(&w->path, '/');
	buf_z(&w->path, name);
}

/* The next root; "" is the root of all. */
static bool begin_root(struct walk *w, struct found *out)
{
	struct str root = w->roots[w->root++];
	buf_clear(&w->path);
	buf_str(&w->path, root);
	const char *name = root.n ? w->path.p : "/";
	struct statfs fs;
	bool fit = statfs(name, &fs) == 0 && is_fit((unsigned long)fs.f_type);
	return look(w, AT_FDCWD, name, &w->all, fit, out);
}

/* The directory that holds path, which lies below root; -errno. */
static int open_parent(struct str root, struct str path)
{
	AUTO(freep) char *base = str_dup(root.n ? root : STR("/"));
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		                .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH };
	while (path.n > root.n && path.p[path.n - 1] != '/')
		path.n--;
	int fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || path.n <= root.n + 1)
		return fd < 0 ? -errno : fd;
	AUTO(freep) char *rest = str_dup((struct str){ path.p + root.n + 1, path.n - root.n - 2 });
	int parent = (int)syscall(SYS_openat2, fd, rest, &how, sizeof(how));
	int rc = parent < 0 ? -errno : parent;
	close(fd);
	return rc;
}

int walk_at(struct walk *w, struct str path, struct found *out)
{
	struct statfs fs;
	const struct str *root = NULL;
	for (size_t i = 0; i < w->nroots && !root; i++)
		root = is_below(w->roots[i], path) ? &w->roots[i] : NULL;
	if (!root || path.n >= IM_PATH_MAX || path.n < 2)
		return 0;
	buf_clear(&w->path);
	buf_str(&w->path, path);
	if (w->at >= 0)
		close(TAKE_FD(w->at));
	if (path.n == root->n) {
		bool fit = statfs(w->path.p, &fs) == 0 && is_fit((unsigned long)fs.f_type);
		look(w, AT_FDCWD, w->path.p, &w->all, fit, out);
	} else {
		w->at = open_parent(*root, path);
		if (w->at < 0 || fstatfs(w->at, &fs) < 0)
			return 0;
		const char *name = memrchr(w->path.p, '/', w->path.n);
		look(w, w->at, name + 1, &w->all, is_fit((unsigned long)fs.f_type), out);
	}
	w->entering = false;
	return out->entity.key.n > 0;
}

static bool next_entry(struct walk *w, struct found *out)
{
	struct frame *f = &w->frames[w->depth - 1];
	if (f->next == f->n) {
		leave(w);
		return false;
	}
	const char *name = f->names.p + f->at[f->next++];
	set_path(w, f->path_n, name);
	if (w->path.n >= IM_PATH_MAX)
		return false;
	return look(w, f->fd, name, &f->sets, f->fit, out);
}

int walk_next(struct walk *w, struct found *out)
{
	for (;;) {
		if (w->entering) {
			w->entering = false;
			int rc = enter(w);
			if (rc < 0 && rc != -ENOENT && rc != -ENOTDIR) {
				*out = (struct found){ .unread = true, .error = rc };
				out->entity.class = IM_DIRECTORY;
				out->entity.key = buf_view(&w->path);
				return 1;
			}
		} else if (w->depth) {
			if (next_entry(w, out))
				return 1;
		} else if (w->root < w->nroots) {
			if (begin_root(w, out))
				return 1;
		} else {
			return 0;
		}
	}
}
