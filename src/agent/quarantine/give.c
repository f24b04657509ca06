#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/quarantine/fault.h"
#include "agent/quarantine/vault.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/rand.h"

/* A file out of the store: back to a place of the host, or packed for an administrator. */

enum { PASSWORD = 24 };

static int open_copy(struct job *j)
{
	char name[64];
	vault_name(j->r.id, ".bin", name);
	int fd = openat(j->q->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

/* ---- restore ---- */

static int look_at_target(struct job *j, struct err *why)
{
	struct stat st;
	struct str to = j->path ? str_of(j->path) : buf_view(&j->r.path);
	j->r.to_mount = j->path ? 0 : j->r.mount;
	int rc = place_open(to, j->r.to_mount, &j->place);
	if (rc == -ESTALE)
		return err_set(why, rc,
		               "the container that %.300s was in is not there any more; name a "
		               "place of the host",
		               to.p);
	if (rc == -ELOOP)
		return err_set(why, rc,
		               "%.300s: a symbolic link is on the way; name the real folder", to.p);
	if (rc == -EINVAL)
		return err_set(why, rc, "%.300s is no absolute path of a file", to.p);
	if (rc < 0)
		return err_set(why, rc, "the folder of %.300s: %s", to.p, strerror(-rc));
	buf_str(&j->r.to, to);
	if (fstatat(j->place.dir, j->place.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return err_set(why, -EISDIR, "%.300s is a folder", to.p);
	return j->overwrite ? 0 : err_set(why, -EEXIST, "there is something at %.300s", to.p);
}

static int restore_start(struct job *j, struct err *why)
{
	int rc = vault_load(j->q, j->entry->id, &j->r, why);
	if (rc == 0)
		rc = look_at_target(j, why);
	if (rc < 0)
		return rc;
	buf_fmt(&j->r.to_temporary, ".%s.restored", j->r.id);
	j->r.state = KEPT_RESTORING;
	rc = vault_save(j->q, &j->r);
	j->saved = true;
	fault_point("restoring");
	j->copy = rc < 0 ? rc : open_copy(j);
	if (j->copy < 0)
		return err_set(why, j->copy, "open the copy: %s", strerror(-j->copy));
	j->file = openat(j->place.dir, j->r.to_temporary.p,
	                 O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->file < 0)
		return err_set(why, -errno, "write to %.300s: %s", j->r.to.p, strerror(errno));
	const struct work what = { .kind = WORK_UNSEAL,
		                   .in = j->copy,
		                   .out = j->file,
		                   .size = j->r.stored,
		                   .key = j->q->key };
	rc = worker_start(&j->worker, j->q->loop, &what);
	fault_point("restoring-started");
	return rc < 0 ? err_set(why, rc, "restore: %s", strerror(-rc)) : 0;
}

static int rename_to(const struct job *j)
{
	int dir = j->place.dir;
	const char *from = j->r.to_temporary.p, *to = j->place.name;
	if (j->overwrite)
		return renameat(dir, from, dir, to) < 0 ? -errno : 0;
	/* Never over something that is there now. */
	if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	if (linkat(dir, from, dir, to, 0) < 0) /* a file system without that flag */
		return -errno;
	unlinkat(dir, from, 0);
	return 0;
}

/* The further names that it had in its folder. */
static unsigned link_names(const struct job *j)
{
	unsigned missing = 0;
	for (unsigned i = 0; !j->path && i < j->r.nnames; i++)
		missing +=
			linkat(j->place.dir, j->place.name, j->place.dir, j->r.names[i].p, 0) < 0;
	return missing;
}

static void exempt(struct job *j, bool there)
{
	struct identity now = { 0 };
	if (j->again || identity_of(j->file, &now) < 0)
		return;
	if (!there)
		now.ctime_ns = 0;
	exempt_set(j->q, &now);
}

static int place_it(struct job *j, int lost)
{
	exempt(j, false);
	int rc = rename_to(j);
	if (rc < 0)
		return rc;
	fault_point("placed");
	unsigned missing = link_names(j);
	if (flags_give(j->file, &j->r) < 0)
		lost++;
	place_sync(&j->place);
	exempt(j, true);
	if (lost || missing)
		snprintf(j->note, sizeof(j->note),
		         "%d of its attributes and %u of its further names could not be given back",
		         lost, missing);
	/* Should the disk be full: recovery finds that it arrived. */
	if (vault_end(j->q, &j->r, KEPT_RESTORED) < 0)
		snprintf(j->note, sizeof(j->note), "the record could not be removed yet");
	fault_point("restored");
	j->r.state = KEPT_RESTORED;
	vault_forget(j->q, j->entry);
	j->entry = NULL;
	AUTO(json_decrefp) json_t *entry = kept_entry(&j->r);
	j->q->ears.changed(j->q->ears.arg, entry);
	return 1;
}

static int restore_worked(struct job *j, const struct work_report *r, struct err *why)
{
	fault_point("unsealed");
	int rc = r->rc, lost = 0;
	if (rc == -EBADMSG)
		return err_set(why, rc, "the sealed copy is damaged");
	if (rc == 0)
		rc = lost = traits_give(j->file, &j->r);
	if (rc >= 0)
		rc = identity_of(j->file, &j->r.to_file);
	/* After a crash this tells whether it had arrived. */
	if (rc == 0)
		rc = vault_save(j->q, &j->r);
	fault_point("told");
	if (rc == 0)
		rc = place_it(j, lost);
	return rc < 0 ? err_set(why, rc, "restore %.300s: %s", j->r.to.p, strerror(-rc)) : rc;
}

static void restore_undo(struct job *j)
{
	struct identity now = { 0 };
	if (j->file >= 0 && identity_of(j->file, &now) == 0)
		exempt_forget(j->q, &now);
	if (j->file >= 0)
		unlinkat(j->place.dir, j->r.to_temporary.p, 0);
	if (!j->saved)
		return;
	j->r.state = KEPT_QUARANTINED;
	vault_save(j->q, &j->r);
}

const struct job_kind job_restore = { restore_start, restore_worked, restore_undo };

/* ---- pack ---- */

static int pack_start(struct job *j, struct err *why)
{
	AUTO(buf_done) struct buf text = { .max = SEAL_TEXT_MAX };
	int rc = vault_load(j->q, j->entry->id, &j->r, why);
	if (rc < 0)
		return rc;
	j->file = open_copy(j);
	if (j->file < 0)
		return err_set(why, j->file, "open the copy: %s", strerror(-j->file));
	j->copy = openat(j->q->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (j->copy < 0)
		return err_set(why, -errno, "pack the file: %s", strerror(errno));
	AUTO(json_decrefp) json_t *entry = kept_entry(&j->r);
	json_write(&text, entry);
	if (buf_end(&text) < 0)
		return err_set(why, -E2BIG, "the record is too large");
	rand_password(j->password, PASSWORD);
	const struct work what = { .kind = WORK_PACK,
		                   .in = j->file,
		                   .out = j->copy,
		                   .size = j->r.stored,
		                   .key = j->q->key,
		                   .password = str_of(j->password),
		                   .text = buf_view(&text) };
	rc = worker_start(&j->worker, j->q->loop, &what);
	return rc < 0 ? err_set(why, rc, "pack the file: %s", strerror(-rc)) : 0;
}

static int pack_worked(struct job *j, const struct work_report *r, struct err *why)
{
	char magic[64];
	if (r->rc < 0)
		return err_set(why, r->rc, "pack the file: %s",
		               r->rc == -EBADMSG ? "the sealed copy is damaged" : strerror(-r->rc));
	/* Who gets it may only read it. */
	snprintf(magic, sizeof(magic), "/proc/self/fd/%d", j->copy);
	int fd = open(magic, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(why, -errno, "pack the file: %s", strerror(errno));
	close(j->copy);
	j->copy = fd;
	return 1;
}

static void pack_undo(struct job *j)
{
	(void)j; /* the packed file has no name */
}

const struct job_kind job_pack = { pack_start, pack_worked, pack_undo };
