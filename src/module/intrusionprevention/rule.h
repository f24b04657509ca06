#pragma once
#include "base/arena.h"
#include "base/map.h"
#include "module/intrusionprevention/ips.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* A parsed rule: what the files of this folder share. All memory is the rules' arena's. */

enum {
	IPS_RAW = APP_BUFFERS, /* packet payload, or a stream's bytes */
	IPS_BUFFERS,
	VARS_MAX = 16,       /* byte_extract and byte_math names of one rule */
	TRANSFORMS_MAX = 8,  /* of one buffer */
	LISTS_MAX = 32,      /* buffers of one rule */
	ITEMS_MAX = 255,     /* of one buffer */
	FAST_MAX = 64,       /* bytes of a fast pattern that are looked for first */
	PATTERN_MAX = 65535, /* bytes of a content */
};

/* Maps of numbers keep the number + 1 in the pointer; 0: the key is not there. */
static inline uintptr_t map_number(const struct map *m, struct str key)
{
	const void *v = map_get(m, key);
	return (uintptr_t)v;
}

/* ---- addresses and ports ---- */

/*
 * "[10.0.0.0/8,!10.1.2.3]". A group holds if one of its positive members does (or it has none) and
 * none of its negated ones. Ports are kept as struct ip of version 0, big endian in b.
 */
struct expr {
	enum expr_kind { EXPR_ANY, EXPR_RANGE, EXPR_GROUP } kind;
	bool negated;
	struct ip from, to;
	const struct expr *const *members;
	size_t nmembers;
	size_t nsorted; /* the first members are plain ranges, sorted, apart */
};

bool expr_has(const struct expr *e, const struct ip *value);
struct ip expr_port(uint16_t port);

/* ---- what is looked for in a buffer ---- */

struct number {
	int64_t value;
	int var; /* index of the variable that holds the value, or -1 */
};

enum item_kind {
	ITEM_CONTENT,
	ITEM_PCRE,
	ITEM_DATAAT,
	ITEM_BYTE_TEST,
	ITEM_BYTE_JUMP,
	ITEM_BYTE_EXTRACT,
	ITEM_BYTE_MATH,
	ITEM_SIZE,
	ITEM_BASE64,
	ITEM_DATASET,
	ITEM_FTPBOUNCE,
	ITEM_ENTROPY,
	ITEM_KINDS
};

struct content {
	const uint8_t *bytes; /* lower case if nocase */
	uint32_t n;
	bool nocase, startswith, endswith;
	bool has_offset, has_depth, has_distance, has_within;
	struct number offset, depth, distance, within;
	bool fast, fast_only;
	uint32_t fast_offset, fast_len; /* of the bytes; fast_len 0: all */
};

enum compare {
	COMPARE_EQ,
	COMPARE_NE,
	COMPARE_LT,
	COMPARE_GT,
	COMPARE_LE,
	COMPARE_GE,
	COMPARE_AND, /* any of these bits */
	COMPARE_XOR, /* not these bits alone: byte_test's ^ */
	COMPARE_RANGE,
};

/* byte_test, byte_jump, byte_extract, byte_math: what is read, and what is done with it. */
struct bytes {
	struct number count, offset;
	bool string, little, dce;
	unsigned base; /* of string: 8, 10, 16 */
	uint64_t mask; /* 0: none */
	unsigned mask_shift;
	enum compare op;     /* byte_test */
	struct number value; /* byte_test; byte_math's right side */
	uint64_t multiplier;
	unsigned align;
	enum { FROM_HERE, FROM_BEGIN, FROM_END } from;
	struct number post_offset;
	char oper; /* byte_math: + - * / < > */
	int var;   /* what byte_extract and byte_math fill */
};

struct size_test {
	enum compare op;
	uint64_t a, b;
};

struct entropy {
	uint32_t bytes, offset; /* bytes 0: all there are */
	enum compare op;
	uint64_t value; /* thousandths of a bit a byte */
};

struct base64 {
	uint32_t bytes, offset;    /* bytes 0: all */
	const struct list *inside; /* what base64_data looks for, or NULL */
};

/* entropy.c: in thousandths of a bit a byte; and whether a test of it holds, false if too few bytes
 * are there. */
uint64_t entropy_of(const uint8_t *p, size_t n);
bool entropy_holds(const struct entropy *e, const uint8_t *p, size_t n);

struct dataset {
	const char *name;
	const struct map *values; /* of the rules; NULL: no such set was given */
	enum { DATASET_STRING, DATASET_MD5, DATASET_SHA256, DATASET_IP } type;
	bool reputation; /* datarep: the value is a number that is compared */
	enum compare op;
	uint64_t value;
};

struct item {
	enum item_kind kind;
	bool negated;
	bool relative;      /* to where the one before ended */
	bool next_relative; /* the one behind is: so another place for this one may help */
	union {
		struct content content;
		struct {
			pcre2_code *code; /* the rules' */
			bool end;         /* may depend on where the buffer ends */
		} pcre;
		struct number dataat;
		struct bytes bytes;
		struct size_test size;
		struct entropy entropy;
		struct base64 base64;
		struct dataset dataset;
	};
};

