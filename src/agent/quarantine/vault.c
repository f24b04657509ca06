#include "agent/quarantine/vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/rand.h"

void vault_name(const char *id, const char *suffix, char out[static 64])
{
	snprintf(out, 64, "%s%s", id, suffix);
}

/* ---- records on disk ---- */

int vault_load(const struct quarantine *q, const char *id, struct kept *out, struct err *why)
{
	char name[64];
	AUTO(buf_done) struct buf b = { 0 };
	if (!kept_id_fits(id))
		return err_set(why, -ENOENT, "there is no quarantined file %.40s", id);
	vault_name(id, ".json", name);
	int rc = file_read(q->dir, name, KEPT_MAX, &b);
	if (rc == -ENOENT)
		return err_set(why, rc, "there is no quarantined file %.40s", id);
	if (rc < 0)
		return err_set(why, rc, "read the record: %s", strerror(-rc));
	return kept_parse(buf_view(&b), out, why);
}

int vault_save(const struct quarantine *q, const struct kept *r)
{
	char name[64];
	AUTO(buf_done) struct buf b = { 0 };
	vault_name(r->id, ".json", name);
	kept_write(r, &b);
	return buf_end(&b) < 0 ? -ENOMEM : file_replace(q->dir, name, b.p, b.n, 0600);
}

static void remove_files(const struct quarantine *q, const char *id)
{
	static const char *const suffixes[] = { ".new", ".bin", ".json" };
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		char name[64];
		vault_name(id, suffixes[i], name);
		unlinkat(q->dir, name, 0);
	}
}

int vault_end(struct quarantine *q, struct kept *r, enum kept_state state)
{
	enum kept_state before = r->state;
	r->state = state;
	int rc = vault_save(q, r);
	if (rc < 0) {
		r->state = before;
		return rc;
	}
	/* The manager keeps the history; here it would only grow. */
	remove_files(q, r->id);
	return 0;
}

/* ---- the index ---- */

struct entry *vault_find(struct quarantine *q, const char *id)
{
	struct entry *e = NULL;
	TAILQ_FOREACH (e, &q->entries, next)
		if (strcmp(e->id, id) == 0)
			break;
	return e;
}

struct entry *vault_find_unique(struct quarantine *q, const char *unique)
{
	struct entry *e = NULL;
	TAILQ_FOREACH (e, &q->entries, next)
		if (*unique && strcmp(e->unique, unique) == 0)
			break;
	return e;
}

struct entry *vault_add(struct quarantine *q, const struct kept *r)
{
	struct entry *e = xcalloc(1, sizeof(*e)), *before = NULL;
	snprintf(e->id, sizeof(e->id), "%s", r->id);
	snprintf(e->unique, sizeof(e->unique), "%s", r->unique ? r->unique : "");
	e->time_ms = r->time_ms;
	e->stored = r->stored;
	q->bytes += e->stored;
	q->n++;
	TAILQ_FOREACH_REVERSE(before, &q->entries, entries, next)
	if (before->time_ms <= e->time_ms)
		break;
	if (before)
		TAILQ_INSERT_AFTER(&q->entries, before, e, next);
	else
		TAILQ_INSERT_HEAD(&q->entries, e, next);
	return e;
}

void vault_forget(struct quarantine *q, struct entry *e)
{
	if (!e)
		return;
	TAILQ_REMOVE(&q->entries, e, next);
	q->bytes -= e->stored;
	q->n--;
	free(e);
}

static int drop(struct quarantine *q, struct entry *e)
{
	AUTO(kept_done) struct kept r = { 0 };
	struct err why = { { 0 } };
	int rc = vault_load(q, e->id, &r, &why);
	if (rc == 0)
		rc = vault_end(q, &r, KEPT_DELETED);
	if (rc < 0)
		return rc;
	AUTO(json_decrefp) json_t *entry = kept_entry(&r);
	AUTO(buf_done) struct buf path = { 0 };
	buf_safe(&path, buf_view(&r.path));
	vault_forget(q, e);
	q->ears.changed(q->ears.arg, entry);
	q->ears.dropped(q->ears.arg, path.p ? path.p : "");
	return 0;
}

int vault_make_room(struct quarantine *q, uint64_t need, uint64_t max)
{
	unsigned count = 0;
	q->max = max;
	if (max == 0 || q->bytes + need <= max)
		return 0;
	uint64_t goal = max - max / 5;
	for (struct entry *e = TAILQ_FIRST(&q->entries), *after = NULL; e && q->bytes + need > goal;
	     e = after) {
		after = TAILQ_NEXT(e, next);
		if (!e->busy)
			count += drop(q, e) == 0;
	}
	if (count)
		q->ears.full(q->ears.arg, count);
	return q->bytes + need <= max ? 0 : -ENOSPC;
}

/* ---- opening ---- */

static int load_key(struct quarantine *q)
{
	AUTO(buf_done) struct buf b = { 0 };
	int rc = file_read(q->dir, "key", SEAL_KEY, &b);
	if (rc == -ENOENT) {
		rand_bytes(q->key, SEAL_KEY);
		return file_replace(q->dir, "key", q->key, SEAL_KEY, 0600);
	}
	if (rc < 0 || b.n != SEAL_KEY)
		return rc < 0 ? rc : -EINVAL;
	memcpy(q->key, b.p, SEAL_KEY);
	explicit_bzero(b.p, b.n);
	return 0;
}

int vault_open(struct quarantine *q, const char *lib, struct err *why)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/quarantine", lib);
	int rc = file_mkdirs(AT_FDCWD, path, 0700, (uid_t)-1, (gid_t)-1);
	q->dir = rc < 0 ? rc : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (rc == 0)
		rc = q->dir < 0 ? -errno : load_key(q);
	if (rc < 0)
		return err_set(why, rc, "quarantine %s: %s", path, strerror(-rc));
	exempt_load(q);
	told_load(q);
	vault_recover(q);
	return 0;
}
