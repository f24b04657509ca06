#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/quarantine/quarantine.h"
#include "agent/quarantine/world.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "module/antimalware/seal/seal.h"

/* What a restart finds, and what it makes of a process that was killed. */

/* File systems give an inode's number to the next file: only the very version goes. */
static void a_later_file_at_the_same_place_survives_a_restart(void **state)
{
	struct world w;
	struct stat st;
	char id[64], name[100], now[64];
	(void)state;
	begin(&w);
	put(&w, id);
	make_file(w.path, 3, 'y');
	assert_int_equal(stat(w.path, &st), 0);
	/* As if the number had been given again, whatever this file system does. */
	snprintf(name, sizeof(name), "quarantine/%.40s.json", id);
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf changed_text = { 0 };
	assert_int_equal(file_read(AT_FDCWD, in(&w, name), 1 << 20, &text), 0);
	AUTO(json_decrefp) json_t *meta = json_parse(buf_view(&text), NULL);
	json_t *file = json_object_get(meta, "file");
	assert_non_null(file);
	json_set_int(file, "dev", (int64_t)st.st_dev);
	json_set_int(file, "ino", (int64_t)st.st_ino);
	json_set_int(file, "size", 3);
	json_write(&changed_text, meta);
	assert_int_equal(file_replace(AT_FDCWD, in(&w, name), changed_text.p, changed_text.n, 0600),
	                 0);
	start_again(&w);
	holds(w.path, 3, 'y');
	assert_int_equal(kept(&w, now), 1);
	end(&w);
}

static void what_was_taken_last_is_told_again_after_a_restart(void **state)
{
	struct world w;
	char id[64];
	(void)state;
	begin(&w);
	put(&w, id);
	assert_int_equal(w.told, 0);
	quarantine_tell(w.q, false);
	assert_int_equal(w.told, 1);
	start_again(&w);
	quarantine_tell(w.q, true);
	assert_int_equal(w.told, 2);
	assert_int_equal(quarantine_delete(w.q, id, NULL), 0);
	quarantine_tell(w.q, true);
	assert_int_equal(w.told, 2);
	end(&w);
}

static void a_damaged_record_is_left_alone(void **state)
{
	struct world w;
	char id[64], name[100], now[64];
	(void)state;
	begin(&w);
	put(&w, id);
	snprintf(name, sizeof(name), "quarantine/%.40s.json", id);
	assert_int_equal(file_replace(AT_FDCWD, in(&w, name), "{", 1, 0600), 0);
	start_again(&w);
	assert_int_equal(kept(&w, now), 0);
	assert_int_equal(files_in_store(&w), 2);
	end(&w);
}

#if YAGURA_SANITIZED
/* Runs `what` in a process that is killed at a point. */
static void killed_in(struct world *w, const char *where, void (*what)(struct world *w))
{
	int status = 0;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		setenv("YAGURA_FAULT", where, 1);
		quarantine_free(w->q);
		loop_done(&w->loop);
		loop_init(&w->loop);
		open_store(w);
		what(w);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("%s was not reached", where);
	start_again(w);
}

static void do_put(struct world *w)
{
	put_file(w, w->path, 0);
}

static void taken_until(const char *where, int flags, bool stays)
{
	struct world w;
	char id[64];
	begin(&w);
	if (flags)
		set_flags(w.path, flags);
	killed_in(&w, where, do_put);
	if (there(w.path) != stays || kept(&w, id) != !stays ||
	    files_in_store(&w) != (stays ? 0 : 2))
		fail_msg("killed at %s, the file is not in exactly one place", where);
	if (!stays)
		restore(&w, id);
	holds(w.path, BIG, 'x');
	assert_int_equal(get_flags(w.path), flags);
	if (flags)
		set_flags(w.path, 0);
	end(&w);
}

