#include "agent/procs.h"

#include <linux/capability.h>

#define CAP(x) (UINT64_C(1) << CAP_##x)

/* The resolver of the C library and its modules. */
#define RESOLVER                                                                               \
	"/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", \
		"/etc/services", "/run/systemd/resolve", "/run/resolvconf", "/usr/lib", "/lib",        \
		"/etc/ld.so.cache"

static const char *const comms_read[] = { "%etc", RESOLVER, "/etc/os-release", "/proc",
	                                  "/sys/class/net", "/etc/localtime", "/usr/share/zoneinfo",
	                                  "/dev/urandom", NULL };
static const char *const comms_write[] = { "%lib/comms", "%lib/diag", NULL };
static const char *const spool_write[] = { "%lib/spool", NULL };

static const struct proc procs[] = {
	[P_GUARD] = { .name = "guard" },
	[P_SPOOL - 1] = { .name = "comms" },
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
};
