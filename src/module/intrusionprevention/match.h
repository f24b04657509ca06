#pragma once
#include "engine/web/web.h"
#include "module/intrusionprevention/rule.h"

/* What the files that match share. */

/* Answers to "is it in this buffer": WAIT while bytes that are still to come decide. */
enum found { FOUND_NO, FOUND_WAIT, FOUND_YES };

struct ips_side {
	uint8_t *held; /* owned: the newest bytes of the stream */
	uint32_t nheld, cap;
	uint64_t end;     /* bytes of the stream so far */
	uint64_t floor;   /* matches must end behind it: what an older set saw */
	uint64_t scanned; /* patterns were looked for up to here */
	bool wants;       /* rules may match */
};

/* A rule whose fast pattern was found, and how far it has come. */
struct candidate {
	uint32_t rule;
	uint32_t matched;                  /* lists, a bit each */
	uint64_t until;                    /* of a stream: how far its pattern is held */
	uint64_t from;                     /* of a stream: behind the match before */
	int64_t position, stream_position; /* of the first content found; -1 */
	int16_t buffer;                    /* that position is of */
	uint8_t side;
	bool dead, complete;
	uint64_t scored; /* of a request's body, + 1; 0: nothing, UINT64_MAX: all */
};

struct candidates {
	struct candidate *list; /* owned; by rule */
	unsigned n, cap;
};

struct ips_flow {
	struct ips_set *set; /* referenced */
	struct ips_tuple tuple;
	enum app_protocol app;
	bool established, passed;
	bool over;           /* no transaction comes any more */
	uint32_t stopped_by; /* index of a rule of the set, + 1; 0: none */
	struct ips_side sides[APP_SIDES];
	struct candidates waiting[APP_SIDES]; /* for more of the stream */
	uint64_t *bits;              /* owned; flowbits of the set's names; NULL: none was set */
	uint32_t *ints;              /* owned; flowints + 1, 0: not set */
	uint32_t packets[APP_SIDES]; /* 2 is many */
	void *owner;
};

struct scratch;

/* What a rule is looked at with. */
struct look {
	struct ips *ips;
	const struct ips_face *face;
	struct ips_flow *flow;       /* or NULL */
	const struct packet *packet; /* or NULL */
	const struct app_tx *tx;     /* or NULL */
	enum app_side side;
	uint64_t now_ms;
	bool stale;       /* the rule's set is no longer the flow's: its bits are not the flow's */
	int event;        /* being told, or -1 */
	uint64_t *scored; /* the candidate's, or NULL */
	struct scratch *scratch; /* with it */
	enum ips_where where;
};

/* Bytes of a buffer. */
struct view {
	const uint8_t *p;
	size_t n;
	uint64_t base; /* bytes before p[0] that are no longer held */
	bool whole;    /* nothing will be added */
	bool stream;   /* raw: what is there is all that a rule without a bound can wait for */
};

/* Scratch of evaluations: one a thread. */
struct scratch {
	pcre2_match_data *match;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	struct buf transformed[2];
	uint8_t decoded[4096];
	unsigned steps;          /* limit */
	const struct ip *client; /* of the connection, or NULL */
	uint64_t gave_up, pcre_limit;
	struct web_request *request;     /* owned: the one being scored, or NULL */
	const struct app_tx *request_is; /* whose it is in this step, or NULL */
	bool log_only;                   /* what fires is to be told, no more */
	char note[160];                  /* and what is to be told of it; "": nothing */
};

int scratch_init(struct scratch *s, const struct ips_limits *limits);
void scratch_done(struct scratch *s);

struct hit {
	int64_t position; /* where the first positive content began, of the buffer; -1 */
	uint64_t end;     /* behind the furthest that was found, of the buffer */
};

/* inspect.c: is all of the list in the view? */
enum found inspect(struct scratch *s, const struct list *l, const struct view *v, struct hit *hit);
/* Where a content is in n bytes, or NULL. */
const uint8_t *content_find(const struct content *c, const uint8_t *p, size_t n);
bool compare_holds(enum compare op, uint64_t value, uint64_t a, uint64_t b);
/* inspect_bytes.c */
struct walk {
	struct scratch *s;
	const struct view *view;
	uint64_t vars[VARS_MAX];
	unsigned steps;
	int64_t first; /* hit.position */
	uint64_t end;
};
int64_t number_of(const struct walk *w, const struct number *n);
/* Where the next item begins; FOUND_NO, or FOUND_WAIT when bytes are still to come. */
enum found inspect_bytes(struct walk *w, const struct item *i, size_t pos, size_t *next);
enum found inspect_base64(struct walk *w, const struct item *i, size_t pos);
enum found inspect_dataset(struct walk *w, const struct item *i);
enum found inspect_ftpbounce(struct walk *w, size_t pos);
/* *v becomes what the transforms make of it. */
void transform(struct scratch *s, const struct list *l, struct view *v);
bool transforms_same(const struct list *a, const struct list *b);

/* condition.c */
bool condition_holds(const struct rule *r, const struct look *l);
/* Does it look at the server's side of a connection? */
bool condition_hears_answers(const struct condition *c);
