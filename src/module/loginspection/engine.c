#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/rand.h"
#include "module/loginspection/event.h"

struct li_engine *li_engine_new(const struct li_set *set, const char *hostname)
{
	struct li_engine *e = xcalloc(1, sizeof(*e));
	e->set = set;
	e->hostname = hostname;
	e->matcher = matcher_new();
	e->hits = xcalloc(set->nwords, sizeof(*e->hits));
	e->windows = windows_new(set->ncompared);
	e->ignored_since = xcalloc(set->nrules + 1, sizeof(*e->ignored_since));
	e->programs = xcalloc(PROGRAMS, sizeof(*e->programs));
	e->scratch = xcalloc(1, SCRATCH_MAX);
	e->local_minute = INT64_MIN;
	e->text.max = LI_LINE_MAX;
	rand_bytes(e->key, sizeof(e->key));
	if (set->database && hs_alloc_scratch(set->database, &e->hs) != HS_SUCCESS)
		abort();
	return e;
}

void li_engine_free(struct li_engine *e)
{
	if (!e)
		return;
	matcher_free(e->matcher);
	hs_free_scratch(e->hs);
	windows_free(e->windows);
	memory_done(&e->memory);
	accumulator_free(e->accumulator);
	buf_done(&e->text);
	free(e->hits);
	free(e->ignored_since);
	free(e->programs);
	free(e->scratch);
	free(e);
}

void li_engine_reset(struct li_engine *e)
{
	windows_reset(e->windows);
	memory_done(&e->memory);
	accumulator_free(e->accumulator);
	e->accumulator = NULL;
	memset(e->ignored_since, 0, (e->set->nrules + 1) * sizeof(*e->ignored_since));
	memset(e->ids, 0, sizeof(e->ids));
	e->ids_n = 0;
}

char *scratch_room(struct li_event *ev, size_t n)
{
	struct li_engine *e = ev->engine;
	if (n > SCRATCH_MAX - e->scratch_n) {
		e->cut |= LI_CUT_FIELDS;
		return NULL;
	}
	char *p = e->scratch + e->scratch_n;
	e->scratch_n += n;
	return p;
}

uint64_t event_hash(const struct li_engine *e, uint8_t tag, struct str s)
{
	uint64_t key[2] = { e->key[0] ^ tag, e->key[1] };
	return siphash(key, s.p, s.n) | 1;
}

uint64_t event_key(struct li_event *ev, size_t compared)
{
	if (!(ev->keyed >> compared & 1)) {
		struct str s = event_value(ev, ev->engine->set->compared[compared]);
		ev->keys[compared] = s.p ? event_hash(ev->engine, 'k', s) : 0;
		ev->keyed |= 1u << compared;
	}
	return ev->keys[compared];
}

/* ---- one line ---- */

static int on_literal(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                      void *context)
{
	(void)from;
	(void)to;
	(void)flags;
	struct li_engine *e = context;
	const struct li_set *s = e->set;
	for (uint32_t i = s->literal_first[id]; i < s->literal_first[id + 1]; i++)
		e->hits[s->literal_places[i] / 64] |= 1ull << s->literal_places[i] % 64;
	return 0;
}

static void scan(struct li_engine *e, struct str text)
{
	memset(e->hits, 0, e->set->nwords * sizeof(*e->hits));
	if (e->hs && text.n)
		hs_scan(e->set->database, text.p, (unsigned)text.n, 0, e->hs, on_literal, e);
}

/* The fields that <ignore> and <check_if_ignored> name, as one key. */
static uint64_t tuple(const struct li_event *ev, uint32_t mask)
{
	uint64_t key = mask;
	for (; mask; mask &= mask - 1) {
		struct str s = event_value(ev, (unsigned)__builtin_ctz(mask));
		key = (key ^ event_hash(ev->engine, 'i', s)) * 0xff51afd7ed558ccdull;
		key ^= key >> 29;
	}
	return key;
}

/* Is the event of this rule to be dropped? Also notes what later events are dropped for. */
static bool silenced(struct li_event *ev, const struct rule *r)
{
	struct li_engine *e = ev->engine;
	int64_t *since = &e->ignored_since[r->index];
	if (r->ignore && *since && ev->now - *since < r->ignore)
		return true;
	if (r->ignore)
		*since = ev->now;
	if (r->check_ignored && memory_get(&e->memory, tuple(ev, r->check_ignored)))
		return true;
	if (r->ignored && !memory_set(&e->memory, tuple(ev, r->ignored), 1))
		e->cut |= LI_CUT_KEYS;
	return false;
}

