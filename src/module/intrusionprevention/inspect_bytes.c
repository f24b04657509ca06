#include <ctype.h>
#include <nettle/md5.h>
#include <nettle/sha2.h>
#include <string.h>

#include "base/base64.h"
#include "module/intrusionprevention/match.h"

/* Numbers in bytes, base64, sets of values. */

/* Text to a number, white space and sign first, as strtoull() reads it; false: there is none. */
static bool read_string(const uint8_t *p, size_t n, unsigned base, uint64_t *out, size_t *used)
{
	size_t i = 0;
	uint64_t v = 0;
	while (i < n && isspace(p[i]))
		i++;
	bool minus = i < n && p[i] == '-';
	if (i < n && (p[i] == '-' || p[i] == '+'))
		i++;
	if (base == 16 && i + 2 < n && p[i] == '0' && (p[i + 1] | 32) == 'x')
		i += 2;
	size_t start = i;
	for (; i < n; i++) {
		int c = tolower(p[i]);
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
		                 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
		                                        : 99;
		if (digit >= base)
			break;
		if (v > (UINT64_MAX - digit) / base)
			return false;
		v = v * base + digit;
	}
	*out = minus ? 0 - v : v;
	*used = i;
	return i > start;
}

static uint64_t read_binary(const uint8_t *p, size_t n, bool little)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[little ? n - 1 - i : i];
	return v;
}

/* DCE/RPC: the byte order stands in the fifth byte of its header, which the buffer begins with. */
static bool is_little(const struct walk *w, const struct bytes *b)
{
	const struct view *v = w->view;
	if (!b->dce)
		return b->little;
	return v->n < 5 || v->p[0] != 5 || (v->p[4] & 0x10) != 0;
}

/* The number at the item's place: *at is where it stands, *len how long it is. */
static enum found read_number(const struct walk *w, const struct item *i, size_t pos, int64_t *at,
                              size_t *len, uint64_t *out)
{
	const struct bytes *b = &i->bytes;
	const struct view *v = w->view;
	int64_t count = number_of(w, &b->count);
	*at = number_of(w, &b->offset) + (i->relative ? (int64_t)pos : -(int64_t)v->base);
	if (*at < 0 || count < 0 || count > 65535)
		return FOUND_NO;
	if (*at + count > (int64_t)v->n)
		return v->whole ? FOUND_NO : FOUND_WAIT;
	*len = (size_t)count;
	if (b->string && !read_string(v->p + *at, *len, b->base, out, len))
		return FOUND_NO;
	if (!b->string) {
		if (*len > 8)
			return FOUND_NO;
		*out = read_binary(v->p + *at, *len, is_little(w, b));
	}
	if (b->mask)
		*out = (*out & b->mask) >> b->mask_shift;
	return FOUND_YES;
}

static enum found byte_jump(struct walk *w, const struct item *i, int64_t at, size_t len,
                            uint64_t number, size_t *next)
{
	const struct bytes *b = &i->bytes;
	const struct view *v = w->view;
	int64_t n = number > INT32_MAX ? INT32_MAX : (int64_t)number;
	n *= (int64_t)b->multiplier;
	if (b->align && n % b->align)
		n += b->align - n % b->align;
	n += number_of(w, &b->post_offset);
	int64_t to = b->from == FROM_BEGIN ? n - (int64_t)v->base
	             : b->from == FROM_END ? (int64_t)v->n + n
	                                   : at + (int64_t)len + n;
	if (to < 0)
		return FOUND_NO;
	if (to > (int64_t)v->n)
		return v->whole || b->from == FROM_END ? FOUND_NO : FOUND_WAIT;
	*next = (size_t)to;
	return FOUND_YES;
}

static bool byte_math(struct walk *w, const struct bytes *b, uint64_t a)
{
	uint64_t r = b->value.var < 0 ? (uint64_t)b->value.value : w->vars[b->value.var];
	switch (b->oper) {
	case '+':
		a += r;
		break;
	case '-':
		a -= r;
		break;
	case '*':
		a *= r;
		break;
	case '/':
		if (r == 0)
			return false;
		a /= r;
		break;
	case '<':
		a = r < 64 ? a << r : 0;
		break;
	default:
		a = r < 64 ? a >> r : 0;
		break;
	}
	w->vars[b->var] = a;
	return true;
}

