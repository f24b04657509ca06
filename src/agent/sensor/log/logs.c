#include "agent/sensor/log/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/sensor/log/journal.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "module/loginspection/policy.h"
#include "module/module.h"

/* The process `logs`: reads the log files that the guard opens for it, and has each line judged. */

enum {
	TICK_MS = 100,
	SLICE_MS = 40, /* then others have their turn */
	LOOK_MS = 1000,
	QUIET_MS = 1000, /* the longest pause between two looks at a file */
	SAVE_MS = 1000,
	SAVE_AGAIN_MS = 5000,
	STATUS_MS = 10000,
	LEFT_MS = 60000, /* a file that was renamed may still be written for so long */
	GONE_MS = 5000,
	ANSWER_MS = 10000,
	WAITING_MAX = 1 << 20,
	POLICY_MAX = 32 << 20,
	LOCATION_MAX = 4096
};

static struct logs *state(struct self *me)
{
	return me->state;
}

void logs_system(struct logs *l, const char *kind, const char *description)
{
	outbox_system(&l->outbox, kind, description);
}

/* ---- lines ---- */

void logs_line(void *arg, struct follow *f, struct str text, uint64_t offset, bool cut)
{
	struct logs *l = arg;
	static struct li_answer a;
	uint64_t now = clock_ms();
	f->nlines++;
	l->nlines++;
	li_engine_line(l->engine, text, f->at.path, (int64_t)(now / 1000), &a);
	if (cut || text.n > LI_LINE_MAX)
		logs_cuts(l, f->name, now);
	if (!li_event_wanted(l->rules, &a))
		return;
	struct event ev;
	const struct li_origin o = { f->at.path, text, f->at.stream, offset, now };
	li_event_make(l->rules, &a, &o, &ev);
	outbox_put(&l->outbox, &ev);
	event_done(&ev);
	f->nevents++;
	l->nevents++;
}

/* ---- looking at files ---- */

static void close_file(struct logs *l, struct follow *f)
{
	if (!f->at.finite) {
		AUTO(json_decrefp) json_t *o = json_object();
		AUTO(buf_done) struct buf b = { 0 };
		json_set_text(o, "path", f->name);
		json_set_int(o, "ino", (int64_t)f->at.ino);
		json_write(&b, o);
		self_send(l->me, P_GUARD, 0, M_LOG_CLOSED, 0, buf_view(&b));
	}
	TAILQ_REMOVE(&l->files, f, next);
	follow_free(f);
	l->dirty = true;
}

/* The log was cut off or written anew: what was not read of it may stand in a copy. */
static void began_anew(struct logs *l, struct follow *f)
{
	log_info("%s was cut off or written anew", log_quote(str_of(f->name)));
	remnant_since(l, &f->at, f->looked_ns);
	follow_begin(f, 0);
	f->looked_ns = (int64_t)clock_ms() * 1000000;
	l->dirty = true;
}

/* Nothing came of it: is there anything to come? true: it was closed. */
static bool quiet(struct logs *l, struct follow *f, uint64_t now)
{
	struct stat st;
	uint64_t still = now - f->grown_ms;
	bool over = f->left_ms && now - f->left_ms >= LEFT_MS;
	f->next_ms = now + (still < QUIET_MS ? TICK_MS : QUIET_MS);
	if (still < GONE_MS)
		return false;
	if (!over && !f->at.finite && fstat(f->fd, &st) == 0 && st.st_nlink)
		return false;
	follow_look(f, &l->room, now, true, logs_line, l); /* its open last line */
	close_file(l, f);
	return true;
}

/* One look; true: there may be more at once. */
static bool look_at(struct logs *l, struct follow *f, uint64_t now)
{
	int64_t wall_ns = (int64_t)clock_ms() * 1000000;
	int64_t n = follow_look(f, &l->room, now, false, logs_line, l);
	if (n == -ESTALE && !f->at.finite) {
		began_anew(l, f);
		return false;
	}
	if (n < 0) {
		log_error("read %s: %s", log_quote(str_of(f->name)), strerror((int)-n));
		close_file(l, f);
		return false;
	}
	f->looked_ns = wall_ns;
	if (n == 0) {
		quiet(l, f, now);
		return false;
	}
	l->dirty = true;
	l->nread += (uint64_t)n;
	f->next_ms = now;
	return true;
}

static bool may_read(const struct logs *l)
{
	return l->engine && !l->holding && l->outbox.bytes < WAITING_MAX;
}

