#include <errno.h>
#include <string.h>

#include "module/intrusionprevention/match.h"
#include "module/intrusionprevention/parse.h"

/*
 * entropy: bytes 4096, offset 0, value >= 7.8
 *
 * How evenly the values of bytes are spread, in bits a byte (Shannon 1948): 0 of one value over and
 * over, about 4.5 of text, close to 8 of what is encrypted. Numbers are in thousandths.
 */

enum { FRACTION = 16, THOUSANDTHS = 1000, MOST = 8 * THOUSANDTHS };

/* log2 of n > 0, in 1/65536. */
static uint64_t log2_of(uint32_t n)
{
	unsigned whole = 31u - (unsigned)__builtin_clz(n);
	uint64_t x = (uint64_t)n << (31 - whole), bits = whole;
	for (int i = 0; i < FRACTION;
	     i++) { /* x is 1 to 2 in 1/2^31: its square says the next bit */
		x = x * x >> 31;
		bits = bits << 1 | x >> 32;
		x >>= x >> 32;
	}
	return bits;
}

uint64_t entropy_of(const uint8_t *p, size_t n)
{
	uint32_t counts[256] = { 0 };
	uint64_t sum = 0;
	if (!n || n > UINT32_MAX)
		return 0;
	for (size_t i = 0; i < n; i++)
		counts[p[i]]++;
	for (int c = 0; c < 256; c++)
		if (counts[c])
			sum += counts[c] * log2_of(counts[c]);
	return ((log2_of((uint32_t)n) - sum / n) * THOUSANDTHS + (1 << (FRACTION - 1))) >> FRACTION;
}

bool entropy_holds(const struct entropy *e, const uint8_t *p, size_t n)
{
	size_t want = e->bytes ? e->bytes : n;
	if (e->offset > n || want > n - e->offset)
		want = e->bytes || e->offset > n ? 0 : n - e->offset;
	return want && compare_holds(e->op, entropy_of(p + e->offset, want), e->value, 0);
}

/* "7.85" in thousandths. */
static int take_value(struct parser *p, struct str s, uint64_t *out)
{
	struct str rest = str_trim(s), whole = str_cut(&rest, '.');
	uint64_t v = 0, scale = THOUSANDTHS / 10;
	int rc = parse_u64(p, whole, 0, 8, &v);
	if (rc < 0)
		return rc;
	v *= THOUSANDTHS;
	for (size_t i = 0; i < rest.n; i++, scale /= 10) {
		if (rest.p[i] < '0' || rest.p[i] > '9')
			return parse_fail(p, s.p, "expected a number from 0 to 8");
		v += (uint64_t)(rest.p[i] - '0') * scale;
	}
	if (v > MOST)
		return parse_fail(p, s.p, "expected a number from 0 to 8");
	*out = v;
	return 0;
}

static int take_test(struct parser *p, struct entropy *e, struct str s)
{
	static const struct {
		const char *word;
		enum compare op;
	} ops[] = { { "<=", COMPARE_LE },
		    { ">=", COMPARE_GE },
		    { "<", COMPARE_LT },
		    { ">", COMPARE_GT },
		    { "=", COMPARE_EQ } };
	s = str_trim(s);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (str_starts(s, str_of(ops[i].word))) {
			e->op = ops[i].op;
			return take_value(p, str_skip(s, strlen(ops[i].word)), &e->value);
		}
	return parse_fail(p, s.p, "expected <, <=, >, >= or = and a number");
}

int keyword_entropy(struct parser *p, const struct keyword *k, struct str value)
{
	struct str rest = value;
	uint64_t n = 0;
	bool tested = false;
	(void)k;
	if (p->current < 0 && !p->ndrafts)
		return parse_fail(p, value.p, "entropy needs a buffer before it");
	struct item *i = parse_item(p, value.p, ITEM_ENTROPY);
	if (!i)
		return -EINVAL;
	while (rest.p) {
		struct str word = str_trim(str_cut(&rest, ','));
		int rc = 0;
		if (str_starts(word, STR("bytes "))) {
			rc = parse_u64(p, str_skip(word, 6), 0, UINT32_MAX, &n);
			i->entropy.bytes = (uint32_t)n;
		} else if (str_starts(word, STR("offset "))) {
			rc = parse_u64(p, str_skip(word, 7), 0, UINT32_MAX, &n);
			i->entropy.offset = (uint32_t)n;
		} else if (str_starts(word, STR("value"))) {
			rc = take_test(p, &i->entropy, str_skip(word, 5));
			tested = true;
		} else {
			rc = parse_fail(p, word.p, "expected bytes, offset or value");
		}
		if (rc < 0)
			return rc;
	}
	return tested ? 0 : parse_fail(p, value.p, "expected value and a comparison");
}
