#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
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

/* ---- there and back ---- */

/* acl_xattr.h and capability.h, as the kernel stores them: user 1234 may read; cap_net_raw. */
static const char acl[] = "\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xd2\x04\0\0"
			  "\x04\0\x04\0\xff\xff\xff\xff\x10\0\x04\0\xff\xff\xff\xff"
			  "\x20\0\0\0\xff\xff\xff\xff";
static const char capability[] = "\0\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

static void a_quarantined_file_comes_back_as_it_was(void **state)
{
	struct world w;
	struct stat before, after;
	char id[64], now[64], value[64];
	const struct timespec times[2] = { { 1000000, 5 }, { -7, 123456789 } };
	(void)state;
	begin(&w);
	assert_int_equal(chown(w.path, 1234, 4321), 0);
	assert_int_equal(setxattr(w.path, "user.origin", "far away", 8, 0), 0);
	assert_int_equal(setxattr(w.path, "system.posix_acl_access", acl, sizeof(acl) - 1, 0), 0);
	assert_int_equal(setxattr(w.path, "security.capability", capability, 20, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, w.path, times, 0), 0);
	assert_int_equal(stat(w.path, &before), 0);
	put(&w, id);
	assert_false(there(w.path));
	assert_int_equal(kept(&w, now), 1);
	assert_string_equal(id, now);
	restore(&w, id);
	assert_int_equal(stat(w.path, &after), 0);
	holds(w.path, BIG, 'x');
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_uid, 1234);
	assert_int_equal(after.st_gid, 4321);
	assert_int_equal(after.st_mtim.tv_sec, -7);
	assert_int_equal(after.st_mtim.tv_nsec, 123456789);
	assert_int_equal(after.st_atim.tv_nsec, before.st_atim.tv_nsec);
	assert_int_equal(getxattr(w.path, "user.origin", value, sizeof(value)), 8);
	assert_memory_equal(value, "far away", 8);
	assert_int_equal(getxattr(w.path, "system.posix_acl_access", value, sizeof(value)),
	                 sizeof(acl) - 1);
	assert_memory_equal(value, acl, sizeof(acl) - 1);
	assert_int_equal(getxattr(w.path, "security.capability", value, sizeof(value)), 20);
	assert_int_equal(kept(&w, now), 0);
	assert_int_equal(files_in_store(&w), 0);
	assert_int_equal(w.changed, 2);
	end(&w);
}

static void the_hash_of_the_bytes_is_told(void **state)
{
	struct world w;
	char id[64];
	(void)state;
	begin(&w);
	make_file(in(&w, "three"), 3, 'a');
	assert_int_equal(put_file(&w, in(&w, "three"), 0).rc, 0);
	assert_int_equal(kept(&w, id), 1);
	AUTO(json_decrefp) json_t *list = quarantine_list(w.q);
	assert_string_equal(
		json_text(json_array_get(list, 0), "sha256", ""), /* printf aaa | sha256sum */
		"9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0");
	end(&w);
}

static void restoring_never_overwrites_unless_asked(void **state)
{
	struct world w;
	char id[64], now[64];
	(void)state;
	begin(&w);
	put(&w, id);
	make_file(w.path, 3, 'y');
	struct outcome o = restore_as(&w, &(struct quarantine_return){ .id = id });
	assert_int_equal(o.rc, -EEXIST);
	assert_non_null(strstr(o.error, "there is something at"));
	holds(w.path, 3, 'y');
	assert_int_equal(kept(&w, now), 1);
	o = restore_as(&w, &(struct quarantine_return){ .id = id, .overwrite = true });
	assert_int_equal(o.rc, 0);
	holds(w.path, BIG, 'x');
	end(&w);
}

