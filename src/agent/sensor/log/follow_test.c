#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensor/log/find.h"
#include "agent/sensor/log/follow.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/test.h"

struct world {
	char dir[32], path[64];
	struct look_room room;
	struct follow *f;
	struct buf seen; /* "offset:text|" */
};

static void on_line(void *arg, struct follow *f, struct str text, uint64_t offset, bool cut)
{
	struct world *w = arg;
	(void)f;
	buf_fmt(&w->seen, "%llu:%.*s%s|", (unsigned long long)offset, text.n > 40 ? 5 : (int)text.n,
	        text.p, cut ? "..." : "");
}

static void put(struct world *w, const char *text, size_t n, bool append)
{
	int fd =
		open(w->path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC) | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, n), 0);
	close(fd);
}

static void follow_it(struct world *w)
{
	struct stat st = { 0 };
	int fd = open(w->path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	w->f = follow_new(str_of(w->path), LI_SYSLOG);
	follow_open(w->f, fd, st.st_dev, st.st_ino);
}

static int64_t look(struct world *w, bool end)
{
	int64_t n = 0, all = 0;
	buf_clear(&w->seen);
	while ((n = follow_look(w->f, &w->room, 1000, end, on_line, w)) > 0)
		all += n;
	return n < 0 ? n : all;
}

static void sees(struct world *w, const char *wanted)
{
	const char *got = w->seen.n ? w->seen.p : "";
	if (strcmp(got, wanted) != 0)
		fail_msg("%s, not %s", got, wanted);
}

static int setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	snprintf(w->dir, sizeof(w->dir), "/tmp/yagura-log-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/a.log", w->dir);
	w->room.p = xcalloc(1, FOLLOW_CHUNK);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	follow_free(w->f);
	buf_done(&w->room.text);
	buf_done(&w->seen);
	free(w->room.p);
	file_remove_tree(AT_FDCWD, w->dir);
	free(w);
	return 0;
}

static void lines_are_seen_once_with_their_place_as_they_come(void **state)
{
	struct world *w = *state;
	put(w, "one\ntw", 6, true);
	follow_it(w);
	assert_int_equal(look(w, false), 4);
	sees(w, "0:one|");
	assert_int_equal(look(w, false), 0);
	put(w, "o\nthree\n", 8, true);
	assert_int_equal(look(w, false), 10);
	sees(w, "4:two|8:three|");
	put(w, "open", 4, true);
	assert_int_equal(look(w, false), 0);
	look(w, true);
	sees(w, "14:open|");
}

static void a_log_that_is_cut_off_or_written_anew_is_told_from_one_that_grows(void **state)
{
	static const char *const later[] = { "", "x\n", "one\n", "1\n2\n3\n4\n5\n6\n" };
	struct world *w = *state;
	for (size_t i = 0; i < ARRAY_LEN(later); i++) {
		put(w, "one\ntwo\n", 8, false);
		follow_free(w->f);
		follow_it(w);
		look(w, false);
		put(w, later[i], strlen(later[i]), false);
		assert_int_equal(look(w, false), -ESTALE);
		follow_begin(w->f, 0);
		assert_int_equal(look(w, false), strlen(later[i]));
	}
}

static void what_stood_there_before_is_passed_over_to_the_next_whole_line(void **state)
{
	struct world *w = *state;
	put(w, "old\nhalf", 8, true);
	follow_it(w);
	follow_begin(w->f, 8);
	put(w, " a line\nnew\n", 12, true);
	look(w, false);
	sees(w, "16:new|");
}

static void a_line_longer_than_all_is_cut_and_the_next_is_whole(void **state)
{
	struct world *w = *state;
	AUTO(buf_done) struct buf big = { 0 };
	for (size_t i = 0; i < 1000000; i++)
		buf_char(&big, 'x');
	buf_z(&big, "\nnext\n");
	put(w, big.p, big.n, true);
	follow_it(w);
	look(w, false);
	sees(w, "0:xxxxx...|1000001:next|");
}

static void a_position_knows_its_file_among_others(void **state)
{
	struct world *w = *state;
	put(w, "one\ntwo\n", 8, true);
	follow_it(w);
	look(w, false);
	assert_true(position_holds(&w->f->at, w->f->fd));
	put(w, "two\none\n", 8, false);
	assert_false(position_holds(&w->f->at, w->f->fd));
	follow_begin(w->f, 0);
	assert_true(position_holds(&w->f->at, w->f->fd)); /* it knows nothing yet */
	follow_head(w->f);
	put(w, "one\ntwo\n", 8, false);
	assert_false(position_holds(&w->f->at, w->f->fd));
}

