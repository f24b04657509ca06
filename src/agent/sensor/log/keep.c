#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensor/log/logs.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

/* The state of `logs` over kill -9 and restarts. */

enum { STATE_MAX = 128 << 20 };

static const char name[] = "positions";

static void take_file(struct logs *l, const struct position *p)
{
	if (p->sought) {
		remnant_add(l, p, p->away);
		TAILQ_LAST(&l->remnants, remnant_list)->at.since_ns = p->since_ns;
		return;
	}
	struct follow *f = follow_new(p->path, (enum li_format)(p->format % LI_FORMATS));
	const struct str path = f->at.path;
	f->at = *p;
	f->at.path = path;
	f->saved = true;
	TAILQ_INSERT_TAIL(&l->files, f, next);
}

void logs_load(struct logs *l)
{
	AUTO(buf_done) struct buf b = { 0 };
	AUTO(arena_done) struct arena arena = { 0 };
	struct positions p = { 0 };
	int rc = file_read(l->dir, name, STATE_MAX, &b);
	if (rc == 0)
		rc = positions_read(buf_view(&b), &arena, &p);
	if (rc < 0) {
		if (rc != -ENOENT)
			log_error("positions in logs: %s; logs are read from now on",
			          strerror(-rc));
		return;
	}
	l->saved_ns = p.saved_ns;
	for (size_t i = 0; i < p.nfiles; i++)
		take_file(l, &p.files[i]);
	l->known = xcalloc(p.nsources + 1, sizeof(*l->known));
	for (size_t i = 0; i < p.nsources; i++)
		l->known[l->nknown++] = str_dup(p.sources[i]);
	if (p.cursor.n)
		l->cursor = str_dup(p.cursor);
	buf_str(&l->kept_engine, p.engine);
}

static size_t count(const struct logs *l)
{
	const struct follow *f;
	const struct remnant *r;
	size_t n = 0;
	TAILQ_FOREACH (f, &l->files, next)
		n++;
	TAILQ_FOREACH (r, &l->remnants, next)
		n++;
	return n;
}

static void collect(struct logs *l, struct arena *arena, struct positions *p)
{
	struct follow *f;
	const struct remnant *r;
	p->files = arena_array(arena, count(l) + 1, sizeof(*p->files));
	/* First what is looked for: the next life looks for it first, too. */
	TAILQ_FOREACH (r, &l->remnants, next)
		p->files[p->nfiles++] = r->at;
	TAILQ_FOREACH (f, &l->files, next)
		p->files[p->nfiles++] = f->at;
	p->sources = arena_array(arena, l->nknown + 1, sizeof(*p->sources));
	for (size_t i = 0; i < l->nknown; i++)
		p->sources[p->nsources++] = str_of(l->known[i]);
	if (l->cursor)
		p->cursor = str_of(l->cursor);
}

int logs_save(struct logs *l)
{
	AUTO(arena_done) struct arena arena = { 0 };
	AUTO(buf_done) struct buf engine = { 0 };
	AUTO(buf_done) struct buf b = { 0 };
	struct positions p = { 0 };
	struct follow *f;
	collect(l, &arena, &p);
	p.saved_ns = (int64_t)clock_ms() * 1000000;
	if (l->engine) {
		li_engine_save(l->engine, &engine);
		p.engine = buf_view(&engine);
	} else {
		p.engine = buf_view(&l->kept_engine);
	}
	positions_write(&b, &p);
	int rc = buf_end(&b) < 0 ? -ENOMEM : file_replace(l->dir, name, b.p, b.n, 0600);
	if (rc < 0 && rc != l->save_error)
		log_error("keep the positions in logs: %s", strerror(-rc));
	l->save_error = rc < 0 ? rc : 0;
	if (rc < 0)
		return rc;
	TAILQ_FOREACH (f, &l->files, next)
		f->saved = true;
	l->dirty = false;
	return 0;
}
