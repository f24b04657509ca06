#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "agent/sensor/tree/known.h"
#include "agent/sensor/tree/pace.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"

/* A file that has no name any more, open for writing. It is no memfd: the kernel does not count
 * their writers. */
static int some_file(void)
{
	char path[] = "/tmp/known-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	unlink(path);
	struct known k = { .mounts = -1 };
	struct stat st;
	AUTO(closep) int dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fstat(dir, &st), 0);
	if (!known_place(&k, dir, &st).fit)
		skip(); /* nothing is kept there */
	assert_int_equal(file_write_all(fd, "hello", 5), 0);
	return fd;
}

/* Opened again for reading. */
static int reader_of(int writer)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", writer);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Changed long ago. */
static const struct judged_key old = { .ctime_ns = 1700000000000000000u };

static void a_file_that_nobody_writes_is_calm(void **state)
{
	(void)state;
	int w = some_file();
	AUTO(closep) int r = reader_of(w);
	close(w);
	assert_true(known_calm(r, &old));
	assert_true(known_calm(r, &old)); /* the lease did not stay */
}

static void a_file_that_is_open_for_writing_is_not(void **state)
{
	(void)state;
	AUTO(closep) int w = some_file();
	AUTO(closep) int r = reader_of(w);
	assert_false(known_calm(r, &old));
}

static void a_file_that_is_mapped_for_writing_is_not(void **state)
{
	(void)state;
	int w = some_file();
	AUTO(closep) int r = reader_of(w);
	char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, w, 0);
	assert_ptr_not_equal(m, MAP_FAILED);
	close(w);
	assert_false(known_calm(r, &old));
	munmap(m, 4096);
	assert_true(known_calm(r, &old));
}

static void a_file_changed_within_the_clocks_grain_is_not(void **state)
{
	(void)state;
	struct timespec now;
	int w = some_file();
	AUTO(closep) int r = reader_of(w);
	close(w);
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	const struct judged_key just = { .ctime_ns = ns },
				ahead = { .ctime_ns = ns + 3600000000000u };
	assert_false(known_calm(r, &just));
	assert_false(known_calm(r, &ahead)); /* the clock was set back */
}

static struct rules *rules_of(const char *text)
{
	struct rules *r = NULL;
	struct err why = { { 0 } };
	AUTO(json_decrefp) json_t *j = json_parse(str_of(text), NULL);
	if (antimalware_section.parse(j, &r, &why) < 0)
		fail_msg("%s", why.text);
	return r;
}

static void other_signatures_or_options_flush_the_table(void **state)
{
	(void)state;
	struct known k = { .mounts = -1 };
	const struct place here = { .mount = 1, .dev = 2, .fit = true };
	const struct stat st = { .st_dev = 2, .st_ino = 3, .st_size = 4 };
	struct judged_key key = { 0 };
	struct rules *two =
		rules_of("{\"state\":\"on\",\"manual\":{\"scanCompressedMaximumLevels\":2}}");
	struct rules *three =
		rules_of("{\"state\":\"on\",\"manual\":{\"scanCompressedMaximumLevels\":3}}");
	judged_init(&k.table, JUDGED_MAX);
	assert_false(known_key(&k, &here, &st, SCAN_MANUAL, &key)); /* no signatures yet */
	known_conditions(&k, STR("{\"epoch\":\"1\"}"), two);
	assert_true(known_key(&k, &here, &st, SCAN_MANUAL, &key));
	assert_false(known_key(&k, &here, &st, SCAN_SCHEDULED, &(struct judged_key){ 0 }));
	known_put(&k, &key, SCAN_MANUAL);
	assert_true(known_clean(&k, &key));

	known_conditions(&k, STR("{\"epoch\":\"2\"}"), two);
	struct judged_key other = { 0 };
	assert_true(known_key(&k, &here, &st, SCAN_MANUAL, &other));
	assert_false(known_clean(&k, &other));
	/* The answer to a question that was asked under the old signatures. */
	struct judged_key late = key;
	late.ino = 9;
	known_put(&k, &late, SCAN_MANUAL);
	assert_false(known_clean(&k, &late));

	known_conditions(&k, STR("{\"epoch\":\"1\"}"), three);
	assert_true(known_key(&k, &here, &st, SCAN_MANUAL, &other));
	assert_false(known_clean(&k, &other));
	known_done(&k);
	antimalware_section.free(two);
	antimalware_section.free(three);
}

