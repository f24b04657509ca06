#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/sensor/tree/live.h"
#include "base/auto.h"
#include "base/clock.h"
#include "module/integritymonitoring/survey/walk.h"

/*
 * First everything that is there, then everything that was known and is no more, then what is no
 * path. What is looked at twice is the same the second time.
 */
struct sweep {
	struct live *live;   /* borrowed */
	struct walk *walk;   /* owned; NULL: all was walked */
	struct walk *at;     /* owned: tells whether a path is there */
	struct cursor known; /* of paths */
	char *path;          /* owned; NULL: everything */
	const struct im_actor *by;
	enum { SWEEP_THERE, SWEEP_KNOWN, SWEEP_CLASSES, SWEEP_DONE } phase;
	int class;
};

struct sweep *sweep_new(struct live *l, struct str path, const struct im_actor *by)
{
	struct sweep *s = xcalloc(1, sizeof(*s));
	s->live = l;
	s->by = by;
	s->path = path.n ? str_dup(path) : NULL;
	s->at = walk_new(&l->watched);
	s->walk = path.n ? walk_below(&l->watched, str_of(s->path)) : walk_new(&l->watched);
	s->known.keep.fd = -1;
	return s;
}

void sweep_free(struct sweep *s)
{
	if (!s)
		return;
	walk_free(s->walk);
	walk_free(s->at);
	cursor_close(&s->known);
	free(s->path);
	free(s);
}

static const uint32_t any = TOUCH_ATTRIBUTES | TOUCH_MOVED;

static void step_there(struct sweep *s)
{
	struct found f;
	if (walk_next(s->walk, &f) == 1) {
		if (!f.unread)
			live_judge(s->live, f.entity.key, any, s->by);
		return;
	}
	walk_free(s->walk);
	s->walk = NULL;
	s->phase = SWEEP_KNOWN;
	if (cursor_open(&s->known, &s->live->ledger, IM_FILE,
	                s->path ? str_of(s->path) : STR("/")) < 0)
		s->phase = SWEEP_CLASSES;
}

/* What is still there was looked at by the walk; all else the ledger's own words are judged for. */
static void step_known(struct sweep *s)
{
	struct im_entity e;
	struct found f;
	if (cursor_next(&s->known, &e) != 1) {
		s->phase = SWEEP_CLASSES;
		return;
	}
	if (!im_wanted(&s->live->watched, NULL, &e) || walk_at(s->at, e.key, &f))
		return;
	AUTO(freep) char *path = str_dup(e.key);
	live_judge(s->live, str_of(path), any, s->by);
}

static void step_classes(struct sweep *s)
{
	while (!s->path && s->class < IM_LINUX_CLASSES && im_classes[s->class].paths)
		s->class ++;
	if (s->path || s->class == IM_LINUX_CLASSES) {
		s->phase = SWEEP_DONE;
		return;
	}
	live_class(s->live, (enum im_class)s->class ++, s->by);
}

bool sweep_go_on(struct sweep *s, uint64_t until_ms)
{
	enum { STEP = 16 };
	do {
		for (int i = 0; i < STEP; i++) {
			switch (s->phase) {
			case SWEEP_THERE:
				step_there(s);
				break;
			case SWEEP_KNOWN:
				step_known(s);
				break;
			case SWEEP_CLASSES:
				step_classes(s);
				break;
			case SWEEP_DONE:
				return true;
			}
		}
	} while (clock_mono_ms() < until_ms);
	return s->phase == SWEEP_DONE;
}
