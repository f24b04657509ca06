#pragma once
#include "module/integritymonitoring/integritymonitoring.h"

/* The entities that are no paths: users, groups, packages, services, processes, ports. */
struct others;

struct others *others_new(void);
void others_free(struct others *o);
/* Reads those classes that the rules have sets of. */
void others_gather(struct others *o, const struct im_rules *r);
void others_gather_class(struct others *o, const struct im_rules *r, enum im_class class);
/* 1: the next in im_order() that is wanted (borrowed), 0: the end. */
int others_next(struct others *o, struct im_entity *out, uint32_t *wanted);
/* What this host should tell of the class could not be read: nothing is known of it. */
int others_error(const struct others *o, enum im_class class); /* 0, or -errno: why not */
bool others_unread(const struct others *o, enum im_class class);
