#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spool/journal.h"
#include "agent/spool/segment.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/rand.h"
#include "base/test.h"

/* ---- a disk with faults: it dies at an operation, is full, forgets what was not synced ---- */

struct unsynced {
	int fd;
	uint64_t at, size; /* the file's size before */
	size_t n;
	char *old;
};

static struct {
	int ops, die_at; /* die_at < 0: never */
	bool torn;       /* the last write leaves a part */
	uint64_t room;   /* bytes that may be written before the disk is full */
	struct unsynced log[4096];
	size_t nlog;
} fault;

static bool dead(void)
{
	return fault.die_at >= 0 && fault.ops++ >= fault.die_at;
}

static void remember(int fd, uint64_t at, size_t n)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(fault.nlog < ARRAY_LEN(fault.log));
	struct unsynced *u = &fault.log[fault.nlog++];
	*u = (struct unsynced){ dup(fd), at, (uint64_t)st.st_size, n, xcalloc(1, n + 1) };
	if (pread(fd, u->old, n, (off_t)at) < 0)
		fail();
}

static void forget(int fd)
{
	struct stat a, b;
	size_t k = 0;
	assert_int_equal(fstat(fd, &a), 0);
	for (size_t i = 0; i < fault.nlog; i++) {
		assert_int_equal(fstat(fault.log[i].fd, &b), 0);
		if (fd >= 0 && a.st_ino != b.st_ino) {
			fault.log[k++] = fault.log[i];
			continue;
		}
		close(fault.log[i].fd);
		free(fault.log[i].old);
	}
	fault.nlog = k;
}

/* The power goes: what was not synced is as it was. */
static void power_loss(void)
{
	while (fault.nlog) {
		struct unsynced *u = &fault.log[--fault.nlog];
		uint64_t end = u->at + u->n < u->size ? u->at + u->n : u->size;
		if (end > u->at && pwrite(u->fd, u->old, end - u->at, (off_t)u->at) < 0)
			fail();
		assert_int_equal(ftruncate(u->fd, (off_t)u->size), 0);
		close(u->fd);
		free(u->old);
	}
}

static void fault_reset(void)
{
	for (size_t i = 0; i < fault.nlog; i++) {
		close(fault.log[i].fd);
		free(fault.log[i].old);
	}
	memset(&fault, 0, sizeof(fault));
	fault.die_at = -1;
	fault.room = UINT64_MAX;
}

static int fault_create(int dir, const char *name)
{
	return dead() ? -EIO : disk_real.create(dir, name);
}

static int fault_write(int fd, const void *p, size_t n, uint64_t at)
{
	struct stat st;
	bool die = dead();
	if (die && (!fault.torn || fault.ops > fault.die_at + 1))
		return -EIO;
	assert_int_equal(fstat(fd, &st), 0);
	uint64_t grows = at + n > (uint64_t)st.st_size ? at + n - (uint64_t)st.st_size : 0;
	if (grows > fault.room) {
		disk_real.write(fd, p, n / 2, at); /* a full disk may take a part */
		return -ENOSPC;
	}
	remember(fd, at, n);
	fault.room -= grows;
	int rc = disk_real.write(fd, p, die ? n / 3 : n, at);
	return die ? -EIO : rc;
}

static int fault_sync(int fd)
{
	if (dead())
		return -EIO;
	forget(fd);
	return 0;
}

static int fault_cut(int fd, uint64_t size)
{
	return dead() ? -EIO : disk_real.cut(fd, size);
}

static int fault_remove(int dir, const char *name)
{
	struct stat st;
	if (dead())
		return -EIO;
	if (fstatat(dir, name, &st, 0) == 0)
		fault.room += fault.room == UINT64_MAX ? 0 : (uint64_t)st.st_size;
	return disk_real.remove(dir, name);
}

static const struct disk disk_faulty = { fault_create, fault_write, fault_sync, fault_cut,
	                                 fault_remove };

/* ---- a journal in a folder ---- */

struct place {
	char path[64];
	struct journal j;
};

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	strcpy(p->path, "/tmp/journal_test.XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->j.dir = p->j.state.fd = -1;
	fault_reset();
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	if (p->j.dir >= 0)
		journal_done(&p->j);
	fault_reset();
	file_remove_tree(AT_FDCWD, p->path);
	free(p);
	return 0;
}