/* Every file that is due, in turn. true: there is more to do at once. */
static bool look_around(struct logs *l)
{
	uint64_t now = clock_mono_ms(), until = now + SLICE_MS;
	bool more = false;
	struct follow *f = TAILQ_FIRST(&l->files), *after = NULL;
	struct follow *last = TAILQ_LAST(&l->files, follow_list);
	for (; f && now < until && may_read(l); f = after) {
		bool end = f == last;
		after = TAILQ_NEXT(f, next);
		if (f->fd >= 0 && f->saved && now >= f->next_ms) {
			/* Whoever had much to say goes to the end. */
			if (look_at(l, f, now)) {
				more = true;
				TAILQ_REMOVE(&l->files, f, next);
				TAILQ_INSERT_TAIL(&l->files, f, next);
			}
			now = clock_mono_ms();
		}
		if (end)
			break;
	}
	return more || (f && now >= until);
}

/* ---- which files ---- */

static void expand(const char *location, char out[static LOCATION_MAX])
{
	time_t now = time(NULL);
	struct tm tm;
	size_t n = 0;
	/* The format is the policy's; it can say nothing but dates. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (strchr(location, '%') && localtime_r(&now, &tm))
		n = strftime(out, LOCATION_MAX, location, &tm);
#pragma GCC diagnostic pop
	if (!n)
		snprintf(out, LOCATION_MAX, "%s", location);
}

static void add_pattern(struct logs *l, json_t *list, const struct li_source *s, const char *path)
{
	json_array_append_new(list, json_string(path));
	l->patterns[l->npatterns++] = s;
}

/* Asks the guard what there is. */
static void look_for_files(struct logs *l, uint64_t now)
{
	char path[LOCATION_MAX];
	AUTO(json_decrefp) json_t *o = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	json_t *list = json_array();
	if (!l->rules || l->looking || l->asked || (now < l->looked_ms && !l->again)) {
		json_decref(list);
		return;
	}
	l->npatterns = 0;
	for (size_t i = 0; i < l->rules->nsources; i++) {
		const struct li_source *s = &l->rules->sources[i];
		if (s->format == LI_JOURNALD) {
			for (const char *const *p = journal_places; *p; p++)
				add_pattern(l, list, s, *p);
			continue;
		}
		expand(s->location, path);
		if (s->format < LI_JOURNALD)
			add_pattern(l, list, s, path);
	}
	json_set(o, "patterns", list);
	json_set_bool(o, "renew", l->renew);
	json_write(&b, o);
	int rc = peer_send_big(self_peer(l->me, P_GUARD, 0), M_LOG_LOOK, 0, buf_view(&b));
	l->looking = rc == 0;
	l->sent_ms = now;
	l->renew = l->renew && rc < 0;
	l->looked_ms = now + LOOK_MS;
	if (!l->again) {
		l->before_ns = l->last_ns;
		l->last_ns = (int64_t)clock_ms() * 1000000;
	}
	l->again = false;
}

static bool is_known(const struct logs *l, const struct li_source *s)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_fmt(&b, "%s %s", li_format_names[s->format], s->location);
	for (size_t i = 0; i < l->nknown; i++)
		if (strcmp(l->known[i], b.p) == 0)
			return true;
	return false;
}

/* From now on every file that is found anew is read from its beginning. */
static void know_sources(struct logs *l)
{
	for (size_t i = 0; i < l->nknown; i++)
		free(l->known[i]);
	free((void *)l->known);
	l->known = xcalloc(l->rules->nsources + 1, sizeof(*l->known));
	l->nknown = 0;
	for (size_t i = 0; i < l->rules->nsources; i++) {
		AUTO(buf_done) struct buf b = { 0 };
		const struct li_source *s = &l->rules->sources[i];
		buf_fmt(&b, "%s %s", li_format_names[s->format], s->location);
		l->known[l->nknown++] = buf_take(&b);
	}
}

static struct follow *file_of(const struct logs *l, uint64_t dev, uint64_t ino, bool open)
{
	struct follow *f;
	TAILQ_FOREACH (f, &l->files, next)
		if (f->at.dev == dev && f->at.ino == ino && (f->fd >= 0) == open)
			return f;
	return NULL;
}

static void rename_to(struct follow *f, const char *path)
{
	free(f->name);
	f->name = xstrdup(path);
}

/* What was known under this name, and is another file now. */
static void left_behind(struct logs *l, const char *path, const struct follow *is, uint64_t now)
{
	struct follow *f = TAILQ_FIRST(&l->files), *after = NULL;
	for (; f; f = after) {
		after = TAILQ_NEXT(f, next);
		if (f == is || !str_is(f->at.path, path))
			continue;
		if (f->fd >= 0) {
			if (!f->left_ms && !f->at.finite) {
				f->left_ms = now;
				remnant_between(l, &f->at);
			}
			continue;
		}
		remnant_add(l, &f->at, true);
		TAILQ_REMOVE(&l->files, f, next);
		follow_free(f);
	}
}

