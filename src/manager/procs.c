#include "manager/manager.h"
#include "manager/runner/runner.h"

enum { FRONT_FDS = 65536 };

static const char *const front_calls[] = { "accept4", "accept", "getsockname", "getpeername",
	                                   NULL };
static const char *const core_write[] = { "%lib", NULL };
static const char *const core_read[] = { "/etc/localtime",    "/usr/share/zoneinfo", "/dev/urandom",
	                                 YAGURA_SOFTWARE_DIR, "%etc/scripts",        NULL };
/* The resolver's files and the system's authorities. */
static const char *const courier_read[] = { "/etc/hosts",         "/etc/resolv.conf",
	                                    "/etc/nsswitch.conf", "/etc/gai.conf",
	                                    "/etc/host.conf",     "/run/systemd/resolve",
	                                    "/etc/ssl",           "/etc/services",
	                                    "/etc/protocols",     "/lib",
	                                    "/usr/lib",           "/usr/share/ca-certificates",
	                                    "/etc/ld.so.cache",   "/dev/urandom",
	                                    "/proc/net/arp",      NULL };
static const char *const bench_calls[] = { "alarm", "setitimer", NULL };
/* What programs of the system need; nothing of ours but the scripts. */
static const char *const runner_read[] = { "%etc/scripts",
	                                   "/usr",
	                                   "/bin",
	                                   "/sbin",
	                                   "/lib",
	                                   "/lib64",
	                                   "/opt",
	                                   "/etc/alternatives",
	                                   "/etc/group",
	                                   "/etc/gai.conf",
	                                   "/etc/host.conf",
	                                   "/etc/hosts",
	                                   "/etc/ld.so.cache",
	                                   "/etc/localtime",
	                                   "/etc/nsswitch.conf",
	                                   "/etc/passwd",
	                                   "/etc/profile",
	                                   "/etc/protocols",
	                                   "/etc/resolv.conf",
	                                   "/etc/services",
	                                   "/etc/ssl",
	                                   "/run/systemd/resolve",
	                                   "/proc",
	                                   "/dev/fd",
	                                   "/dev/random",
	                                   "/dev/urandom",
	                                   "/dev/zero",
	                                   NULL };
static const char *const runner_write[] = { "%run/runner", "/dev/null", NULL };
static const char *const ca_write[] = { "%etc/ca", NULL };

static const struct proc procs[] = {
	[P_GUARD] = { .name = "guard" },
	[P_FRONT] = { .name = "front",
	              .user = "yagura-front",
	              .prepare = front_prepare,
	              .early = front_early,
	              .start = front_start,
	              .on = front_on,
	              .down = front_down,
	              .stop = front_stop,
	              .box = { .syscalls = front_calls, .fds_max = FRONT_FDS } },
	[P_CORE] = { .name = "core",
	             .user = "yagura-core",
	             .prepare = core_prepare,
	             .start = core_start,
	             .on = core_on,
	             .down = core_down,
	             .stop = core_stop,
	             .box = { .files = true, .read = core_read, .write = core_write } },
	[P_CA] = { .name = "ca",
	           .user = "yagura-ca",
	           .early = ca_early,
	           .start = ca_start,
	           .on = ca_on,
	           .up = ca_up,
	           .hup = ca_hup,
	           .stop = ca_stop,
	           .box = { .files = true, .write = ca_write } },
	[P_CLERK] = { .name = "clerk",
	              .user = "yagura-clerk",
	              .start = clerk_start,
	              .on = clerk_on,
	              .up = clerk_up,
	              .stop = clerk_stop },
	[P_COURIER] = { .name = "courier",
	                .user = "yagura-courier",
	                .instances = 4,
	                .start = courier_start,
	                .on = courier_on,
	                .stop = courier_stop,
	                .box = { .files = true, .net = true, .read = courier_read } },
	[P_BENCH] = { .name = "bench",
	              .user = "yagura-bench",
	              .start = bench_start,
	              .on = bench_on,
	              .box = { .syscalls = bench_calls, .mem_max = 1ull << 30 } },
	[P_RUNNER] = { .name = "runner",
	               .user = "yagura-runner",
	               .prepare = runner_prepare,
	               .start = runner_start,
	               .on = runner_on,
	               .stop = runner_stop,
	               .box = { .programs = true,
	                        .net = true,
	                        .read = runner_read,
	                        .write = runner_write } },
};

#define B(x) (1u << P_##x)
static const struct imsg_rule rules[] = {
#define IMSG(name, from, to, fd, max, doc) [M_##name] = { #name, from, to, fd, max },
#include "manager/imsg.def"
#undef IMSG
};

static int parse(struct self *me, int argc, char **argv)
{
	int rc = options_parse(me, argc, argv);
	const struct options *o = me->options;
	return rc == 0 && o->setup ? setup_run(me) : rc;
}

static void done(struct self *me)
{
	options_free(me->options);
}

const struct program manager_program = {
	.name = "yagura-manager",
	.procs = procs,
	.nprocs = P_COUNT,
	.rules = rules,
	.nrules = M_COUNT,
	.parse = parse,
	.done = done,
};
