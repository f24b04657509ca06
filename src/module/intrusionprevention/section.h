#pragma once
#include <jansson.h>

#include "base/err.h"

struct event_class;
struct packet_row;
struct plaintext_row;
struct section;

/* Intrusion Prevention's rows in the tables of all modules. */
extern const struct section intrusionprevention_section;
extern const struct event_class event_class_intrusionprevention;
/* Of the engine's library: module.c, clear.c. */
extern const struct packet_row prevention_packets;
extern const struct plaintext_row prevention_plaintext;

/* Checks for one object as the API gives it, before it is stored; the sentence names the field. */
int prevention_check_rule(const json_t *rule, struct err *why);
int prevention_check_type(const json_t *type, struct err *why);
