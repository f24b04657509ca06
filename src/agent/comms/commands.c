#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/comms/comms.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

enum { FILE_MAX = 256 << 20 };

/* What the manager can ask for: a row each. */
struct command_kind {
	const char *name;
	int (*start)(struct comms *c, struct command *k, const json_t *args, struct err *why);
	const char *op; /* of STORE */
};

/* ---- results ---- */

static void post(struct comms *c, json_t *result)
{
	/* A newer progress of the same command takes the place of one that has not gone yet. */
	int64_t id = json_int(result, "ID", 0);
	for (size_t i = c->nposting; i < json_array_size(c->results); i++) {
		const json_t *old = json_array_get(c->results, i);
		if (json_int(old, "ID", 0) == id &&
		    strcmp(json_text(old, "state", ""), "running") == 0) {
			json_array_remove(c->results, i);
			break;
		}
	}
	json_array_append_new(c->results, result);
	task_want(c, TASK_RESULTS);
}

static void command_free(struct comms *c, struct command *k)
{
	TAILQ_REMOVE(&c->commands, k, next);
	if (k->x)
		k->x->gone = NULL;
	if (c->sending == k)
		c->sending = NULL;
	buf_done(&k->file);
	explicit_bzero(k->password, sizeof(k->password));
	json_decref(k->how);
	free(k->wanted);
	free(k);
}

static void end_with(struct comms *c, struct command *k, const char *state, const char *message,
                     json_t *result)
{
	bool good = strcmp(state, "done") == 0;
	if (k->id && k->id < COMMAND_TOOLS) {
		json_t *r = json_object();
		json_set_int(r, "ID", k->id);
		json_set_text(r, "state", state);
		if (message)
			json_set_bytes(r, "message", str_of(message));
		if (result)
			json_set(r, "result", json_incref(result));
		post(c, r);
	}
	json_decref(result);
	if (k->x) {
		AUTO(buf_done) struct buf b = { 0 };
		buf_fmt(&b, "%s%s", good ? "" : "Error: ", message ? message : "");
		exchange_end(k->x, good ? 200 : 400, b.p, good ? 0 : 1);
		k->x->gone = NULL;
		k->x = NULL;
	}
	command_free(c, k);
}

void command_end(struct comms *c, struct command *k, const char *state, const char *message)
{
	end_with(c, k, state, message, NULL);
}

void command_sent(struct comms *c, struct command *k)
{
	json_t *result = json_object();
	json_set_text(result, "password", k->password);
	end_with(c, k, "done", NULL, result);
}

/* ---- kinds ---- */

static int to_tree(struct comms *c, struct command *k, const json_t *args, struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	AUTO(json_decrefp) json_t *j = json_object();
	json_set_int(j, "ID", k->id);
	json_set_text(j, "kind", k->kind->name);
	json_set(j, "args", args ? json_deep_copy(args) : json_object());
	json_write(&b, j);
	int rc = self_send(c->me, P_TREE, 0, M_COMMAND, 0, buf_view(&b));
	return rc < 0 ? err_set(why, rc, "the scanning process is not there: %s", strerror(-rc))
	              : 0;
}

/* What a restore may be told, of what the command or the tool said. */
static void copy_how(json_t *to, const json_t *how)
{
	static const char *const keys[] = { "path", "overwrite", "exempt" };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		json_t *v = json_object_get(how, keys[i]);
		if (v)
			json_set(to, keys[i], json_incref(v));
	}
}

static int to_store(struct comms *c, struct command *k, const char *op, const char *record,
                    struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	AUTO(json_decrefp) json_t *j = json_object();
	json_set_text(j, "op", op);
	if (strcmp(op, "restore") == 0)
		copy_how(j, k->how);
	if (record)
		json_set_text(j, "recordID", record);
	json_write(&b, j);
	k->asked = ++c->next_ask;
	int rc = self_send(c->me, P_GUARD, 0, M_STORE, k->asked, buf_view(&b));
	return rc < 0 ? err_set(why, rc, "ask for the quarantine: %s", strerror(-rc)) : 0;
}

static int start_store(struct comms *c, struct command *k, const json_t *args, struct err *why)
{
	const char *record = args ? json_text(args, "recordID", NULL) : NULL;
	if (!record)
		return err_set(why, -EINVAL, "the command names no record");
	k->how = json_deep_copy(args);
	return to_store(c, k, k->kind->op, record, why);
}

