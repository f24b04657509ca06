#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/quarantine/quarantine.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"

enum { BIG = 200000 };

struct place {
	char lib[64], path[128];
	int dir;
};

static void make_file(const char *path, size_t n, char c)
{
	AUTO(freep) char *bytes = xcalloc(1, n + 1);
	memset(bytes, c, n);
	AUTO(closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, bytes, n), 0);
}

static void holds(const char *path, size_t n, char c)
{
	AUTO(buf_done) struct buf b = { 0 };
	assert_int_equal(file_read(AT_FDCWD, path, BIG + 1, &b), 0);
	assert_int_equal(b.n, n);
	for (size_t i = 0; i < n; i++)
		if (b.p[i] != c)
			fail_msg("byte %zu is another one", i);
}

static void begin(struct place *p)
{
	snprintf(p->lib, sizeof(p->lib), "/tmp/quarantine.XXXXXX");
	assert_non_null(mkdtemp(p->lib));
	snprintf(p->path, sizeof(p->path), "%s/bad file", p->lib);
	make_file(p->path, BIG, 'x');
	p->dir = quarantine_open(p->lib, NULL);
	assert_true(p->dir >= 0);
}

static void end(struct place *p)
{
	close(p->dir);
	assert_int_equal(file_remove_tree(AT_FDCWD, p->lib), 0);
}

/* What the guard finds when it starts again. */
static void start_again(struct place *p)
{
	close(p->dir);
	p->dir = quarantine_open(p->lib, NULL);
	assert_true(p->dir >= 0);
}

static int put(const struct place *p, char id[static 64])
{
	struct stat st;
	AUTO(json_decrefp) json_t *record = NULL;
	AUTO(json_decrefp) json_t *detail = json_object();
	AUTO(closep) int fd = open(p->path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	json_set_text(detail, "malware", "Test");
	const struct quarantine_file f = {
		.fd = fd, .path = p->path, .dev = st.st_dev, .ino = st.st_ino, .detail = detail
	};
	int rc = quarantine_put(p->dir, &f, &record, NULL);
	snprintf(id, 64, "%s", record ? json_text(record, "recordID", "") : "");
	return rc;
}

static bool there(const char *path)
{
	return access(path, F_OK) == 0;
}

static size_t kept(const struct place *p, char id[static 64])
{
	AUTO(json_decrefp) json_t *list = quarantine_list(p->dir);
	id[0] = '\0';
	if (json_array_size(list) > 0)
		snprintf(id, 64, "%s", json_text(json_array_get(list, 0), "recordID", ""));
	return json_array_size(list);
}

static int restore(const struct place *p, const char *id)
{
	AUTO(json_decrefp) json_t *record = NULL;
	return quarantine_restore(p->dir, id, &record, NULL);
}

static void a_quarantined_file_comes_back_as_it_was(void **state)
{
	struct place p;
	struct stat st;
	char id[64], now[64];
	(void)state;
	begin(&p);
	assert_int_equal(put(&p, id), 0);
	assert_false(there(p.path));
	assert_int_equal(kept(&p, now), 1);
	assert_string_equal(id, now);
	assert_int_equal(restore(&p, id), 0);
	holds(p.path, BIG, 'x');
	assert_int_equal(stat(p.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(kept(&p, now), 0);
	end(&p);
}

static void restoring_never_overwrites(void **state)
{
	struct place p;
	char id[64], now[64];
	(void)state;
	begin(&p);
	assert_int_equal(put(&p, id), 0);
	make_file(p.path, 3, 'y');
	assert_int_equal(restore(&p, id), -EEXIST);
	holds(p.path, 3, 'y');
	assert_int_equal(kept(&p, now), 1);
	end(&p);
}

static void the_store_does_not_hold_the_bytes_in_clear(void **state)
{
	struct place p;
	char id[64];
	AUTO(buf_done) struct buf b = { 0 };
	(void)state;
	begin(&p);
	assert_int_equal(put(&p, id), 0);
	AUTO(closep) int fd = quarantine_fetch(p.dir, id, NULL);
	assert_true(fd >= 0);
	assert_int_equal(file_read_fd(fd, 2 * (size_t)BIG, &b), 0);
	assert_true(b.n > BIG);
	assert_null(memmem(b.p, b.n, "xxxxxxxx", 8));
	end(&p);
}

static void a_changed_copy_is_not_restored(void **state)
{
	struct place p;
	char id[64], name[160], c = 0;
	(void)state;
	begin(&p);
	assert_int_equal(put(&p, id), 0);
	snprintf(name, sizeof(name), "%s/quarantine/%s.bin", p.lib, id);
	AUTO(closep) int fd = open(name, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &c, 1, 5000), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, 5000), 1);
	assert_int_equal(restore(&p, id), -EBADMSG);
	assert_false(there(p.path));
	end(&p);
}

/* File systems give an inode's number to the next file: only the very version goes. */
static void a_later_file_at_the_same_place_survives_a_restart(void **state)
{
	struct place p;
	struct stat st;
	char id[64], name[160], now[64];
	(void)state;
	begin(&p);
	assert_int_equal(put(&p, id), 0);
	make_file(p.path, 3, 'y');
	assert_int_equal(stat(p.path, &st), 0);
	/* As if the number had been given again, whatever this file system does. */
	snprintf(name, sizeof(name), "%s/quarantine/%s.json", p.lib, id);
	AUTO(buf_done) struct buf text = { 0 };
	AUTO(buf_done) struct buf changed = { 0 };
	assert_int_equal(file_read(AT_FDCWD, name, 1 << 20, &text), 0);
	AUTO(json_decrefp) json_t *meta = json_parse(buf_view(&text), NULL);
	assert_non_null(meta);
	json_set_int(meta, "dev", (int64_t)st.st_dev);
	json_set_int(meta, "ino", (int64_t)st.st_ino);
	json_write(&changed, meta);
	assert_int_equal(file_replace(AT_FDCWD, name, changed.p, changed.n, 0600), 0);
	start_again(&p);
	holds(p.path, 3, 'y');
	assert_int_equal(kept(&p, now), 1);
	end(&p);
}

static void killed_at(const char *where, bool stays)
{
	struct place p;
	char id[64];
	int status = 0;
	begin(&p);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		setenv("YAGURA_FAULT", where, 1);
		put(&p, id);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	start_again(&p);
	assert_int_equal(there(p.path), stays);
	assert_int_equal(kept(&p, id), stays ? 0 : 1);
	if (!stays)
		assert_int_equal(restore(&p, id), 0);
	holds(p.path, BIG, 'x');
	end(&p);
}

static void killed_at_any_step_the_file_is_whole_in_one_place(void **state)
{
	(void)state;
#if YAGURA_SANITIZED
	killed_at("written", true);
	killed_at("copied", true);
	killed_at("recorded", false);
	killed_at("unlinked", false);
#else
	(void)killed_at;
	skip(); /* only the sanitizer build has the fault points */
#endif
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(a_quarantined_file_comes_back_as_it_was),
		cmocka_unit_test(restoring_never_overwrites),
		cmocka_unit_test(the_store_does_not_hold_the_bytes_in_clear),
		cmocka_unit_test(a_changed_copy_is_not_restored),
		cmocka_unit_test(a_later_file_at_the_same_place_survives_a_restart),
		cmocka_unit_test(killed_at_any_step_the_file_is_whole_in_one_place),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
