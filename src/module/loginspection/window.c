#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/wire.h"
#include "module/loginspection/event.h"

/*
 * The earlier events that composite rules count. One ring holds the last EVENTS of them; an entry
 * hangs in a chain for each window and key that it belongs to, newest first. Numbers only grow, so
 * what a ring has overwritten is seen by its number and nothing is ever unlinked.
 */

enum { EVENTS = 8192, LINKS = 32768, HEADS = 65536, WAYS = 16 };

struct past {
	int64_t time;
	uint64_t number;
	unsigned matched;
};

struct link {
	uint64_t event, before; /* before: the next older link; 0: none */
	uint64_t key;
};

struct head {
	uint64_t key, link;
};

struct windows {
	uint64_t events, links; /* numbers given so far */
	size_t ncompared;
	struct past *past;
	uint64_t *keys; /* ncompared for each of past */
	struct link *link;
	struct head *head;
};

struct windows *windows_new(size_t ncompared)
{
	struct windows *w = xcalloc(1, sizeof(*w));
	w->ncompared = ncompared;
	w->past = xcalloc(EVENTS, sizeof(*w->past));
	w->keys = xcalloc((size_t)EVENTS * (ncompared + 1), sizeof(*w->keys));
	w->link = xcalloc(LINKS, sizeof(*w->link));
	w->head = xcalloc(HEADS, sizeof(*w->head));
	return w;
}

void windows_free(struct windows *w)
{
	if (!w)
		return;
	free(w->past);
	free(w->keys);
	free(w->link);
	free(w->head);
	free(w);
}

void windows_reset(struct windows *w)
{
	w->events = w->links = 0;
	memset(w->head, 0, HEADS * sizeof(*w->head));
	memset(w->past, 0, EVENTS * sizeof(*w->past));
	memset(w->link, 0, LINKS * sizeof(*w->link));
}

static struct link *link_of(struct windows *w, uint64_t number)
{
	return number && number + LINKS > w->links ? &w->link[number % LINKS] : NULL;
}

static struct past *past_of(struct windows *w, uint64_t number)
{
	struct past *p = &w->past[number % EVENTS];
	return number + EVENTS > w->events && p->number == number ? p : NULL;
}

/* The event's key in a window: all fields that must be the same. False: one of them is missing. */
static bool window_key(struct li_event *ev, size_t window, uint32_t same, uint64_t *out)
{
	uint64_t key = (window + 1) * 0x9e3779b97f4a7c15ull;
	for (; same; same &= same - 1) {
		uint64_t one = event_key(ev, (size_t)__builtin_ctz(same));
		if (!one)
			return false;
		key = (key ^ one) * 0xff51afd7ed558ccdull;
		key ^= key >> 32;
	}
	*out = key ? key : 1;
	return true;
}

static struct head *bucket_of(struct windows *w, uint64_t key)
{
	return &w->head[key % (HEADS / WAYS) * WAYS];
}

static const struct head *head_find(struct windows *w, uint64_t key)
{
	const struct head *h = bucket_of(w, key);
	for (size_t i = 0; i < WAYS; i++)
		if (h[i].key == key)
			return &h[i];
	return NULL;
}

/* A bucket without room gives up the key that was quiet the longest. */
static struct head *head_take(struct windows *w, uint64_t key, unsigned *cut)
{
	struct head *h = bucket_of(w, key), *oldest = h;
	for (size_t i = 0; i < WAYS; i++) {
		if (h[i].key == key)
			return &h[i];
		if (h[i].link < oldest->link)
			oldest = &h[i];
	}
	const struct link *l = link_of(w, oldest->link);
	if (l && past_of(w, l->event))
		*cut |= LI_CUT_WINDOW;
	*oldest = (struct head){ .key = key };
	return oldest;
}

/* Do all fields that must differ stand on both sides, and differ? */
static bool differs(struct li_event *ev, const struct windows *w, uint64_t past, uint32_t different)
{
	const uint64_t *keys = w->keys + past % EVENTS * w->ncompared;
	for (; different; different &= different - 1) {
		size_t i = (size_t)__builtin_ctz(different);
		uint64_t mine = event_key(ev, i);
		if (!mine || !keys[i] || mine == keys[i])
			return false;
	}
	return true;
}

