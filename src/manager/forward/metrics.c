#include "manager/forward/metrics.h"

#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "manager/alert/alert.h"
#include "manager/forward/forward.h"
#include "module/module.h"

static void head(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_fmt(b, "# HELP yagura_%s %s\n# TYPE yagura_%s %s\n", name, help, name, type);
}

static void number(struct buf *b, const char *name, const char *type, const char *help, int64_t v)
{
	head(b, name, type, help);
	buf_fmt(b, "yagura_%s %lld\n", name, (long long)v);
}

/* A label's value: \ " and newline are escaped. */
static void label(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' || s.p[i] == '"')
			buf_char(b, '\\');
		buf_add(b, s.p[i] == '\n' ? " " : s.p + i, 1);
	}
}

/* A row a sample: its first column is the label's value, its second the number. */
static void group(struct app *a, struct buf *b, const char *name, const char *key, const char *sql)
{
	struct rows r;
	int rc = store_query_sql(a->store, sql, NULL, 0, &r);
	while (rc == 0 && rows_next(&r) == 1) {
		buf_fmt(b, "yagura_%s{%s=\"", name, key);
		label(b, col_str(&r, 0));
		buf_fmt(b, "\"} %lld\n", (long long)r.col[1].i);
	}
	rows_done(&r);
}

static void computers(struct app *a, struct buf *b)
{
	head(b, "computers", "gauge", "Computers by the state of their agent.");
	group(a, b, "computers", "state",
	      "select 'online', count(*) from agent where online = 1 union all "
	      "select 'offline', count(*) from agent where online = 0 union all "
	      "select 'unmanaged', (select count(*) from object where kind = 'computers') - (select count(*) from agent)");
}

static void receivers(struct app *a, struct buf *b)
{
	head(b, "forward_behind", "gauge", "Events that a syslog receiver has not been given yet.");
	forward_measure(a, b, "forward_behind", false);
	head(b, "forward_failing", "gauge", "1: the syslog receiver cannot be reached.");
	forward_measure(a, b, "forward_failing", true);
}

static void write_all(struct app *a, struct buf *b)
{
	head(b, "info", "gauge", "The manager's version.");
	buf_fmt(b, "yagura_info{version=\"%s\"} 1\n", YAGURA_VERSION);
	number(b, "uptime_seconds", "gauge", "Since the core process started.",
	       (int64_t)(clock_ms() - a->started_ms) / 1000);
	computers(a, b);
	head(b, "events_total", "counter", "Events ever stored, by class.");
	for (const struct event_class *const *k = event_classes; *k; k++)
		buf_fmt(b, "yagura_events_total{class=\"%s\"} %lld\n", (*k)->name,
		        (long long)event_newest(a, *k));
	head(b, "jobs", "gauge", "Jobs by state.");
	group(a, b, "jobs", "state", "select state, count(*) from job group by state");
	head(b, "alerts_active", "gauge",
	     "Alerts that nobody has dismissed and nothing has ended.");
	buf_fmt(b, "yagura_alerts_active{severity=\"critical\"} %lld\n",
	        (long long)alerts_active(a, true));
	buf_fmt(b, "yagura_alerts_active{severity=\"warning\"} %lld\n",
	        (long long)alerts_active(a, false));
	receivers(a, b);
	number(b, "outbox_waiting", "gauge", "Mail and web hooks that are not sent yet.",
	       store_int(a->store, STMT_OUTBOX_COUNT, NULL, 0, 0));
}

/* From this machine without a key, from elsewhere with one. */
static bool is_local(const char *address)
{
	return address && (strcmp(address, "127.0.0.1") == 0 || strcmp(address, "::1") == 0 ||
	                   strcmp(address, "::ffff:127.0.0.1") == 0);
}

int metrics_get(struct call *c)
{
	int status = is_local(c->rq->address) ? 0 : authenticate(c);
	if (status)
		return status;
	write_all(c->app, &c->raw);
	c->raw_type = "text/plain; version=0.0.4; charset=utf-8";
	return 200;
}
