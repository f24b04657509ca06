/*
 * fleet COMPUTERS POLICIES EVENTS: what the manager's core costs beside the database alone, on one
 * connection and one thread, without HTTP. Medians of five rounds, both sides in turn; one line
 * "NAME OURS BARE" in microseconds each, which bench/fleet turns into ratios.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/tasks/try.h"

enum { ROUNDS = 5, TIMES = 40, PAGE = 100, BATCH = 1000, BATCHES = 10, FIRST = 1000 };

struct fleet {
	struct try *t;
	sqlite3 *db;          /* the bare side's own connection */
	sqlite3_stmt *insert; /* there */
	int64_t computers, policies, events;
	uint64_t ours[ROUNDS], bare[ROUNDS];
	uint64_t sink; /* so that nothing is optimised away */
};

/* This process's own time: what else the machine does does not count. Nothing here waits for a
 * disk. */
static uint64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static double median_us(uint64_t *v, unsigned times)
{
	qsort(v, ROUNDS, sizeof(*v), by_size);
	size_t middle = ROUNDS / 2;
	return (double)v[middle] / 1000.0 / times;
}

static void said(struct fleet *f, const char *name, unsigned times)
{
	printf("%s %.2f %.2f\n", name, median_us(f->ours, times), median_us(f->bare, times));
	fflush(stdout);
}

static void sql(struct fleet *f, const char *text)
{
	try_sql(f->t, text);
}

/* ---- what there is ---- */

static void add_computers(struct fleet *f, int64_t from, int64_t to)
{
	char text[900];
	snprintf(
		text, sizeof(text),
		"insert into object (kind, id, name, parent, body) with recursive n (i) as (select %lld union all"
		" select i + 1 from n where i + 1 < %lld) select 'computers', %d + i, 'host-' || i || '.example', 0,"
		" json_object('hostName', 'host-' || i || '.example', 'displayName', 'server ' || i, 'policyID', 100 + i %% %lld,"
		" 'platform', 'Debian 12 (64 bit)', 'agentVersion', '20.0.0.1') from n",
		(long long)from, (long long)to, FIRST, (long long)f->policies);
	sql(f, text);
	snprintf(
		text, sizeof(text),
		"insert into agent (computer, guid, fingerprint, activated, seen, online) select id, 'guid-' || id,"
		" 'print-' || id, 1, unixepoch() * 1000, 1 from object where kind = 'computers' and id >= %lld and id < %lld",
		(long long)(FIRST + from), (long long)(FIRST + to));
	sql(f, text);
}

static void add_policies(struct fleet *f)
{
	char text[600];
	snprintf(
		text, sizeof(text),
		"insert into object (kind, id, name, parent, body) with recursive n (i) as (select 0 union all"
		" select i + 1 from n where i + 1 < %lld) select 'policies', 100 + i, 'role ' || i, 0,"
		" json_object('name', 'role ' || i, 'parentID', 1, 'settings', json_object('antiMalwareSettingScanDeadline',"
		" '' || (2 + i %% 30))) from n",
		(long long)f->policies);
	sql(f, text);
}

/* ---- pages ---- */

static uint64_t page_of_computers(struct fleet *f, int64_t after)
{
	char body[200];
	snprintf(
		body, sizeof(body),
		"{'maxItems':%d,'sortByObjectID':true,'searchCriteria':[{'idValue':%lld,'idTest':'greater-than'}]}",
		PAGE, (long long)after);
	uint64_t start = cpu_ns();
	try_must(f->t, 200, "POST", "/api/computers/search?expand=none", body);
	uint64_t took = cpu_ns() - start;
	return took;
}

static uint64_t page_of_events(struct fleet *f, int64_t computer)
{
	char body[300];
	snprintf(
		body, sizeof(body),
		"{'maxItems':%d,'searchCriteria':[{'fieldName':'computerID','numericTest':'equal','numericValue':%lld}]}",
		PAGE, (long long)computer);
	uint64_t start = cpu_ns();
	try_must(f->t, 200, "POST", "/api/events/antimalware/search", body);
	return cpu_ns() - start;
}

/* The statement alone, every column of every row touched. */
static uint64_t bare(struct fleet *f, const char *text, int64_t value)
{
	struct rows r;
	uint64_t start = cpu_ns();
	int rc = store_query_sql(f->t->app->store, text, ARGS(VAL_INT(value)), &r);
	while (rc == 0 && rows_next(&r) == 1)
		for (int i = 0; i < r.ncols; i++)
			f->sink += r.col[i].type == V_TEXT ? r.col[i].n : (uint64_t)r.col[i].i;
	rows_done(&r);
	return cpu_ns() - start;
}

