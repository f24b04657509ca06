#include "manager/api/summary.h"

#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "manager/api/access.h"
#include "module/module.h"

/*
 * What happened lately, for the dashboard: events of each class over time, the computers and the
 * things that most are about. Rows of a class come in the order of their arrival, so that where a
 * period begins is found by halving, and what is counted costs what the period holds; at most
 * ROWS_MAX of a class, then the answer says that it is partial.
 */
enum { BUCKETS = 24, ROWS_MAX = 200000, TOP = 8, HOURS_MAX = 24 * 30 };

/* What an event of a class is about, and which of them were kept from happening. */
/* clang-format off */
static const struct about {
	const char *class, *what, *stopped;
} abouts[] = {
	{ "antimalware",         "MalwareName", "ScanResultString in ('Quarantined', 'Deleted', 'Cleaned', 'Access Denied')" },
	{ "firewall",            "Reason",      "\"Action\" = 1" },
	{ "intrusionprevention", "Reason",      "\"Action\" in (1, 2)" },
	{ "integritymonitoring", "Reason",      "0" },
	{ "loginspection",       "Reason",      "0" },
};
/* clang-format on */

static const struct about *about_of(const struct event_class *class)
{
	for (size_t i = 0; i < ARRAY_LEN(abouts); i++)
		if (strcmp(abouts[i].class, class->name) == 0)
			return &abouts[i];
	return NULL;
}

struct period {
	struct call *c;
	const struct event_class *class;
	const struct about *about;
	int64_t since, bucket; /* ms */
	int64_t first;         /* id of the class's first row in it */
	struct buf reach;      /* JSON array of the computers in view; empty: all */
};

static int64_t number_of(struct period *p, const char *sql, const struct val *args, size_t n,
                         int64_t otherwise)
{
	struct rows r;
	int64_t v = otherwise;
	int rc = store_query_sql(p->c->app->store, sql, args, n, &r);
	if (rc == 0 && rows_next(&r) == 1 && r.col[0].type == V_INT)
		v = r.col[0].i;
	rows_done(&r);
	return v;
}

/* The id of the first row that arrived at p->since or later; one more than the last: none did. */
static int64_t first_since(struct period *p, int64_t last)
{
	char sql[160];
	int64_t low = 1, high = last + 1;
	snprintf(sql, sizeof(sql),
	         "select received from event_%s where id >= $1 order by id limit 1",
	         p->class->name);
	while (low < high) {
		int64_t middle = low + (high - low) / 2;
		if (number_of(p, sql, ARGS(VAL_INT(middle)), INT64_MAX) >= p->since)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* "select ... from the rows of the period ..." */
static int select_rows(struct period *p, const char *what, const char *rest, struct rows *r)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_fmt(&b, "select %s from event_%s where id >= $1 and received >= $2%s %s", what,
	        p->class->name,
	        p->reach.n ? " and computer in (select value from json_each($3))" : "", rest);
	return store_query_sql(p->c->app->store, b.p,
	                       (struct val[]){ VAL_INT(p->first), VAL_INT(p->since),
	                                       VAL_STR(buf_view(&p->reach)) },
	                       p->reach.n ? 3 : 2, r);
}

static json_t *over_time(struct period *p)
{
	int64_t counts[BUCKETS] = { 0 }, total = 0, stopped = 0;
	char what[300];
	struct rows r;
	snprintf(what, sizeof(what), "(received - %lld) / %lld, count(*), sum(coalesce(%s, 0))",
	         (long long)p->since, (long long)p->bucket, p->about ? p->about->stopped : "0");
	int rc = select_rows(p, what, "group by 1", &r);
	while (rc == 0 && rows_next(&r) == 1) {
		int64_t i = r.col[0].i;
		counts[i < 0 ? 0 : i >= BUCKETS ? BUCKETS - 1 : i] += r.col[1].i;
		total += r.col[1].i;
		stopped += r.col[2].i;
	}
	rows_done(&r);
	json_t *list = json_array();
	for (size_t i = 0; i < BUCKETS; i++)
		json_array_append_new(list, json_integer(counts[i]));
	return json_pack("{s:s,s:I,s:I,s:o}", "name", p->class->name, "total", (json_int_t)total,
	                 "stopped", (json_int_t)stopped, "buckets", list);
}

/* Adds the computers that most events of this class are about to those of other classes. */
static void computers_of(struct period *p, json_t *all)
{
	struct rows r;
	int rc = select_rows(p, "computer, max(host), count(*)", "and computer > 0 group by 1", &r);
	while (rc == 0 && rows_next(&r) == 1) {
		char key[24];
		snprintf(key, sizeof(key), "%lld", (long long)r.col[0].i);
		json_t *o = json_object_get(all, key);
		if (!o) {
			o = json_object();
			json_set_int(o, "computerID", r.col[0].i);
			json_set_bytes(o, "hostName", col_str(&r, 1));
			json_set(all, key, o);
		}
		json_set_int(o, "count", json_int(o, "count", 0) + r.col[2].i);
	}
	rows_done(&r);
}

static void whats_of(struct period *p, json_t *all)
{
	char what[100], rest[120];
	struct rows r;
	snprintf(what, sizeof(what), "\"%s\", count(*)", p->about->what);
	snprintf(rest, sizeof(rest), "and \"%s\" <> '' group by 1 order by 2 desc limit %d",
	         p->about->what, TOP);
	int rc = select_rows(p, what, rest, &r);
	while (rc == 0 && rows_next(&r) == 1) {
		json_t *o = json_object();
		json_set_text(o, "class", p->class->name);
		json_set_bytes(o, "what", col_str(&r, 0));
		json_set_int(o, "count", r.col[1].i);
		json_array_append_new(all, o);
	}
	rows_done(&r);
}

/* The TOP of a list or object by their counts, most first. */
static json_t *top_of(json_t *all)
{
	json_t *list = json_array();
	for (size_t n = 0; n < TOP; n++) {
		const char *key, *most_key = NULL;
		json_t *v, *most = NULL;
		json_object_foreach (all, key, v)
			if (!most || json_int(v, "count", 0) > json_int(most, "count", 0)) {
				most = v;
				most_key = key;
			}
		if (!most)
			break;
		json_array_append(list, most);
		json_object_del(all, most_key);
	}
	return list;
}

static json_t *keyed(const json_t *list)
{
	json_t *o = json_object();
	char key[24];
	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(key, sizeof(key), "%zu", i);
		json_object_set(o, key, json_array_get(list, i));
	}
	return o;
}

