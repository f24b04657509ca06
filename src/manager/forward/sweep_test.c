#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/forward/sweep.h"

/* All of 127/8 is this host: an address of it refuses what nobody listens on. */
static void computers_that_answer_are_found(void **state)
{
	const struct sweep s = { .low = 0x7f000005, .high = 0x7f000007, .stop = -1 };
	AUTO(buf_done) struct buf b = { 0 };
	struct err why = { { 0 } };
	(void)state;
	assert_int_equal(sweep(&s, &b, &why), 0);
	assert_string_equal(
		b.p, "[{\"ip\":\"127.0.0.5\"},{\"ip\":\"127.0.0.6\"},{\"ip\":\"127.0.0.7\"}]");
}

static void what_is_too_much_or_stopped_says_so(void **state)
{
	const struct sweep wide = { .low = 0x0a000000, .high = 0x0a010000, .stop = -1 };
	const struct sweep back = { .low = 2, .high = 1, .stop = -1 };
	AUTO(buf_done) struct buf b = { 0 };
	struct err why = { { 0 } };
	int ends[2];
	(void)state;
	assert_int_equal(sweep(&wide, &b, &why), -EINVAL);
	assert_int_equal(sweep(&back, &b, &why), -EINVAL);
	assert_int_equal(pipe(ends), 0);
	close(ends[1]);
	const struct sweep ended = { .low = 0x7f000005, .high = 0x7f000005, .stop = ends[0] };
	assert_int_equal(sweep(&ended, &b, &why), -ECANCELED);
	close(ends[0]);
}

static void seen(void *arg, uint32_t address)
{
	buf_fmt(arg, "%08x ", address);
}

static void neighbours_with_a_hardware_address_count(void **state)
{
	static const char text[] =
		"IP address       HW type     Flags       HW address            Mask     Device\n"
		"10.0.0.1         0x1         0x2         02:42:ac:11:00:01     *        eth0\n"
		"10.0.0.9         0x1         0x0         00:00:00:00:00:00     *        eth0\n"
		"nonsense\n"
		"10.0.0.77        0x1         0x6         02:42:ac:11:00:02     *        eth0\n";
	AUTO(buf_done) struct buf b = { 0 };
	(void)state;
	sweep_neighbours(STR(text), seen, &b);
	assert_string_equal(b.p, "0a000001 0a00004d ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(computers_that_answer_are_found),
		cmocka_unit_test(what_is_too_much_or_stopped_says_so),
		cmocka_unit_test(neighbours_with_a_hardware_address_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
