#pragma once
#include "base/buf.h"
#include "engine/flow.h"
#include "engine/packet.h"
#include "engine/reassembly.h"
#include "module/firewall/section.h"
#include "module/module.h"
#include "module/packets.h"

/*
 * Firewall: what a policy says (section.c, rule.c, list.c), which rule decides a packet, one by one
 * and in plain code (evaluate.c: the reference), state and reconnaissance (decide.c, recon.c), its
 * events (note.c, events.c), and the nftables ruleset that decides the same in the kernel
 * (compile.c; model.c evaluates that ruleset). The policy's JSON: docs/protocol.md; behaviour for
 * users: docs/firewall.md.
 */

extern const struct module firewall_module;
extern const struct packet_row firewall_packets;

enum fw_action { FW_BYPASS, FW_LOG_ONLY, FW_FORCE_ALLOW, FW_DENY, FW_ALLOW, FW_ACTIONS };

const char *fw_action_word(enum fw_action a); /* "bypass" */
const char *fw_action_name(enum fw_action a); /* "Bypass" */

/* ---- lists ---- */

struct ip_range {
	struct ip from, to; /* of one version */
};

/* Sorted, merged. {0} is empty. */
struct ip_list {
	struct ip_range *ranges; /* owned */
	size_t n;
};

struct port_list {
	struct port_range {
		uint16_t from, to;
	} * ranges; /* owned; sorted, merged */
	size_t n;
};

struct mac_list {
	uint8_t (*macs)[6]; /* owned; sorted */
	size_t n;
};

/* items: an array of texts in the grammar of the API's lists; comments behind '#' are dropped. */
int ip_list_parse(struct ip_list *l, const json_t *items, struct err *why);
int port_list_parse(struct port_list *l, const json_t *items, struct err *why);
/* "00:0c:29:aa:bb:cc", "00-0C-29-AA-BB-CC", "000c29aabbcc", "000c.29aa.bbcc"; -EINVAL. */
int mac_parse(struct str s, uint8_t out[static 6]);
int mac_list_parse(struct mac_list *l, const json_t *items, struct err *why);
void ip_list_done(struct ip_list *l);
void port_list_done(struct port_list *l);
void mac_list_done(struct mac_list *l);
bool ip_list_has(const struct ip_list *l, const struct ip *ip);
bool port_list_has(const struct port_list *l, uint16_t port);
bool mac_list_has(const struct mac_list *l, const uint8_t mac[static 6]);

/* ---- rules ---- */

/* A match that a rule makes on one side. any: always true, whatever `not` says. */
struct ip_match {
	bool any, not ;
	struct ip_list list;
};
struct port_match {
	bool any, not ;
	struct port_list list;
};
struct mac_match {
	bool any, not ;
	struct mac_list list;
};

enum fw_frame { FRAME_ANY, FRAME_IP, FRAME_ARP, FRAME_REVARP, FRAME_IPV4, FRAME_IPV6, FRAME_OTHER };

enum { FW_PROTO_ANY = 256, FW_PROTO_TCP_UDP = 257, FW_ICMP_ANY = 256, SCHEDULE_HOURS = 168 };

enum fw_hidden { HIDDEN_NO, HIDDEN_MANAGER, HIDDEN_DHCP, HIDDEN_DNS, HIDDEN_PMTU };

struct fw_rule {
	uint64_t id; /* 0: hidden */
	enum fw_hidden hidden;
	char *name; /* owned */
	enum fw_action action;
	unsigned priority;
	enum packet_direction direction;
	enum fw_frame frame;
	uint16_t frame_number; /* FRAME_OTHER */
	bool frame_not;
	unsigned proto; /* 0-255, FW_PROTO_ANY, FW_PROTO_TCP_UDP */
	bool proto_not;
	struct ip_match src, dst;
	struct mac_match src_mac, dst_mac;
	struct port_match sport, dport;
	bool any_flags, flags_not;
	uint8_t flags;                 /* of the six classic flags exactly these are set */
	unsigned icmp_type, icmp_code; /* FW_ICMP_ANY */
	bool icmp_not;
	bool quiet, packet_data, alert;
	uint64_t schedule, context;     /* IDs, 0: none */
	const struct fw_schedule *when; /* borrowed from the rules */
	const struct fw_context *where;
	uint64_t *interface_types; /* owned; none: all */
	size_t ninterface_types;
};

struct fw_schedule {
	uint64_t id;
	char *name;                 /* owned */
	bool hours[SCHEDULE_HOURS]; /* Sunday 00:00 first, the computer's own time */
};

/* What the agent found out about its connections. */
struct fw_context {
	uint64_t id;
	char *name;      /* owned */
	unsigned places; /* enum fw_place bits: any of these */
	/* Also on interfaces that isolation restricts; without any place: only there. */
	bool restricted;
};

