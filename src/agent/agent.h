#pragma once
#include "proc/proc.h"

/* The agent's processes, in the order of procs.c. */
enum proc_id {
	P_GUARD,
	P_COMMS,
	P_SPOOL,
	P_FILES,
	P_TREE,
	P_SCAN,
	P_PACKET,
	P_TLS,
	P_FORWARD,
	P_CHANGES,
	P_LOGS,
	P_COUNT
};

enum { PACKET_PROCESSES_MAX = INSTANCES_MAX };

enum imsg_type {
#define IMSG(name, from, to, fd, max, doc) M_##name,
#include "agent/imsg.def"
#undef IMSG
	M_COUNT
};

/* clang-format off */
/*
 * The JSON of our messages, where it is not an event or a policy:
 * COMMAND        {"ID":N,"kind":"scan|cancel-scan","args":{...}} as the manager sends it; ID 0: asked for
 *                by dsa_control. cancel-scan's args: {"command":N}; without it every scan ends
 * PROGRESS       {"ID":N,"state":"running|done|failed|cancelled","progress":{"files","bytes","found",
 *                "folder","phase"},"message":text,"result":{...}}; the last one is not running. For
 *                a tool: "line", to be printed; the result also holds "judged","known","skipped","errors"
 * STORE          {"op":"list|restore|delete|fetch","recordID":text}
 * STORE_DONE     {} or {"error":sentence}; list: {"files":[ENTRY,...]}; fetch: the encrypted file is the
 *                descriptor, or a big body
 * STORE_CHANGED  ENTRY: {"recordID","path","size","malware","time","scanType","action","user","sha256",
 *                "state":"quarantined|restored|deleted"}
 * LOG_LOOK       {"patterns":[path with wildcards,...],"renew":bool} or {"rotated":path}; renew: what was
 *                given once is given again
 * LOG_FILE       {"path","pattern":N} or {"path","rotated":path}; the descriptor is the file
 * LOG_LOOKED     {"more":bool,"rotated":path}; more: ask again, there are more files
 * LOG_CLOSED     {"path","ino":N}
 * TLS_LOOK       {"programs":[name,...],"changed":bool}; none: in no process
 * TLS_LIBRARY    {"library":N}; the descriptor is the file
 * TLS_HOOK       {"library":N,"functions":{"SSL_read":offset in the file,...}}
 * TLS_STATE      {"error":sentence, if there is one,"lost":N,"libraries":[{"path","hooks","error"},...]}
 * FORWARD        {"first":N,"events":[EVENT,...]}, numbered from N on; the message's id is the receiver's
 * RULESET_DONE   {"by":"queue statement|compat target"} or {"error":sentence}
 * WATCHING       {"state":"off|starting|on","lost":bool,"why":sentence,"fileSystems":[path,...],
 *                "failed":[sentence,...],"processes":"connector|polled"}
 * STATUS         the sender's whole part of the heartbeat (docs/protocol.md):
 *                {"modules":{"antimalware":{...}},"messages":[text,...]}; comms merges the parts
 */
/* clang-format on */

/* From here on a command's ID is that of a tool on this host: the manager hears nothing of it. */
#define COMMAND_TOOLS (INT64_C(1) << 52)

/* What the command line gave; self->options. */
struct agent_options {
	char *etc, *lib, *run;     /* owned, absolute */
	char *protect;             /* owned; NULL: what the policy says */
	char *signatures;          /* owned, absolute */
	bool check;                /* -T: only check, do not run */
	char *packets;             /* owned; NULL: by the number of processors */
	unsigned packet_processes; /* connections are spread over so many; 1 to
	                              PACKET_PROCESSES_MAX */
	char *bind;                /* owned: the scan row's bound folder */
	const char *binds[2];
};

/* options.c, table.c: also linked by yagura-scan, whose program has the same names and rules. */
int agent_parse(struct self *me, int argc, char **argv);
void agent_done(struct self *me);
static inline const struct agent_options *agent_options(const struct self *me)
{
	return me->options;
}
extern const struct imsg_rule agent_rules[M_COUNT];
extern const struct sandbox agent_scan_box;

