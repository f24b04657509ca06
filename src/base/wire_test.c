#include <errno.h>

#include "base/auto.h"
#include "base/test.h"
#include "base/wire.h"

static void what_is_written_is_read_and_short_input_is_refused(void **state)
{
	(void)state;
	uint8_t bytes[64];
	struct wr w = wr_init(bytes, sizeof(bytes));
	wr_u8(&w, 7);
	wr_u32(&w, 70000);
	wr_u64(&w, UINT64_MAX);
	wr_str(&w, STR("abc"));
	assert_int_equal(wr_end(&w), 0);
	for (size_t n = 0; n <= wr_len(&w); n++) {
		struct rd r = rd_init(bytes, n);
		rd_u8(&r);
		rd_u32(&r);
		rd_u64(&r);
		struct str s = rd_str(&r, 3);
		assert_int_equal(rd_end(&r), n == wr_len(&w) ? 0 : -EBADMSG);
		assert_int_equal(str_is(s, "abc"), n == wr_len(&w));
	}
	struct rd r = rd_init(bytes + 13, wr_len(&w) - 13);
	rd_str(&r, 2);
	assert_int_equal(rd_end(&r), -EBADMSG);
	struct wr small = wr_init(bytes, 3);
	wr_u32(&small, 1);
	assert_int_equal(wr_end(&small), -EMSGSIZE);
}

static void numbers_are_little_endian(void **state)
{
	(void)state;
	uint8_t bytes[12];
	struct wr w = wr_init(bytes, sizeof(bytes));
	wr_u32(&w, 0x04030201);
	wr_u64(&w, 0x0c0b0a0908070605u);
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], i + 1);
	assert_int_equal(wr_end(&w), 0);
}

static void nothing_is_written_after_an_overrun(void **state)
{
	(void)state;
	uint8_t bytes[8] = { 0 };
	struct wr w = wr_init(bytes, sizeof(bytes));
	wr_str(&w, STR("12345"));
	wr_u8(&w, 9);
	assert_int_equal(wr_end(&w), -EMSGSIZE);
	assert_int_equal(bytes[4], 0);
}

static void long_input_is_refused(void **state)
{
	(void)state;
	struct rd r = rd_init("\x01\x02", 2);
	assert_int_equal(rd_u8(&r), 1);
	assert_int_equal(rd_end(&r), -EBADMSG);
	assert_int_equal(rd_u8(&r), 2);
	assert_int_equal(rd_end(&r), 0);
	struct rd lying = rd_init("\xff\xff\xff\xff", 4);
	assert_int_equal(rd_str(&lying, SIZE_MAX).n, 0);
	assert_int_equal(rd_end(&lying), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_and_short_input_is_refused),
		cmocka_unit_test(numbers_are_little_endian),
		cmocka_unit_test(nothing_is_written_after_an_overrun),
		cmocka_unit_test(long_input_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
