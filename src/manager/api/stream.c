#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "manager/api/app.h"

/* Server-sent events (WHATWG HTML 9.2): one ring of recent messages, and the clients that listen.
 */

enum { RECENT_MAX = 1000, PING_MS = 15000, LISTENERS_MAX = 500 };

struct listening {
	LIST_ENTRY(listening) next;
	uint64_t request;
	char *topics; /* owned; ",events,jobs," or NULL: all */
	json_t *role; /* owned: what may be seen */
	int64_t role_id;
	int64_t administrator;
	char session[65]; /* as it is stored; empty: an API key listens */
	int64_t key;
	uint64_t pinged_ms;
};

static void write_message(struct buf *b, const json_t *m)
{
	buf_fmt(b, "id: %lld\nevent: %s\ndata: ", (long long)json_int(m, "id", 0),
	        json_text(m, "event", ""));
	json_write(b, json_object_get(m, "data"));
	buf_z(b, "\n\n");
}

static bool wants(const struct listening *l, const char *topic)
{
	if (!l->topics)
		return true;
	AUTO(buf_done) struct buf b = { 0 };
	buf_fmt(&b, ",%s,", topic);
	return strstr(l->topics, b.p) != NULL;
}

/* A message is about a computer, or about none. */
static bool may_see(struct app *a, const struct listening *l, const json_t *m)
{
	const json_t *o = json_object_at(json_object_at(m, "data"), "object");
	bool computer = strcmp(json_text(m, "topic", ""), "computers") == 0;
	struct call c = { .app = a, .role = l->role, .who.role = l->role_id };
	return access_computer(&c, json_int(o, computer ? "ID" : "computerID", 0), false);
}

bool stream_heard(const struct app *a)
{
	return !LIST_EMPTY(&a->listeners);
}

void stream_unheard(struct app *a)
{
	a->news++;
	if (json_array_size(a->recent))
		json_array_clear(a->recent);
}

void stream_say(struct app *a, const char *topic, const char *event, json_t *data)
{
	if (!stream_heard(a)) {
		json_decref(data);
		stream_unheard(a);
		return;
	}
	json_t *m = json_pack("{s:I,s:s,s:s,s:o}", "id", (json_int_t)++a->news, "topic", topic,
	                      "event", event, "data", data);
	if (json_array_size(a->recent) >= RECENT_MAX)
		json_array_remove(a->recent, 0);
	json_array_append_new(a->recent, m);
	AUTO(buf_done) struct buf b = { 0 };
	write_message(&b, m);
	struct listening *l;
	LIST_FOREACH (l, &a->listeners, next)
		if (wants(l, topic) && may_see(a, l, m))
			a->hooks->chunk(a, l->request, buf_view(&b));
}

/* What came after `last`, or a request to read everything again when that is not known any more. */
static void catch_up(struct app *a, const struct listening *l, uint64_t last, struct buf *b)
{
	size_t i;
	json_t *m;
	uint64_t first = (uint64_t)json_int(json_array_get(a->recent, 0), "id", 0);
	if (last > a->news || (first ? last + 1 < first : last < a->news)) {
		buf_fmt(b, "id: %llu\nevent: resync\ndata: {}\n\n", (unsigned long long)a->news);
		return;
	}
	json_array_foreach (a->recent, i, m)
		if ((uint64_t)json_int(m, "id", 0) > last && wants(l, json_text(m, "topic", "")) &&
		    may_see(a, l, m))
			write_message(b, m);
}

