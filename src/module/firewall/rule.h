#pragma once
#include "module/firewall/firewall.h"

/* What the files of the module share among themselves. */

/*
 * in: a FirewallRule of the API. policy: the section, where lists, schedules and contexts are found
 * by ID; NULL: references are only checked for being IDs. out is overwritten; fw_rule_done() frees
 * it.
 */
int fw_rule_parse(struct fw_rule *out, const json_t *in, const json_t *policy, struct err *why);
void fw_rule_done(struct fw_rule *r);
/* Priority, action, hidden first, ID. */
int fw_rule_cmp(const void *a, const void *b);

/* The object of an array with this ID, or NULL. */
const json_t *object_by_id(const json_t *policy, const char *array, uint64_t id);
/* A word of a table to its place; -EINVAL names the field. Absent: otherwise. */
int take_word(const json_t *in, const char *field, const char *const *words, size_t n,
              unsigned otherwise, unsigned *out, struct err *why);
int take_number(const json_t *in, const char *field, uint64_t max, uint64_t otherwise,
                uint64_t *out, struct err *why);

/* settings.c */
int fw_settings_parse(struct rules *r, const json_t *policy, struct err *why);

/* ---- compile*.c ---- */

enum { CHAIN_IN = PACKET_IN, CHAIN_OUT = PACKET_OUT };

struct compiler {
	const struct rules *r;
	const struct fw_target *t;
	json_t *list; /* the commands so far */
};

/* Takes expr (an array of statements). note: the rule's comment, or NULL. */
void nft_rule(struct compiler *c, const char *family, const char *chain, json_t *expr,
              const char *note);
/* Takes left and right; op "==", "!=", "<", ">", "in". */
json_t *nft_match(const char *op, json_t *left, json_t *right);
json_t *nft_payload(const char *protocol, const char *field);
json_t *nft_raw(const char *base, unsigned offset, unsigned bits);
json_t *nft_meta(const char *key);
json_t *nft_ct(const char *key);
json_t *nft_and(json_t *left, uint32_t mask);
json_t *nft_verdict(const char *word);                         /* accept, drop */
json_t *nft_to(const char *how, const char *chain);            /* goto, jump */
json_t *nft_log(const struct compiler *c, const char *prefix); /* NULL: no group */
/* iifname or oifname is one of the existing interfaces of these types; NULL: there is none. */
json_t *nft_interfaces(const struct compiler *c, enum packet_direction d, const uint64_t *types,
                       size_t n);
/* Ends expr with what is done about a reason: logs as told, then drops or, in tap mode, accepts. */
void nft_refuse(const struct compiler *c, json_t *expr, const char *what, unsigned long long id,
                bool log);

bool fw_frame_matches(const struct fw_rule *r, uint16_t frame);
/* Conditions of a rule for packets of a version (4, 6; 0: both alike); NULL: never. */
json_t *compile_matches(const struct compiler *c, const struct fw_rule *r, unsigned version);
bool compile_by_version(const struct fw_rule *r);
void compile_state(struct compiler *c, enum packet_direction d, bool forced);
void compile_early(struct compiler *c);
/* May the kernel itself mark a connection as settled once its packets pass? */
bool compile_may_settle(const struct compiler *c, enum packet_direction d);
