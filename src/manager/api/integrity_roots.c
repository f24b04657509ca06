#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "manager/api/integrity.h"
#include "module/integritymonitoring/section.h"

enum { LIST_MAX = 1000 };

/* The root that is kept of a computer's baseline; "": none. Owned. */
static char *kept_root(struct app *a, int64_t computer)
{
	struct rows r;
	char *root = NULL;
	int rc = store_query(a->store, STMT_BASELINE_LAST, ARGS(VAL_INT(computer)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		root = str_dup(col_str(&r, 0));
	rows_done(&r);
	return root ? root : str_dup((struct str){ 0 });
}

static void unproven(struct app *a, int64_t computer, const char *host, const char *kept,
                     const char *told)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_fmt(&b, "kept root %s, told %s", kept, *told ? told : "none");
	system_event_about(
		a, "integrity-baseline-unproven",
		&(struct subject){ .type = "computer", .id = computer, .name = host, .text = b.p });
}

static json_t *values(const struct event *ev, const char *field)
{
	const char *text = json_string_value(json_object_get(ev->fields, field));
	return text ? json_parse(str_of(text), NULL) : NULL;
}

static bool tells_root(const struct event *ev)
{
	return strcmp(ev->kind->name, "integrity-baseline-created") == 0 ||
	       strcmp(ev->kind->name, "integrity-scan-ended") == 0;
}

bool integrity_hears(const struct event *ev)
{
	return ev->class == &event_class_integritymonitoring || tells_root(ev);
}

/*
 * Each baseline names the one it was made from. That has to be the one that was told last: whoever
 * edits the store on the host has no way to make what was told unsaid.
 */
static void root_told(struct app *a, int64_t computer, const char *host, const struct event *ev)
{
	if (!tells_root(ev))
		return;
	AUTO(json_decrefp) json_t *before = values(ev, "Before");
	AUTO(json_decrefp) json_t *after = values(ev, "After");
	const char *root = json_text(after, "root", ""), *previous = json_text(before, "root", "");
	AUTO(freep) char *kept = kept_root(a, computer);
	bool proven = !*kept || strcmp(previous, kept) == 0 || json_bool(after, "asked", false);
	if (!*root) /* of an older agent */
		return;
	store_exec(a->store, STMT_BASELINE_ADD,
	           ARGS(VAL_INT(computer), VAL_TEXT(root), VAL_TEXT(previous), VAL_INT(ev->time_ms),
	                VAL_TEXT(json_text(after, "cause", "")),
	                VAL_INT(json_int(after, "entities", 0)),
	                VAL_INT(json_int(after, "changes", 0)), VAL_INT(proven)));
	if (!proven)
		unproven(a, computer, host, kept, previous);
}

void integrity_told(struct app *a, int64_t computer, const char *host, const struct event *ev,
                    int64_t id)
{
	if (ev->class == &event_class_system)
		root_told(a, computer, host, ev);
	else
		integrity_change_told(a, computer, ev, id);
}

/* A baseline that was made since may have been proven before its event came: it names ours. */
void integrity_proved(struct app *a, int64_t computer, const json_t *result)
{
	const char *root = json_text(result, "root", "");
	AUTO(freep) char *kept = kept_root(a, computer);
	AUTO(freep) char *name = computer_name(a->store, computer);
	if (*kept && strcmp(root, kept) != 0 &&
	    strcmp(json_text(result, "previous", ""), kept) != 0)
		unproven(a, computer, name, kept, root);
}

int integrity_baselines(struct call *c)
{
	struct rows r;
	json_t *list = json_array();
	int rc = store_query(c->app->store, STMT_BASELINE_LIST,
	                     ARGS(VAL_INT(c->id), VAL_INT(LIST_MAX)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		json_t *o = json_object();
		json_set_int(o, "ID", r.col[0].i);
		json_set_bytes(o, "root", col_str(&r, 1));
		json_set_bytes(o, "previous", col_str(&r, 2));
		json_set_int(o, "made", r.col[3].i);
		json_set_bytes(o, "cause", col_str(&r, 4));
		json_set_int(o, "entities", r.col[5].i);
		json_set_int(o, "changes", r.col[6].i);
		json_set_bool(o, "proven", r.col[7].i);
		json_array_append_new(list, o);
	}
	rows_done(&r);
	c->out = json_object();
	json_set(c->out, "integrityBaselines", list);
	return rc < 0 ? 500 : 200;
}
