#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sensor/change/fold.h"
#include "agent/sensor/change/group.h"
#include "agent/sensor/change/sites.h"
#include "agent/sensor/change/touched.h"
#include "agent/sensor/people.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/test.h"

/* ---- sites ---- */

struct list {
	unsigned n;
	char text[16][64];
};

static void note(void *arg, struct str path)
{
	struct list *l = arg;
	assert_true(l->n < 16);
	snprintf(l->text[l->n++], sizeof(l->text[0]), "%.*s", STR_ARG(path));
}

static void a_place_has_a_path_by_each_mount_and_each_overlay(void **state)
{
	static const char mountinfo[] =
		"20 1 8:1 / / rw - ext4 /dev/a rw\n"
		"21 20 8:2 / /srv rw - ext4 /dev/b rw\n"
		"22 20 8:2 /www /var/www rw - ext4 /dev/b rw\n"
		"23 20 0:40 / /run/box/merged rw - overlay overlay "
		"rw,lowerdir=/srv/image:/opt/l\\134:2,upperdir=/srv/www/up\\040per,workdir=/srv/w\n";
	static const struct {
		uint32_t minor;
		const char *within;
		unsigned n;
		const char *paths[4];
	} rows[] = {
		{ 1, "/etc/x", 1, { "/etc/x" } },
		{ 1, "/", 1, { "/" } },
		{ 2, "/data/x", 1, { "/srv/data/x" } },
		{ 2, "/www", 2, { "/srv/www", "/var/www" } },
		{ 2, "/wwwx", 1, { "/srv/wwwx" } },
		{ 2,
		  "/www/up per/etc",
		  3,
		  { "/srv/www/up per/etc", "/run/box/merged/etc", "/var/www/up per/etc" } },
		{ 2, "/image", 2, { "/srv/image", "/run/box/merged" } },
		{ 1, "/opt/l:2/b", 2, { "/opt/l:2/b", "/run/box/merged/b" } },
		{ 3, "/etc", 0, { NULL } },
	};
	AUTO(sites_done) struct sites s = { 0 };
	(void)state;
	sites_mounts(&s, str_of(mountinfo));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct list l = { 0 };
		sites_spread(&s, 8, rows[i].minor, str_of(rows[i].within), note, &l);
		assert_int_equal(l.n, rows[i].n);
		for (unsigned j = 0; j < l.n; j++)
			assert_string_equal(l.text[j], rows[i].paths[j]);
	}
}

/* ---- messages ---- */

static void what_was_touched_is_read_as_it_was_written(void **state)
{
	AUTO(buf_done) struct buf b = { 0 };
	const struct touched in = { .touch = TOUCH_CONTENT | TOUCH_MOVED,
		                    .path = STR("/etc/a \xff"),
		                    .dev = 7,
		                    .ino = UINT64_MAX,
		                    .actor = { .pid = 12,
		                               .user = STR("root"),
		                               .process = STR("/bin/sh"),
		                               .container = STR("c") } };
	const struct touched class = { .touch = TOUCH_CLASS, .class = IM_USER };
	struct touched out;
	(void)state;
	touched_write(&b, &in);
	touched_write(&b, &class);
	struct str rest = buf_view(&b);
	assert_int_equal(touched_read(&rest, &out), 1);
	assert_int_equal(out.touch, in.touch);
	assert_true(str_eq(out.path, in.path) && str_eq(out.actor.user, in.actor.user));
	assert_true(str_eq(out.actor.process, in.actor.process) && !out.actor.parent.n);
	assert_true(out.dev == 7 && out.ino == UINT64_MAX && out.actor.pid == 12);
	assert_int_equal(touched_read(&rest, &out), 1);
	assert_true(out.class == IM_USER && !out.path.n);
	assert_int_equal(touched_read(&rest, &out), 0);
	for (size_t n = 1; n < b.n; n++) {
		struct str cut = { b.p, n };
		int rc = touched_read(&cut, &out);
		assert_true(rc == -EBADMSG || (rc == 1 && cut.n < n));
	}
}

/* ---- folding ---- */

static struct str handle(char room[static 32], char directory)
{
	const uint32_t bytes = 8;
	memset(room, directory, 32);
	memcpy(room + HANDLE_FSID, &bytes, sizeof(bytes));
	return (struct str){ room, HANDLE_FSID + 8 + bytes };
}

