#pragma once
#include <hs.h>

#include "base/arena.h"
#include "base/map.h"
#include "engine/packet.h"
#include "module/loginspection/loginspection.h"
#include "module/loginspection/pattern.h"
#include "module/loginspection/xml.h"

/* What the files of Log Inspection share: a rule set as it stands after loading. */

/* What patterns look at: fields of a decoder, then what the line itself gives. Dynamic fields of
 * decoders have numbers from FIELD_STATIC on. */
enum field {
	FIELD_SRCIP,
	FIELD_DSTIP,
	FIELD_SRCPORT,
	FIELD_DSTPORT,
	FIELD_PROTOCOL,
	FIELD_ACTION,
	FIELD_ID,
	FIELD_URL,
	FIELD_DATA,
	FIELD_STATUS,
	FIELD_SYSTEM_NAME,
	FIELD_FILENAME,
	FIELD_DSTUSER,
	FIELD_SRCUSER,
	FIELD_DECODED, /* up to here decoders set them */
	FIELD_HOSTNAME = FIELD_DECODED,
	FIELD_PROGRAM,
	FIELD_LOG,
	FIELD_LOCATION,
	FIELD_USER,
	FIELD_STATIC,
};
struct str field_name(unsigned field); /* of static fields */
int log_field_find(struct str name);   /* static, with the aliases of `order`; or -1 */

enum category {
	CATEGORY_NONE,
	CATEGORY_SYSLOG,
	CATEGORY_FIREWALL,
	CATEGORY_IDS,
	CATEGORY_WEB,
	CATEGORY_SQUID,
	CATEGORY_WINDOWS,
	CATEGORY_OSSEC,
	CATEGORY_COUNT
};
enum category category_find(struct str name); /* or CATEGORY_NONE */

enum offset { OFFSET_NONE, OFFSET_PARENT, OFFSET_PREMATCH, OFFSET_REGEX };

struct li_event;
struct decoder;
typedef void plugin_fn(struct li_event *ev, struct str text);
plugin_fn *plugin_find(struct str name);

/* Candidates are bits: a list's members have places side by side, in the order they are tried. */
struct places {
	uint32_t first, n;
};

enum { ORDER_MAX = CAPTURES_MAX };

struct decoder {
	struct str name, parent, order_text;
	const char *file;
	unsigned line;
	uint32_t id; /* of the name that events get */
	enum category type;
	struct li_dialect dialect;
	bool own_name, accumulate, get_next;
	const struct pattern *program, *prematch, *regex;
	enum offset prematch_offset, regex_offset;
	plugin_fn *plugin;
	uint16_t order[ORDER_MAX];
	size_t order_n;
	uint16_t fts[16];
	size_t fts_n;
	bool fts_name;
	struct decoder **children;
	size_t nchildren;
	struct places child_places;
};

enum condition_kind {
	CONDITION_PATTERN,
	CONDITION_EQUAL,
	CONDITION_DECODED,
	CONDITION_IP,
	CONDITION_COMPILED,
	CONDITION_SIZE,
	CONDITION_TIME,
	CONDITION_WEEKDAY,
	CONDITION_DIFF,
	CONDITION_FTS,
	CONDITION_LIST
};

struct ip_range_set {
	struct ip *address;
	uint8_t *bits;
	bool negate;
	size_t n;
};

enum lookup { LOOKUP_KEY = 1, LOOKUP_VALUE = 2, LOOKUP_NOT = 4, LOOKUP_ADDRESS = 8 };

struct list {
	const char *name;
	struct map keys; /* to struct str *, the value */
};

typedef bool compiled_fn(const struct li_event *ev);
compiled_fn *compiled_find(struct str name);

struct condition {
	enum condition_kind kind;
	uint8_t order;        /* cheap ones first, as in OSSEC */
	bool negate, implied; /* implied: the prefilter's hit says it all */
	uint16_t field;
	const struct pattern *pattern;
	struct str text;
	uint32_t decoder;
	struct ip_range_set *ips;
	compiled_fn *compiled;
	size_t size;
	unsigned from, to; /* minutes of the day; or a bit a weekday in from */
	const struct list *list;
	unsigned lookup;
};

enum { COMPARED_MAX = 32 };

