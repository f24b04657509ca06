#include <errno.h>
#include <string.h>

#include "base/wire.h"
#include "module/loginspection/event.h"

/*
 * The state over restarts. Windows are kept only for the rule set that they were counted for;
 * first sights, ignored fields and compared texts for any.
 */

static const char magic[] = "yagura loginspection 1";

/* What windows mean: their lists and the fields they compare, by names and not by numbers. */
static uint64_t fingerprint(const struct li_engine *e)
{
	static const uint64_t key[2] = { 0 };
	const struct li_set *s = e->set;
	uint64_t h = s->nwindows;
	for (size_t i = 0; i < s->nwindows; i++) {
		uint64_t one[3] = { s->windows[i].sid, s->windows[i].same, s->windows[i].category };
		h = h * 31 + siphash(key, one, sizeof(one));
	}
	for (size_t i = 0; i < s->ncompared; i++) {
		unsigned f = s->compared[i];
		struct str name = f < FIELD_STATIC ? field_name(f) : s->names[f - FIELD_STATIC];
		h = h * 31 + siphash(key, name.p, name.n);
	}
	return h;
}

static void put(struct buf *b, uint64_t v)
{
	char *room = buf_room(b, 8);
	struct wr w = wr_init(room, 8);
	if (!room)
		return;
	wr_u64(&w, v);
	b->n += 8;
}

void li_engine_save(const struct li_engine *e, struct buf *out)
{
	buf_add(out, magic, sizeof(magic));
	put(out, e->key[0]);
	put(out, e->key[1]);
	put(out, e->memory.n);
	for (size_t i = 0; i < e->memory.cap; i++)
		if (e->memory.keys[i]) {
			put(out, e->memory.keys[i]);
			put(out, e->memory.values[i]);
		}
	put(out, fingerprint(e));
	put(out, e->set->nrules);
	for (size_t i = 0; i < e->set->nrules; i++)
		put(out, (uint64_t)e->ignored_since[i]);
	windows_save(e->windows, out);
}

static int load(struct li_engine *e, struct rd *r)
{
	e->key[0] = rd_u64(r);
	e->key[1] = rd_u64(r);
	uint64_t n = rd_u64(r);
	for (uint64_t i = 0; i < n && !r->bad; i++) {
		uint64_t key = rd_u64(r), value = rd_u64(r);
		if (!r->bad && !memory_set(&e->memory, key, value))
			return -EINVAL;
	}
	bool same = rd_u64(r) == fingerprint(e);
	uint64_t rules = rd_u64(r);
	same &= rules == e->set->nrules;
	for (uint64_t i = 0; i < rules && !r->bad; i++) {
		int64_t since = (int64_t)rd_u64(r);
		if (same && !r->bad)
			e->ignored_since[i] = since;
	}
	if (r->bad || !same)
		return r->bad ? -EINVAL : 0;
	return windows_load(e->windows, r);
}

int li_engine_load(struct li_engine *e, struct str state, struct err *why)
{
	li_engine_reset(e);
	memset(e->programs, 0, PROGRAMS * sizeof(*e->programs));
	if (state.n < sizeof(magic) || memcmp(state.p, magic, sizeof(magic)) != 0)
		return err_set(why, -EINVAL, "the state of Log Inspection was expected");
	struct rd r = rd_init(state.p + sizeof(magic), state.n - sizeof(magic));
	if (load(e, &r) == 0)
		return 0;
	li_engine_reset(e);
	return err_set(why, -EINVAL, "the state of Log Inspection ends too early or is damaged");
}
