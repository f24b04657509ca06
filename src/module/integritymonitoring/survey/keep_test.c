#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "module/integritymonitoring/survey/keep.h"

static char folder[64];
static int dir = -1;

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/yagura-keep-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	close(dir);
	return file_remove_tree(AT_FDCWD, folder);
}

/* The nth of a made-up host. */
static struct im_entity entity(unsigned n, char text[static 64])
{
	struct im_entity e = { .class = n % 7 ? IM_FILE : IM_DIRECTORY };
	snprintf(text, 64, "/usr/lib/thing%02u/file%06u.so", n / 1000, n);
	e.key = str_of(text);
	e.has = IM_BIT(IMP_TYPE) | IM_BIT(IMP_CREATED) | IM_BIT(IMP_SHA256) | IM_BIT(IMP_ACL) |
	        IM_BIT(IMP_SIZE);
	e.file = (struct im_file){ .mode = n % 7 ? S_IFREG | 0644 : S_IFDIR | 0755,
		                   .uid = n % 3,
		                   .nlink = 1,
		                   .ino = 100000 + n,
		                   .dev = 0xfe01,
		                   .size = UINT64_C(977) * n,
		                   .blocks = n,
		                   .created = 1700000000000000000 + (int64_t)n * 1000,
		                   .modified = 1600000000000000000 + (int64_t)n * 123456789,
		                   .changed = 1700000000000000000 + (int64_t)n * 1001,
		                   .settled = n % 2 };
	for (unsigned i = 0; i < sizeof(e.file.sha256); i++)
		e.file.sha256[i] = (uint8_t)(n * 31 + i * 7);
	if (n % 5 == 0)
		memset(e.file.acl, 7, sizeof(e.file.acl));
	return e;
}

static int write_some(struct keeper *k, unsigned from, unsigned n)
{
	AUTO(json_decrefp) json_t *source = json_object();
	char text[64];
	int rc = keeper_open(k, dir, "baseline", source, NULL, NULL);
	for (unsigned i = from; rc == 0 && i < from + n; i++) {
		struct im_entity e = entity(i, text);
		keeper_add(k, &e);
	}
	return rc;
}

static struct im_chain written(unsigned from, unsigned n)
{
	AUTO(keeper_close) struct keeper k = { .fd = -1 };
	assert_int_equal(write_some(&k, from, n), 0);
	assert_int_equal(keeper_commit(&k, NULL), 0);
	return k.chain;
}

/* What there is: the root, after every entity was read. */
static int root_of(const char *path, struct im_chain *out, unsigned *n)
{
	AUTO(keep_close) struct keep k = { .fd = -1 };
	struct im_entity e;
	int rc = keep_open(&k, dir, path, NULL);
	*n = 0;
	while (rc == 0) {
		rc = keep_next(&k, &e);
		if (rc == 0)
			break;
		*n += rc > 0;
		rc = rc > 0 ? 0 : rc;
	}
	*out = k.root;
	return rc;
}

static void what_is_written_is_read(void **state)
{
	enum { N = 20000 };
	AUTO(keep_close) struct keep k = { .fd = -1 };
	struct im_entity is;
	char text[64];
	struct stat st;
	(void)state;
	struct im_chain root = written(0, N);
	assert_int_equal(keep_open(&k, dir, "baseline", NULL), 0);
	assert_memory_equal(&k.root, &root, sizeof(root));
	assert_int_equal(k.totals.entities, N);
	for (unsigned i = 0; i < N; i++) {
		struct im_entity was = entity(i, text);
		assert_int_equal(keep_next(&k, &is), 1);
		assert_true(str_eq(is.key, was.key));
		assert_int_equal(is.class, was.class);
		assert_int_equal(im_compare(&was, &is), 0);
		assert_int_equal(is.file.changed, was.file.changed);
		assert_int_equal(is.file.settled, was.file.settled);
	}
	assert_int_equal(keep_next(&k, &is), 0);
	assert_int_equal(keep_next(&k, &is), 0);
	assert_int_equal(fstat(k.fd, &st), 0);
	assert_true(st.st_size / N <= 200);
}

static void write_file(const char *name, const void *p, size_t n)
{
	AUTO(closep) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, p, n), 0);
}

static void refused(const char *p, size_t n)
{
	struct im_chain root;
	unsigned count = 0;
	write_file("torn", p, n);
	assert_int_equal(root_of("torn", &root, &count), -EBADMSG);
	assert_int_equal(count, 0);
}

static void a_torn_file_is_refused_whole(void **state)
{
	AUTO(buf_done) struct buf whole = { 0 };
	(void)state;
	written(0, 3000);
	assert_int_equal(file_read(dir, "baseline", 64 << 20, &whole), 0);
	/* Every length near the ends and the blocks, then every 97th. */
	for (size_t n = 0; n < whole.n; n += n < 200 || n + 200 > whole.n ? 1 : 97)
		refused(whole.p, n);
	/* Sectors that never reached the disk; a bit that is another. */
	for (size_t at = 0; at + 512 < whole.n; at += 4096) {
		AUTO(freep) char *torn = xcalloc(1, whole.n);
		memcpy(torn, whole.p, whole.n);
		memset(torn + at, 0, 512);
		refused(torn, whole.n);
		memcpy(torn, whole.p, whole.n);
		torn[at + 100] = (char)(torn[at + 100] ^ 1);
		refused(torn, whole.n);
	}
	AUTO(freep) char *more = xcalloc(1, whole.n + 1);
	memcpy(more, whole.p, whole.n);
	more[whole.n] = 0;
	refused(more, whole.n + 1);
}

static void a_writer_that_is_killed_leaves_the_last_one(void **state)
{
	struct im_chain before = written(0, 2000), now;
	unsigned n = 0;
	int status = 0;
	(void)state;
	for (unsigned at = 0; at <= 20000; at += 1000) {
		pid_t child = fork();
		if (child == 0) {
			struct keeper k;
			write_some(&k, 5, at);
			/* The last time all is on disk but the name. */
			raise(SIGKILL);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		assert_int_equal(root_of("baseline", &now, &n), 0);
		assert_memory_equal(&now, &before, sizeof(now));
	}
	/* What it left is no hindrance. */
	struct im_chain after = written(1, 100);
	assert_int_equal(root_of("baseline", &now, &n), 0);
	assert_memory_equal(&now, &after, sizeof(now));
	assert_int_equal(faccessat(dir, "baseline.new", F_OK, 0), -1);
}

static void two_writers_do_not_meet(void **state)
{
	AUTO(keeper_close) struct keeper a = { .fd = -1 };
	AUTO(keeper_close) struct keeper b = { .fd = -1 };
	(void)state;
	assert_int_equal(write_some(&a, 0, 10), 0);
	assert_int_equal(write_some(&b, 0, 10), -EBUSY);
	assert_int_equal(keeper_commit(&a, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(a_torn_file_is_refused_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(a_writer_that_is_killed_leaves_the_last_one, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(two_writers_do_not_meet, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
