#include "base/test.h"
#include "module/intrusionprevention/tested.h"

/*
 * Random rules over random bytes, against an evaluator that is slow and obvious: it tries every
 * place of every content. The bytes come as a body in random pieces, so that waiting is tried too.
 */

enum { CONTENTS = 4, BYTES = 3, TEXT = 24, ROUNDS = 4000 };

struct wanted {
	char bytes[BYTES + 1];
	bool negated, nocase, starts, ends;
	int offset, depth, distance, within; /* -1: not said; distance: INT_MIN */
	bool has_distance;
};

static uint32_t seed;

static unsigned draw(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 10) % n;
}

static bool is_relative(const struct wanted *w)
{
	return w->has_distance || w->within >= 0;
}

static bool same(const struct wanted *w, const char *p)
{
	for (const char *b = w->bytes; *b; b++, p++) {
		int x = (unsigned char)*b, y = (unsigned char)*p;
		if (w->nocase) {
			x |= 32;
			y |= 32;
		}
		if (x != y)
			return false;
	}
	return true;
}

/* May the content stand at `at`, when the one before ended at `before`? */
static bool stands(const struct wanted *w, const char *text, int n, int at, int before)
{
	int len = (int)strlen(w->bytes), low = 0, high = n;
	if (is_relative(w)) {
		low = before + (w->has_distance ? w->distance : 0);
		if (w->within >= 0)
			high = low + w->within;
	} else {
		if (w->offset >= 0)
			low = w->offset;
		if (w->depth >= 0)
			high = low + w->depth;
		if (w->starts)
			high = len;
	}
	if (at < low || at + len > high || at + len > n || (w->ends && at + len != n))
		return false;
	return same(w, text + at);
}

static bool holds(const struct wanted *w, unsigned k, const char *text, int n, int before)
{
	if (k == 0)
		return true;
	bool found = false;
	for (int at = 0; at < n; at++) {
		if (!stands(w, text, n, at, before))
			continue;
		found = true;
		if (!w->negated && holds(w + 1, k - 1, text, n, at + (int)strlen(w->bytes)))
			return true;
	}
	return w->negated && !found && holds(w + 1, k - 1, text, n, before);
}

static void draw_one(struct wanted *w, bool first)
{
	unsigned len = 1 + draw(BYTES);
	*w = (struct wanted){ .offset = -1, .depth = -1, .within = -1 };
	for (unsigned i = 0; i < len; i++)
		w->bytes[i] = "abA"[draw(3)];
	w->negated = draw(5) == 0;
	w->nocase = draw(3) == 0;
	w->ends = draw(8) == 0;
	switch (draw(first ? 3 : 5)) {
	case 0:
		if (draw(2))
			w->offset = (int)draw(6);
		if (draw(2))
			w->depth = (int)(len + draw(8));
		break;
	case 1:
		w->starts = draw(3) == 0;
		break;
	case 2:
		break;
	default:
		w->has_distance = draw(2);
		w->distance = (int)draw(8) - 3;
		if (draw(2) || !w->has_distance)
			w->within = (int)(len + draw(6));
		break;
	}
}

static void write_one(struct buf *b, const struct wanted *w)
{
	buf_fmt(b, "content:%s\"%s\"; ", w->negated ? "!" : "", w->bytes);
	if (w->nocase)
		buf_z(b, "nocase; ");
	if (w->starts)
		buf_z(b, "startswith; ");
	if (w->ends)
		buf_z(b, "endswith; ");
	if (w->offset >= 0)
		buf_fmt(b, "offset:%d; ", w->offset);
	if (w->depth >= 0)
		buf_fmt(b, "depth:%d; ", w->depth);
	if (w->has_distance)
		buf_fmt(b, "distance:%d; ", w->distance);
	if (w->within >= 0)
		buf_fmt(b, "within:%d; ", w->within);
}

static bool engine_holds(struct tested *t, const char *text, int n)
{
	struct app_tx tx = { .buffers = { { BUFFER_HTTP_REQUEST_BODY, APP_CLIENT, text, 0, false,
		                            0 } },
		             .n = 1,
		             .stages = { STAGE_BODY } };
	tested_flow(t, PROTO_TCP, 80);
	ips_app_protocol(t->ips, t->flow, APP_HTTP, NULL, 0);
	for (int at = 0; at < n;) {
		at += 1 + (int)draw(9);
		if (at > n)
			at = n;
		tx.buffers[0].len = (size_t)at;
		tx.buffers[0].whole = at == n && draw(2);
		ips_tx_progress(t->ips, t->flow, &tx, APP_CLIENT, NULL, 0);
	}
	tx.buffers[0].whole = true;
	tx.stages[0] = STAGE_DONE;
	ips_tx_progress(t->ips, t->flow, &tx, APP_CLIENT, NULL, 0);
	ips_tx_ended(t->ips, &tx);
	return t->nsids > 0;
}

static void the_engine_finds_what_the_plain_evaluator_finds(void **state)
{
	unsigned found = 0;
	(void)state;
	seed = 20260801;
	for (unsigned round = 0; round < ROUNDS / 8; round++) {
		struct wanted w[CONTENTS];
		unsigned k = 1 + draw(CONTENTS);
		AUTO(buf_done) struct buf rule = { 0 };
		struct tested t;
		buf_z(&rule, "alert http any any -> any any (http.request_body; ");
		for (unsigned i = 0; i < k; i++) {
			draw_one(&w[i], i == 0);
			write_one(&rule, &w[i]);
		}
		buf_z(&rule, "sid:1;)");
		tested_init(&t, rule.p);
		if (t.report.disabled)
			fail_msg("%s: %s", rule.p, t.report.problems[0].text);
		for (unsigned i = 0; i < 8; i++) {
			char text[TEXT + 1] = "";
			int n = 1 + (int)draw(TEXT);
			for (int c = 0; c < n; c++)
				text[c] = "abA-"[draw(4)];
			bool is = holds(w, k, text, n, 0);
			if (engine_holds(&t, text, n) != is)
				fail_msg("%s on %s: %s", rule.p, text, is ? "missed" : "found");
			found += is;
		}
		tested_done(&t);
	}
	/* The draw is worth something. */
	assert_true(found > ROUNDS / 10 && found < ROUNDS - ROUNDS / 10);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(the_engine_finds_what_the_plain_evaluator_finds),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
