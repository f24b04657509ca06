#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "module/intrusionprevention/parse.h"

/* byte_test, byte_jump, byte_extract, byte_math, base64_decode, dataset, datarep, ftpbounce. */

/* The next value of a list with commas. */
static struct str next(struct str *rest)
{
	return str_trim(str_cut(rest, ','));
}

static struct item *begin(struct parser *p, struct str value, enum item_kind kind)
{
	struct item *i = parse_item(p, value.p, kind);
	if (i) {
		i->bytes.base = 10;
		i->bytes.multiplier = 1;
		i->bytes.post_offset.var = i->bytes.offset.var = i->bytes.value.var = -1;
		i->bytes.count.var = -1;
	}
	return i;
}

static int set_mask(struct parser *p, struct bytes *b, struct str s)
{
	int rc = parse_u64(p, s, 1, UINT32_MAX, &b->mask);
	if (rc == 0)
		b->mask_shift = (unsigned)__builtin_ctzll(b->mask);
	return rc;
}

/* A word that all of them take; -ENOENT: it is none. */
static int flag(struct parser *p, struct item *i, struct str word)
{
	static const struct {
		const char *name;
		unsigned base;
	} bases[] = { { "hex", 16 }, { "dec", 10 }, { "oct", 8 } };
	struct bytes *b = &i->bytes;
	for (size_t k = 0; k < ARRAY_LEN(bases); k++)
		if (str_is(word, bases[k].name)) {
			b->base = bases[k].base;
			return 0;
		}
	if (str_is(word, "relative"))
		i->relative = true;
	else if (str_is(word, "little"))
		b->little = true;
	else if (str_is(word, "big"))
		b->little = false;
	else if (str_is(word, "string"))
		b->string = true;
	else if (str_is(word, "dce"))
		b->dce = true;
	else
		return -ENOENT;
	(void)p;
	return 0;
}

/* "bitmask 0x0f", "endian little", "string hex" */
static int named(struct parser *p, struct item *i, struct str word)
{
	size_t n = 0;
	while (n < word.n && !isspace((unsigned char)word.p[n]))
		n++;
	struct str name = { word.p, n }, value = str_trim(str_skip(word, n));
	if (str_is(name, "bitmask"))
		return set_mask(p, &i->bytes, value);
	if (str_is(name, "endian"))
		return flag(p, i, value);
	if (str_is(name, "string")) {
		i->bytes.string = true;
		return flag(p, i, value);
	}
	return -ENOENT;
}

static int unknown(struct parser *p, struct str word)
{
	return parse_fail(p, word.p, "\"%.*s\" is no option of it",
	                  word.n > 40 ? 40 : STR_ARG(word));
}

static int check_count(struct parser *p, const struct item *i, struct str value)
{
	const struct bytes *b = &i->bytes;
	if (b->count.var < 0 && !b->string && b->count.value > 8)
		return parse_fail(p, value.p, "at most 8 bytes make a number");
	return 0;
}

