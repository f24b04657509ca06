#include "manager/tasks/outside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "manager/api/resources.h"
#include "manager/tasks/eventbased.h"
#include "manager/tasks/scheduled.h"

enum { QUEUE_LOOK = 50, SWEEP_MAX = 65536, SCRIPTS_MAX = 1000 };

/* ---- scripts ---- */

static const char *script_of(const json_t *task)
{
	return json_text(json_object_at(task, "runScriptTaskParameters"), "filename", "");
}

static json_t *script_order(struct app *a, const json_t *task, struct err *why)
{
	(void)a;
	if (!*script_of(task)) {
		err_set(why, 0, "The task names no script.");
		return NULL;
	}
	return json_pack("{s:s}", "script", script_of(task));
}

static bool script_taken(struct app *a, const json_t *task, const char *text, struct buf *told)
{
	(void)a;
	buf_fmt(told, "%s: %s", script_of(task), *text ? text : "It said nothing.");
	return true;
}

const struct outside outside_script = { POST_SCRIPT, script_order, script_taken };

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool may_run(int dir, const char *name)
{
	struct stat st;
	AUTO(closep) int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return name[0] != '.' && fd >= 0 && file_is_guarded(fd, &st) && S_ISREG(st.st_mode) &&
	       st.st_mode & S_IXOTH;
}

/* What root put into the folder; the runner looks again before it runs one. */
static size_t scripts(const char *path, char *names[static SCRIPTS_MAX])
{
	struct stat st;
	size_t n = 0;
	AUTO(closep) int dir = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *d = dir >= 0 && file_is_guarded(dir, &st) ? file_dir(dir) : NULL;
	for (const struct dirent *e; d && n < SCRIPTS_MAX && (e = readdir(d));)
		if (may_run(dir, e->d_name))
			names[n++] = xstrdup(e->d_name);
	if (d)
		closedir(d);
	qsort(names, n, sizeof(*names), by_name);
	return n;
}

int scripts_list(struct call *c)
{
	char **names = xcalloc(SCRIPTS_MAX, sizeof(*names));
	size_t n = scripts(c->app->config.scripts, names);
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		json_t *o = json_object();
		json_set_bytes(o, "name", str_of(names[i]));
		json_array_append_new(list, o);
		free(names[i]);
	}
	free(names);
	c->out = json_object();
	json_set(c->out, "scripts", list);
	return 200;
}

/* ---- computers in a network ---- */

static bool ipv4(const char *text, uint32_t *out)
{
	struct in_addr a;
	if (inet_pton(AF_INET, text, &a) != 1)
		return false;
	*out = ntohl(a.s_addr);
	return true;
}

/* "255.255.255.0", "24" or "/24": its bits, -1: none. */
static int mask_bits(const char *text)
{
	uint32_t mask = 0;
	uint64_t bits = 0;
	if (*text == '/')
		text++;
	if (str_u64(str_of(text), 0, 32, &bits) == 0)
		return (int)bits;
	/* The ones come first, without a gap. */
	if (!ipv4(text, &mask) || (~mask & (~mask + 1)))
		return -1;
	return __builtin_popcount(mask);
}

/* The first and last address that are meant. */
static int range_of(const json_t *p, uint32_t *low, uint32_t *high, struct err *why)
{
	if (strcmp(json_text(p, "discoveryType", "range"), "range") == 0) {
		if (!ipv4(json_text(p, "iprangeLow", ""), low) ||
		    !ipv4(json_text(p, "iprangeHigh", ""), high) || *low > *high)
			return err_set(
				why, -EINVAL,
				"iprangeLow and iprangeHigh must be IPv4 addresses in order.");
	} else {
		int bits = mask_bits(json_text(p, "ipmask", ""));
		if (!ipv4(json_text(p, "ip", ""), low) || bits < 0)
			return err_set(why, -EINVAL,
			               "ip and ipmask must be an IPv4 address and its mask.");
		uint32_t hosts = bits == 0 ? UINT32_MAX : (uint32_t)((1ull << (32 - bits)) - 1);
		*low &= ~hosts;
		*high = *low | hosts;
	}
	return *high - *low >= SWEEP_MAX
	               ? err_set(why, -EINVAL, "At most %d addresses can be looked at.", SWEEP_MAX)
	               : 0;
}

static json_t *discover_order(struct app *a, const json_t *task, struct err *why)
{
	const json_t *p = json_object_at(task, "discoverComputersTaskParameters");
	uint32_t low = 0, high = 0;
	(void)a;
	if (range_of(p, &low, &high, why) < 0)
		return NULL;
	return json_pack("{s:s,s:I,s:I,s:b}", "kind", "discover", "low", (json_int_t)low, "high",
	                 (json_int_t)high, "names", json_bool(p, "resolveIPs", true));
}

