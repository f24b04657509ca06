#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/test.h"
#include "manager/runner/run.h"
#include "manager/runner/runner.h"

struct fixture {
	char dir[64], scripts[80], work[80];
	struct loop loop;
	struct script_run run;
	bool done;
};

static void done(struct script_run *r)
{
	struct fixture *f = r->owner;
	f->done = true;
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/yagura-run-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->scripts, sizeof(f->scripts), "%s/scripts", f->dir);
	snprintf(f->work, sizeof(f->work), "%s/work", f->dir);
	assert_int_equal(mkdir(f->scripts, 0755), 0);
	assert_int_equal(mkdir(f->work, 0755), 0);
	assert_int_equal(loop_init(&f->loop), 0);
	f->run = (struct script_run){ .loop = &f->loop, .done = done, .owner = f };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	script_end(&f->run);
	loop_done(&f->loop);
	file_remove_tree(AT_FDCWD, f->dir);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *name, const char *text, mode_t mode)
{
	char path[200];
	snprintf(path, sizeof(path), "%s/%s", f->scripts, name);
	assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), mode), 0);
}

static void run(struct fixture *f, const char *name, uint64_t timeout_ms)
{
	struct err why = { { 0 } };
	f->done = false;
	if (script_start(&f->run, f->scripts, name, f->work, timeout_ms, &why) < 0)
		fail_msg("%s", why.text);
	while (!f->done)
		loop_once(&f->loop, -1);
}

/* Files belong to root only where the tests are root's. */
static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void what_a_script_says_and_how_it_ends_is_known(void **state)
{
	static const struct {
		const char *why, *text, *output, *failure;
	} rows[] = {
		{ "both outputs", "#!/bin/sh\necho one\necho two >&2\n", "one\ntwo\n", NULL },
		{ "its folder and name",
		  "#!/bin/sh\necho here >f; cat f; ls -d \"$TMPDIR/f\" >/dev/null && pwd | grep -c work\n",
		  "here\n1\n", NULL },
		{ "a status", "#!/bin/sh\necho no; exit 3\n", "no\n", "ended with status 3" },
		{ "a signal", "#!/bin/sh\nkill -TERM $$\n", "", "was ended by signal 15" },
		{ "nothing of ours is open or known",
		  "#!/bin/sh\nls /proc/self/fd | wc -l; env | grep -c YAGURA; read x; echo \"<$x>\"\n",
		  "5\n0\n<>\n", NULL },
	};
	struct fixture *f = *state;
	char room[80];
	need_root();
	setenv("YAGURA_SECRET", "x", 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		put(f, "s", rows[i].text, 0755);
		run(f, "s", 60000);
		const char *failure = script_failure(&f->run, room);
		const char *said = f->run.output.p ? f->run.output.p : "";
		if (strcmp(said, rows[i].output) != 0)
			fail_msg("%s: it said %s", rows[i].why, said);
		if (strcmp(failure ? failure : "", rows[i].failure ? rows[i].failure : "") != 0)
			fail_msg("%s: %s", rows[i].why, failure ? failure : "went well");
	}
}

static void long_output_is_cut_and_counted(void **state)
{
	struct fixture *f = *state;
	need_root();
	put(f, "s", "#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' x\n", 0755);
	run(f, "s", 60000);
	assert_int_equal(f->run.output.n, RUNNER_OUTPUT);
	assert_int_equal(f->run.more, 100000 - RUNNER_OUTPUT);
}

static void nobody_that_it_started_outlives_it(void **state)
{
	struct fixture *f = *state;
	char path[200];
	need_root();
	/* One in another session, whose parent is gone, and which holds the output. */
	put(f, "s",
	    "#!/bin/sh\nsetsid sh -c 'echo $$ >pid; exec sleep 1000' &\nuntil [ -s pid ]; do sleep 0.01; done\n",
	    0755);
	run(f, "s", 60000);
	AUTO(buf_done) struct buf b = { 0 };
	snprintf(path, sizeof(path), "%s/pid", f->work);
	assert_int_equal(file_read(AT_FDCWD, path, 100, &b), 0);
	pid_t pid = (pid_t)strtol(b.p, NULL, 10);
	assert_true(pid > 1);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void one_that_takes_too_long_is_ended(void **state)
{
	struct fixture *f = *state;
	char room[80];
	need_root();
	put(f, "s", "#!/bin/sh\ntrap '' TERM\necho begun\nsleep 1000\n", 0755);
	run(f, "s", 300);
	assert_string_equal(script_failure(&f->run, room), "took too long and was ended");
}

static void only_what_root_guards_runs(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
		int rc;
	} rows[] = { { "group", 0775, -EPERM },
		     { "others", 0757, -EPERM },
		     { "plain", 0644, -EACCES },
		     { "own", 0700, -EACCES } };
	struct fixture *f = *state;
	struct err why = { { 0 } };
	char path[200];
	need_root();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		put(f, rows[i].name, "#!/bin/sh\n", 0755);
		snprintf(path, sizeof(path), "%s/%s", f->scripts, rows[i].name);
		assert_int_equal(chmod(path, rows[i].mode), 0);
		assert_int_equal(
			script_start(&f->run, f->scripts, rows[i].name, f->work, 1000, &why),
			rows[i].rc);
	}
	put(f, "someone", "#!/bin/sh\n", 0755);
	snprintf(path, sizeof(path), "%s/someone", f->scripts);
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_int_equal(script_start(&f->run, f->scripts, "someone", f->work, 1000, &why), -EPERM);
	snprintf(path, sizeof(path), "%s/link", f->scripts);
	assert_int_equal(symlink("/bin/sh", path), 0);
	assert_int_equal(script_start(&f->run, f->scripts, "link", f->work, 1000, &why), -ELOOP);
	static const char *const names[] = { "", "..", "../scripts/group", "/bin/sh", ".hidden" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(script_start(&f->run, f->scripts, names[i], f->work, 1000, &why),
		                 -EINVAL);
	put(f, "good", "#!/bin/sh\n", 0755);
	assert_int_equal(chmod(f->scripts, 0777), 0);
	assert_int_equal(script_start(&f->run, f->scripts, "good", f->work, 1000, &why), -EPERM);
	assert_int_equal(f->run.pid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(what_a_script_says_and_how_it_ends_is_known),
		T(long_output_is_cut_and_counted),
		T(nobody_that_it_started_outlives_it),
		T(one_that_takes_too_long_is_ended),
		T(only_what_root_guards_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
