#pragma once
#include <jansson.h>
#include <sys/queue.h>

#include "base/map.h"
#include "manager/api/api.h"
#include "manager/api/field.h"
#include "manager/store/store.h"
#include "model/event.h"

/* Inside the core: what its parts share. */

struct listening; /* a stream's client (stream.c) */
struct polling;   /* an agent that waits for commands (agents.c) */
struct signing;   /* something that the authority works on (sign.c) */
struct forward;   /* a receiver of events (forward.c) */
struct alert_held;
struct oidc_flow; /* a sign-in by an identity provider (oidc.c) */

/* What a courier has to do. */
struct posted {
	uint32_t ticket;
	void (*done)(struct app *a, int64_t about, int rc, const char *text); /* NULL: nothing */
	int64_t about;
};

enum { CLASSES_MAX = 16 };

/* An object that was parsed, and the text that it was parsed from. */
struct kept_object {
	char kind[20];
	int64_t id;
	struct buf body; /* owned */
	json_t *o;       /* owned; nobody changes it */
};

struct app {
	struct app_config config;
	const struct app_hooks *hooks;
	void *owner;
	struct store *store;
	char tenant[37], manager_guid[37]; /* GUIDs */
	uint64_t ticket;
	LIST_HEAD(, listening) listeners;
	LIST_HEAD(, polling) pollers;
	LIST_HEAD(, signing) signings;
	uint64_t news;              /* the newest message's number on the stream */
	char *inserts[CLASSES_MAX]; /* owned: the statement that stores an event of each class */
	json_t *recent;             /* the last messages, {"id","event","topic","data"} */
	json_t *usage;              /* the last calls of the API that were answered */
	uint64_t answered;          /* how many there were */
	struct map rates;           /* requests of each key in this minute: struct rate */
	uint64_t started_ms, swept_ms;
	json_t *cache;               /* policies and the like while one request is answered */
	struct kept_object kept[16]; /* roles, accounts and settings that were needed last */
	json_t *results;             /* policies' compiled results: {"policy":ID in the table} */
	uint64_t compilations;       /* how many there were */
	bool marked;                 /* policies are due since this request */
	bool sweep;                  /* results may be there that no agent has */
	LIST_HEAD(, forward) forwards;
	LIST_HEAD(, oidc_flow) oidc;
	size_t forward_turn;
	struct alert_held *held; /* alerts while an agent hands in events (alert.c); NULL: none */
	json_t *died;            /* owned: processes of ours, to be told; may be NULL */
	bool open, disk_low;
	uint64_t disk_next_ms, unknown_next_ms;
	struct posted posts[5]; /* by enum post_way */
	bool wake; /* jobs were queued: who waits for commands is looked at after the commit */
};

/* Who asks: a session's or key's administrator, or an agent. */
struct who {
	char name[128]; /* for events: "admin", "key ci" */
	int64_t administrator, key, role, computer;
	bool session;
	char sid[65];  /* the session as it is stored */
	char guid[37]; /* of an agent */
};

/* A request on its way through a handler; everything in one transaction. */
struct call {
	struct app *app;
	const struct request *rq;
	struct who who;
	json_t *role;     /* owned: of who asks; NULL for agents */
	int64_t id, id2;  /* the numbers in the path, -1: none */
	int64_t owner;    /* of a collection inside an object: that object's ID; else 0 */
	const char *name; /* the word in the path */
	json_t *body;     /* owned: what was sent, an object or NULL */
	json_t *out;      /* owned: what is answered */
	json_t *headers;  /* owned, may be NULL */
	struct err why;   /* told when the status is 400 or more */
	const char *code; /* ... with `Prefer: codes` */
	char *secret;     /* owned: a password to be hashed once its object is stored */
	int refusal;      /* of may_delete(): the status, where it is not 400 */
	bool undo;        /* a refusal takes back what was done before it */
	bool later;       /* the handler answers by itself */
	struct buf raw;   /* an answer that is no JSON: bytes, with raw_type */
	const char *raw_type;
};

/* For handlers whose body is not read before they are called: 0, or a status. */
int call_read_body(struct call *c);

/* A deed: what is done at a path. {id} and {id2} are numbers, {name} a word. Returns an HTTP
 * status. */
struct route {
	const char *method, *path;
	int (*handle)(struct call *c);
	bool write; /* changes something */
	const char *doc;
	bool open; /* for everybody, signed in or not */
};
extern const struct route *const console_routes[]; /* families (routes.c), NULL last */
extern const struct route agent_routes[];          /* {0} last */

/* ---- resource.c: collections ---- */

