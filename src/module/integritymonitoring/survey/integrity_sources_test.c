#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/test.h"
#include "module/integritymonitoring/survey/sources.h"

static void done(struct gathered *g)
{
	arena_done(&g->arena);
	free(g->list);
}

/* One entity's attribute as text; "-" when it is not known. */
static const char *at(const struct gathered *g, size_t i, const char *attribute)
{
	uint32_t bit = im_attributes_named(g->list[i].class, str_of(attribute), 0);
	return g->list[i].has & bit ? g->list[i].value[__builtin_ctz(bit)].p : "-";
}

static void accounts_are_read(void **state)
{
	AUTO(done) struct gathered g = { 0 };
	const struct str group = STR("root:x:0:\nwheel:x:10:ann,bob\nann:x:1000:\n");
	(void)state;
	parse_users(
		&g,
		STR("# comment\nroot:x:0:0:root:/root:/bin/sh\n+::::::\nann:x:1000:1000:Ann,,:/home/ann:/bin/zsh\nshort:x\n"),
		STR("root:*:19000:0:99999:7:::\nann:!$y$x:19001:0:90:7:::\n"), group);
	assert_int_equal(g.n, 2);
	assert_string_equal(at(&g, 1, "Uid"), "1000");
	assert_string_equal(at(&g, 1, "Shell"), "/bin/zsh");
	assert_string_equal(at(&g, 1, "Groups"), "wheel,ann");
	assert_string_equal(at(&g, 1, "Locked"), "true");
	assert_string_equal(at(&g, 1, "PasswordExpires"), "90");
	assert_string_equal(at(&g, 0, "Locked"), "false");
	assert_string_equal(at(&g, 0, "Disabled"), "true");
	assert_string_equal(at(&g, 0, "PasswordNeverExpires"), "true");
	parse_groups(&g, group);
	assert_int_equal(g.n, 5);
	assert_string_equal(at(&g, 3, "Members"), "ann,bob");
	assert_string_equal(at(&g, 3, "Group"), "wheel (10)");
}

static void packages_of_dpkg_are_read(void **state)
{
	AUTO(done) struct gathered g = { 0 };
	(void)state;
	parse_dpkg(
		&g,
		STR("Package: bash\nStatus: install ok installed\nVersion: 5.2-1\nArchitecture: amd64\n"
	            "Description: shell\n Package: not this\n\n"
	            "Package: libc6\nMulti-Arch: same\nArchitecture: i386\nVersion: 2.36\n\n"));
	assert_int_equal(g.n, 2);
	assert_string_equal(g.list[0].key.p, "bash");
	assert_string_equal(at(&g, 0, "Version"), "5.2-1");
	assert_string_equal(at(&g, 0, "State"), "install ok installed");
	assert_string_equal(g.list[1].key.p, "libc6:i386");
	assert_string_equal(at(&g, 1, "Size"), "-");
}

static void put32(struct buf *b, uint32_t v)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_char(b, (char)(v >> shift));
}

static void packages_of_rpm_are_read(void **state)
{
	AUTO(done) struct gathered g = { 0 };
	AUTO(buf_done) struct buf b = { 0 };
	static const struct {
		uint32_t tag, type, offset;
	} entries[] = { { 1000, 6, 0 },  { 1001, 6, 5 },  { 1002, 6, 9 },
		        { 1022, 6, 15 }, { 1003, 4, 24 }, { 1009, 4, 28 } };
	/* NOLINTNEXTLINE(bugprone-string-literal-with-embedded-nul): texts one after another */
	static const char data[] = "bash\0"
				   "5.2\0"
				   "1.el9\0"
				   "x86_64\0\0\0"
				   "\0\0\0\2"
				   "\0\1\0\0";
	(void)state;
	put32(&b, ARRAY_LEN(entries));
	put32(&b, sizeof(data) - 1);
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		put32(&b, entries[i].tag);
		put32(&b, entries[i].type);
		put32(&b, entries[i].offset);
		put32(&b, 1);
	}
	buf_add(&b, data, sizeof(data) - 1);
	assert_int_equal(parse_rpm_header(&g, buf_view(&b)), 0);
	assert_string_equal(g.list[0].key.p, "bash.x86_64");
	assert_string_equal(at(&g, 0, "Version"), "2:5.2-1.el9");
	assert_string_equal(at(&g, 0, "Size"), "65536");
	for (size_t n = 0; n < b.n; n++) {
		AUTO(freep) char *part = malloc(n + 1);
		memcpy(part, b.p, n);
		assert_int_equal(parse_rpm_header(&g, (struct str){ part, n }), -EBADMSG);
	}
	assert_int_equal(g.n, 1);
}

static void units_are_read(void **state)
{
	AUTO(done) struct gathered g = { 0 };
	struct im_entity *e = gathered_add(&g, IM_SERVICE, STR("x.service"));
	(void)state;
	parse_unit(
		&g, e,
		STR("[Unit]\nDescription = A thing\n[Service]\nExecStart=/bin/a\nExecStart=/bin/b\n# User=no\nUser=web\n"));
	assert_string_equal(at(&g, 0, "BinaryPathName"), "/bin/a; /bin/b");
	assert_string_equal(at(&g, 0, "LogOnAs"), "web");
	parse_unit(&g, e, STR("[Service]\nExecStart=\nExecStart=/bin/c\n"));
	assert_string_equal(at(&g, 0, "BinaryPathName"), "/bin/c");
}

static void ports_are_read(void **state)
{
	AUTO(done) struct gathered g = { 0 };
	AUTO(map_done) struct map by_inode = { 0 };
	(void)state;
	parse_ports(
		&g, "TCP", "0A",
		STR("  sl  local_address rem_address   st\n"
	            "   0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n"
	            "   1: 0100007F:0017 0200007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n"
	            "   2: 0100007X:0017 0200007F:0016 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1\n"),
		&by_inode);
	assert_int_equal(g.n, 1);
	assert_string_equal(g.list[0].key.p, "TCP/127.0.0.1/22");
	assert_non_null(map_get(&by_inode, STR("4711")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accounts_are_read),
		cmocka_unit_test(packages_of_dpkg_are_read),
		cmocka_unit_test(packages_of_rpm_are_read),
		cmocka_unit_test(units_are_read),
		cmocka_unit_test(ports_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
