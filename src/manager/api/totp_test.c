#include <errno.h>

#include "base/auto.h"
#include "base/test.h"
#include "manager/api/totp.h"

static const struct str key = { "12345678901234567890", 20 };

/* RFC 6238 appendix B, the last six of its eight digits. */
static void codes_are_those_of_the_standard(void **state)
{
	static const struct {
		uint64_t seconds;
		uint32_t code;
	} rows[] = { { 59, 287082 },       { 1111111109, 81804 },  { 1111111111, 50471 },
		     { 1234567890, 5924 }, { 2000000000, 279037 }, { 20000000000, 353130 } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(totp_code(key, rows[i].seconds / TOTP_STEP_S), rows[i].code);
}

static void a_code_is_good_a_step_early_or_late_and_once(void **state)
{
	(void)state;
	struct str code = STR("287082"); /* of step 1 */
	assert_int_equal(totp_fits(key, code, 59000, 0), 1);
	assert_int_equal(totp_fits(key, code, 89000, 0), 1);
	assert_int_equal(totp_fits(key, code, 91000, 0), 0);
	assert_int_equal(totp_fits(key, code, 59000, 1), 0);
}

static void what_is_no_code_is_refused(void **state)
{
	static const char *const bad[] = { "", "28708", "2870820", "28708x", "-87082", " 87082" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(totp_fits(key, str_of(bad[i]), 59000, 0), 0);
}

/* RFC 4648 section 10. */
static void base32_goes_there_and_back(void **state)
{
	static const char *const rows[][2] = {
		{ "", "" },         { "f", "MY" },         { "fo", "MZXQ" },
		{ "foo", "MZXW6" }, { "foob", "MZXW6YQ" }, { "fooba", "MZXW6YTB" }
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_done) struct buf to = { 0 }, back = { 0 };
		base32_encode(&to, str_of(rows[i][0]));
		assert_true(str_is(buf_view(&to), rows[i][1]));
		assert_int_equal(base32_decode(&back, buf_view(&to)), 0);
		assert_true(str_is(buf_view(&back), rows[i][0]));
	}
	AUTO(buf_done) struct buf b = { 0 };
	assert_int_equal(base32_decode(&b, STR("MZ0W")), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_those_of_the_standard),
		cmocka_unit_test(a_code_is_good_a_step_early_or_late_and_once),
		cmocka_unit_test(what_is_no_code_is_refused),
		cmocka_unit_test(base32_goes_there_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