struct fw_interface_type {
	uint64_t id;
	char *name;      /* owned */
	char **patterns; /* owned; fnmatch(3) */
	size_t npatterns;
};

struct fw_stateful {
	uint64_t id;
	char *name; /* owned */
	struct flow_rules rules;
};

/* Reconnaissance: behaviour 3.7. */
enum recon { RECON_FINGERPRINT, RECON_SCAN, RECON_NULL, RECON_SYN_FIN, RECON_XMAS, RECON_KINDS };

struct recon_rules {
	bool on;
	bool detect[RECON_KINDS], notify[RECON_KINDS];
	uint32_t block_min[RECON_KINDS]; /* 0: the source is not blocked */
	struct ip_list exclude, include; /* sources left out; destinations watched, empty: all */
};

/* The parsed policy section. */
struct rules {
	bool on;
	bool tap;
	struct fw_rule *rules; /* owned, in evaluation order: evaluate.c */
	size_t nrules;
	struct fw_schedule *schedules;
	size_t nschedules;
	struct fw_context *contexts;
	size_t ncontexts;
	struct fw_interface_type *types;
	size_t ntypes;
	struct fw_stateful *stateful;
	size_t nstateful;
	uint64_t global_stateful; /* its ID, 0: none */
	struct fw_assignment {
		uint64_t interface_type, stateful;
	} * assignments;
	size_t nassignments;
	struct flow_limits limits;
	struct packet_checks checks;
	struct reassembly_limits fragments;
	struct recon_rules recon;
	uint32_t events_per_second, fold_entries, fold_life_s, fold_stale_s;
	uint32_t packet_data_max;
	bool log_all_data, log_one_per_period, out_of_allowed_events;
	uint32_t log_period_s;
	bool connection_events[3]; /* TCP, UDP, ICMP */
	unsigned ignore_reasons[3];
	struct ip_list ignore_sources;
	bool fail_open_engine, fail_open_sanity;
	bool forward; /* traffic of containers and virtual machines too */
	bool silent_drop;
	bool isolation, one_interface;
	uint32_t ack_gap_s; /* least time between answers to ACKs outside the window */
	uint32_t syn_flood; /* new connections a second, above which SYNs are proxied; 0: never */
	char **interface_patterns; /* owned */
	size_t npatterns;
};

/* The same policy's network engine without any rule, state or reconnaissance: what the ruleset is
 * made from while the Firewall is off and another module wants to see packets. */
int firewall_engine_only(const json_t *section, struct rules **out, struct err *why);
/* Connections are counted in one place: all questions have to go to one process. */
bool firewall_counts_connections(const struct rules *r);

/* Checks for one object as the API gives it, before it is stored; the sentence names the field. */
int firewall_check_rule(const json_t *rule, struct err *why);
int firewall_check_stateful(const json_t *config, struct err *why);
int firewall_check_list(const char *kind, const json_t *items, struct err *why); /* ip, port, mac */

/* ---- which rule decides ---- */

/* What holds at the moment, besides the packet. */
struct fw_now {
	unsigned hour;   /* of the week, local time: 0 is Sunday 00:00 */
	unsigned places; /* enum fw_place bits */
};

unsigned fw_hour(uint64_t when_ms, int64_t utc_offset_s);

enum fw_verdict { FW_PASS, FW_PASS_FORCED, FW_PASS_BYPASS, FW_DROP };

struct fw_decision {
	enum fw_verdict verdict;
	const struct fw_rule
		*rule;             /* that decides; NULL: none (passes, or out of allowed policy) */
	const struct fw_rule *log; /* a Log Only rule that matched and may speak; or NULL */
	enum reason reason;        /* REASON_OUT_OF_ALLOWED, or none */
};

/* The rules of behaviour 3.1 one by one, in plain code: nothing but the truth. */
struct fw_decision fw_evaluate(const struct rules *r, const struct packet *p,
                               const struct fw_now *now);
bool fw_rule_matches(const struct rules *r, const struct fw_rule *rule, const struct packet *p,
                     const struct fw_now *now);
/* Does a rule apply now (schedule, context)? */
bool fw_rule_applies(const struct fw_rule *rule, const struct fw_now *now);
/* Does it let traffic through on interfaces that isolation restricts? */
bool fw_rule_opens_restricted(const struct fw_rule *rule, const struct fw_now *now);
const struct flow_rules *fw_stateful_of(const struct rules *r, const char *ifname);

/* ---- the engine: a sight to a verdict and events ---- */

struct firewall;

