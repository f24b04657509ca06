#include "base/zone.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/civil.h"
#include "base/file.h"

enum { FILE_MAX = 1 << 20, TIMES_MAX = 100000, TYPES_MAX = 256, HEADER = 44, FAR_S = 30 * 3600 };

/* When the clock changes in a year of a rule: Jn, n, or Mm.w.d (POSIX TZ). */
struct change {
	char kind; /* 'J', 'N', 'M' */
	int a, month, week, day;
	int64_t time; /* seconds of local time after that day's midnight; may be negative */
};

/* What holds after the last transition of the table. */
struct rule {
	bool known, summer;
	int64_t std, dst; /* offsets */
	struct change start, end;
};

struct zone {
	size_t n;
	int64_t *at;      /* owned: n transitions, ascending */
	int32_t *offset;  /* owned: n + 1; offset[i] holds before at[i], offset[n] after the last */
	struct rule rule; /* after the last */
};

void zone_free(struct zone *z)
{
	if (!z)
		return;
	free(z->at);
	free(z->offset);
	free(z);
}

void zone_freep(struct zone **z)
{
	zone_free(*z);
}

/* ---- the footer: POSIX TZ ---- */

struct text {
	const char *p, *end;
	bool bad;
};

static bool next_is(struct text *t, char c)
{
	if (t->p >= t->end || *t->p != c)
		return false;
	t->p++;
	return true;
}

static int number(struct text *t, int min, int max)
{
	int v = 0, digits = 0;
	for (; t->p < t->end && isdigit((unsigned char)*t->p) && digits < 4; t->p++, digits++)
		v = v * 10 + (*t->p - '0');
	t->bad |= digits == 0 || v < min || v > max;
	return v;
}

static void skip_name(struct text *t)
{
	const char *from = t->p;
	if (next_is(t, '<')) {
		while (t->p < t->end && *t->p != '>')
			t->p++;
		t->bad |= !next_is(t, '>');
		return;
	}
	while (t->p < t->end && isalpha((unsigned char)*t->p))
		t->p++;
	t->bad |= t->p - from < 3;
}

/* [+-]h[:m[:s]] in seconds; RFC 8536 permits up to 167 hours either way for changes. */
static int64_t clock_time(struct text *t, int hours)
{
	bool negative = next_is(t, '-');
	if (!negative)
		next_is(t, '+');
	int64_t s = number(t, 0, hours) * 3600LL;
	if (next_is(t, ':'))
		s += number(t, 0, 59) * 60LL;
	if (next_is(t, ':'))
		s += number(t, 0, 59);
	return negative ? -s : s;
}

static struct change change_of(struct text *t)
{
	struct change c = { .kind = 'N', .time = 7200 };
	t->bad |= !next_is(t, ',');
	if (next_is(t, 'M')) {
		c.kind = 'M';
		c.month = number(t, 1, 12);
		t->bad |= !next_is(t, '.');
		c.week = number(t, 1, 5);
		t->bad |= !next_is(t, '.');
		c.day = number(t, 0, 6);
	} else if (next_is(t, 'J')) {
		c.kind = 'J';
		c.a = number(t, 1, 365);
	} else {
		c.a = number(t, 0, 365);
	}
	if (next_is(t, '/'))
		c.time = clock_time(t, 167);
	return c;
}

static int parse_rule(struct str s, struct rule *out)
{
	struct text t = { s.p, s.p + s.n, false };
	struct rule r = { .known = true };
	if (s.n == 0)
		return 0;
	skip_name(&t);
	r.std = -clock_time(&t, 24); /* POSIX counts west of Greenwich */
	if (!t.bad && t.p < t.end) {
		r.summer = true;
		skip_name(&t);
		r.dst = r.std + 3600;
		if (t.p < t.end && *t.p != ',')
			r.dst = -clock_time(&t, 24);
		r.start = change_of(&t);
		r.end = change_of(&t);
	}
	if (t.bad || t.p != t.end)
		return -EINVAL;
	*out = r;
	return 0;
}

/* The local time of a change in a year. */
static int64_t change_local(const struct change *c, int64_t year)
{
	int64_t first = days_of((struct date){ year, 1, 1 });
	if (c->kind == 'N')
		return (first + c->a) * DAY_S + c->time;
	if (c->kind == 'J') { /* 29 February is never counted */
		bool leap = month_days(year, 2) == 29;
		return (first + c->a - 1 + (leap && c->a >= 60)) * DAY_S + c->time;
	}
	int64_t day = days_of((struct date){ year, c->month, 1 });
	day += (c->day - weekday_of(day) + 7) % 7 + (c->week - 1) * 7;
	if (day >= days_of((struct date){ year, c->month, 1 }) + month_days(year, c->month))
		day -= 7;
	return day * DAY_S + c->time;
}

static int64_t rule_offset(const struct rule *r, int64_t utc)
{
	if (!r->summer)
		return r->std;
	int64_t year = date_of(floor_div(utc + r->std, DAY_S)).year;
	int64_t start = change_local(&r->start, year) - r->std;
	int64_t end = change_local(&r->end, year) - r->dst;
	bool summer = start < end ? utc >= start && utc < end : utc >= start || utc < end;
	return summer ? r->dst : r->std;
}

/* ---- the table ---- */

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

