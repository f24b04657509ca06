#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "module/integritymonitoring/survey/ledger.h"

enum { N = 5000, LINKED = 7777777 };

static char folder[64];
static int dir = -1;

/* The nth of a made-up host. */
static struct im_entity entity(unsigned n, char text[static 64])
{
	struct im_entity e = { .class = IM_FILE, .has = IM_BIT(IMP_TYPE) | IM_BIT(IMP_SIZE) };
	snprintf(text, 64, "/usr/lib/thing%02u/file%06u.so", n / 1000, n);
	e.key = str_of(text);
	e.file = (struct im_file){ .mode = S_IFREG | 0644,
		                   .nlink = n % 10 ? 1 : 2,
		                   .ino = n % 10 ? n : LINKED,
		                   .dev = 9,
		                   .size = n };
	return e;
}

static struct im_entity user(const char *name, const char *shell)
{
	struct im_entity e = { .class = IM_USER, .key = str_of(name) };
	uint32_t bit = im_attributes_named(IM_USER, STR("Shell"), 0);
	e.has = bit;
	e.value[__builtin_ctz(bit)] = str_of(shell);
	return e;
}

static int setup(void **state)
{
	AUTO(keeper_close) struct keeper k = { .fd = -1 };
	AUTO(json_decrefp) json_t *source = json_object();
	char text[64];
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/yagura-ledger-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || keeper_open(&k, dir, "baseline", source, NULL, NULL) < 0)
		return -1;
	for (unsigned i = 0; i < N; i++) {
		struct im_entity e = entity(i, text);
		keeper_add(&k, &e);
	}
	struct im_entity root = user("root", "/bin/sh");
	keeper_add(&k, &root);
	return keeper_commit(&k, NULL);
}

static int teardown(void **state)
{
	(void)state;
	close(dir);
	return file_remove_tree(AT_FDCWD, folder);
}

static void opened(struct ledger *l)
{
	struct err why = { { 0 } };
	if (ledger_open(l, dir, "baseline", &why) < 0)
		fail_msg("%s", why.text);
}

/* The size of what is known of the nth; -1: it is not there. */
static int64_t size_of(struct ledger *l, unsigned n)
{
	char text[64];
	struct im_entity e = entity(n, text), is;
	return ledger_find(l, IM_FILE, e.key, &is) == 1 ? (int64_t)is.file.size : -1;
}

static void put(struct ledger *l, unsigned n, uint64_t size)
{
	char text[64];
	struct im_entity e = entity(n, text);
	e.file.size = size;
	ledger_put(l, &e);
}

static void gone(struct ledger *l, unsigned n)
{
	char text[64];
	ledger_gone(l, IM_FILE, entity(n, text).key);
}

static void any_entity_of_the_baseline_is_found(void **state)
{
	AUTO(ledger_close) struct ledger l;
	struct im_entity e;
	(void)state;
	opened(&l);
	assert_true(l.nblocks > 1);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(size_of(&l, (i * 2711) % N), (i * 2711) % N);
	assert_int_equal(size_of(&l, N), -1);
	assert_int_equal(ledger_find(&l, IM_FILE, STR("/"), &e), 0);
	assert_int_equal(ledger_find(&l, IM_FILE, STR("/zzz"), &e), 0);
	assert_int_equal(ledger_find(&l, IM_USER, STR("root"), &e), 1);
	assert_int_equal(ledger_find(&l, IM_GROUP, STR("root"), &e), 0);
}

static void what_was_told_is_known_when_it_is_opened_again(void **state)
{
	AUTO(ledger_close) struct ledger l, again;
	char text[64];
	(void)state;
	opened(&l);
	put(&l, 17, 1);
	put(&l, 17, 2);
	gone(&l, 18);
	put(&l, N + 5, 3);
	struct im_entity root = user("root", "/bin/bash"), is;
	ledger_put(&l, &root);
	assert_int_equal(ledger_save(&l), 0);
	put(&l, 19, 4); /* not saved */
	opened(&again);
	assert_int_equal(size_of(&again, 17), 2);
	assert_int_equal(ledger_version(&again, IM_FILE, entity(17, text).key), 2);
	assert_int_equal(size_of(&again, 18), -1);
	assert_int_equal(size_of(&again, N + 5), 3);
	assert_int_equal(size_of(&again, 19), 19);
	assert_int_equal(ledger_find(&again, IM_USER, STR("root"), &is), 1);
	assert_int_equal(im_compare(&root, &is), 0);
	assert_int_equal(unlinkat(dir, "baseline.changes", 0), 0);
}

/* Whatever byte a journal ends at: what is whole before it counts, and what follows is written
 * behind that. */
static void a_journal_that_was_cut_off_is_used_as_far_as_it_is_whole(void **state)
{
	AUTO(ledger_close) struct ledger l;
	AUTO(buf_done) struct buf all = { 0 };
	size_t ends[4];
	(void)state;
	opened(&l);
	for (unsigned i = 0; i < 4; i++) {
		struct stat st;
		put(&l, i, 1000000 + i);
		assert_int_equal(ledger_save(&l), 0);
		assert_int_equal(fstat(l.fd, &st), 0);
		ends[i] = (size_t)st.st_size;
	}
	assert_int_equal(file_read(dir, "baseline.changes", 1 << 20, &all), 0);
	for (size_t n = 0; n <= all.n; n++) {
		AUTO(ledger_close) struct ledger cut, after;
		AUTO(closep)
		int fd = openat(dir, "baseline.changes", O_WRONLY | O_TRUNC | O_CLOEXEC);
		assert_int_equal(file_write_all(fd, all.p, n), 0);
		opened(&cut);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(size_of(&cut, i), n >= ends[i] ? 1000000 + i : i);
		if (n % 16)
			continue;
		put(&cut, 9, 5);
		assert_int_equal(ledger_save(&cut), 0);
		opened(&after);
		assert_int_equal(size_of(&after, 9), 5);
		assert_int_equal(size_of(&after, 0), n >= ends[0] ? 1000000 : 0);
	}
	assert_int_equal(unlinkat(dir, "baseline.changes", 0), 0);
}

