#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/log.h"
#include "proc/proc.h"

enum { UID_FIRST = 64100 };

void proc_user(const struct proc *proc, unsigned row, uid_t *uid, gid_t *gid)
{
	*uid = 0;
	*gid = 0;
	if (!proc->user)
		return;
	const struct passwd *pw = getpwnam(proc->user);
	*uid = pw ? pw->pw_uid : UID_FIRST + row;
	*gid = pw ? pw->pw_gid : UID_FIRST + row;
}

static void limit(int resource, rlim_t value)
{
	struct rlimit r;
	if (getrlimit((__rlimit_resource_t)resource, &r) < 0)
		return;
	r.rlim_cur = value < r.rlim_max ? value : r.rlim_max;
	setrlimit((__rlimit_resource_t)resource, &r);
}

static void set_limits(const struct sandbox *box)
{
	limit(RLIMIT_CORE, 0);
	if (box->fds_max)
		limit(RLIMIT_NOFILE, box->fds_max);
	if (box->mem_max && !YAGURA_SANITIZED)
		limit(RLIMIT_AS, box->mem_max);
}

/* ---- a private root ---- */

static int bind_one(const char *root, const char *spec)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct str rest = str_of(spec);
	struct str first = str_cut(&rest, ':');
	if (snprintf(from, sizeof(from), "%.*s", STR_ARG(first)) >= (int)sizeof(from) ||
	    snprintf(to, sizeof(to), "%s%.*s", root, STR_ARG(rest)) >= (int)sizeof(to))
		return -ENAMETOOLONG;
	int rc = file_mkdirs(AT_FDCWD, to, 0755, (uid_t)-1, (gid_t)-1);
	if (rc < 0)
		return rc;
	const unsigned long flags = MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
	if (mount(from, to, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, to, NULL, flags | MS_REMOUNT, NULL) < 0)
		return -errno;
	return 0;
}

static int private_root(const struct sandbox *box, const struct self *me, uid_t uid,
                        struct err *why)
{
	char root[PATH_MAX], options[80];
	snprintf(root, sizeof(root), "%s/root.%s", me->run, me->proc->name);
	snprintf(options, sizeof(options), "size=%um,mode=0700,uid=%u", box->root_mib,
	         (unsigned)uid);
	if (mkdir(root, 0700) < 0 && errno != EEXIST)
		return err_set(why, -errno, "make %s: %s", root, strerror(errno));
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0)
		return err_set(why, -errno, "mount a private %s: %s", root, strerror(errno));
	const char *const *binds = box->binds ? box->binds(me) : NULL;
	for (; binds && *binds; binds++) {
		int rc = bind_one(root, *binds);
		if (rc < 0)
			return err_set(why, rc, "bind %s: %s", *binds, strerror(-rc));
	}
	if (chroot(root) < 0 || chdir("/") < 0)
		return err_set(why, -errno, "change the root to %s: %s", root, strerror(errno));
	return 0;
}

/* ---- user and capabilities ---- */

