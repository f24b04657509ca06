#pragma once

struct event_class;
struct section;

/* The Firewall's rows in the tables of all modules. */
extern const struct section firewall_section;
extern const struct event_class event_class_firewall;
