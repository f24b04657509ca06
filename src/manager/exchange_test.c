#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/test.h"
#include "manager/exchange.h"

static void a_request_and_an_answer_survive_the_journey(void **state)
{
	(void)state;
	AUTO(json_decrefp) json_t *query = json_pack("{s:[s,s]}", "a", "1", "2");
	AUTO(json_decrefp) json_t *headers = json_pack("{s:s}", "x-test", "yes");
	const struct ask sent = { .agent = true,
		                  .method = "POST",
		                  .path = "/agent/\xe6\xab\x93",
		                  .query = query,
		                  .headers = headers,
		                  .address = "::1",
		                  .cn = "GUID",
		                  .fingerprint = "AB",
		                  .body = { "\0\xff", 2 } };
	AUTO(buf_done) struct buf b = { 0 };
	struct err why = { { 0 } };
	assert_int_equal(ask_write(&b, &sent), 0);
	AUTO(ask_done) struct ask got = { 0 };
	assert_int_equal(ask_read(buf_view(&b), &got, &why), 0);
	assert_true(got.agent);
	assert_string_equal(got.path, sent.path);
	assert_true(json_equal(got.query, query));
	assert_true(json_equal(got.headers, headers));
	assert_string_equal(got.cn, "GUID");
	assert_null(got.untrusted);
	assert_int_equal(got.body.n, 2);
	assert_memory_equal(got.body.p, "\0\xff", 2);
	buf_clear(&b);
	const struct answer answer = { .status = 201, .stream = true, .body = STR("x") };
	assert_int_equal(answer_write(&b, &answer), 0);
	AUTO(answer_done) struct answer back = { 0 };
	assert_int_equal(answer_read(buf_view(&b), &back, &why), 0);
	assert_int_equal(back.status, 201);
	assert_true(back.stream);
	assert_null(back.headers);
	assert_true(str_is(back.body, "x"));
}

static void what_is_cut_is_refused(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = { 0 };
	struct err why = { { 0 } };
	const struct answer answer = { .status = 200, .body = STR("body") };
	assert_int_equal(answer_write(&b, &answer), 0);
	for (size_t n = 0; n < b.n; n++) {
		struct answer back = { 0 };
		assert_int_equal(answer_read((struct str){ b.p, n }, &back, &why), -EBADMSG);
	}
	struct ask ask = { 0 };
	assert_int_equal(ask_read(buf_view(&b), &ask, &why), -EBADMSG);
	const struct answer none = { .status = 0 };
	buf_clear(&b);
	assert_int_equal(answer_write(&b, &none), 0);
	struct answer back = { 0 };
	assert_int_equal(answer_read(buf_view(&b), &back, &why), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_and_an_answer_survive_the_journey),
		cmocka_unit_test(what_is_cut_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