/* A copy of a log that we follow, found by a wildcard: it has nothing new. */
static const struct position *copied(const struct logs *l, int fd, const char *path)
{
	const char *slash = strrchr(path, '/');
	const struct follow *f;
	const struct remnant *r;
	size_t n = slash ? (size_t)(slash - path) + 1 : 0;
	TAILQ_FOREACH (f, &l->files, next)
		if (f->at.before_n == BEFORE_MAX && f->at.path.n > n &&
		    memcmp(f->at.path.p, path, n) == 0 && position_holds(&f->at, fd))
			return &f->at;
	TAILQ_FOREACH (r, &l->remnants, next)
		if (r->at.before_n == BEFORE_MAX && r->at.path.n > n &&
		    memcmp(r->at.path.p, path, n) == 0 && position_holds(&r->at, fd))
			return &r->at;
	return NULL;
}

static void new_file(struct logs *l, const char *path, const struct li_source *s, int fd,
                     const struct stat *st)
{
	const struct position *original = copied(l, fd, path);
	struct follow *f = follow_new(str_of(path), s->format);
	follow_open(f, fd, st->st_dev, st->st_ino);
	if (original) {
		const struct str own = f->at.path;
		f->at = *original;
		f->at.path = own;
		f->at.dev = st->st_dev;
		f->at.ino = st->st_ino;
		f->at.finite = true;
		f->saved = true;
	} else if (!is_known(l, s)) {
		follow_begin(f, (uint64_t)st->st_size);
	}
	f->looked_ns = (int64_t)clock_ms() * 1000000;
	left_behind(l, path, f, clock_mono_ms());
	TAILQ_INSERT_TAIL(&l->files, f, next);
	l->dirty = true;
}

/* Known from the last life. */
static void found_again(struct logs *l, struct follow *f, const char *path, int fd,
                        const struct stat *st)
{
	bool holds = position_holds(&f->at, fd);
	rename_to(f, path);
	follow_open(f, fd, st->st_dev, st->st_ino);
	/* An empty log may have been written and emptied again, many times. */
	if (!holds || (f->at.done == 0 && f->at.before_n == 0))
		remnant_add(l, &f->at, true);
	if (!holds)
		follow_begin(f, 0);
	f->looked_ns = (int64_t)clock_ms() * 1000000;
	left_behind(l, path, f, clock_mono_ms());
}

static void take_file(struct logs *l, const char *path, const struct li_source *s, int fd)
{
	struct stat st;
	struct follow *f = NULL;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return;
	}
	if (s->format == LI_JOURNALD) {
		journal_file(l->journal, path, fd, &st);
		return;
	}
	if ((f = file_of(l, st.st_dev, st.st_ino, true))) {
		/* Renamed to what is looked for, too: it goes on. */
		close(fd);
		rename_to(f, path);
		f->left_ms = 0;
	} else if ((f = file_of(l, st.st_dev, st.st_ino, false)) && !f->at.finite) {
		found_again(l, f, path, fd, &st);
	} else {
		new_file(l, path, s, fd, &st);
	}
}

static bool packed(const char *path)
{
	static const char *const endings[] = { ".gz", ".xz", ".bz2", ".zst", ".lz4", ".Z" };
	for (size_t i = 0; i < ARRAY_LEN(endings); i++)
		if (str_ends(str_of(path), str_of(endings[i])))
			return true;
	return false;
}

static int on_file(struct self *me, struct peer *p, struct imsg *m)
{
	struct logs *l = state(me);
	(void)p;
	AUTO(json_decrefp)
	json_t *o = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	const char *path = json_text(o, "path", NULL), *rotated = json_text(o, "rotated", NULL);
	int64_t pattern = json_int(o, "pattern", -1);
	if (!path || m->fd < 0)
		return -EBADMSG;
	if (rotated) {
		if (l->asked && strcmp(l->asked, rotated) == 0)
			remnant_copy(l, path, TAKE_FD(m->fd));
		return 0;
	}
	if (!l->rules || !l->looking || pattern < 0 || (size_t)pattern >= l->npatterns ||
	    packed(path))
		return 0;
	take_file(l, path, l->patterns[pattern], TAKE_FD(m->fd));
	return 0;
}