static void plan(struct fleet *f, const char *name, const char *text)
{
	char explain[600];
	struct rows r;
	bool scans = false;
	snprintf(explain, sizeof(explain), "explain query plan %s", text);
	int rc = store_query_sql(f->t->app->store, explain, ARGS(VAL_INT(1)), &r);
	while (rc == 0 && rows_next(&r) == 1)
		for (int i = 0; i < r.ncols; i++)
			if (r.col[i].type == V_TEXT && r.col[i].n > 4 &&
			    memcmp(r.col[i].p, "SCAN", 4) == 0)
				scans = true;
	rows_done(&r);
	printf("%s %d 0\n", name, scans);
}

/* What a page shows: the object and what its agent said. */
static const char computers_sql[] =
	"select o.id, o.body, a.fingerprint, a.seen, a.policy_sent from object o left join agent a on a.computer = o.id"
	" where o.kind = 'computers' and o.id > $1 order by o.id limit 100";
static const char events_sql[] =
	"select * from event_antimalware where computer = $1 order by id desc limit 101";

/* One of n, never the neighbour of the last one. */
static int64_t scattered(int64_t i, int64_t n)
{
	return i * 7919 % n;
}

static void pages(struct fleet *f, const char *suffix)
{
	char name[60];
	int64_t n = f->computers - PAGE - 1;
	for (int round = 0; round < ROUNDS; round++) {
		f->ours[round] = f->bare[round] = 0;
		for (int i = 0; i < TIMES; i++) {
			int64_t after = FIRST + scattered(i, n > 0 ? n : 1) - 1;
			f->ours[round] += page_of_computers(f, after);
			f->bare[round] += bare(f, computers_sql, after);
		}
	}
	snprintf(name, sizeof(name), "computers-page%s", suffix);
	said(f, name, TIMES);
}

static void event_pages(struct fleet *f)
{
	for (int round = 0; round < ROUNDS; round++) {
		f->ours[round] = f->bare[round] = 0;
		for (int i = 0; i < TIMES; i++) {
			int64_t computer = FIRST + scattered(i, f->computers);
			f->ours[round] += page_of_events(f, computer);
			f->bare[round] += bare(f, events_sql, computer);
		}
	}
	said(f, "events-page", TIMES);
}

static int64_t number(struct fleet *f, const char *text)
{
	struct rows r;
	int64_t n = -1;
	if (store_query_sql(f->t->app->store, text, NULL, 0, &r) == 0 && rows_next(&r) == 1)
		n = r.col[0].i;
	rows_done(&r);
	return n;
}

/* ---- ingestion ---- */

static const char found[] =
	"{'class':'antimalware','kind':'malware-found','time':%llu,'unique':'a%031llx','fields':{'InfectedFilePath':"
	"'/srv/upload/%lld.bin','MalwareName':'Eicar-Test-Signature','ScanType':0,'ScanTypeString':'Real-Time','Reason':"
	"'Default Real-Time Scan Configuration','FileSize':68,'ProcessName':'/usr/bin/cp','User':'root','ScanResultString':"
	"'Access Denied'}}";

static uint64_t ingest(struct fleet *f, int64_t computer, int64_t first, int64_t at)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_fmt(&b, "{'first':%lld,'events':[", (long long)first);
	for (int i = 0; i < BATCH; i++) {
		buf_fmt(&b, i ? "," : "");
		long long number = at + i;
		buf_fmt(&b, found, (unsigned long long)clock_ms(), (unsigned long long)number,
		        number);
	}
	buf_z(&b, "]}");
	char *text = b.p;
	uint64_t start = cpu_ns();
	try_agent_ask(f->t, computer, "POST", "/agent/events", text);
	uint64_t took = cpu_ns() - start;
	if (f->t->status != 200)
		fail_msg("events: %d %s", f->t->status, f->t->text ? f->t->text : "");
	return took;
}

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
	sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

static void run_sql(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
}

/*
 * SQLite alone, on a connection of its own set up as ours is: the same columns, a statement
 * prepared once, its values bound for each row, a transaction of a thousand rows.
 */
