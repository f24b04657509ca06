#include "agent/sensor/tree/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"
#include "module/integritymonitoring/policy.h"
#include "module/integritymonitoring/section.h"
#include "module/integritymonitoring/survey/look.h"
#include "module/integritymonitoring/survey/moved.h"
#include "module/integritymonitoring/survey/others.h"
#include "module/integritymonitoring/survey/walk.h"

/* A file that takes long to read and is written all the time is read a tenth of the time. */
enum { SLOW_MS = 100, SLOW_PAUSE = 10, SLOW_MAX = 1000 };
enum { WAITING_MAX = 1 << 20, GIVE_UP_MS = 1000, CLASS_PAUSE = 20, CLASS_PAUSE_MAX_MS = 900 };

/* Something to look at; touch 0: the end of a message, to be answered. */
struct item {
	STAILQ_ENTRY(item) next;
	struct touched t;  /* points into text */
	uint32_t id;       /* of the message that ends here */
	uint64_t after_ms; /* monotonic: not before */
	bool derived;      /* we thought of it ourselves: nothing more comes from it */
	struct buf text;   /* owned */
};

/* ---- items ---- */

static void item_free(struct item *i)
{
	if (!i)
		return;
	buf_done(&i->text);
	free(i);
}

static struct item *item_new(const struct touched *t)
{
	struct item *i = xcalloc(1, sizeof(*i));
	struct str *texts[] = { &i->t.path, &i->t.actor.user, &i->t.actor.process,
		                &i->t.actor.parent, &i->t.actor.container };
	i->t = *t;
	for (size_t n = 0; n < ARRAY_LEN(texts); n++)
		buf_str(&i->text, *texts[n]);
	if (buf_end(&i->text) < 0)
		abort();
	const char *at = i->text.p;
	for (size_t n = 0; n < ARRAY_LEN(texts); n++) {
		texts[n]->p = at;
		at += texts[n]->n;
	}
	return i;
}

static void enqueue(struct live *l, const struct touched *t, bool derived)
{
	struct item *i = t->path.n ? map_get(&l->queued, t->path) : NULL;
	if (i) {
		i->t.touch |= t->touch;
		i->derived = i->derived && derived;
		return;
	}
	i = item_new(t);
	i->derived = derived;
	STAILQ_INSERT_TAIL(&l->items, i, next);
	if (t->path.n)
		map_set(&l->queued, i->t.path, i);
}

static void forget_slow(struct live *l)
{
	struct map_item item;
	for (size_t at = 0; map_next(&l->slow, &at, &item);)
		free(item.value);
	map_done(&l->slow);
}

static void forget_items(struct live *l)
{
	STAILQ_CONCAT(&l->items, &l->later);
	forget_slow(l);
	while (!STAILQ_EMPTY(&l->items)) {
		struct item *i = STAILQ_FIRST(&l->items);
		STAILQ_REMOVE_HEAD(&l->items, next);
		if (!i->t.touch)
			self_send(l->me, P_CHANGES, 0, M_TOUCHED_DONE, i->id, (struct str){ 0 });
		item_free(i);
	}
	map_done(&l->queued);
	for (int c = 0; c < IM_LINUX_CLASSES; c++) {
		l->classes[c].due = false;
		item_free(l->classes[c].by);
		l->classes[c].by = NULL;
	}
}

/* ---- telling ---- */

void live_against(const struct live *l, const struct im_entity *e, struct buf *out)
{
	unsigned version = l->open ? ledger_version(&l->ledger, e->class, e->key) : 0;
	buf_z(out, l->ledger.root);
	if (version)
		buf_fmt(out, "/%u", version);
	buf_str(out, (struct str){ 0 });
}