static int start_deactivate(struct comms *c, struct command *k, const json_t *args, struct err *why)
{
	(void)args;
	(void)why;
	c->leaving = true;
	command_end(c, k, "done", NULL);
	return 0;
}

static int start_update(struct comms *c, struct command *k, const json_t *args, struct err *why)
{
	(void)args;
	(void)why;
	task_want(c, TASK_POLICY);
	command_end(c, k, "done", NULL);
	return 0;
}

static int start_status(struct comms *c, struct command *k, const json_t *args, struct err *why)
{
	(void)args;
	(void)why;
	task_want(c, TASK_HEARTBEAT);
	command_end(c, k, "done", NULL);
	return 0;
}

static int start_diag(struct comms *c, struct command *k, const json_t *args, struct err *why)
{
	(void)args;
	AUTO(buf_done) struct buf name = { 0 };
	int rc = diag_make(c, &name, why);
	if (rc < 0)
		return rc;
	command_end(c, k, "done", name.p);
	return 0;
}

/* clang-format off */
static const struct command_kind kinds[] = {
	{ "scan",                 to_tree,          NULL },
	{ "cancel-scan",          to_tree,          NULL },
	{ "integrity-scan",       to_tree,          NULL },
	{ "integrity-baseline",   to_tree,          NULL },
	{ "integrity-view",       to_tree,          NULL },
	{ "integrity-prove",      to_tree,          NULL },
	{ "restore",              start_store,      "restore" },
	{ "delete-file",          start_store,      "delete" },
	{ "send-file",            start_store,      "fetch" },
	{ "deactivate",           start_deactivate, NULL },
	{ "update-configuration", start_update,     NULL },
	{ "status",               start_status,     NULL },
	{ "diagnostics",          start_diag,       NULL },
};
static const struct command_kind kind_find = { "find", NULL, "list" };   /* a tool's -R, first half */
static const struct command_kind kind_index = { "index", NULL, "list" }; /* for the manager */
static const struct command_kind kind_unknown = { "unknown", NULL, NULL };
/* clang-format on */

static const struct command_kind *find_kind(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return &kind_unknown;
}

static struct command *add(struct comms *c, int64_t id, const struct command_kind *kind)
{
	struct command *k = xcalloc(1, sizeof(*k));
	k->id = id;
	k->kind = kind;
	TAILQ_INSERT_TAIL(&c->commands, k, next);
	return k;
}

static bool is_known(const struct comms *c, int64_t id)
{
	const struct command *k = NULL;
	TAILQ_FOREACH (k, &c->commands, next)
		if (k->id == id)
			return true;
	return false;
}

static void start(struct comms *c, const json_t *command)
{
	struct err why = { { 0 } };
	const char *name = json_text(command, "kind", "");
	struct command *k = add(c, json_int(command, "ID", 0), find_kind(name));
	log_info("command %" PRId64 " of the manager: %s", k->id, log_quote(str_of(name)));
	int rc = k->kind->start
	                 ? k->kind->start(c, k, json_object_at(command, "args"), &why)
	                 : err_set(&why, -EOPNOTSUPP, "this agent does not know the command");
	if (rc < 0)
		command_end(c, k, "failed", why.text);
}

int commands_take(struct comms *c, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *command = json_array_get(list, i);
		int64_t id = json_int(command, "ID", 0);
		if (id <= 0)
			return -EBADMSG;
		if (id > c->last_command)
			c->last_command = id;
		if (!is_known(c, id))
			start(c, command);
	}
	return 0;
}

int command_local(struct comms *c, const char *kind, json_t *args, struct err *why)
{
	struct command k = { .kind = find_kind(kind) };
	int rc = to_tree(c, &k, args, why);
	json_decref(args);
	return rc;
}

/* ---- the quarantine ---- */

int index_ask(struct comms *c)
{
	struct err why = { { 0 } };
	if (!c->id.valid || c->index_asked)
		return 0;
	struct command *k = add(c, 0, &kind_index);
	int rc = to_store(c, k, "list", NULL, &why);
	if (rc < 0) {
		command_free(c, k); /* asked again when the guard is there */
		return rc;
	}
	c->index_asked = true;
	return 0;
}

static void tool_gone(struct exchange *x)
{
	struct command *k = x->job;
	k->x = NULL;
}

