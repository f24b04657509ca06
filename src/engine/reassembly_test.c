#include <string.h>

#include "base/auto.h"
#include "base/test.h"
#include "engine/made.h"
#include "engine/reassembly.h"

static const uint64_t key[2] = { 1, 2 };

/* A fragment of a datagram whose bytes tell where they stand. */
static struct packet fragment(struct made *m, bool v6, uint32_t offset, uint32_t len, bool more)
{
	struct packet p = { 0 };
	*m = (struct made){ 0 };
	if (v6) {
		made_ip(m, "2001:db8::1", "2001:db8::2", PROTO_FRAGMENT);
		made_32(m, (uint32_t)PROTO_UDP << 24 | offset | more);
		made_32(m, 77);
	} else {
		made_ip(m, "192.0.2.1", "192.0.2.2", PROTO_UDP);
		m->b[6] = (uint8_t)((more ? 0x20 : 0) | offset >> 11);
		m->b[7] = (uint8_t)(offset >> 3);
	}
	for (uint32_t i = 0; i < len; i++)
		m->b[m->n++] = (uint8_t)((offset + i) / 8);
	made_end(m);
	packet_decode(&p, PACKET_IP, m->b, m->n, NULL);
	return p;
}

static enum reassembly_state see(struct reassembly *r, bool v6, uint32_t offset, uint32_t len,
                                 bool more, size_t *n, enum reason *why)
{
	struct made m;
	const uint8_t *out = NULL;
	struct packet p = fragment(&m, v6, offset, len, more);
	assert_true(p.fragment);
	enum reassembly_state s = reassembly_see(r, &p, 1000, &out, n, why);
	if (s != REASSEMBLY_WHOLE)
		return s;
	size_t header = v6 ? 40 : 20;
	for (size_t i = header; i < *n; i++)
		assert_int_equal(out[i], (uint8_t)((i - header) / 8));
	assert_int_equal(packet_decode(&p, PACKET_IP, out, *n, NULL) == REASON_IP_LENGTH, false);
	assert_int_equal(p.proto, PROTO_UDP);
	assert_false(p.fragment);
	return s;
}

static void parts_in_any_order_become_the_whole(void **state)
{
	(void)state;
	static const uint32_t orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 } };
	for (size_t i = 0; i < 2 * ARRAY_LEN(orders); i++) {
		bool v6 = i % 2;
		size_t n = 0;
		enum reason why = REASON_NONE;
		struct reassembly *r = reassembly_new(NULL, 1 << 20, key);
		for (int k = 0; k < 3; k++) {
			uint32_t part = orders[i / 2][k];
			enum reassembly_state s = see(r, v6, part * 1240, part == 2 ? 100 : 1240,
			                              part != 2, &n, &why);
			assert_int_equal(s, k == 2 ? REASSEMBLY_WHOLE : REASSEMBLY_HELD);
		}
		assert_int_equal(n, (v6 ? 40 : 20) + 2580);
		assert_int_equal(reassembly_count(r), 0);
		reassembly_free(r);
	}
}

static void a_fragment_twice_does_no_harm(void **state)
{
	(void)state;
	size_t n = 0;
	enum reason why = REASON_NONE;
	struct reassembly *r = reassembly_new(NULL, 1 << 20, key);
	assert_int_equal(see(r, false, 0, 800, true, &n, &why), REASSEMBLY_HELD);
	assert_int_equal(see(r, false, 0, 800, true, &n, &why), REASSEMBLY_HELD);
	assert_int_equal(see(r, false, 800, 9, false, &n, &why), REASSEMBLY_WHOLE);
	reassembly_free(r);
}

