#include "manager/tasks/clocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "model/setting.h"

enum {
	CLOSE_S = 20, /* two heartbeats of one host never agree better: its clock, our queue */
};

static const char kind[] = "agenttimes";

static void say(struct app *a, const char *event, int64_t computer, int64_t count, const char *text)
{
	AUTO(freep) char *name = computer_name(a->store, computer);
	struct event ev;
	event_init(&ev, &event_class_system, event);
	event_text(&ev, "ActionBy", "System");
	event_text(&ev, "TargetType", "computer");
	event_int(&ev, "TargetID", computer);
	event_text(&ev, "TargetName", name);
	event_int(&ev, "Count", count);
	event_text(&ev, "Description", text);
	system_event(a, &ev);
}

static void save(struct app *a, int64_t computer, const json_t *o, bool known)
{
	AUTO(buf_done) struct buf b = { 0 };
	char name[24];
	json_write(&b, o);
	snprintf(name, sizeof(name), "%lld", (long long)computer);
	store_exec(a->store, known ? STMT_OBJECT_SET : STMT_OBJECT_ADD,
	           ARGS(VAL_TEXT(kind), VAL_INT(computer), VAL_TEXT(name), VAL_INT(0),
	                VAL_STR(buf_view(&b))));
}

static bool is_near(int64_t a, int64_t b)
{
	return llabs(a - b) <= CLOSE_S;
}

static void compare_shift(struct app *a, int64_t computer, int64_t was, int64_t is)
{
	AUTO(buf_done) struct buf b = { 0 };
	setting_value(a, "computers", computer,
	              "platformSettingHeartbeatLocalTimeShiftAlertThreshold", &b);
	int64_t most = (int64_t)setting_seconds(buf_view(&b)); /* 0: Unlimited */
	if (most > 0 && llabs(is - was) > most)
		say(a, "clock-changed", computer, is - was, NULL);
}

/* A restart of the agent moves its start forward and never to what it was before. */
static bool came_back(const json_t *old, int64_t start, const char *host)
{
	return json_int(old, "startBefore", 0) > 0 && !is_near(json_int(old, "start", 0), start) &&
	       is_near(json_int(old, "startBefore", 0), start) &&
	       strcmp(json_text(old, "hostBefore", ""), host) == 0;
}

void agent_clock(struct app *a, int64_t computer, const json_t *status)
{
	int64_t time = json_int(status, "time", 0) / 1000,
		uptime = json_int(status, "uptime", 0) / 1000;
	int64_t now = (int64_t)clock_ms() / 1000, shift = time - now, start = now - uptime;
	const char *host = json_text(status, "hostName", "");
	AUTO(json_decrefp) json_t *old = object_get(a->store, kind, computer);
	if (time <= 0 || uptime <= 0)
		return;
	bool moved = !is_near(json_int(old, "shift", 0), shift),
	     restarted = !is_near(json_int(old, "start", 0), start);
	if (old && !moved && !restarted)
		return;
	if (old && moved)
		compare_shift(a, computer, json_int(old, "shift", 0), shift);
	if (old && restarted && came_back(old, start, host))
		say(a, "cloned-agent", computer, 0, host);
	AUTO(json_decrefp) json_t *o = old ? json_deep_copy(old) : json_object();
	json_set_int(o, "shift", shift);
	if (restarted) {
		json_set_int(o, "startBefore", json_int(old, "start", 0));
		json_set_bytes(o, "hostBefore", str_of(json_text(old, "host", "")));
	}
	json_set_int(o, "start", start);
	json_set_bytes(o, "host", str_of(host));
	save(a, computer, o, old != NULL);
}