void command_restore(struct comms *c, struct exchange *x, const char *wanted, json_t *how)
{
	struct err why = { { 0 } };
	struct command *k = add(c, 0, &kind_find);
	k->x = x;
	k->wanted = xstrdup(wanted);
	k->how = how;
	x->job = k;
	x->gone = tool_gone;
	if (to_store(c, k, "list", NULL, &why) < 0)
		command_end(c, k, "failed", why.text);
}

/* ---- a tool's scan ---- */

static void scanner_gone(struct exchange *x)
{
	struct command *k = x->job;
	k->x = NULL;
	k->unwanted = true; /* ended by the next message about it */
}

static bool paths_fit(const json_t *args)
{
	const json_t *paths = args ? json_array_at(args, "paths") : NULL;
	for (size_t i = 0; i < json_array_size(paths); i++) {
		const char *path = json_string_value(json_array_get(paths, i));
		if (!path || path[0] != '/')
			return false;
	}
	return json_array_size(paths) > 0;
}

void command_scan(struct comms *c, struct exchange *x, const json_t *args)
{
	struct err why = { { 0 } };
	if (!paths_fit(args)) {
		exchange_end(x, 400, "Error: a scan needs absolute paths", 2);
		return;
	}
	/* The clock's part tells this scan's events from those before a restart. */
	int64_t id = COMMAND_TOOLS | (int64_t)(clock_ms() & 0x7fffffff);
	c->last_tool = id > c->last_tool ? id : c->last_tool + 1;
	struct command *k = add(c, c->last_tool, find_kind("scan"));
	int rc = to_tree(c, k, args, &why);
	if (rc < 0) {
		AUTO(buf_done) struct buf b = { 0 };
		buf_fmt(&b, "Error: %s", why.text);
		command_free(c, k);
		exchange_end(x, 400, b.p, 2);
		return;
	}
	k->x = x;
	x->job = k;
	x->gone = scanner_gone;
}

/* 0 clean, 1 found, 2 nothing was done, 3 not all of it was looked at. */
static int scan_exit(const char *state, const json_t *r)
{
	if (strcmp(state, "failed") == 0)
		return 2;
	if (json_int(r, "found", 0) > 0)
		return 1;
	bool nothing = json_int(r, "judged", 0) == 0 && json_int(r, "skipped", 0) > 0;
	return nothing || json_int(r, "errors", 0) > 0 || strcmp(state, "done") != 0 ? 3 : 0;
}

static void tool_progress(struct comms *c, struct command *k, const json_t *progress)
{
	const char *state = json_text(progress, "state", ""),
		   *line = json_text(progress, "line", NULL);
	const char *message = json_text(progress, "message", NULL);
	const json_t *r = json_object_at(progress, "result");
	if (strcmp(state, "running") == 0) {
		struct err why = { { 0 } };
		if (k->x && line)
			exchange_line(k->x, line);
		if (k->unwanted) {
			k->unwanted = false;
			command_local(c, "cancel-scan",
			              json_pack("{s:I}", "command", (json_int_t)k->id), &why);
		}
		return;
	}
	struct exchange *x = k->x;
	command_free(c, k);
	if (!x)
		return;
	AUTO(buf_done) struct buf b = { 0 };
	if (message || strcmp(state, "done") != 0)
		buf_fmt(&b, "%s: ", message ? message : state);
	buf_fmt(&b, "%" PRId64 " files, %" PRId64 " judged, %" PRId64 " not wanted by the policy, ",
	        json_int(r, "files", 0), json_int(r, "judged", 0), json_int(r, "skipped", 0));
	buf_fmt(&b, "%" PRId64 " failed, %" PRId64 " found", json_int(r, "errors", 0),
	        json_int(r, "found", 0));
	if (json_int(r, "known", 0) > 0)
		buf_fmt(&b, ", %" PRId64 " unchanged since an earlier scan",
		        json_int(r, "known", 0));
	exchange_end(x, strcmp(state, "failed") == 0 ? 400 : 200, b.p, scan_exit(state, r));
}

