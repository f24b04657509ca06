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
#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "module/antimalware/seal/seal.h"

enum { BIG = 200000 };

/* What one question was answered. */
struct outcome {
	bool done, full;
	int rc, fd;
	char id[64], error[512], note[200], password[64];
};

struct world {
	char lib[64], path[128];
	struct loop loop;
	struct quarantine *q;
	unsigned changed, dropped, full, exempted, told;
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

static bool there(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

/* PATH in the world's folder. */
static const char *in(const struct world *w, const char *name)
{
	static char room[4][200];
	static unsigned next;
	char *out = room[next++ % 4];
	snprintf(out, sizeof(room[0]), "%s/%s", w->lib, name);
	return out;
}

/* ---- the store ---- */

static void changed(void *arg, const json_t *entry)
{
	struct world *w = arg;
	assert_true(*json_text(entry, "recordID", ""));
	w->changed++;
}

static void dropped(void *arg, const char *path)
{
	struct world *w = arg;
	assert_true(*path == '/');
	w->dropped++;
}

static void full(void *arg, unsigned count)
{
	((struct world *)arg)->full += count;
}

static void exempted(void *arg)
{
	((struct world *)arg)->exempted++;
}

static void tell(void *arg, const char *event, const char *record_id)
{
	assert_string_equal(event, "the event");
	assert_true(*record_id);
	((struct world *)arg)->told++;
}

static void open_store(struct world *w)
{
	struct err why = { { 0 } };
	const struct quarantine_ears ears = { w, changed, dropped, full, exempted, tell };
	w->q = quarantine_new(&w->loop, w->lib, &ears, &why);
	if (!w->q)
		fail_msg("%s", why.text);
}

static void begin(struct world *w)
{
	*w = (struct world){ 0 };
	snprintf(w->lib, sizeof(w->lib), "/tmp/quarantine.XXXXXX");
	assert_non_null(mkdtemp(w->lib));
	snprintf(w->path, sizeof(w->path), "%s/bad file", w->lib);
	make_file(w->path, BIG, 'x');
	assert_int_equal(loop_init(&w->loop), 0);
	open_store(w);
}

static void end(struct world *w)
{
	quarantine_free(w->q);
	loop_done(&w->loop);
	assert_int_equal(file_remove_tree(AT_FDCWD, w->lib), 0);
}

/* What the guard finds when it starts again. */
static void start_again(struct world *w)
{
	quarantine_free(w->q);
	open_store(w);
}

static void answered(void *arg, const struct quarantine_answer *a)
{
	struct outcome *o = arg;
	assert_false(o->done);
	*o = (struct outcome){ .done = true, .full = a->full, .rc = a->rc, .fd = -1 };
	snprintf(o->id, sizeof(o->id), "%s", a->record_id);
	snprintf(o->error, sizeof(o->error), "%s", a->error ? a->error : "");
	snprintf(o->note, sizeof(o->note), "%s", a->note ? a->note : "");
	snprintf(o->password, sizeof(o->password), "%s", a->password ? a->password : "");
	if (a->fd >= 0)
		o->fd = fcntl(a->fd, F_DUPFD_CLOEXEC, 3);
	assert_true((a->rc < 0) == (a->error != NULL));
}

static void wait_for(struct world *w, const struct outcome *o)
{
	for (int i = 0; i < 600 && !o->done; i++)
		assert_true(loop_once(&w->loop, 100) >= 0);
	assert_true(o->done);
}

static void ask_put(struct world *w, const char *path, int fd, uint64_t max, struct outcome *o)
{
	struct stat st;
	AUTO(json_decrefp) json_t *detail = json_object();
	assert_int_equal(fstat(fd, &st), 0);
	json_set_text(detail, "malware", "Test");
	json_set_text(detail, "unique", path);
	json_set_text(detail, "event", "the event");
	const struct quarantine_file f = { .fd = fd,
		                           .path = path,
		                           .dev = st.st_dev,
		                           .ino = st.st_ino,
		                           .max = max,
		                           .detail = detail };
	quarantine_put(w->q, &f, (struct quarantine_caller){ answered, o });
}

static struct outcome put_file(struct world *w, const char *path, uint64_t max)
{
	struct outcome o = { 0 };
	AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ask_put(w, path, fd, max, &o);
	wait_for(w, &o);
	return o;
}

static void put(struct world *w, char id[static 64])
{
	struct outcome o = put_file(w, w->path, 0);
	if (o.rc < 0)
		fail_msg("%s", o.error);
	snprintf(id, 64, "%s", o.id);
}

static struct outcome restore_as(struct world *w, const struct quarantine_return *what)
{
	struct outcome o = { 0 };
	quarantine_restore(w->q, what, (struct quarantine_caller){ answered, &o });
	wait_for(w, &o);
	return o;
}

static void restore(struct world *w, const char *id)
{
	struct outcome o = restore_as(w, &(struct quarantine_return){ .id = id });
	if (o.rc < 0)
		fail_msg("%s", o.error);
}

static size_t kept(const struct world *w, char id[static 64])
{
	AUTO(json_decrefp) json_t *list = quarantine_list(w->q);
	size_t n = 0;
	id[0] = '\0';
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		if (strcmp(json_text(o, "state", ""), "quarantined") != 0)
			continue;
		if (n++ == 0)
			snprintf(id, 64, "%s", json_text(o, "recordID", ""));
	}
	return n;
}

/* Names in the store's folder, but its key and list. */
static unsigned files_in_store(const struct world *w)
{
	char command[200], line[300];
	unsigned n = 0;
	snprintf(command, sizeof(command), "ls '%s/quarantine'", w->lib);
	FILE *f = popen(command, "re"); /* NOLINT(cert-env33-c): a test's own words */
	while (f && fgets(line, sizeof(line), f))
		n += strncmp(line, "key", 3) != 0 && strncmp(line, "exempt", 6) != 0 &&
		     strncmp(line, "told", 4) != 0;
	if (f)
		pclose(f);
	return n;
}

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

static void set_flags(const char *path, int flags)
{
	int now = 0;
	AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(ioctl(fd, FS_IOC_GETFLAGS, &now), 0);
	now = (now & ~(FS_IMMUTABLE_FL | FS_APPEND_FL)) | flags;
	assert_int_equal(ioctl(fd, FS_IOC_SETFLAGS, &now), 0);
}

static int get_flags(const char *path)
{
	int flags = 0;
	AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(ioctl(fd, FS_IOC_GETFLAGS, &flags), 0);
	return flags & (FS_IMMUTABLE_FL | FS_APPEND_FL);
}

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

/* ---- crashes ---- */

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
