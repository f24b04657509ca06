#include <errno.h>
#include <string.h>

#include "agent/sensor/tree/judged.h"
#include "base/auto.h"
#include "base/test.h"

static const char boot[JUDGED_BOOT + 1] = "3f0c9f1e-0000-4000-8000-0123456789ab";
static const char other_boot[JUDGED_BOOT + 1] = "3f0c9f1e-0000-4000-8000-0123456789ac";

static struct judged_key key_of(uint64_t ino)
{
	return (struct judged_key){ 8, 27, ino, 1700000000000000001u, 4096, 77 };
}

static void only_the_very_version_is_found(void **state)
{
	(void)state;
	AUTO(judged_done) struct judged j = { 0 };
	judged_init(&j, JUDGED_MAX);
	struct judged_key k = key_of(5);
	assert_false(judged_has(&j, &k));
	judged_put(&j, &k);
	assert_true(judged_has(&j, &k));
	uint64_t *const parts[] = { &k.dev, &k.mount, &k.ino, &k.ctime_ns, &k.size, &k.conditions };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		(*parts[i])++;
		assert_false(judged_has(&j, &k));
		(*parts[i])--;
	}
	assert_true(judged_has(&j, &k));
}

static void a_new_version_takes_the_place_of_the_old(void **state)
{
	(void)state;
	AUTO(judged_done) struct judged j = { 0 };
	judged_init(&j, JUDGED_MAX);
	struct judged_key old = key_of(5), new = key_of(5);
	new.ctime_ns++;
	judged_put(&j, &old);
	judged_put(&j, &new);
	assert_int_equal(j.n, 1);
	assert_false(judged_has(&j, &old));
	assert_true(judged_has(&j, &new));
}

static void nothing_is_found_after_forgetting(void **state)
{
	(void)state;
	AUTO(judged_done) struct judged j = { 0 };
	judged_init(&j, JUDGED_MAX);
	struct judged_key k = key_of(5);
	judged_put(&j, &k);
	judged_forget(&j);
	assert_false(judged_has(&j, &k));
	judged_put(&j, &k);
	assert_true(judged_has(&j, &k));
}

static size_t found(const struct judged *j, uint64_t n)
{
	size_t hits = 0;
	for (uint64_t i = 0; i < n; i++) {
		struct judged_key k = key_of(i);
		hits += judged_has(j, &k);
	}
	return hits;
}

static void a_table_grows_and_keeps_nearly_all(void **state)
{
	(void)state;
	AUTO(judged_done) struct judged j = { 0 };
	judged_init(&j, JUDGED_MAX);
	for (uint64_t i = 0; i < 100000; i++) {
		struct judged_key k = key_of(i);
		judged_put(&j, &k);
	}
	assert_true(found(&j, 100000) > 99000);
	assert_true(j.cap <= 1 << 20);
}

static void a_full_table_stays_as_large_as_it_may_be(void **state)
{
	(void)state;
	AUTO(judged_done) struct judged j = { 0 };
	judged_init(&j, 256);
	for (uint64_t i = 0; i < 10000; i++) {
		struct judged_key k = key_of(i);
		judged_put(&j, &k);
		assert_true(judged_has(&j, &k)); /* the newest always has room */
	}
	assert_int_equal(j.cap, 256);
	assert_true(j.n <= 256);
	assert_true(found(&j, 10000) <= 256);
}

static void fill(struct judged *j, struct buf *file)
{
	judged_init(j, 4096);
	for (uint64_t i = 0; i < 40; i++) {
		struct judged_key k = key_of(i);
		judged_put(j, &k);
	}
	assert_int_equal(judged_write(j, boot, file), 0);
}

static void a_table_comes_back_from_its_file(void **state)
{
	(void)state;
	AUTO(judged_done) struct judged j = { 0 }, k = { 0 };
	AUTO(buf_done) struct buf file = { 0 };
	fill(&j, &file);
	judged_init(&k, 4096);
	assert_int_equal(judged_read(&k, buf_view(&file), boot), 0);
	assert_int_equal(found(&k, 100), 40);
	assert_false(k.changed);
}

static void a_file_of_another_boot_counts_for_nothing(void **state)
{
	(void)state;
	AUTO(judged_done) struct judged j = { 0 }, k = { 0 };
	AUTO(buf_done) struct buf file = { 0 };
	fill(&j, &file);
	judged_init(&k, 4096);
	assert_int_equal(judged_read(&k, buf_view(&file), other_boot), -ESTALE);
	assert_int_equal(k.n, 0);
}

static void a_torn_file_is_refused_wherever_it_ends(void **state)
{
	(void)state;
	AUTO(judged_done) struct judged j = { 0 }, k = { 0 };
	AUTO(buf_done) struct buf file = { 0 };
	fill(&j, &file);
	judged_init(&k, 4096);
	struct judged_key own = key_of(1000);
	judged_put(&k, &own);
	for (size_t n = 0; n < file.n; n++)
		assert_int_equal(judged_read(&k, (struct str){ file.p, n }, boot), -EBADMSG);
	assert_int_equal(k.n, 1);
	assert_true(judged_has(&k, &own)); /* what was there is left alone */
}

static void one_wrong_bit_is_enough_to_refuse_a_file(void **state)
{
	(void)state;
	AUTO(judged_done) struct judged j = { 0 }, k = { 0 };
	AUTO(buf_done) struct buf file = { 0 };
	fill(&j, &file);
	judged_init(&k, 4096);
	for (size_t i = 0; i < file.n; i++) {
		file.p[i] ^= 0x10;
		assert_int_equal(judged_read(&k, buf_view(&file), boot), -EBADMSG);
		file.p[i] ^= 0x10;
	}
	assert_int_equal(judged_read(&k, buf_view(&file), boot), 0);
}

static void a_file_larger_than_the_table_may_be_is_refused(void **state)
{
	(void)state;
	AUTO(judged_done) struct judged j = { 0 }, k = { 0 };
	AUTO(buf_done) struct buf file = { 0 };
	fill(&j, &file);
	judged_init(&k, 32);
	assert_int_equal(judged_read(&k, buf_view(&file), boot), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(only_the_very_version_is_found),
		cmocka_unit_test(a_new_version_takes_the_place_of_the_old),
		cmocka_unit_test(nothing_is_found_after_forgetting),
		cmocka_unit_test(a_table_grows_and_keeps_nearly_all),
		cmocka_unit_test(a_full_table_stays_as_large_as_it_may_be),
		cmocka_unit_test(a_table_comes_back_from_its_file),
		cmocka_unit_test(a_file_of_another_boot_counts_for_nothing),
		cmocka_unit_test(a_torn_file_is_refused_wherever_it_ends),
		cmocka_unit_test(one_wrong_bit_is_enough_to_refuse_a_file),
		cmocka_unit_test(a_file_larger_than_the_table_may_be_is_refused),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
