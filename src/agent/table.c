#include "agent/agent.h"

#define B(x) (1u << P_##x)

const struct imsg_rule agent_rules[M_COUNT] = {
#define IMSG(name, from, to, fd, max, doc) { #name, from, to, fd, max },
#include "agent/imsg.def"
#undef IMSG
};

static const char *const *scan_binds(const struct self *me)
{
	return agent_options(me)->binds;
}

/* No path but a tmpfs of its own and the signatures; no socket. libclamav makes and removes a
 * folder for every file it takes apart. */
static const char *const scan_calls[] = { /* a worker's own, tighter box; a worker's pair and
	                                     process; new signatures */
	                                  "seccomp",
	                                  "prctl",
	                                  "landlock_create_ruleset",
	                                  "landlock_add_rule",
	                                  "landlock_restrict_self",
	                                  "setrlimit",
	                                  "socketpair",
	                                  "pidfd_open",
	                                  "pidfd_send_signal",
	                                  "alarm",
	                                  "setitimer",
	                                  "inotify_init1",
	                                  "inotify_add_watch",
	                                  NULL
};

const struct sandbox agent_scan_box = {
	.syscalls = scan_calls,
	.root_mib = 256,
	.binds = scan_binds,
	.fork = true, /* the signatures are loaded once, then forked */
};
