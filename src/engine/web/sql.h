#pragma once
#include "engine/web/scan.h"

/* SQL's words as databases read them: MySQL, PostgreSQL, SQL Server, Oracle, SQLite. */

enum sql_kind {
	SQL_END,
	SQL_WORD,
	SQL_NUMBER,
	SQL_STRING,
	SQL_OPEN,
	SQL_CLOSE,
	SQL_COMMA,
	SQL_SEMICOLON,
	SQL_REMARK,   /* a comment, to the end of its line */
	SQL_RELATE,   /* = < > <> != <=> := */
	SQL_OPERATE,  /* + - * / % ^ ~ ! | & || && */
	SQL_VARIABLE, /* @x, @@x */
	SQL_DOT,
	SQL_STRANGE /* no byte of the language */
};

/* What a word is there for. */
enum sql_word {
	WORD_NONE, /* a name */
	WORD_LOGIC,
	WORD_NOT,
	WORD_UNION,
	WORD_ALL,
	WORD_SELECT,
	WORD_STATEMENT,
	WORD_RELATE,   /* like, regexp, in, between, is */
	WORD_CONSTANT, /* null, true, false */
	WORD_GROUP,    /* group, order */
	WORD_HAVING,
	WORD_BY,
	WORD_INTO,
	WORD_FILE,
	WORD_FROM,
	WORD_CLAUSE, /* where, limit, ... : they may follow, and say nothing */
	WORD_CASE,
	WORD_WHEN,
	WORD_EXISTS,
	WORD_FUNCTION,
	WORD_BUILD,
	WORD_CAST,
	WORD_SCHEMA,
	WORD_WAIT,
	WORD_DELAY,
	WORD_OBJECT, /* table, database, user ... behind create, drop */
	WORD_AS
};

struct sql_token {
	enum sql_kind kind;
	enum sql_word word;
	struct str text;
	bool open; /* a string or comment that does not end */
};

struct sql_reader {
	struct str s;
	size_t i;
	bool inside; /* of a comment whose content is code */
};

struct sql_token sql_next(struct sql_reader *r);
