#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/test.h"
#include "proc/link.h"

/* ---- loop and messages ---- */

struct counter {
	struct watch watch;
	struct loop *loop;
	struct watch *victim;
	int n;
};

static void count(struct watch *w, uint32_t events)
{
	(void)events;
	struct counter *c = CONTAINER_OF(w, struct counter, watch);
	loop_tick(w);
	c->n++;
	if (c->victim)
		loop_del(c->loop, c->victim);
}

static void a_watch_deleted_in_the_same_batch_is_not_called(void **state)
{
	(void)state;
	struct loop l;
	assert_int_equal(loop_init(&l), 0);
	struct counter a = { .watch.ready = count, .loop = &l }, b = a;
	a.victim = &b.watch;
	b.victim = &a.watch;
	assert_int_equal(loop_timer(&l, &a.watch, 1, 0), 0);
	assert_int_equal(loop_timer(&l, &b.watch, 1, 0), 0);
	usleep(5000);
	assert_int_equal(loop_once(&l, 1000), 0);
	assert_int_equal(a.n + b.n, 1);
	loop_del(&l, &a.watch);
	loop_del(&l, &b.watch);
	loop_done(&l);
}

struct ends {
	struct loop loop;
	struct peer a, b;
	int got, lost, fds;
	uint32_t last_type;
	size_t last_len;
	int answer;
};

static int on_message(struct peer *p, struct imsg *m)
{
	struct ends *e = p->owner;
	struct imsg_body body;
	e->got++;
	e->last_type = m->type;
	e->fds += m->fd >= 0 && !m->big;
	if (imsg_body(m, 1 << 20, &body) < 0)
		return -EBADMSG;
	e->last_len = body.s.n;
	imsg_body_done(&body);
	return e->answer;
}

static void on_lost(struct peer *p)
{
	((struct ends *)p->owner)->lost++;
}