enum transform_kind {
	TRANSFORM_DOTPREFIX,
	TRANSFORM_TO_LOWERCASE,
	TRANSFORM_TO_UPPERCASE,
	TRANSFORM_STRIP_WHITESPACE,
	TRANSFORM_COMPRESS_WHITESPACE,
	TRANSFORM_URL_DECODE,
	TRANSFORM_TO_MD5,
	TRANSFORM_TO_SHA1,
	TRANSFORM_TO_SHA256,
	TRANSFORM_XOR,
	TRANSFORM_PCREXFORM,
	TRANSFORM_HEADER_LOWERCASE,
	TRANSFORM_STRIP_PSEUDO_HEADERS,
	TRANSFORM_KINDS
};

struct transform {
	enum transform_kind kind;
	const uint8_t *key; /* xor */
	size_t nkey;
	pcre2_code *code; /* pcrexform */
	const char *text; /* its argument, for comparison */
};

/* One buffer of a rule, and what is looked for in it, in order. */
struct list {
	int buffer; /* enum app_buffer, IPS_RAW */
	struct transform transforms[TRANSFORMS_MAX];
	unsigned ntransforms;
	struct item *items;
	unsigned nitems;
	bool needs_whole;    /* cannot be answered before the buffer has ended */
	bool client, server; /* whose buffer */
};

/* ---- conditions on packets, flows and numbers ---- */

struct look; /* match.h */

struct condition {
	bool (*test)(const struct condition *c, const struct look *l);
	bool negated;
	enum compare op;
	uint64_t a, b;
	const void *more;
};

enum bit_deed { BIT_SET, BIT_UNSET, BIT_TOGGLE, BIT_ISSET, BIT_ISNOTSET };
enum bit_track { TRACK_NONE, TRACK_SRC, TRACK_DST, TRACK_PAIR, TRACK_RULE, TRACK_BOTH };

/* flowbits, xbits and flowint. */
struct bit {
	enum bit_deed deed;
	unsigned ids[8]; /* any of these */
	unsigned nids;
	enum bit_track track; /* xbits; TRACK_NONE: flowbits */
	uint32_t expire_s;
};

enum int_deed { INT_SET, INT_ADD, INT_SUB, INT_ISSET, INT_NOTSET, INT_COMPARE };

struct flowint {
	enum int_deed deed;
	enum compare op;
	unsigned id;
	uint32_t value;
	int other; /* another one's value, or -1 */
};

struct threshold {
	enum threshold_kind {
		THRESHOLD_NONE,
		THRESHOLD_LIMIT,
		THRESHOLD_THRESHOLD,
		THRESHOLD_BOTH,
		THRESHOLD_FILTER, /* detection_filter */
	} kind;
	enum bit_track track;
	uint32_t count, seconds;
};

enum flow_want {
	FLOW_ESTABLISHED_ONLY = 1,
	FLOW_NOT_ESTABLISHED = 2,
	FLOW_TO_SERVER = 4,
	FLOW_TO_CLIENT = 8,
	FLOW_ONLY_STREAM = 16,
	FLOW_NO_STREAM = 32,
	FLOW_STATELESS = 64,
};

enum rule_proto { RULE_TCP = 1, RULE_UDP = 2, RULE_ICMP = 4, RULE_IP = 8 /* any at all */ };

struct rule {
	struct ips_rule_words words;
	uint32_t index; /* place in the rules: the order of evaluation */
	unsigned protos;
	bool v4, v6;           /* tcp4, udp6 ...: both false: any */
	bool packet, stream;   /* tcp-pkt, tcp-stream */
	enum app_protocol app; /* APP_UNKNOWN: any */
	const struct expr *src, *dst, *sport, *dport;
	bool both_ways;
	unsigned flow;   /* enum flow_want */
	bool app_stated; /* by app-layer-protocol */

	struct list *lists;
	unsigned nlists;
	struct condition *conditions;
	unsigned nconditions;
	bool packet_conditions; /* one of them needs a packet */
	struct bit *bits;
	unsigned nbits;
	struct flowint *ints;
	unsigned nints;
	struct threshold threshold, filter;
	bool noalert;
	int event;                /* app-layer-event: enum app_event, or -1 */
	int fast_list, fast_item; /* the fast pattern; -1: none */

	/* Where it is evaluated; several may be set for rules over raw data. */
	bool at_packet, at_stream, at_tx;
	bool header_only; /* the first packet of each side says it all */
	bool at_piece;    /* of at_stream: each piece counts as a start as well */
};

struct ips_rules {
	struct arena arena;
	struct rule **rules; /* owned array; rules are the arena's */
	size_t n, cap;
	struct map variables; /* name to text */
	struct map addresses; /* variables to struct expr */
	struct map ports;
	struct map flowbits; /* name to number + 1 */
	struct map ints;     /* the same of flowints */
	struct map datasets; /* name to struct map of values */
	unsigned nflowbits, nints;
	pcre2_code **codes; /* owned: all that were compiled */
	size_t ncodes, codes_cap;
};
