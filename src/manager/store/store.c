#include "manager/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/buf.h"
#include "manager/store/schema.h"
#include "manager/store/seal.h"
#include "model/event.h"

enum { BUSY_MS = 10000, COLUMNS_MAX = 64, TEXTS = 32 };

/* clang-format off */
static const struct {
	const char *sql;
	int nargs, ncols;
} statements[STMT_COUNT] = {
#define STMT(name, nargs, ncols, sql) [STMT_##name] = { sql, nargs, ncols },
#include "manager/store/statements.def"
#undef STMT
};
/* clang-format on */

/* A statement that is not in the table, kept under its text. */
struct kept {
	char *sql;        /* owned */
	sqlite3_stmt *st; /* owned */
	bool busy;        /* its rows are being read */
	bool ordered;     /* parameter $i is the i-th */
	uint64_t used;
};

struct store {
	sqlite3 *db;
	struct kept texts[TEXTS];
	uint64_t uses;
	sqlite3_stmt *prepared[STMT_COUNT]; /* owned; made at first use */
	bool ordered[STMT_COUNT];           /* parameter $i is the i-th */
	char path[PATH_MAX];
	int depth;   /* of nested transactions; only the outermost is real */
	bool failed; /* an inner one was rolled back */
	struct seal seal;
	bool sealed; /* there is one */
};