static void ends_open(struct ends *e)
{
	int pair[2];
	*e = (struct ends){ 0 };
	assert_int_equal(loop_init(&e->loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	e->a.owner = e->b.owner = e;
	e->a.got = e->b.got = on_message;
	e->a.lost = e->b.lost = on_lost;
	assert_int_equal(peer_init(&e->a, &e->loop, pair[0], 1, 0), 0);
	assert_int_equal(peer_init(&e->b, &e->loop, pair[1], 2, 0), 0);
}

static void ends_close(struct ends *e)
{
	peer_done(&e->a);
	peer_done(&e->b);
	loop_done(&e->loop);
}

static void pump(struct ends *e)
{
	for (int i = 0; i < 20; i++)
		loop_once(&e->loop, 0);
}

static void messages_keep_their_boundaries_and_descriptors(void **state)
{
	(void)state;
	struct ends e;
	ends_open(&e);
	AUTO(closep) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct imsg m = { .type = 7, .len = 5, .fd = fd, .data = (const uint8_t *)"hello" };
	assert_int_equal(peer_send(&e.a, &m), 0);
	m.fd = -1;
	m.len = 0;
	assert_int_equal(peer_send(&e.a, &m), 0);
	pump(&e);
	assert_int_equal(e.got, 2);
	assert_int_equal(e.fds, 1);
	assert_int_equal(e.last_len, 0);
	static char big[200000];
	assert_int_equal(peer_send_big(&e.b, 9, 1, (struct str){ big, sizeof(big) }), 0);
	pump(&e);
	assert_int_equal(e.last_type, 9);
	assert_int_equal(e.last_len, sizeof(big));
	ends_close(&e);
}

static void a_stuck_peer_is_queued_for_and_then_refused(void **state)
{
	(void)state;
	struct ends e;
	ends_open(&e);
	static uint8_t body[IMSG_MAX];
	struct imsg m = { .type = 1, .len = sizeof(body), .fd = -1, .data = body };
	int sent = 0, rc = 0;
	while (rc == 0 && sent < 10000) {
		rc = peer_send(&e.a, &m);
		sent += rc == 0;
	}
	assert_int_equal(rc, -ENOBUFS);
	for (int i = 0; i < 10000 && e.got < sent; i++)
		loop_once(&e.loop, 0);
	assert_int_equal(e.got, sent);
	ends_close(&e);
}

static void a_malformed_datagram_drops_its_sender(void **state)
{
	(void)state;
	static const uint32_t bad[][5] = { { 1, 0, 99, 0, 0 },
		                           { 1, 0, 4, 0x80, 0 },
		                           { 1, 0, 0, 0, 0 } };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct ends e;
		ends_open(&e);
		assert_int_equal(send(e.a.watch.fd, bad[i], sizeof(bad[i]), 0), sizeof(bad[i]));
		pump(&e);
		assert_int_equal(e.got, 0);
		assert_int_equal(e.lost,
		                 2); /* the receiver dropped it, then the sender saw the end */
		ends_close(&e);
	}
	struct ends e;
	ends_open(&e);
	assert_int_equal(send(e.a.watch.fd, "xx", 2, 0), 2);
	pump(&e);
	assert_int_equal(e.lost, 2);
	ends_close(&e);
}

static void a_body_in_a_memfd_that_can_still_change_is_refused(void **state)
{
	(void)state;
	AUTO(closep) int fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct imsg m = { .big = true, .fd = fd };
	struct imsg_body body;
	assert_int_equal(imsg_body(&m, 100, &body), -EPERM);
}

/* ---- a program of three processes ---- */

enum { T_GUARD, T_ASKER, T_WORKER, T_COUNT };
enum { M_ASK, M_ANSWER, M_DIE, M_REPORT, M_RUDE, M_COUNT };

static const struct imsg_rule rules[] = {
	[M_ASK] = { "ASK", 1u << T_ASKER, 1u << T_WORKER, true, 64 },
	[M_ANSWER] = { "ANSWER", 1u << T_WORKER, 1u << T_ASKER, false, 64 },
	[M_DIE] = { "DIE", 1u << T_ASKER, 1u << T_WORKER, false, 0 },
	[M_REPORT] = { "REPORT", 1u << T_ASKER, 1u << T_GUARD, false, 64 },
	[M_RUDE] = { "RUDE", 1u << T_ASKER, 1u << T_WORKER, false, 0 },
};

static int answers;

static int worker_ask(struct self *me, struct peer *p, struct imsg *m)
{
	char c = 0;
	/* A descriptor that the asker's guard opened, read by a process that may open nothing. */
	if (m->fd < 0 || pread(m->fd, &c, 1, 0) != 1 || c != 'x')
		return -EINVAL;
	return self_send(me, p->who, 0, M_ANSWER, m->id, STR("yes"));
}

static int worker_die(struct self *me, struct peer *p, struct imsg *m)
{
	(void)me, (void)p, (void)m;
	_exit(3);
}

/* Sends what the table does not permit. */
static int worker_rude(struct self *me, struct peer *p, struct imsg *m)
{
	(void)m;
	return self_send(me, p->who, 0, M_DIE, 0, (struct str){ 0 });
}

static void asker_up(struct self *me, struct peer *p)
{
	if (p->who != T_WORKER)
		return;
	int fd = *(int *)me->state;
	struct imsg m = {
		.type = M_ASK, .id = 5, .len = 2, .fd = fd, .data = (const uint8_t *)"hi"
	};
	peer_send(p, &m);
}

static int asker_start(struct self *me)
{
	static int fd;
	fd = self_take_fd(me, "input");
	me->state = &fd;
	return fd < 0 ? fd : 0;
}

static int asker_answer(struct self *me, struct peer *p, struct imsg *m)
{
	/* Message ids 0, 1, 2: first ask it to die, then to misbehave, then all is well. */
	(void)p;
	char text[16];
	snprintf(text, sizeof(text), "%d", ++answers);
	if (m->id != 5)
		return -EINVAL;
	self_send(me, T_GUARD, 0, M_REPORT, 0, str_of(text));
	if (answers == 1)
		return self_send(me, T_WORKER, 0, M_DIE, 0, (struct str){ 0 });
	if (answers == 2)
		return self_send(me, T_WORKER, 0, M_RUDE, 0, (struct str){ 0 });
	return 0;
}

static int guard_report(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	printf("report %.*s\n", (int)m->len, (const char *)m->data);
	fflush(stdout);
	(void)me;
	return 0;
}

static int asker_prepare(struct self *guard, unsigned instance,
                         struct birth_fd out[static BIRTH_FDS_MAX])
{
	(void)guard, (void)instance;
	out[0] = (struct birth_fd){ "input", file_memfd("input", "x", 1) };
	return 1;
}

static int (*const worker_on[M_COUNT])(struct self *, struct peer *, struct imsg *) = {
	[M_ASK] = worker_ask, [M_DIE] = worker_die, [M_RUDE] = worker_rude
};
static int (*const asker_on[M_COUNT])(struct self *, struct peer *,
                                      struct imsg *) = { [M_ANSWER] = asker_answer };
static int (*const guard_on[M_COUNT])(struct self *, struct peer *,
                                      struct imsg *) = { [M_REPORT] = guard_report };

static const struct proc procs[T_COUNT] = {
	[T_GUARD] = { .name = "guard", .on = guard_on },
	[T_ASKER] = { .name = "asker",
	              .user = "yagura-test-none",
	              .prepare = asker_prepare,
	              .start = asker_start,
	              .up = asker_up,
	              .on = asker_on },
	[T_WORKER] = { .name = "worker", .user = "yagura-test-none", .on = worker_on },
};

static int parse(struct self *me, int argc, char **argv)
{
	(void)argc, (void)argv;
	me->lib = me->etc = me->run = "/tmp";
	return 0;
}

static const struct program program = { "test", procs, T_COUNT, rules, M_COUNT, parse };

struct started {
	pid_t pid;
	FILE *out;
};

static struct started start_program(void)
{
	int out[2];
	assert_int_equal(pipe(out), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		alarm(60);
		execl("/proc/self/exe", "proc_test", "program", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	return (struct started){ pid, fdopen(out[0], "r") };
}

static void dead_and_rude_workers_are_replaced_and_linked_again(void **state)
{
	(void)state;
	struct started s = start_program();
	char line[64];
	for (int i = 1; i <= 3; i++) {
		char want[32];
		snprintf(want, sizeof(want), "report %d\n", i);
		assert_non_null(fgets(line, sizeof(line), s.out));
		assert_string_equal(line, want);
	}
	kill(s.pid, SIGTERM);
	int status = 0;
	assert_int_equal(waitpid(s.pid, &status, 0), s.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	/* The workers held the pipe's other end; its end says that all are gone. */
	assert_null(fgets(line, sizeof(line), s.out));
	fclose(s.out);
}

/* As in an upgrade: the file of the program is gone while its processes run. */
static void a_program_whose_file_was_replaced_starts_its_processes_again(void **state)
{
	(void)state;
	char path[] = "/tmp/yagura-proc-XXXXXX", line[64], link[64];
	int out[2];
	AUTO(closep) int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = mkstemp(path);
	assert_true(from >= 0 && to >= 0);
	while (sendfile(to, from, NULL, 1 << 20) > 0)
		;
	assert_int_equal(fchmod(to, 0755), 0);
	close(to);
	assert_int_equal(pipe(out), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		alarm(60);
		execl(path, "proc_test", "program", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	FILE *said = fdopen(out[0], "r");
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	for (ssize_t n = 0; n < (ssize_t)strlen(path) || strncmp(line, path, strlen(path)) != 0;)
		n = readlink(link, line, sizeof(line));
	unlink(path);
	for (int i = 1; i <= 3; i++)
		assert_non_null(fgets(line, sizeof(line), said));
	kill(pid, SIGTERM);
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	fclose(said);
}

static void nobody_outlives_a_killed_guard(void **state)
{
	(void)state;
	struct started s = start_program();
	char line[64];
	assert_non_null(fgets(line, sizeof(line), s.out));
	kill(s.pid, SIGKILL);
	waitpid(s.pid, NULL, 0);
	while (fgets(line, sizeof(line), s.out))
		;
	assert_true(feof(s.out));
	fclose(s.out);
}

/* ---- a pair that is replaced ---- */

static int downs, ups;

static void on_down(struct self *me, struct peer *p)
{
	assert_int_equal(p->who, T_WORKER);
	assert_false(peer_is_up(self_peer(me, T_WORKER, 0)));
	downs++;
}

static void on_up(struct self *me, struct peer *p)
{
	(void)me;
	assert_int_equal(p->birth, ++ups);
}

/*
 * A process was started again, and its new pair comes before the end of the old one was read: who
 * waits for an answer from the old one must hear that none will come, else it waits for ever.
 */
static void a_pair_that_is_replaced_is_told_as_down(void **state)
{
	(void)state;
	static const struct proc row = { .name = "asker", .up = on_up, .down = on_down };
	struct self me = { .program = &program, .proc = &row, .id = T_ASKER, .started = true };
	int first[2], second[2];
	uint32_t at[3] = { T_WORKER, 0, 1 };
	struct imsg m = { .type = LINK_PEER, .len = sizeof(at), .data = (const uint8_t *)at };
	me.peers = xcalloc((size_t)T_COUNT * INSTANCES_MAX, sizeof(*me.peers));
	assert_int_equal(loop_init(&me.loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, first), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, second), 0);
	m.fd = first[0];
	assert_int_equal(link_peer(&me, &m), 0);
	assert_int_equal(downs, 0);
	at[2] = 2;
	m.fd = second[0];
	assert_int_equal(link_peer(&me, &m), 0);
	assert_int_equal(downs, 1);
	assert_int_equal(ups, 2);
	close(first[1]);
	close(second[1]);
	peer_done(self_peer(&me, T_WORKER, 0));
	loop_done(&me.loop);
	free(me.peers);
}

/* ---- sandbox ---- */

static int in_box(const struct sandbox *box, int (*what)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		struct self me = {
			.lib = "/tmp", .etc = "/tmp", .run = "/tmp", .program = &program
		};
		me.proc = &procs[T_WORKER];
		struct err why = { { 0 } };
		if (sandbox_enter(box, "yagura-test-none", 9, &me, &why) < 0) {
			fprintf(stderr, "%s\n", why.text);
			_exit(99);
		}
		_exit(what());
	}
	int status = 0;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int try_open(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static int try_write(void)
{
	return open("/tmp/yagura-sandbox", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
}

static int try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

static int try_packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0;
}

static int try_ptrace(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static int try_exec(void)
{
	char *argv[] = { NULL };
	execve("/bin/true", argv, argv);
	return 0;
}

static int try_root(void)
{
	return setuid(0) == 0 || geteuid() == 0;
}

static int fill_root(void)
{
	static char block[1 << 16];
	int fd = open("/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return 1;
	for (int i = 0; i < 64; i++) /* 4 MiB into a root of 2 */
		if (write(fd, block, sizeof(block)) < 0)
			return errno == ENOSPC && access("/etc", F_OK) < 0 ? 7 : 2;
	return 3;
}

static void a_box_refuses_what_it_does_not_name(void **state)
{
	(void)state;
	const int killed = YAGURA_SANITIZED ? 0 : 128 + SIGSYS;
	static const char *const passwd[] = { "/etc/passwd", NULL };
	const struct sandbox tight = { 0 }, reader = { .read = passwd }, net = { .net = true };
	assert_int_equal(in_box(&tight, try_open), 0);
	assert_int_equal(in_box(&tight, try_socket), 0);
	assert_int_equal(in_box(&tight, try_ptrace), killed);
	assert_int_equal(in_box(&tight, try_exec), killed);
	assert_int_equal(in_box(&reader, try_open), 1);
	assert_int_equal(in_box(&reader, try_write), 0);
	assert_int_equal(in_box(&net, try_socket), 1);
	assert_int_equal(in_box(&net, try_packet_socket), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(in_box(&tight, try_root), 0);
	const struct sandbox rooted = { .root_mib = 2 };
	assert_int_equal(in_box(&rooted, fill_root), 7);
	rmdir("/tmp/root.worker");
}

int main(int argc, char **argv)
{
	if (argc > 1 && (strcmp(argv[1], "program") == 0 || strcmp(argv[1], "-P") == 0))
		return proc_main(&program, argc, argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_watch_deleted_in_the_same_batch_is_not_called),
		cmocka_unit_test(messages_keep_their_boundaries_and_descriptors),
		cmocka_unit_test(a_stuck_peer_is_queued_for_and_then_refused),
		cmocka_unit_test(a_malformed_datagram_drops_its_sender),
		cmocka_unit_test(a_body_in_a_memfd_that_can_still_change_is_refused),
		cmocka_unit_test(a_pair_that_is_replaced_is_told_as_down),
		cmocka_unit_test(dead_and_rude_workers_are_replaced_and_linked_again),
		cmocka_unit_test(a_program_whose_file_was_replaced_starts_its_processes_again),
		cmocka_unit_test(nobody_outlives_a_killed_guard),
		cmocka_unit_test(a_box_refuses_what_it_does_not_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
