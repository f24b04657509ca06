#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/quarantine/vault.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/log.h"

/* After a crash: what was begun is finished or undone, so that each file is whole in one place. */

static bool exists(const struct quarantine *q, const char *id, const char *suffix)
{
	char name[64];
	struct stat st;
	vault_name(id, suffix, name);
	return fstatat(q->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void remove_one(const struct quarantine *q, const char *id, const char *suffix)
{
	char name[64];
	vault_name(id, suffix, name);
	unlinkat(q->dir, name, 0);
}

static int open_same(const struct place *p, const char *name, const struct identity *then)
{
	struct identity now = { 0 };
	AUTO(closep)
	int fd = openat(p->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || identity_of(fd, &now) < 0)
		return -errno;
	return identity_is(then, &now) ? TAKE_FD(fd) : -ESTALE;
}

/* Nothing was kept: the file gets its flags back. */
static void untake(struct quarantine *q, struct kept *r)
{
	struct place p = { .dir = -1 };
	r->file.ctime_ns = 0; /* lifting the flags changed it */
	if (place_open(buf_view(&r->path), r->mount, &p) == 0) {
		AUTO(closep) int fd = open_same(&p, p.name, &r->file);
		if (fd >= 0)
			flags_give(fd, r);
	}
	place_done(&p);
	remove_one(q, r->id, ".new");
	remove_one(q, r->id, ".bin");
	remove_one(q, r->id, ".json");
}

/* The copy is whole: the names that are still that very file go. */
static void finish_taking(const struct kept *r)
{
	struct place p = { .dir = -1 };
	if (place_open(buf_view(&r->path), r->mount, &p) == 0) {
		place_unlink_same(&p, p.name, &r->file);
		for (unsigned i = 0; i < r->nnames; i++)
			place_unlink_same(&p, r->names[i].p, &r->file);
		place_sync(&p);
	}
	place_done(&p);
}

/* It is at its new place, or what was begun there goes and it stays quarantined. */
static void finish_restoring(struct quarantine *q, struct kept *r)
{
	struct place p = { .dir = -1 };
	int rc = place_open(buf_view(&r->to), r->to_mount, &p);
	r->to_file.ctime_ns = 0; /* renaming changed it */
	AUTO(closep) int fd = rc == 0 && r->to_file.ino ? open_same(&p, p.name, &r->to_file) : -1;
	if (fd >= 0)
		flags_give(fd, r);
	else if (rc == 0)
		unlinkat(p.dir, r->to_temporary.p, 0);
	place_done(&p);
	if (fd >= 0) {
		if (vault_end(q, r, KEPT_RESTORED) == 0)
			json_array_append_new(q->arrived, kept_entry(r));
		return;
	}
	r->state = KEPT_QUARANTINED;
	if (vault_save(q, r) == 0)
		vault_add(q, r);
}

static void one_record(struct quarantine *q, const char *id)
{
	AUTO(kept_done) struct kept r = { 0 };
	struct err why = { { 0 } };
	if (vault_load(q, id, &r, &why) < 0) {
		log_error("quarantine: the record %s is left alone: %s", id, why.text);
		return;
	}
	switch (r.state) {
	case KEPT_TAKING:
		untake(q, &r);
		return;
	case KEPT_RESTORED:
	case KEPT_DELETED:
		remove_one(q, id, ".bin"); /* first: without it the record is a leftover */
		remove_one(q, id, ".json");
		return;
	case KEPT_QUARANTINED:
	case KEPT_RESTORING:
	case KEPT_STATES:
		break;
	}
	if (!exists(q, id, ".bin")) {
		remove_one(q, id, ".json"); /* the last step of an end was missing */
	} else if (r.state == KEPT_RESTORING) {
		finish_restoring(q, &r);
	} else {
		finish_taking(&r);
		vault_add(q, &r);
	}
}

static bool id_of(const char *name, const char *suffix, char out[static KEPT_ID])
{
	struct str s = str_of(name), tail = str_of(suffix);
	if (!str_ends(s, tail) || s.n - tail.n >= KEPT_ID)
		return false;
	snprintf(out, KEPT_ID, "%.*s", (int)(s.n - tail.n), name);
	return kept_id_fits(out);
}

static void each_name(struct quarantine *q, void (*each)(struct quarantine *q, const char *name))
{
	DIR *d = file_dir(q->dir);
	for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
		each(q, e->d_name);
	if (d)
		closedir(d);
}

static void look_at_record(struct quarantine *q, const char *name)
{
	char id[KEPT_ID];
	if (id_of(name, ".json", id))
		one_record(q, id);
}

/* Copies that never got a record, and temporaries. */
static void look_at_leftover(struct quarantine *q, const char *name)
{
	char id[KEPT_ID];
	if (str_ends(str_of(name), STR(".new")) ||
	    (id_of(name, ".bin", id) && !exists(q, id, ".json")))
		unlinkat(q->dir, name, 0);
}

void vault_recover(struct quarantine *q)
{
	each_name(q, look_at_record);
	each_name(q, look_at_leftover);
}