enum found inspect_bytes(struct walk *w, const struct item *i, size_t pos, size_t *next)
{
	const struct bytes *b = &i->bytes;
	int64_t at = 0;
	size_t len = 0;
	uint64_t number = 0;
	enum found is = read_number(w, i, pos, &at, &len, &number);
	if (is != FOUND_YES)
		return is;
	*next = (size_t)at + len;
	if (i->kind == ITEM_BYTE_JUMP)
		return byte_jump(w, i, at, len, number, next);
	if (i->kind == ITEM_BYTE_TEST) {
		uint64_t than = b->value.var < 0 ? (uint64_t)b->value.value : w->vars[b->value.var];
		*next = pos;
		return compare_holds(b->op, number, than, 0) != i->negated ? FOUND_YES : FOUND_NO;
	}
	if (i->kind == ITEM_BYTE_MATH)
		return byte_math(w, b, number) ? FOUND_YES : FOUND_NO;
	number *= b->multiplier;
	if (b->align && number % b->align)
		number += b->align - number % b->align;
	w->vars[b->var] = number;
	return FOUND_YES;
}

/* ---- base64 ---- */

/* RFC 2045: what is no digit is left out; stops at padding. Returns the bytes written. */
static size_t decode64(const uint8_t *p, size_t n, uint8_t *out, size_t max)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t len = 0;
	for (size_t i = 0; i < n && p[i] != '=' && len < max; i++) {
		int c = p[i];
		int v = c >= 'A' && c <= 'Z'   ? c - 'A'
		        : c >= 'a' && c <= 'z' ? c - 'a' + 26
		        : c >= '0' && c <= '9' ? c - '0' + 52
		        : c == '+'             ? 62
		        : c == '/'             ? 63
		                               : -1;
		if (v < 0)
			continue;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[len++] = (uint8_t)(bits >> have);
		}
	}
	return len;
}

enum found inspect_base64(struct walk *w, const struct item *i, size_t pos)
{
	const struct base64 *b = &i->base64;
	const struct view *v = w->view;
	size_t at = b->offset + (i->relative ? pos : 0);
	if (at >= v->n)
		return FOUND_NO;
	size_t n = v->n - at;
	if (b->bytes && n > b->bytes)
		n = b->bytes;
	/* base64_data has no base64_decode inside: one place for the bytes is enough. */
	size_t len = decode64(v->p + at, n, w->s->decoded, sizeof(w->s->decoded));
	if (len == 0)
		return FOUND_NO;
	if (!b->inside)
		return FOUND_YES;
	struct view inner = { .p = w->s->decoded, .n = len, .whole = true };
	return inspect(w->s, b->inside, &inner, NULL);
}

/* ---- sets ---- */

static uintptr_t set_value(const struct dataset *d, const struct view *v)
{
	char hex[65];
	uint8_t digest[SHA256_DIGEST_SIZE];
	if (d->type == DATASET_MD5) {
		struct md5_ctx c;
		md5_init(&c);
		md5_update(&c, v->n, v->p);
		md5_digest(&c, MD5_DIGEST_SIZE, digest);
		hex_lower(hex, digest, MD5_DIGEST_SIZE);
		return map_number(d->values, (struct str){ hex, 2 * (size_t)MD5_DIGEST_SIZE });
	}
	if (d->type == DATASET_SHA256) {
		struct sha256_ctx c;
		sha256_init(&c);
		sha256_update(&c, v->n, v->p);
		sha256_digest(&c, SHA256_DIGEST_SIZE, digest);
		hex_lower(hex, digest, SHA256_DIGEST_SIZE);
		return map_number(d->values, (struct str){ hex, 2 * (size_t)SHA256_DIGEST_SIZE });
	}
	return map_number(d->values, (struct str){ (const char *)v->p, v->n });
}

enum found inspect_dataset(struct walk *w, const struct item *i)
{
	uintptr_t v = set_value(&i->dataset, w->view);
	bool is = i->dataset.reputation
	                  ? v > 0 && compare_holds(i->dataset.op, v - 1, i->dataset.value, 0)
	                  : v > 0;
	return is != i->negated ? FOUND_YES : FOUND_NO;
}

/* "PORT 10,0,0,1,4,5" behind the match before: is it an address of somebody else? */
enum found inspect_ftpbounce(struct walk *w, size_t pos)
{
	const struct view *v = w->view;
	unsigned octets = 0, value = 0, digits = 0;
	uint8_t ip[4] = { 0 };
	for (size_t i = pos; i < v->n && octets < 4; i++) {
		if (isdigit(v->p[i]) && digits < 3) {
			value = value * 10 + (unsigned)(v->p[i] - '0');
			digits++;
		} else if (v->p[i] == ',' && digits > 0 && value <= 255) {
			ip[octets++] = (uint8_t)value;
			value = digits = 0;
		} else if (v->p[i] != ' ' || digits > 0) {
			return FOUND_NO;
		}
	}
	const struct ip *client = w->s->client;
	return octets == 4 && client && client->version == 4 && memcmp(ip, client->b, 4) != 0
	               ? FOUND_YES
	               : FOUND_NO;
}
