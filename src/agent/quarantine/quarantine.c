#include "agent/quarantine/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/quarantine/vault.h"
#include "base/auto.h"
#include "base/json.h"

/* So many files are copied at the same time; the others wait. */
enum { RUNNING_MAX = 2 };

/* ---- jobs ---- */

static void join(struct job *j, struct quarantine_caller caller)
{
	struct waiter *w = xcalloc(1, sizeof(*w));
	w->caller = caller;
	STAILQ_INSERT_TAIL(&j->waiters, w, next);
}

static struct job *job_new(struct quarantine *q, const struct job_kind *kind,
                           struct quarantine_caller caller)
{
	struct job *j = xcalloc(1, sizeof(*j));
	j->q = q;
	j->kind = kind;
	j->worker.watch.fd = j->worker.late.fd = j->file = j->copy = j->place.dir = -1;
	STAILQ_INIT(&j->waiters);
	join(j, caller);
	TAILQ_INSERT_TAIL(&q->jobs, j, next);
	return j;
}

static void job_free(struct job *j)
{
	while (!STAILQ_EMPTY(&j->waiters)) {
		struct waiter *w = STAILQ_FIRST(&j->waiters);
		STAILQ_REMOVE_HEAD(&j->waiters, next);
		free(w);
	}
	TAILQ_REMOVE(&j->q->jobs, j, next);
	worker_stop(&j->worker);
	closep(&j->file);
	closep(&j->copy);
	place_done(&j->place);
	kept_done(&j->r);
	json_decref(j->detail);
	explicit_bzero(j->password, sizeof(j->password));
	free(j->path);
	free(j);
}

/* The callers may ask for the next thing at once: the job is out of the way before. */
static void end(struct job *j, int rc, const struct err *why)
{
	struct quarantine *q = j->q;
	struct quarantine_answer a = { .rc = rc < 0 ? rc : 0,
		                       .full = j->full,
		                       .error = rc < 0 ? why->text : NULL,
		                       .note = *j->note ? j->note : NULL,
		                       .record_id = j->r.id,
		                       .password = *j->password ? j->password : NULL,
		                       .fd = rc < 0 || !*j->password ? -1 : j->copy };
	if (rc < 0)
		j->kind->undo(j);
	if (j->entry)
		j->entry->busy = false;
	q->running -= j->running;
	struct waiter *w = NULL;
	STAILQ_FOREACH (w, &j->waiters, next)
		w->caller.done(w->caller.arg, &a);
	job_free(j);
}

static void pump(struct quarantine *q);

static void worked(struct worker *worker, const struct work_report *r)
{
	struct job *j = CONTAINER_OF(worker, struct job, worker);
	struct quarantine *q = j->q;
	struct err why = { { 0 } };
	int rc = j->kind->worked(j, r, &why);
	if (rc != 0) /* else it goes on with another worker */
		end(j, rc, &why);
	pump(q);
}

/* Starts what can be started now. */
static void pump(struct quarantine *q)
{
	while (q->running < RUNNING_MAX) {
		struct job *j = NULL;
		struct err why = { { 0 } };
		/* The analyzer does not follow TAILQ_REMOVE(). */
		TAILQ_FOREACH (j, &q->jobs, next)
			if (!j->running) /* NOLINT(clang-analyzer-unix.Malloc) */
				break;
		if (!j)
			return;
		j->running = true;
		j->worker.done = worked;
		q->running++;
		int rc = j->kind->start(j, &why);
		if (rc != 0)
			end(j, rc, &why);
	}
}

/* ---- what is asked ---- */

struct quarantine *quarantine_new(struct loop *l, const char *lib,
                                  const struct quarantine_ears *ears, struct err *why)
{
	struct quarantine *q = xcalloc(1, sizeof(*q));
	q->loop = l;
	q->dir = -1;
	q->ears = *ears;
	q->arrived = json_array();
	TAILQ_INIT(&q->entries);
	TAILQ_INIT(&q->jobs);
	if (vault_open(q, lib, why) == 0)
		return q;
	quarantine_free(q);
	return NULL;
}

void quarantine_free(struct quarantine *q)
{
	if (!q)
		return;
	while (!TAILQ_EMPTY(&q->jobs)) {
		struct job *j = TAILQ_FIRST(&q->jobs);
		worker_stop(&j->worker);
		if (j->running)
			j->kind->undo(j);
		job_free(j);
	}
	while (!TAILQ_EMPTY(&q->entries))
		vault_forget(q, TAILQ_FIRST(&q->entries));
	closep(&q->dir);
	json_decref(q->exempt);
	json_decref(q->arrived);
	explicit_bzero(q->key, sizeof(q->key));
	free(q);
}

