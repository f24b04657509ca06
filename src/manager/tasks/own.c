#include "manager/tasks/own.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"

enum { LOOK_MS = 60000, LOW_MB = 500, ENOUGH_MB = 750 };
#define KEEP_MS (91LL * 24 * 3600 * 1000) /* runs of tasks */

static void say(struct app *a, const char *event, const char *process, int64_t count)
{
	struct event ev;
	event_init(&ev, &event_class_system, event);
	event_text(&ev, "ActionBy", "System");
	event_text(&ev, "Process", process);
	if (count >= 0)
		event_int(&ev, "Count", count);
	system_event(a, &ev);
}

static void mark(struct app *a, const char *value)
{
	store_exec(a->store, STMT_META_SET, ARGS(VAL_TEXT("running"), VAL_TEXT(value)));
}

static bool is_marked(struct app *a)
{
	struct rows r;
	int rc = store_query(a->store, STMT_META_GET, ARGS(VAL_TEXT("running")), &r);
	bool on = rc == 0 && rows_next(&r) == 1 && str_is(col_str(&r, 0), "1");
	rows_done(&r);
	return on;
}

void own_started(struct app *a)
{
	/* It did not say good-bye: it died, or the whole machine did. */
	if (is_marked(a))
		say(a, "manager-process-died", "core", -1);
	say(a, "manager-started", NULL, -1);
	mark(a, "1");
}

void own_stopped(struct app *a)
{
	say(a, "manager-stopped", NULL, -1);
	mark(a, "0");
}

/* When all of the manager ends, its processes end one after the other: what died is told a tick
 * later, if anybody is there then. */
void app_process_died(struct app *a, const char *name)
{
	if (!a->died)
		a->died = json_array();
	json_array_append_new(a->died, json_string(name));
}

static void tell_died(struct app *a)
{
	size_t i;
	json_t *v;
	json_array_foreach (a->died, i, v)
		say(a, "manager-process-died", json_string_value(v), -1);
	json_decref(a->died);
	a->died = NULL;
}

static void look_at_disk(struct app *a)
{
	struct statvfs fs;
	const char *path = strchr(a->config.database, ':');
	AUTO(freep) char *copy = xstrdup(path ? path + 1 : a->config.database);
	if (statvfs(dirname(copy), &fs) < 0)
		return;
	int64_t mb = (int64_t)((uint64_t)fs.f_bavail * fs.f_frsize >> 20);
	if (!a->disk_low && mb < LOW_MB) {
		a->disk_low = true;
		say(a, "manager-disk-low", NULL, mb);
	} else if (a->disk_low && mb >= ENOUGH_MB) {
		a->disk_low = false;
		say(a, "manager-disk-enough", NULL, mb);
	}
}

void own_tick(struct app *a)
{
	uint64_t now = clock_mono_ms();
	if (a->died)
		tell_died(a);
	if (now < a->disk_next_ms)
		return;
	a->disk_next_ms = now + LOOK_MS;
	look_at_disk(a);
	store_exec(a->store, STMT_RUN_EXPIRE, ARGS(VAL_INT((int64_t)clock_ms() - KEEP_MS)));
}
