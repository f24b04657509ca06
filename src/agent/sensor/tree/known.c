#include "agent/sensor/tree/known.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000u
#endif

enum { GRAIN_NS = 20000000, FILE_MAX = (JUDGED_MAX + 8) * 16 };

/*
 * Change times that the kernel itself keeps and leases that see writers; not FUSE and the network,
 * whose servers say what they like, not overlays, whose leases miss mappings (host-sensors 4.4).
 */
static const unsigned long fit_types[] = { EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
	                                   TMPFS_MAGIC };

static bool is_fit(unsigned long type)
{
	for (size_t i = 0; i < ARRAY_LEN(fit_types); i++)
		if (fit_types[i] == type)
			return true;
	return false;
}

/* The mount's id; *lasting: no later mount gets it. -errno when there is none. */
static int mount_id(int dir, uint64_t *out, bool *lasting)
{
	struct statx x;
	if (statx(dir, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID_UNIQUE, &x) == 0 &&
	    (x.stx_mask & STATX_MNT_ID_UNIQUE)) {
		*lasting = true;
		*out = x.stx_mnt_id;
		return 0;
	}
	if (statx(dir, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &x) < 0)
		return -errno;
	*lasting = false;
	*out = x.stx_mnt_id;
	return x.stx_mask & STATX_MNT_ID ? 0 : -ENOSYS;
}

/* What a crash left of writing the table. */
static void remove_remains(int dir)
{
	DIR *d = file_dir(dir);
	for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
		if (str_starts(str_of(e->d_name), STR("judged.")))
			unlinkat(dir, e->d_name, 0);
	if (d)
		closedir(d);
}

static void load(struct known *k)
{
	AUTO(buf_done) struct buf boot = { 0 }, file = { 0 };
	if (file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &boot) < 0 ||
	    boot.n < JUDGED_BOOT)
		return;
	memcpy(k->boot, boot.p, JUDGED_BOOT);
	/* Where mount ids are used again, what was mounted meanwhile cannot be told. */
	if (!k->lasting || file_read(k->dir, "judged", FILE_MAX, &file) < 0)
		return;
	int rc = judged_read(&k->table, buf_view(&file), k->boot);
	if (rc < 0 && rc != -ESTALE)
		log_warning("the table of clean files is damaged: everything is scanned again");
}

void known_init(struct known *k, int dir)
{
	uint64_t id = 0;
	*k = (struct known){ .dir = dir, .mounts = -1 };
	judged_init(&k->table, JUDGED_MAX);
	if (mount_id(dir, &id, &k->lasting) == 0 && !k->lasting)
		k->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	remove_remains(dir);
	load(k);
}

void known_done(struct known *k)
{
	judged_done(&k->table);
	buf_done(&k->signatures);
	if (k->mounts >= 0)
		close(k->mounts);
}

static uint64_t conditions(const struct known *k, const struct rules *r, enum scan_type scan)
{
	AUTO(buf_done) struct buf b = { 0 };
	const struct am_config *c = r ? rules_config(r, scan) : NULL;
	if (!c || !c->present || !k->signatures.n)
		return 0;
	AUTO(json_decrefp) json_t *options = scan_options(r, c);
	buf_z(&b, YAGURA_VERSION "\n");
	json_write(&b, options);
	buf_char(&b, '\n');
	buf_str(&b, buf_view(&k->signatures));
	return buf_end(&b) < 0 ? 0 : siphash((const uint64_t[2]){ 1, 2 }, b.p, b.n) | 1;
}

void known_conditions(struct known *k, struct str signatures, const struct rules *r)
{
	if (signatures.n) {
		buf_clear(&k->signatures);
		buf_str(&k->signatures, signatures);
	}
	for (int i = 0; i < SCAN_TYPES; i++)
		k->conditions[i] = conditions(k, r, (enum scan_type)i);
}

static bool mounts_changed(const struct known *k)
{
	struct pollfd p = { .fd = k->mounts, .events = POLLPRI };
	return k->mounts >= 0 && poll(&p, 1, 0) > 0;
}

struct place known_place(struct known *k, int dir, const struct stat *st)
{
	struct place p = { .dev = st->st_dev };
	struct statfs fs;
	bool lasting = false;
	if (mounts_changed(k))
		judged_forget(&k->table);
	p.fit = fstatfs(dir, &fs) == 0 && is_fit((unsigned long)fs.f_type) &&
	        mount_id(dir, &p.mount, &lasting) == 0 && (lasting || k->mounts >= 0);
	return p;
}

bool known_key(const struct known *k, const struct place *p, const struct stat *st,
               enum scan_type scan, struct judged_key *out)
{
	if (!p->fit || st->st_dev != p->dev || !k->conditions[scan])
		return false;
	*out = (struct judged_key){ .dev = st->st_dev,
		                    .mount = p->mount,
		                    .ino = st->st_ino,
		                    .ctime_ns = (uint64_t)st->st_ctim.tv_sec * 1000000000u +
		                                (uint64_t)st->st_ctim.tv_nsec,
		                    .size = (uint64_t)st->st_size,
		                    .conditions = k->conditions[scan] };
	return true;
}

bool known_clean(const struct known *k, const struct judged_key *key)
{
	return judged_has(&k->table, key);
}

bool known_calm(int fd, const struct judged_key *key)
{
	struct timespec now;
	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		return false;
	uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	if (key->ctime_ns + GRAIN_NS > now_ns)
		return false;
	/* Refused while anybody has the file open or mapped for writing (fcntl(2)). Whoever opens
	 * it for writing in between waits for the next line. */
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return false;
	return fcntl(fd, F_SETLEASE, F_UNLCK) == 0;
}

void known_put(struct known *k, const struct judged_key *key, enum scan_type scan)
{
	if (key->conditions == k->conditions[scan])
		judged_put(&k->table, key);
}

void known_save(struct known *k)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (!k->table.changed || !k->boot[0] || !k->lasting)
		return;
	int rc = judged_write(&k->table, k->boot, &b);
	if (rc == 0)
		rc = file_replace(k->dir, "judged", b.p, b.n, 0600);
	if (rc < 0)
		log_error("keep the table of clean files: %s", strerror(-rc));
	k->table.changed = false;
}