static void reopen(struct place *p, const struct disk *disk, uint64_t max)
{
	struct err why = { { 0 } };
	if (p->j.dir >= 0)
		journal_done(&p->j);
	int dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = journal_open(&p->j, dir, disk, max, &why);
	if (rc < 0)
		fail_msg("%s", why.text);
}

static int add(struct journal *j, enum event_severity severity, int n, size_t size)
{
	char unique[32];
	snprintf(unique, sizeof(unique), "00000000-0000-%08d", n);
	AUTO(freep) char *body = xcalloc(1, size + 64);
	int len = snprintf(body, size + 64, "{\"unique\":\"%s\",\"n\":%d,\"pad\":\"%0*d\"}", unique,
	                   n, (int)size, 0);
	return journal_add(j, severity, str_of(unique), (struct str){ body, (size_t)len });
}

/* Takes everything out; how many events there were, -1 for a batch that is no good. present[n]
 * counts event n; *told adds what loss events say. */
static int drain(struct journal *j, unsigned char *present, int max, int64_t *told)
{
	int total = 0;
	uint64_t last = 0;
	for (;;) {
		AUTO(buf_done) struct buf b = { 0 };
		int n = journal_batch(j, 100, 1 << 20, &b);
		if (n <= 0)
			return n < 0 ? -1 : total;
		struct err why = { { 0 } };
		AUTO(json_decrefp) json_t *batch = json_parse(buf_view(&b), &why);
		const json_t *events = batch ? json_array_at(batch, "events") : NULL;
		if (!events || json_array_size(events) != (size_t)n)
			fail_msg("bad batch: %s: %.200s", why.text, b.p);
		uint64_t first = (uint64_t)json_int(batch, "first", 0);
		assert_true(first > last);
		last = first + (uint64_t)n - 1;
		for (size_t i = 0; i < (size_t)n; i++) {
			const json_t *e = json_array_get(events, i);
			int k = (int)json_int(e, "n", -1);
			if (k >= 0 && k < max)
				present[k]++;
			else
				*told += json_int(json_object_at(e, "fields"), "Count", 0);
		}
		total += n;
		assert_int_equal(journal_ack(j, last), 0);
	}
}

static unsigned files_in(const char *path)
{
	unsigned n = 0;
	DIR *d = opendir(path);
	for (const struct dirent *e = readdir(d); e; e = readdir(d))
		n += strstr(e->d_name, ".seg") != NULL;
	closedir(d);
	return n;
}

/* ---- tests ---- */

static void events_survive_a_restart_in_order_and_leave_after_the_ack(void **state)
{
	struct place *p = *state;
	unsigned char present[2000] = { 0 };
	int64_t told = 0;
	reopen(p, &disk_real, 64 << 20);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(add(&p->j, (enum event_severity)(i % 3), i, 100), JOURNAL_KEPT);
	assert_int_equal(journal_commit(&p->j), 0);
	reopen(p, &disk_real, 64 << 20);
	assert_int_equal(journal_events(&p->j), 2000);
	assert_int_equal(p->j.damaged, 0);
	assert_int_equal(drain(&p->j, present, 2000, &told), 2000);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(present[i], 1);
	assert_int_equal(files_in(p->path), 0);
	reopen(p, &disk_real, 64 << 20);
	assert_int_equal(journal_events(&p->j), 0);
}

static void a_known_event_is_not_kept_twice(void **state)
{
	struct place *p = *state;
	reopen(p, &disk_real, 64 << 20);
	assert_int_equal(add(&p->j, SEVERITY_INFO, 1, 10), JOURNAL_KEPT);
	assert_int_equal(add(&p->j, SEVERITY_INFO, 1, 10), JOURNAL_KNOWN);
	assert_int_equal(journal_commit(&p->j), 0);
	reopen(p, &disk_real, 64 << 20);
	assert_int_equal(add(&p->j, SEVERITY_INFO, 1, 10), JOURNAL_KNOWN);
	assert_int_equal(journal_events(&p->j), 1);
}

