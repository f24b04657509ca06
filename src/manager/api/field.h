#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

enum field_type {
	T_INT,
	T_BOOL,
	T_TEXT,
	T_TIME,
	T_CHOICE,
	T_TEXTS /* list of texts */,
	T_IDS /* list of numbers */,
	T_CHOICES /* list of choices */,
	T_BOOLS /* list of booleans */,
	T_OBJECT /* of members */,
	T_OBJECTS /* list of them */
};

enum field_flag {
	F_READ_ONLY = 1u << 0,    /* given by the manager; ignored on input */
	F_REQUIRED = 1u << 1,     /* must be there on create, and not empty */
	F_SECRET = 1u << 2,       /* taken, never shown */
	F_NOT_SEARCHED = 1u << 3, /* the "!" of the API's description */
	F_OMIT_EMPTY = 1u << 4,   /* left out when empty or 0 */
	F_COMPUTED = 1u << 5,     /* not stored: the collection's show() knows it */
};

/* One member of an object of the API, in the order of the wire. */
struct field {
	const char *name;
	enum field_type type;
	unsigned flags;
	const char *choices;   /* T_CHOICE: "a|b|c" */
	const char *otherwise; /* JSON text of the default, NULL: absent */
	int64_t min, max;      /* T_INT; T_TEXT: longest */
	const char *doc;
	const struct field *members; /* T_OBJECT, T_OBJECTS */
};

/*
 * Takes the members that the table knows from `in` (what a client sent, leniently: "true", "12", a
 * lone object for a list) into `object`; create: fills defaults and asks for what is required. 0,
 * or -EINVAL with a sentence.
 */
int fields_take(const struct field *fields, const json_t *in, json_t *object, bool create,
                struct err *why);
/* What is shown of a stored object, in the table's order, without secrets; id becomes "ID". New
 * reference. */
json_t *fields_show(const struct field *fields, const json_t *object, int64_t id);
/* What is shown of one member: borrowed, NULL when it is absent, secret or left out. */
json_t *field_value(const struct field *f, const json_t *object);
/* "name", or "name/member" of an object. */
const struct field *field_find(const struct field *fields, const char *name);
const json_t *field_at(const struct field *fields, const json_t *object, const char *name);
bool choice_has(const char *choices, const char *word);