static void killed_while_it_takes_a_file_it_is_whole_in_one_place(void **state)
{
	static const struct {
		const char *where;
		bool stays;
	} points[] = { { "started", true },   { "written", true },     { "copied", true },
		       { "recorded", false }, { "first-name", false }, { "unlinked", false } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		taken_until(points[i].where, 0, points[i].stays);
		taken_until(points[i].where, FS_IMMUTABLE_FL, points[i].stays);
	}
	taken_until("taking", FS_IMMUTABLE_FL, true);
	taken_until("lifted", FS_APPEND_FL, true);
}

/* Several names: the first is gone when it dies. */
static void killed_between_two_names_all_go(void **state)
{
	struct world w;
	char id[64];
	(void)state;
	begin(&w);
	assert_int_equal(link(w.path, in(&w, "second")), 0);
	killed_in(&w, "first-name", do_put);
	assert_false(there(w.path) || there(in(&w, "second")));
	assert_int_equal(kept(&w, id), 1);
	end(&w);
}

static void do_restore(struct world *w)
{
	char id[64];
	kept(w, id);
	restore(w, id);
}

static void killed_while_it_restores_a_file_it_is_whole_in_one_place(void **state)
{
	static const struct {
		const char *where;
		bool back;
	} points[] = { { "restoring", false }, { "restoring-started", false },
		       { "unsealed", false },  { "told", false },
		       { "placed", true },     { "restored", true } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		struct world w;
		char id[64], temporary[100];
		begin(&w);
		put(&w, id);
		killed_in(&w, points[i].where, do_restore);
		snprintf(temporary, sizeof(temporary), ".%.40s.restored", id);
		if (there(w.path) != points[i].back || kept(&w, id) != !points[i].back ||
		    files_in_store(&w) != (points[i].back ? 0 : 2) || there(in(&w, temporary)))
			fail_msg("killed at %s, the file is not in exactly one place",
			         points[i].where);
		AUTO(json_decrefp) json_t *list = quarantine_list(w.q);
		/* What recovery found restored is told as that. */
		if (strcmp(points[i].where, "placed") == 0)
			assert_string_equal(json_text(json_array_get(list, 0), "state", ""),
			                    "restored");
		if (!points[i].back)
			restore(&w, id);
		holds(w.path, BIG, 'x');
		end(&w);
	}
}

static void a_worker_that_is_killed_leaves_the_file_where_it_was(void **state)
{
	static const char *const points[] = { "half", "sealed" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		struct world w;
		char id[64];
		begin(&w);
		set_flags(w.path, FS_IMMUTABLE_FL);
		setenv("YAGURA_FAULT", points[i], 1);
		struct outcome o = put_file(&w, w.path, 0);
		unsetenv("YAGURA_FAULT");
		assert_int_equal(o.rc, -EIO);
		holds(w.path, BIG, 'x');
		assert_int_equal(get_flags(w.path), FS_IMMUTABLE_FL);
		assert_int_equal(files_in_store(&w), 0);
		put(&w, id);
		setenv("YAGURA_FAULT", "sealed", 1);
		assert_int_equal(restore_as(&w, &(struct quarantine_return){ .id = id }).rc, -EIO);
		unsetenv("YAGURA_FAULT");
		assert_false(there(w.path));
		restore(&w, id);
		set_flags(w.path, 0);
		end(&w);
	}
}
#endif

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(a_later_file_at_the_same_place_survives_a_restart),
		cmocka_unit_test(what_was_taken_last_is_told_again_after_a_restart),
		cmocka_unit_test(a_damaged_record_is_left_alone),
#if YAGURA_SANITIZED
		cmocka_unit_test(killed_while_it_takes_a_file_it_is_whole_in_one_place),
		cmocka_unit_test(killed_between_two_names_all_go),
		cmocka_unit_test(killed_while_it_restores_a_file_it_is_whole_in_one_place),
		cmocka_unit_test(a_worker_that_is_killed_leaves_the_file_where_it_was),
#endif
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