static bool count_class(struct period *p, json_t *classes, json_t *computers, json_t *whats)
{
	char sql[100];
	snprintf(sql, sizeof(sql), "select max(id) from event_%s", p->class->name);
	int64_t last = number_of(p, sql, NULL, 0, 0);
	p->about = about_of(p->class);
	p->first = first_since(p, last);
	bool cut = last - p->first >= ROWS_MAX;
	if (cut)
		p->first = last - ROWS_MAX + 1;
	json_array_append_new(classes, over_time(p));
	computers_of(p, computers);
	if (p->about)
		whats_of(p, whats);
	return cut;
}

static int summary(struct call *c)
{
	int64_t hours = 0;
	const char *given = query_text(c->rq, "hours", "24");
	if (str_i64(str_of(given), 1, HOURS_MAX, &hours) < 0) {
		err_set(&c->why, 0, "hours is a number from 1 to %d.", HOURS_MAX);
		return 400;
	}
	struct period p = { .c = c, .bucket = hours * 3600000 / BUCKETS };
	p.since = (int64_t)clock_ms() - hours * 3600000;
	AUTO(json_decrefp) json_t *ids = access_computers(c);
	AUTO(json_decrefp) json_t *computers = json_object(), *whats = json_array();
	json_t *classes = json_array();
	bool partial = false;
	if (ids)
		json_write(&p.reach, ids);
	for (const struct event_class *const *class = event_classes; *class; class ++) {
		p.class = *class;
		if (count_class(&p, classes, computers, whats))
			partial = true;
	}
	buf_done(&p.reach);
	AUTO(json_decrefp) json_t *named = keyed(whats);
	c->out = json_object();
	json_set_int(c->out, "since", p.since);
	json_set_int(c->out, "bucketMs", p.bucket);
	json_set_bool(c->out, "partial", partial);
	json_set(c->out, "classes", classes);
	json_set(c->out, "computers", top_of(computers));
	json_set(c->out, "whats", top_of(named));
	return 200;
}

/* clang-format off */
const struct route summary_routes[] = {
	{ "GET", "/api/eventsummary", summary, false, "events of the last ?hours=, by class, time, computer and what they are about" },
	{ 0 },
};
/* clang-format on */
