#include "agent/sensor/log/opener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensor/log/find.h"
#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"

enum { FILES_MAX = 20000, AT_ONCE = 100, PATTERNS_MAX = 5000 };

struct given {
	uint64_t dev, ino;
};

/* One look. */
struct look {
	struct opener *opener;
	int64_t pattern;
	const char *rotated; /* the log whose copies are looked for, or NULL */
	int64_t since;       /* ... that were changed since, seconds */
	unsigned sent;
	bool more;
};

void opener_init(struct opener *o, struct self *me)
{
	*o = (struct opener){ .me = me };
}

void opener_down(struct opener *o)
{
	struct map_item item;
	for (size_t at = 0; map_next(&o->given, &at, &item);)
		free(item.value);
	map_done(&o->given);
	o->given = (struct map){ 0 };
}

void opener_done(struct opener *o)
{
	opener_down(o);
}

static int tell(struct opener *o, uint32_t type, const json_t *j, int fd)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, j);
	return fd < 0 ? self_send(o->me, P_LOGS, 0, type, 0, buf_view(&b))
	              : self_send_fd(o->me, P_LOGS, type, 0, buf_view(&b), fd);
}

/* true: it is news. */
static bool is_news(struct opener *o, const struct log_found *f)
{
	struct str path = str_of(f->path);
	struct given *g = map_get(&o->given, path);
	if (g && g->dev == f->st->st_dev && g->ino == f->st->st_ino)
		return false;
	if (!g) {
		if (o->given.n >= FILES_MAX)
			return false;
		g = xcalloc(1, sizeof(*g));
		map_set(&o->given, path, g);
	}
	*g = (struct given){ f->st->st_dev, f->st->st_ino };
	return true;
}

static void forget(struct opener *o, const char *path)
{
	free(map_del(&o->given, str_of(path)));
}

static int each(void *arg, const struct log_found *f)
{
	struct look *l = arg;
	AUTO(json_decrefp) json_t *o = json_object();
	if (l->sent == AT_ONCE) {
		l->more = true;
		return -ENOSPC;
	}
	if (l->rotated && f->st->st_mtim.tv_sec < l->since)
		return 0;
	if (!l->rotated && !is_news(l->opener, f))
		return 0;
	json_set_bytes(o, "path", str_of(f->path));
	json_set_int(o, "pattern", l->pattern);
	if (l->rotated)
		json_set_text(o, "rotated", l->rotated);
	int rc = tell(l->opener, M_LOG_FILE, o, f->fd);
	if (rc < 0) { /* it is busy: the next look finds it again */
		if (!l->rotated)
			forget(l->opener, f->path);
		l->more = true;
		return rc;
	}
	l->sent++;
	return 0;
}

int opener_look(struct opener *o, const json_t *ask)
{
	const json_t *patterns = json_array_at(ask, "patterns");
	const char *rotated = json_text(ask, "rotated", NULL);
	struct look l = { .opener = o, .rotated = rotated, .since = json_int(ask, "since", 0) };
	AUTO(json_decrefp) json_t *answer = json_object();
	if (json_array_size(patterns) > PATTERNS_MAX)
		return -EBADMSG;
	if (json_bool(ask, "renew", false))
		opener_down(o);
	for (size_t i = 0; i < json_array_size(patterns) && !l.more; i++) {
		const char *pattern = json_string_value(json_array_get(patterns, i));
		l.pattern = (int64_t)i;
		if (pattern)
			log_find(pattern, each, &l);
	}
	if (rotated) {
		log_find_rotated(rotated, each, &l);
		json_set_text(answer, "rotated", rotated);
	}
	json_set_bool(answer, "more", l.more);
	return tell(o, M_LOG_LOOKED, answer, -1) == -EMSGSIZE ? -EBADMSG : 0;
}

int opener_closed(struct opener *o, const json_t *what)
{
	const char *path = json_text(what, "path", NULL);
	const struct given *g = path ? map_get(&o->given, str_of(path)) : NULL;
	if (g && (int64_t)g->ino == json_int(what, "ino", -1))
		forget(o, path);
	return 0;
}