static int set_caps(uint64_t caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	for (unsigned i = 0; i < 2; i++)
		data[i].effective = data[i].permitted = (uint32_t)(caps >> (32 * i));
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

static int drop_rights(const struct sandbox *box, uid_t uid, gid_t gid, struct err *why)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (!((box->caps >> cap) & 1) && prctl(PR_CAPBSET_DROP, cap) < 0)
			return err_set(why, -errno, "drop capability %d: %s", cap, strerror(errno));
	if (box->caps && prctl(PR_SET_KEEPCAPS, 1) < 0)
		return err_set(why, -errno, "keep capabilities: %s", strerror(errno));
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_set(why, -errno, "become user %u: %s", (unsigned)uid, strerror(errno));
	int rc = set_caps(box->caps);
	if (rc < 0)
		return err_set(why, rc, "set capabilities: %s", strerror(-rc));
	/* Changing the user cleared it; without the guard nobody must go on. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return 0;
}

/* ---- Landlock (landlock(7)); by system call, since libc has none ---- */

struct landlock_ruleset {
	uint64_t fs, net, scoped;
};

struct landlock_path {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

enum { LANDLOCK_VERSION = 1, LANDLOCK_PATH_BENEATH = 1 };

#define LL_EXECUTE    (1u << 0)
#define LL_WRITE_FILE (1u << 1)
#define LL_READ_FILE  (1u << 2)
#define LL_READ_DIR   (1u << 3)
#define LL_ALL_V1     ((1u << 13) - 1)
#define LL_REFER      (1u << 13) /* ABI 2 */
#define LL_TRUNCATE   (1u << 14) /* ABI 3 */
#define LL_IOCTL_DEV  (1u << 15) /* ABI 5 */
#define LL_DIR_ONLY   (LL_READ_DIR | (LL_ALL_V1 & ~((1u << 4) - 1)) | LL_REFER)

static uint64_t fs_rights(long abi)
{
	uint64_t all = LL_ALL_V1;
	if (abi >= 2)
		all |= LL_REFER;
	if (abi >= 3)
		all |= LL_TRUNCATE;
	if (abi >= 5)
		all |= LL_IOCTL_DEV;
	return all;
}

static void expand(const struct self *me, const char *path, char out[static PATH_MAX])
{
	static const char *const words[] = { "%lib", "%etc", "%run" };
	const char *dirs[] = { me ? me->lib : NULL, me ? me->etc : NULL, me ? me->run : NULL };
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (dirs[i] && strncmp(path, words[i], 4) == 0) {
			snprintf(out, PATH_MAX, "%s%s", dirs[i], path + 4);
			return;
		}
	}
	snprintf(out, PATH_MAX, "%s", path);
}

static int allow_path(int ruleset, const struct self *me, const char *path, uint64_t rights)
{
	char full[PATH_MAX];
	struct stat st;
	expand(me, path, full);
	AUTO(closep) int fd = open(full, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno; /* what is not there needs no permission */
	if (fstat(fd, &st) < 0)
		return -errno;
	struct landlock_path rule = { S_ISDIR(st.st_mode) ? rights
		                                          : rights & ~(uint64_t)LL_DIR_ONLY,
		                      fd };
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_PATH_BENEATH, &rule, 0) < 0 ? -errno
	                                                                                    : 0;
}

/*
 * The rules are made with the old rights, so that a folder below one that the new user may not
 * enter (a checkout in root's home) can be named. The ruleset's descriptor, -1 for a kernel without
 * Landlock, or -errno.
 */
static int make_rules(const struct sandbox *box, const struct self *me, int *out, struct err *why)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
	if (abi < 1)
		return 0; /* an older kernel: user, capabilities and seccomp remain */
	struct landlock_ruleset r = { .fs = fs_rights(abi) };
	if (abi >= 4 && !box->net)
		r.net = 3;
	if (abi >= 6)
		r.scoped = box->net ? 2 : 3;
	size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	AUTO(closep) int ruleset = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
	if (ruleset < 0)
		return err_set(why, -errno, "make a Landlock ruleset: %s", strerror(errno));
	int rc = 0;
	for (const char *const *p = box->read; rc == 0 && p && *p; p++)
		rc = allow_path(ruleset, me, *p,
		                LL_READ_FILE | LL_READ_DIR | (box->programs ? LL_EXECUTE : 0));
	for (const char *const *p = box->write; rc == 0 && p && *p; p++)
		rc = allow_path(ruleset, me, *p, r.fs & ~(uint64_t)LL_EXECUTE);
	/* In a private root everything but the bound folders is its own. */
	if (rc == 0 && box->root_mib && geteuid() == 0 && me)
		rc = allow_path(ruleset, me, "/", r.fs & ~(uint64_t)LL_EXECUTE);
	if (rc < 0)
		return err_set(why, rc, "Landlock: %s", strerror(-rc));
	*out = TAKE_FD(ruleset);
	return 0;
}

/* ---- seccomp ---- */