static void a_journal_that_somebody_edited_ends_there(void **state)
{
	AUTO(buf_done) struct buf all = { 0 };
	(void)state;
	{
		AUTO(ledger_close) struct ledger l;
		opened(&l);
		put(&l, 1, 100);
		assert_int_equal(ledger_save(&l), 0);
	}
	assert_int_equal(file_read(dir, "baseline.changes", 1 << 20, &all), 0);
	for (size_t at = 0; at < all.n; at++) {
		AUTO(ledger_close) struct ledger l;
		AUTO(closep)
		int fd = openat(dir, "baseline.changes", O_WRONLY | O_TRUNC | O_CLOEXEC);
		all.p[at] ^= 1;
		assert_int_equal(file_write_all(fd, all.p, all.n), 0);
		all.p[at] ^= 1;
		opened(&l);
		assert_int_equal(size_of(&l, 1), 1);
	}
	assert_int_equal(unlinkat(dir, "baseline.changes", 0), 0);
}

static unsigned count(struct ledger *l, enum im_class class, struct str below)
{
	AUTO(cursor_close) struct cursor c = { .keep = { .fd = -1 } };
	struct im_entity e;
	unsigned n = 0;
	int rc = cursor_open(&c, l, class, below);
	while (rc == 0 && (rc = cursor_next(&c, &e)) == 1) {
		n++;
		rc = 0;
	}
	assert_int_equal(rc, 0);
	return n;
}

static void all_that_is_known_below_a_path_is_gone_through(void **state)
{
	AUTO(ledger_close) struct ledger l;
	struct im_entity other = { .class = IM_FILE,
		                   .has = IM_BIT(IMP_TYPE),
		                   .key = STR("/usr/lib/thing01.d") };
	(void)state;
	opened(&l);
	gone(&l, 1500);
	put(&l, 1501, 7);
	ledger_put(&l, &other);
	assert_int_equal(count(&l, IM_FILE, STR("/usr/lib/thing01")), 999);
	assert_int_equal(count(&l, IM_FILE, STR("/usr/lib/thing00/file000007.so")), 0);
	assert_int_equal(count(&l, IM_FILE, STR("/")), N);
	assert_int_equal(count(&l, IM_FILE, STR("/nowhere")), 0);
	assert_int_equal(count(&l, IM_USER, (struct str){ 0 }), 1);
	assert_int_equal(count(&l, IM_GROUP, (struct str){ 0 }), 0);
	assert_int_equal(unlinkat(dir, "baseline.changes", 0), 0);
}

static void a_survey_sees_what_was_told_before_it_and_knows_what_came_after(void **state)
{
	AUTO(ledger_close) struct ledger l, next;
	struct im_entity e, before;
	char text[64];
	bool is_gone = false;
	(void)state;
	opened(&l);
	put(&l, 30, 1);
	gone(&l, 20);
	ledger_freeze(&l);
	put(&l, 30, 2);
	put(&l, 40, 3);
	assert_int_equal(ledger_thaw(&l, &e, &is_gone), 1);
	assert_true(is_gone && str_eq(e.key, entity(20, text).key));
	assert_int_equal(ledger_thaw(&l, &e, &is_gone), 1);
	assert_true(!is_gone && str_eq(e.key, entity(30, text).key));
	assert_int_equal(ledger_thaw(&l, &e, &is_gone), 0);
	before = entity(20, text);
	assert_false(ledger_newer(&l, &before));
	before = entity(30, text);
	assert_true(ledger_newer(&l, &before));
	/* Another baseline: only what came after the survey began is more than it knows. */
	assert_int_equal(unlinkat(dir, "baseline.changes", 0), 0);
	opened(&next);
	ledger_carry(&next, &l);
	assert_int_equal(size_of(&next, 20), 20);
	assert_int_equal(size_of(&next, 30), 2);
	assert_int_equal(size_of(&next, 40), 3);
	assert_int_equal(unlinkat(dir, "baseline.changes", 0), 0);
}

static void add_path(void *arg, struct str path)
{
	unsigned *n = arg;
	*n += path.n > 0;
}

static void the_names_of_a_file_that_has_several_are_known(void **state)
{
	AUTO(ledger_close) struct ledger l;
	struct im_file f = { .dev = 9, .ino = LINKED };
	unsigned n = 0;
	(void)state;
	opened(&l);
	ledger_links(&l, &f, add_path, &n);
	assert_int_equal(n, N / 10);
	f.ino = 78; /* it had one name in the baseline */
	ledger_links(&l, &f, add_path, &n);
	assert_int_equal(n, N / 10 + 1);
	f.ino = N + 1;
	ledger_links(&l, &f, add_path, &n);
	assert_int_equal(n, N / 10 + 1);
	assert_int_equal(unlinkat(dir, "baseline.changes", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_entity_of_the_baseline_is_found),
		cmocka_unit_test(what_was_told_is_known_when_it_is_opened_again),
		cmocka_unit_test(a_journal_that_was_cut_off_is_used_as_far_as_it_is_whole),
		cmocka_unit_test(a_journal_that_somebody_edited_ends_there),
		cmocka_unit_test(all_that_is_known_below_a_path_is_gone_through),
		cmocka_unit_test(a_survey_sees_what_was_told_before_it_and_knows_what_came_after),
		cmocka_unit_test(the_names_of_a_file_that_has_several_are_known),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
