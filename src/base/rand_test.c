#include <string.h>

#include "base/rand.h"
#include "base/test.h"

static void a_guid_has_its_form_and_is_new(void **state)
{
	(void)state;
	char a[37], b[37];
	rand_guid(a);
	rand_guid(b);
	assert_int_equal(strlen(a), 36);
	assert_int_equal(strspn(a, "0123456789ABCDEF-"), 36);
	assert_int_equal(a[8], '-');
	assert_int_equal(a[14], '4');
	assert_non_null(strchr("89AB", a[19]));
	assert_string_not_equal(a, b);
}

static void a_password_has_no_look_alikes(void **state)
{
	(void)state;
	char password[201], other[201];
	rand_password(password, 200);
	rand_password(other, 200);
	assert_int_equal(strlen(password), 200);
	assert_null(strpbrk(password, "0O1lI"));
	assert_string_not_equal(password, other);
	rand_password(password, 0);
	assert_string_equal(password, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guid_has_its_form_and_is_new),
		cmocka_unit_test(a_password_has_no_look_alikes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
