#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/test.h"
#include "engine/stream.h"

/* What came out of a connection. */
struct heard {
	struct buf bytes[STREAM_SIDES];
	uint64_t gaps[STREAM_SIDES];
	unsigned closed[STREAM_SIDES];
};

static void on_data(void *arg, unsigned side, const uint8_t *data, size_t len)
{
	struct heard *h = arg;
	buf_add(&h->bytes[side], data, len);
}

static void on_gap(void *arg, unsigned side, uint64_t len)
{
	struct heard *h = arg;
	h->gaps[side] += len;
	buf_char(&h->bytes[side], '~');
}

static void on_close(void *arg, unsigned side)
{
	struct heard *h = arg;
	h->closed[side]++;
}

static const struct stream_sink sink = { on_data, on_gap, on_close };

/* A connection whose client's first byte has sequence number `isn` + 1. */
struct wire {
	struct stream s;
	struct stream_limits limits;
	struct heard heard;
	uint32_t isn[STREAM_SIDES];
};

static enum stream_answer say(struct wire *w, unsigned side, uint8_t flags, uint32_t at,
                              const void *data, size_t len)
{
	struct packet p = { .data = data,
		            .payload_len = (uint32_t)len,
		            .tcp_flags = flags,
		            .seq = w->isn[side] + at,
		            .ack = w->isn[!side] + 1,
		            .window = 65535,
		            .proto = PROTO_TCP };
	return stream_see(&w->s, &w->limits, side, &p, &sink, &w->heard);
}

/* The same with other words of the segment. */
static enum stream_answer say_with(struct wire *w, uint8_t flags, uint32_t at, const char *text,
                                   uint32_t ack, uint32_t stamp)
{
	struct packet p = { .data = (const uint8_t *)text,
		            .payload_len = (uint32_t)strlen(text),
		            .tcp_flags = flags,
		            .seq = w->isn[0] + at,
		            .ack = w->isn[1] + ack,
		            .window = 65535,
		            .proto = PROTO_TCP,
		            .tcp = { .has_timestamp = stamp != 0, .tsval = stamp } };
	return stream_see(&w->s, &w->limits, 0, &p, &sink, &w->heard);
}

static void open_at(struct wire *w, uint32_t isn)
{
	*w = (struct wire){ .limits = stream_limits_default, .isn = { isn, 77 } };
	assert_int_equal(say(w, 0, TCP_SYN, 0, "", 0), STREAM_FINE);
	assert_int_equal(say(w, 1, TCP_SYN | TCP_ACK, 0, "", 0), STREAM_FINE);
	assert_int_equal(say(w, 0, TCP_ACK, 1, "", 0), STREAM_FINE);
}

static void close_wire(struct wire *w)
{
	stream_done(&w->s);
	assert_int_equal(stream_memory(&w->s), 0);
	for (unsigned i = 0; i < STREAM_SIDES; i++)
		buf_done(&w->heard.bytes[i]);
}

static void assert_heard(const struct wire *w, unsigned side, const char *text)
{
	const struct buf *b = &w->heard.bytes[side];
	assert_int_equal(b->n, strlen(text));
	assert_memory_equal(b->n ? b->p : "", text, b->n);
}

static void bytes_come_in_order_from_both_sides(void **state)
{
	(void)state;
	struct wire w;
	open_at(&w, 1000);
	assert_int_equal(say(&w, 0, TCP_ACK, 1, "GET ", 4), STREAM_FINE);
	assert_int_equal(say(&w, 1, TCP_ACK, 1, "200 ", 4), STREAM_FINE);
	assert_int_equal(say(&w, 0, TCP_ACK, 9, "1.1", 3), STREAM_FINE);
	assert_heard(&w, 0, "GET ");
	assert_int_equal(say(&w, 0, TCP_ACK, 5, "/ HT", 4), STREAM_FINE);
	assert_heard(&w, 0, "GET / HT1.1");
	assert_heard(&w, 1, "200 ");
	assert_int_equal(say(&w, 0, TCP_ACK, 5, "/ HT", 4), STREAM_AGAIN);
	assert_int_equal(say(&w, 0, TCP_ACK | TCP_FIN, 12, "", 0), STREAM_FINE);
	assert_int_equal(w.heard.closed[0], 1);
	assert_int_equal(w.heard.closed[1], 0);
	assert_int_equal(say(&w, 0, TCP_ACK, 12, "more", 4), STREAM_OUTSIDE);
	close_wire(&w);
}

