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
