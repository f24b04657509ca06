#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * The process `bench`: engines of the agent that a manager runs on what people paste or upload.
 * It has no files, no network and no database; who takes it over has nothing. An order is
 * {"engine":NAME,"input":{...}}; what takes longer than BENCH_SECONDS ends the process, and the
 * core tells whoever waits.
 */
enum { BENCH_SECONDS = 10, BENCH_ORDER_MAX = 64 << 20 };

/* A row of engines.c: pure, input to result, or a sentence that names the field at fault. */
struct bench_engine {
	const char *name;
	int (*run)(const json_t *input, json_t **out, struct err *why);
};
extern const struct bench_engine bench_engines[]; /* {0} last */

/* Runs an order: 0 and the result, or -errno. */
int bench_run(struct str order, json_t **out, struct err *why);

/* Would this packet pass, and which rule decides (firewall.c). */
int bench_firewall(const json_t *input, json_t **out, struct err *why);
/* Lines through a policy's rules: decoder, fields, rule, and the path of rules tried
 * (inspection.c).
 */
int bench_inspection(const json_t *input, json_t **out, struct err *why);
/* What a policy's rules come to: decoders, rules, and what is wrong with them. */
int bench_inspection_set(const json_t *input, json_t **out, struct err *why);
/* Would a rule of the API load. */
int bench_inspection_rule(const json_t *input, json_t **out, struct err *why);
/* What do rules find in a capture (prevention.c). */
int bench_prevention(const json_t *input, json_t **out, struct err *why);
/* The same of every packet of a capture (capture.c). */
int bench_capture(const json_t *input, json_t **out, struct err *why);