static int code(const struct store *s, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CONSTRAINT:
		return sqlite3_extended_errcode(s->db) == SQLITE_CONSTRAINT_FOREIGNKEY ? -ENOENT
		                                                                       : -EEXIST;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

const char *store_error(const struct store *s)
{
	return sqlite3_errmsg(s->db);
}

static int script(struct store *s, const char *sql)
{
	return code(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

int store_open(struct store **out, const char *path, struct err *why)
{
	struct store *s = xcalloc(1, sizeof(*s));
	snprintf(s->path, sizeof(s->path), "%s", path);
	int rc = sqlite3_open_v2(path, &s->db,
	                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
	                         NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(s->db, BUSY_MS);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(
			s->db,
			"pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;"
			/* A core has no folder for temporary files. */
			"pragma trusted_schema = off; pragma temp_store = memory",
			NULL, NULL, NULL);
	if (rc != SQLITE_OK) {
		int e = err_set(why, rc == SQLITE_CANTOPEN ? -ENOENT : -EIO, "database %s: %s",
		                path, sqlite3_errmsg(s->db));
		store_free(s);
		return e;
	}
	*out = s;
	return 0;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	for (int i = 0; i < STMT_COUNT; i++)
		sqlite3_finalize(s->prepared[i]);
	for (int i = 0; i < TEXTS; i++) {
		sqlite3_finalize(s->texts[i].st);
		free(s->texts[i].sql);
	}
	sqlite3_close(s->db);
	explicit_bzero(&s->seal, sizeof(s->seal));
	free(s);
}

int store_take_key(struct store *s, struct str key)
{
	if (key.n != SEAL_KEY)
		return -EINVAL;
	seal_init(&s->seal, (const uint8_t *)key.p);
	s->sealed = true;
	return 0;
}

const struct seal *store_seal(const struct store *s)
{
	return s->sealed ? &s->seal : NULL;
}

/* Where $number is: SQLite numbers parameters in the order of their appearance, which is mostly
 * theirs. */
static int parameter(sqlite3_stmt *st, size_t number)
{
	char name[24];
	snprintf(name, sizeof(name), "$%zu", number);
	const char *there = sqlite3_bind_parameter_name(st, (int)number);
	return there && strcmp(there, name) == 0 ? (int)number
	                                         : sqlite3_bind_parameter_index(st, name);
}

static bool is_ordered(sqlite3_stmt *st)
{
	for (int i = sqlite3_bind_parameter_count(st); i > 0; i--)
		if (parameter(st, (size_t)i) != i)
			return false;
	return true;
}

/* keep: SQLITE_TRANSIENT, or SQLITE_STATIC where args outlive the execution. */
static int bind(struct store *s, sqlite3_stmt *st, bool ordered, const struct val *args, size_t n,
                sqlite3_destructor_type keep)
{
	int count = sqlite3_bind_parameter_count(st);
	for (size_t i = 0; i < n; i++) {
		int at = ordered ? (int)i + 1 : parameter(st, i + 1), rc = SQLITE_OK;
		if (at == 0 || at > count)
			continue;
		const struct val *v = &args[i];
		switch (v->type) {
		case V_NULL:
			rc = sqlite3_bind_null(st, at);
			break;
		case V_INT:
			rc = sqlite3_bind_int64(st, at, v->i);
			break;
		case V_TEXT:
			rc = sqlite3_bind_text64(st, at, v->p, v->n, keep, SQLITE_UTF8);
			break;
		case V_BLOB:
			rc = sqlite3_bind_blob64(st, at, v->p, v->n, keep);
			break;
		}
		if (rc != SQLITE_OK)
			return code(s, rc);
	}
	return 0;
}

static int prepare(struct store *s, const char *sql, sqlite3_stmt **out)
{
	return code(s, sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL));
}

static int begin_rows(struct store *s, sqlite3_stmt *st, bool ordered, int number,
                      const struct val *args, size_t n, struct rows *r)
{
	*r = (struct rows){
		.store = s, .impl = st, .stmt = number, .ncols = sqlite3_column_count(st)
	};
	r->col = xcalloc((size_t)r->ncols + 1, sizeof(*r->col));
	int rc = bind(s, st, ordered, args, n, SQLITE_TRANSIENT);
	if (rc < 0)
		rows_done(r);
	return rc;
}

int store_query(struct store *s, enum stmt number, const struct val *args, size_t n, struct rows *r)
{
	sqlite3_stmt **st = &s->prepared[number];
	*r = (struct rows){ .stmt = -1 };
	int rc = 0;
	if (!*st) {
		rc = prepare(s, statements[number].sql, st);
		s->ordered[number] = rc == 0 && is_ordered(*st);
	}
	if (rc == 0 && ((int)n != statements[number].nargs ||
	                sqlite3_column_count(*st) != statements[number].ncols))
		abort(); /* the table and its user disagree: our own mistake */
	return rc < 0 ? rc : begin_rows(s, *st, s->ordered[number], (int)number, args, n, r);
}

/* The place of a statement that was prepared before, or the least used one; < 0: all are busy. */
static int place_of(struct store *s, const char *sql)
{
	int best = -1;
	for (int i = 0; i < TEXTS; i++) {
		const struct kept *k = &s->texts[i];
		if (k->busy)
			continue;
		if (k->sql && strcmp(k->sql, sql) == 0)
			return i;
		if (best < 0 || k->used < s->texts[best].used)
			best = i;
	}
	return best;
}

static int keep(struct store *s, const char *sql, int place)
{
	struct kept *k = &s->texts[place];
	k->used = ++s->uses;
	if (k->sql && strcmp(k->sql, sql) == 0)
		return 0;
	sqlite3_finalize(k->st);
	free(k->sql);
	*k = (struct kept){ .used = s->uses };
	int rc = prepare(s, sql, &k->st);
	if (rc == 0) {
		k->sql = xstrdup(sql);
		k->ordered = is_ordered(k->st);
	}
	return rc;
}

int store_query_sql(struct store *s, const char *sql, const struct val *args, size_t n,
                    struct rows *r)
{
	sqlite3_stmt *st = NULL;
	*r = (struct rows){ .stmt = -1 };
	int place = place_of(s, sql);
	int rc = place < 0 ? prepare(s, sql, &st) : keep(s, sql, place);
	if (rc < 0)
		return rc;
	if (place < 0)
		return begin_rows(s, st, false, -1, args, n, r);
	s->texts[place].busy = true;
	return begin_rows(s, s->texts[place].st, s->texts[place].ordered, -2 - place, args, n, r);
}

int store_insert_sql(struct store *s, const char *sql, const struct val *args, size_t n,
                     int64_t *id)
{
	int place = place_of(s, sql);
	int rc = place < 0 ? -EBUSY : keep(s, sql, place);
	if (rc < 0)
		return rc;
	const struct kept *k = &s->texts[place];
	rc = bind(s, k->st, k->ordered, args, n, SQLITE_STATIC);
	if (rc == 0) {
		int step = sqlite3_step(k->st);
		rc = step == SQLITE_DONE ? sqlite3_changes(s->db) > 0 : code(s, step);
		rc = step == SQLITE_ROW ? -EINVAL : rc;
	}
	if (rc == 1)
		*id = sqlite3_last_insert_rowid(s->db);
	sqlite3_reset(k->st);
	return rc;
}

static struct val column(sqlite3_stmt *st, int i)
{
	switch (sqlite3_column_type(st, i)) {
	case SQLITE_INTEGER:
		return VAL_INT(sqlite3_column_int64(st, i));
	case SQLITE_TEXT:
		return (struct val){ .type = V_TEXT,
			             .p = sqlite3_column_text(st, i),
			             .n = (size_t)sqlite3_column_bytes(st, i) };
	case SQLITE_BLOB:
		return (struct val){ .type = V_BLOB,
			             .p = sqlite3_column_blob(st, i),
			             .n = (size_t)sqlite3_column_bytes(st, i) };
	default:
		return VAL_NULL;
	}
}

int rows_next(struct rows *r)
{
	if (!r->impl)
		return 0;
	int rc = sqlite3_step(r->impl);
	if (rc != SQLITE_ROW)
		return code(r->store, rc);
	for (int i = 0; i < r->ncols; i++)
		r->col[i] = column(r->impl, i);
	return 1;
}

void rows_done(struct rows *r)
{
	if (r->impl && r->stmt == -1)
		sqlite3_finalize(r->impl);
	else if (r->impl)
		sqlite3_reset(r->impl);
	if (r->impl && r->stmt < -1)
		r->store->texts[-2 - r->stmt].busy = false;
	free(r->col);
	*r = (struct rows){ .stmt = -1 };
}

static int run(struct rows *r, int rc)
{
	for (int step = rc < 0 ? rc : 1; step == 1;) {
		step = rows_next(r);
		rc = step < 0 ? step : 0;
	}
	rows_done(r);
	return rc;
}

int store_exec(struct store *s, enum stmt st, const struct val *args, size_t n)
{
	struct rows r;
	int rc = store_query(s, st, args, n, &r);
	return run(&r, rc);
}

int store_exec_sql(struct store *s, const char *sql, const struct val *args, size_t n)
{
	struct rows r;
	int rc = store_query_sql(s, sql, args, n, &r);
	return run(&r, rc);
}

int64_t store_int(struct store *s, enum stmt st, const struct val *args, size_t n,
                  int64_t otherwise)
{
	struct rows r;
	int rc = store_query(s, st, args, n, &r);
	if (rc == 0 && rows_next(&r) == 1 && r.col[0].type == V_INT)
		otherwise = r.col[0].i;
	rows_done(&r);
	return otherwise;
}

size_t store_ids(struct store *s, enum stmt st, const struct val *args, size_t n, int64_t **out)
{
	struct rows r;
	size_t have = 0, room = 0;
	int rc = store_query(s, st, args, n, &r);
	while (rc == 0 && rows_next(&r) == 1) {
		if (have == room) {
			room = room ? room * 2 : 16;
			*out = realloc(*out, room * sizeof(**out));
			if (!*out)
				abort();
		}
		(*out)[have++] = r.col[0].i;
	}
	rows_done(&r);
	return have;
}

static int begin(struct store *s, const char *how)
{
	if (s->depth++ > 0)
		return 0;
	s->failed = false;
	int rc = script(s, how);
	if (rc < 0)
		s->depth--;
	return rc;
}

int store_begin(struct store *s)
{
	return begin(s, "begin immediate");
}

int store_begin_reading(struct store *s)
{
	return begin(s, "begin");
}

int store_end(struct store *s, bool keep)
{
	s->failed |= !keep;
	if (--s->depth > 0)
		return 0;
	int rc = script(s, s->failed ? "rollback" : "commit");
	if (rc < 0 && !s->failed)
		script(s, "rollback");
	return rc;
}

/* ---- schema ---- */

static int copy_before(struct store *s, int version, struct err *why)
{
	char path[PATH_MAX + 32];
	snprintf(path, sizeof(path), "%s.before-%03d", s->path, version);
	remove(path);
	int rc = store_exec_sql(s, "vacuum into $1", ARGS(VAL_TEXT(path)));
	return rc < 0 ? err_set(why, rc, "copy the database to %s: %s", path, store_error(s)) : 0;
}

static int version_of(struct store *s)
{
	struct rows r;
	int version = 0;
	if (store_query_sql(s, "pragma user_version", NULL, 0, &r) == 0 && rows_next(&r) == 1)
		version = (int)r.col[0].i;
	rows_done(&r);
	return version;
}

static int step(struct store *s, int version, struct err *why)
{
	char set[48];
	snprintf(set, sizeof(set), "pragma user_version = %d", version);
	int rc = store_begin(s);
	if (rc < 0)
		return err_set(why, rc, "database %s: %s", s->path, store_error(s));
	rc = script(s, schema_steps[version - 1]);
	if (rc == 0)
		rc = script(s, set);
	if (rc < 0)
		err_set(why, rc, "schema step %d: %s", version, store_error(s));
	int end = store_end(s, rc == 0);
	return rc < 0 ? rc : end;
}

static const char *sql_type(enum event_type type)
{
	return type == EV_TEXT ? "text" : "integer";
}

static bool has_column(struct store *s, const char *table, const char *column)
{
	struct rows r;
	bool found = false;
	int rc = store_query_sql(s, "select 1 from pragma_table_info($1) where name = $2",
	                         ARGS(VAL_TEXT(table), VAL_TEXT(column)), &r);
	found = rc == 0 && rows_next(&r) == 1;
	rows_done(&r);
	return found;
}

/* A table a class of events; its fields are columns, and a new field becomes one more. */
static int event_table(struct store *s, const struct event_class *c)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_fmt(&b,
	        "create table if not exists event_%s (id integer primary key, computer integer not null,"
	        " host text not null, kind text not null, time integer not null, received integer not null,"
	        " uniq text not null unique) strict;"
	        "create index if not exists event_%s_computer on event_%s (computer, id)",
	        c->name, c->name, c->name);
	int rc = buf_end(&b) < 0 ? -ENOMEM : script(s, b.p);
	char table[64];
	snprintf(table, sizeof(table), "event_%s", c->name);
	for (const struct event_field *f = c->fields; rc == 0 && f->name; f++) {
		if (has_column(s, table, f->name))
			continue;
		buf_clear(&b);
		buf_fmt(&b, "alter table %s add column \"%s\" %s", table, f->name,
		        sql_type(f->type));
		rc = script(s, b.p);
	}
	return rc;
}

int store_migrate(struct store *s, const struct event_class *const *classes, struct err *why)
{
	int have = version_of(s), newest = 0;
	while (schema_steps[newest])
		newest++;
	if (have > newest)
		return err_set(why, -EINVAL,
		               "database %s is of a newer version (%d) than this program (%d)",
		               s->path, have, newest);
	int rc = have > 0 && have < newest ? copy_before(s, have + 1, why) : 0;
	for (int v = have + 1; rc == 0 && v <= newest; v++)
		rc = step(s, v, why);
	for (; rc == 0 && *classes; classes++) {
		rc = event_table(s, *classes);
		if (rc < 0)
			err_set(why, rc, "table of %s events: %s", (*classes)->name,
			        store_error(s));
	}
	return rc;
}
