#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "engine/app/app.h"
#include "engine/packet.h"

/*
 * Rules in the language of Suricata 7 (and of Snort 2 texts, and Snort 3's options inside content),
 * and what they find in packets, streams and transactions. Pure: no files, no clock.
 * docs/prevention.md says what of the language is understood.
 *
 *   ips_parse()   text to rules; one that is wrong disables itself alone   (linked by the manager)
 *   ips_compile() rules to a set: immutable, shared by threads and flows, counted
 *   struct ips    what one thread has: scratch, thresholds, bits of hosts, counters
 *   struct ips_flow  a connection: it holds the set that it is judged by
 */

/* ---- rules from text ---- */

struct ips_variable {
	const char *name;  /* "HOME_NET", without the dollar */
	const char *value; /* "[10.0.0.0/8,!10.1.0.0/16]", "80:90", "any" */
};

struct ips_file {
	const char *name; /* for problems */
	struct str text;
	uint64_t tag; /* given back with each rule of it; 0: the rule's sid */
};

/* Values of a dataset that rules name: a line each, as Suricata's dataset files have them. */
struct ips_dataset {
	const char *name;
	struct str text;
};

struct ips_source {
	const struct ips_file *files;
	size_t nfiles;
	/* Those that are not given have ips_variables_default's values. */
	const struct ips_variable *variables;
	size_t nvariables;
	const struct ips_dataset *datasets;
	size_t ndatasets;
};

extern const struct ips_variable ips_variables_default[]; /* {0} last */

/* A rule that was not loaded, or a part of one that says nothing here. */
struct ips_problem {
	const char *file; /* borrowed from the source */
	unsigned line, column;
	uint32_t sid; /* 0: not known */
	char text[200];
};

struct ips_report {
	size_t loaded, disabled;
	struct ips_problem *problems; /* owned; at most IPS_PROBLEMS_MAX, the first */
	size_t nproblems;
};
enum { IPS_PROBLEMS_MAX = 1000, IPS_RULES_MAX = 200000 };

void ips_report_done(struct ips_report *r);

enum ips_action { IPS_PASS, IPS_ALERT, IPS_DROP, IPS_REJECT };
const char *ips_action_name(enum ips_action a); /* "alert" */

struct ips_reference {
	const char *kind, *id; /* "cve", "2021-44228" */
};

/* What of a rule events tell; the rest is the engine's. */
struct ips_rule_words {
	uint32_t sid, gid, rev;
	unsigned priority; /* 1 is the highest */
	uint64_t tag;
	enum ips_action action;
	const char *msg, *classtype;
	const struct ips_reference *references;
	size_t nreferences;
	const char *file;
	unsigned line;
};

struct ips_rules; /* parsed */

/* 0 (rules may still be disabled one by one), or -E2BIG. report may be NULL. */
int ips_parse(const struct ips_source *in, struct ips_rules **out, struct ips_report *report,
              struct err *why);
void ips_rules_free(struct ips_rules *r);
size_t ips_rules_count(const struct ips_rules *r);
const struct ips_rule_words *ips_rules_words(const struct ips_rules *r, size_t i);

/* One row of the language: for documentation. */
struct ips_keyword_words {
	const char *name, *words;
};
/* The i-th, or NULL behind the last. */
const struct ips_keyword_words *ips_keyword_at(size_t i);

/* Server ports that rules look at, so that nothing else has to be queued. */
struct ips_ports {
	uint64_t tcp[1024], udp[1024]; /* a bit each: port / 64, port % 64 */
	bool icmp, other;              /* ICMP; other protocols, or rules over any packet */
	uint64_t tcp_answers[1024];    /* of tcp: what servers answer there is looked at as well */
};
void ips_rules_ports(const struct ips_rules *r, struct ips_ports *out);
/* Adds those of the i-th rule alone. */
void ips_rule_ports(const struct ips_rules *r, size_t i, struct ips_ports *out);
/* Does the i-th rule need to see what servers answer on a TCP connection? */
bool ips_rule_hears_answers(const struct ips_rules *r, size_t i);