static const char *const common_calls[] = { "read",
	                                    "write",
	                                    "readv",
	                                    "writev",
	                                    "pread64",
	                                    "pwrite64",
	                                    "close",
	                                    "fstat",
	                                    "lseek",
	                                    "mmap",
	                                    "munmap",
	                                    "mremap",
	                                    "mprotect",
	                                    "madvise",
	                                    "brk",
	                                    "futex",
	                                    "epoll_wait",
	                                    "epoll_pwait",
	                                    "epoll_pwait2",
	                                    "epoll_ctl",
	                                    "epoll_create1",
	                                    "poll",
	                                    "ppoll",
	                                    "select",
	                                    "pselect6",
	                                    "timerfd_create",
	                                    "timerfd_settime",
	                                    "timerfd_gettime",
	                                    "eventfd2",
	                                    "signalfd4",
	                                    "rt_sigaction",
	                                    "rt_sigprocmask",
	                                    "rt_sigreturn",
	                                    "sigaltstack",
	                                    "recvmsg",
	                                    "sendmsg",
	                                    "recvfrom",
	                                    "sendto",
	                                    "recvmmsg",
	                                    "sendmmsg",
	                                    "shutdown",
	                                    "setsockopt",
	                                    "getsockopt",
	                                    "getpid",
	                                    "gettid",
	                                    "getppid",
	                                    "getuid",
	                                    "geteuid",
	                                    "getgid",
	                                    "getegid",
	                                    "clock_gettime",
	                                    "clock_getres",
	                                    "clock_nanosleep",
	                                    "nanosleep",
	                                    "gettimeofday",
	                                    "time",
	                                    "getrandom",
	                                    "memfd_create",
	                                    "fcntl",
	                                    "ftruncate",
	                                    "fsync",
	                                    "fdatasync",
	                                    "dup",
	                                    "dup2",
	                                    "dup3",
	                                    "pipe2",
	                                    "exit",
	                                    "exit_group",
	                                    "getrusage",
	                                    "getrlimit",
	                                    "prlimit64",
	                                    "sysinfo",
	                                    "uname",
	                                    "sched_yield",
	                                    "sched_getaffinity",
	                                    "restart_syscall",
	                                    "set_robust_list",
	                                    "rseq",
	                                    "tgkill",
	                                    "kill",
	                                    "statx",
	                                    "times",
	                                    "membarrier",
	                                    "close_range",
	                                    "copy_file_range",
	                                    "sendfile",
	                                    NULL };

static const char *const file_calls[] = {
	"open",      "openat",     "openat2",   "creat",     "readlink",   "readlinkat", "access",
	"faccessat", "faccessat2", "stat",      "lstat",     "newfstatat", "getdents64", "getdents",
	"mkdir",     "mkdirat",    "rmdir",     "unlink",    "unlinkat",   "rename",     "renameat",
	"renameat2", "chmod",      "fchmod",    "fchmodat",  "truncate",   "link",       "linkat",
	"statfs",    "fstatfs",    "utimensat", "flock",     "umask",      "chdir",      "fchdir",
	"getcwd",    "fallocate",  "fadvise64", "symlinkat", "ioctl",      NULL
};

static const char *const net_calls[] = { "connect", "bind",        "listen",      "accept",
	                                 "accept4", "getsockname", "getpeername", "ioctl",
	                                 "clone",   "clone3",      NULL };
static const char *const fork_calls[] = { "clone", "clone3", "fork",       "vfork",
	                                  "wait4", "waitid", "pidfd_open", "pidfd_send_signal",
	                                  "prctl", NULL };
/* What the sanitizers' reports need. */
static const char *const sanitizer_calls[] = { "openat", "readlink", "newfstatat", "prctl",
	                                       "ioctl",  "stat",     "getdents64", NULL };
/* Whoever tries these was taken over: it is ended, so that the guard notices and says so. */
static const char *const deadly_calls[] = { "ptrace",
	                                    "execve",
	                                    "execveat",
	                                    "mount",
	                                    "umount2",
	                                    "pivot_root",
	                                    "chroot",
	                                    "unshare",
	                                    "setns",
	                                    "init_module",
	                                    "finit_module",
	                                    "kexec_load",
	                                    "bpf",
	                                    "process_vm_readv",
	                                    "process_vm_writev",
	                                    "perf_event_open",
	                                    NULL };

static int add_calls(scmp_filter_ctx f, uint32_t action, const char *const *names)
{
	for (; names && *names; names++) {
		int nr = seccomp_syscall_resolve_name(*names);
		if (nr == __NR_SCMP_ERROR || nr < 0)
			continue; /* this architecture has no such call */
		int rc = seccomp_rule_add(f, action, nr, 0);
		if (rc < 0 && rc != -EEXIST)
			return rc;
	}
	return 0;
}

static int add_sockets(scmp_filter_ctx f)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		int rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		                          SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
		if (rc == 0)
			rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
			                      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* What no program that does a job needs: ways to other namespaces, into the kernel, to other
 * processes' memory, to keys; the clock and the machine. */
