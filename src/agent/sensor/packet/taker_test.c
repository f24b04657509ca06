#include <string.h>

#include "agent/sensor/packet/taker.h"
#include "base/auto.h"
#include "base/test.h"

enum { WAIT_MS = 20000 };

/* What came of the policies. */
struct seen {
	struct taker taker;
	int64_t versions[8];
	int results[8];
	unsigned n;
};

static void on_done(struct taker *t, struct taken_policy *p)
{
	struct seen *s = CONTAINER_OF(t, struct seen, taker);
	s->versions[s->n] = p->rules.version;
	s->results[s->n++] = p->rc;
}

static void wait_for(struct loop *l, const struct seen *s, int64_t version)
{
	while (!s->n || s->versions[s->n - 1] != version)
		assert_true(loop_once(l, WAIT_MS) >= 0);
}

static const char rules[] =
	"{\"version\":%d,\"sections\":{\"firewall\":{\"state\":\"off\"},\"intrusionprevention\":"
	"{\"state\":\"prevent\",\"rules\":[{\"ID\":1,\"name\":\"n\",\"template\":\"custom\","
	"\"customXML\":\"alert tcp any any -> any 80 (content:\\\"evil\\\"; sid:1;)\"}]}}}";

static void the_newest_policy_wins_and_is_ready_to_be_applied(void **state)
{
	struct loop l;
	struct seen s = { .n = 0 };
	(void)state;
	assert_int_equal(loop_init(&l), 0);
	assert_int_equal(taker_init(&s.taker, &l, on_done), 0);
	for (int version = 1; version <= 5; version++) {
		AUTO(buf_done) struct buf b = { 0 };
		buf_fmt(&b, rules, version);
		taker_give(&s.taker, buf_view(&b));
	}
	wait_for(&l, &s, 5);
	/* Those between were never compiled: one was under way, the newest waited. */
	assert_int_equal(s.n, 2);
	assert_int_equal(s.versions[0], 1);
	assert_int_equal(s.results[0], 0);
	assert_int_equal(s.results[1], 0);
	taker_done(&s.taker);
	loop_done(&l);
}

static void a_policy_that_is_none_is_told_and_nothing_protects_nothing(void **state)
{
	struct loop l;
	struct seen s = { .n = 0 };
	(void)state;
	assert_int_equal(loop_init(&l), 0);
	assert_int_equal(taker_init(&s.taker, &l, on_done), 0);
	taker_give(&s.taker,
	           STR("{\"version\":7,\"sections\":{\"intrusionprevention\":{\"state\":\"x\"}}}"));
	wait_for(&l, &s, 7);
	assert_true(s.results[0] < 0);
	taker_give(&s.taker, STR(""));
	wait_for(&l, &s, 0);
	assert_int_equal(s.results[1], 0);
	/* Ending does not wait for the loop. */
	taker_give(&s.taker, STR("{\"version\":9}"));
	taker_done(&s.taker);
	loop_done(&l);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(the_newest_policy_wins_and_is_ready_to_be_applied),
		cmocka_unit_test(a_policy_that_is_none_is_told_and_nothing_protects_nothing),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