/* ---- sets ---- */

/* Where compiled pattern databases are kept between starts; members may be NULL. */
struct ips_cache {
	/* Fills out with what was kept for the key (32 hexadecimal digits), or returns < 0. */
	int (*load)(void *arg, const char *key, struct buf *out);
	void (*save)(void *arg, const char *key, struct str bytes);
	void *arg;
};

struct ips_limits {
	size_t window;       /* bytes of a stream's side that are held for rules over raw data */
	uint64_t depth;      /* bytes of a stream's side that such rules look at; 0: all */
	unsigned steps;      /* of one evaluation of one buffer of a rule */
	unsigned pcre_match; /* PCRE2's match limit */
	unsigned pcre_depth; /* and its depth (heap frames) limit */
	unsigned candidates; /* rules that wait for more at one flow or transaction */
	unsigned table;      /* entries of thresholds, and of host bits: rounded to a power of 2 */
};
extern const struct ips_limits ips_limits_default;

struct ips_set;

/* Takes the rules whatever happens. cache may be NULL. */
int ips_set_new(struct ips_rules *rules, const struct ips_limits *limits,
                const struct ips_cache *cache, struct ips_set **out, struct err *why);
/* ips_parse() and ips_set_new() in one. */
int ips_compile(const struct ips_source *in, const struct ips_limits *limits,
                const struct ips_cache *cache, struct ips_set **out, struct ips_report *report,
                struct err *why);
struct ips_set *ips_set_ref(struct ips_set *s); /* any thread */
void ips_set_unref(struct ips_set *s);          /* NULL allowed */
const struct ips_rules *ips_set_rules(const struct ips_set *s);
size_t ips_set_memory(const struct ips_set *s); /* of the pattern databases */

/* ---- matching ---- */

enum ips_verdict { IPS_NONE, IPS_ALERTED, IPS_VERDICT_DROP, IPS_VERDICT_RESET };

enum ips_where { IPS_AT_PACKET, IPS_AT_STREAM, IPS_AT_TX };

struct ips_alert {
	const struct ips_rule_words *rule;
	enum ips_verdict verdict; /* what is done */
	bool would;               /* something stronger was left out: detect only, or tap */
	enum ips_action wanted;   /* by the rule */
	enum ips_where where;
	enum app_side side;
	enum app_buffer buffer; /* of IPS_AT_TX; APP_BUFFERS: none, or raw data */
	/* Where the first content that was found began, from the start of the buffer, and (raw
	 * data) of the stream; -1: no content. */
	int64_t position, stream_position;
	const struct packet *packet; /* or NULL */
	const struct app_tx *tx;     /* or NULL */
	struct ips_flow *flow;       /* or NULL */
	const char *note;            /* what was found, in words; "": the buffer says it */
};

/* How transactions are looked at; app.h's functions, or a test's. */
struct ips_face {
	bool (*buffer)(const struct app_tx *tx, enum app_buffer b, enum app_side side,
	               unsigned index, struct app_bytes *out);
	enum app_stage (*stage)(const struct app_tx *tx, enum app_side side);
	void **(*state)(struct app_tx *tx);
	bool (*number)(const struct app_tx *tx, enum app_number n, enum app_side side,
	               uint64_t *out);
	const uint8_t *(*dce)(const struct app_tx *tx);
};
extern const struct ips_face ips_face_app; /* app.h's */

/* What may be done with a rule at the moment, by the policy. */
enum ips_leave {
	IPS_AS_SAID,
	IPS_BLOCK, /* alert is reject: the policy says what is done, not the text */
	IPS_DETECT,
	IPS_OFF
};

