#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/scan/scan.h"
#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"
#include "module/antimalware/scanner/worker.h"

enum { WORKER_FDS = 256, HEAP_KEPT = 16 << 20 };

/* Where alarm() is not a call of its own it is setitimer(). */
static const char *const worker_calls[] = { "alarm", "setitimer", NULL };

void zygote_folder(const char *tmp, unsigned name, char *out, size_t n)
{
	snprintf(out, n, "%s/%u", tmp, name);
}

/* What the parent had open is none of the child's: askers, other workers, other people's files. */
static void keep_only(int fd)
{
	if (fd > 3)
		close_range(3, (unsigned)fd - 1, 0);
	close_range((unsigned)fd + 1, ~0u, 0);
}

static _Noreturn void be_worker(int sock, struct scanner *scanner, const char *tmp, unsigned name)
{
	char folder[64];
	struct err why = { { 0 } };
	zygote_folder(tmp, name, folder, sizeof(folder));
	const char *const write[] = { folder, NULL };
	const struct sandbox box = {
		.files = true, .write = write, .syscalls = worker_calls, .mem_max = 8ull << 30
	};
	const struct rlimit fds = { WORKER_FDS, WORKER_FDS };
	keep_only(sock);
	log_open("scan worker");
	/* The engines unpack into ".", so that what a dead worker leaves can be told apart. */
	if (chdir(folder) < 0 || setrlimit(RLIMIT_NOFILE, &fds) < 0) {
		log_error("enter %s: %s", folder, strerror(errno));
		_exit(1);
	}
	if (sandbox_enter(&box, NULL, P_SCAN, NULL, &why) < 0) {
		log_error("sandbox: %s", why.text);
		_exit(1);
	}
	/* The engines take and give back the same room for every file: as mappings it would be
	 * cleared by the kernel, page by page, each time. */
	mallopt(M_MMAP_THRESHOLD, HEAP_KEPT / 4);
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	worker_serve(sock, scanner);
	_exit(0);
}

/* One message with the worker's socket and a descriptor of the process itself. */
static int hand_over(int control, int sock, int pidfd, unsigned name)
{
	const int fds[2] = { sock, pidfd };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(fds))];
	} c = { 0 };
	struct iovec iov = { &name, sizeof(name) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)
	};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(h), fds, sizeof(fds));
	return sendmsg(control, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int make_worker(int control, struct scanner *scanner, const char *tmp, unsigned name)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0)
		be_worker(pair[1], scanner, tmp, name);
	int rc = pid < 0 ? -errno : 0;
	close(pair[1]);
	AUTO(closep) int sock = pair[0];
	/* Nothing reaps it before we do: the number is still its own. */
	AUTO(closep) int pidfd = rc < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
	if (rc == 0 && pidfd < 0)
		rc = -errno;
	return rc < 0 ? rc : hand_over(control, sock, pidfd, name);
}

static int say_report(int control, const struct scanner *scanner, const char *error)
{
	AUTO(json_decrefp)
	json_t *j = scanner ? json_deep_copy(scanner_report(scanner)) : json_object();
	AUTO(buf_done) struct buf b = { 0 };
	json_t *problems = json_object_get(j, "problems");
	while (json_array_size(problems) > 20) /* the first ones say enough */
		json_array_remove(problems, json_array_size(problems) - 1);
	if (error)
		json_set_bytes(j, "error", str_of(error));
	json_write(&b, j);
	if (buf_end(&b) < 0)
		return -ENOMEM;
	return send(control, b.p, b.n, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Workers that ended; those of now are killed through their descriptors. */
static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

_Noreturn void zygote_run(int control, const char *signatures, const char *tmp)
{
	struct scanner *scanner = NULL;
	struct err why = { { 0 } };
	sigset_t none;
	unsigned name = 0;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTERM, SIG_DFL);
	keep_only(control);
	log_open("scan zygote");
	int rc = scanner_load(&scanner, signatures, ".", &why);
	if (say_report(control, scanner, rc < 0 ? why.text : NULL) < 0 || rc < 0)
		_exit(1);
	while (recv(control, &name, sizeof(name), 0) == (ssize_t)sizeof(name)) {
		reap();
		rc = make_worker(control, scanner, tmp, name);
		if (rc < 0) {
			log_error("make a worker: %s", strerror(-rc));
			_exit(1);
		}
	}
	_exit(0);
}
