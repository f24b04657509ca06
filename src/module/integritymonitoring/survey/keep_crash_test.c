#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "module/integritymonitoring/survey/keep.h"

/*
 * Power cuts. What a keeper does to its files is recorded (write, fsync and renameat of this
 * program are these), then every state that a disk may be in after a cut behind any of these deeds
 * is made: of what no fsync holds yet, any part may be there, in any order, torn between sectors.
 * In each of them the last complete baseline is whole.
 */

enum { DEEDS_MAX = 64, ENTITIES = 9000 };

static const size_t sector = 512;

enum deed_kind { WRITE, SYNC_FILE, RENAME, SYNC_DIR };

struct deed {
	enum deed_kind what;
	struct buf bytes; /* of WRITE, in the order of the file */
};

static struct deed deeds[DEEDS_MAX];
static size_t ndeeds;
static bool recording;

static struct deed *record(enum deed_kind what)
{
	assert_true(ndeeds < DEEDS_MAX);
	deeds[ndeeds].what = what;
	return &deeds[ndeeds++];
}

static bool is_dir(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
ssize_t write(int fd, const void *p, size_t n)
{
	if (recording)
		buf_add(&record(WRITE)->bytes, p, n);
	return syscall(SYS_write, fd, p, n);
}

int fsync(int fd)
{
	if (recording)
		record(is_dir(fd) ? SYNC_DIR : SYNC_FILE);
	return (int)syscall(SYS_fsync, fd);
}

int renameat(int from, const char *old, int to, const char *new)
{
	if (recording)
		record(RENAME);
	return (int)syscall(SYS_renameat2, from, old, to, new, 0);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* ---- a baseline ---- */

static char folder[64];
static int dir = -1;

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/yagura-crash-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ndeeds; i++)
		buf_done(&deeds[i].bytes);
	ndeeds = 0;
	close(dir);
	return file_remove_tree(AT_FDCWD, folder);
}

static struct im_chain written(unsigned n, uint8_t salt)
{
	AUTO(keeper_close) struct keeper k = { .fd = -1 };
	AUTO(json_decrefp) json_t *source = json_object();
	assert_int_equal(keeper_open(&k, dir, "baseline", source, NULL, NULL), 0);
	for (unsigned i = 0; i < n; i++) {
		char text[64];
		struct im_entity e = { .class = IM_FILE };
		snprintf(text, sizeof(text), "/usr/lib/%03u/file%06u.so", i / 500, i);
		e.key = str_of(text);
		e.has = IM_BIT(IMP_TYPE) | IM_BIT(IMP_SHA256);
		e.file.mode = S_IFREG | 0644;
		for (unsigned j = 0; j < sizeof(e.file.sha256); j++)
			e.file.sha256[j] = (uint8_t)(i * 31 + j * 7 + salt);
		keeper_add(&k, &e);
	}
	assert_int_equal(keeper_commit(&k, NULL), 0);
	return k.chain;
}

/* Is `name` a whole baseline with this root, to its last entity? */
static bool is_whole(const char *name, const struct im_chain *root, unsigned entities)
{
	AUTO(keep_close) struct keep k = { .fd = -1 };
	struct im_entity e;
	unsigned n = 0;
	if (keep_open(&k, dir, name, NULL) < 0 || memcmp(&k.root, root, sizeof(*root)) != 0)
		return false;
	while (keep_next(&k, &e) == 1)
		n++;
	return n == entities;
}

/* ---- what the disk may hold ---- */

/* A cut behind deeds[0..cut): what came before the last fsync is there, of the writes behind it
 * those in the mask, the last of them up to `torn` bytes; what is not there reads as zeros. */
