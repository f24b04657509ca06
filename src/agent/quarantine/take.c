#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/quarantine/fault.h"
#include "agent/quarantine/vault.h"
#include "base/auto.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/rand.h"

/* A file into the store. */

enum { TRIES = 3 };

static int too_large(struct job *j, struct err *why)
{
	j->full = true;
	return err_set(why, -EFBIG,
	               "Quarantine Storage Limit Exceeded: the file is larger than the whole store "
	               "(%llu MB)",
	               (unsigned long long)(j->max >> 20));
}

static void describe(struct job *j)
{
	struct kept *r = &j->r;
	const struct {
		const char *key, *otherwise;
		char **to;
	} texts[] = { { "malware", "", &r->malware },
		      { "user", "", &r->user },
		      { "unique", "", &r->unique },
		      { "action", "Quarantined", &r->action },
		      { "event", "", &r->event } };
	if (!*r->id) {
		char id[37];
		rand_guid(id);
		snprintf(r->id, sizeof(r->id), "%s", id);
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i].to = xstrdup(json_text(j->detail, texts[i].key, texts[i].otherwise));
	r->scan_type = json_int(j->detail, "scanType", 0);
	r->time_ms = (int64_t)clock_ms();
}

/* What is known of the file, anew: it may have changed since the last try. */
static int look(struct job *j, struct err *why)
{
	uint32_t flags = j->r.flags; /* lifted already */
	char id[KEPT_ID];
	snprintf(id, sizeof(id), "%s", j->r.id);
	kept_done(&j->r);
	place_done(&j->place);
	snprintf(j->r.id, sizeof(j->r.id), "%s", id);
	j->r.flags = flags;
	describe(j);
	int rc = identity_of(j->file, &j->r.file);
	if (rc == 0 && (j->r.file.dev != j->dev || j->r.file.ino != j->ino))
		return err_set(why, -ESTALE, "the file is another one now");
	if (rc == 0)
		rc = place_find(j->file, str_of(j->path), &j->place, &j->r);
	if (rc == -ENOENT)
		return err_set(why, rc, "the file is gone already");
	if (rc == -ESTALE)
		return err_set(why, rc,
		               "the file is not where it was found, or cannot be reached "
		               "from the host");
	if (rc == 0)
		rc = traits_read(j->file, &j->r);
	return rc < 0 ? err_set(why, rc, "look at the file: %s", strerror(-rc)) : 0;
}

/* From here on a crash puts the flags back. */
static int lift(struct job *j, struct err *why)
{
	if (!j->r.flags)
		return 0;
	j->r.state = KEPT_TAKING;
	int rc = vault_save(j->q, &j->r);
	j->saved = rc == 0;
	fault_point("taking");
	if (rc == 0)
		rc = flags_lift(j->file, &j->r);
	fault_point("lifted");
	if (rc == 0)
		rc = identity_of(j->file, &j->r.file);
	return rc < 0 ? err_set(why, rc, "take the immutable flag off: %s", strerror(-rc)) : 0;
}

static int copy(struct job *j, struct err *why)
{
	char name[64];
	struct stat st;
	vault_name(j->r.id, ".new", name);
	closep(&j->copy);
	unlinkat(j->q->dir, name, 0);
	j->copy = openat(j->q->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->copy < 0 || fstat(j->file, &st) < 0)
		return err_set(why, -errno, "keep a copy: %s", strerror(errno));
	/* What holes leave of it; the rest shows when it is written. */
	if (j->max && (uint64_t)st.st_blocks * 512 > j->max && j->r.size > j->max)
		return too_large(j, why);
	const struct work what = { .kind = WORK_SEAL,
		                   .in = j->file,
		                   .out = j->copy,
		                   .size = j->r.size,
		                   .max = j->max,
		                   .key = j->q->key };
	int rc = worker_start(&j->worker, j->q->loop, &what);
	fault_point("started");
	return rc < 0 ? err_set(why, rc, "keep a copy: %s", strerror(-rc)) : 0;
}

static int start(struct job *j, struct err *why)
{
	int rc = look(j, why);
	if (rc == -ENOENT) {
		/* Found twice, one after the other: what the first one made of it holds. */
		const struct entry *e = vault_find_unique(j->q, json_text(j->detail, "unique", ""));
		if (!e)
			return rc;
		snprintf(j->r.id, sizeof(j->r.id), "%s", e->id);
		return 1;
	}
	if (rc == 0)
		rc = lift(j, why);
	return rc < 0 ? rc : copy(j, why);
}