struct header {
	size_t isut, isstd, leap, times, types, chars;
};

/* A header and how long its data block is with times of `width` bytes; 0 when it is none. */
static size_t header_of(struct str in, size_t width, struct header *h)
{
	const uint8_t *p = (const uint8_t *)in.p;
	if (in.n < HEADER || memcmp(p, "TZif", 4) != 0)
		return 0;
	*h = (struct header){ be32(p + 20), be32(p + 24), be32(p + 28),
		              be32(p + 32), be32(p + 36), be32(p + 40) };
	if (h->times > TIMES_MAX || h->types < 1 || h->types > TYPES_MAX || h->leap > TIMES_MAX ||
	    h->chars > TIMES_MAX || h->isut > TYPES_MAX || h->isstd > TYPES_MAX)
		return 0;
	size_t n = HEADER + h->times * (width + 1) + h->types * 6 + h->chars +
	           h->leap * (width + 4) + h->isstd + h->isut;
	return n <= in.n ? n : 0;
}

static int fill(struct zone *z, const uint8_t *p, const struct header *h)
{
	const uint8_t *index = p + h->times * 8, *types = index + h->times;
	int32_t offsets[TYPES_MAX];
	for (size_t i = 0; i < h->types; i++) {
		offsets[i] = (int32_t)be32(types + i * 6);
		if (offsets[i] < -93599 || offsets[i] > 93599) /* RFC 8536 3.2 */
			return -EINVAL;
	}
	z->n = h->times;
	z->at = xcalloc(z->n + 1, sizeof(*z->at));
	z->offset = xcalloc(z->n + 1, sizeof(*z->offset));
	z->offset[0] = offsets[0];
	for (size_t i = 0; i < z->n; i++) {
		z->at[i] = be64(p + i * 8);
		if (index[i] >= h->types || (i && z->at[i] <= z->at[i - 1]))
			return -EINVAL;
		z->offset[i + 1] = offsets[index[i]];
	}
	return 0;
}

int zone_parse(struct str in, struct zone **out, struct err *why)
{
	struct header h;
	size_t first = header_of(in, 4, &h);
	if (!first || (uint8_t)in.p[4] < '2')
		return err_set(why, -EINVAL, "no time zone file of version 2 or later");
	struct str rest = str_skip(in, first);
	size_t second = header_of(rest, 8, &h);
	if (!second)
		return err_set(why, -EINVAL, "the time zone file is cut off");
	struct zone *z = xcalloc(1, sizeof(*z));
	int rc = fill(z, (const uint8_t *)rest.p + HEADER, &h);
	struct str footer = str_skip(rest, second);
	if (rc == 0 && footer.n >= 2 && footer.p[0] == '\n') {
		footer = str_skip(footer, 1);
		rc = parse_rule(str_cut(&footer, '\n'), &z->rule);
	}
	if (rc < 0) {
		zone_free(z);
		return err_set(why, rc, "the time zone file is damaged");
	}
	*out = z;
	return 0;
}

/* Nothing that leaves the folder, and nothing but a zone's name. */
static bool is_name(const char *name)
{
	size_t n =
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_/");
	return n > 0 && n < 64 && !name[n] && name[0] != '/' && name[n - 1] != '/' &&
	       !strstr(name, "//");
}

int zone_open(const char *name, struct zone **out, struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	char path[128];
	if (strcmp(name, "UTC") == 0 || strcmp(name, "GMT") == 0) {
		struct zone *z = xcalloc(1, sizeof(*z));
		z->at = xcalloc(1, sizeof(*z->at));
		z->offset = xcalloc(1, sizeof(*z->offset));
		*out = z;
		return 0;
	}
	if (!is_name(name))
		return err_set(why, -EINVAL, "there is no time zone %.64s", name);
	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%.64s", name);
	if (file_read(AT_FDCWD, path, FILE_MAX, &b) < 0)
		return err_set(why, -EINVAL, "there is no time zone %.64s", name);
	return zone_parse(buf_view(&b), out, why);
}

/* ---- asking ---- */

/* How many transitions lie at or before utc. */
static size_t before(const struct zone *z, int64_t utc)
{
	size_t low = 0, high = z->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (z->at[mid] <= utc)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int64_t zone_offset(const struct zone *z, int64_t utc)
{
	size_t i = before(z, utc);
	return i == z->n && z->rule.known ? rule_offset(&z->rule, utc) : z->offset[i];
}

/*
 * Local time as a function of UTC only rises but for jumps of less than 15 hours: the first instant
 * at which it is `local` or later is found by halving, first between jumps backward.
 */
int64_t zone_utc(const struct zone *z, int64_t local)
{
	int64_t low = local - 2LL * DAY_S, high = local + 2LL * DAY_S;
	int64_t early = zone_offset(z, local - FAR_S), late = zone_offset(z, local + FAR_S);
	/* With the offsets on both sides: the larger one is the earlier instant. */
	int64_t a = early > late ? early : late, b = early > late ? late : early;
	if (zone_offset(z, local - a) == a)
		return local - a;
	if (zone_offset(z, local - b) == b)
		return local - b;
	while (high - low > 1) {
		int64_t mid = low + (high - low) / 2;
		if (mid + zone_offset(z, mid) >= local)
			high = mid;
		else
			low = mid;
	}
	return high;
}