bool window_fires(struct li_event *ev, const struct rule *r)
{
	struct windows *w = ev->engine->windows;
	struct past *newest = NULL;
	uint64_t key = 0;
	int count = 0;
	if (!window_key(ev, r->window, r->same, &key))
		return false;
	const struct head *h = head_find(w, key);
	const struct link *l = h ? link_of(w, h->link) : NULL;
	for (; l; l = link_of(w, l->before)) {
		struct past *p = past_of(w, l->event);
		if (!p || ev->now - p->time > r->timeframe)
			return false;
		if (r->different && !differs(ev, w, l->event, r->different))
			continue;
		if (p->matched >= r->level)
			return false;
		newest = newest ? newest : p;
		if (++count < r->frequency)
			continue;
		ev->matched = r->level;
		newest->matched = p->matched = r->level;
		return true;
	}
	return false;
}

static void hang(struct li_event *ev, size_t window, uint64_t event)
{
	struct windows *w = ev->engine->windows;
	uint64_t key = 0;
	if (!window_key(ev, window, ev->engine->set->windows[window].same, &key))
		return;
	struct head *h = head_take(w, key, &ev->engine->cut);
	uint64_t number = ++w->links;
	w->link[number % LINKS] = (struct link){ event, h->link, key };
	h->link = number;
}

/* All that some rule compares is kept with the event. */
static void keep_keys(struct li_event *ev, uint64_t event)
{
	struct windows *w = ev->engine->windows;
	uint64_t *keys = w->keys + event % EVENTS * w->ncompared;
	for (size_t i = 0; i < w->ncompared; i++)
		keys[i] = event_key(ev, i);
}

static bool regex_enters(struct li_event *ev, const struct window *w)
{
	return w->category == ev->category &&
	       pattern_test(w->regex, ev->engine->matcher, ev->f[FIELD_LOG]);
}

void window_enter(struct li_event *ev, const struct rule *r)
{
	struct windows *w = ev->engine->windows;
	const struct li_set *s = ev->engine->set;
	if (!r->nenters && !s->nregex_windows)
		return;
	uint64_t number = ++w->events;
	w->past[number % EVENTS] = (struct past){ ev->now, number, ev->matched };
	keep_keys(ev, number);
	for (size_t i = 0; i < r->nenters; i++)
		hang(ev, r->enters[i], number);
	for (size_t i = 0; i < s->nregex_windows; i++)
		if (regex_enters(ev, &s->windows[s->regex_windows[i]]))
			hang(ev, s->regex_windows[i], number);
}

/* ---- over restarts ---- */

static void put(struct buf *b, uint64_t v)
{
	char *room = buf_room(b, 8);
	struct wr w = wr_init(room, 8);
	if (!room)
		return;
	wr_u64(&w, v);
	b->n += 8;
}

static uint64_t oldest(uint64_t newest, uint64_t kept)
{
	return newest >= kept ? newest - kept + 1 : 1;
}

void windows_save(const struct windows *w, struct buf *out)
{
	uint64_t first = oldest(w->events, EVENTS), first_link = oldest(w->links, LINKS);
	put(out, first);
	put(out, w->events);
	for (uint64_t i = first; i <= w->events; i++) {
		put(out, (uint64_t)w->past[i % EVENTS].time);
		put(out, w->past[i % EVENTS].matched);
		for (size_t k = 0; k < w->ncompared; k++)
			put(out, w->keys[i % EVENTS * w->ncompared + k]);
	}
	put(out, w->links + 1 - first_link);
	for (uint64_t i = first_link; i <= w->links; i++) {
		put(out, w->link[i % LINKS].event);
		put(out, w->link[i % LINKS].key);
	}
}

static void hang_again(struct windows *w, uint64_t event, uint64_t key)
{
	unsigned cut = 0;
	struct head *h = head_take(w, key, &cut);
	uint64_t number = ++w->links;
	w->link[number % LINKS] = (struct link){ event, h->link, key };
	h->link = number;
}

int windows_load(struct windows *w, struct rd *r)
{
	uint64_t first = rd_u64(r), last = rd_u64(r);
	if (r->bad || first < 1 || last >= INT64_MAX || last + 1 < first ||
	    last + 1 - first > EVENTS)
		return -EINVAL;
	w->events = last;
	for (uint64_t i = first; i <= last; i++) {
		int64_t time = (int64_t)rd_u64(r);
		w->past[i % EVENTS] = (struct past){ time, i, (unsigned)rd_u64(r) };
		for (size_t k = 0; k < w->ncompared; k++)
			w->keys[i % EVENTS * w->ncompared + k] = rd_u64(r);
	}
	uint64_t links = rd_u64(r);
	if (r->bad || links > LINKS)
		return -EINVAL;
	for (uint64_t i = 0; i < links && !r->bad; i++) {
		uint64_t event = rd_u64(r), key = rd_u64(r);
		if (!r->bad)
			hang_again(w, event, key);
	}
	return rd_end(r) < 0 ? -EINVAL : 0;
}
