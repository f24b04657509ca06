#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

struct store;
struct seal;
struct event_class;

/* One bound parameter, or one column of a row. */
struct val {
	enum { V_NULL, V_INT, V_TEXT, V_BLOB } type;
	int64_t i;
	const void *p; /* borrowed */
	size_t n;
};

#define VAL_NULL    ((struct val){ .type = V_NULL })
#define VAL_INT(v)  ((struct val){ .type = V_INT, .i = (int64_t)(v) })
#define VAL_TEXT(s) ((struct val){ .type = V_TEXT, .p = (s), .n = strlen(s) })
#define VAL_STR(s)  ((struct val){ .type = V_TEXT, .p = (s).p ? (s).p : "", .n = (s).n })
#define ARGS(...) \
	(struct val[]){ __VA_ARGS__ }, sizeof((struct val[]){ __VA_ARGS__ }) / sizeof(struct val)

/*
 * Every statement is a row of statements.def, in SQL that SQLite and PostgreSQL take ($1,
 * RETURNING, ON CONFLICT). Only events.c builds SQL besides, with columns from the event classes'
 * tables and values as parameters.
 */
enum stmt {
#define STMT(name, nargs, ncols, sql) STMT_##name,
#include "manager/store/statements.def"
#undef STMT
	STMT_COUNT
};

/* A cursor. col[] and what it points to live until the next rows_next(). */
struct rows {
	struct store *store;
	void *impl;
	int stmt; /* a row of the table; < 0: none */
	struct val *col;
	int ncols;
};

/* Errors are -errno whatever the database is: -EEXIST not unique, -ENOENT a row referred to is
 * missing, -EBUSY, -EIO. */
int store_open(struct store **out, const char *path, struct err *why);
/* Brings an open database to the newest schema; keeps a copy of the file before each step. */
int store_migrate(struct store *s, const struct event_class *const *classes, struct err *why);
void store_free(struct store *s);
/* The key of the secrets in it (seal.h), n bytes of a key file: 0, or -EINVAL. */
int store_take_key(struct store *s, struct str key);
const struct seal *store_seal(const struct store *s); /* NULL: it has no key */

int store_exec(struct store *s, enum stmt st, const struct val *args, size_t n);
int store_query(struct store *s, enum stmt number, const struct val *args, size_t n,
                struct rows *r);
/* For events.c: a statement that is not in the table; kept under its text while it is used often.
 */
int store_query_sql(struct store *s, const char *sql, const struct val *args, size_t n,
                    struct rows *r);
int store_exec_sql(struct store *s, const char *sql, const struct val *args, size_t n);
/* An insert of one row: 1 and its ID, 0: it does nothing on a conflict, or -errno. */
int store_insert_sql(struct store *s, const char *sql, const struct val *args, size_t n,
                     int64_t *id);
int rows_next(struct rows *r); /* 1 a row, 0 the end, or -errno */
void rows_done(struct rows *r);
/* The first column of the first row as a number; otherwise when there is none. */
int64_t store_int(struct store *s, enum stmt st, const struct val *args, size_t n,
                  int64_t otherwise);

/* The first column of every row, an array of the caller's; how many. For what is to be changed one
 * by one: no cursor is open meanwhile. */
size_t store_ids(struct store *s, enum stmt st, const struct val *args, size_t n, int64_t **out);

int store_begin(struct store *s);
/* For what reads only, as a rule: it takes the lock for writing when the first thing is written. */
int store_begin_reading(struct store *s);
int store_end(struct store *s, bool keep);      /* commit, or roll back */
const char *store_error(const struct store *s); /* the database's own sentence for the log */

static inline struct str col_str(const struct rows *r, int i)
{
	return (struct str){ r->col[i].p, r->col[i].n };
}