static void a_number_is_never_given_twice(void **state)
{
	struct place *p = *state;
	uint64_t last = 0;
	for (int round = 0; round < 4; round++) {
		reopen(p, &disk_real, 64 << 20);
		assert_true(p->j.next > 0);
		reopen(p, &disk_real, 64 << 20);
		assert_true(p->j.next > last);
		for (int i = 0; i < 10; i++)
			add(&p->j, SEVERITY_INFO, round * 10 + i, 10);
		assert_int_equal(journal_commit(&p->j), 0);
		last = p->j.next - 1;
		journal_done(&p->j);
		DIR *d = opendir(p->path);
		/* All is lost but the state, or the state is. */
		const char *lost = round == 1 ? "state" : round == 3 ? "nothing" : ".seg";
		for (const struct dirent *e = readdir(d); e; e = readdir(d))
			if (strstr(e->d_name, lost))
				unlinkat(dirfd(d), e->d_name, 0);
		closedir(d);
	}
}

static void segment_path(struct place *p, char *out, size_t n)
{
	DIR *d = opendir(p->path);
	for (const struct dirent *e = readdir(d); e; e = readdir(d))
		if (strstr(e->d_name, ".seg"))
			snprintf(out, n, "%s/%s", p->path, e->d_name);
	closedir(d);
}

static void a_damaged_segment_loses_only_what_is_damaged(void **state)
{
	struct place *p = *state;
	char path[PATH_MAX] = "";
	unsigned char present[100] = { 0 };
	int64_t told = 0;
	reopen(p, &disk_real, 64 << 20);
	for (int i = 0; i < 100; i++)
		add(&p->j, SEVERITY_WARNING, i, 100);
	assert_int_equal(journal_commit(&p->j), 0);
	uint64_t at = p->j.items[50].body_at;
	segment_path(p, path, sizeof(path));
	journal_done(&p->j);
	AUTO(closep) int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "\xff", 1, (off_t)at), 1);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, st.st_size - 5), 0);
	reopen(p, &disk_real, 64 << 20);
	assert_true(p->j.damaged > 0);
	assert_int_equal(drain(&p->j, present, 100, &told), 98);
	assert_int_equal(present[50], 0);
	assert_int_equal(present[99], 0);
	assert_int_equal(present[51], 1);
}

/* What was kept is there once or counted as lost, never both. */
static void the_count_holds(struct journal *j, int kept, int64_t refused, unsigned char *present)
{
	int64_t told = 0;
	int found = 0;
	assert_true(drain(j, present, kept, &told) >= 0);
	for (int i = 0; i < kept; i++) {
		assert_true(present[i] <= 1);
		found += present[i];
	}
	assert_int_equal(found + told + (int64_t)j->state.s.untold, kept + refused);
	assert_int_equal(j->state.s.lost, kept + refused - found);
}

static void a_full_spool_gives_up_the_oldest_of_the_lowest_severity(void **state)
{
	struct place *p = *state;
	enum { N = 4000 };
	unsigned char present[N] = { 0 };
	reopen(p, &disk_real, 1 << 20);
	for (int i = 0; i < N; i++)
		assert_int_equal(add(&p->j, i % 10 == 0 ? SEVERITY_ERROR : SEVERITY_INFO, i, 500),
		                 JOURNAL_KEPT);
	assert_int_equal(journal_commit(&p->j), 0);
	assert_int_equal(journal_tell(&p->j), 1);
	assert_true(p->j.bytes <= 1 << 20);
	reopen(p, &disk_real, 1 << 20);
	the_count_holds(&p->j, N, 0, present);
	int first = 1;
	while (first < N && (present[first] == 0 || first % 10 == 0))
		first++;
	assert_in_range(first, 2, N - 100);
	for (int i = 0; i < N; i++)
		assert_int_equal(present[i], i % 10 == 0 || i >= first);
}

static void an_event_that_is_lower_than_all_that_is_kept_is_the_one_that_goes(void **state)
{
	struct place *p = *state;
	unsigned char present[3000] = { 0 };
	reopen(p, &disk_real, 1 << 20);
	int n = 0;
	while (p->j.state.s.lost == 0)
		add(&p->j, SEVERITY_ERROR, n++, 500);
	while (p->j.bytes + 600 < p->j.max_bytes)
		add(&p->j, SEVERITY_ERROR, n++, 500);
	assert_int_equal(add(&p->j, SEVERITY_INFO, 2999, 600), JOURNAL_LOST);
	assert_int_equal(journal_commit(&p->j), 0);
	reopen(p, &disk_real, 1 << 20);
	the_count_holds(&p->j, n, 1, present);
}

