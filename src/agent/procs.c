#include "agent/procs.h"

static const char *const spool_write[] = { "%lib/spool", NULL };

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
	[P_GUARD] = { .name = "guard" },
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
