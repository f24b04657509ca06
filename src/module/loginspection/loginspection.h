#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * Log Inspection: decoders and rules in OSSEC's language, judged line by line. Pure: texts go in,
 * answers come out; the clock is the caller's. docs/log-inspection.md says what the language means.
 */

struct li_dialect {
	bool classic; /* OS_Regex as up to OSSEC 3.2 and in Wazuh, not as converted to PCRE2 */
	bool wazuh; /* `frequency` counts N instead of N+2, and what else Wazuh does differently */
};

struct li_file {
	const char *name; /* for messages; a list is found by it */
	struct str text;
};

struct li_files {
	const struct li_file *files;
	size_t n;
};

/* What was left out, and why: one decoder, rule or file each. */
struct li_problem {
	const char *file;
	unsigned line;
	const char *text;
};

struct li_set;

/*
 * Texts may go away afterwards. Files are read in the order given; the same files may be given as
 * decoders and as rules, then both may stand in each. Whatever is wrong is left out
 * and told by li_set_problem(); -EINVAL only if nothing at all could be read from files that hold
 * something, -ENOMEM. Never NULL on success; li_set_free() after the engines of it.
 */
int li_set_build(const struct li_files *decoders, const struct li_files *rules,
                 const struct li_files *lists, const struct li_dialect *dialect,
                 struct li_set **out, struct err *why);
void li_set_free(struct li_set *s);
const struct li_problem *li_set_problem(const struct li_set *s,
                                        size_t i); /* NULL behind the last */
size_t li_set_rules(const struct li_set *s);
size_t li_set_decoders(const struct li_set *s);

struct li_field {
	struct str name, value;
};

enum { LI_LINE_MAX = 65536, LI_FIELDS_MAX = 128 };

/* Valid until the next line. Empty texts have p NULL. */
struct li_answer {
	struct str decoder, program, hostname, description, groups, log;
	bool rule, log_it; /* log_it: an event is to be written (level above 0, no no_log) */
	uint32_t id;
	unsigned level;
	const char *file;     /* where the rule stands; NULL without one */
	struct str rule_json; /* what the rule gives, as members of an object; or empty */
	struct li_field fields[LI_FIELDS_MAX];
	size_t nfields;
};

struct li_engine;

/* hostname: of lines that name none (borrowed; may be NULL). The set must outlive the engine. */
struct li_engine *li_engine_new(const struct li_set *set, const char *hostname);
void li_engine_free(struct li_engine *e);
/* line without its newline; now: seconds since the epoch. location: where it was read, or empty. */
void li_engine_line(struct li_engine *e, struct str line, struct str location, int64_t now,
                    struct li_answer *out);
void li_engine_reset(struct li_engine *e);

/*
 * Tells of each rule that a line is tried on, in order: how deep it stands below its root, and
 * whether it matched. NULL: nobody wants to know. Rules that the prefilter leaves out are not told.
 */
struct li_tried {
	uint32_t id;
	unsigned level, depth;
	struct str description;
	const char *file;
	bool matched;
};
typedef void li_trace_fn(void *arg, const struct li_tried *t);
void li_engine_trace(struct li_engine *e, li_trace_fn *fn, void *arg);

/* A decoder or rule as it stands in the set; false behind the last. */
struct li_part {
	struct str name, parent, description, groups;
	const char *file;
	unsigned line, level;
	uint32_t id;
};
bool li_set_decoder(const struct li_set *s, size_t i, struct li_part *out);
bool li_set_rule(const struct li_set *s, size_t i, struct li_part *out);

/* What had to be cut since the last question, as bits. */
enum {
	LI_CUT_LINE = 1,
	LI_CUT_MATCH = 2,
	LI_CUT_WINDOW = 4,
	LI_CUT_KEYS = 8,
	LI_CUT_FIELDS = 16,
	LI_CUT_TREE = 32
};
unsigned li_engine_cut(struct li_engine *e);
const char *li_cut_text(unsigned bit);

/* The state over restarts: windows, fts, diff, ignored. -EINVAL: no state of this kind of engine.
 */
void li_engine_save(const struct li_engine *e, struct buf *out);
int li_engine_load(struct li_engine *e, struct str state, struct err *why);

/* Rule, level, description and groups as members of a JSON object, with a comma behind them. */
void li_rule_write(struct buf *b, uint32_t id, unsigned level, struct str description,
                   struct str groups);
/* One JSON object and a newline, as `yagura logs` prints it. */
void li_answer_write(struct buf *b, const struct li_answer *a);