int stream_open(struct call *c)
{
	struct app *a = c->app;
	struct listening *l = NULL;
	unsigned n = 0;
	LIST_FOREACH (l, &a->listeners, next)
		n++;
	if (n >= LISTENERS_MAX) {
		err_set(&c->why, 0, "Too many streams are open.");
		return 503;
	}
	l = xcalloc(1, sizeof(*l));
	const char *topics = query_text(c->rq, "topics", NULL);
	const char *last =
		json_text(c->rq->headers, "last-event-id", query_text(c->rq, "lastEventID", NULL));
	AUTO(buf_done) struct buf b = { 0 }, t = { 0 };
	if (topics) {
		buf_fmt(&t, ",%s,", topics);
		l->topics = buf_take(&t);
	}
	l->role = json_incref(c->role);
	l->role_id = c->who.role;
	l->request = c->rq->id;
	l->administrator = c->who.administrator;
	l->key = c->who.key;
	memcpy(l->session, c->who.sid, sizeof(l->session));
	l->pinged_ms = clock_mono_ms();
	LIST_INSERT_HEAD(&a->listeners, l, next);
	uint64_t after = 0;
	buf_fmt(&b, "retry: 2000\n\n");
	if (last && str_u64(str_of(last), 0, UINT64_MAX, &after) == 0)
		catch_up(a, l, after, &b);
	else
		buf_fmt(&b, "id: %llu\nevent: hello\ndata: {}\n\n", (unsigned long long)a->news);
	AUTO(json_decrefp)
	json_t *headers = json_pack("{s:s,s:s}", "Content-Type", "text/event-stream",
	                            "Cache-Control", "no-store");
	a->hooks->reply(a, c->rq->id, 200, headers, buf_view(&b), true);
	c->later = true;
	return 200;
}

static void listening_free(struct listening *l)
{
	LIST_REMOVE(l, next);
	free(l->topics);
	json_decref(l->role);
	free(l);
}

bool stream_gone(struct app *a, uint64_t id)
{
	struct listening *l;
	LIST_FOREACH (l, &a->listeners, next) {
		if (l->request == id) {
			listening_free(l);
			return true;
		}
	}
	return false;
}

/* The session or key that asked is still there. */
static bool is_signed_in(struct app *a, const struct listening *l)
{
	struct rows r;
	if (!l->session[0]) {
		AUTO(json_decrefp) json_t *key = object_get(a->store, "apikeys", l->key);
		int64_t until = json_int(key, "expiryDate", 0);
		return key && json_bool(key, "active", true) &&
		       (until == 0 || until > (int64_t)clock_ms());
	}
	int rc = store_query(a->store, STMT_SESSION_GET, ARGS(VAL_TEXT(l->session)), &r);
	bool there = rc < 0 || rows_next(&r) != 0;
	rows_done(&r);
	return there;
}

/* ... and may see what it saw. */
static bool is_as_before(struct app *a, const struct listening *l)
{
	AUTO(json_decrefp) json_t *role = object_get(a->store, "roles", l->role_id);
	if (!l->role || !json_equal(role, l->role))
		return false;
	if (!l->session[0])
		return true;
	AUTO(json_decrefp) json_t *admin = object_get(a->store, "administrators", l->administrator);
	return admin && json_bool(admin, "active", true) &&
	       json_int(admin, "roleID", 1) == l->role_id;
}

static void end(struct app *a, struct listening *l)
{
	uint64_t request = l->request;
	listening_free(l);
	a->hooks->chunk(a, request, (struct str){ 0 });
}

void stream_review(struct app *a)
{
	struct listening *l = LIST_FIRST(&a->listeners);
	for (struct listening *next = NULL; l; l = next) {
		next = LIST_NEXT(l, next);
		if (!is_signed_in(a, l))
			end(a, l);
	}
}

void stream_tick(struct app *a)
{
	struct listening *l;
	uint64_t now = clock_mono_ms();
	stream_review(a);
	l = LIST_FIRST(&a->listeners);
	for (struct listening *next = NULL; l; l = next) {
		next = LIST_NEXT(l, next);
		if (now - l->pinged_ms < PING_MS)
			continue;
		/* It comes back by itself, with what it may see now. */
		if (!is_as_before(a, l)) {
			end(a, l);
			continue;
		}
		l->pinged_ms = now;
		a->hooks->chunk(a, l->request, STR(": ping\n\n"));
	}
}

void stream_over(struct app *a)
{
	while (!LIST_EMPTY(&a->listeners))
		/* The analyzer does not follow LIST_REMOVE().
		 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		listening_free(LIST_FIRST(&a->listeners));
	json_decref(a->recent);
}
