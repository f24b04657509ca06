#pragma once
#include "module/loginspection/set.h"

/* One line on its way through the engine, and the engine's own memory. */

struct dynamic_field {
	uint16_t field; /* FIELD_STATIC and more; FIELD_UNKNOWN: no rule speaks of it */
	struct str name, value;
};

enum { FIELD_UNKNOWN = UINT16_MAX, SCRATCH_MAX = 4 * LI_LINE_MAX };

struct li_event {
	struct li_engine *engine;
	struct str f[FIELD_STATIC];
	struct dynamic_field dynamic[LI_FIELDS_MAX];
	size_t ndynamic, size;
	const struct decoder *decoder; /* or NULL */
	enum category category;
	bool first_seen;
	int64_t now;
	unsigned matched;            /* level of the composite rule that it was counted for */
	uint64_t keys[COMPARED_MAX]; /* of compared fields, as far as keyed; 0: there is none */
	uint32_t keyed;
	unsigned budget;
};

/* ---- windows (window.c) ---- */

struct windows;
struct windows *windows_new(size_t ncompared);
void windows_free(struct windows *w);
void windows_reset(struct windows *w);
bool window_fires(struct li_event *ev, const struct rule *r);
void window_enter(struct li_event *ev, const struct rule *r);
void windows_save(const struct windows *w, struct buf *out);
struct rd;
int windows_load(struct windows *w, struct rd *r);

/* ---- what is remembered for long (memory.c) ---- */

struct memory {
	uint64_t *keys, *values; /* owned; key 0: free */
	size_t n, cap;
};

void memory_done(struct memory *m);
/* The value, or 0. */
uint64_t memory_get(const struct memory *m, uint64_t key);
bool memory_set(struct memory *m, uint64_t key, uint64_t value); /* false: full */

enum { PROGRAMS = 1024, PROGRAM_CANDIDATES = 14, PROGRAM_NAME = 32 };
struct program_memo {
	uint16_t length; /* of the name; 0: unused */
	uint16_t n;      /* UINT16_MAX: too many */
	uint16_t candidate[PROGRAM_CANDIDATES];
	char name[PROGRAM_NAME];
};

enum { IDS_KEPT = 32, IDS_TEXT = 256 };

struct li_engine {
	const struct li_set *set;
	const char *hostname;
	struct matcher *matcher;
	hs_scratch_t *hs;
	uint64_t *hits; /* places that this line's literals allow */
	uint64_t key[2];
	struct windows *windows;
	struct memory memory;
	int64_t *ignored_since; /* by rule */
	struct accumulator *accumulator;
	struct program_memo *programs;
	char ids[IDS_KEPT][IDS_TEXT];
	size_t ids_n;
	char *scratch;
	size_t scratch_n;
	int64_t local_minute; /* of which minutes and weekday are known */
	unsigned minutes, weekday;
	unsigned cut;
	struct li_event event;
	struct buf text; /* a description that was filled in */
	li_trace_fn *trace;
	void *trace_arg;
};

char *scratch_room(struct li_event *ev, size_t n); /* or NULL */
struct str event_value(const struct li_event *ev, unsigned field);
uint64_t event_hash(const struct li_engine *e, uint8_t tag, struct str s);
uint64_t event_key(struct li_event *ev, size_t compared);

void event_predecode(struct li_event *ev, struct str line);
void event_decode(struct li_event *ev);
void event_set(struct li_event *ev, unsigned field, struct str value);
void event_set_named(struct li_event *ev, struct str name, struct str value);
void event_first_seen(struct li_event *ev);
void event_accumulate(struct li_event *ev);
void accumulator_free(struct accumulator *a);
const struct rule *event_judge(struct li_event *ev);

static inline bool place_open(const struct li_engine *e, size_t place)
{
	return ((e->hits[place / 64] | e->set->ungated[place / 64]) >> place % 64) & 1;
}