/*
 * In a row's prepare(): makes LIB/name for the row's user (mode 0700), opened as out->fd; 1, the
 * number of descriptors, or -errno. The row opens what is in it from that descriptor.
 */
int agent_folder(struct self *guard, unsigned row, const char *name, struct birth_fd *out);

/* A row's handlers by message type; NULL: the row does not take that message. */
#define HANDLERS(row) \
	extern int (*const row##_on[M_COUNT])(struct self * me, struct peer * p, struct imsg * m)

/* guard.c and quarantine/: the deeds that only root can do. */
HANDLERS(guard);
int guard_start(struct self *me);
void guard_up(struct self *me, struct peer *p);
void guard_down(struct self *me, struct peer *p);
void guard_hup(struct self *me);
void guard_stop(struct self *me);

/* comms/ */
HANDLERS(comms);
int comms_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX]);
int comms_start(struct self *me);
void comms_up(struct self *me, struct peer *p);
void comms_down(struct self *me, struct peer *p);
void comms_stop(struct self *me);

/* spool/ */
HANDLERS(spool);
int spool_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX]);
int spool_start(struct self *me);
void spool_up(struct self *me, struct peer *p);
void spool_down(struct self *me, struct peer *p);
void spool_stop(struct self *me);

/* sensor/files: real time. The guard opens its fanotify group ("fanotify"). */
HANDLERS(files);
int files_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX]);
int files_start(struct self *me);
void files_up(struct self *me, struct peer *p);
void files_down(struct self *me, struct peer *p);
void files_stop(struct self *me);

/* sensor/tree: scans of the file system. */
HANDLERS(tree);
int tree_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX]);
int tree_start(struct self *me);
void tree_up(struct self *me, struct peer *p);
void tree_down(struct self *me, struct peer *p);
void tree_stop(struct self *me);

/* sensor/change: Integrity Monitoring in real time. The guard opens its fanotify group
 * ("fanotify"), the processes' connector ("processes") and a socket that lists sockets ("sockets").
 */
HANDLERS(changes);
int changes_prepare(struct self *guard, unsigned instance,
                    struct birth_fd out[static BIRTH_FDS_MAX]);
int changes_start(struct self *me);
void changes_up(struct self *me, struct peer *p);
void changes_down(struct self *me, struct peer *p);
void changes_stop(struct self *me);

/* sensor/tls: plaintext of TLS libraries. The guard loads its programs ("ring", "diag"). */
HANDLERS(tls);
int tls_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX]);
int tls_early(struct self *me);
int tls_start(struct self *me);
void tls_up(struct self *me, struct peer *p);
void tls_down(struct self *me, struct peer *p);
void tls_stop(struct self *me);

/* forward/: events of modules to syslog receivers. */
HANDLERS(forward);
int forward_start(struct self *me);
void forward_up(struct self *me, struct peer *p);
void forward_down(struct self *me, struct peer *p);
void forward_stop(struct self *me);

/* sensor/log: Log Inspection. The guard opens the files that it asks for. */
HANDLERS(logs);
int logs_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX]);
int logs_early(struct self *me);
int logs_start(struct self *me);
void logs_up(struct self *me, struct peer *p);
void logs_down(struct self *me, struct peer *p);
void logs_stop(struct self *me);

/* sensor/packet: the Firewall. The guard opens its sockets ("queue", "logged", "links", "tables").
 */
HANDLERS(packet);
int packet_prepare(struct self *guard, unsigned instance,
                   struct birth_fd out[static BIRTH_FDS_MAX]);
unsigned packet_count(const struct self *me);
int packet_early(struct self *me);
int packet_start(struct self *me);
void packet_up(struct self *me, struct peer *p);
void packet_down(struct self *me, struct peer *p);
void packet_stop(struct self *me);