static void what_is_told_again_is_lost_once(void **state)
{
	struct place *p = *state;
	unsigned char present[3001] = { 0 };
	reopen(p, &disk_real, 1 << 20);
	int n = 0;
	while (p->j.state.s.lost == 0)
		add(&p->j, SEVERITY_ERROR, n++, 500);
	uint64_t lost = p->j.state.s.lost;
	/* Those that were given up for newer ones: there is room for them again, so they come back
	 * and leave the count, and the oldest after them go. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(add(&p->j, SEVERITY_ERROR, i, 500), JOURNAL_KEPT);
	assert_true(p->j.state.s.lost < lost + 20);
	while (p->j.bytes + 600 < p->j.max_bytes)
		add(&p->j, SEVERITY_ERROR, n++, 500);
	lost = p->j.state.s.lost;
	for (int i = 0; i < 5; i++)
		assert_int_equal(add(&p->j, SEVERITY_INFO, 3000, 600), JOURNAL_LOST);
	assert_int_equal(p->j.state.s.lost, lost + 1);
	assert_int_equal(journal_commit(&p->j), 0);
	the_count_holds(&p->j, n, 1, present);
}

static void a_loss_that_was_told_is_not_told_again(void **state)
{
	struct place *p = *state;
	reopen(p, &disk_real, 1 << 20);
	for (int n = 0; p->j.bytes + 2000 < p->j.max_bytes; n++)
		add(&p->j, SEVERITY_ERROR, n, 500);
	assert_int_equal(add(&p->j, SEVERITY_INFO, 5000, 2000), JOURNAL_LOST);
	uint64_t lost = p->j.state.s.lost;
	assert_int_equal(journal_commit(&p->j), 0);
	assert_int_equal(journal_tell(&p->j), 1);
	assert_int_equal(journal_limit(&p->j, 4 << 20), 0);
	assert_int_equal(add(&p->j, SEVERITY_INFO, 5000, 2000), JOURNAL_KEPT);
	assert_int_equal(p->j.state.s.lost, lost);
	assert_int_equal(p->j.state.s.untold, 0);
}

static void a_full_disk_is_like_a_full_spool(void **state)
{
	struct place *p = *state;
	enum { N = 3000 };
	unsigned char present[N] = { 0 };
	reopen(p, &disk_faulty, 64 << 20);
	fault.room = 1 << 20;
	int lost = 0;
	for (int i = 0; i < N; i++) {
		int rc = add(&p->j, SEVERITY_INFO, i, 800);
		assert_true(rc == JOURNAL_KEPT || rc == JOURNAL_LOST);
		lost += rc == JOURNAL_LOST;
		if (i % 50 == 0)
			assert_int_equal(journal_commit(&p->j), 0);
	}
	assert_int_equal(journal_commit(&p->j), 0);
	assert_true(p->j.state.s.lost > 0);
	assert_true(journal_tell(&p->j) >= 0);
	(void)lost;
	fault_reset();
	reopen(p, &disk_real, 64 << 20);
	assert_int_equal(p->j.damaged, 0);
	the_count_holds(&p->j, N, 0, present);
}

static void what_the_manager_is_being_given_stays(void **state)
{
	struct place *p = *state;
	AUTO(buf_done) struct buf b = { 0 };
	reopen(p, &disk_real, 1 << 20);
	for (int i = 0; i < 200; i++)
		add(&p->j, SEVERITY_INFO, i, 500);
	assert_int_equal(journal_commit(&p->j), 0);
	assert_int_equal(journal_batch(&p->j, 50, 1 << 20, &b), 50);
	for (int i = 200; i < 4000; i++)
		assert_int_equal(add(&p->j, SEVERITY_INFO, i, 500), JOURNAL_KEPT);
	for (size_t i = 0; i < 50; i++)
		assert_non_null(p->j.items[i].segment);
	assert_true(p->j.state.s.lost > 0);
}

/* Runs events through a journal that dies at operation `at`; false: it was over before. */
static bool die_and_come_back(struct place *p, int at, bool torn, bool power)
{
	enum { N = 900 };
	unsigned char present[N] = { 0 };
	int committed = 0, added = 0;
	file_remove_tree(AT_FDCWD, p->path);
	assert_int_equal(mkdir(p->path, 0700), 0);
	fault_reset();
	reopen(p, &disk_faulty, 256 << 10);
	fault.die_at = at;
	fault.ops = 0;
	fault.torn = torn;
	int rc = 0;
	while (rc >= 0 && added < N) {
		rc = add(&p->j, added % 7 ? SEVERITY_INFO : SEVERITY_WARNING, added, 900);
		added += rc >= 0;
		if (rc >= 0 && added % 20 == 0) {
			rc = journal_commit(&p->j);
			if (rc >= 0)
				committed = added;
			if (rc >= 0 && added % 200 == 0)
				rc = journal_tell(&p->j);
		}
	}
	bool died = rc < 0;
	if (power)
		power_loss();
	fault_reset();
	reopen(p, &disk_real, 256 << 10);
	int64_t told = 0;
	int found = 0, more = 0;
	assert_true(drain(&p->j, present, N, &told) >= 0);
	for (int i = 0; i < N; i++) {
		assert_true(present[i] <= 1);
		found += i < committed ? present[i] : 0;
		more += i >= committed ? present[i] : 0;
	}
	int64_t lost = told + (int64_t)p->j.state.s.untold;
	if (found + lost < committed || found + more + lost > added + 1)
		fail_msg("died at %d: %d of %d kept events are there, %d are lost", at, found,
		         committed, (int)lost);
	assert_true((int64_t)p->j.state.s.lost >= lost);
	return died;
}

static void no_moment_of_dying_loses_a_kept_event(void **state)
{
	struct place *p = *state;
	static const struct {
		const char *why;
		bool torn, power;
	} ways[] = { { "killed between operations", false, false },
		     { "killed in the middle of a write", true, false },
		     { "power lost", false, true },
		     { "power lost in the middle of a write", true, true } };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		for (int at = 0; die_and_come_back(p, at, ways[i].torn, ways[i].power);
		     at += 1 + at / 40)
			;
}

/* The child adds and says on the pipe what is kept, until it is killed. */
static void child_adds(const char *path, int from, int out)
{
	struct journal j;
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (journal_open(&j, dir, &disk_real, 64 << 20, NULL) < 0)
		_exit(1);
	for (int n = from;; n++) {
		if (add(&j, SEVERITY_INFO, n, 200) < 0)
			_exit(1);
		if (n % 8 == 7 && (journal_commit(&j) < 0 || write(out, &n, sizeof(n)) < 0))
			_exit(1);
	}
}

static void kill_9_at_any_moment_loses_no_kept_event(void **state)
{
	struct place *p = *state;
	enum { N = 200000 };
	AUTO(freep) unsigned char *present = xcalloc(1, N);
	int from = 0, kept = 0;
	for (int round = 0; round < 12 && kept < N / 2; round++) {
		int pipe_fd[2];
		unsigned wait_us = 0;
		rand_bytes(&wait_us, sizeof(wait_us));
		assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
		pid_t pid = fork();
		if (pid == 0)
			child_adds(p->path, from, pipe_fd[1]);
		close(pipe_fd[1]);
		int last = 0;
		assert_int_equal(read(pipe_fd[0], &last, sizeof(last)), sizeof(last));
		usleep(wait_us % 20000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		int n = 0;
		while (read(pipe_fd[0], &n, sizeof(n)) == (ssize_t)sizeof(n))
			last = n;
		close(pipe_fd[0]);
		kept = last + 1;
		from = kept;
	}
	int64_t told = 0;
	reopen(p, &disk_real, 64 << 20);
	assert_true(drain(&p->j, present, N, &told) >= kept);
	for (int i = 0; i < kept; i++)
		assert_int_equal(present[i], 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(events_survive_a_restart_in_order_and_leave_after_the_ack),
		T(a_known_event_is_not_kept_twice),
		T(a_number_is_never_given_twice),
		T(a_damaged_segment_loses_only_what_is_damaged),
		T(a_full_spool_gives_up_the_oldest_of_the_lowest_severity),
		T(an_event_that_is_lower_than_all_that_is_kept_is_the_one_that_goes),
		T(what_is_told_again_is_lost_once),
		T(a_loss_that_was_told_is_not_told_again),
		T(a_full_disk_is_like_a_full_spool),
		T(what_the_manager_is_being_given_stays),
		T(no_moment_of_dying_loses_a_kept_event),
		T(kill_9_at_any_moment_loses_no_kept_event),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