static void tell(struct live *l, const struct im_entity *was, const struct im_entity *is,
                 const struct im_actor *by, bool written)
{
	AUTO(buf_done) struct buf root = { 0 };
	const struct im_rules *r = &l->rules->im;
	struct im_change c;
	struct event ev;
	if (!im_judge(r, r, was, is, &c) &&
	    !(written && was && is && im_judge_touched(r, was, is, &c)))
		return;
	c.by = by;
	live_against(l, is ? is : was, &root);
	im_change_event(&c, buf_view(&root), &ev);
	outbox_put(l->outbox, &ev);
	event_done(&ev);
	l->told++;
}

/* ---- renamings ---- */

static void movers_clear(struct live *l)
{
	struct map_item item;
	for (size_t at = 0; map_next(&l->movers, &at, &item);)
		item_free(item.value);
	map_done(&l->movers);
}

static void mover_set(struct live *l, struct str path, const struct im_actor *by)
{
	const struct touched t = { .path = path, .actor = by ? *by : (struct im_actor){ 0 } };
	struct item *i = item_new(&t);
	i->derived = !by; /* nobody is known */
	item_free(map_set(&l->movers, path, i));
}

static void tell_moved(void *arg, const struct im_entity *was, const struct im_entity *is)
{
	struct live *l = arg;
	const struct item *i = map_get(&l->movers, is ? is->key : was->key);
	tell(l, was, is, i && !i->derived ? &i->t.actor : NULL, false);
}

static void give_up_halves(struct live *l)
{
	moved_rest(l->moved);
	movers_clear(l);
	l->rest_ms = clock_mono_ms();
}

/* ---- a path ---- */

/* The rest of what is known of it; false: it went while it was read, and that will be told. */
static bool complete(struct live *l, struct found *f, const struct im_entity *was)
{
	struct im_entity *e = &f->entity;
	struct look look = { .fd = -1, .fit = f->fit, .wanted = f->wanted, .e = e };
	if (!(f->wanted & IM_BIT(IMP_ACCESSED)))
		e->file.accessed = 0;
	else
		e->has |= IM_BIT(IMP_ACCESSED);
	if (was && look_is_known(was, e, f->wanted, f->fit)) {
		look_take_known(e, was);
		return true;
	}
	look_begin(&look, f->dir, f->name, f->followed);
	look_read(&look, l->reader);
	if (look.error == -ENOENT)
		return false;
	if (look.error && was)
		look_keep_known(e, was, f->wanted);
	if (look.error)
		log_warning("integrity: read %s: %s", log_quote(e->key), strerror(-look.error));
	return true;
}

static bool is_watched(const struct live *l, const struct im_entity *e)
{
	return e && im_wanted(&l->watched, NULL, e) != 0;
}

static bool is_same(const struct im_entity *was, const struct im_entity *is)
{
	return was->class == is->class && was->has == is->has && im_compare(was, is) == 0 &&
	       was->file.changed == is->file.changed && was->file.settled == is->file.settled;
}

struct others_of {
	struct live *live;
	const struct im_actor *by;
	struct str but;
};

static void look_at_link(void *arg, struct str path)
{
	const struct others_of *o = arg;
	const struct touched t = { .touch = TOUCH_CONTENT,
		                   .path = path,
		                   .actor = o->by ? *o->by : (struct im_actor){ 0 } };
	if (!str_eq(path, o->but))
		enqueue(o->live, &t, true);
}

static void look_at_links(struct live *l, const struct im_file *f, struct str but,
                          const struct im_actor *by)
{
	struct others_of o = { l, by, but };
	ledger_links(&l->ledger, f, look_at_link, &o);
}

static void compare(struct live *l, const struct im_entity *was, const struct im_entity *is,
                    uint32_t touch, const struct im_actor *by)
{
	if (was && is && was->class != is->class) {
		tell(l, was, NULL, by, false);
		tell(l, NULL, is, by, false);
	} else if (was && is) {
		tell(l, was, is, by, touch & TOUCH_CONTENT);
	} else if ((touch & TOUCH_MOVED) && moved_put(l->moved, was, is)) {
		mover_set(l, is ? is->key : was->key, by);
	} else {
		tell(l, was, is, by, false);
	}
}

