#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/comms/comms.h"
#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"

enum { POLL_S = 50, RESULTS_MAX = 200, INDEX_MAX = 2000 };

/* ---- heartbeat ---- */

static void look_at_version(struct comms *c, const json_t *answer)
{
	if ((uint64_t)json_int(answer, "policyVersion", 0) != c->policy.version)
		task_want(c, TASK_POLICY);
}

static bool ask_heartbeat(struct comms *c, struct buf *path, struct buf *body,
                          struct call_options *o)
{
	(void)o;
	AUTO(json_decrefp) json_t *status = status_make(c);
	buf_z(path, "/agent/heartbeat");
	json_write(body, status);
	return true;
}

static int answer_heartbeat(struct comms *c, const struct reply *r)
{
	AUTO(json_decrefp) json_t *j = json_parse(r->body, NULL);
	if (!j)
		return -EBADMSG;
	look_at_version(c, j);
	heartbeat_plan(c);
	return 0;
}

/* ---- policy ---- */

static bool ask_policy(struct comms *c, struct buf *path, struct buf *body, struct call_options *o)
{
	(void)body;
	o->method = "GET";
	o->max = 64 << 20;
	buf_fmt(path, "/agent/policy?have=%" PRIu64, c->policy.version);
	return true;
}

static int answer_policy(struct comms *c, const struct reply *r)
{
	AUTO(buf_done) struct buf text = { 0 }, signature = { 0 };
	struct err why = { { 0 } };
	if (r->status == 204)
		return 0;
	int rc = policy_decode(r->body, &text, &signature, &why);
	if (rc == 0)
		rc = comms_new_policy(c, buf_view(&text), buf_view(&signature), &why);
	if (rc == 0) {
		c->refused[0] = '\0';
		return 0;
	}
	log_error("refuse a policy: %s", log_quote(str_of(why.text)));
	if (strncmp(c->refused, why.text, sizeof(c->refused) - 1) != 0)
		comms_event(c, "policy-refused", NULL, why.text, -1);
	snprintf(c->refused, sizeof(c->refused), "%.*s", (int)sizeof(c->refused) - 1, why.text);
	return rc;
}

/* ---- commands ---- */

static bool ask_commands(struct comms *c, struct buf *path, struct buf *body,
                         struct call_options *o)
{
	(void)body;
	o->method = "GET";
	o->timeout_ms = (POLL_S + 20) * 1000;
	buf_fmt(path, "/agent/commands?after=%" PRId64 "&wait=%d", c->last_command,
	        c->online ? POLL_S : 1);
	return true;
}

static int answer_commands(struct comms *c, const struct reply *r)
{
	AUTO(json_decrefp) json_t *j = json_parse(r->body, NULL);
	const json_t *list = j ? json_array_at(j, "commands") : NULL;
	if (!list)
		return -EBADMSG;
	look_at_version(c, j);
	c->tasks[TASK_COMMANDS].again = true;
	return commands_take(c, list);
}

/* ---- events ---- */

/* The number after {"first": that the spool's batches start with. */
static uint64_t first_of(const struct buf *batch)
{
	static const char head[] = "{\"first\":";
	return batch->n > sizeof(head) ? strtoull(batch->p + sizeof(head) - 1, NULL, 10) : 0;
}

static bool ask_events(struct comms *c, struct buf *path, struct buf *body, struct call_options *o)
{
	(void)o;
	c->posting_first = first_of(&c->batch);
	if (c->posting_first == 0)
		return false;
	buf_z(path, "/agent/events");
	buf_str(body, buf_view(&c->batch));
	return true;
}

static int answer_events(struct comms *c, const struct reply *r)
{
	uint8_t bytes[8];
	AUTO(json_decrefp) json_t *j = json_parse(r->body, NULL);
	int64_t acked = j ? json_int(j, "acked", -1) : -1;
	if (acked < 0)
		return -EBADMSG;
	if ((uint64_t)acked < c->posting_first)
		return -EPROTO; /* nothing was stored */
	struct wr w = wr_init(bytes, sizeof(bytes));
	wr_u64(&w, (uint64_t)acked);
	buf_clear(&c->batch);
	self_send(c->me, P_SPOOL, 0, M_BATCH_DONE, 0,
	          (struct str){ (const char *)bytes, wr_len(&w) });
	return 0;
}