struct rule {
	uint32_t id, index;
	unsigned level, order_level;
	int frequency; /* earlier events that are needed */
	int64_t timeframe, ignore;
	bool noalert, accuracy, no_log, overwritten;
	struct str description, groups;
	struct str json; /* li_rule_write(), unless the description has fields in it */
	const char *file;
	unsigned line;
	struct li_dialect dialect;
	enum category category;
	struct condition *conditions;
	size_t nconditions;
	/* the window */
	bool windowed;
	uint32_t if_matched_sid;
	const struct pattern *if_matched_group, *if_matched_regex;
	uint32_t same, different; /* bits of compared fields */
	uint32_t window;          /* number of its list of events */
	/* fields of <ignore> and <check_if_ignored>, as bits of enum field */
	uint32_t ignored, check_ignored;
	/* the tree */
	struct rule **children;
	size_t nchildren;
	struct places child_places;
	/* windows that an event enters which ends on this rule */
	uint16_t *enters;
	size_t nenters;
};

/* A list of earlier events, the same for all rules that look for the same among equal keys. */
struct window {
	uint32_t sid;
	const struct pattern *group, *regex;
	enum category category; /* with regex */
	uint32_t same;
};

struct li_set {
	struct arena arena;
	struct pattern **patterns;
	size_t npatterns;
	struct li_problem *problems;
	size_t nproblems;
	struct str *names; /* dynamic fields */
	size_t nnames;
	struct str *decoder_names; /* by id; 0 is "no decoder" */
	size_t ndecoder_names;
	struct decoder **all_decoders, **top; /* top: without parent, in order */
	size_t ndecoders, ntop;
	struct decoder **named, **unnamed; /* the two lists of top */
	size_t nnamed, nunnamed;
	struct places named_places, unnamed_places;
	struct rule *roots[CATEGORY_COUNT];
	struct rule **rules;
	size_t nrules;
	struct list *lists;
	size_t nlists;
	struct window *windows;
	size_t nwindows;
	uint16_t *regex_windows; /* windows that look at the text */
	size_t nregex_windows;
	uint16_t compared[COMPARED_MAX]; /* fields that windows compare */
	size_t ncompared;
	/* the prefilter (prefilter.c) */
	hs_database_t *database;
	uint32_t *literal_first, *literal_places;
	size_t nliterals, nplaces, nwords;
	uint64_t *ungated;  /* places that need no literal */
	uint64_t *by_class; /* nwords for each class: places whose decoded_as allows it */
	uint32_t *class_of; /* by decoder id */
	size_t nclasses;
};

struct loader {
	struct li_set *set;
	struct li_dialect dialect; /* of the file that is read */
	bool mixed;                /* decoders and rules stand in the same files */
	const char *file;
	struct map patterns, decoder_ids, rules;
	struct rule **by_id;         /* unused slots are NULL */
	const struct xml_node *node; /* the decoder or rule that is read */
	unsigned at;                 /* the line, for messages */
	struct arena *scratch;
};

void problem(struct loader *l, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int take_pattern(struct loader *l, enum pattern_kind kind, struct str text,
                 const struct pattern **out, struct err *why);
uint32_t take_decoder_id(struct loader *l, struct str name);
uint32_t known_decoder_id(const struct loader *l, struct str name);   /* or 0 */
unsigned take_field(struct loader *l, struct str name);               /* dynamic too */
void *grown(struct arena *a, const void *old, size_t n, size_t size); /* room for n + 1, n copied */
bool truth(struct str s);                                             /* yes */

void decoders_load(struct loader *l, const struct li_files *files);
void rules_load(struct loader *l, const struct li_files *files);
void lists_load(struct loader *l, const struct li_files *files);
const struct list *list_named(const struct li_set *s, struct str path);
int windows_build(struct loader *l, struct err *why);
int prefilter_build(struct li_set *s, struct err *why);
struct str trimmed_copy(struct arena *a, struct str s);
struct xml_node *file_parse(struct loader *l, const struct li_file *f);
/* One element of a rule that is a condition (conditions.c): 1 taken, 0 none of ours, -errno. */
int condition_parse(struct loader *l, const struct xml_node *n, struct rule *r, struct err *why);
void condition_size(struct loader *l, struct rule *r, size_t size); /* maxsize="" */
