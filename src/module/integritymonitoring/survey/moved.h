#pragma once
#include "module/integritymonitoring/integritymonitoring.h"

/*
 * Files that went and files that came, until it is known which of them are the same under another
 * name. Bounded: when there are too many, those that are here are told as gone and come.
 */
struct moved;

struct moved *moved_new(void (*tell)(void *arg, const struct im_entity *was,
                                     const struct im_entity *is),
                        void *arg);
void moved_free(struct moved *m);
/* One of was and is: true when it is taken care of, false: it is nothing that can be renamed. */
bool moved_put(struct moved *m, const struct im_entity *was, const struct im_entity *is);
void moved_rest(struct moved *m); /* tells of all that found no other half */