static void data_with_the_syn_counts(void **state)
{
	(void)state;
	struct wire w = { .limits = stream_limits_default, .isn = { 5, 9 } };
	assert_int_equal(say(&w, 0, TCP_SYN, 0, "early", 5), STREAM_FINE);
	assert_int_equal(say(&w, 0, TCP_ACK, 6, " bird", 5), STREAM_FINE);
	assert_heard(&w, 0, "early bird");
	close_wire(&w);
}

static void the_first_copy_of_a_byte_counts(void **state)
{
	(void)state;
	static const struct {
		const char *why;
		struct {
			uint32_t at;
			const char *text;
			enum stream_answer answer;
		} said[4];
		const char *heard;
	} cases[] = {
		{ "new over old, behind a hole",
		  { { 3, "cd", STREAM_FINE },
		    { 2, "BCDE", STREAM_CONFLICT },
		    { 1, "a", STREAM_FINE } },
		  "aBcdE" },
		{ "old below new",
		  { { 1, "abc", STREAM_FINE }, { 2, "XXde", STREAM_FINE } },
		  "abcde" },
		{ "inside a held piece",
		  { { 2, "bcde", STREAM_FINE },
		    { 3, "CD", STREAM_CONFLICT },
		    { 1, "a", STREAM_FINE } },
		  "abcde" },
		{ "over two held pieces and the hole between",
		  { { 2, "b", STREAM_FINE },
		    { 4, "d", STREAM_FINE },
		    { 1, "ABCDE", STREAM_CONFLICT } },
		  "AbCdE" },
		{ "the same bytes overlap",
		  { { 3, "cde", STREAM_FINE },
		    { 2, "bcd", STREAM_FINE },
		    { 1, "ab", STREAM_FINE } },
		  "abcde" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wire w;
		open_at(&w, 0xfffffffdu); /* the sequence wraps inside */
		for (size_t k = 0; k < 4 && cases[i].said[k].text; k++) {
			const char *text = cases[i].said[k].text;
			enum stream_answer a =
				say(&w, 0, TCP_ACK, cases[i].said[k].at, text, strlen(text));
			if (a != cases[i].said[k].answer)
				fail_msg("%s: segment %zu: %d", cases[i].why, k, a);
		}
		assert_heard(&w, 0, cases[i].heard);
		close_wire(&w);
	}
}

static void kept_bytes_uncover_a_retransmission_that_lies(void **state)
{
	(void)state;
	struct wire w;
	open_at(&w, 7);
	w.limits.kept = 8;
	w.limits.refuse_conflict = true;
	assert_int_equal(say(&w, 0, TCP_ACK, 1, "0123456789ab", 12), STREAM_FINE);
	assert_int_equal(say(&w, 0, TCP_ACK, 9, "89ab", 4), STREAM_AGAIN);
	assert_int_equal(say(&w, 0, TCP_ACK, 11, "abcd", 4), STREAM_FINE);
	assert_int_equal(say(&w, 0, TCP_ACK, 11, "aXcdef", 6), STREAM_CONFLICT);
	assert_int_equal(say(&w, 0, TCP_ACK, 1, "XXXX", 4), STREAM_AGAIN); /* no longer kept */
	assert_heard(&w, 0, "0123456789abcd");
	/* Behind a hole they are compared in any case; nothing of the lying segment is taken. */
	assert_int_equal(say(&w, 0, TCP_ACK, 17, "gh", 2), STREAM_FINE);
	assert_int_equal(say(&w, 0, TCP_ACK, 15, "efGh", 4), STREAM_CONFLICT);
	assert_int_equal(say(&w, 0, TCP_ACK, 15, "ef", 2), STREAM_FINE);
	assert_heard(&w, 0, "0123456789abcdefgh");
	close_wire(&w);
}

static void beyond_the_room_a_hole_is_given_up_or_the_segment_refused(void **state)
{
	(void)state;
	char much[600];
	memset(much, 'm', sizeof(much));
	for (int refuse = 0; refuse < 2; refuse++) {
		struct wire w;
		open_at(&w, 1);
		w.limits.held = 1000;
		w.limits.refuse = refuse;
		assert_int_equal(say(&w, 0, TCP_ACK, 11, much, 600), STREAM_FINE);
		assert_int_equal(say(&w, 0, TCP_ACK, 611, much, 600),
		                 refuse ? STREAM_FULL : STREAM_FINE);
		assert_int_equal(w.heard.gaps[0], refuse ? 0 : 10);
		assert_int_equal(w.s.half[0].bytes, refuse ? 0 : 1200);
		assert_true(w.s.held <= 1000);
		assert_int_equal(say(&w, 0, TCP_ACK, 1, "0123456789", 10),
		                 refuse ? STREAM_FINE : STREAM_AGAIN);
		assert_int_equal(w.s.half[0].bytes, refuse ? 610 : 1200);
		assert_int_equal(w.s.half[0].lost, refuse ? 0 : 10);
		close_wire(&w);
	}
}

static void what_the_receiver_does_not_take_is_not_read(void **state)
{
	(void)state;
	struct wire w;
	open_at(&w, 1);
	assert_int_equal(say(&w, 0, TCP_ACK, 1, "a", 1), STREAM_FINE);
	assert_int_equal(say(&w, 0, TCP_ACK, 70000, "evil", 4), STREAM_OUTSIDE);
	assert_int_equal(say(&w, 0, TCP_ACK, 1u << 31, "evil", 4), STREAM_OUTSIDE);
	assert_int_equal(say(&w, 0, TCP_RST, 5, "", 0), STREAM_OUTSIDE); /* not the next byte */
	assert_int_equal(say(&w, 0, TCP_ACK, 2, "b", 1), STREAM_FINE);
	assert_int_equal(say(&w, 0, TCP_RST, 3, "", 0), STREAM_FINE);
	assert_int_equal(w.heard.closed[0], 1);
	assert_int_equal(w.heard.closed[1], 1);
	assert_int_equal(say(&w, 0, TCP_ACK, 3, "c", 1), STREAM_OUTSIDE);
	assert_heard(&w, 0, "ab");
	/* The same ports again. */
	w.isn[0] = 90000;
	assert_int_equal(say(&w, 0, TCP_SYN, 0, "", 0), STREAM_FINE);
	assert_int_equal(say(&w, 0, TCP_ACK, 1, "new", 3), STREAM_FINE);
	assert_heard(&w, 0, "abnew");
	close_wire(&w);
}

static void a_connection_under_way_is_read_if_the_limits_say_so(void **state)
{
	(void)state;
	for (int midstream = 0; midstream < 2; midstream++) {
		struct wire w = { .limits = stream_limits_default, .isn = { 4000, 5000 } };
		w.limits.midstream = midstream;
		assert_int_equal(say(&w, 0, TCP_ACK, 100, "mid", 3),
		                 midstream ? STREAM_FINE : STREAM_OUTSIDE);
		assert_int_equal(say(&w, 0, TCP_ACK, 103, "dle", 3),
		                 midstream ? STREAM_FINE : STREAM_OUTSIDE);
		assert_heard(&w, 0, midstream ? "middle" : "");
		close_wire(&w);
	}
}

static void a_fin_that_comes_early_waits_for_the_bytes_before_it(void **state)
{
	(void)state;
	struct wire w;
	open_at(&w, 1);
	assert_int_equal(say(&w, 0, TCP_ACK | TCP_FIN, 3, "cd", 2), STREAM_FINE);
	assert_int_equal(w.heard.closed[0], 0);
	assert_int_equal(say(&w, 0, TCP_ACK, 1, "abXXevil", 8), STREAM_CONFLICT);
	assert_heard(&w, 0, "abcd");
	assert_int_equal(w.heard.closed[0], 1);
	close_wire(&w);
}

static void an_end_tells_what_was_behind_holes(void **state)
{
	(void)state;
	struct wire w;
	open_at(&w, 1);
	say(&w, 0, TCP_ACK, 4, "de", 2);
	say(&w, 0, TCP_ACK, 9, "ij", 2);
	stream_end(&w.s, &w.limits, &sink, &w.heard);
	assert_heard(&w, 0, "~de~ij");
	assert_int_equal(w.heard.gaps[0], 6);
	assert_int_equal(w.heard.closed[0], 1);
	assert_int_equal(w.heard.closed[1], 1);
	close_wire(&w);
}

/* ---- cut, shuffled, overlapped: what comes out is what went in ---- */

static uint32_t roll(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

enum { TALE = 3000, SEGMENTS_MAX = 4000 };

struct cut {
	uint32_t at, len;
};

static size_t cut_up(struct cut *cuts, uint32_t *seed)
{
	size_t n = 0;
	for (uint32_t at = 0; at < TALE; n++) {
		uint32_t len = 1 + roll(seed) % (n % 2 ? 64 : 8);
		cuts[n] = (struct cut){ at, len < TALE - at ? len : TALE - at };
		at += cuts[n].len;
	}
	size_t whole = n;
	for (size_t i = 0; i < whole / 2; i++) { /* retransmissions cut otherwise */
		uint32_t at = roll(seed) % TALE, len = 1 + roll(seed) % 100;
		cuts[n++] = (struct cut){ at, len < TALE - at ? len : TALE - at };
	}
	for (size_t i = 0; i < n; i++) { /* farther than the room would make holes */
		size_t k = i + roll(seed) % 40;
		struct cut t = cuts[i];
		k = k < n ? k : n - 1;
		cuts[i] = cuts[k];
		cuts[k] = t;
	}
	return n;
}

static void any_cutting_and_order_gives_the_same_stream(void **state)
{
	(void)state;
	static struct cut cuts[SEGMENTS_MAX];
	char tale[TALE];
	for (uint32_t seed = 1; seed <= 300; seed++) {
		uint32_t s = seed;
		struct wire w;
		for (size_t i = 0; i < TALE; i++)
			tale[i] = (char)roll(&s);
		size_t n = cut_up(cuts, &s);
		open_at(&w, 0u - TALE / 2);
		w.limits.held = 1 << 20;
		w.limits.kept = seed % 2 ? TALE : 0;
		for (size_t i = 0; i < n; i++) {
			enum stream_answer a =
				say(&w, 0, TCP_ACK, 1 + cuts[i].at, tale + cuts[i].at, cuts[i].len);
			assert_true(a == STREAM_FINE || a == STREAM_AGAIN);
		}
		assert_int_equal(w.heard.bytes[0].n, TALE);
		assert_memory_equal(w.heard.bytes[0].p, tale, TALE);
		assert_int_equal(w.s.held, 0);
		close_wire(&w);
	}
}

static void what_no_kernel_takes_is_not_read(void **state)
{
	(void)state;
	static const struct {
		const char *why;
		uint8_t flags;
		uint32_t at, ack, stamp;
	} lies[] = {
		{ "no ACK", TCP_PSH, 1, 1, 500 },
		{ "a SYN in the middle", TCP_SYN | TCP_ACK, 0, 1, 500 },
		{ "a bare SYN in the middle", TCP_SYN, 0, 1, 500 },
		{ "an answer to what was not sent", TCP_ACK, 1, 9, 500 },
		{ "an old timestamp", TCP_ACK, 1, 1, 499 },
	};
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct wire w = { .limits = stream_limits_default, .isn = { 4000, 77 } };
		print_message("%s\n", lies[i].why);
		say_with(&w, TCP_SYN, 0, "", 0, 500);
		say(&w, 1, TCP_SYN | TCP_ACK, 0, "", 0);
		say_with(&w, TCP_ACK, 1, "", 1, 500);
		assert_int_equal(
			say_with(&w, lies[i].flags, lies[i].at, "lie", lies[i].ack, lies[i].stamp),
			STREAM_OUTSIDE);
		assert_int_equal(say_with(&w, TCP_ACK, 1, "the truth", 1, 501), STREAM_FINE);
		assert_heard(&w, 0, "the truth");
		close_wire(&w);
	}
}

static void what_the_receiver_has_and_nobody_saw_is_not_waited_for(void **state)
{
	(void)state;
	struct wire w;
	open_at(&w, 1000);
	assert_int_equal(say(&w, 0, TCP_ACK, 5, "two", 3), STREAM_FINE);
	assert_heard(&w, 0, "");
	/* The other side acknowledges all seven. */
	struct packet p = { .tcp_flags = TCP_ACK,
		            .seq = w.isn[1] + 1,
		            .ack = w.isn[0] + 8,
		            .window = 65535,
		            .proto = PROTO_TCP };
	assert_int_equal(stream_see(&w.s, &w.limits, 1, &p, &sink, &w.heard), STREAM_FINE);
	assert_heard(&w, 0, "~two");
	assert_int_equal(w.heard.gaps[0], 4);
	close_wire(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_in_order_from_both_sides),
		cmocka_unit_test(data_with_the_syn_counts),
		cmocka_unit_test(the_first_copy_of_a_byte_counts),
		cmocka_unit_test(kept_bytes_uncover_a_retransmission_that_lies),
		cmocka_unit_test(beyond_the_room_a_hole_is_given_up_or_the_segment_refused),
		cmocka_unit_test(what_the_receiver_does_not_take_is_not_read),
		cmocka_unit_test(what_no_kernel_takes_is_not_read),
		cmocka_unit_test(what_the_receiver_has_and_nobody_saw_is_not_waited_for),
		cmocka_unit_test(a_connection_under_way_is_read_if_the_limits_say_so),
		cmocka_unit_test(a_fin_that_comes_early_waits_for_the_bytes_before_it),
		cmocka_unit_test(an_end_tells_what_was_behind_holes),
		cmocka_unit_test(any_cutting_and_order_gives_the_same_stream),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