static int remove_names(struct job *j)
{
	struct stat st;
	int rc = place_unlink(&j->place, j->place.name, j->file);
	fault_point("first-name");
	/* Somebody else removed it meanwhile. */
	if (rc < 0 && fstat(j->file, &st) == 0 && st.st_nlink == 0)
		rc = 0;
	for (unsigned i = 0; rc == 0 && i < j->r.nnames; i++)
		place_unlink(&j->place, j->r.names[i].p, j->file);
	fault_point("unlinked");
	if (rc < 0)
		return rc;
	if (fstat(j->file, &st) == 0)
		j->r.other_names = st.st_nlink;
	/* If this fails, a crash may bring the names back; recovery takes them away again. */
	(void)place_sync(&j->place);
	return 0;
}

static void make_note(struct job *j)
{
	size_t n = 0;
	if (j->r.other_names)
		n = (size_t)snprintf(j->note, sizeof(j->note),
		                     "%llu other name(s) of the file remain in other folders",
		                     (unsigned long long)j->r.other_names);
	if (j->r.lost_attributes)
		snprintf(j->note + n, sizeof(j->note) - n,
		         "%s%u extended attribute(s) could not be kept", n ? "; " : "",
		         j->r.lost_attributes);
}

static int keep(struct job *j, struct err *why)
{
	char fresh[64], final[64];
	vault_name(j->r.id, ".new", fresh);
	vault_name(j->r.id, ".bin", final);
	fault_point("written");
	int rc = renameat(j->q->dir, fresh, j->q->dir, final) < 0 ? -errno
	                                                          : file_sync_dir(j->q->dir, final);
	fault_point("copied");
	if (rc == 0)
		rc = vault_make_room(j->q, j->r.stored, j->max);
	if (rc == -ENOSPC) {
		j->full = true;
		return err_set(why, rc, "Quarantine Storage Limit Exceeded: nothing can go now");
	}
	/* The record commits: from here on a crash is finished by recovery. */
	j->r.state = KEPT_QUARANTINED;
	if (rc == 0)
		rc = vault_save(j->q, &j->r);
	fault_point("recorded");
	if (rc < 0)
		return err_set(why, rc, "keep a copy: %s", strerror(-rc));
	j->saved = true;
	j->entry = vault_add(j->q, &j->r);
	rc = remove_names(j);
	if (rc < 0)
		return err_set(why, rc, "remove the file: %s", strerror(-rc));
	if (j->r.other_names) {
		flags_give(j->file, &j->r); /* those names stay as they were */
		vault_save(j->q, &j->r);
	}
	make_note(j);
	told_note(j->q);
	AUTO(json_decrefp) json_t *entry = kept_entry(&j->r);
	j->q->ears.changed(j->q->ears.arg, entry);
	return 1;
}

static int worked(struct job *j, const struct work_report *r, struct err *why)
{
	struct identity now = { 0 };
	char hex[65] = "";
	int rc = r->rc;
	if (rc == -EFBIG)
		return too_large(j, why);
	if (rc == 0)
		rc = identity_of(j->file, &now);
	/* What was written to it meanwhile would be lost with the name; ctime cannot be forged. */
	if (rc == 0 && (now.ctime_ns != j->r.file.ctime_ns || now.size != j->r.file.size))
		rc = -EAGAIN;
	if (rc == -EAGAIN && ++j->tries < TRIES) {
		rc = look(j, why);
		return rc < 0 ? rc : copy(j, why);
	}
	if (rc < 0)
		return err_set(why, rc,
		               rc == -EAGAIN ? "the file changes all the time" : "keep a copy: %s",
		               strerror(-rc));
	if (r->hashed)
		hex_lower(hex, r->sha256, sizeof(r->sha256));
	free(j->r.sha256);
	j->r.sha256 = xstrdup(hex);
	j->r.stored = r->bytes;
	return keep(j, why);
}

static void undo(struct job *j)
{
	static const char *const suffixes[] = { ".new", ".bin", ".json" };
	if (j->entry)
		vault_forget(j->q, j->entry);
	j->entry = NULL;
	if (j->r.flags && j->saved)
		flags_give(j->file, &j->r);
	for (size_t i = 0; *j->r.id && i < ARRAY_LEN(suffixes); i++) {
		char name[64];
		vault_name(j->r.id, suffixes[i], name);
		unlinkat(j->q->dir, name, 0);
	}
}

const struct job_kind job_take = { start, worked, undo };
