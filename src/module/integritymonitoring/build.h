#pragma once
#include "module/integritymonitoring/integritymonitoring.h"

/* How the readers of the rule language (xml.c, template.c) put rules together. */

enum { IM_SETS_MAX = 20000, IM_RULES_MAX = 20000, IM_TAGS_MAX = 10000, IM_TEXT_MAX = 4096 };

/* A copy of *as in r; 0 or -E2BIG. */
int build_rule(struct im_rules *r, const struct im_rule *as, struct im_rule **out, struct err *why);
/* A new set, with no attributes yet; it stays the last of r until the next one. */
int build_set(struct im_rules *r, const struct im_rule *rule, enum im_class class,
              struct im_set **out, struct err *why);
/* 1, or 0 when this host cannot have such a base: a note says why. */
int build_base(struct im_rules *r, struct im_set *s, struct str text);
int build_tag(struct im_rules *r, struct im_set *s, bool exclude, struct im_tag **out,
              struct err *why);
/* 1, or 0 when it names a variable that is not there: a note says which. */
int build_key(struct im_rules *r, const struct im_set *s, struct im_tag *t, struct str text,
              bool nocase);
/* -EINVAL: the class has no such attribute; 0: nothing on Linux has it (a note); 1. */
int build_feature(struct im_rules *r, const struct im_set *s, struct im_tag *t, struct str name,
                  struct str text, bool nocase);
/* -EINVAL: no such attribute; else its bits are added. */
int build_attribute(struct im_rules *r, struct im_set *s, struct str name);
/* The set is complete (keep), or it is taken away again. */
void build_set_end(struct im_rules *r, struct im_set *s, bool keep);
void build_note(struct im_rules *r, const struct im_rule *rule, enum im_note_kind kind,
                struct str text);
/* Remembers what was added for im_rules_add_source(). */
void build_source(struct im_rules *r, json_t *taken);

int build_severity(struct str text, enum im_severity *out);
