#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/auto.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/test.h"
#include "base/wire.h"

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

static void a_full_buffer_says_so_once_at_the_end(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = { .max = 4 };
	buf_z(&b, "abc");
	assert_int_equal(buf_end(&b), 0);
	buf_z(&b, "de");
	buf_char(&b, 'f');
	assert_int_equal(buf_end(&b), -ENOMEM);
	assert_string_equal(b.p, "abc");
}

static void bytes_of_strangers_become_valid_text(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = { 0 };
	buf_safe(&b, STR("a\n\\\xff\xe6\xab\x93"));
	assert_string_equal(b.p, "a\\x0A\\x5C\\xFF\xe6\xab\x93");
}

/* The reference implementation's vectors for the key 00..0f and inputs 00, 00 01, ... */
static void siphash_matches_the_reference(void **state)
{
	(void)state;
	static const uint64_t key[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
	uint8_t in[16];
	for (uint8_t i = 0; i < sizeof(in); i++)
		in[i] = i;
	assert_true(siphash(key, in, 0) == 0x726fdb47dd0e0e31u);
	assert_true(siphash(key, in, 8) == 0x93f5f5799a932462u);
	assert_true(siphash(key, in, 15) == 0xa129ca6149be45e5u);
}

static void a_map_keeps_what_was_set_through_growth_and_deletion(void **state)
{
	(void)state;
	AUTO(map_done) struct map m = { 0 };
	static int values[1000];
	char key[16];
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 1000; i++) {
			snprintf(key, sizeof(key), "key%d", i);
			map_set(&m, str_of(key), &values[i]);
		}
		for (int i = 0; i < 1000; i += 2) {
			snprintf(key, sizeof(key), "key%d", i);
			assert_ptr_equal(map_del(&m, str_of(key)), &values[i]);
		}
	}
	int seen = 0;
	struct map_item item;
	for (size_t at = 0; map_next(&m, &at, &item);)
		seen++;
	assert_int_equal(seen, 500);
	assert_ptr_equal(map_get(&m, STR("key7")), &values[7]);
	assert_null(map_get(&m, STR("key8")));
}

static void a_sentence_gets_its_context(void **state)
{
	(void)state;
	struct err why = { { 0 } };
	assert_int_equal(err_set(&why, -EINVAL, "%d is too many", 7), -EINVAL);
	err_add(&why, 0, "file %s", "x");
	assert_string_equal(why.text, "file x: 7 is too many");
	assert_int_equal(err_set(NULL, -EIO, "nobody listens"), -EIO);
}

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

static void bad_json_is_refused_with_its_place(void **state)
{
	(void)state;
	struct err why = { { 0 } };
	assert_null(json_parse(STR("{\"a\":1,\n\"a\":2}"), &why));
	assert_non_null(strstr(why.text, "line 2"));
	assert_null(json_parse(STR("{\"a\":\"\xff\"}"), &why));
	char deep[200];
	memset(deep, '[', sizeof(deep));
	assert_null(json_parse((struct str){ deep, sizeof(deep) }, &why));
	assert_non_null(strstr(why.text, "deeper"));
	AUTO(json_decrefp) json_t *j = json_parse(STR("{\"b\":true,\"n\":3,\"t\":\"x\"}"), &why);
	assert_true(json_bool(j, "b", false));
	assert_int_equal(json_int(j, "n", 0), 3);
	assert_string_equal(json_text(j, "t", ""), "x");
	assert_string_equal(json_text(j, "n", "other"), "other");
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, j);
	assert_string_equal(b.p, "{\"b\":true,\"n\":3,\"t\":\"x\"}");
}

static void replacing_a_file_leaves_the_old_or_the_new(void **state)
{
	(void)state;
	char dir[] = "/tmp/yagura-base-XXXXXX";
	assert_non_null(mkdtemp(dir));
	AUTO(closep) int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_mkdirs(d, "a/b", 0700, (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(file_replace(d, "a/b/f", "one", 3, 0600), 0);
	assert_int_equal(file_replace(d, "a/b/f", "two", 3, 0600), 0);
	AUTO(buf_done) struct buf b = { 0 };
	assert_int_equal(file_read(d, "a/b/f", 100, &b), 0);
	assert_string_equal(b.p, "two");
	buf_clear(&b);
	assert_int_equal(file_read(d, "a/b/f", 2, &b), -EFBIG);
	assert_int_equal(file_replace(d, "nowhere/f", "x", 1, 0600), -ENOENT);
	assert_int_equal(file_remove_tree(AT_FDCWD, dir), 0);
	assert_int_equal(access(dir, F_OK), -1);
}

static void a_sealed_memfd_is_read_and_an_open_one_refused(void **state)
{
	(void)state;
	AUTO(closep) int sealed = file_memfd("t", "hello", 5);
	AUTO(closep) int open_one = memfd_create("t", MFD_CLOEXEC);
	AUTO(buf_done) struct buf b = { 0 };
	assert_int_equal(file_read_sealed(sealed, 5, &b), 0);
	assert_string_equal(b.p, "hello");
	assert_int_equal(file_read_sealed(open_one, 5, &b), -EPERM);
	assert_int_equal(write(sealed, "x", 1), -1);
}

static void random_names_have_their_form(void **state)
{
	(void)state;
	char guid[37], password[17], stamp[48];
	rand_guid(guid);
	assert_int_equal(strlen(guid), 36);
	assert_int_equal(guid[14], '4');
	rand_password(password, 16);
	assert_int_equal(strlen(password), 16);
	assert_null(strpbrk(password, "0O1lI"));
	clock_stamp(stamp);
	assert_non_null(strstr(stamp, " ["));
	assert_string_equal(log_quote(STR("a\tb")), "\"a\\x09b\"");
}

static void base64_has_one_way_to_write_each_value(void **state)
{
	(void)state;
	static const char *const pairs[][2] = { { "", "" },
		                                { "f", "Zg==" },
		                                { "fo", "Zm8=" },
		                                { "foo", "Zm9v" },
		                                { "foobar", "Zm9vYmFy" } };
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		AUTO(buf_done) struct buf a = { 0 }, b = { 0 };
		base64_encode(&a, str_of(pairs[i][0]));
		assert_true(str_is(buf_view(&a), pairs[i][1]));
		assert_int_equal(base64_decode(&b, buf_view(&a)), 0);
		assert_true(str_is(buf_view(&b), pairs[i][0]));
	}
	static const char *const bad[] = { "Zg=",      "Zh==",  "Z===",  "====",
		                           "Zg==Zg==", "Zm 9v", "Zm9\nv" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		assert_int_equal(base64_decode(&b, str_of(bad[i])), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_arena_gives_zeroed_aligned_memory_of_any_size),
		cmocka_unit_test(a_full_buffer_says_so_once_at_the_end),
		cmocka_unit_test(bytes_of_strangers_become_valid_text),
		cmocka_unit_test(siphash_matches_the_reference),
		cmocka_unit_test(a_map_keeps_what_was_set_through_growth_and_deletion),
		cmocka_unit_test(a_sentence_gets_its_context),
		cmocka_unit_test(what_is_written_is_read_and_short_input_is_refused),
		cmocka_unit_test(bad_json_is_refused_with_its_place),
		cmocka_unit_test(replacing_a_file_leaves_the_old_or_the_new),
		cmocka_unit_test(a_sealed_memfd_is_read_and_an_open_one_refused),
		cmocka_unit_test(random_names_have_their_form),
		cmocka_unit_test(base64_has_one_way_to_write_each_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
