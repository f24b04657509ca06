/*
 * inside PID CALL: makes a running process do one system call, as somebody would who has taken it
 * over, and prints what came of it: "ok N", "refused ERRNO-NAME" or "ended by signal N". CALL is a
 * row of the table below, with its text.
 *
 * The process is stopped at a system call that it waits in; the same instruction is run with other
 * registers, then everything is put back (ptrace(2)), so that its filter, its rights and its file
 * systems decide.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { INSTRUCTION = 2 };
#define PC(r)     ((r).rip)
#define SP(r)     ((r).rsp)
#define RESULT(r) ((long long)(r).rax)
static void set_call(struct user_regs_struct *r, long nr, const unsigned long long *a)
{
	r->orig_rax = ~0ull;
	r->rax = (unsigned long long)nr;
	r->rdi = a[0];
	r->rsi = a[1];
	r->rdx = a[2];
	r->r10 = a[3];
	r->r8 = a[4];
}
#elif defined(__aarch64__)
enum { INSTRUCTION = 4 };
#define PC(r)     ((r).pc)
#define SP(r)     ((r).sp)
#define RESULT(r) ((long long)(r).regs[0])
static void set_call(struct user_regs_struct *r, long nr, const unsigned long long *a)
{
	for (int i = 0; i < 5; i++)
		r->regs[i] = a[i];
	r->regs[8] = (unsigned long long)nr;
}
#else
#error "the registers of this machine are not known"
#endif

enum { ROOM = 4096, TEXT = ~0 };

/* TEXT in an argument stands for the address of the text. */
static const struct {
	const char *name;
	long nr;
	unsigned args[5];
} calls[] = {
	{ "getpid", SYS_getpid, { 0 } },
	{ "read-file", SYS_openat, { (unsigned)AT_FDCWD, (unsigned)TEXT, O_RDONLY | O_CLOEXEC } },
	{ "write-file", SYS_openat, { (unsigned)AT_FDCWD, (unsigned)TEXT, O_WRONLY | O_CLOEXEC } },
	{ "make-file",
	  SYS_openat,
	  { (unsigned)AT_FDCWD, (unsigned)TEXT, O_WRONLY | O_CREAT | O_CLOEXEC, 0600 } },
	{ "make-folder", SYS_mkdirat, { (unsigned)AT_FDCWD, (unsigned)TEXT, 0700 } },
	{ "socket-inet", SYS_socket, { AF_INET, SOCK_STREAM | SOCK_CLOEXEC } },
	{ "socket-unix", SYS_socket, { AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC } },
	{ "socket-packet", SYS_socket, { AF_PACKET, SOCK_RAW | SOCK_CLOEXEC } },
	{ "exec", SYS_execve, { (unsigned)TEXT } },
	{ "fork", SYS_clone, { SIGCHLD } },
	{ "trace-parent", SYS_ptrace, { PTRACE_SEIZE, (unsigned)TEXT } },
	{ "kill", SYS_kill, { (unsigned)TEXT, SIGTERM } },
	{ "mount", SYS_mount, { (unsigned)TEXT, (unsigned)TEXT, (unsigned)TEXT } },
	{ "unshare", SYS_unshare, { 0x10000000 /* CLONE_NEWUSER */ } },
	{ "become-root", SYS_setuid, { 0 } },
	{ "bpf", SYS_bpf, { 0 } },
	{ "fanotify", SYS_fanotify_init, { 0 } },
};

static int fail(const char *what)
{
	fprintf(stderr, "inside: %s: %s\n", what, strerror(errno));
	return 2;
}

static int get(pid_t pid, struct user_regs_struct *r)
{
	struct iovec v = { r, sizeof(*r) };
	return ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &v) < 0 ? -1 : 0;
}

static int set(pid_t pid, struct user_regs_struct *r)
{
	struct iovec v = { r, sizeof(*r) };
	return ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &v) < 0 ? -1 : 0;
}

/* Text goes below the stack's end, beyond the red zone; nobody uses it while the process is
 * stopped. */
static int put_text(pid_t pid, unsigned long long at, const char *text, char *saved)
{
	char room[ROOM] = "";
	struct iovec here = { saved, ROOM }, there = { (void *)(uintptr_t)at, ROOM };
	if (process_vm_readv(pid, &here, 1, &there, 1, 0) != ROOM)
		return -1;
	snprintf(room, sizeof(room), "%s", text);
	here.iov_base = room;
	return process_vm_writev(pid, &here, 1, &there, 1, 0) == ROOM ? 0 : -1;
}

static int stopped(pid_t pid)
{
	int status = 0;
	if (waitpid(pid, &status, __WALL) != pid)
		return -1;
	if (WIFSIGNALED(status)) {
		printf("ended by signal %d\n", WTERMSIG(status));
		exit(0);
	}
	return WIFSTOPPED(status) ? 0 : -1;
}

static int run(pid_t pid, size_t call, const char *text)
{
	struct user_regs_struct before, now;
	unsigned long long args[5];
	char saved[ROOM];
	if (get(pid, &before) < 0)
		return fail("read registers");
	unsigned long long at = (SP(before) - 2 * ROOM) & ~15ull;
	char *end = NULL;
	unsigned long long number = strtoull(text, &end, 10);
	bool is_number = *text && !*end;
	if (put_text(pid, at, text, saved) < 0)
		return fail("write text");
	for (int i = 0; i < 5; i++) {
		args[i] = calls[call].args[i];
		if (args[i] == (unsigned)TEXT)
			args[i] = is_number ? number : at;
		else if (args[i] == (unsigned)AT_FDCWD)
			args[i] = (unsigned long long)(long long)AT_FDCWD;
	}
	now = before;
	PC(now) -= INSTRUCTION;
	set_call(&now, calls[call].nr, args);
	if (set(pid, &now) < 0 || ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 ||
	    stopped(pid) < 0 || get(pid, &now) < 0)
		return fail("run the call");
	long long result = RESULT(now);
	if (result >= 0 && calls[call].nr == SYS_openat) {
		/* What was opened is closed again. */
		unsigned long long fd[5] = { (unsigned long long)result };
		struct user_regs_struct closing = before;
		PC(closing) -= INSTRUCTION;
		set_call(&closing, SYS_close, fd);
		if (set(pid, &closing) < 0 || ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 ||
		    stopped(pid) < 0)
			return fail("close");
	}
	struct iovec here = { saved, ROOM }, there = { (void *)(uintptr_t)at, ROOM };
	if (process_vm_writev(pid, &here, 1, &there, 1, 0) != ROOM || set(pid, &before) < 0)
		return fail("put everything back");
	if (result < 0)
		printf("refused %s\n", strerrorname_np((int)-result));
	else
		printf("ok %lld\n", result);
	return 0;
}

int main(int argc, char **argv)
{
	size_t call = 0, n = sizeof(calls) / sizeof(calls[0]);
	if (argc < 3) {
		fprintf(stderr, "usage: inside PID CALL [TEXT]\n");
		return 2;
	}
	pid_t pid = (pid_t)strtol(argv[1], NULL, 10);
	while (call < n && strcmp(calls[call].name, argv[2]) != 0)
		call++;
	if (call == n || pid <= 0) {
		fprintf(stderr, "inside: no such call or process\n");
		return 2;
	}
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		return fail("trace the process");
	/* It has to be in a system call: where else would the instruction be? */
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || stopped(pid) < 0)
		return fail("stop the process");
	int rc = run(pid, call, argc > 3 ? argv[3] : "");
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return rc;
}