static void refuse(struct quarantine_caller caller, int rc, const char *why)
{
	const struct quarantine_answer a = { .rc = rc, .error = why, .record_id = "", .fd = -1 };
	caller.done(caller.arg, &a);
}

/* The same file, found twice at the same time. */
static struct job *same_file(struct quarantine *q, const struct quarantine_file *f)
{
	struct job *j = NULL;
	TAILQ_FOREACH (j, &q->jobs, next)
		if (j->kind == &job_take && j->dev == f->dev && j->ino == f->ino)
			break;
	return j;
}

void quarantine_put(struct quarantine *q, const struct quarantine_file *f,
                    struct quarantine_caller caller)
{
	struct job *j = same_file(q, f);
	if (j) {
		join(j, caller);
		return;
	}
	int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0) {
		refuse(caller, -errno, strerror(errno));
		return;
	}
	j = job_new(q, &job_take, caller);
	j->file = fd;
	j->path = xstrdup(f->path);
	j->dev = f->dev;
	j->ino = f->ino;
	j->max = f->max;
	j->detail = json_deep_copy(f->detail);
	pump(q);
}

static struct job *record_job(struct quarantine *q, const struct job_kind *kind, const char *id,
                              struct quarantine_caller caller)
{
	struct err why = { { 0 } };
	struct entry *e = vault_find(q, id);
	if (!e || e->busy) {
		err_set(&why, 0,
		        e ? "something else is being done with that file"
		          : "there is no quarantined file %.40s",
		        id);
		refuse(caller, e ? -EBUSY : -ENOENT, why.text);
		return NULL;
	}
	struct job *j = job_new(q, kind, caller);
	j->entry = e;
	e->busy = true;
	return j;
}

void quarantine_restore(struct quarantine *q, const struct quarantine_return *what,
                        struct quarantine_caller caller)
{
	struct job *j = record_job(q, &job_restore, what->id, caller);
	if (!j)
		return;
	j->path = what->path ? xstrdup(what->path) : NULL;
	j->overwrite = what->overwrite;
	j->again = what->again;
	pump(q);
}

void quarantine_fetch(struct quarantine *q, const char *id, struct quarantine_caller caller)
{
	if (record_job(q, &job_pack, id, caller))
		pump(q);
}

int quarantine_delete(struct quarantine *q, const char *id, struct err *why)
{
	AUTO(kept_done) struct kept r = { 0 };
	struct entry *e = vault_find(q, id);
	if (!e)
		return err_set(why, -ENOENT, "there is no quarantined file %.40s", id);
	if (e->busy)
		return err_set(why, -EBUSY, "something else is being done with that file");
	int rc = vault_load(q, id, &r, why);
	if (rc < 0)
		return rc;
	rc = vault_end(q, &r, KEPT_DELETED);
	if (rc < 0)
		return err_set(why, rc, "delete: %s", strerror(-rc));
	AUTO(json_decrefp) json_t *entry = kept_entry(&r);
	vault_forget(q, e);
	q->ears.changed(q->ears.arg, entry);
	return 0;
}

json_t *quarantine_list(const struct quarantine *q)
{
	json_t *list = json_copy(q->arrived); /* nobody was told of them yet */
	const struct entry *e = NULL;
	TAILQ_FOREACH (e, &q->entries, next) {
		AUTO(kept_done) struct kept r = { 0 };
		if (vault_load(q, e->id, &r, NULL) == 0)
			json_array_append_new(list, kept_entry(&r));
	}
	return list;
}

json_t *quarantine_report(const struct quarantine *q)
{
	json_t *o = json_object();
	json_set_int(o, "bytes", (int64_t)q->bytes);
	json_set_int(o, "files", q->n);
	json_set_int(o, "max", (int64_t)q->max);
	return o;
}

json_t *quarantine_exempt(const struct quarantine *q)
{
	return json_deep_copy(q->exempt);
}

int quarantine_unlink(int fd, const char *path, unsigned *left)
{
	AUTO(kept_done) struct kept r = { 0 };
	struct place p = { .dir = -1 };
	struct stat st;
	*left = 0;
	int rc = place_find(fd, str_of(path), &p, &r);
	if (rc == 0)
		rc = traits_read(fd, &r);
	if (rc == 0)
		rc = flags_lift(fd, &r);
	if (rc == 0)
		rc = place_unlink(&p, p.name, fd);
	for (unsigned i = 0; rc == 0 && i < r.nnames; i++)
		place_unlink(&p, r.names[i].p, fd);
	if (rc == 0 && fstat(fd, &st) == 0)
		*left = (unsigned)st.st_nlink;
	if (rc < 0 && rc != -ENOENT && r.flags)
		flags_give(fd, &r);
	if (rc == 0)
		place_sync(&p);
	place_done(&p);
	return rc == -ENOENT ? 0 : rc;
}