struct resource {
	/* "directorylists", "directoryLists", "directory list"; "policies/interfacetypes": inside
	 * each policy. */
	const char *path, *list, *noun;
	const char *name_field;   /* NULL: none, and nothing is unique */
	const char *parent_field; /* names are unique below the same parent; NULL: in all */
	const struct field *fields;
	unsigned verbs;
	const char *created, *updated, *deleted; /* kinds of system events; NULL: object-* */
	/* Beyond types; old NULL: create. May change object. */
	int (*check)(struct call *c, int64_t id, const json_t *old, json_t *object);
	/* Completes what is shown (object is what fields_show() made, full what is stored). */
	void (*show)(struct call *c, int64_t id, const json_t *full, json_t *object);
	/* After a change was stored, in the same transaction. */
	void (*changed)(struct call *c, int64_t id, const json_t *old, const json_t *object);
	int (*may_delete)(struct call *c, int64_t id);
	/* Before anything else, for every verb: is the query right? 0 or -EINVAL. */
	int (*begin)(struct call *c);
	/* The rights that the verbs need (rights.def); NULL: everybody who may sign in. */
	const char *view, *make, *edit, *erase;
	const char *count; /* the member of the list's answer that counts; NULL: none */
	bool many;         /* takes the list object, too, and then answers it */
};

enum verb {
	V_LIST = 1,
	V_GET = 2,
	V_CREATE = 4,
	V_MODIFY = 8,
	V_DELETE = 16,
	V_SEARCH = 32,
	V_EVERY = 63
};

const struct resource *resource_find(struct str path);
int resource_call(struct call *c,
                  const struct resource *r); /* by c->rq->method and c->id, c->name */
json_t *object_get(struct store *s, const char *kind, int64_t id); /* new reference, or NULL */
/*
 * The same of what nearly every request needs: it is parsed anew only when its text is another one.
 * Nobody changes what is returned.
 */
json_t *object_kept(struct app *a, const char *kind, int64_t id);
void objects_forget(struct app *a); /* at the end */
int object_add(struct store *s, const struct resource *r, int64_t id, const json_t *object,
               int64_t *out);
int object_set(struct store *s, const struct resource *r, int64_t id, const json_t *object);
int64_t object_named(struct store *s, const char *kind, const char *name);

/* ---- search.c: what a search body asks for (rest-api.md 3); borrows from the body ---- */

enum { SEARCH_MAX = 5000, SEARCH_CRITERIA = 100 };

struct criterion {
	const json_t *in;
	size_t kind;
	int test;
	const char *name;
	const struct field *field; /* NULL: the ID */
};

struct search {
	const struct field *fields;
	struct criterion criteria[SEARCH_CRITERIA];
	size_t n;
	int64_t max, low, high; /* of objects; of their IDs */
	bool by_id;             /* sorted by ID, not by name */
	bool computed;          /* a criterion needs what only show() knows */
};

int search_read(const struct field *fields, const json_t *body, struct search *s, struct err *why);
/* A criterion on the ID that low and high say already. */
bool search_is_bound(const struct criterion *c);
bool search_fits(const struct search *s, const json_t *object, int64_t id);

bool query_true(const struct request *rq, const char *name);
const char *query_text(const struct request *rq, const char *name, const char *otherwise);

/* ---- access.c: roles, rights, scopes ---- */

int access_begin(struct call *c); /* after authenticate(): 0 or 403 */
int access_deed(struct call *c);
int access_collection(struct call *c, const struct resource *r);
/* May the one who asks see a stored object; may it become, or stay, what it is? (403 said) */
bool access_sees(struct call *c, const struct resource *r, int64_t id, const json_t *o);
bool access_object(struct call *c, const struct resource *r, int64_t id, const json_t *o);
bool access_computer(struct call *c, int64_t id, bool write); /* 0: not related to one */
json_t *access_computers(struct call *c); /* the IDs in view, 0 with them; NULL: all. Owned */

/* ---- events ---- */

/* Stores one of our own, says it on the stream. The event is consumed. */
void system_event(struct app *a, struct event *ev);
/* What one of our own is about. */
struct subject {
	const char *by;          /* NULL: "System" */
	const char *type;        /* "computer" */
	int64_t id;              /* 0: it has none */
	const char *name, *text; /* text may be NULL */
};
void system_event_about(struct app *a, const char *kind, const struct subject *what);
/* A system event about an object; before and after may be NULL. */
void audit(struct call *c, const char *kind, const char *type, int64_t id, const char *name,
           const json_t *before, const json_t *after);
struct event_value;
/* 1 stored, 0 known before, or -errno. */
int event_store(struct app *a, int64_t computer, const char *host, const struct event *ev,
                int64_t *id);
/* The same for one that was scanned (model/event_scan.h). */
int event_store_scanned(struct app *a, int64_t computer, const char *host, const struct event *ev,
                        const struct event_value *values, int64_t *id);