static const char *const outward_calls[] = { "mount",
	                                     "umount2",
	                                     "move_mount",
	                                     "open_tree",
	                                     "fsopen",
	                                     "mount_setattr",
	                                     "pivot_root",
	                                     "chroot",
	                                     "unshare",
	                                     "setns",
	                                     "ptrace",
	                                     "process_vm_readv",
	                                     "process_vm_writev",
	                                     "pidfd_getfd",
	                                     "kcmp",
	                                     "init_module",
	                                     "finit_module",
	                                     "delete_module",
	                                     "kexec_load",
	                                     "kexec_file_load",
	                                     "bpf",
	                                     "perf_event_open",
	                                     "userfaultfd",
	                                     "io_uring_setup",
	                                     "add_key",
	                                     "request_key",
	                                     "keyctl",
	                                     "open_by_handle_at",
	                                     "fanotify_init",
	                                     "quotactl",
	                                     "swapon",
	                                     "swapoff",
	                                     "reboot",
	                                     "acct",
	                                     "settimeofday",
	                                     "clock_settime",
	                                     "clock_adjtime",
	                                     "adjtimex",
	                                     "sethostname",
	                                     "setdomainname",
	                                     "syslog",
	                                     NULL };

/* New user namespaces give rights back; clone3() hides its flags from a filter, and libc goes on
 * with clone(). Packets are only seen by who has a right to them anyway. */
static int filter_programs(struct err *why)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	if (!f)
		return err_set(why, -ENOMEM, "seccomp: no memory");
	int rc = add_calls(f, SCMP_ACT_ERRNO(EPERM), outward_calls);
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
		                      SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER));
	if (rc == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc < 0 ? err_set(why, rc, "seccomp: %s", strerror(-rc)) : 0;
}

static int filter_calls(const struct sandbox *box, struct err *why)
{
	if (box->programs)
		return filter_programs(why);
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!f)
		return err_set(why, -ENOMEM, "seccomp: no memory");
	uint32_t deadly = YAGURA_SANITIZED ? SCMP_ACT_ERRNO(EACCES) : SCMP_ACT_KILL_PROCESS;
	int rc = add_calls(f, SCMP_ACT_ALLOW, common_calls);
	if (rc == 0 && (box->files || box->read || box->write || box->root_mib))
		rc = add_calls(f, SCMP_ACT_ALLOW, file_calls);
	if (rc == 0 && box->net)
		rc = add_calls(f, SCMP_ACT_ALLOW, net_calls);
	if (rc == 0 && box->net)
		rc = add_sockets(f);
	if (rc == 0 && box->fork)
		rc = add_calls(f, SCMP_ACT_ALLOW, fork_calls);
	if (rc == 0 && YAGURA_SANITIZED)
		rc = add_calls(f, SCMP_ACT_ALLOW, sanitizer_calls);
	if (rc == 0)
		rc = add_calls(f, SCMP_ACT_ALLOW, box->syscalls);
	if (rc == 0)
		rc = add_calls(f, deadly, deadly_calls);
	if (rc == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc < 0 ? err_set(why, rc, "seccomp: %s", strerror(-rc)) : 0;
}

/* Is there a folder above this path that keeps other users out, such as a private home? */
static bool below_private(const char *path)
{
	char part[PATH_MAX];
	struct stat st;
	snprintf(part, sizeof(part), "%s", path);
	for (char *slash = strrchr(part, '/'); slash && slash != part; slash = strrchr(part, '/')) {
		*slash = '\0';
		if (stat(part, &st) == 0 && !(st.st_mode & S_IXOTH))
			return true;
	}
	return false;
}

int sandbox_enter(const struct sandbox *box, const char *user, unsigned row, const struct self *me,
                  struct err *why)
{
	const struct proc named = { .user = user };
	uid_t uid = 0;
	gid_t gid = 0;
	proc_user(&named, row, &uid, &gid);
	AUTO(closep) int rules = -1;
	set_limits(box);
	int rc = 0;
	if (geteuid() == 0 && box->root_mib)
		rc = private_root(box, me, uid, why);
	if (rc == 0 && !box->no_landlock)
		rc = make_rules(box, me, &rules, why);
	struct sandbox kept = *box;
	/* A checkout in a private home: the process has to reach its own folder, and Landlock keeps
	 * it there. */
	if (rc == 0 && rules >= 0 && box->write && me && me->lib && below_private(me->lib))
		kept.caps |= 1ull << CAP_DAC_READ_SEARCH;
	if (rc == 0 && geteuid() == 0 && user)
		rc = drop_rights(&kept, uid, gid, why);
	if (rc < 0)
		return rc;
	if (!YAGURA_SANITIZED)
		prctl(PR_SET_DUMPABLE, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(why, -errno, "no_new_privs: %s", strerror(errno));
	if (rules >= 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		rc = err_set(why, -errno, "Landlock: %s", strerror(errno));
	return rc < 0 ? rc : filter_calls(box, why);
}
