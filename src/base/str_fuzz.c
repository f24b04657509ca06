#include "base/auto.h"
#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool held)
{
	if (!held)
		__builtin_trap();
}

static void numbers(struct str s)
{
	uint64_t u = 0;
	int64_t i = 0;
	AUTO(buf_done) struct buf b = { 0 };
	struct str digits = s;
	while (digits.n > 1 && digits.p[0] == '0')
		digits = str_skip(digits, 1);
	if (str_u64(s, 0, UINT64_MAX, &u) == 0) {
		buf_fmt(&b, "%llu", (unsigned long long)u);
		check(str_eq(buf_view(&b), digits));
	}
	if (str_i64(s, -5, 5, &i) == 0)
		check(i >= -5 && i <= 5);
}

static void parts(struct str s)
{
	size_t n = 0;
	for (struct str rest = s; rest.p;) {
		struct str part = str_cut(&rest, '/');
		check(!part.n || !memchr(part.p, '/', part.n));
		check(str_trim(part).n <= part.n);
		n += part.n + (rest.p != NULL);
	}
	check(n == s.n);
}

static void letters(struct str s)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_safe(&b, s);
	check(str_utf8(buf_view(&b)));
	struct str cut = str_utf8_cut(s, s.n / 2);
	check(cut.n <= s.n / 2 && (!str_utf8(s) || str_utf8(cut)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size };
	numbers(s);
	parts(s);
	letters(s);
	return 0;
}
