#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "proc/link.h"

enum { ARGS_MAX = 64, ENV_MAX = 16 };

/*
 * What is executed: ourselves, or the program beside us. Where our file was replaced, as in an
 * upgrade before its restart, the link's text ends with " (deleted)" (proc(5)); the link itself
 * still leads to what we are.
 */
static int own_path(const char *exe, char out[static PATH_MAX])
{
	static const char gone[] = " (deleted)";
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	out[n] = '\0';
	size_t kept = (size_t)n > strlen(gone) ? (size_t)n - strlen(gone) : 0;
	bool replaced = kept && strcmp(out + kept, gone) == 0;
	if (!exe) {
		if (replaced)
			snprintf(out, PATH_MAX, "/proc/self/exe");
		return 0;
	}
	char *slash = strrchr(out, '/');
	size_t room = PATH_MAX - (size_t)(slash + 1 - out);
	int len = snprintf(slash + 1, room, "%s", exe);
	return len < 0 || (size_t)len >= room ? -ENAMETOOLONG : 0;
}

static bool kept(const char *variable)
{
	static const char *const names[] = { "PATH=", "LANG=", "TZ=", "YAGURA_", "UBSAN_OPTIONS=" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* The leak check traces its own process, which no sandbox allows. */
static char asan_options[] =
	"ASAN_OPTIONS=detect_leaks=0:abort_on_error=0:allocator_may_return_null=1";

static void clean_environment(char *out[static ENV_MAX])
{
	unsigned n = 0;
	for (char **e = environ; *e && n < ENV_MAX - 2; e++)
		if (kept(*e))
			out[n++] = *e;
	out[n++] = asan_options;
	out[n] = NULL;
}

/* Between fork and exec: never returns. */
static _Noreturn void become(const char *path, char **argv, char **env, int link, pid_t parent)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	/* The parent may have died before the death signal was asked for. */
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    getppid() != parent)
		_exit(127);
	if (link == LINK_FILENO ? fcntl(link, F_SETFD, 0) < 0 : dup2(link, LINK_FILENO) < 0)
		_exit(127);
	syscall(SYS_close_range, LINK_FILENO + 1, ~0u, 0);
	setsid();
	execve(path, argv, env);
	_exit(127);
}

pid_t spawn(const struct self *guard, const struct proc *row, unsigned instance, char **argv,
            int link)
{
	(void)guard;
	char path[PATH_MAX], number[12], *args[ARGS_MAX], *env[ENV_MAX];
	int rc = own_path(row->exe, path);
	if (rc < 0)
		return rc;
	AUTO(freep) char *name = xstrdup(row->name);
	char option_p[] = "-P", option_i[] = "-I";
	snprintf(number, sizeof(number), "%u", instance);
	unsigned n = 0;
	args[n++] = argv[0];
	args[n++] = option_p;
	args[n++] = name;
	args[n++] = option_i;
	args[n++] = number;
	for (unsigned i = 1; argv[i]; i++) {
		if (n == ARGS_MAX - 1)
			return -E2BIG;
		args[n++] = argv[i];
	}
	args[n] = NULL;
	clean_environment(env);
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		become(path, args, env, link, parent);
	return pid;
}
