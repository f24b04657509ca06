#include "module/integritymonitoring/survey/survey.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "module/integritymonitoring/survey/look.h"
#include "module/integritymonitoring/survey/moved.h"
#include "module/integritymonitoring/survey/others.h"
#include "module/integritymonitoring/survey/packages.h"
#include "module/integritymonitoring/survey/walk.h"

enum { SLOTS = 512, THREADS_MAX = 16 };

/* An entity under way. Slots are a ring: filled in order, read in any order, judged in order. */
struct slot {
	enum { SLOT_READY, SLOT_TO_READ, SLOT_READING } state;
	struct look look;
	struct im_entity is, was;
	bool there, known; /* is and was are set */
	bool kept;         /* was goes on in the new baseline: nothing is known of it now */
	struct buf is_text, was_text; /* what their strings point to */
};

struct survey {
	struct survey_options o;
	struct walk *walk;
	struct others *others;
	struct moved *moved;
	struct slot slots[SLOTS];
	uint64_t head, tail,
		take; /* filled up to head; judged up to tail; given to readers up to take */
	struct im_entity was; /* the baseline's next */
	bool was_there, walked;
	/* What the two sources of was come to: the baseline and what was told since. */
	struct im_entity base, told;
	bool base_there, told_there, told_gone, was_told;
	struct found found; /* what the walk came to, while the baseline catches up */
	bool pending;
	struct buf unread; /* the directory that could not be read, and "/" */
	struct buf here;
	struct survey_counts counts;
	struct reader readers[THREADS_MAX + 1];
	pthread_t threads[THREADS_MAX];
	unsigned nthreads;
	pthread_mutex_t lock; /* of states, take and stop */
	pthread_cond_t work, done;
	bool stop;
};

/* ---- reading ---- */

static struct slot *slot(struct survey *s, uint64_t at)
{
	return &s->slots[at % SLOTS];
}

/* With the lock: a file to read, or NULL. */
static struct slot *next_job(struct survey *s)
{
	while (s->take < s->head) {
		struct slot *l = slot(s, s->take++);
		if (l->state == SLOT_TO_READ) {
			l->state = SLOT_READING;
			return l;
		}
	}
	return NULL;
}