static void judge(struct live *l, struct str path, uint32_t touch, const struct im_actor *by,
                  bool derived)
{
	struct im_entity known;
	struct found f = { 0 };
	const struct im_entity *was =
		ledger_find(&l->ledger, IM_FILE, path, &known) == 1 ? &known : NULL;
	struct im_entity *is = walk_at(l->walk, path, &f) && f.wanted ? &f.entity : NULL;
	if ((!was && !is) || (!is_watched(l, was) && !is_watched(l, is)))
		return;
	if (is && !complete(l, &f, was))
		return;
	if (was && is && is_same(was, is))
		return;
	/* What became of it next is told after it. */
	if (map_get(&l->movers, path))
		give_up_halves(l);
	compare(l, was, is, touch, by);
	if (!derived && was && was->file.nlink > 1)
		look_at_links(l, &was->file, path, by);
	if (!derived && is && is->file.nlink > 1)
		look_at_links(l, &is->file, path, by);
	if (is)
		ledger_put(&l->ledger, is);
	else
		ledger_gone(&l->ledger, was->class, path);
}

void live_judge(struct live *l, struct str path, uint32_t touch, const struct im_actor *by)
{
	judge(l, path, touch, by, false);
}

/* A name came or went: the directory is another one too. */
static void look_at_parent(struct live *l, const struct touched *t)
{
	struct touched parent = *t;
	while (parent.path.n && parent.path.p[parent.path.n - 1] != '/')
		parent.path.n--;
	parent.path.n -= parent.path.n > 1;
	parent.touch = TOUCH_ATTRIBUTES;
	parent.dev = parent.ino = 0;
	if (im_may_cover(&l->watched, parent.path))
		enqueue(l, &parent, true);
}

/* ---- what is no path ---- */

static bool differs(const struct im_entity *was, const struct im_entity *is)
{
	return !was || was->has != is->has || im_compare(was, is) != 0;
}

/* What was known of a class and is no more. */
static void find_gone(struct live *l, enum im_class class, const struct map *there,
                      const struct im_actor *by)
{
	AUTO(cursor_close) struct cursor c = { .keep = { .fd = -1 } };
	struct im_entity e;
	int rc = cursor_open(&c, &l->ledger, class, (struct str){ 0 });
	while (rc == 0 && cursor_next(&c, &e) == 1) {
		if (map_get(there, e.key) || !is_watched(l, &e))
			continue;
		tell(l, &e, NULL, by, false);
		ledger_gone(&l->ledger, class, e.key);
	}
}

void live_class(struct live *l, enum im_class class, const struct im_actor *by)
{
	AUTO(map_done) struct map there = { 0 };
	bool wanted = false;
	for (size_t i = 0; i < l->watched.nsets; i++)
		wanted |= l->watched.sets[i].class == class;
	if (!wanted)
		return;
	struct others *o = others_new();
	struct im_entity e, was;
	uint32_t attributes = 0;
	others_gather_class(o, &l->rules->im, class);
	while (others_next(o, &e, &attributes) == 1) {
		map_set(&there, e.key, o);
		const struct im_entity *known =
			ledger_find(&l->ledger, class, e.key, &was) == 1 ? &was : NULL;
		if (!differs(known, &e) || (!is_watched(l, &e) && !is_watched(l, known)))
			continue;
		tell(l, known, &e, by, false);
		ledger_put(&l->ledger, &e);
	}
	if (!others_unread(o, class))
		find_gone(l, class, &there, by);
	others_free(o);
}