static void only_fit_places_have_keys(void **state)
{
	(void)state;
	struct known k = { .mounts = -1, .conditions = { 1, 1, 1, 1 } };
	struct judged_key key;
	const struct stat st = { .st_dev = 2, .st_ino = 3 };
	const struct place unfit = { .dev = 2 }, elsewhere = { .dev = 5, .fit = true };
	assert_false(known_key(&k, &unfit, &st, SCAN_MANUAL, &key));
	assert_false(
		known_key(&k, &elsewhere, &st, SCAN_MANUAL, &key)); /* something mounted on it */
}

static void proc_is_no_fit_place(void **state)
{
	(void)state;
	struct known k = { .mounts = -1 };
	struct stat st;
	AUTO(closep) int dir = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fstat(dir, &st), 0);
	struct place p = known_place(&k, dir, &st);
	assert_false(p.fit);
}

static void the_table_survives_a_restart_and_a_torn_file_does_not_count(void **state)
{
	(void)state;
	char path[] = "/tmp/known-XXXXXX";
	assert_non_null(mkdtemp(path));
	AUTO(closep) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct known a, b, c;
	struct judged_key key = { .dev = 2, .mount = 3, .ino = 4, .conditions = 1 };
	known_init(&a, dir);
	if (!a.lasting) { /* a kernel before 6.8: nothing is kept over a restart */
		known_done(&a);
		file_remove_tree(AT_FDCWD, path);
		skip();
	}
	a.conditions[SCAN_MANUAL] = 1;
	known_put(&a, &key, SCAN_MANUAL);
	known_save(&a);
	close(openat(dir, "judged.12345678.new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	known_init(&b, dir);
	assert_true(known_clean(&b, &key));
	assert_int_equal(faccessat(dir, "judged.12345678.new", F_OK, 0), -1);
	AUTO(closep) int fd = openat(dir, "judged", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 70), 0);
	known_init(&c, dir);
	assert_false(known_clean(&c, &key));
	known_done(&a);
	known_done(&b);
	known_done(&c);
	file_remove_tree(AT_FDCWD, path);
}

/* ---- pace ---- */

/* Runs for so many tenths of a second at this load; how often a file could begin. */
static int files_at(unsigned percent, unsigned limit, int tenths)
{
	struct pace p = { 0 };
	uint64_t busy = 1000, idle = 1000, now = 1000;
	int n = 0;
	for (int i = 0; i < tenths * 10; i++, now += 10) {
		char text[128];
		busy += percent;
		idle += 100 - percent;
		snprintf(text, sizeof(text), "cpu  %llu 0 0 %llu 0 0 0 0 0 0\ncpu0 1\n",
		         (unsigned long long)busy, (unsigned long long)idle);
		if (pace_due(&p, now))
			assert_int_equal(pace_read(&p, str_of(text), now), 0);
		if (!pace_allows(&p, limit, now))
			continue;
		pace_began(&p, now);
		n += i >= tenths * 5; /* once the mean has settled */
	}
	return n;
}

static void a_busy_host_makes_a_scan_pause_between_files(void **state)
{
	(void)state;
	assert_int_equal(files_at(10, 200, 100), 500);
	assert_int_equal(files_at(30, 200, 100), 100); /* one in 50 ms: it still ends one day */
	assert_int_equal(files_at(30, 500, 100), 500);
	assert_int_equal(files_at(80, 500, 100), 100);
	assert_int_equal(files_at(100, UINT32_MAX, 100), 500);
}

static void what_is_not_proc_stat_is_refused(void **state)
{
	(void)state;
	struct pace p = { 0 };
	assert_int_equal(pace_read(&p, STR(""), 1), -EBADMSG);
	assert_int_equal(pace_read(&p, STR("cpu0 1 2 3 4 5 6 7 8\n"), 1), -EBADMSG);
	assert_int_equal(pace_read(&p, STR("cpu  1 2 3 x 5 6 7 8\n"), 1), -EBADMSG);
	assert_int_equal(p.total, 0);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(a_file_that_nobody_writes_is_calm),
		cmocka_unit_test(a_file_that_is_open_for_writing_is_not),
		cmocka_unit_test(a_file_that_is_mapped_for_writing_is_not),
		cmocka_unit_test(a_file_changed_within_the_clocks_grain_is_not),
		cmocka_unit_test(other_signatures_or_options_flush_the_table),
		cmocka_unit_test(only_fit_places_have_keys),
		cmocka_unit_test(proc_is_no_fit_place),
		cmocka_unit_test(the_table_survives_a_restart_and_a_torn_file_does_not_count),
		cmocka_unit_test(a_busy_host_makes_a_scan_pause_between_files),
		cmocka_unit_test(what_is_not_proc_stat_is_refused),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
