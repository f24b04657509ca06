#include <string.h>

#include "base/arena.h"
#include "base/auto.h"
#include "base/test.h"

static void an_arena_gives_zeroed_aligned_memory_of_any_size(void **state)
{
	(void)state;
	AUTO(arena_done) struct arena a = { 0 };
	for (size_t n = 0; n < 10000; n = n * 2 + 1) {
		char *p = arena_alloc(&a, n);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 'x', n);
	}
	assert_string_equal(arena_str(&a, STR("櫓")), "櫓");
}

static void arrays_are_zeroed_and_apart(void **state)
{
	(void)state;
	AUTO(arena_done) struct arena a = { 0 };
	uint64_t *one = arena_array(&a, 100, sizeof(*one));
	uint64_t *two = arena_array(&a, 100, sizeof(*two));
	for (size_t i = 0; i < 100; i++) {
		assert_true(one[i] == 0);
		one[i] = UINT64_MAX;
	}
	for (size_t i = 0; i < 100; i++)
		assert_true(two[i] == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_arena_gives_zeroed_aligned_memory_of_any_size),
		cmocka_unit_test(arrays_are_zeroed_and_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