int keyword_byte_test(struct parser *p, const struct keyword *k, struct str value)
{
	static const struct {
		const char *sign;
		enum compare op;
	} ops[] = { { "<", COMPARE_LT },  { ">", COMPARE_GT },  { "=", COMPARE_EQ },
		    { "<=", COMPARE_LE }, { ">=", COMPARE_GE }, { "&", COMPARE_AND },
		    { "^", COMPARE_XOR }, { "!=", COMPARE_NE } };
	struct item *i = begin(p, value, ITEM_BYTE_TEST);
	struct str rest = value;
	(void)k;
	if (!i)
		return -EINVAL;
	int rc = parse_number(p, next(&rest), 1, 23, &i->bytes.count);
	if (rc < 0)
		return rc;
	struct str op = next(&rest);
	if (op.n > 0 && op.p[0] == '!' && !str_is(op, "!=")) {
		i->negated = true;
		op = str_trim(str_skip(op, 1));
		if (op.n == 0)
			op = STR("=");
	}
	size_t o = 0;
	while (o < ARRAY_LEN(ops) && !str_is(op, ops[o].sign))
		o++;
	if (o == ARRAY_LEN(ops))
		return parse_fail(p, value.p, "expected <, >, =, <=, >=, & or ^");
	i->bytes.op = ops[o].op;
	if (!rest.p)
		return parse_fail(p, value.p, "expected bytes, operator, value, offset");
	rc = parse_number(p, next(&rest), 0, INT64_MAX, &i->bytes.value);
	if (rc == 0 && !rest.p)
		rc = parse_fail(p, value.p, "expected bytes, operator, value, offset");
	if (rc == 0)
		rc = parse_number(p, next(&rest), -PATTERN_MAX, PATTERN_MAX, &i->bytes.offset);
	while (rc == 0 && rest.p) {
		struct str word = next(&rest);
		rc = flag(p, i, word);
		if (rc == -ENOENT)
			rc = named(p, i, word);
		if (rc == -ENOENT)
			rc = unknown(p, word);
	}
	return rc < 0 ? rc : check_count(p, i, value);
}

static int jump_option(struct parser *p, struct item *i, struct str word)
{
	struct bytes *b = &i->bytes;
	int rc = flag(p, i, word);
	if (rc == -ENOENT)
		rc = named(p, i, word);
	if (rc != -ENOENT)
		return rc;
	if (str_is(word, "align"))
		b->align = 4;
	else if (str_is(word, "from_beginning"))
		b->from = FROM_BEGIN;
	else if (str_is(word, "from_end"))
		b->from = FROM_END;
	else if (str_starts(word, STR("multiplier")))
		return parse_u64(p, str_skip(word, 10), 1, 65535, &b->multiplier);
	else if (str_starts(word, STR("post_offset")))
		return parse_number(p, str_skip(word, 11), -PATTERN_MAX, PATTERN_MAX,
		                    &b->post_offset);
	else
		return unknown(p, word);
	return 0;
}

int keyword_byte_jump(struct parser *p, const struct keyword *k, struct str value)
{
	struct item *i = begin(p, value, ITEM_BYTE_JUMP);
	struct str rest = value;
	(void)k;
	if (!i)
		return -EINVAL;
	int rc = parse_number(p, next(&rest), 0, 23, &i->bytes.count);
	if (rc == 0 && !rest.p)
		rc = parse_fail(p, value.p, "expected bytes, offset");
	if (rc == 0)
		rc = parse_number(p, next(&rest), -PATTERN_MAX, PATTERN_MAX, &i->bytes.offset);
	while (rc == 0 && rest.p)
		rc = jump_option(p, i, next(&rest));
	return rc < 0 ? rc : check_count(p, i, value);
}

int keyword_byte_extract(struct parser *p, const struct keyword *k, struct str value)
{
	struct item *i = begin(p, value, ITEM_BYTE_EXTRACT);
	struct str rest = value;
	(void)k;
	if (!i)
		return -EINVAL;
	int rc = parse_number(p, next(&rest), 1, 23, &i->bytes.count);
	if (rc == 0)
		rc = parse_number(p, next(&rest), -PATTERN_MAX, PATTERN_MAX, &i->bytes.offset);
	if (rc < 0)
		return rc;
	i->bytes.var = parse_variable(p, next(&rest));
	if (i->bytes.var < 0)
		return -EINVAL;
	while (rc == 0 && rest.p) {
		struct str word = next(&rest);
		rc = flag(p, i, word);
		if (rc == -ENOENT)
			rc = named(p, i, word);
		if (rc != -ENOENT)
			continue;
		if (str_starts(word, STR("multiplier")))
			rc = parse_u64(p, str_skip(word, 10), 1, 65535, &i->bytes.multiplier);
		else if (str_is(word, "align 2") || str_is(word, "align 4")) {
			i->bytes.align = (unsigned)(word.p[6] - '0');
			rc = 0;
		} else
			rc = unknown(p, word);
	}
	return rc < 0 ? rc : check_count(p, i, value);
}