/* ---- results of commands ---- */

static bool ask_results(struct comms *c, struct buf *path, struct buf *body, struct call_options *o)
{
	(void)o;
	size_t n = json_array_size(c->results);
	if (n == 0)
		return false;
	c->nposting = n > RESULTS_MAX ? RESULTS_MAX : n;
	AUTO(json_decrefp) json_t *j = json_object();
	json_t *list = json_array();
	for (size_t i = 0; i < c->nposting; i++)
		json_array_append(list, json_array_get(c->results, i));
	json_set(j, "results", list);
	buf_z(path, "/agent/results");
	json_write(body, j);
	return true;
}

static void drop_first(json_t *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		json_array_remove(list, 0);
}

static int answer_results(struct comms *c, const struct reply *r)
{
	(void)r;
	drop_first(c->results, c->nposting);
	c->nposting = 0;
	if (json_array_size(c->results))
		c->tasks[TASK_RESULTS].again = true;
	else if (c->leaving)
		comms_reset(c, "the manager deactivated this computer");
	return 0;
}

/* ---- the quarantine's index ---- */

static bool ask_index(struct comms *c, struct buf *path, struct buf *body, struct call_options *o)
{
	(void)o;
	size_t n = json_array_size(c->index);
	if (c->index_asked || (n == 0 && !c->index_whole))
		return false;
	/* The whole index travels in one piece, since `complete` says what is gone. */
	c->index_posting = c->index_whole || n < INDEX_MAX ? n : INDEX_MAX;
	AUTO(json_decrefp) json_t *j = json_object();
	json_t *list = json_array();
	for (size_t i = 0; i < c->index_posting; i++)
		json_array_append(list, json_array_get(c->index, i));
	json_set(j, "files", list);
	json_set_bool(j, "complete", c->index_whole);
	buf_z(path, "/agent/identifiedfiles");
	json_write(body, j);
	return true;
}

static int answer_index(struct comms *c, const struct reply *r)
{
	(void)r;
	drop_first(c->index, c->index_posting);
	c->index_posting = 0;
	c->index_whole = false;
	if (json_array_size(c->index))
		c->tasks[TASK_INDEX].again = true;
	return 0;
}

/* ---- a quarantined file ---- */

static bool ask_file(struct comms *c, struct buf *path, struct buf *body, struct call_options *o)
{
	static const char *const headers[] = { "Content-Type: application/octet-stream", NULL };
	c->sending = command_with_file(c);
	if (!c->sending)
		return false;
	o->method = "PUT";
	o->headers = headers;
	o->timeout_ms = 600000;
	buf_fmt(path, "/agent/files/%" PRId64, c->sending->id);
	buf_str(body, buf_view(&c->sending->file));
	return true;
}

static int answer_file(struct comms *c, const struct reply *r)
{
	(void)r;
	command_sent(c, c->sending);
	c->sending = NULL;
	c->tasks[TASK_FILE].again = true;
	return 0;
}

/* clang-format off */
const struct task_row task_rows[TASK_COUNT] = {
	[TASK_HEARTBEAT] = { "send a heartbeat",               ask_heartbeat, answer_heartbeat },
	[TASK_POLICY]    = { "get the policy",                 ask_policy,    answer_policy },
	[TASK_COMMANDS]  = { "wait for commands",              ask_commands,  answer_commands },
	[TASK_EVENTS]    = { "send events",                    ask_events,    answer_events },
	[TASK_RESULTS]   = { "send results",                   ask_results,   answer_results },
	[TASK_INDEX]     = { "send the index of the quarantine", ask_index,   answer_index },
	[TASK_FILE]      = { "send a quarantined file",        ask_file,      answer_file },
};
/* clang-format on */