/* Files of the last life that are not there under their names any more. */
static void missing_files(struct logs *l)
{
	struct follow *f = TAILQ_FIRST(&l->files), *after = NULL;
	for (; f; f = after) {
		after = TAILQ_NEXT(f, next);
		if (f->fd >= 0)
			continue;
		remnant_add(l, &f->at, true);
		TAILQ_REMOVE(&l->files, f, next);
		follow_free(f);
	}
}

static int on_looked(struct self *me, struct peer *p, struct imsg *m)
{
	struct logs *l = state(me);
	(void)p;
	AUTO(json_decrefp)
	json_t *o = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	const char *rotated = json_text(o, "rotated", NULL);
	if (rotated) {
		if (l->asked && strcmp(l->asked, rotated) == 0)
			remnants_judge(l);
		return 0;
	}
	l->looking = false;
	l->again = json_bool(o, "more", false);
	if (l->again || !l->rules)
		return 0;
	missing_files(l);
	if (!l->looked || l->nknown != l->rules->nsources)
		l->dirty = true;
	know_sources(l);
	l->looked = true;
	journal_ready(l->journal);
	return 0;
}

/* ---- policy ---- */

static bool wants(const struct rules *r, const struct follow *f)
{
	char path[LOCATION_MAX];
	for (size_t i = 0; r && i < r->nsources; i++) {
		expand(r->sources[i].location, path);
		if (r->sources[i].format == f->at.format &&
		    (f->at.finite || strchr(r->sources[i].location, '%') ||
		     fnmatch(path, f->at.path.p, FNM_PATHNAME) == 0))
			return true;
	}
	return false;
}

static void drop_unwanted(struct logs *l)
{
	struct follow *f = TAILQ_FIRST(&l->files), *after = NULL;
	for (; f; f = after) {
		after = TAILQ_NEXT(f, next);
		if (!wants(l->rules, f))
			close_file(l, f);
	}
}

static void replace_engine(struct logs *l)
{
	struct err why = { { 0 } };
	if (l->engine) {
		buf_clear(&l->kept_engine);
		li_engine_save(l->engine, &l->kept_engine);
	}
	li_engine_free(l->engine);
	l->engine = l->rules ? li_engine_new(l->rules->set, NULL) : NULL;
	if (l->engine && l->kept_engine.n &&
	    li_engine_load(l->engine, buf_view(&l->kept_engine), &why) < 0)
		log_warning("what was counted before: %s", why.text);
}

/* Takes rules, or NULL. */
static void obey(struct logs *l, struct rules *rules)
{
	struct rules *before = l->rules;
	l->rules = rules;
	replace_engine(l);
	loginspection_section.free(before);
	free((void *)l->patterns);
	l->patterns = xcalloc((rules ? rules->nsources * JOURNAL_PLACES : 0) + 1, sizeof(void *));
	l->npatterns = 0;
	l->looking = false; /* an answer under way is to other patterns */
	l->looked = false;
	l->renew = true;
	l->looked_ms = 0;
	drop_unwanted(l);
	journal_obey(&l->journal, l);
	l->dirty = true;
	logs_problems(l);
	logs_status(l);
}

static int on_policy(struct self *me, struct peer *p, struct imsg *m)
{
	struct logs *l = state(me);
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	struct err why = { { 0 } };
	struct rules *rules = NULL;
	(void)p;
	int rc = imsg_body(m, POLICY_MAX, &body);
	if (rc < 0)
		return rc;
	AUTO(json_decrefp) json_t *policy = body.s.n ? json_parse(body.s, NULL) : NULL;
	const json_t *part =
		json_object_at(json_object_at(policy, "sections"), loginspection_section.name);
	rc = part ? loginspection_section.parse(part, &rules, &why) : 0;
	if (rc < 0) {
		log_error("policy: %s", why.text);
		logs_system(l, "policy-refused", why.text);
		return 0; /* the last one stays in force */
	}
	if (rules && !rules->on) {
		loginspection_section.free(rules);
		rules = NULL;
	}
	bool same = rules && l->rules && json_equal(rules->source, l->rules->source);
	if (same) {
		l->rules->store_level = rules->store_level;
		l->rules->send_level = rules->send_level;
		loginspection_section.free(rules);
		return 0;
	}
	if (rules || l->rules)
		obey(l, rules);
	return 0;
}

static int on_kept(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	outbox_kept(&state(me)->outbox, m->id);
	return 0;
}

int (*const logs_on[M_COUNT])(struct self *, struct peer *,
                              struct imsg *) = { [M_POLICY] = on_policy,
	                                         [M_EVENT_KEPT] = on_kept,
	                                         [M_LOG_FILE] = on_file,
	                                         [M_LOG_LOOKED] = on_looked };

