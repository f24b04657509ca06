#pragma once
#include <jansson.h>

#include "base/err.h"
#include "module/loginspection/loginspection.h"

struct event;
struct event_class;
struct section;

/* Log Inspection's rows in the tables of all modules. */
extern const struct section loginspection_section;
extern const struct event_class event_class_loginspection;

/* How the lines of a file are put together (the API's `format`). */
enum li_format {
	LI_SYSLOG, /* a line is a line; so are all formats that no other row here names */
	LI_SNORT_FULL,
	LI_SNORT_FAST,
	LI_APACHE,
	LI_IIS,
	LI_SQUID,
	LI_NMAPG,
	LI_MYSQL,
	LI_POSTGRESQL,
	LI_DJB_MULTILOG,
	LI_EVENTLOG,
	LI_SINGLE_LINE,
	LI_MULTI_LINE, /* what begins with white space goes on with the line before */
	LI_AUDIT,      /* records of one number are one event */
	LI_JSON,
	LI_JOURNALD, /* location: matches, "FIELD=value" parted by blanks; empty: everything */
	LI_FORMATS
};

extern const char *const li_format_names[LI_FORMATS];
#define LI_FORMAT_CHOICES                                                               \
	"syslog|snort-full|snort-fast|apache|iis|squid|nmapg|mysql-log|postgresql-log|" \
	"dbj-multilog|eventlog|single-line-text-log|multi-line|audit|json|journald"
/* LI_FORMATS: there is no such format. djb-multilog and OSSEC's underscores are understood. */
enum li_format li_format_named(struct str name);

/* The number and the default rule's identifier that every other shipped rule depends on. */
#define LI_DEFAULT_IDENTIFIER "1002792"

/*
 * A rule of the API as a text in the language of rules: what it says in `ruleXML`, or what a basic
 * rule's members come to. 0, or -EINVAL and a sentence.
 */
int li_rule_text(const json_t *rule, struct buf *out, struct err *why);
/*
 * Would a rule load? Among others: an array of rules that it may name (may be NULL). -EINVAL and a
 * sentence with line and what was expected.
 */
int li_rule_check(const json_t *rule, const json_t *others, struct err *why);

/* A line that a rule speaks of, as an event. */
struct li_origin {
	struct str location;   /* the file, as rules and events name it */
	struct str line;       /* as it was read, one line of an event */
	const uint8_t *unique; /* 16 bytes: of the stream of lines that it stands in */
	uint64_t offset;       /* where it begins there */
	uint64_t time_ms;
};

struct rules;
/* false: the policy wants no event of this answer. */
bool li_event_wanted(const struct rules *r, const struct li_answer *a);
void li_event_make(const struct rules *r, const struct li_answer *a, const struct li_origin *o,
                   struct event *out);