/* The names and addresses of the computers that are there. */
static json_t *known_computers(struct app *a)
{
	struct rows r;
	json_t *known = json_object();
	int rc = store_query(a->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT("computers")), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		static const char *const fields[] = { "hostName", "lastIPUsed" };
		AUTO(json_decrefp) json_t *o = json_parse(col_str(&r, 1), NULL);
		for (size_t i = 0; i < ARRAY_LEN(fields); i++)
			json_set(known, json_text(o, fields[i], ""), json_true());
	}
	rows_done(&r);
	return known;
}

static bool add_computer(struct app *a, const char *name, const char *ip, int64_t group)
{
	const struct resource *r = resource_find(STR("computers"));
	AUTO(json_decrefp) json_t *o = json_object(), *nothing = json_object();
	int64_t id = 0;
	fields_take(computer_fields, nothing, o, true, NULL);
	json_set_bytes(o, "hostName", str_of(name));
	json_set_text(o, "lastIPUsed", ip);
	json_set_int(o, "groupID", group);
	if (object_add(a->store, r, 0, o, &id) < 0)
		return false;
	system_event_about(a, "computer-created",
	                   &(struct subject){ .type = "computer", .id = id, .name = name });
	stream_say(a, "computers", "computer",
	           json_pack("{s:s,s:{s:I}}", "op", "create", "object", "ID", (json_int_t)id));
	event_tasks_run(a, "computer-created-by-system", id);
	return true;
}

static bool discover_taken(struct app *a, const json_t *task, const char *text, struct buf *told)
{
	const json_t *p = json_object_at(task, "discoverComputersTaskParameters");
	int64_t group = json_int(p, "computerGroupID", 0);
	AUTO(json_decrefp) json_t *found = json_parse(str_of(text), NULL);
	AUTO(json_decrefp) json_t *known = known_computers(a);
	AUTO(json_decrefp)
	json_t *there = group ? object_get(a->store, "computergroups", group) : NULL;
	size_t i, added = 0;
	json_t *v;
	json_array_foreach (found, i, v) {
		const char *ip = json_text(v, "ip", ""), *name = json_text(v, "name", ip);
		if (json_object_get(known, ip) || json_object_get(known, name))
			continue;
		added += add_computer(a, name, ip, there ? group : 0);
		json_set(known, ip, json_true());
		json_set(known, name, json_true());
	}
	buf_fmt(told, "%zu computers answered, %zu of them are new.", json_array_size(found),
	        added);
	system_event_about(a, "computers-discovered",
	                   &(struct subject){ .type = "network",
	                                      .name = json_text(task, "name", ""),
	                                      .text = told->p });
	return true;
}

const struct outside outside_discover = { POST_DISCOVER, discover_order, discover_taken };

/* ---- runs ---- */

int outside_check(struct app *a, const json_t *task, struct err *why)
{
	const struct outside *o = scheduled_outside(task);
	AUTO(json_decrefp) json_t *order = o ? o->order(a, task, why) : NULL;
	return o && !order ? -EINVAL : 0;
}

static void set_state(struct app *a, int64_t row, const char *state)
{
	store_exec(a->store, STMT_RUN_STATE, ARGS(VAL_INT(row), VAL_TEXT(state)));
}

static void ended(struct app *a, int64_t row, const json_t *task, int rc, const char *text)
{
	const struct outside *o = scheduled_outside(task);
	AUTO(buf_done) struct buf told = { 0 };
	bool good = rc == 0 && o && o->taken(a, task, text, &told);
	if (rc < 0)
		buf_z(&told, text);
	scheduled_run_ended(a, row, good, told.p ? told.p : "");
}

static json_t *task_of_run(struct app *a, int64_t row)
{
	int64_t task = store_int(a->store, STMT_RUN_TASK, ARGS(VAL_INT(row)), 0);
	return object_get(a->store, "scheduledtasks", task);
}

static void done(struct app *a, int64_t row, int rc, const char *text)
{
	AUTO(json_decrefp) json_t *task = task_of_run(a, row);
	ended(a, row, task, rc, text);
}

static void start(struct app *a, int64_t row)
{
	struct err why = { { 0 } };
	AUTO(json_decrefp) json_t *task = task_of_run(a, row);
	const struct outside *o = scheduled_outside(task);
	if (o && post_busy(a, o->way))
		return;
	AUTO(json_decrefp) json_t *order = o ? o->order(a, task, &why) : NULL;
	if (!order) {
		scheduled_run_ended(a, row, false, o ? why.text : "The task is gone.");
		return;
	}
	set_state(a, row, "running");
	post(a, o->way, order, done, row);
}

void outside_tick(struct app *a)
{
	AUTO(freep) int64_t *rows = NULL;
	size_t n = store_ids(a->store, STMT_RUN_QUEUED, ARGS(VAL_INT(QUEUE_LOOK)), &rows);
	for (size_t i = 0; i < n; i++)
		start(a, rows[i]);
}

void outside_started(struct app *a)
{
	AUTO(freep) int64_t *rows = NULL;
	size_t n = store_ids(a->store, STMT_RUN_BROKEN, NULL, 0, &rows);
	for (size_t i = 0; i < n; i++)
		scheduled_run_ended(a, rows[i], false,
		                    "The manager ended while it ran; how it went is not known.");
}