static void what_is_out_of_bounds_is_refused_with_its_reason(void **state)
{
	(void)state;
	static const struct {
		const char *why;
		bool v6;
		uint32_t parts[2][3]; /* offset, length, more */
		enum reason reason;
	} cases[] = {
		{ "first too small", false, { { 0, 96, 1 } }, REASON_FIRST_FRAGMENT_SMALL },
		{ "offset too small", false, { { 56, 96, 1 } }, REASON_FRAGMENT_OFFSET_SMALL },
		{ "v6 below its MTU", true, { { 0, 1224, 1 } }, REASON_IPV6_FRAGMENT_SMALL },
		{ "overlap", false, { { 0, 800, 1 }, { 792, 80, 1 } }, REASON_OVERLAP },
		{ "overlap from before",
		  false,
		  { { 800, 800, 1 }, { 0, 808, 1 } },
		  REASON_OVERLAP },
		{ "behind the end",
		  false,
		  { { 800, 80, 0 }, { 880, 80, 1 } },
		  REASON_FRAGMENT_BOUNDS },
		{ "end before the end",
		  false,
		  { { 1600, 80, 1 }, { 800, 80, 0 } },
		  REASON_FRAGMENT_BOUNDS },
		{ "two ends", false, { { 800, 80, 0 }, { 1600, 80, 0 } }, REASON_OVERLAP },
		{ "v6 overlap", true, { { 0, 1240, 1 }, { 1232, 80, 0 } }, REASON_OVERLAP },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reassembly *r = reassembly_new(NULL, 1 << 20, key);
		enum reassembly_state s = REASSEMBLY_HELD;
		enum reason why = REASON_NONE;
		size_t n = 0;
		for (int k = 0; k < 2 && cases[i].parts[k][1]; k++)
			s = see(r, cases[i].v6, cases[i].parts[k][0], cases[i].parts[k][1],
			        cases[i].parts[k][2], &n, &why);
		if (s != REASSEMBLY_REFUSED || why != cases[i].reason)
			fail_msg("%s: %d", cases[i].why, (int)why);
		reassembly_free(r);
	}
}

static void after_an_overlap_nothing_of_the_datagram_passes(void **state)
{
	(void)state;
	size_t n = 0;
	enum reason why = REASON_NONE;
	struct reassembly *r = reassembly_new(NULL, 1 << 20, key);
	see(r, false, 0, 800, true, &n, &why);
	assert_int_equal(see(r, false, 400, 800, true, &n, &why), REASSEMBLY_REFUSED);
	assert_int_equal(see(r, false, 800, 80, false, &n, &why), REASSEMBLY_REFUSED);
	assert_int_equal(reassembly_clean(r, 1000 + 60000), 1);
	see(r, false, 0, 800, true, &n, &why);
	assert_int_equal(see(r, false, 800, 80, false, &n, &why), REASSEMBLY_WHOLE);
	reassembly_free(r);
}

static void no_more_is_kept_than_the_policy_says(void **state)
{
	(void)state;
	struct reassembly_limits l = reassembly_limits_default;
	enum reason why = REASON_NONE;
	const uint8_t *out = NULL;
	size_t n = 0;
	l.keep_max = 3;
	struct reassembly *r = reassembly_new(&l, 1 << 20, key);
	for (uint32_t i = 0; i < 5; i++) {
		struct made m;
		struct packet p = fragment(&m, false, 0, 800, true);
		p.fragment_id = i;
		assert_int_equal(reassembly_see(r, &p, 1000, &out, &n, &why),
		                 i < 3 ? REASSEMBLY_HELD : REASSEMBLY_REFUSED);
	}
	assert_int_equal(why, REASON_MEMORY);
	assert_int_equal(reassembly_count(r), 3);
	reassembly_free(r);
	r = reassembly_new(NULL, 600, key);
	assert_int_equal(see(r, false, 0, 800, true, &n, &why), REASSEMBLY_REFUSED);
	assert_int_equal(why, REASON_MEMORY);
	reassembly_free(r);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(parts_in_any_order_become_the_whole),
		cmocka_unit_test(a_fragment_twice_does_no_harm),
		cmocka_unit_test(what_is_out_of_bounds_is_refused_with_its_reason),
		cmocka_unit_test(after_an_overlap_nothing_of_the_datagram_passes),
		cmocka_unit_test(no_more_is_kept_than_the_policy_says),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
