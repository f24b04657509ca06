#pragma once
#include "manager/api/app.h"
#include "model/setting.h"

/*
 * Policies are a tree; a computer hangs below the policy it was given. Each stores only what it
 * overrides: members of "settings", of its modules' objects ("antiMalware", ...) and of "rules"
 * (overridden properties of rules, by collection and ID). What is in force is looked up from the
 * object towards the root, and then in the defaults of policies.
 */

enum { DEPTH_MAX = 50, BASE_POLICY = 1 };

/* ---- policy_chain.c ---- */

/* From the object itself to the root. */
struct chain {
	struct app *app;
	const char *kind; /* of the object itself: "computers" or "policies" */
	json_t *level[DEPTH_MAX];
	int64_t id[DEPTH_MAX];
	size_t n;
	json_t *defaults;
};

void chain_of(struct app *a, struct chain *ch, const char *kind, int64_t id, const json_t *object);
void chain_done(struct chain *ch);
/* A module's member that a level sets itself, or NULL; borrowed. */
json_t *chain_own(const struct chain *ch, size_t level, const char *module, const char *key);
/* The nearest level's, or NULL; borrowed. */
json_t *chain_member(const struct chain *ch, const char *module, const char *key);
/* What a level sets itself, or NULL; borrowed. */
const char *chain_own_setting(const struct chain *ch, size_t level, const struct setting *s);
char *chain_setting(const struct chain *ch, const struct setting *s); /* on the heap */
/* IDs in lists of all levels, each once, nearest first. */
json_t *chain_ids(const struct chain *ch, const char *module, const char *key);
/* The application types of rules, each once. */
json_t *types_of_rules(struct app *a, const json_t *ids);
/* Which level says what: [{"type","ID","name",KEY:what says() gives}], nearest first. */
json_t *chain_told(const struct chain *ch, const char *key,
                   json_t *(*says)(const struct chain *ch, size_t level, const void *of),
                   const void *of);
/* Objects that many look up, kept until the request ends: a new reference, or NULL. */
/* A computer is shown with nothing but its own members and its agent's (expand=none). */
bool computer_is_plain(const struct request *rq);
json_t *object_cached(struct app *a, const char *kind, int64_t id);
/* The document of the default settings (1) or the system's (2): a new reference, never NULL. */
enum settings_document { SETTINGS_DEFAULT = 1, SETTINGS_SYSTEM = 2 };
json_t *settings_document(struct app *a, enum settings_document which);
json_t *member_of(json_t *o, const char *key); /* the object there, made when there is none */
void drop_empty(json_t *o);                    /* members that are objects without members */

/* ---- policy_settings.c ---- */

/* {"name":{"value":...}} into own, {"name":"text"}; names that are not known are ignored. */
int settings_take(struct call *c, enum setting_scope scope, const json_t *in, json_t *own);
/* As they are shown; own: only what the object sets itself. */
json_t *settings_shown(const struct chain *ch, bool own);
/* A value as it may be seen: secrets stay secret. */
const char *setting_seen(const struct setting *s, const char *value);

/* ---- policy_modules.c ---- */

/* A module's object in policies and computers: a row. */
struct policy_module {
	const char *key;            /* in objects: "integrityMonitoring" */
	const char *path;           /* in paths, and of its section: "integritymonitoring" */
	const char *states;         /* "on|off" */
	const char *state_setting;  /* its state where no policy says */
	const char *rules;          /* the collection of its rules, or NULL */
	const struct field *fields; /* more members, in the order of the wire; NULL */
	/* May be NULL: members that no table describes. */
	int (*take)(struct call *c, const char *kind, const json_t *in, json_t *own);
	void (*show)(const struct chain *ch, bool own, json_t *o);
	void (*show_last)(const struct chain *ch, bool own, json_t *o); /* behind the fields */
};

extern const struct policy_module policy_modules[]; /* {0} last */
const struct policy_module *policy_module_find(const char *path);
void module_state(const struct chain *ch, const struct policy_module *m, char out[static 16]);
int modules_take(struct call *c, const char *kind, json_t *o);
/* moduleStatus is consumed; NULL: none. */
json_t *module_shown(const struct chain *ch, const struct policy_module *m, bool own,
                     json_t *status);
/* "On, Prevent, 5 rules" */
void module_words(const struct chain *ch, const struct policy_module *m, struct err *out);
/* Clears an object that overrides nothing (rest-api.md 5). */
void only_own(json_t *o, const char *settings_key);

/* ---- policy_malware.c ---- */

extern const struct field malware_fields[];
int malware_take(struct call *c, const char *kind, const json_t *in, json_t *own);
void malware_show(const struct chain *ch, bool own, json_t *o);
json_t *malware_section(struct app *a, const struct chain *ch);
/* What the agent would refuse is refused here, by the same code. */
int malware_right(struct call *c, const char *kind, int64_t id, const json_t *object);

/* ---- policy_integrity.c ---- */

json_t *integrity_part(struct app *a, const struct chain *ch);
/* What the engine would refuse of an integrity monitoring rule is refused here. */
/* platformSettingEnvironmentVariableOverrides as an object: NAME=value, separated by commas; the
 * nearest level's comes first and holds. New reference. */
json_t *chain_variables(const struct chain *ch);
int integrity_rule_right(const json_t *rule, struct err *why);

/* ---- policy_inspection.c ---- */

json_t *inspection_part(struct app *a, const struct chain *ch);
/* Reads what was written on the bench: 0, or the call is answered later (trial_first()). */
int inspection_rule_right(struct call *c, int64_t id, const json_t *rule);

/* ---- policy_prevention.c ---- */

/* The part of a compiled policy; new reference. */
json_t *prevention_part(struct app *a, const struct chain *ch);

/* ---- policy_firewall.c ---- */

json_t *firewall_part(struct app *a, const struct chain *ch);
int firewall_right(struct call *c, const char *kind, int64_t id, const json_t *object);