/* "bytes 4, offset 0, oper +, rvalue 10, result x, relative, endian big, string dec" */
static int math_option(struct parser *p, struct item *i, struct str word)
{
	struct bytes *b = &i->bytes;
	size_t n = 0;
	while (n < word.n && !isspace((unsigned char)word.p[n]))
		n++;
	struct str name = { word.p, n }, value = str_trim(str_skip(word, n));
	if (value.n == 0)
		value.p = word.p;
	if (str_is(name, "bytes"))
		return parse_number(p, value, 1, 10, &b->count);
	if (str_is(name, "offset"))
		return parse_number(p, value, -PATTERN_MAX, PATTERN_MAX, &b->offset);
	if (str_is(name, "rvalue"))
		return parse_number(p, value, 0, UINT32_MAX, &b->value);
	if (str_is(name, "result")) {
		b->var = parse_variable(p, value);
		return b->var < 0 ? -EINVAL : 0;
	}
	if (!str_is(name, "oper")) {
		int rc = flag(p, i, word);
		if (rc == -ENOENT)
			rc = named(p, i, word);
		return rc == -ENOENT ? unknown(p, word) : rc;
	}
	if (str_is(value, "<<") || str_is(value, ">>") ||
	    (value.n == 1 && strchr("+-*/", value.p[0]))) {
		b->oper = value.p[0];
		return 0;
	}
	return parse_fail(p, value.p, "expected +, -, *, /, << or >>");
}

int keyword_byte_math(struct parser *p, const struct keyword *k, struct str value)
{
	struct item *i = begin(p, value, ITEM_BYTE_MATH);
	struct str rest = value;
	int rc = 0;
	(void)k;
	if (!i)
		return -EINVAL;
	i->bytes.var = -1;
	while (rc == 0 && rest.p)
		rc = math_option(p, i, next(&rest));
	if (rc == 0 && (i->bytes.var < 0 || !i->bytes.oper || !i->bytes.count.value))
		rc = parse_fail(p, value.p,
		                "byte_math needs bytes, offset, oper, rvalue and result");
	if (rc == 0 && i->bytes.oper == '/' && i->bytes.value.var < 0 && !i->bytes.value.value)
		rc = parse_fail(p, value.p, "division by zero");
	return rc < 0 ? rc : check_count(p, i, value);
}

/* ---- base64 ---- */

