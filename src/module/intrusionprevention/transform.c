#include <ctype.h>
#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <string.h>

#include "module/intrusionprevention/match.h"

/* What transforms make of a buffer. Results stand in the scratch until the next transform() but
 * one. */

typedef void transform_fn(const struct transform *t, const uint8_t *p, size_t n, struct buf *out);

static void dotprefix(const struct transform *t, const uint8_t *p, size_t n, struct buf *out)
{
	(void)t;
	buf_char(out, '.');
	buf_add(out, p, n);
}

static void each(const uint8_t *p, size_t n, struct buf *out, int (*of)(int))
{
	char *to = buf_room(out, n);
	if (!to)
		return;
	for (size_t i = 0; i < n; i++)
		to[i] = (char)of(p[i]);
	out->n += n;
}

static void to_lowercase(const struct transform *t, const uint8_t *p, size_t n, struct buf *out)
{
	(void)t;
	each(p, n, out, tolower);
}

static void to_uppercase(const struct transform *t, const uint8_t *p, size_t n, struct buf *out)
{
	(void)t;
	each(p, n, out, toupper);
}

static void strip_whitespace(const struct transform *t, const uint8_t *p, size_t n, struct buf *out)
{
	(void)t;
	for (size_t i = 0; i < n; i++)
		if (!isspace(p[i]))
			buf_char(out, (char)p[i]);
}

static void compress_whitespace(const struct transform *t, const uint8_t *p, size_t n,
                                struct buf *out)
{
	(void)t;
	for (size_t i = 0; i < n; i++)
		if (!isspace(p[i]) || i == 0 || !isspace(p[i - 1]))
			buf_char(out, (char)p[i]);
}

static int hex_digit(int c)
{
	c = tolower(c);
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void url_decode(const struct transform *t, const uint8_t *p, size_t n, struct buf *out)
{
	(void)t;
	for (size_t i = 0; i < n; i++) {
		int high = p[i] == '%' && i + 2 < n ? hex_digit(p[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(p[i + 2]) : -1;
		if (low >= 0) {
			buf_char(out, (char)(high << 4 | low));
			i += 2;
		} else {
			uint8_t c = p[i] == '+' ? (uint8_t)' ' : p[i];
			buf_char(out, (char)c);
		}
	}
}

static void to_md5(const struct transform *t, const uint8_t *p, size_t n, struct buf *out)
{
	uint8_t digest[MD5_DIGEST_SIZE];
	struct md5_ctx c;
	(void)t;
	md5_init(&c);
	md5_update(&c, n, p);
	md5_digest(&c, sizeof(digest), digest);
	buf_add(out, digest, sizeof(digest));
}

static void to_sha1(const struct transform *t, const uint8_t *p, size_t n, struct buf *out)
{
	uint8_t digest[SHA1_DIGEST_SIZE];
	struct sha1_ctx c;
	(void)t;
	sha1_init(&c);
	sha1_update(&c, n, p);
	sha1_digest(&c, sizeof(digest), digest);
	buf_add(out, digest, sizeof(digest));
}

static void to_sha256(const struct transform *t, const uint8_t *p, size_t n, struct buf *out)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx c;
	(void)t;
	sha256_init(&c);
	sha256_update(&c, n, p);
	sha256_digest(&c, sizeof(digest), digest);
	buf_add(out, digest, sizeof(digest));
}

static void xor_key(const struct transform *t, const uint8_t *p, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		buf_char(out, (char)(p[i] ^ t->key[i % t->nkey]));
}

/* The first group, or all of the match; the buffer as it is when nothing matches. */
static void pcrexform(const struct transform *t, const uint8_t *p, size_t n, struct buf *out)
{
	pcre2_match_data *match = pcre2_match_data_create(2, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	size_t from = 0, to = n;
	if (match && context) {
		pcre2_set_match_limit(context, ips_limits_default.pcre_match);
		if (pcre2_match(t->code, p, n, 0, 0, match, context) >= 0) {
			PCRE2_SIZE *v = pcre2_get_ovector_pointer(match);
			size_t group = pcre2_get_ovector_count(match) > 1 && v[2] != PCRE2_UNSET;
			from = v[2 * group];
			to = v[2 * group + 1];
		}
	}
	pcre2_match_data_free(match);
	pcre2_match_context_free(context);
	if (from <= to)
		buf_add(out, p + from, to - from);
}

/* Up to the colon of each line. */
static void header_lowercase(const struct transform *t, const uint8_t *p, size_t n, struct buf *out)
{
	bool value = false;
	(void)t;
	for (size_t i = 0; i < n; i++) {
		value = p[i] == '\n' ? false : value || p[i] == ':';
		uint8_t c = value ? p[i] : (uint8_t)tolower(p[i]);
		buf_char(out, (char)c);
	}
}

/* Lines that begin with a colon. */
static void strip_pseudo_headers(const struct transform *t, const uint8_t *p, size_t n,
                                 struct buf *out)
{
	(void)t;
	while (n > 0) {
		const uint8_t *end = memchr(p, '\n', n);
		size_t len = end ? (size_t)(end - p) + 1 : n;
		if (*p != ':')
			buf_add(out, p, len);
		p += len;
		n -= len;
	}
}

static transform_fn *const transforms[TRANSFORM_KINDS] = {
	[TRANSFORM_DOTPREFIX] = dotprefix,
	[TRANSFORM_TO_LOWERCASE] = to_lowercase,
	[TRANSFORM_TO_UPPERCASE] = to_uppercase,
	[TRANSFORM_STRIP_WHITESPACE] = strip_whitespace,
	[TRANSFORM_COMPRESS_WHITESPACE] = compress_whitespace,
	[TRANSFORM_URL_DECODE] = url_decode,
	[TRANSFORM_TO_MD5] = to_md5,
	[TRANSFORM_TO_SHA1] = to_sha1,
	[TRANSFORM_TO_SHA256] = to_sha256,
	[TRANSFORM_XOR] = xor_key,
	[TRANSFORM_PCREXFORM] = pcrexform,
	[TRANSFORM_HEADER_LOWERCASE] = header_lowercase,
	[TRANSFORM_STRIP_PSEUDO_HEADERS] = strip_pseudo_headers,
};

void transform(struct scratch *s, const struct list *l, struct view *v)
{
	for (unsigned i = 0; i < l->ntransforms; i++) {
		struct buf *out = &s->transformed[i % 2];
		buf_clear(out);
		transforms[l->transforms[i].kind](&l->transforms[i], v->p, v->n, out);
		/* What is longer than the scratch is looked at up to there. */
		*v = (struct view){ .p = (const uint8_t *)out->p, .n = out->n, .whole = true };
		out->bad = false;
		if (!v->p)
			v->p = (const uint8_t *)"";
	}
}
