#include <stdio.h>
#include <string.h>

#include "agent/sensor/mounts.h"
#include "base/test.h"

struct list {
	unsigned n;
	char text[8][128];
};

static void note(void *arg, const struct mount_point *m)
{
	struct list *l = arg;
	assert_true(l->n < 8);
	snprintf(l->text[l->n++], sizeof(l->text[0]), "%llu %u:%u %s", (unsigned long long)m->id,
	         m->major, m->minor, m->path);
}

static void local_file_systems_are_found_with_their_numbers(void **state)
{
	static const char text[] =
		"36 35 98:0 /mnt1 /mnt\\040two rw,noatime master:1 - ext4 /dev/root rw\n"
		"40 36 0:52 / /var/lib/box rw - overlay overlay rw,lowerdir=/a\n"
		"41 36 0:53 / / rw shared:1 master:2 - xfs /dev/b rw";
	struct list l = { 0 };
	(void)state;
	mounts_local(str_of(text), note, &l);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.text[0], "36 98:0 /mnt two");
	assert_string_equal(l.text[1], "40 0:52 /var/lib/box");
	assert_string_equal(l.text[2], "41 0:53 /");
}

static void what_is_not_local_or_not_a_line_is_left_out(void **state)
{
	static const char *const lines[] = {
		"43 35 0:50 / /fuse rw - fuse.sshfs s rw",
		"44 35 0:51 / /net rw - nfs4 host:/ rw",
		"45 35 0:5 / /dev/shm rw - tmpfs tmpfs rw",
		"46 35 7:1 / relative rw - ext4 d rw",
		"47 35 7:1 / /nodash rw ext4 d rw",
		"x 35 7:1 / /a rw - ext4 d rw",
		"48 35 :1 / /a rw - ext4 d rw",
		"49 35 4294967296:1 / /a rw - ext4 d rw",
		"",
		"-",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct list l = { 0 };
		mounts_local(str_of(lines[i]), note, &l);
		if (l.n != 0)
			fail_msg("taken: %s", lines[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(local_file_systems_are_found_with_their_numbers),
		cmocka_unit_test(what_is_not_local_or_not_a_line_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
