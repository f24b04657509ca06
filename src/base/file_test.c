#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/test.h"

static char top[] = "/tmp/yagura-file-XXXXXX";
static int dir = -1; /* of top */

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(top))
		return -1;
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(TAKE_FD(dir));
	return file_remove_tree(AT_FDCWD, top);
}

static void expect(const char *path, const char *content)
{
	AUTO(buf_done) struct buf b = { 0 };
	assert_int_equal(file_read(dir, path, 100, &b), 0);
	assert_string_equal(b.p, content);
}

static unsigned names_in(const char *path)
{
	DIR *d = fdopendir(openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	assert_non_null(d);
	unsigned n = 0;
	for (const struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void a_replaced_file_has_content_and_mode(void **state)
{
	(void)state;
	assert_int_equal(file_mkdirs(dir, "a/b", 0700, (uid_t)-1, (gid_t)-1), 0);
	mode_t mask = umask(077);
	assert_int_equal(file_replace(dir, "a/b/f", "one", 3, 0600), 0);
	assert_int_equal(file_replace(dir, "a/b/f", "two!", 4, 0644), 0);
	umask(mask);
	expect("a/b/f", "two!");
	struct stat st;
	assert_int_equal(fstatat(dir, "a/b/f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(names_in("a/b"), 1);
	assert_int_equal(file_replace(dir, "nowhere/f", "x", 1, 0600), -ENOENT);
	assert_int_equal(file_replace(dir, "a", "x", 1, 0600), -EISDIR);
	assert_int_equal(names_in("a"), 1);
}

/* A child that is killed before or after its nth system call; false when it ended by itself. */
static bool replace_until_call(unsigned n)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(file_replace(dir, "crash", "new content", 11, 0600) < 0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSTOPPED(status));
	for (unsigned i = 0; i < n && WIFSTOPPED(status); i++) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
	}
	if (!WIFSTOPPED(status)) {
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		return false;
	}
	kill(child, SIGKILL);
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status))
		;
	return true;
}

static void a_crash_at_any_moment_leaves_the_old_or_the_new(void **state)
{
	(void)state;
	unsigned n = 1, olds = 0, news = 0;
	bool killed = true;
	for (; killed; n++) {
		/* What the crashes before left behind is harmless. */
		assert_int_equal(file_replace(dir, "crash", "old", 3, 0600), 0);
		killed = replace_until_call(n);
		AUTO(buf_done) struct buf b = { 0 };
		assert_int_equal(file_read(dir, "crash", 100, &b), 0);
		olds += str_is(buf_view(&b), "old");
		news += str_is(buf_view(&b), "new content");
		assert_int_equal(olds + news, n);
	}
	/* It was killed before and after the rename, so both were seen. */
	assert_true(olds > 3 && news > 3);
	assert_true(names_in(".") > 2);
}

static void a_file_longer_than_allowed_is_refused(void **state)
{
	(void)state;
	static const char zeros[40000];
	assert_int_equal(file_replace(dir, "long", zeros, sizeof(zeros), 0600), 0);
	AUTO(buf_done) struct buf b = { .max = sizeof(zeros) + 1 };
	assert_int_equal(file_read(dir, "long", sizeof(zeros), &b), 0);
	assert_int_equal(b.n, sizeof(zeros));
	buf_clear(&b);
	assert_int_equal(file_read(dir, "long", sizeof(zeros) - 1, &b), -EFBIG);
	buf_clear(&b);
	assert_int_equal(file_read(dir, "long", 0, &b), -EFBIG);
	assert_int_equal(file_read(dir, "absent", 10, &b), -ENOENT);
}

static void a_pipe_in_a_files_place_keeps_nobody_waiting(void **state)
{
	(void)state;
	assert_int_equal(mkfifoat(dir, "pipe", 0600), 0);
	AUTO(buf_done) struct buf b = { 0 };
	assert_int_equal(file_read(dir, "pipe", 10, &b), -ESPIPE);
}

static void folders_are_made_with_their_mode(void **state)
{
	(void)state;
	mode_t mask = umask(077);
	assert_int_equal(file_mkdirs(dir, "x/y/z", 0755, getuid(), getgid()), 0);
	umask(mask);
	struct stat st;
	assert_int_equal(fstatat(dir, "x/y", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(file_mkdirs(dir, "x/y/z", 0700, (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(fstatat(dir, "x/y/z", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(file_replace(dir, "x/file", "", 0, 0600), 0);
	assert_int_equal(file_mkdirs(dir, "x/file", 0700, (uid_t)-1, (gid_t)-1), -ENOTDIR);
	assert_int_equal(file_mkdirs(dir, "x/file/y", 0700, (uid_t)-1, (gid_t)-1), -ENOTDIR);
	assert_int_equal(file_mkdirs(dir, "", 0700, (uid_t)-1, (gid_t)-1), -EINVAL);
}

static void a_tree_is_removed_without_following_links(void **state)
{
	(void)state;
	assert_int_equal(file_mkdirs(dir, "t/u/v", 0700, (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(file_mkdirs(dir, "kept", 0700, (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(file_replace(dir, "kept/f", "here", 4, 0600), 0);
	assert_int_equal(symlinkat("../../kept", dir, "t/u/link"), 0);
	assert_int_equal(symlinkat("kept", dir, "link"), 0);
	assert_int_equal(file_remove_tree(dir, "t"), 0);
	assert_int_equal(faccessat(dir, "t", F_OK, 0), -1);
	assert_int_equal(file_remove_tree(dir, "link"), 0);
	assert_int_equal(file_remove_tree(dir, "absent"), 0);
	expect("kept/f", "here");
}

static void a_sealed_memfd_is_read_and_an_open_one_refused(void **state)
{
	(void)state;
	AUTO(closep) int sealed = file_memfd("t", "hello", 5);
	AUTO(closep) int open_one = memfd_create("t", MFD_CLOEXEC);
	AUTO(buf_done) struct buf b = { 0 };
	assert_int_equal(file_read_sealed(sealed, 5, &b), 0);
	assert_string_equal(b.p, "hello");
	assert_int_equal(file_read_sealed(open_one, 5, &b), -EPERM);
	assert_int_equal(write(sealed, "x", 1), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_replaced_file_has_content_and_mode),
		cmocka_unit_test(a_crash_at_any_moment_leaves_the_old_or_the_new),
		cmocka_unit_test(a_file_longer_than_allowed_is_refused),
		cmocka_unit_test(a_pipe_in_a_files_place_keeps_nobody_waiting),
		cmocka_unit_test(folders_are_made_with_their_mode),
		cmocka_unit_test(a_tree_is_removed_without_following_links),
		cmocka_unit_test(a_sealed_memfd_is_read_and_an_open_one_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