struct ips_mode {
	bool prevent; /* else everything but pass is an alert */
	bool tap;     /* the same, because packets are only copies */
	/* May be NULL: IPS_AS_SAID. Asked when a rule matched. */
	enum ips_leave (*of)(void *arg, const struct ips_rule_words *rule, const struct packet *p,
	                     struct ips_flow *f);
	void (*alert)(void *arg, const struct ips_alert *a);
	void *arg;
};

struct ips_counts {
	uint64_t packets, stream_bytes, transactions; /* looked at */
	uint64_t candidates;                          /* rules looked at after their pattern hit */
	uint64_t alerts;                              /* told */
	uint64_t limited;                             /* matches that a threshold kept quiet */
	uint64_t steps, pcre_limit, crowded;          /* evaluations given up: limits */
	uint64_t not_inspected;                       /* stream bytes behind the depth, gaps */
};

struct ips;

/* Server ports that the set in force looks at. */
void ips_ports_of(const struct ips *i, struct ips_ports *out);

/* NULL: no memory. The set is referenced. face is borrowed. */
struct ips *ips_new(struct ips_set *s, const struct ips_mode *mode, const struct ips_face *face);
void ips_free(struct ips *i);
/* Another set, another mode; flows follow with their next bytes, transactions when they end. */
int ips_apply(struct ips *i, struct ips_set *s, const struct ips_mode *mode);
const struct ips_counts *ips_counted(const struct ips *i);

struct ips_tuple {
	struct ip client, server;
	uint16_t client_port, server_port;
	uint8_t proto;
	bool midstream; /* its beginning was not seen */
};

/* NULL: no memory. */
struct ips_flow *ips_flow_new(struct ips *i, const struct ips_tuple *t);
/* Frees states of transactions only by ips_tx_ended(): end those first. */
void ips_flow_free(struct ips *i, struct ips_flow *f);
const struct ips_tuple *ips_flow_tuple(const struct ips_flow *f);
void ips_flow_established(struct ips_flow *f);
/* Nothing more of the protocol will be told: encrypted from here on, or not understood. */
void ips_flow_over(struct ips_flow *f);
/* May a rule still match what comes from this side? false: the flow can be left to the kernel. */
bool ips_flow_wants(const struct ips_flow *f, enum app_side side);
/* The rule that dropped or reset it, or NULL; of the flow's set. */
const struct ips_rule_words *ips_flow_stopped_by(const struct ips_flow *f);
/* For the owner: given back as it is. */
void **ips_flow_owner(struct ips_flow *f);

/*
 * One packet, for rules over packets: header conditions, payload of UDP, ICMP and others, and of
 * TCP where the rule says so. f may be NULL (no connection); side: who sent it.
 */
enum ips_verdict ips_packet(struct ips *i, struct ips_flow *f, const struct packet *p,
                            enum app_side side, uint64_t now_ms);
/* Bytes of a TCP stream, in order. p: the packet that completed them, or NULL. */
enum ips_verdict ips_stream(struct ips *i, struct ips_flow *f, enum app_side side,
                            const uint8_t *data, size_t len, const struct packet *p,
                            uint64_t now_ms);
void ips_stream_gap(struct ips *i, struct ips_flow *f, enum app_side side, uint64_t len);
/* From app_sink's calls of the same names; the packet is the one being looked at, or NULL. */
enum ips_verdict ips_app_protocol(struct ips *i, struct ips_flow *f, enum app_protocol p,
                                  const struct packet *at, uint64_t now_ms);
enum ips_verdict ips_tx_progress(struct ips *i, struct ips_flow *f, struct app_tx *tx,
                                 enum app_side side, const struct packet *p, uint64_t now_ms);
enum ips_verdict ips_app_event(struct ips *i, struct ips_flow *f, struct app_tx *tx,
                               enum app_side side, unsigned event, const struct packet *p,
                               uint64_t now_ms);
void ips_tx_ended(struct ips *i, struct app_tx *tx);
