#include "agent/procs.h"

#include <linux/capability.h>

static const char *const spool_write[] = { "%lib/spool", NULL };

static const char *const files_calls[] = { "fanotify_mark", "mlockall", NULL };
static const char *const tree_calls[] = { "ioprio_set", "llistxattr", "lgetxattr", NULL };

/* The resolver's files (nsswitch.conf(5)), the system's authorities, our own folders. */
static const char *const comms_read[] = { "%etc",
	                                  "/etc/hosts",
	                                  "/etc/resolv.conf",
	                                  "/etc/nsswitch.conf",
	                                  "/etc/gai.conf",
	                                  "/etc/host.conf",
	                                  "/run/systemd/resolve",
	                                  "/etc/ssl",
	                                  "/etc/services",
	                                  "/etc/protocols",
	                                  "/lib",
	                                  "/usr/lib",
	                                  "/etc/localtime",
	                                  "/usr/share/zoneinfo",
	                                  "/etc/ld.so.cache",
	                                  "/proc",
	                                  "/sys/class/net",
	                                  "/etc/os-release",
	                                  NULL };
static const char *const comms_write[] = { "%lib/comms", "%lib/diag", NULL };

static const struct proc procs[] = {
	[P_GUARD] = { .name = "guard",
	              .start = guard_start,
	              .on = guard_on,
	              .up = guard_up,
	              .down = guard_down,
	              .stop = guard_stop },
	[P_COMMS] = { .name = "comms",
	              .user = "yagura-comms",
	              .prepare = comms_prepare,
	              .start = comms_start,
	              .on = comms_on,
	              .up = comms_up,
	              .down = comms_down,
	              .stop = comms_stop,
	              .box = { .net = true, .read = comms_read, .write = comms_write } },
	[P_SPOOL] = { .name = "spool",
	              .user = "yagura-spool",
	              .prepare = spool_prepare,
	              .start = spool_start,
	              .on = spool_on,
	              .up = spool_up,
	              .down = spool_down,
	              .stop = spool_stop,
	              .box = { .write = spool_write } },
	/* No Landlock for these two: it refuses events and /proc of other mount namespaces
	   (architecture.md). */
	[P_FILES] = { .name = "files",
	              .user = "yagura-work",
	              .prepare = files_prepare,
	              .start = files_start,
	              .on = files_on,
	              .up = files_up,
	              .down = files_down,
	              .stop = files_stop,
	              .box = { .files = true,
	                       .no_landlock = true,
	                       .syscalls = files_calls,
	                       .fds_max = 1 << 20,
	                       .caps = 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_SYS_PTRACE } },
	[P_TREE] = { .name = "tree",
	             .user = "yagura-tree",
	             .prepare = tree_prepare,
	             .start = tree_start,
	             .on = tree_on,
	             .up = tree_up,
	             .down = tree_down,
	             .stop = tree_stop,
	             .box = { .files = true,
	                      .no_landlock = true,
	                      .syscalls = tree_calls,
	                      .caps = 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_LEASE |
	                              1ull << CAP_SYS_PTRACE } },
	[P_SCAN] = { .name = "scan", .user = "yagura-scan", .exe = "yagura-scan" },
	/* Verdicts need CAP_NET_ADMIN (NFQUEUE); no socket can be opened, no file either. */
	[P_PACKET] = { .name = "packet",
	               .user = "yagura-packet",
	               .count = packet_count,
	               .prepare = packet_prepare,
	               .early = packet_early,
	               .start = packet_start,
	               .on = packet_on,
	               .up = packet_up,
	               .down = packet_down,
	               .stop = packet_stop,
	               .box = { .caps = 1ull << CAP_NET_ADMIN } },
	/* Ending a connection (sock_diag) needs CAP_NET_ADMIN, on a socket that it was born with.
	 */
	[P_TLS] = { .name = "tls",
	            .user = "yagura-tls",
	            .prepare = tls_prepare,
	            .early = tls_early,
	            .start = tls_start,
	            .on = tls_on,
	            .up = tls_up,
	            .down = tls_down,
	            .stop = tls_stop,
	            .box = { .caps = 1ull << CAP_NET_ADMIN } },
};

const struct program agent_program = {
	.name = "yagura-agent",
	.procs = procs,
	.nprocs = sizeof(procs) / sizeof(procs[0]),
	.rules = agent_rules,
	.nrules = M_COUNT,
	.parse = agent_parse,
	.done = agent_done,
};
