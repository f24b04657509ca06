#pragma once
#include "module/integritymonitoring/integritymonitoring.h"

struct event;
struct event_class;
struct section;

/* Integrity Monitoring's rows in the tables of all modules. */
extern const struct section integritymonitoring_section;
extern const struct event_class event_class_integritymonitoring;

/* The event that tells of a change; root: of the baseline that it is a change against, so that the
 * same change told twice is one event. */
void im_change_event(const struct im_change *c, struct str root, struct event *out);
/* The one event that tells of a group of changes. */
struct im_group;
void im_group_event(const struct im_group *g, struct str root, struct event *out);