static void a_file_is_restored_to_another_place(void **state)
{
	struct world w;
	char id[64], now[64];
	(void)state;
	begin(&w);
	put(&w, id);
	assert_int_equal(mkdir(in(&w, "real"), 0700), 0);
	assert_int_equal(symlink("real", in(&w, "link")), 0);
	const struct {
		const char *why, *to;
		int rc;
	} wrong[] = {
		{ "a link on the way", in(&w, "link/file"), -ELOOP },
		{ "no such folder", in(&w, "none/file"), -ENOENT },
		{ "a folder", in(&w, "real"), -EISDIR },
		{ "not absolute", "real/file", -EINVAL },
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct outcome o = restore_as(
			&w, &(struct quarantine_return){ .id = id, .path = wrong[i].to });
		if (o.rc != wrong[i].rc)
			fail_msg("%s: %d %s", wrong[i].why, o.rc, o.error);
	}
	assert_int_equal(kept(&w, now), 1);
	const char *to = in(&w, "real/file");
	struct outcome o = restore_as(&w, &(struct quarantine_return){ .id = id, .path = to });
	assert_int_equal(o.rc, 0);
	holds(to, BIG, 'x');
	assert_false(there(w.path));
	end(&w);
}

static void a_restored_file_is_exempt_while_it_stays_what_it_is(void **state)
{
	struct world w;
	struct stat st;
	char id[64];
	(void)state;
	begin(&w);
	put(&w, id);
	restore(&w, id);
	start_again(&w);
	AUTO(json_decrefp) json_t *list = quarantine_exempt(w.q);
	assert_int_equal(json_array_size(list), 1);
	const json_t *o = json_array_get(list, 0);
	assert_int_equal(stat(w.path, &st), 0);
	assert_int_equal(json_int(o, "ino", 0), st.st_ino);
	assert_int_equal(json_int(o, "ctimeNs", 0),
	                 (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec);
	put(&w, id);
	assert_int_equal(restore_as(&w, &(struct quarantine_return){ .id = id, .again = true }).rc,
	                 0);
	AUTO(json_decrefp) json_t *same = quarantine_exempt(w.q);
	assert_true(json_equal(list, same));
	end(&w);
}

static void the_store_does_not_hold_the_bytes_in_clear(void **state)
{
	struct world w;
	char id[64], name[100];
	AUTO(buf_done) struct buf b = { 0 };
	(void)state;
	begin(&w);
	put(&w, id);
	snprintf(name, sizeof(name), "quarantine/%.40s.bin", id);
	assert_int_equal(file_read(AT_FDCWD, in(&w, name), 2 * (size_t)BIG, &b), 0);
	assert_true(b.n > BIG);
	assert_null(memmem(b.p, b.n, "xxxxxxxx", 8));
	end(&w);
}

static void a_changed_copy_is_not_restored(void **state)
{
	struct world w;
	char id[64], name[100], c = 0;
	(void)state;
	begin(&w);
	put(&w, id);
	snprintf(name, sizeof(name), "quarantine/%.40s.bin", id);
	AUTO(closep) int fd = open(in(&w, name), O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &c, 1, 5000), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, 5000), 1);
	assert_int_equal(restore_as(&w, &(struct quarantine_return){ .id = id }).rc, -EBADMSG);
	assert_false(there(w.path));
	assert_int_equal(files_in_store(&w), 2);
	end(&w);
}