/* ---- life ---- */

static bool unsaved(const struct logs *l)
{
	const struct follow *f;
	TAILQ_FOREACH (f, &l->files, next)
		if (f->fd >= 0 && !f->saved)
			return true;
	return false;
}

/*
 * Positions are kept when every event of what they pass over is kept: reading pauses until then. A
 * new file waits until what names its lines is kept.
 */
static void save_if_due(struct logs *l, uint64_t now)
{
	bool due = l->rules && now >= l->save_ms && (l->dirty || unsaved(l));
	if (!due && !l->holding)
		return;
	l->holding = true;
	if (!TAILQ_EMPTY(&l->outbox.waiting))
		return;
	l->holding = false;
	l->save_ms = now + (logs_save(l) < 0 ? SAVE_AGAIN_MS : SAVE_MS);
}

/* What waits to be read is told from what may stand under its name later. */
static void know_heads(struct logs *l)
{
	struct follow *f;
	TAILQ_FOREACH (f, &l->files, next)
		if (f->fd >= 0 && f->at.done == 0 && f->at.before_n < BEFORE_MAX)
			follow_head(f);
}

/* An answer that does not come is asked for again. */
static void give_up_waiting(struct logs *l, uint64_t now)
{
	if ((l->looking || l->asked) && now - l->sent_ms >= ANSWER_MS) {
		l->looking = false;
		copies_forget(l);
	}
}

static void ticked(struct watch *w, uint32_t events)
{
	(void)events;
	struct logs *l = CONTAINER_OF(w, struct logs, tick);
	loop_tick(w);
	uint64_t now = clock_mono_ms();
	know_heads(l);
	give_up_waiting(l, now);
	look_for_files(l, now);
	remnants_ask(l, now);
	save_if_due(l, now);
	bool more = look_around(l);
	if (may_read(l))
		more |= journal_read(l->journal);
	if (l->engine && l->nlines)
		logs_cuts(l, "", clock_ms());
	if (now >= l->status_ms) {
		l->status_ms = now + STATUS_MS;
		logs_status(l);
	}
	loop_timer_set(w, more || l->holding ? 1 : TICK_MS, TICK_MS);
}

int logs_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX])
{
	(void)instance;
	return agent_folder(guard, P_LOGS, "logs", &out[0]);
}

/* The time zone's file and the journal's library are read while files can be. */
int logs_early(struct self *me)
{
	(void)me;
	tzset();
	journal_early();
	return 0;
}

int logs_start(struct self *me)
{
	struct logs *l = xcalloc(1, sizeof(*l));
	me->state = l;
	l->me = me;
	TAILQ_INIT(&l->files);
	TAILQ_INIT(&l->remnants);
	l->room.p = xcalloc(1, FOLLOW_CHUNK);
	outbox_init(&l->outbox, me);
	l->dir = self_take_fd(me, "logs");
	if (l->dir < 0)
		return l->dir;
	logs_load(l);
	l->tick.ready = ticked;
	return loop_timer(&me->loop, &l->tick, TICK_MS, TICK_MS);
}

void logs_up(struct self *me, struct peer *p)
{
	if (p->who == P_SPOOL)
		outbox_up(&state(me)->outbox);
	if (p->who == P_COMMS)
		logs_status(state(me));
	if (p->who == P_GUARD)
		state(me)->looking = false;
}

void logs_down(struct self *me, struct peer *p)
{
	if (p->who == P_SPOOL)
		outbox_down(&state(me)->outbox);
}

void logs_stop(struct self *me)
{
	struct logs *l = state(me);
	outbox_flush(&l->outbox, 1000);
	if (l->rules && TAILQ_EMPTY(&l->outbox.waiting))
		logs_save(l);
	remnants_free(l);
	while (!TAILQ_EMPTY(&l->files)) {
		struct follow *f = TAILQ_FIRST(&l->files);
		TAILQ_REMOVE(&l->files, f, next);
		follow_free(f);
	}
	journal_free(l->journal);
	li_engine_free(l->engine);
	loginspection_section.free(l->rules);
	outbox_done(&l->outbox);
	for (size_t i = 0; i < l->nknown; i++)
		free(l->known[i]);
	free((void *)l->known);
	free((void *)l->patterns);
	free(l->cursor);
	free(l->room.p);
	buf_done(&l->room.text);
	buf_done(&l->kept_engine);
	close(l->dir);
	me->state = NULL;
	free(l);
}