/* A stored event; borrowed for the call of each(). */
struct event_row {
	int64_t id, computer;
	const char *host;
	struct event event;
};
/* The events of a class after an ID, oldest first, until each() says false. */
int event_each(struct app *a, const struct event_class *class, int64_t after,
               bool (*each)(void *arg, const struct event_row *row), void *arg);
int64_t event_newest(struct app *a, const struct event_class *class); /* its ID, 0: none */
int events_list(struct call *c);
int events_search(struct call *c);
int events_get(struct call *c);
int events_classes(struct call *c);

/* ---- sessions and keys ---- */

int authenticate(struct call *c); /* 0, or an HTTP status; fills c->who */
void rates_reset(struct app *a);
int session_open(struct call *c);
int session_current(struct call *c);
int session_close(struct call *c);
int password_hash(const char *password, char out[static 128]);
void text_digest(struct str text, char out[static 65]); /* SHA-256, hexadecimal */
int key_current(struct call *c);
int key_current_set(struct call *c);
int key_secret(struct call *c);
int key_current_secret(struct call *c);
void key_secret_make(struct call *c, int64_t id, json_t *object); /* sets object's secretKey */
void sessions_sweep(struct app *a);

void oidc_tick(struct app *a);
bool oidc_gone(struct app *a, uint64_t id); /* who waits for an answer has left */
void oidc_free(struct app *a);

/* ---- policies and computers ---- */

extern const struct field policy_fields[], computer_fields[];
int policy_check(struct call *c, int64_t id, const json_t *old, json_t *object);
void policy_show(struct call *c, int64_t id, const json_t *full, json_t *object);
void policy_changed(struct call *c, int64_t id, const json_t *old, const json_t *object);
int policy_may_delete(struct call *c, int64_t id);
int computer_check(struct call *c, int64_t id, const json_t *old, json_t *object);
void computer_show(struct call *c, int64_t id, const json_t *full, json_t *object);
void computer_changed(struct call *c, int64_t id, const json_t *old, const json_t *object);
int computer_may_delete(struct call *c, int64_t id);
int setting_get(struct call *c);
int setting_set(struct call *c);
int setting_delete(struct call *c);
int default_settings_get(struct call *c);
int default_settings_set(struct call *c);
int default_setting_one(struct call *c);
int system_settings_get(struct call *c);
int system_settings_set(struct call *c);
int system_setting_one(struct call *c);
/* A system setting's value, or its default; on the heap. */
char *system_setting(struct app *a, const char *name);
int module_chain(struct call *c);
int assignments_get(struct call *c);
int assignments_add(struct call *c);
int assignments_set(struct call *c);
int assignments_remove(struct call *c);
int policy_rules_list(struct call *c);
int policy_rule_get(struct call *c);
int policy_rule_set(struct call *c);
int policy_rule_reset(struct call *c);
/* The value of an effective setting of a computer (id > 0) or policy. */
void setting_value(struct app *a, const char *kind, int64_t id, const char *name, struct buf *out);
/* Marks the effective policies as due: of one computer, or of all (0). */
void policies_due(struct app *a, int64_t computer);
/* Its agent gets a new version, though the policy may be the same. */
void policy_afresh(struct app *a, int64_t computer);
void policy_due_below(struct app *a, int64_t policy); /* of those that use it or one below it */
void policy_compile(struct app *a, int64_t computer); /* now */
void policies_tick(struct app *a);                    /* a slice of what is due */
void policies_settle(struct app *a); /* a small one, when something was marked just now */
int64_t policy_version(struct app *a, int64_t computer);
void policy_results_drop(struct app *a); /* what was compiled may not have been stored */
void app_cache_drop(struct app *a);      /* objects that may have changed */

/* ---- agents, jobs, stream ---- */

int agent_ca(struct call *c);
int agent_activate(struct call *c);
int agent_heartbeat(struct call *c);
int agent_policy(struct call *c);
int agent_commands(struct call *c);
int agent_results(struct call *c);
int agent_events(struct call *c);
int agent_files(struct call *c);
int agent_identified(struct call *c);
int agent_known(struct call *c); /* fills c->who from the certificate: 0, or an HTTP status */
void agent_seen(struct app *a, int64_t computer); /* it called: it is online */
void agent_forget(struct app *a, int64_t computer);
void agents_wake(struct app *a, int64_t computer); /* those that wait for commands; 0: all */
void agents_wake_due(struct app *a);               /* those for whom there is something */
void agents_tick(struct app *a);
bool agents_gone(struct app *a, uint64_t id);
void agents_drop(struct app *a); /* all that wait, unanswered */
bool agent_connected(struct app *a, int64_t computer);
const char *computer_shown(const json_t *computer); /* its name for people; borrowed */
char *computer_name(struct store *s,
                    int64_t id); /* display name or host name; owned by the caller, never NULL */

