#pragma once
#include "module/intrusionprevention/rule.h"

/* What the files that parse share. Slices of the rule's text tell where a fault is. */

/* A buffer under construction: items grow until the rule is finished. */
struct draft {
	struct list list;
	struct item *items; /* owned */
	unsigned nitems, cap;
	int parent, parent_item; /* base64_data: which base64_decode it belongs to; -1 */
	bool pending;            /* a sticky buffer that nothing was said about yet */
};

struct parser {
	struct ips_rules *rules;
	const struct ips_source *in;
	const struct ips_file *file;
	struct ips_report *report;
	struct str text; /* the rule, continuation lines blanked */
	struct rule *rule;
	struct draft drafts[LISTS_MAX];
	unsigned ndrafts;
	int current;               /* draft that contents go to; -1: raw data, not begun */
	int last_draft, last_item; /* the last content; -1: none */
	const char *vars[VARS_MAX];
	unsigned nvars;
	struct condition conditions[32];
	struct bit bits[32];
	struct flowint ints[8];
	bool said_sid;
	const char *fault_at; /* in text */
	char fault[160];
};

/* Remembers the fault at `where` (in the rule's text) and returns -EINVAL. */
int parse_fail(struct parser *p, const char *where, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct keyword;
/* value: trimmed, quotes and '!' still there; {NULL, 0} when there is none. */
typedef int keyword_parse(struct parser *p, const struct keyword *k, struct str value);

struct keyword {
	struct ips_keyword_words words;
	keyword_parse *parse;
	bool (*test)(const struct condition *c, const struct look *l); /* of a condition */
	int buffer; /* that it names; enum transform_kind; what the parser likes */
	enum { NEEDS_VALUE, MAY_VALUE, NO_VALUE } needs;
};

const struct keyword *keyword_find(struct str name);
extern const struct keyword keywords[]; /* {0} last */

/* expr.c */
int parse_expr(struct parser *p, struct str text, bool ports, const struct expr **out);

/* parse.c */
struct draft *parse_draft(struct parser *p); /* where contents go now; NULL: too many (failed) */
int parse_begin(struct parser *p, const char *where, int buffer); /* a sticky buffer */
struct item *parse_item(struct parser *p, const char *where, enum item_kind kind); /* or NULL */
struct condition *parse_condition(struct parser *p, const struct keyword *k, struct str value);
struct str parse_unquote(struct str s, bool *negated); /* without '!' and quotes */
/* A number, or the name of a variable that byte_extract or byte_math filled. */
int parse_number(struct parser *p, struct str s, int64_t min, int64_t max, struct number *out);
int parse_u64(struct parser *p, struct str s, uint64_t min, uint64_t max, uint64_t *out);
/* "5", "<5", ">5", "5<>10", "!5", "<=5": 0 or failed. */
int parse_compare(struct parser *p, struct str s, uint64_t max, enum compare *op, uint64_t *a,
                  uint64_t *b);
int parse_variable(struct parser *p, struct str name); /* its index, new or old; or failed */
/* Bytes of "abc|0d 0a|\"" into the arena. */
int parse_bytes(struct parser *p, struct str s, const uint8_t **out, size_t *n);
const char *parse_keep(struct parser *p, struct str s); /* arena copy */
/* Compiles; the code is the rules'. */
int parse_pcre(struct parser *p, const char *where, struct str pattern, uint32_t options,
               pcre2_code **out);
unsigned parse_name(struct parser *p, struct map *names, unsigned *count, struct str name);
int parse_finish(struct parser *p); /* finish.c: drafts to lists, fast pattern, where */

/* The keywords' files. */
keyword_parse keyword_msg, keyword_id, keyword_classtype, keyword_reference, keyword_metadata,
	keyword_priority, keyword_given, keyword_noalert, keyword_target;
keyword_parse keyword_content, keyword_uricontent, keyword_nocase, keyword_place, keyword_edge,
	keyword_fast_pattern, keyword_rawbytes, keyword_pcre, keyword_isdataat, keyword_bsize,
	keyword_entropy, keyword_old_modifier, keyword_sticky, keyword_transform, keyword_raw,
	keyword_replace;
keyword_parse keyword_byte_test, keyword_byte_jump, keyword_byte_extract, keyword_byte_math,
	keyword_base64_decode, keyword_base64_data, keyword_dataset, keyword_datarep,
	keyword_ftpbounce;
keyword_parse keyword_flow, keyword_flowbits, keyword_xbits, keyword_flowint, keyword_threshold,
	keyword_stream_size, keyword_app_protocol, keyword_app_event;
keyword_parse keyword_compare, keyword_flags, keyword_fragbits, keyword_ip_proto, keyword_same,
	keyword_version, keyword_state, keyword_iprep, keyword_dce_iface, keyword_ipopts,
	keyword_dsize, keyword_urilen, keyword_web_attack;