/* `$(srcip)` in a description becomes the event's. */
static struct str filled(struct li_event *ev, struct str text)
{
	struct buf *b = &ev->engine->text;
	if (!text.n || !memmem(text.p, text.n, "$(", 2))
		return text;
	buf_clear(b);
	while (text.n) {
		const char *end = str_starts(text, STR("$(")) ? memchr(text.p, ')', text.n) : NULL;
		if (!end) {
			buf_char(b, text.p[0]);
			text = str_skip(text, 1);
			continue;
		}
		struct str name = { text.p + 2, (size_t)(end - text.p) - 2 };
		int known = log_field_find(name);
		struct str value = known >= 0 ? ev->f[known] : (struct str){ 0 };
		for (size_t i = 0; known < 0 && i < ev->ndynamic; i++)
			if (str_eq(ev->dynamic[i].name, name))
				value = ev->dynamic[i].value;
		buf_str(b, value);
		text = str_skip(text, name.n + 3);
	}
	return buf_view(b);
}

static void answer_fields(const struct li_event *ev, struct li_answer *out)
{
	for (unsigned i = 0; i < FIELD_DECODED; i++)
		if (ev->f[i].p)
			out->fields[out->nfields++] = (struct li_field){ field_name(i), ev->f[i] };
	for (size_t i = 0; i < ev->ndynamic && out->nfields < LI_FIELDS_MAX; i++)
		out->fields[out->nfields++] =
			(struct li_field){ ev->dynamic[i].name, ev->dynamic[i].value };
}

static void answer(struct li_event *ev, const struct rule *r, struct li_answer *out)
{
	const struct li_set *s = ev->engine->set;
	out->decoder = ev->decoder ? s->decoder_names[ev->decoder->id] : (struct str){ 0 };
	out->program = ev->f[FIELD_PROGRAM];
	out->hostname = ev->f[FIELD_HOSTNAME];
	out->log = ev->f[FIELD_LOG];
	out->nfields = 0;
	answer_fields(ev, out);
	out->rule = r != NULL;
	out->id = r ? r->id : 0;
	out->level = r ? r->level : 0;
	out->log_it = r && r->level && !r->no_log;
	out->file = r ? r->file : NULL;
	out->rule_json = r ? r->json : (struct str){ 0 };
	out->description = !r          ? (struct str){ 0 }
	                   : r->json.n ? r->description
	                               : filled(ev, r->description);
	out->groups = r ? r->groups : (struct str){ 0 };
}

/* What one line leaves in the event for the next must be gone; the arrays behind counts may stay.
 */
static struct li_event *fresh(struct li_engine *e, int64_t now)
{
	struct li_event *ev = &e->event;
	memset(ev->f, 0, sizeof(ev->f));
	ev->engine = e;
	ev->ndynamic = 0;
	ev->decoder = NULL;
	ev->first_seen = false;
	ev->now = now;
	ev->matched = 0;
	ev->keyed = 0;
	e->scratch_n = 0;
	return ev;
}

void li_engine_trace(struct li_engine *e, li_trace_fn *fn, void *arg)
{
	e->trace = fn;
	e->trace_arg = arg;
}

void li_engine_line(struct li_engine *e, struct str line, struct str location, int64_t now,
                    struct li_answer *out)
{
	struct li_event *ev = fresh(e, now);
	ev->f[FIELD_LOCATION] = location;
	event_predecode(ev, line);
	scan(e, ev->f[FIELD_LOG]);
	event_decode(ev);
	const struct rule *r = event_judge(ev);
	if (r && r->level) {
		if (silenced(ev, r))
			r = NULL;
		else
			window_enter(ev, r);
	}
	answer(ev, r, out);
}

/* ---- what was cut ---- */

unsigned li_engine_cut(struct li_engine *e)
{
	unsigned cut = e->cut | (matcher_given_up(e->matcher) ? LI_CUT_MATCH : 0);
	e->cut = 0;
	return cut;
}

const char *li_cut_text(unsigned bit)
{
	switch (bit) {
	case LI_CUT_LINE:
		return "a line was longer than 65536 bytes; the rest of it was not looked at";
	case LI_CUT_MATCH:
		return "a pattern would have taken too long on a line and counts as not matching";
	case LI_CUT_WINDOW:
		return "more keys were counted at once than there is room for; the quietest were forgotten";
	case LI_CUT_KEYS:
		return "no more first sights, ignored fields or compared texts can be remembered";
	case LI_CUT_FIELDS:
		return "a line had more fields than fit; the rest of them was left out";
	case LI_CUT_TREE:
		return "a line led through too many rules; the search was ended";
	default:
		return "";
	}
}