int jobs_list(struct call *c);
int job_get(struct call *c);
int job_cancel(struct call *c);
int job_retry(struct call *c);
int job_scan(struct call *c);
int job_integrity_scan(struct call *c);
int job_integrity_baseline(struct call *c);
int job_integrity_view(struct call *c);
int job_integrity_prove(struct call *c);
int integrity_baselines(struct call *c);
int integrity_windows(struct call *c);
int integrity_window_open(struct call *c);
int integrity_window_close(struct call *c);
int integrity_changes_list(struct call *c);
int integrity_change_get(struct call *c);
int integrity_change_approve(struct call *c);
int integrity_change_incident(struct call *c);
int job_deactivate(struct call *c);
int job_send_policy(struct call *c);
int job_check_status(struct call *c);
/* A job that no request asks for, or one of many; its ID, or -errno. */
struct job_order {
	const char *by, *kind;
	int64_t computer;
	const json_t *command; /* {"command","args"} */
	int64_t batch;         /* 0: none */
	int64_t deadline_ms;   /* since the epoch; 0: none */
};
int64_t job_queue(struct app *a, const struct job_order *o);
/* Ends an open job; a scan that runs is told. state: "cancelled" or "timed-out". */
void job_stop(struct app *a, const char *by, int64_t id, const char *state, const char *message);
json_t *jobs_of_batch(struct app *a, int64_t batch, int64_t max); /* new reference */
bool agent_there(struct app *a, int64_t computer);                /* activated? */
void job_said(struct app *a, int64_t computer, const json_t *said);
void jobs_tick(struct app *a);
/* said: {"message","progress","result"}, each may be absent. */
void job_set_state(struct app *a, int64_t id, const char *state, const json_t *said);
/* Work that the manager does itself: a job that no agent is given. Takes command. */
int job_add_own(struct call *c, const char *kind, int64_t computer, json_t *command);
int files_list(struct call *c);
int file_restore(struct call *c);
int file_delete(struct call *c);
int file_download(struct call *c);
int file_content(struct call *c);

int firewall_simulate(struct call *c);
int firewall_hits_get(struct call *c);
int prevention_capture(struct call *c);

int inspection_test(struct call *c);
int inspection_decoders(struct call *c);
int inspection_files(struct call *c);

int stream_open(struct call *c);
void stream_say(struct app *a, const char *topic, const char *event, json_t *data); /* takes data */
/* Nobody listens: what is said need not be made. Who comes back reads everything again. */
bool stream_heard(const struct app *a);
void stream_unheard(struct app *a); /* something was not said */
/* Ends the streams of those who have signed out. */
void stream_review(struct app *a);
void stream_tick(struct app *a);
bool stream_gone(struct app *a, uint64_t id);
void stream_over(struct app *a);

int trust_ruleset_rules(struct call *c);
int trust_ruleset_set_rules(struct call *c);
int trust_ruleset_drop_rule(struct call *c);
int trust_ruleset_assignments(struct call *c);
int software_review(struct call *c);
int version_controls_set(struct call *c);
int usage_list(struct call *c);
void usage_add(struct call *c, int status, uint64_t began_ms);
extern const struct field usage_fields[];
int not_here(struct call *c);

int legacy_sign_in(struct call *c);
int legacy_version(struct call *c);
int legacy_ping(struct call *c);
int legacy_hosts(struct call *c);
int legacy_syslog_list(struct call *c);
int legacy_syslog_create(struct call *c);
int legacy_syslog_delete(struct call *c);
int agent_packages(struct call *c);
int agent_package(struct call *c);
int software_agent(struct call *c);
int software_detect(struct call *c);
int software_install(struct call *c);

int manager_about(struct call *c);
int deployment_script(struct call *c);
int activation_information(struct call *c);
char *activation_token(struct app *a); /* what an agent must say; owned, may be empty */
int antimalware_status(struct call *c);
int change_password(struct call *c);

/* ---- asking the authority ---- */

struct signing {
	LIST_ENTRY(signing) next;
	uint64_t ticket;
	void (*done)(struct app *a, struct signing *s, int rc, struct str result);
	int64_t computer, version;
	char *text;       /* owned: what it is about */
	uint64_t request; /* that waits for it */
	json_t *more;     /* owned */
};
struct signing *sign_later(struct app *a,
                           void (*done)(struct app *, struct signing *, int, struct str));

/* ---- answering ---- */

void answer_json(struct app *a, uint64_t id, int status, const json_t *body, const json_t *headers);
void answer_error(struct app *a, uint64_t id, int status, const char *message);
