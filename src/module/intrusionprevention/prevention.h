#pragma once
#include "module/intrusionprevention/ips.h"
#include "module/intrusionprevention/section.h"
#include "module/packets.h"

/*
 * Intrusion Prevention in a policy: the rules that are assigned with what the policy says of each
 * (section.c; the manager links it too), the texts of rules that are written by templates
 * (template.c), the module that judges packets (module.c, report.c), and its part for what is said
 * inside TLS (clear.c). The policy's JSON:
 * docs/protocol.md; behaviour for users: docs/intrusion-prevention.md.
 */

enum prevention_state { PREVENTION_OFF, PREVENTION_DETECT, PREVENTION_PREVENT };
enum prevention_severity { IPS_LOW, IPS_MEDIUM, IPS_HIGH, IPS_CRITICAL };
enum { PREVENTION_HOURS = 168 };

struct prevention_ports {
	uint16_t from, to;
};

/* Whose connections a rule looks at. */
struct prevention_type {
	uint64_t id;
	char *name; /* owned */
	bool outgoing;
	bool tcp, udp, icmp;
	struct prevention_ports *ports; /* owned; none: any */
	size_t nports;
};

struct prevention_schedule {
	uint64_t id;
	bool hours[PREVENTION_HOURS]; /* Sunday 00:00 first, the computer's own time */
};

struct prevention_rule {
	uint64_t id; /* the tag of its texts */
	char *name;  /* owned */
	char *cve;   /* owned; joined with commas */
	bool log_only, quiet, packet_data, alert;
	bool each_drop;    /* what is dropped of a connection that it stopped is told as well */
	unsigned priority; /* 0 highest to 4 lowest: the order of looking */
	unsigned places;   /* where it holds, bits of enum fw_place; 0: anywhere */
	enum prevention_severity severity;
	const struct prevention_type *type; /* borrowed from the rules; NULL: any connection */
	const struct prevention_schedule *when;
};

/* The parsed policy section. */
struct rules {
	enum prevention_state state;
	bool tap;
	bool inside_tls;               /* what programs say inside TLS is looked at as well */
	bool first_data;               /* packet data with a rule's first event in a period */
	struct prevention_rule *rules; /* owned, by ID */
	size_t nrules;
	struct prevention_type *types;
	size_t ntypes;
	struct prevention_schedule *schedules;
	size_t nschedules;
	const json_t *contexts;   /* borrowed while the section is parsed */
	struct ips_file *files;   /* owned, with names and texts: nrules */
	char *home_net;           /* owned; "any" */
	struct ips_report report; /* rules that do not load */
	struct ips_rules *parsed; /* owned, until they are compiled */
	/* Owned: a reference that set_drop() gives back; NULL: not compiled yet. */
	struct ips_set *set;
	void (*set_drop)(struct ips_set *s);
	uint32_t fold_life_s, events_per_second;
	uint32_t first_period_s; /* of first_data */
	bool fragments_said;     /* the policy sets the two below */
	uint32_t fragments_max, fragments_timeout_s;
};

const struct prevention_rule *prevention_rule_find(const struct rules *r, uint64_t id);
/* The rules' texts for ips_parse() and ips_compile(); home is the caller's room for a variable. */
struct ips_source prevention_source(const struct rules *r, struct ips_variable *home);
/* Does the type look at this port of a server? */
bool prevention_type_port(const struct prevention_type *t, uint16_t port);
/* Is it one of the schedule's hours? s NULL: any hour is. */
bool prevention_schedule_holds(const struct prevention_schedule *s, uint64_t when_ms,
                               int64_t utc_offset_s);

/*
 * The text that a rule of the API stands for, by its template; empty while nothing is written in it
 * yet. -EINVAL: the sentence names the field.
 */
int prevention_text(const json_t *rule, struct buf *out, struct err *why);