static void file_after(size_t cut, unsigned mask, size_t torn, struct buf *out)
{
	size_t held = 0, at = 0, end = 0;
	unsigned loose = 0;
	AUTO(buf_done) struct buf all = { 0 };
	for (size_t i = 0; i < cut; i++)
		held = deeds[i].what == SYNC_FILE ? i : held;
	for (size_t i = 0; i < cut; i++) {
		size_t n = deeds[i].bytes.n, part = n;
		if (deeds[i].what != WRITE)
			continue;
		if (i > held || held == 0) {
			if (!(mask & (1U << loose)))
				part = 0;
			else if (!(mask >> (loose + 1)) && torn < part)
				part = torn;
			loose++;
		}
		buf_add(&all, deeds[i].bytes.p, part);
		for (size_t j = part; j < n; j++)
			buf_char(&all, '\0');
		at += n;
		end = part ? at - n + part : end;
	}
	buf_add(out, all.p, end);
	assert_int_equal(buf_end(out), 0);
}

static unsigned loose_writes(size_t cut)
{
	unsigned n = 0;
	for (size_t i = 0; i < cut; i++)
		n = deeds[i].what == SYNC_FILE ? 0 : n + (deeds[i].what == WRITE);
	return n;
}

static bool was_done(size_t cut, enum deed_kind what)
{
	for (size_t i = 0; i < cut; i++)
		if (deeds[i].what == what)
			return true;
	return false;
}

static void put(const char *name, const struct buf *b)
{
	AUTO(closep) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, b->p, b->n), 0);
}

struct count {
	unsigned states, broken;
};

/* The states in which the new file has its final name already. */
static void try_named(size_t cut, const struct im_chain *after, struct count *c)
{
	const size_t tears[] = { SIZE_MAX, sector, 100 * sector };
	unsigned masks = 1U << loose_writes(cut);
	for (unsigned mask = 0; mask < masks; mask++) {
		for (size_t t = 0; t < (mask ? ARRAY_LEN(tears) : 1); t++) {
			AUTO(buf_done) struct buf b = { 0 };
			file_after(cut, mask, tears[t], &b);
			put("cut", &b);
			c->states++;
			c->broken += !is_whole("cut", after, ENTITIES);
		}
	}
}

/* The old one has the name, what was written so far is beside it: the next run goes on. */
static void go_on_beside(size_t cut, unsigned mask)
{
	AUTO(buf_done) struct buf b = { 0 };
	file_after(cut, mask, 3 * sector, &b);
	put("baseline.new", &b);
	struct im_chain now = written(100, 3);
	assert_true(is_whole("baseline", &now, 100));
}

static void make_record(struct im_chain *before, struct im_chain *after)
{
	*before = written(500, 1);
	assert_true(is_whole("baseline", before, 500));
	recording = true;
	*after = written(ENTITIES, 2);
	recording = false;
}

static void a_power_cut_anywhere_leaves_a_whole_baseline(void **state)
{
	struct im_chain before, after;
	struct count c = { 0, 0 };
	(void)state;
	make_record(&before, &after);
	assert_true(loose_writes(ndeeds - 3) >= 2);
	assert_int_equal(deeds[ndeeds - 1].what, SYNC_DIR);
	for (size_t cut = 0; cut <= ndeeds; cut++) {
		/* Before the rename nothing touches the old one. */
		if (was_done(cut, RENAME))
			try_named(cut, &after, &c);
		else
			go_on_beside(cut, 1U << (loose_writes(cut) / 2));
	}
	assert_true(c.states > 0);
	assert_int_equal(c.broken, 0);
}

static void the_trial_would_find_a_missing_fsync(void **state)
{
	struct im_chain before, after;
	struct count c = { 0, 0 };
	(void)state;
	make_record(&before, &after);
	for (size_t i = 0; i < ndeeds; i++)
		if (deeds[i].what == SYNC_FILE)
			deeds[i].what = SYNC_DIR; /* as if only the folder were synced */
	try_named(ndeeds, &after, &c);
	assert_true(c.states > 3);
	assert_true(c.broken > 0 && c.broken < c.states);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_power_cut_anywhere_leaves_a_whole_baseline, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(the_trial_would_find_a_missing_fsync, setup,
		                                teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
