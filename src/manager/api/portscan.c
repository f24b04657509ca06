#include "manager/api/portscan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "manager/forward/post.h"
#include "module/firewall/firewall.h"

#define PORTS_SETTING "platformSettingScanOpenPortListId"

/* ---- asking ---- */

/* "22, 80-90": what a port list holds, as one line; a number alone may be a list's ID. */
static int ports_of(struct app *a, const char *text, struct buf *out)
{
	int64_t id = 0;
	size_t i;
	json_t *v;
	bool number = str_i64(str_of(text), 1, INT64_MAX, &id) == 0;
	AUTO(json_decrefp) json_t *list = number ? object_get(a->store, "portlists", id) : NULL;
	if (!list) {
		buf_z(out, text);
		return buf_end(out);
	}
	json_array_foreach (json_object_get(list, "items"), i, v)
		buf_fmt(out, "%s%s", i ? "," : "", json_string_value(v));
	return buf_end(out);
}

/* What the computer's policy says. */
static int set_ports(struct app *a, int64_t computer, struct buf *out)
{
	AUTO(buf_done) struct buf setting = { 0 };
	setting_value(a, "computers", computer, PORTS_SETTING, &setting);
	return ports_of(a, setting.p ? setting.p : "1-1024", out);
}

/* By the grammar of port lists, which the Firewall has. */
static int check(const char *ports, struct err *why)
{
	struct port_list l = { 0 };
	json_t *items = json_array();
	for (struct str rest = str_of(ports); rest.p;) {
		struct str item = str_trim(str_cut(&rest, ','));
		json_array_append_new(items, json_stringn(item.p, item.n));
	}
	int rc = port_list_parse(&l, items, why);
	if (rc == 0 && l.n == 0)
		rc = err_set(why, -EINVAL, "there is no port in it");
	port_list_done(&l);
	json_decref(items);
	return rc;
}

int job_port_scan(struct call *c)
{
	AUTO(buf_done) struct buf ports = { 0 };
	AUTO(json_decrefp) json_t *o = object_get(c->app->store, "computers", c->id);
	const json_t *asked = json_object_get(c->body, "ports");
	struct err why = { { 0 } };
	if (!o) {
		c->code = "not-found";
		err_set(&c->why, 0, "The computer does not exist.");
		return 404;
	}
	if (asked && !json_is_string(asked)) {
		err_set(&c->why, 0, "ports is a text such as \"22,80-90\".");
		return 400;
	}
	int rc = asked ? ports_of(c->app, json_string_value(asked), &ports)
	               : set_ports(c->app, c->id, &ports);
	if (rc < 0 || check(ports.p, &why) < 0) {
		err_set(&c->why, 0, "Invalid ports: %s.", why.text);
		return 400;
	}
	int status = job_add_own(
		c, PORT_SCAN, c->id,
		json_pack("{s:s,s:{s:s}}", "command", PORT_SCAN, "args", "ports", ports.p));
	if (status == 200) {
		AUTO(freep) char *name = computer_name(c->app->store, c->id);
		audit(c, "port-scan-requested", "computer", c->id, name, NULL, NULL);
	}
	return status;
}

/* ---- doing ---- */

static int64_t computer_of(struct app *a, int64_t job)
{
	return store_int(a->store, STMT_JOB_COMPUTER, ARGS(VAL_INT(job)), 0);
}

static void tell(struct app *a, int64_t job, const char *event, const char *text)
{
	int64_t computer = computer_of(a, job);
	AUTO(freep) char *name = computer_name(a->store, computer);
	system_event_about(
		a, event,
		&(struct subject){
			.type = "computer", .id = computer, .name = name, .text = text });
}

static void ended(struct app *a, int64_t job, int rc, const char *text)
{
	AUTO(json_decrefp) json_t *said = NULL, *found = NULL;
	AUTO(buf_done) struct buf words = { 0 };
	if (rc == -EAGAIN) /* the courier went: it is tried again */
		return;
	if (rc < 0) {
		said = json_pack("{s:s}", "message", text);
		job_set_state(a, job, "failed", said);
		tell(a, job, "port-scan-failed", text);
		return;
	}
	found = json_parse(str_of(text), NULL);
	said = json_pack("{s:O}", "result", found ? found : json_null());
	job_set_state(a, job, "done", said);
	buf_fmt(&words, "%zu open", json_array_size(json_object_get(found, "openPorts")));
	tell(a, job, "port-scan-done", words.p);
}

static void begin(struct app *a, int64_t job, int64_t computer, const json_t *command)
{
	AUTO(json_decrefp) json_t *o = object_get(a->store, "computers", computer);
	const char *address = json_text(o, "lastIPUsed", "");
	const char *host = *address ? address : json_text(o, "hostName", "");
	const char *ports = json_text(json_object_at(command, "args"), "ports", NULL);
	AUTO(json_decrefp) json_t *order = json_object();
	AUTO(buf_done) struct buf setting = { 0 };
	if (!ports && set_ports(a, computer, &setting) == 0)
		ports = setting.p;
	json_set_text(order, "kind", PORT_SCAN);
	json_set_text(order, "host", host);
	json_set_text(order, "ports", ports ? ports : "1-1024");
	store_exec(a->store, STMT_JOB_BEGUN, ARGS(VAL_INT(job), VAL_INT(clock_ms())));
	job_set_state(a, job, "running", NULL);
	post(a, POST_SCAN, order, ended, job);
}

/* One that a manager before us had begun is begun again. */
void portscan_tick(struct app *a)
{
	struct rows r;
	int64_t job = 0, computer = 0;
	AUTO(json_decrefp) json_t *command = NULL;
	if (post_busy(a, POST_SCAN))
		return;
	int rc = store_query(a->store, STMT_JOB_NEXT_OF, ARGS(VAL_TEXT(PORT_SCAN)), &r);
	if (rc == 0 && rows_next(&r) == 1) {
		job = r.col[0].i;
		computer = r.col[1].i;
		command = json_parse(col_str(&r, 2), NULL);
	}
	rows_done(&r);
	if (job)
		begin(a, job, computer, command);
}
