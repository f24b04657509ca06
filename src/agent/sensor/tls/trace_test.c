#include <errno.h>

#include "agent/sensor/tls/trace.h"
#include "base/test.h"

/* As Linux 6.18 prints it. */
static const char newer[] =
	"name: tcp_rcv_space_adjust\nID: 2277\nformat:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
	"\tfield:const void * skaddr;\toffset:8;\tsize:8;\tsigned:0;\n"
	"\tfield:__u16 sport;\toffset:16;\tsize:2;\tsigned:0;\n"
	"\tfield:__u16 dport;\toffset:18;\tsize:2;\tsigned:0;\n"
	"\tfield:__u16 family;\toffset:20;\tsize:2;\tsigned:0;\n"
	"\tfield:__u8 saddr[4];\toffset:22;\tsize:4;\tsigned:0;\n"
	"\tfield:__u8 daddr[4];\toffset:26;\tsize:4;\tsigned:0;\n"
	"\tfield:__u8 saddr_v6[16];\toffset:30;\tsize:16;\tsigned:0;\n"
	"\tfield:__u8 daddr_v6[16];\toffset:46;\tsize:16;\tsigned:0;\n"
	"\tfield:__u64 sock_cookie;\toffset:64;\tsize:8;\tsigned:0;\n\nprint fmt: \"...\"\n";

/* As Linux 5.10 prints it: without the family. */
static const char older[] = "name: tcp_rcv_space_adjust\nID: 1300\nformat:\n"
			    "\tfield:const void * skaddr;\toffset:8;\tsize:8;\tsigned:0;\n"
			    "\tfield:__u16 sport;\toffset:16;\tsize:2;\tsigned:0;\n"
			    "\tfield:__u16 dport;\toffset:18;\tsize:2;\tsigned:0;\n"
			    "\tfield:__u8 saddr[4];\toffset:20;\tsize:4;\tsigned:0;\n"
			    "\tfield:__u8 daddr[4];\toffset:24;\tsize:4;\tsigned:0;\n"
			    "\tfield:__u8 saddr_v6[16];\toffset:28;\tsize:16;\tsigned:0;\n"
			    "\tfield:__u8 daddr_v6[16];\toffset:44;\tsize:16;\tsigned:0;\n"
			    "\tfield:__u64 sock_cookie;\toffset:64;\tsize:8;\tsigned:0;\n";

static void fields_are_where_the_kernel_says(void **state)
{
	int64_t number = 0;
	struct tls_fields at;
	(void)state;
	assert_int_equal(trace_format(STR(newer), &number, &at), 0);
	assert_int_equal(number, 2277);
	assert_int_equal(at.sport, 16);
	assert_int_equal(at.dport, 18);
	assert_int_equal(at.family, 20);
	assert_int_equal(at.saddr, 22);
	assert_int_equal(at.daddr, 26);
	assert_int_equal(at.saddr_v6, 30);
	assert_int_equal(at.daddr_v6, 46);
	assert_int_equal(at.sock_cookie, 64);
	assert_int_equal(trace_format(STR(older), &number, &at), 0);
	assert_int_equal(number, 1300);
	assert_int_equal(at.family, 0);
	assert_int_equal(at.saddr, 20);
}

static void a_format_without_a_field_is_refused(void **state)
{
	int64_t number = 0;
	struct tls_fields at;
	(void)state;
	/* Cut anywhere before the last field. */
	for (size_t n = 0; n < sizeof(older) - 40; n += 7)
		assert_int_equal(trace_format((struct str){ older, n }, &number, &at), -EBADMSG);
	assert_int_equal(trace_format(STR("ID: 99999999999999999999\n"), &number, &at), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(fields_are_where_the_kernel_says),
		cmocka_unit_test(a_format_without_a_field_is_refused),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