struct fw_outcome {
	bool drop;    /* already false in tap mode */
	bool would;   /* dropped, or would be in tap mode */
	bool settled; /* nothing more about this connection is to be asked: it may be marked */
	enum fw_verdict verdict;
	const struct fw_rule *rule;
	enum reason reason; /* why, when no rule did it */
	const char *note;
	enum flow_state state;
	enum recon recon;
	bool recon_found; /* recon was just noticed for the packet's source */
};

/* Memory is taken here, once: `flows` connections (0: 65536). */
struct firewall *firewall_new(struct host *h, uint32_t flows, const uint64_t key[static 2],
                              uint64_t now_ms);
void firewall_free(struct firewall *f);
/* rules stay valid until the next apply; connections, counters and sources are kept. */
int firewall_apply(struct firewall *f, const struct rules *r, uint64_t now_ms);
/* The computer's time zone and what is known of its connections. */
void firewall_place(struct firewall *f, int64_t utc_offset_s, unsigned places);
/* The kernel asks only what it cannot decide and counts the hits of rules by itself: connections
 * that stand are not followed closely. */
void firewall_offload(struct firewall *f, bool offload);
/* shown: whatever is new or wrong comes by firewall_told(), here or in another process;
 * firewall_judge() then looks for no reconnaissance. */
void firewall_shown(struct firewall *f, bool shown);
/*
 * Judges one decoded packet: rules, state, reconnaissance. why: what packet_decode() said of it.
 * Fragments are put together inside. Allocates nothing.
 */
struct fw_outcome firewall_judge(struct firewall *f, const struct packet *p, enum reason why);
/*
 * A packet that the kernel decided already and shows (nflog): the event of this rule (0: none,
 * then reason), and reconnaissance. dropped: it was.
 */
void firewall_told(struct firewall *f, const struct packet *p, uint64_t rule, enum reason reason,
                   bool dropped);
/* Every second or so: ends what timed out, gives folded events to the host. */
void firewall_tick(struct firewall *f, uint64_t now_ms);
void firewall_flush(struct firewall *f); /* all events, now */
/* How often a rule decided; the agent adds the kernel's counters to it. */
uint64_t firewall_hits(const struct firewall *f, uint64_t rule);
void firewall_add_hits(struct firewall *f, uint64_t rule, uint64_t n);
/* Sources to be blocked since the last call: 0 no more. */
bool firewall_next_block(struct firewall *f, struct ip *source, uint32_t *seconds);
json_t *firewall_report(const struct firewall *f); /* new reference */

/* The engine behind the module's face, for processes that hold an instance. */
struct firewall *firewall_of(struct instance *i);

/* ---- the kernel's ruleset ---- */

/* What the agent knows of the machine that it compiles for. */
struct fw_target {
	struct fw_now now; /* schedules and contexts: compile again when the hour turns */
	const char *const *interfaces; /* names that exist, NULL last; for interface types */
	const char *const *active;     /* of these the ones that are up; NULL: all */
	unsigned log_group; /* nflog group for what the kernel decides with an event; 0: ask */
	/*
	 * Six bits of the conntrack mark from this one on (at most 26) say in which generation
	 * (1 to 7, another at each load) a connection's two directions were settled; 0: no marks.
	 */
	unsigned mark_shift, generation;
	/* Bits of the packet mark: a verdict sets the first when the answer is `settled`, the
	 * second when the connection is to be reset; 0: never. */
	uint32_t settle_mark, reset_mark;
	/* What other modules want to see of the packets that pass; borrowed. */
	const struct packet_want *wants;
	size_t nwants;
};

/*
 * A whole `nft -j` document that renews our own table in one transaction. What is in the chain
 * `ask`, filled by the agent, and in the sets blocked4 and blocked6 stays. docs/firewall.md.
 */
int firewall_compile(const struct rules *r, const struct fw_target *t, struct buf *out,
                     struct err *why);

/* What the ruleset does with a packet, by a model that reads the JSON and knows no rules. */
enum model_verdict { MODEL_ACCEPT, MODEL_DROP, MODEL_ASK };

struct model_packet {
	const struct packet *packet; /* its direction chooses the chain */
	const char *ct;              /* "new", "established", "related", "invalid", "untracked" */
	bool reply;                  /* goes against its connection's direction */
	uint32_t ct_mark;
};

struct model_answer {
	enum model_verdict verdict;
	uint32_t ct_mark; /* afterwards */
	unsigned nlogs;
	struct {
		char prefix[32];
	} logs[4];
};

struct fw_model;

int fw_model_new(struct fw_model **out, struct str json, struct err *why);
void fw_model_free(struct fw_model *m);
/* 0, or -EINVAL: the ruleset uses what the model does not know. */
int fw_model_run(const struct fw_model *m, const struct model_packet *p, struct model_answer *out);
