#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/watchdog.h"
#include "base/test.h"

enum { SILENT_MS = 1500, BEATS = 15, BEAT_US = 200000 };

/* A sensor that beats for three seconds and goes on for ever without, or stops at once. */
static pid_t sensor(int page, bool beats)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	void *alive = watchdog_map(page);
	if (!beats)
		raise(SIGSTOP);
	for (int i = 0; beats && i < BEATS; i++) {
		watchdog_alive(alive);
		usleep(BEAT_US);
	}
	if (beats)
		_exit(7);
	for (;;)
		pause();
}

static int end_of(pid_t pid)
{
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void a_stopped_sensor_is_killed_and_one_that_works_is_not(void **state)
{
	(void)state;
	struct watchdog *w = watchdog_new(SILENT_MS);
	assert_non_null(w);
	int page = watchdog_page(w);
	assert_true(page >= 0);
	assert_int_equal(ftruncate(page, 0), -1);
	pid_t pid = sensor(page, true);
	watchdog_watch(w, pid);
	int status = end_of(pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	assert_false(watchdog_bit(w));
	close(page);
	page = watchdog_page(w);
	pid = sensor(page, false);
	watchdog_watch(w, pid);
	status = end_of(pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(watchdog_bit(w));
	assert_false(watchdog_bit(w));
	watchdog_watch(w, 0);
	close(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stopped_sensor_is_killed_and_one_that_works_is_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
