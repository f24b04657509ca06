#include "manager/runner/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "manager/runner/runner.h"

enum { SCRIPT_FD = 3, PIECE = 4096, ORPHANS_MAX = 10000 };

/* ---- may it run? ---- */

static int open_script(const char *dir, const char *name, struct err *why)
{
	struct stat st;
	AUTO(closep) int folder = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return err_set(why, -errno, "open %s: %s", dir, strerror(errno));
	if (!file_is_guarded(folder, &st))
		return err_set(why, -EPERM, "%s can be written by others than root", dir);
	if (strchr(name, '/') || name[0] == '.' || !*name)
		return err_set(why, -EINVAL, "this is no name of a script");
	AUTO(closep)
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_set(why, -errno, "open the script %s: %s", name, strerror(errno));
	if (!file_is_guarded(fd, &st) || !S_ISREG(st.st_mode))
		return err_set(why, -EPERM, "the script %s can be written by others than root",
		               name);
	if (!(st.st_mode & S_IXOTH))
		return err_set(why, -EACCES, "the script %s is not executable for everybody", name);
	return TAKE_FD(fd);
}

/* ---- the child ---- */

/* Between fork and exec: never returns. The interpreter opens /dev/fd/3: what was looked at is what
 * runs, and its folder need not be reachable. */
static _Noreturn void become(int script, int out, const char *name, const char *work)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char language[] = "LANG=C.UTF-8";
	char home[300], temporary[300];
	char *const argv[] = { (char *)(uintptr_t)name, NULL };
	char *const env[] = { path, language, home, temporary, NULL };
	sigset_t none;
	snprintf(home, sizeof(home), "HOME=%s", work);
	snprintf(temporary, sizeof(temporary), "TMPDIR=%s", work);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	/* Not where the others are to go. */
	int high = fcntl(script, F_DUPFD_CLOEXEC, 10), high_out = fcntl(out, F_DUPFD_CLOEXEC, 10);
	if (null < 0 || high < 0 || high_out < 0 || dup2(null, 0) < 0 || dup2(high_out, 1) < 0 ||
	    dup2(high_out, 2) < 0 || dup2(high, SCRIPT_FD) < 0 || chdir(work) < 0)
		_exit(126);
	syscall(SYS_close_range, SCRIPT_FD + 1, ~0u, 0);
	syscall(SYS_execveat, SCRIPT_FD, "", argv, env, AT_EMPTY_PATH);
	dprintf(2, "cannot be run: %s", strerror(errno));
	_exit(127);
}

/* Orphans become ours (PR_SET_CHILD_SUBREAPER): nobody that a script started outlives it. */
static void end_orphans(void)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	for (int i = 0; i < ORPHANS_MAX; i++) {
		AUTO(buf_done) struct buf b = { 0 };
		uint64_t pid = 0;
		if (file_read(AT_FDCWD, path, 1 << 20, &b) < 0 || b.n == 0)
			return;
		struct str rest = buf_view(&b);
		if (str_u64(str_cut(&rest, ' '), 2, INT32_MAX, &pid) < 0)
			return;
		kill((pid_t)pid, SIGKILL);
		waitpid((pid_t)pid, NULL, 0);
	}
}

/* ---- while it runs ---- */

static void clear(struct script_run *r)
{
	loop_del(r->loop, &r->out);
	loop_del(r->loop, &r->child);
	loop_del(r->loop, &r->timer);
	r->pid = 0;
}

static void ended(struct script_run *r)
{
	kill(-r->pid, SIGKILL);
	end_orphans();
	clear(r);
	r->done(r);
}

/* False: its end. */
static bool read_some(struct script_run *r)
{
	char piece[PIECE];
	ssize_t n;
	while ((n = read(r->out.fd, piece, sizeof(piece))) > 0) {
		size_t room = RUNNER_OUTPUT - r->output.n;
		size_t kept = (size_t)n < room ? (size_t)n : room;
		buf_add(&r->output, piece, kept);
		r->more += (size_t)n - kept;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void out_ready(struct watch *w, uint32_t events)
{
	struct script_run *r = CONTAINER_OF(w, struct script_run, out);
	(void)events;
	if (!read_some(r))
		loop_del(r->loop, &r->out);
}

static void child_ready(struct watch *w, uint32_t events)
{
	struct script_run *r = CONTAINER_OF(w, struct script_run, child);
	(void)events;
	if (waitpid(r->pid, &r->status, WNOHANG) != r->pid)
		return;
	if (r->out.fd >= 0)
		read_some(r);
	ended(r);
}

static void timer_ready(struct watch *w, uint32_t events)
{
	struct script_run *r = CONTAINER_OF(w, struct script_run, timer);
	(void)events;
	loop_tick(w);
	r->late = true;
	kill(-r->pid, SIGKILL);
	kill(r->pid, SIGKILL); /* it may be no leader yet */
}

static int watch_it(struct script_run *r, int out, uint64_t timeout_ms)
{
	r->out = (struct watch){ out, out_ready };
	r->child = (struct watch){ -1, child_ready };
	r->timer = (struct watch){ -1, timer_ready };
	int rc = loop_add(r->loop, &r->out, EPOLLIN);
	if (rc == 0)
		rc = loop_child(r->loop, &r->child, r->pid);
	return rc < 0 ? rc : loop_timer(r->loop, &r->timer, timeout_ms, 0);
}

int script_start(struct script_run *r, const char *dir, const char *name, const char *work,
                 uint64_t timeout_ms, struct err *why)
{
	int ends[2];
	AUTO(closep) int script = open_script(dir, name, why);
	if (script < 0)
		return script;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set(why, -errno, "run the script %s: %s", name, strerror(errno));
	AUTO(closep) int from = ends[0], to = ends[1];
	/* A script does not expect that writing may not wait. */
	fcntl(to, F_SETFL, 0);
	buf_clear(&r->output);
	r->more = 0;
	r->late = false;
	r->status = 0;
	r->pid = fork();
	if (r->pid == 0)
		become(script, to, name, work);
	if (r->pid < 0) {
		int rc = -errno;
		r->pid = 0;
		return err_set(why, rc, "run the script %s: %s", name, strerror(-rc));
	}
	int rc = watch_it(r, TAKE_FD(from), timeout_ms);
	if (rc < 0) {
		script_end(r);
		return err_set(why, rc, "watch the script %s: %s", name, strerror(-rc));
	}
	return 0;
}

void script_end(struct script_run *r)
{
	if (r->pid) {
		kill(-r->pid, SIGKILL);
		kill(r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
		end_orphans();
		clear(r);
	}
	buf_done(&r->output);
}

const char *script_failure(const struct script_run *r, char room[static 80])
{
	if (r->late)
		return "took too long and was ended";
	if (WIFSIGNALED(r->status)) {
		snprintf(room, 80, "was ended by signal %d", WTERMSIG(r->status));
		return room;
	}
	if (WEXITSTATUS(r->status) == 0)
		return NULL;
	snprintf(room, 80, "ended with status %d", WEXITSTATUS(r->status));
	return room;
}