/* Reading a class costs: it is done at most a twentieth of the time. */
static void classes_go_on(struct live *l)
{
	for (int c = 0; c < IM_LINUX_CLASSES; c++) {
		uint64_t began = clock_mono_ms();
		if (!l->classes[c].due || began < l->classes[c].after_ms)
			continue;
		struct item *by = l->classes[c].by;
		l->classes[c].due = false;
		l->classes[c].by = NULL;
		live_class(l, (enum im_class)c, by ? &by->t.actor : &(struct im_actor){ 0 });
		item_free(by);
		uint64_t now = clock_mono_ms(), pause = (now - began) * CLASS_PAUSE;
		l->classes[c].after_ms =
			now + (pause < CLASS_PAUSE_MAX_MS ? pause : (uint64_t)CLASS_PAUSE_MAX_MS);
	}
}

/* ---- the queue ---- */

/* Takes the first item; it is the caller's. */
static struct item *take(struct live *l)
{
	struct item *i = STAILQ_FIRST(&l->items);
	STAILQ_REMOVE_HEAD(&l->items, next);
	if (i->t.path.n)
		map_del(&l->queued, i->t.path);
	return i;
}

/* It took long to read: the next time not so soon. */
static void note_slow(struct live *l, struct str path, uint64_t began_ms)
{
	uint64_t now = clock_mono_ms();
	if (now - began_ms < SLOW_MS)
		return;
	if (l->slow.n >= SLOW_MAX)
		forget_slow(l);
	uint64_t *until = xcalloc(1, sizeof(*until));
	*until = now + (now - began_ms) * SLOW_PAUSE;
	free(map_set(&l->slow, path, until));
}

/* Not yet: more may be added to it until then. */
static bool is_put_off(struct live *l, struct item *i)
{
	const uint64_t *until = i->t.path.n ? map_get(&l->slow, i->t.path) : NULL;
	if (!until || i->t.touch != TOUCH_CONTENT)
		return false;
	if (clock_mono_ms() >= *until) {
		free(map_del(&l->slow, i->t.path));
		return false;
	}
	i->after_ms = *until;
	STAILQ_INSERT_TAIL(&l->later, i, next);
	map_set(&l->queued, i->t.path, i);
	return true;
}

static void take_later(struct live *l)
{
	struct items rest = STAILQ_HEAD_INITIALIZER(rest);
	uint64_t now = clock_mono_ms();
	while (!STAILQ_EMPTY(&l->later)) {
		struct item *i = STAILQ_FIRST(&l->later);
		STAILQ_REMOVE_HEAD(&l->later, next);
		if (now >= i->after_ms)
			STAILQ_INSERT_TAIL(&l->items, i, next);
		else
			STAILQ_INSERT_TAIL(&rest, i, next);
	}
	STAILQ_CONCAT(&l->later, &rest);
}

static void item_go_on(struct live *l)
{
	struct item *i = take(l);
	struct touched *t = &i->t;
	if (is_put_off(l, i))
		return;
	if (!t->touch)
		self_send(l->me, P_CHANGES, 0, M_TOUCHED_DONE, i->id, (struct str){ 0 });
	if (t->touch & TOUCH_CLASS) {
		item_free(l->classes[t->class].by);
		l->classes[t->class].due = true;
		l->classes[t->class].by = i;
		return;
	}
	if (t->dev || t->ino) {
		const struct im_file f = { .dev = t->dev, .ino = t->ino };
		look_at_links(l, &f, t->path, &t->actor);
	}
	if (t->path.n && (t->touch & TOUCH_TREE)) {
		l->sweeping = i;
		l->sweep = sweep_new(l, t->path, &i->t.actor);
	}
	uint64_t began = clock_mono_ms();
	if (t->path.n) {
		judge(l, t->path, t->touch, &t->actor, i->derived);
		note_slow(l, t->path, began);
	}
	if (t->path.n && (t->touch & (TOUCH_NAME | TOUCH_MOVED)))
		look_at_parent(l, t);
	if (l->sweeping != i)
		item_free(i);
}

static void end_sweep(struct live *l)
{
	bool all = l->sweep && !l->sweeping;
	sweep_free(l->sweep);
	item_free(l->sweeping);
	l->sweep = NULL;
	l->sweeping = NULL;
	if (!all)
		return;
	l->swept = true;
	live_status(l);
}