static void a_packed_file_opens_with_its_password(void **state)
{
	struct world w;
	struct outcome o = { 0 };
	char id[64];
	AUTO(buf_done) struct buf text = { 0 };
	(void)state;
	begin(&w);
	put(&w, id);
	quarantine_fetch(w.q, id, (struct quarantine_caller){ answered, &o });
	/* Meanwhile nobody else has it. */
	assert_int_equal(quarantine_delete(w.q, id, NULL), -EBUSY);
	wait_for(&w, &o);
	assert_int_equal(o.rc, 0);
	assert_true(strlen(o.password) >= 20);
	AUTO(closep) int sealed = o.fd;
	AUTO(closep) int out = open(in(&w, "opened"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	const struct seal_key key = { .password = str_of(o.password) };
	assert_int_equal(lseek(sealed, 0, SEEK_SET), 0);
	assert_int_equal(unseal_file(&key, sealed, out, &text, NULL), 0);
	holds(in(&w, "opened"), BIG, 'x');
	assert_non_null(strstr(text.p, w.path));
	assert_int_equal(quarantine_delete(w.q, id, NULL), 0);
	assert_int_equal(files_in_store(&w), 0);
	end(&w);
}

/* ---- what a file can be ---- */

static void an_immutable_file_is_taken_and_immutable_again(void **state)
{
	struct world w;
	char id[64];
	(void)state;
	begin(&w);
	set_flags(w.path, FS_IMMUTABLE_FL | FS_APPEND_FL);
	put(&w, id);
	assert_false(there(w.path));
	restore(&w, id);
	assert_int_equal(get_flags(w.path), FS_IMMUTABLE_FL | FS_APPEND_FL);
	holds(w.path, BIG, 'x');
	set_flags(w.path, 0);
	end(&w);
}

static void all_names_in_its_folder_go_and_others_are_told(void **state)
{
	struct world w;
	struct stat st;
	(void)state;
	begin(&w);
	assert_int_equal(mkdir(in(&w, "other"), 0700), 0);
	assert_int_equal(link(w.path, in(&w, "second")), 0);
	assert_int_equal(link(w.path, in(&w, "third")), 0);
	assert_int_equal(link(w.path, in(&w, "other/fourth")), 0);
	set_flags(w.path, FS_IMMUTABLE_FL);
	struct outcome o = put_file(&w, w.path, 0);
	assert_int_equal(o.rc, 0);
	assert_string_equal(o.note, "1 other name(s) of the file remain in other folders");
	assert_false(there(w.path) || there(in(&w, "second")) || there(in(&w, "third")));
	holds(in(&w, "other/fourth"), BIG, 'x');
	assert_int_equal(get_flags(in(&w, "other/fourth")), FS_IMMUTABLE_FL);
	set_flags(in(&w, "other/fourth"), 0);
	restore(&w, o.id);
	assert_int_equal(stat(w.path, &st), 0);
	assert_int_equal(st.st_nlink, 3);
	holds(in(&w, "third"), BIG, 'x');
	set_flags(w.path, 0);
	end(&w);
}

static void a_sparse_file_stays_sparse(void **state)
{
	struct world w;
	struct stat st;
	char c = 0;
	(void)state;
	begin(&w);
	const char *path = in(&w, "sparse");
	AUTO(closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pwrite(fd, "a", 1, 1 << 20), 1);
	assert_int_equal(ftruncate(fd, 64 << 20), 0);
	/* The store may have less than the file is long. */
	struct outcome o = put_file(&w, path, 1 << 20);
	assert_int_equal(o.rc, 0);
	AUTO(json_decrefp) json_t *report = quarantine_report(w.q);
	assert_true(json_int(report, "bytes", 0) < 100000);
	assert_int_equal(restore_as(&w, &(struct quarantine_return){ .id = o.id, .path = path }).rc,
	                 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 64 << 20);
	assert_true(st.st_blocks * 512 < 1 << 20);
	AUTO(closep) int back = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(back, &c, 1, 1 << 20), 1);
	assert_int_equal(c, 'a');
	end(&w);
}

static void a_file_of_another_file_system_is_taken(void **state)
{
	struct world w;
	char id[64], elsewhere[] = "/dev/shm/quarantine.XXXXXX";
	struct stat here, other;
	(void)state;
	begin(&w);
	AUTO(closep) int fd = mkstemp(elsewhere);
	assert_true(fd >= 0);
	assert_int_equal(stat(w.lib, &here), 0);
	assert_int_equal(fstat(fd, &other), 0);
	assert_true(here.st_dev != other.st_dev);
	assert_int_equal(file_write_all(fd, "abc", 3), 0);
	struct outcome o = put_file(&w, elsewhere, 0);
	assert_int_equal(o.rc, 0);
	assert_false(there(elsewhere));
	restore(&w, o.id);
	assert_true(there(elsewhere));
	assert_int_equal(kept(&w, id), 0);
	unlink(elsewhere);
	end(&w);
}

static void a_path_that_became_a_link_leads_nowhere_else(void **state)
{
	struct world w;
	struct outcome o = { 0 };
	(void)state;
	begin(&w);
	assert_int_equal(mkdir(in(&w, "a"), 0700), 0);
	assert_int_equal(mkdir(in(&w, "b"), 0700), 0);
	make_file(in(&w, "a/file"), 3, 'a');
	make_file(in(&w, "b/file"), 3, 'b');
	AUTO(closep) int fd = open(in(&w, "a/file"), O_RDONLY | O_CLOEXEC);
	const char *found = in(&w, "a/file");
	assert_int_equal(rename(in(&w, "a"), in(&w, "c")), 0);
	assert_int_equal(symlink("b", in(&w, "a")), 0);
	ask_put(&w, found, fd, 0, &o);
	wait_for(&w, &o);
	assert_int_equal(o.rc, 0);
	holds(in(&w, "b/file"), 3, 'b');
	assert_false(there(in(&w, "c/file")));
	end(&w);
}

static void a_file_that_is_gone_is_not_kept(void **state)
{
	struct world w;
	struct outcome o = { 0 };
	char id[64];
	(void)state;
	begin(&w);
	AUTO(closep) int fd = open(w.path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(unlink(w.path), 0);
	ask_put(&w, w.path, fd, 0, &o);
	wait_for(&w, &o);
	assert_int_equal(o.rc, -ENOENT);
	assert_int_equal(kept(&w, id), 0);
	end(&w);
}

static void a_file_found_twice_is_kept_once(void **state)
{
	struct world w;
	struct outcome first = { 0 }, second = { 0 }, third = { 0 };
	char id[64];
	(void)state;
	begin(&w);
	AUTO(closep) int fd = open(w.path, O_RDONLY | O_CLOEXEC);
	ask_put(&w, w.path, fd, 0, &first);
	ask_put(&w, w.path, fd, 0, &second);
	wait_for(&w, &first);
	wait_for(&w, &second);
	ask_put(&w, w.path, fd, 0, &third);
	wait_for(&w, &third);
	assert_int_equal(first.rc, 0);
	assert_string_equal(first.id, second.id);
	assert_int_equal(third.rc, 0);
	assert_string_equal(first.id, third.id);
	assert_int_equal(kept(&w, id), 1);
	end(&w);
}

/* ---- the bound ---- */

static void the_oldest_go_until_a_fifth_is_free(void **state)
{
	struct world w;
	char name[32], id[64];
	(void)state;
	begin(&w);
	/* Each takes some 10,100 bytes. */
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		make_file(in(&w, name), 10000, 'a');
		assert_int_equal(put_file(&w, in(&w, name), 102400).rc, 0);
		usleep(2000); /* another time in milliseconds */
	}
	assert_int_equal(w.dropped, 0);
	assert_int_equal(kept(&w, id), 10);
	make_file(in(&w, "more"), 10000, 'a');
	assert_int_equal(put_file(&w, in(&w, "more"), 102400).rc, 0);
	AUTO(json_decrefp) json_t *report = quarantine_report(w.q);
	assert_true(json_int(report, "bytes", 0) <= 102400 - 102400 / 5);
	assert_int_equal(w.dropped, 3);
	assert_int_equal(w.full, 3);
	assert_int_equal(w.changed, 14);
	AUTO(json_decrefp) json_t *list = quarantine_list(w.q);
	assert_int_equal(json_array_size(list), 8);
	assert_string_equal(json_text(json_array_get(list, 0), "path", ""), in(&w, "f3"));
	end(&w);
}

static void a_file_larger_than_the_store_stays_where_it_is(void **state)
{
	struct world w;
	char id[64];
	(void)state;
	begin(&w);
	make_file(in(&w, "small"), 100, 's');
	assert_int_equal(put_file(&w, in(&w, "small"), 100000).rc, 0);
	struct outcome o = put_file(&w, w.path, 100000);
	assert_int_equal(o.rc, -EFBIG);
	assert_true(o.full);
	assert_non_null(strstr(o.error, "Quarantine Storage Limit Exceeded"));
	holds(w.path, BIG, 'x');
	assert_int_equal(w.dropped, 0);
	assert_int_equal(kept(&w, id), 1);
	assert_int_equal(files_in_store(&w), 2);
	end(&w);
}

/* ---- containers ---- */

/* A process whose mount namespace has a file system of its own at the world's folder + "/box". */
struct box {
	pid_t pid;
	int ends; /* closed: the box ends */
	char root[300];
};

static void live_in_box(const char *at, int ready, int ends)
{
	char c = 0;
	bool made = unshare(CLONE_NEWNS) == 0 &&
	            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	            mount("box", at, "tmpfs", 0, "size=8m") == 0;
	if (!made || write(ready, "", 1) != 1)
		_exit(1);
	while (read(ends, &c, 1) > 0)
		;
	_exit(0);
}

static void box_begin(struct world *w, struct box *b)
{
	int ready[2], ends[2];
	char c = 0;
	assert_int_equal(mkdir(in(w, "box"), 0700), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	b->pid = fork();
	assert_true(b->pid >= 0);
	if (b->pid == 0) {
		close(ends[1]);
		live_in_box(in(w, "box"), ready[1], ends[0]);
	}
	close(ready[1]);
	close(ends[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	b->ends = ends[1];
	snprintf(b->root, sizeof(b->root), "/proc/%d/root", (int)b->pid);
}

static void box_end(struct box *b)
{
	int status = 0;
	close(b->ends);
	assert_int_equal(waitpid(b->pid, &status, 0), b->pid);
	assert_int_equal(status, 0);
}

/* The file as its container names it, asked for with a descriptor that was opened in there. */
static struct outcome put_from_box(struct world *w, const struct box *b, const char *path)
{
	char seen[512];
	struct outcome o = { 0 };
	snprintf(seen, sizeof(seen), "%s%s", b->root, path);
	make_file(seen, BIG, 'c');
	AUTO(closep) int fd = open(seen, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ask_put(w, path, fd, 0, &o);
	wait_for(w, &o);
	assert_false(there(seen));
	return o;
}

static void a_file_of_a_container_is_taken_and_comes_back_there(void **state)
{
	struct world w;
	struct box b;
	char seen[512];
	(void)state;
	begin(&w);
	box_begin(&w, &b);
	const char *path = in(&w, "box/evil");
	struct outcome o = put_from_box(&w, &b, path);
	assert_int_equal(o.rc, 0);
	start_again(&w);
	restore(&w, o.id);
	snprintf(seen, sizeof(seen), "%s%s", b.root, path);
	holds(seen, BIG, 'c');
	assert_false(there(path));
	box_end(&b);
	end(&w);
}

static void what_is_left_of_an_ended_container_is_restored_elsewhere(void **state)
{
	struct world w;
	struct box b;
	(void)state;
	begin(&w);
	box_begin(&w, &b);
	struct outcome o = put_from_box(&w, &b, in(&w, "box/evil"));
	assert_int_equal(o.rc, 0);
	box_end(&b);
	struct outcome back = restore_as(&w, &(struct quarantine_return){ .id = o.id });
	assert_int_equal(back.rc, -ESTALE);
	assert_non_null(strstr(back.error, "container"));
	back = restore_as(&w, &(struct quarantine_return){ .id = o.id, .path = in(&w, "saved") });
	assert_int_equal(back.rc, 0);
	holds(in(&w, "saved"), BIG, 'c');
	end(&w);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(a_quarantined_file_comes_back_as_it_was),
		cmocka_unit_test(the_hash_of_the_bytes_is_told),
		cmocka_unit_test(restoring_never_overwrites_unless_asked),
		cmocka_unit_test(a_file_is_restored_to_another_place),
		cmocka_unit_test(a_restored_file_is_exempt_while_it_stays_what_it_is),
		cmocka_unit_test(the_store_does_not_hold_the_bytes_in_clear),
		cmocka_unit_test(a_changed_copy_is_not_restored),
		cmocka_unit_test(a_packed_file_opens_with_its_password),
		cmocka_unit_test(an_immutable_file_is_taken_and_immutable_again),
		cmocka_unit_test(all_names_in_its_folder_go_and_others_are_told),
		cmocka_unit_test(a_sparse_file_stays_sparse),
		cmocka_unit_test(a_file_of_another_file_system_is_taken),
		cmocka_unit_test(a_path_that_became_a_link_leads_nowhere_else),
		cmocka_unit_test(a_file_that_is_gone_is_not_kept),
		cmocka_unit_test(a_file_found_twice_is_kept_once),
		cmocka_unit_test(the_oldest_go_until_a_fifth_is_free),
		cmocka_unit_test(a_file_larger_than_the_store_stays_where_it_is),
		cmocka_unit_test(a_file_of_a_container_is_taken_and_comes_back_there),
		cmocka_unit_test(what_is_left_of_an_ended_container_is_restored_elsewhere),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
