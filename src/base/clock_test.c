#include <string.h>

#include "base/clock.h"
#include "base/test.h"

static void a_stamp_is_local_time_with_its_zone(void **state)
{
	(void)state;
	char stamp[48];
	setenv("TZ", "JST-9", 1);
	clock_stamp(stamp);
	static const char form[] = "dddd-dd-dd dd:dd:dd.dddddd [+0900]";
	assert_int_equal(strlen(stamp), strlen(form));
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'd' ? !strchr("0123456789", stamp[i]) : form[i] != stamp[i])
			fail_msg("%s", stamp);
}

static void monotonic_time_never_goes_back(void **state)
{
	(void)state;
	uint64_t before = clock_mono_ns();
	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_mono_ns();
		assert_true(now >= before);
		before = now;
	}
	assert_true(clock_mono_ms() >= before / 1000000);
	assert_true(clock_ms() > 1700000000000u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stamp_is_local_time_with_its_zone),
		cmocka_unit_test(monotonic_time_never_goes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
