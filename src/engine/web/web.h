#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/*
 * Attacks on web applications that need no signature. A request is taken apart into values
 * (parameters, cookies, members of JSON, parts of forms), each is decoded as applications decode
 * (percent, also twice, overlong UTF-8, entities), and read the way the language reads it that it
 * would be injected into. What is found has a weight; the sum is the value's score. Pure, no
 * allocation but into the request's own buffers, and those are bounded.
 */

enum web_attack { WEB_SQL, WEB_XSS, WEB_COMMAND, WEB_PATH, WEB_TEMPLATE, WEB_ATTACKS };
const char *web_attack_name(enum web_attack a); /* "sql" */
int web_attack_find(struct str name);           /* or -1 */

enum web_feature {
#define FEATURE(id, attack, name, weight, words) WEB_##id,
#include "engine/web/feature.def"
#undef FEATURE
	WEB_FEATURES
};

struct web_feature_row {
	const char *name, *words;
	enum web_attack attack;
	unsigned weight;
};
extern const struct web_feature_row web_features[WEB_FEATURES];
int web_feature_find(enum web_attack a, struct str name); /* or -1 */

/* How often each was found. */
struct web_found {
	uint8_t times[WEB_FEATURES];
};

/* ---- a request ---- */

enum web_place { WEB_IN_PATH, WEB_IN_QUERY, WEB_IN_BODY, WEB_IN_COOKIE, WEB_IN_HEADER, WEB_PLACES };
const char *web_place_name(enum web_place p); /* "query" */

/* Offsets into the request's buffer, which moves while it grows. */
struct web_value {
	enum web_place place;
	bool headless; /* its beginning is no longer held, nor is its name */
	bool twice;    /* it was percent-encoded more than once */
	bool overlong; /* it hid ASCII in overlong UTF-8 */
	bool plain;    /* no byte in it that any attack needs */
	uint32_t name, nname, text, ntext;
};

enum { WEB_VALUES_MAX = 512, WEB_BYTES_MAX = 256 * 1024 };

struct web_request {
	struct buf bytes; /* names and decoded values */
	struct web_value values[WEB_VALUES_MAX];
	unsigned n;
	uint64_t left_out; /* values over the limits, in all requests */
};

void web_request_clear(struct web_request *r);
void web_request_done(struct web_request *r);
/* As it was sent, with its query. */
void web_request_uri(struct web_request *r, struct str uri);
void web_request_cookies(struct web_request *r, struct str cookies);
/* Lines of "Name: value"; those that applications like to take over are looked at. */
void web_request_headers(struct web_request *r, struct str lines);
/* A body, or the piece of it that is held: from `offset` on. */
void web_request_body(struct web_request *r, struct str content_type, struct str body,
                      uint64_t offset);
struct str web_value_name(const struct web_request *r, const struct web_value *v);
struct str web_value_text(const struct web_request *r, const struct web_value *v);

/* decode.c: what an application makes of a value. Entities and up to three layers of percent
 * signs; plus: '+' is a blank. */
struct web_decoded {
	bool twice, overlong;
};
struct web_decoded web_decode(struct str in, bool plus, struct buf *out);

/* ---- reading it ---- */

/* Adds to found what of the attack is in the value. */
void web_look(enum web_attack a, const struct web_value *v, struct str text,
              struct web_found *found);

/* What a rule says of an attack's scores. */
struct web_word {
	struct str word; /* in lower case */
	unsigned score;
};

struct web_policy {
	enum web_attack attack;
	unsigned weights[WEB_FEATURES]; /* of the attack's own */
	unsigned most;                  /* that one feature or word gives; 0: no limit */
	unsigned distinct;              /* so many different ones are needed */
	const struct web_word *words;   /* own words, whole, in any case */
	size_t nwords;
};
void web_policy_init(struct web_policy *p, enum web_attack a); /* the table's weights */

/* The score of one value. names, if not NULL, gets what was found, with commas. */
unsigned web_score(const struct web_policy *p, const struct web_value *v, struct str text,
                   struct buf *names);
