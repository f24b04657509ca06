#include "agent/spool/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

enum { ROUTES_MAX = 1 << 16, PAUSE_FIRST_MS = 5000, PAUSE_MAX_MS = 60000 };

static const char routes_name[] = "routes.json";

static void folder_of(int64_t id, char out[static 40])
{
	snprintf(out, 40, "receiver-%" PRId64, id);
}

static void outlet_free(struct outlet *out)
{
	journal_done(&out->journal);
	free(out);
}

static struct outlet *find(const struct outlets *o, int64_t id)
{
	struct outlet *out = NULL;
	LIST_FOREACH (out, &o->list, next)
		if (out->id == id)
			return out;
	return NULL;
}

static int open_one(struct outlets *o, int64_t id, struct err *why)
{
	char name[40];
	folder_of(id, name);
	if (mkdirat(o->dir, name, 0700) < 0 && errno != EEXIST)
		return err_set(why, -errno, "make %s: %s", name, strerror(errno));
	int dir = openat(o->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return err_set(why, -errno, "open %s: %s", name, strerror(errno));
	struct outlet *out = xcalloc(1, sizeof(*out));
	out->id = id;
	int rc = journal_open(&out->journal, dir, &disk_real, o->max_bytes, why);
	if (rc < 0)
		outlet_free(out);
	else
		LIST_INSERT_HEAD(&o->list, out, next);
	return rc;
}

static bool leads_to(const json_t *routes, int64_t id)
{
	const char *class;
	json_t *v;
	json_object_foreach ((json_t *)(uintptr_t)routes, class, v)
		if (json_integer_value(v) == id)
			return true;
	return false;
}

static int open_new(struct outlets *o, struct err *why)
{
	const char *class;
	json_t *v;
	json_object_foreach (o->routes, class, v) {
		int64_t id = json_integer_value(v);
		int rc = id <= 0 || find(o, id) ? 0 : open_one(o, id, why);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int drop_old(struct outlets *o)
{
	int rc = 0;
	struct outlet *out = NULL, *after = NULL;
	for (out = LIST_FIRST(&o->list); out && rc == 0; out = after) {
		char name[40];
		after = LIST_NEXT(out, next);
		if (leads_to(o->routes, out->id))
			continue;
		folder_of(out->id, name);
		LIST_REMOVE(out, next);
		outlet_free(out);
		rc = file_remove_tree(o->dir, name);
	}
	return rc;
}

int outlets_open(struct outlets *o, int dir, uint64_t max_bytes, struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	*o = (struct outlets){ .dir = dir, .max_bytes = max_bytes };
	LIST_INIT(&o->list);
	int rc = file_read(dir, routes_name, ROUTES_MAX, &b);
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return err_set(why, rc, "read %s: %s", routes_name, strerror(-rc));
	/* What cannot be read comes again with the policy. */
	o->routes = json_parse(buf_view(&b), NULL);
	return open_new(o, why);
}

void outlets_done(struct outlets *o)
{
	struct outlet *out = NULL, *after = NULL;
	for (out = LIST_FIRST(&o->list); out; out = after) {
		after = LIST_NEXT(out, next);
		outlet_free(out);
	}
	LIST_INIT(&o->list);
	json_decref(o->routes);
	o->routes = NULL;
}

int outlets_route(struct outlets *o, const json_t *routes)
{
	AUTO(buf_done) struct buf b = { 0 };
	struct err why = { { 0 } };
	if (json_object_size(routes) == 0)
		routes = NULL;
	if (!o->routes && !routes)
		return 0;
	if (o->routes && routes && json_equal(o->routes, routes))
		return 0;
	json_decref(o->routes);
	o->routes = routes ? json_deep_copy(routes) : json_object();
	json_write(&b, o->routes);
	int rc = buf_end(&b);
	if (rc == 0)
		rc = file_replace(o->dir, routes_name, b.p, b.n, 0600);
	if (rc == 0)
		rc = open_new(o, &why);
	return rc < 0 ? rc : drop_old(o);
}

int outlets_add(struct outlets *o, const struct event *ev, struct str text)
{
	/* A policy may keep here what is less grave than what it sends on. */
	if (json_is_false(json_object_get(ev->fields, "Forward")))
		return 0;
	struct outlet *out = find(o, json_int(o->routes, ev->class->name, 0));
	if (!out)
		return 0;
	int rc = journal_add(&out->journal, ev->kind->severity, str_of(ev->unique), text);
	return rc < 0 ? rc : 0;
}

int outlets_commit(struct outlets *o)
{
	struct outlet *out = NULL;
	LIST_FOREACH (out, &o->list, next) {
		int rc = journal_commit(&out->journal);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int outlets_limit(struct outlets *o, uint64_t max_bytes)
{
	struct outlet *out = NULL;
	o->max_bytes = max_bytes;
	LIST_FOREACH (out, &o->list, next) {
		int rc = journal_limit(&out->journal, max_bytes);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int64_t outlets_next(struct outlets *o, unsigned max_events, size_t max_bytes, struct buf *out)
{
	struct outlet *at = NULL;
	uint64_t now = clock_mono_ms();
	LIST_FOREACH (at, &o->list, next) {
		if (at->in_flight || now < at->again_ms)
			continue;
		int n = journal_batch(&at->journal, max_events, max_bytes, out);
		if (n < 0)
			return n;
		if (n == 0)
			continue;
		at->in_flight = true;
		return at->id;
	}
	return 0;
}

int outlets_answer(struct outlets *o, int64_t id, uint64_t seq)
{
	struct outlet *out = find(o, id);
	if (!out || !out->in_flight) /* no longer led to */
		return 0;
	out->in_flight = false;
	if (seq) {
		out->again_ms = out->pause_ms = 0;
		return journal_ack(&out->journal, seq);
	}
	journal_unpin(&out->journal);
	out->pause_ms = out->pause_ms ? out->pause_ms * 2 : PAUSE_FIRST_MS;
	if (out->pause_ms > PAUSE_MAX_MS)
		out->pause_ms = PAUSE_MAX_MS;
	out->again_ms = clock_mono_ms() + out->pause_ms;
	return 0;
}

void outlets_restart(struct outlets *o)
{
	struct outlet *out = NULL;
	LIST_FOREACH (out, &o->list, next) {
		out->in_flight = false;
		out->again_ms = out->pause_ms = 0;
		journal_unpin(&out->journal);
	}
}

uint64_t outlets_lost(struct outlets *o, int64_t *id)
{
	struct outlet *out = NULL;
	LIST_FOREACH (out, &o->list, next) {
		uint64_t n = out->journal.state.s.untold;
		if (n == 0)
			continue;
		out->journal.state.s.untold = 0;
		out->journal.state_dirty = true;
		*id = out->id;
		return n;
	}
	return 0;
}