int keyword_base64_decode(struct parser *p, const struct keyword *k, struct str value)
{
	struct item *i = parse_item(p, value.p, ITEM_BASE64);
	struct str rest = value.n ? value : (struct str){ 0 };
	(void)k;
	if (!i)
		return -EINVAL;
	if (p->drafts[p->current].parent >= 0)
		return parse_fail(p, value.p, "base64 inside of base64 is not decoded");
	while (rest.p) {
		struct str word = next(&rest);
		uint64_t v = 0;
		int rc = 0;
		if (str_is(word, "relative"))
			i->relative = true;
		else if (str_starts(word, STR("bytes"))) {
			rc = parse_u64(p, str_skip(word, 5), 1, PATTERN_MAX, &v);
			i->base64.bytes = (uint32_t)v;
		} else if (str_starts(word, STR("offset"))) {
			rc = parse_u64(p, str_skip(word, 6), 0, PATTERN_MAX, &v);
			i->base64.offset = (uint32_t)v;
		} else
			rc = unknown(p, word);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int keyword_base64_data(struct parser *p, const struct keyword *k, struct str value)
{
	(void)k;
	for (unsigned d = p->ndrafts; d-- > 0;) {
		const struct draft *from = &p->drafts[d];
		for (unsigned i = from->nitems; i-- > 0;) {
			if (from->items[i].kind != ITEM_BASE64)
				continue;
			int buffer = from->list.buffer;
			p->current = -1;
			if (p->ndrafts == LISTS_MAX)
				return parse_fail(p, value.p, "more than %d buffers", LISTS_MAX);
			struct draft *to = &p->drafts[p->ndrafts];
			*to = (struct draft){ .list = { .buffer = buffer },
				              .parent = (int)d,
				              .parent_item = (int)i };
			p->current = (int)p->ndrafts++;
			return 0;
		}
	}
	return parse_fail(p, value.p, "there is no base64_decode before it");
}

/* ---- sets of values ---- */

static int set_type(struct parser *p, struct dataset *d, struct str word)
{
	if (str_is(word, "string"))
		d->type = DATASET_STRING;
	else if (str_is(word, "md5"))
		d->type = DATASET_MD5;
	else if (str_is(word, "sha256"))
		d->type = DATASET_SHA256;
	else if (str_is(word, "ip") || str_is(word, "ipv4"))
		d->type = DATASET_IP;
	else
		return parse_fail(p, word.p, "expected string, md5, sha256 or ip");
	return 0;
}

/* "isset,NAME,type string,load file.lst": what is in it comes with the rules. */
int keyword_dataset(struct parser *p, const struct keyword *k, struct str value)
{
	struct item *i = parse_item(p, value.p, ITEM_DATASET);
	struct str rest = value;
	(void)k;
	if (!i)
		return -EINVAL;
	struct str deed = next(&rest), name = next(&rest);
	if (str_is(deed, "isnotset"))
		i->negated = true;
	else if (!str_is(deed, "isset"))
		return parse_fail(p, value.p, "expected isset or isnotset: sets are never changed");
	if (name.n == 0)
		return parse_fail(p, value.p, "expected the name of a set");
	i->dataset.name = parse_keep(p, name);
	i->dataset.values = map_get(&p->rules->datasets, name);
	if (!i->dataset.values)
		return parse_fail(p, name.p, "there is no dataset of this name");
	while (rest.p) {
		struct str word = next(&rest);
		int rc = 0;
		if (str_starts(word, STR("type ")))
			rc = set_type(p, &i->dataset, str_trim(str_skip(word, 5)));
		else if (!str_starts(word, STR("load ")) && !str_starts(word, STR("memcap ")) &&
		         !str_starts(word, STR("hashsize ")))
			rc = unknown(p, word);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* "NAME,>,10,load file.rep,type string" */
int keyword_datarep(struct parser *p, const struct keyword *k, struct str value)
{
	struct item *i = parse_item(p, value.p, ITEM_DATASET);
	struct str rest = value, name = next(&rest), op = next(&rest), number = next(&rest);
	(void)k;
	if (!i)
		return -EINVAL;
	i->dataset.reputation = true;
	i->dataset.name = parse_keep(p, name);
	i->dataset.values = map_get(&p->rules->datasets, name);
	if (!i->dataset.values)
		return parse_fail(p, name.p, "there is no dataset of this name");
	i->dataset.op = str_is(op, ">") ? COMPARE_GT : str_is(op, "<") ? COMPARE_LT : COMPARE_EQ;
	if (op.n != 1 || !strchr("<>=", op.p[0]))
		return parse_fail(p, value.p, "expected <, > or =");
	int rc = parse_u64(p, number, 0, 65535, &i->dataset.value);
	while (rc == 0 && rest.p) {
		struct str word = next(&rest);
		if (str_starts(word, STR("type ")))
			rc = set_type(p, &i->dataset, str_trim(str_skip(word, 5)));
	}
	return rc;
}

int keyword_ftpbounce(struct parser *p, const struct keyword *k, struct str value)
{
	(void)k;
	return parse_item(p, value.p, ITEM_FTPBOUNCE) ? 0 : -EINVAL;
}