static void a_burst_is_one_and_what_is_being_written_waits(void **state)
{
	struct fold f;
	char a[32], b[32];
	struct whos *w = whos_new();
	struct person *by = whos_get(w, 1 << 22, true);
	(void)state;
	fold_init(&f);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(fold_add(&f, i == 40 ? FAN_CLOSE_WRITE : FAN_MODIFY, handle(a, 1),
		                          STR("x"), (struct str){ 0 }, by, 1000 + i),
		                 0);
	assert_int_equal(
		fold_add(&f, FAN_MODIFY, handle(b, 2), STR("x"), (struct str){ 0 }, by, 1010), 0);
	assert_null(fold_take(&f, 1050));
	struct folded *d = fold_take(&f, 1200);
	assert_non_null(d);
	assert_int_equal(d->mask, FAN_MODIFY | FAN_CLOSE_WRITE);
	assert_true(str_is(d->name, "x"));
	folded_free(d);
	assert_null(fold_take(&f, 1200)); /* the other one is still being written */
	d = fold_take(&f, 2000);
	assert_non_null(d);
	folded_free(d);
	assert_null(fold_take(&f, 5000));
	fold_done(&f);
	person_drop(by);
	whos_free(w);
}

static void more_than_can_be_held_is_refused(void **state)
{
	struct fold f;
	char a[32], name[16];
	struct whos *w = whos_new();
	struct person *by = whos_get(w, 1 << 22, true);
	(void)state;
	fold_init(&f);
	for (unsigned i = 0; i <= FOLD_MAX; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_int_equal(fold_add(&f, FAN_CREATE, handle(a, 1), str_of(name),
		                          (struct str){ 0 }, by, 1),
		                 i < FOLD_MAX ? 0 : -ENOBUFS);
	}
	fold_done(&f);
	person_drop(by);
	whos_free(w);
}

/* ---- who ---- */

static void a_process_is_known_by_user_program_and_parent(void **state)
{
	struct whos *w = whos_new();
	char self[PATH_MAX];
	(void)state;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
	struct person *p = whos_get(w, getpid(), false);
	assert_true(n > 0 && str_eq(p->actor.process, (struct str){ self, (size_t)n }));
	assert_int_equal(p->actor.pid, getpid());
	assert_true(p->actor.user.n > 0 && p->actor.parent.n > 0);
	person_drop(p);
	/* One that has ended, and that nobody knew, is a number. */
	p = whos_get(w, 1 << 22, true);
	assert_true(!p->actor.process.n && p->actor.pid == 1 << 22);
	person_drop(p);
	whos_free(w);
}

static void containers_are_named_by_their_cgroup(void **state)
{
	static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char text[128];
	(void)state;
	snprintf(text, sizeof(text), "0::/system.slice/docker-%s.scope\n", id);
	assert_true(str_is(people_container(str_of(text)), id));
	assert_int_equal(people_container(STR("0::/user.slice/user-0.slice")).n, 0);
}

/* Needs root and the kernel's first network namespace. */
static int listening(void)
{
	struct birth_fd fds[BIRTH_FDS_MAX];
	int found = -1, n = group_prepare(fds);
	for (int i = 0; i < n; i++) {
		if (strcmp(fds[i].name, "processes") == 0)
			found = fds[i].fd;
		else
			close(fds[i].fd);
	}
	if (found >= 0 && group_listen(found, true) < 0)
		close(TAKE_FD(found));
	return found;
}

static void hear(struct whos *w, int fd)
{
	_Alignas(8) char room[1024];
	for (;;) {
		ssize_t n = recv(fd, room, sizeof(room), MSG_DONTWAIT);
		if (n <= 0)
			return;
		whos_told(w, (struct str){ room, (size_t)n });
	}
}

static void a_program_that_has_ended_is_known_when_the_connector_told_of_it(void **state)
{
	AUTO(closep) int fd = listening();
	(void)state;
	if (fd < 0)
		skip();
	struct whos *w = whos_new();
	int in[2];
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		execl("/bin/cat", "cat", (char *)NULL);
		_exit(1);
	}
	/* It lives until it is let go; by then it was read. */
	struct person *p = NULL;
	for (int i = 0; i < 1000; i++) {
		hear(w, fd);
		p = whos_get(w, pid, true);
		if (str_ends(p->actor.process, STR("/cat")))
			break;
		person_drop(TAKE(p));
		poll(NULL, 0, 10);
	}
	close(in[0]);
	close(in[1]);
	waitpid(pid, NULL, 0);
	group_listen(fd, false);
	assert_non_null(p);
	person_drop(p);
	hear(w, fd);
	p = whos_get(w, pid, true);
	assert_true(str_ends(p->actor.process, STR("/cat")));
	assert_true(p->actor.parent.n > 0);
	person_drop(p);
	whos_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_has_a_path_by_each_mount_and_each_overlay),
		cmocka_unit_test(what_was_touched_is_read_as_it_was_written),
		cmocka_unit_test(a_burst_is_one_and_what_is_being_written_waits),
		cmocka_unit_test(more_than_can_be_held_is_refused),
		cmocka_unit_test(a_process_is_known_by_user_program_and_parent),
		cmocka_unit_test(containers_are_named_by_their_cgroup),
		cmocka_unit_test(a_program_that_has_ended_is_known_when_the_connector_told_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