static uint64_t bulk(struct fleet *f, int64_t computer, int64_t at)
{
	static const char into[] =
		"insert into event_antimalware (computer, host, kind, time, received, uniq, \"InfectedFilePath\","
		" \"MalwareName\", \"ScanType\", \"ScanTypeString\", \"Reason\", \"FileSize\", \"ProcessName\", \"User\","
		" \"ScanResultString\") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
	if (!f->insert && sqlite3_prepare_v3(f->db, into, -1, SQLITE_PREPARE_PERSISTENT, &f->insert,
	                                     NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(f->db));
	uint64_t start = cpu_ns();
	sqlite3_stmt *st = f->insert;
	run_sql(f->db, "begin immediate");
	for (int i = 0; i < BATCH; i++) {
		char unique[48], path[48];
		snprintf(unique, sizeof(unique), "b%031llx", (unsigned long long)(at + i));
		snprintf(path, sizeof(path), "/srv/upload/%lld.bin", (long long)(at + i));
		int64_t now = (int64_t)clock_ms();
		sqlite3_bind_int64(st, 1, computer);
		bind_text(st, 2, "host");
		bind_text(st, 3, "malware-found");
		sqlite3_bind_int64(st, 4, now);
		sqlite3_bind_int64(st, 5, now);
		bind_text(st, 6, unique);
		bind_text(st, 7, path);
		bind_text(st, 8, "Eicar-Test-Signature");
		sqlite3_bind_int64(st, 9, 0);
		bind_text(st, 10, "Real-Time");
		bind_text(st, 11, "Default Real-Time Scan Configuration");
		sqlite3_bind_int64(st, 12, 68);
		bind_text(st, 13, "/usr/bin/cp");
		bind_text(st, 14, "root");
		bind_text(st, 15, "Access Denied");
		if (sqlite3_step(st) != SQLITE_DONE)
			fail_msg("%s", sqlite3_errmsg(f->db));
		sqlite3_reset(st);
	}
	run_sql(f->db, "commit");
	return cpu_ns() - start;
}

static void ingestion(struct fleet *f)
{
	int64_t at = 0;
	for (int round = 0; round < ROUNDS; round++) {
		f->ours[round] = f->bare[round] = 0;
		for (int i = 0; i < BATCHES; i++, at += BATCH) {
			f->ours[round] += ingest(f, FIRST + i, 1 + round * (int64_t)BATCH, at);
			f->bare[round] += bulk(f, FIRST + i, at);
		}
	}
	if (number(f, "select count(*) from event_antimalware where uniq like 'a%'") != at)
		fail_msg("not every event was stored");
	said(f, "ingestion", BATCHES * BATCH);
}

static void fill(struct fleet *f)
{
	char text[1100];
	int64_t piece = 200000;
	for (int64_t at = 0; at < f->events; at += piece) {
		snprintf(
			text, sizeof(text),
			"insert into event_antimalware (computer, host, kind, time, received, uniq, \"InfectedFilePath\","
			" \"MalwareName\", \"ScanType\", \"Reason\", \"FileSize\") with recursive n (i) as (select %lld union all"
			" select i + 1 from n where i + 1 < %lld) select %d + (i * 7919) %% %lld, 'host', 'malware-found',"
			" i * 1000, i * 1000, 'fill-' || i, '/srv/upload/' || i || '.bin', 'Eicar-Test-Signature', 0,"
			" 'Default Real-Time Scan Configuration', 68 from n",
			(long long)at, (long long)(at + piece < f->events ? at + piece : f->events),
			FIRST, (long long)f->computers);
		sql(f, text);
	}
}

/* ---- policies ---- */

/* A change that concerns everybody: until nobody's policy is due. Beside it: one update of all
 * their rows. */
static void policy_change(struct fleet *f, const char *suffix)
{
	char name[60];
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = cpu_ns();
		try_must(f->t, 200, "POST",
		         "/api/policies/1/settings/antiMalwareSettingFileHashSizeMaxMbytes",
		         round % 2 ? "{'value':'65'}" : "{'value':'66'}");
		while (number(f,
		              "select count(*) from (select 1 from agent where due = 1 limit 1)") >
		       0)
			app_tick(f->t->app);
		f->ours[round] = cpu_ns() - start;
		start = cpu_ns();
		sql(f, "update agent set policy_sent = policy_sent + 1");
		f->bare[round] = cpu_ns() - start;
	}
	snprintf(name, sizeof(name), "policy-change%s", suffix);
	said(f, name, 1);
}

int main(int argc, char **argv)
{
	struct fleet f = { .computers = 0 };
	if (argc != 4) {
		fprintf(stderr, "usage: fleet COMPUTERS POLICIES EVENTS\n");
		return 2;
	}
	int64_t most = strtoll(argv[1], NULL, 10);
	f.policies = strtoll(argv[2], NULL, 10);
	f.events = strtoll(argv[3], NULL, 10);
	try_setup((void **)&f.t);
	if (sqlite3_open(f.t->database + strlen("sqlite:"), &f.db) != SQLITE_OK)
		return 1;
	run_sql(f.db,
	        "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on");
	add_policies(&f);
	f.t->raw = true;
	for (int64_t n = most >= 2000 ? most / 100 : most; n <= most; n *= 10) {
		char suffix[24];
		add_computers(&f, f.computers, n);
		f.computers = n;
		snprintf(suffix, sizeof(suffix), "-%lld", (long long)n);
		pages(&f, suffix);
		policy_change(&f, suffix);
	}
	ingestion(&f);
	fill(&f);
	event_pages(&f);
	plan(&f, "computers-scan", computers_sql);
	plan(&f, "events-scan", events_sql);
	sqlite3_finalize(f.insert);
	sqlite3_close(f.db);
	try_teardown((void **)&f.t);
	return f.sink == 1;
}