void live_go_on(struct live *l, uint64_t until_ms)
{
	if (!l->judges)
		return;
	take_later(l);
	while (clock_mono_ms() < until_ms && l->outbox->bytes < WAITING_MAX) {
		if (l->sweep) {
			if (sweep_go_on(l->sweep, until_ms))
				end_sweep(l);
		} else if (l->due && strcmp(l->state, "on") == 0) {
			l->due = false;
			l->sweep = sweep_new(l, (struct str){ 0 }, NULL);
		} else if (!STAILQ_EMPTY(&l->items)) {
			item_go_on(l);
		} else {
			break;
		}
	}
	bool idle = !l->sweep && STAILQ_EMPTY(&l->items);
	if (idle || (!l->sweep && clock_mono_ms() - l->rest_ms > GIVE_UP_MS))
		give_up_halves(l);
	classes_go_on(l);
	/* What is on disk as an event is known; until then it would be told again. */
	if (TAILQ_EMPTY(&l->outbox->waiting)) {
		int rc = ledger_save(&l->ledger);
		if (rc < 0)
			log_error("integrity: what changed cannot be kept: %s", strerror(-rc));
	}
}

void live_look_again(struct live *l, const struct im_entity *e)
{
	const struct touched t = { .touch = im_classes[e->class].paths ? (uint32_t)TOUCH_CONTENT
		                                                       : (uint32_t)TOUCH_CLASS,
		                   .class = e->class,
		                   .path = im_classes[e->class].paths ? e->key
		                                                      : (struct str){ 0 } };
	enqueue(l, &t, true);
}

void live_note(struct live *l, const struct im_change *c)
{
	if (!l->judges)
		return;
	if (c->was && (!c->is || !str_eq(c->was->key, c->is->key)))
		ledger_gone(&l->ledger, c->was->class, c->was->key);
	if (c->is)
		ledger_put(&l->ledger, c->is);
}

/* ---- messages ---- */

int live_touched(struct live *l, uint32_t id, struct str body)
{
	struct touched t;
	int rc = 0;
	/* Whatever was touched is looked at when there is something to compare with. */
	l->due |= !l->judges;
	while ((rc = touched_read(&body, &t)) == 1)
		if (l->judges)
			enqueue(l, &t, false);
	if (rc < 0)
		return rc;
	if (!l->judges)
		return self_send(l->me, P_CHANGES, 0, M_TOUCHED_DONE, id, (struct str){ 0 });
	const struct touched end = { 0 };
	struct item *i = item_new(&end);
	i->id = id;
	STAILQ_INSERT_TAIL(&l->items, i, next);
	return 0;
}

static void tell_lost(struct live *l, const json_t *said)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_z(&b, json_text(said, "why", ""));
	outbox_system(l->outbox, "integrity-real-time-lost", b.p ? b.p : "");
}

void live_sensor(struct live *l, struct str body)
{
	json_t *said = json_parse(body, NULL);
	const char *state = json_text(said, "state", "off");
	bool on = strcmp(state, "on") == 0, lost = json_bool(said, "lost", false);
	if (lost)
		tell_lost(l, said);
	/* What happened before it watched, or while it could not keep up, is looked for. */
	if ((on && strcmp(l->state, "on") != 0) || lost) {
		l->due = true;
		l->swept = false;
	}
	snprintf(l->state, sizeof(l->state), "%s", state);
	json_decref(l->sensor);
	l->sensor = said;
	live_status(l);
}

void live_sensor_gone(struct live *l)
{
	snprintf(l->state, sizeof(l->state), "starting");
	l->swept = false;
	live_status(l);
}

/* ---- status ---- */

static const char *message_of(const struct live *l)
{
	if (!l->rules || !l->rules->on)
		return "Off";
	if (!l->rules->real_time)
		return "On";
	if (strcmp(l->state, "on") != 0)
		return "On, Real Time: starting";
	return l->swept ? "On, Real Time" : "On, Real Time: looking at what changed meanwhile";
}

