#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * An event class is a table of the store (anti-malware events, system events, ...) with fixed
 * fields; an event kind is a row of it: number, severity, sentence. From these rows follow JSON,
 * database columns, search, export, the OpenAPI schema and the console's columns in English and
 * Japanese.
 */
enum event_type { EV_TEXT, EV_INT, EV_BOOL, EV_TIME /* ms since the epoch */ };

struct event_field {
	const char *name; /* the JSON property, as in behaviour.md 11b */
	enum event_type type;
	const char *en, *ja; /* the column's label */
	const char *doc;
};

enum event_severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

struct event_kind {
	uint32_t number;  /* DS system-event number, or the CEF id of a module's event */
	const char *name; /* "malware-found": stable code, the console's catalogue key */
	enum event_severity severity;
	const char *en, *ja; /* a sentence; {Field} is replaced by the field's value */
};

struct event_class {
	const char *name; /* "antimalware": /api/events/NAME, table event_NAME */
	const char *type; /* "AntiMalwareEvent" */
	const char *en, *ja;
	const struct event_field *fields; /* {0} ends */
	const struct event_kind *kinds;   /* {0} ends */
};

/*
 * One event. Its members are JSON, named by the class's fields; anything else is refused by
 * event_check(). `unique` identifies the fact it tells: the store keeps the first event with it and
 * drops later ones, so a sender that does not know whether it already told may tell again.
 */
struct event {
	const struct event_class *class;
	const struct event_kind *kind;
	uint64_t time_ms;
	char unique[65]; /* hex or GUID, never empty once sent */
	json_t *fields;  /* owned; NULL: not made of text yet, event_load() */
	struct str text; /* borrowed: as it came; empty where it was made here */
};

void event_init(struct event *ev, const struct event_class *class, const char *kind);
void event_done(struct event *ev);
void event_text(struct event *ev, const char *field, const char *value); /* NULL: left out */
void event_bytes(struct event *ev, const char *field, struct str value); /* made valid UTF-8 */
void event_int(struct event *ev, const char *field, int64_t value);
void event_bool(struct event *ev, const char *field, bool value);

/*
 * {"class","kind","time","unique","fields":{...}}, compact: the form in which an event travels from
 * a worker to the spool and to the manager.
 */
void event_write(struct buf *b, const struct event *ev);
/* The reverse, for bytes from elsewhere: an unknown class, kind or field, or a wrong type, is
 * refused. */
int event_parse(struct str text, const struct event_class *const *classes, struct event *out,
                struct err *why);
int event_from_json(const json_t *j, const struct event_class *const *classes, struct event *out,
                    struct err *why);

/* Makes the fields of one that was only scanned (event_scan.h): 0 or -errno. */
int event_load(struct event *ev);
bool event_unique_fits(const char *unique); /* hexadecimal digits and -, 16 to 64 */

const struct event_field *event_field_find(const struct event_class *class, const char *name);
const struct event_kind *event_kind_find(const struct event_class *class, const char *name);
/* The kind's sentence with the values filled in; lang "en" or "ja". */
void event_sentence(struct buf *b, const struct event *ev, const char *lang);
/* The same for a kind whose fields somebody else has: value() adds the one of that name, if any. */
void event_sentence_of(struct buf *b, const struct event_kind *kind, const char *lang,
                       void (*value)(void *arg, struct str name, struct buf *b), void *arg);

/* The classes that no module owns: what manager and agent report of themselves
 * (model/system_events.c). */
extern const struct event_class event_class_system;

/* Every number that system events may have, with title and level (model/system_numbers.def). */
struct system_number {
	uint32_t number;
	enum event_severity severity;
	const char *en, *ja;
};
extern const struct system_number system_numbers[]; /* en NULL last */
const struct system_number *system_number_find(uint32_t number);