static void *read_files(void *arg)
{
	struct reader *r = arg;
	struct survey *s = r->owner;
	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		struct slot *l = next_job(s);
		if (!l) {
			pthread_cond_wait(&s->work, &s->lock);
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		look_read(&l->look, r);
		pthread_mutex_lock(&s->lock);
		l->state = SLOT_READY;
		pthread_cond_signal(&s->done);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* The caller's thread reads one; false: there is none. */
static bool read_here(struct survey *s)
{
	pthread_mutex_lock(&s->lock);
	struct slot *l = next_job(s);
	pthread_mutex_unlock(&s->lock);
	if (!l)
		return false;
	look_read(&l->look, &s->readers[THREADS_MAX]);
	pthread_mutex_lock(&s->lock);
	l->state = SLOT_READY;
	pthread_mutex_unlock(&s->lock);
	return true;
}

static bool is_ready(struct survey *s, const struct slot *l)
{
	pthread_mutex_lock(&s->lock);
	bool ready = l->state == SLOT_READY;
	pthread_mutex_unlock(&s->lock);
	return ready;
}

void survey_wait(struct survey *s)
{
	if (s->o.here && read_here(s))
		return;
	pthread_mutex_lock(&s->lock);
	while (s->tail < s->head && slot(s, s->tail)->state != SLOT_READY)
		pthread_cond_wait(&s->done, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

/* ---- judging ---- */

static void tell(struct survey *s, const struct im_entity *was, const struct im_entity *is)
{
	struct im_change c;
	if (!s->o.was || !im_judge(s->o.now, s->o.then, was, is, &c))
		return;
	s->counts.changes++;
	s->o.change(s->o.arg, &c);
}

static void tell_moved(void *arg, const struct im_entity *was, const struct im_entity *is)
{
	tell(arg, was, is);
}

/* Created and deleted wait for their other half: it may be a renaming. */
static void compare(struct survey *s, const struct im_entity *was, const struct im_entity *is)
{
	if (!s->o.was)
		return;
	if (was && is && was->class != is->class) {
		tell(s, was, NULL);
		tell(s, NULL, is);
	} else if ((was && is) || !moved_put(s->moved, was, is)) {
		tell(s, was, is);
	}
}

static bool is_newer(const struct survey *s, const struct im_entity *e)
{
	return s->o.since && ledger_newer(s->o.since, e);
}

static void finish_slot(struct survey *s, struct slot *l)
{
	const struct im_entity *was = l->known ? &l->was : NULL;
	struct im_entity *is = l->there ? &l->is : NULL;
	if (is && l->look.error) {
		s->counts.troubles++;
		s->o.trouble(s->o.arg, is->key, l->look.error);
		if (was)
			look_keep_known(is, was, l->look.wanted);
	}
	if (is_newer(s, is ? is : was))
		s->o.newer(s->o.arg, is ? is : was);
	else if (!l->kept)
		compare(s, was, is);
	if (is && s->o.packages)
		is->file.owned = package_paths_have(s->o.packages, is->key);
	if (s->o.to && (is || l->kept))
		keeper_add(s->o.to, is ? is : was);
}

/* ---- filling ---- */

static void hold(struct im_entity *to, const struct im_entity *from, struct buf *text)
{
	size_t at = from->key.n;
	*to = *from;
	buf_clear(text);
	buf_str(text, from->key);
	buf_str(text, from->file.target);
	for (unsigned i = 0; i < IM_VALUES_MAX; i++)
		buf_str(text, from->value[i]);
	if (buf_end(text) < 0)
		abort();
	to->key.p = text->p;
	to->file.target.p = text->p ? text->p + at : NULL;
	at += from->file.target.n;
	for (unsigned i = 0; i < IM_VALUES_MAX; i++) {
		to->value[i].p = text->p ? text->p + at : NULL;
		at += from->value[i].n;
	}
}

static struct slot *new_slot(struct survey *s)
{
	struct slot *l = slot(s, s->head);
	l->there = l->known = l->kept = false;
	l->look = (struct look){ .fd = -1 };
	l->state = SLOT_READY;
	return l;
}

static void push(struct survey *s, bool to_read)
{
	pthread_mutex_lock(&s->lock);
	slot(s, s->head)->state = to_read ? SLOT_TO_READ : SLOT_READY;
	s->head++;
	if (to_read)
		pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

static int advance_base(struct survey *s)
{
	int rc = s->o.was ? keep_next(s->o.was, &s->base) : 0;
	s->base_there = rc > 0;
	return rc < 0 ? rc : 0;
}

static void advance_told(struct survey *s)
{
	s->told_there = s->o.since && ledger_thaw(s->o.since, &s->told, &s->told_gone) == 1;
}

/* The next that was: the baseline's, or what was told of it since. 0 or -errno. */
static int advance(struct survey *s)
{
	int rc = 0;
	if (s->was_there && !s->was_told)
		rc = advance_base(s);
	else if (s->was_there)
		advance_told(s);
	s->was_there = false;
	while (rc == 0 && (s->base_there || s->told_there)) {
		int order = !s->told_there ? -1 : !s->base_there ? 1 : im_order(&s->base, &s->told);
		if (order == 0)
			rc = advance_base(s);
		else if (order > 0 && s->told_gone)
			advance_told(s);
		else {
			s->was_told = order > 0;
			s->was = s->was_told ? s->told : s->base;
			s->was_there = true;
			break;
		}
	}
	return rc;
}

static bool below_unread(const struct survey *s, const struct im_entity *e)
{
	return s->unread.n && im_classes[e->class].paths &&
	       str_starts(e->key, buf_view(&s->unread));
}

/* The baseline knows it and the walk did not come to it. */
static int push_gone(struct survey *s)
{
	struct slot *l = new_slot(s);
	hold(&l->was, &s->was, &l->was_text);
	l->known = true;
	l->kept = below_unread(s, &s->was) || others_unread(s->others, s->was.class);
	push(s, false);
	return advance(s);
}

/* Everything that is compared is the same: nothing to judge. */
static bool is_same(const struct im_entity *was, const struct im_entity *is)
{
	return im_compare(was, is) == 0;
}

static int push_found(struct survey *s, struct found *f)
{
	struct slot *l = NULL;
	bool known = s->was_there && im_order(&s->was, &f->entity) == 0;
	bool untouched =
		known && !s->o.reread && look_is_known(&s->was, &f->entity, f->wanted, f->fit);
	if (!(f->wanted & IM_BIT(IMP_ACCESSED)))
		f->entity.file.accessed = 0;
	else
		f->entity.has |= IM_BIT(IMP_ACCESSED);
	s->counts.entities++;
	if (untouched) {
		look_take_known(&f->entity, &s->was);
		s->counts.known++;
		if (!s->o.to && is_same(&s->was, &f->entity))
			return advance(s);
	}
	l = new_slot(s);
	l->there = true;
	l->known = known;
	hold(&l->is, &f->entity, &l->is_text);
	if (known)
		hold(&l->was, &s->was, &l->was_text);
	l->look.wanted = f->wanted;
	l->look.fit = f->fit;
	l->look.e = &l->is;
	if (!untouched)
		look_begin(&l->look, f->dir, f->name, f->followed);
	s->counts.read += l->look.fd >= 0;
	push(s, l->look.fd >= 0);
	return known ? advance(s) : 0;
}

static void note_unread(struct survey *s, const struct found *f)
{
	buf_clear(&s->unread);
	buf_str(&s->unread, f->entity.key);
	if (!str_ends(f->entity.key, STR("/")))
		buf_char(&s->unread, '/');
	s->counts.troubles++;
	s->o.trouble(s->o.arg, f->entity.key, f->error);
}

/* A database of packages in a form that is not read here, for instance. */
static void note_unread_classes(struct survey *s)
{
	for (int class = 0; class < IM_LINUX_CLASSES; class ++) {
		int error = others_error(s->others, (enum im_class) class);
		if (error >= 0)
			continue;
		s->counts.troubles++;
		s->o.trouble(s->o.arg, str_of(im_classes[class].name), error);
	}
}

/* What the walk, and after it the other classes, come to next. */
static int next_found(struct survey *s)
{
	struct found *f = &s->found;
	if (!s->walked) {
		int rc = walk_next(s->walk, f);
		if (rc != 0)
			return rc;
		s->walked = true;
		others_gather(s->others, s->o.now);
		note_unread_classes(s);
	}
	*f = (struct found){ .dir = -1 };
	return others_next(s->others, &f->entity, &f->wanted);
}

/* 1: one more, 0: nothing is left, -errno. */
static int fill(struct survey *s)
{
	if (!s->pending) {
		int rc = next_found(s);
		if (rc == 1 && s->found.unread) {
			note_unread(s, &s->found);
			return 1;
		}
		s->pending = rc == 1;
	}
	if (s->was_there && (!s->pending || im_order(&s->was, &s->found.entity) < 0)) {
		int rc = push_gone(s);
		return rc < 0 ? rc : 1;
	}
	if (!s->pending)
		return 0;
	s->pending = false;
	buf_clear(&s->here);
	buf_str(&s->here, s->found.entity.key);
	int rc = push_found(s, &s->found);
	return rc < 0 ? rc : 1;
}

static void drain(struct survey *s)
{
	while (s->tail < s->head && is_ready(s, slot(s, s->tail)))
		finish_slot(s, slot(s, s->tail++));
}

int survey_step(struct survey *s, unsigned entities)
{
	for (unsigned i = 0; i < entities; i++) {
		drain(s);
		if (s->head - s->tail == SLOTS)
			return SURVEY_WAITING;
		int rc = fill(s);
		if (rc < 0)
			return rc;
		if (rc == 0) {
			drain(s);
			if (s->tail < s->head)
				return SURVEY_WAITING;
			moved_rest(s->moved);
			return SURVEY_DONE;
		}
	}
	return SURVEY_MORE;
}

void survey_counts(const struct survey *s, struct survey_counts *out)
{
	*out = s->counts;
	for (size_t i = 0; i < ARRAY_LEN(s->readers); i++)
		out->bytes += s->readers[i].bytes;
}

struct str survey_at(const struct survey *s)
{
	return buf_view(&s->here);
}

int survey_new(struct survey **out, const struct survey_options *o)
{
	struct survey *s = xcalloc(1, sizeof(*s));
	s->o = *o;
	s->o.threads = o->threads > THREADS_MAX ? (unsigned)THREADS_MAX : o->threads;
	s->walk = walk_new(o->now);
	s->others = others_new();
	s->moved = moved_new(tell_moved, s);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->done, NULL);
	int rc = advance_base(s);
	advance_told(s);
	if (rc == 0)
		rc = advance(s);
	for (unsigned i = 0; rc == 0 && i <= THREADS_MAX; i++)
		if (i < s->o.threads || (i == THREADS_MAX && o->here))
			rc = reader_init(&s->readers[i]);
	for (unsigned i = 0; rc == 0 && i < s->o.threads; i++) {
		s->readers[i].owner = s;
		rc = -pthread_create(&s->threads[i], NULL, read_files, &s->readers[i]);
		s->nthreads += rc == 0;
	}
	if (rc < 0) {
		survey_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void survey_free(struct survey *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->work);
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->nthreads; i++)
		pthread_join(s->threads[i], NULL);
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *l = &s->slots[i];
		if (i < s->head && l->look.fd >= 0)
			close(l->look.fd);
		buf_done(&l->is_text);
		buf_done(&l->was_text);
	}
	for (size_t i = 0; i < ARRAY_LEN(s->readers); i++)
		reader_done(&s->readers[i]);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->done);
	walk_free(s->walk);
	others_free(s->others);
	moved_free(s->moved);
	buf_done(&s->unread);
	buf_done(&s->here);
	free(s);
}