void live_status(struct live *l)
{
	AUTO(json_decrefp) json_t *o = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	json_t *im = json_object(), *modules = json_object();
	const json_t *failed = json_array_at(l->sensor, "failed");
	json_set_text(im, "state", l->rules && l->rules->on ? "on" : "off");
	json_set_text(im, "message", message_of(l));
	if (l->rules && l->rules->on && l->rules->real_time) {
		static const char *const facts[] = { "fileSystems", "processes" };
		for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
			json_t *v = json_object_get(l->sensor, facts[i]);
			if (v)
				json_set(im, facts[i], json_deep_copy(v));
		}
		json_set_text(im, "baseline", l->ledger.root);
		json_set_int(im, "changes", (int64_t)l->told);
	}
	json_set(modules, "integritymonitoring", im);
	json_set(o, "modules", modules);
	json_set(o, "messages", failed ? json_deep_copy(failed) : json_array());
	json_write(&b, o);
	self_send(l->me, P_COMMS, 0, M_STATUS, 0, buf_view(&b));
}

/* ---- policy and baseline ---- */

bool live_is_of(const struct live *l, const struct im_rules *r)
{
	return l->open && json_equal(json_object_get(l->ledger.keep.header, "source"), r->source);
}

static void stop(struct live *l)
{
	forget_items(l);
	sweep_free(l->sweep);
	item_free(l->sweeping);
	l->sweep = NULL;
	l->sweeping = NULL;
	/* Who has no other half is found by the next sweep. */
	moved_free(l->moved);
	l->moved = moved_new(tell_moved, l);
	movers_clear(l);
	walk_free(l->walk);
	l->walk = NULL;
	l->judges = false;
}

static void begin(struct live *l)
{
	l->judges = l->rules && l->rules->on && l->rules->real_time && live_is_of(l, &l->rules->im);
	if (!l->judges)
		return;
	l->walk = walk_new(&l->rules->im);
	l->due = true;
	l->swept = false;
}

void live_reopen(struct live *l, int dir, const char *baseline)
{
	struct ledger before = l->ledger;
	bool carry = l->open && l->judges;
	struct err why = { { 0 } };
	stop(l);
	if (carry)
		ledger_save(&before);
	int rc = ledger_open(&l->ledger, dir, baseline, &why);
	l->open = rc == 0;
	if (rc == 0 && carry)
		ledger_carry(&l->ledger, &before);
	if (rc < 0)
		ledger_close(&l->ledger);
	if (rc < 0 && rc != -ENOENT)
		log_error("integrity: %s", why.text);
	ledger_close(&before);
	begin(l);
	live_status(l);
}

void live_policy(struct live *l, struct rules *r, int dir, const char *baseline)
{
	stop(l);
	l->rules = r;
	l->watched = (struct im_rules){ 0 };
	if (r && r->on)
		l->watched = im_watched(&r->im);
	if (!r || !r->on) {
		ledger_close(&l->ledger);
		l->open = false;
		live_status(l);
		return;
	}
	if (!l->open) {
		live_reopen(l, dir, baseline);
		return;
	}
	begin(l);
	live_status(l);
}

int live_init(struct live *l, struct self *me, struct outbox *o)
{
	*l = (struct live){ .me = me, .outbox = o, .state = "off" };
	l->ledger.fd = l->ledger.keep.fd = -1;
	STAILQ_INIT(&l->items);
	STAILQ_INIT(&l->later);
	l->moved = moved_new(tell_moved, l);
	l->reader = xcalloc(1, sizeof(*l->reader));
	return reader_init(l->reader);
}

void live_done(struct live *l)
{
	stop(l);
	moved_free(l->moved);
	ledger_close(&l->ledger);
	if (l->reader)
		reader_done(l->reader);
	free(l->reader);
	json_decref(l->sensor);
}