static void positions_are_read_as_they_were_written(void **state)
{
	(void)state;
	AUTO(arena_done) struct arena arena = { 0 };
	AUTO(buf_done) struct buf b = { 0 };
	struct position files[2] = {
		{ .path = STR("/var/log/a"),
		  .format = 3,
		  .dev = 1,
		  .ino = 2,
		  .stream = { 9 },
		  .done = 70,
		  .before = "abc",
		  .before_n = 3,
		  .skipping = true },
		{ .path = STR("/var/log/b"),
		  .before = "head",
		  .before_n = 4,
		  .finite = true,
		  .sought = true,
		  .away = true,
		  .since_ns = -5 },
	};
	struct str sources[] = { STR("syslog /var/log/*") };
	const struct positions p = { .saved_ns = 77,
		                     .files = files,
		                     .nfiles = 2,
		                     .sources = sources,
		                     .nsources = 1,
		                     .cursor = STR("c"),
		                     .engine = STR("state") };
	struct positions q = { 0 };
	positions_write(&b, &p);
	assert_int_equal(positions_read(buf_view(&b), &arena, &q), 0);
	assert_int_equal(q.saved_ns, 77);
	assert_int_equal(q.nfiles, 2);
	assert_true(str_is(q.files[0].path, "/var/log/a") && q.files[0].skipping &&
	            !q.files[0].finite);
	assert_int_equal(q.files[0].done, 70);
	assert_memory_equal(q.files[0].before, "abc", 3);
	assert_true(q.files[1].finite && q.files[1].sought && q.files[1].away &&
	            q.files[1].before_n == 4);
	assert_true(str_is(q.cursor, "c") && str_is(q.engine, "state") && q.nsources == 1);
	for (size_t n = 0; n < b.n; n++)
		assert_true(positions_read((struct str){ b.p, n }, &arena, &q) < 0);
}

/* ---- what the guard finds ---- */

static int on_found(void *arg, const struct log_found *f)
{
	struct world *w = arg;
	struct stat st;
	assert_true(fstat(f->fd, &st) == 0 && st.st_ino == f->st->st_ino);
	buf_fmt(&w->seen, "%s|", f->path + strlen(w->dir) + 1);
	return 0;
}

static void make(const struct world *w, const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void files_are_found_by_wildcards_and_rotated_copies_by_their_names(void **state)
{
	static const char *const names[] = { "a.log",          "b.log",          ".c.log",
		                             "a.log.1",        "a.log-20261129", "a.log.2.gz",
		                             "a-20261129.log", "a.1.log",        "abc.log",
		                             "a-b.log" };
	struct world *w = *state;
	char path[128], sub[128];
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		make(w, names[i]);
	snprintf(sub, sizeof(sub), "%s/sub", w->dir);
	assert_int_equal(mkdir(sub, 0700), 0);
	make(w, "sub/d.log");
	snprintf(path, sizeof(path), "%s/sub/e.log", w->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/[ab].log", w->dir);
	log_find(path, on_found, w);
	sees(w, "a.log|b.log|");
	buf_clear(&w->seen);
	snprintf(path, sizeof(path), "%s/*/*.log", w->dir);
	log_find(path, on_found, w);
	sees(w, "sub/d.log|"); /* a pipe is no log */
	buf_clear(&w->seen);
	log_find_rotated(w->path, on_found, w);
	sees(w, "a-20261129.log|a.1.log|a.log-20261129|a.log.1|a.log.2.gz|");
}

static void a_link_is_followed_only_when_it_is_roots(void **state)
{
	struct world *w = *state;
	char link[128];
	make(w, "target");
	snprintf(link, sizeof(link), "%s/b.log", w->dir);
	assert_int_equal(symlink("target", link), 0);
	bool root = getuid() == 0;
	log_find(link, on_found, w);
	sees(w, root ? "target|" : "");
	if (!root)
		return;
	buf_clear(&w->seen);
	assert_int_equal(lchown(link, 65534, 65534), 0);
	log_find(link, on_found, w);
	sees(w, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_are_seen_once_with_their_place_as_they_come,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_log_that_is_cut_off_or_written_anew_is_told_from_one_that_grows, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			what_stood_there_before_is_passed_over_to_the_next_whole_line, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_line_longer_than_all_is_cut_and_the_next_is_whole,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(a_position_knows_its_file_among_others, setup,
		                                teardown),
		cmocka_unit_test(positions_are_read_as_they_were_written),
		cmocka_unit_test_setup_teardown(
			files_are_found_by_wildcards_and_rotated_copies_by_their_names, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_link_is_followed_only_when_it_is_roots, setup,
		                                teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
