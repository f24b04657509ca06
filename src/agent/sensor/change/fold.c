#include "agent/sensor/change/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>

#include "base/auto.h"

enum { SETTLE_MS = 100, WRITING_MS = 700 };

void fold_init(struct fold *f)
{
	*f = (struct fold){ 0 };
	TAILQ_INIT(&f->list);
}

void folded_free(struct folded *d)
{
	if (!d)
		return;
	person_drop(d->by);
	free(d->text);
	free(d);
}

void fold_done(struct fold *f)
{
	for (struct folded *d = TAILQ_FIRST(&f->list), *after = NULL; d; d = after) {
		after = TAILQ_NEXT(d, next);
		folded_free(d);
	}
	TAILQ_INIT(&f->list);
	map_done(&f->by_name);
}

/* The name is behind the handle, which knows its own length. Without a directory: the file's own.
 */
static struct str key_of(const struct folded *d)
{
	return d->dir.n ? (struct str){ d->text, d->dir.n + d->name.n } : d->file;
}

static struct folded *folded_new(struct str dir, struct str name, struct str file)
{
	struct folded *d = xcalloc(1, sizeof(*d));
	const struct str in[] = { dir, name, file };
	struct str *out[] = { &d->dir, &d->name, &d->file };
	d->text = xcalloc(1, dir.n + name.n + file.n + 1);
	char *at = d->text;
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		if (in[i].n)
			memcpy(at, in[i].p, in[i].n);
		*out[i] = (struct str){ at, in[i].n };
		at += in[i].n;
	}
	return d;
}

int fold_add(struct fold *f, uint64_t mask, struct str dir, struct str name, struct str file,
             struct person *by, uint64_t now_ms)
{
	struct folded *new = folded_new(dir, name, file);
	struct folded *d = map_get(&f->by_name, key_of(new));
	if (d) {
		folded_free(new);
		d->mask |= mask;
		person_drop(d->by);
		d->by = person_hold(by);
		return 0;
	}
	if (f->by_name.n >= FOLD_MAX) {
		folded_free(new);
		return -ENOBUFS;
	}
	new->mask = mask;
	new->since_ms = now_ms;
	new->by = person_hold(by);
	map_set(&f->by_name, key_of(new), new);
	TAILQ_INSERT_TAIL(&f->list, new, next);
	return 0;
}

static bool is_due(const struct folded *d, uint64_t now_ms)
{
	bool writing = (d->mask & ~(uint64_t)FAN_ONDIR) == FAN_MODIFY;
	return now_ms - d->since_ms >= (writing ? (uint64_t)WRITING_MS : (uint64_t)SETTLE_MS);
}

struct folded *fold_take(struct fold *f, uint64_t now_ms)
{
	struct folded *d = NULL;
	TAILQ_FOREACH (d, &f->list, next) {
		/* Those behind it are younger still. */
		if (now_ms - d->since_ms < SETTLE_MS)
			return NULL;
		if (is_due(d, now_ms))
			break;
	}
	if (!d)
		return NULL;
	map_del(&f->by_name, key_of(d));
	TAILQ_REMOVE(&f->list, d, next);
	return d;
}