/* The newest file in quarantine that has this record or came from this path. */
static const char *find_record(const json_t *files, const char *wanted)
{
	const char *found = NULL;
	int64_t newest = -1;
	for (size_t i = 0; i < json_array_size(files); i++) {
		const json_t *f = json_array_get(files, i);
		const char *record = json_text(f, "recordID", NULL);
		bool fits = record && (strcmp(record, wanted) == 0 ||
		                       strcmp(json_text(f, "path", ""), wanted) == 0);
		if (fits && strcmp(json_text(f, "state", ""), "quarantined") == 0 &&
		    json_int(f, "time", 0) > newest) {
			newest = json_int(f, "time", 0);
			found = record;
		}
	}
	return found;
}

static void found_files(struct comms *c, struct command *k, const json_t *answer)
{
	struct err why = { { 0 } };
	const json_t *files = json_array_at(answer, "files");
	const char *record = files ? find_record(files, k->wanted) : NULL;
	if (!record) {
		command_end(c, k, "failed", "no such file is in quarantine");
		return;
	}
	k->kind = find_kind("restore");
	if (to_store(c, k, "restore", record, &why) < 0)
		command_end(c, k, "failed", why.text);
}

static void got_index(struct comms *c, struct command *k, const json_t *answer)
{
	json_t *files = json_object_get(answer, "files");
	command_free(c, k);
	c->index_asked = false;
	if (!json_is_array(files))
		return;
	json_decref(c->index);
	c->index = json_incref(files);
	c->index_whole = true;
	task_want(c, TASK_INDEX);
}

static void got_file(struct comms *c, struct command *k, struct imsg *m, struct str body)
{
	AUTO(json_decrefp) json_t *answer = json_parse(body, NULL);
	int rc = file_read_fd(m->fd, FILE_MAX, &k->file);
	snprintf(k->password, sizeof(k->password), "%s", json_text(answer, "password", ""));
	if (rc < 0 || buf_end(&k->file) < 0) {
		command_end(c, k, "failed", "the file is too large to be sent");
		return;
	}
	k->file_ready = true;
	task_want(c, TASK_FILE);
}

struct command *command_with_file(struct comms *c)
{
	struct command *k = NULL;
	TAILQ_FOREACH (k, &c->commands, next)
		if (k->file_ready)
			return k;
	return NULL;
}

void commands_store_done(struct comms *c, struct imsg *m, struct str body)
{
	struct command *k = NULL;
	TAILQ_FOREACH (k, &c->commands, next)
		if (k->asked == m->id && m->id)
			break;
	if (!k)
		return; /* what was asked before a reset */
	bool file = k->kind->op && strcmp(k->kind->op, "fetch") == 0 && m->fd >= 0 && !m->big;
	AUTO(json_decrefp) json_t *answer = file ? NULL : json_parse(body, NULL);
	const char *error = answer ? json_text(answer, "error", NULL) : NULL;
	if (k->kind == &kind_index)
		got_index(c, k, answer);
	else if (file)
		got_file(c, k, m, body);
	else if (!answer || error)
		command_end(c, k, "failed", error ? error : "the quarantine does not answer");
	else if (k->kind == &kind_find)
		found_files(c, k, answer);
	else
		command_end(c, k, "done", json_text(answer, "note", NULL));
}

/* ---- from the tree ---- */

void commands_progress(struct comms *c, const json_t *progress)
{
	int64_t id = json_int(progress, "ID", 0);
	struct command *k = NULL;
	if (id == 0)
		return; /* dsa_control's; events tell how it went */
	TAILQ_FOREACH (k, &c->commands, next)
		if (k->id == id)
			break;
	if (id >= COMMAND_TOOLS) {
		if (k)
			tool_progress(c, k, progress);
		return;
	}
	post(c, json_deep_copy(progress));
	if (strcmp(json_text(progress, "state", ""), "running") == 0)
		return;
	if (k)
		command_free(c, k);
}

void commands_tree_lost(struct comms *c)
{
	for (struct command *k = TAILQ_FIRST(&c->commands), *after = NULL; k; k = after) {
		after = TAILQ_NEXT(k, next);
		if (k->asked == 0)
			command_end(c, k, "failed",
			            "the scanning process ended and was started again");
	}
}

void commands_drop(struct comms *c)
{
	for (struct command *k = TAILQ_FIRST(&c->commands), *after = NULL; k; k = after) {
		after = TAILQ_NEXT(k, next);
		if (k->x)
			exchange_end(k->x, 400, "Error: the agent was reset", 1);
		command_free(c, k);
	}
	c->index_asked = false;
}
