#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "module/intrusionprevention/parse.h"

/* content with its modifiers, pcre, isdataat, bsize, sticky buffers and transforms. */

static struct item *last_content(struct parser *p, const char *where)
{
	if (p->last_draft < 0) {
		parse_fail(p, where, "there is no content before it");
		return NULL;
	}
	return &p->drafts[p->last_draft].items[p->last_item];
}

static void lower(struct content *c)
{
	/* The bytes are the arena's own copy. */
	uint8_t *bytes = (uint8_t *)(uintptr_t)c->bytes;
	for (uint32_t i = 0; i < c->n; i++)
		bytes[i] = (uint8_t)tolower(bytes[i]);
	c->nocase = true;
}

/* ---- modifiers: by themselves, and as Snort 3's options behind the comma ---- */

struct modifier {
	const char *name;
	size_t place; /* of the struct number in struct content */
	size_t has;
	int64_t min;
};

static const struct modifier places[] = {
	{ "offset", offsetof(struct content, offset), offsetof(struct content, has_offset), 0 },
	{ "depth", offsetof(struct content, depth), offsetof(struct content, has_depth), 0 },
	{ "distance", offsetof(struct content, distance), offsetof(struct content, has_distance),
	  -PATTERN_MAX },
	{ "within", offsetof(struct content, within), offsetof(struct content, has_within), 0 },
};

static int set_place(struct parser *p, struct item *i, const char *name, struct str value)
{
	for (size_t k = 0; k < ARRAY_LEN(places); k++) {
		if (strcmp(places[k].name, name) != 0)
			continue;
		char *c = (char *)&i->content;
		bool *has = (bool *)(c + places[k].has);
		if (*has)
			return parse_fail(p, value.p, "the content has a %s already", name);
		*has = true;
		if (k >= 2)
			i->relative = true;
		return parse_number(p, value, places[k].min, PATTERN_MAX,
		                    (struct number *)(void *)(c + places[k].place));
	}
	return -ENOENT;
}

static int set_fast(struct parser *p, struct content *c, struct str value)
{
	struct str rest = value, first = str_trim(str_cut(&rest, ','));
	uint64_t offset = 0, len = 0;
	c->fast = true;
	if (str_is(first, "only") && !rest.p) {
		c->fast_only = true;
		return 0;
	}
	if (first.n == 0)
		return 0;
	if (!rest.p)
		return parse_fail(p, value.p, "expected only, or offset,length");
	int rc = parse_u64(p, first, 0, c->n, &offset);
	if (rc == 0)
		rc = parse_u64(p, rest, 1, c->n, &len);
	if (rc == 0 && offset + len > c->n)
		rc = parse_fail(p, value.p, "the content is shorter");
	c->fast_offset = (uint32_t)offset;
	c->fast_len = (uint32_t)len;
	return rc;
}

static int set_edge(struct parser *p, struct content *c, const char *name, const char *where)
{
	if (strcmp(name, "startswith") == 0) {
		if (c->has_offset || c->has_depth || c->has_distance || c->has_within)
			return parse_fail(p, where, "startswith and a place exclude each other");
		c->startswith = true;
	} else {
		c->endswith = true;
	}
	return 0;
}

/* ",nocase,offset 3,fast_pattern" */
static int snort3_options(struct parser *p, struct item *i, struct str rest)
{
	struct content *c = &i->content;
	while (rest.n > 0) {
		struct str value = str_trim(str_cut(&rest, ',')), name = value;
		size_t n = 0;
		while (n < name.n && !isspace((unsigned char)name.p[n]))
			n++;
		name.n = n;
		value = str_trim(str_skip(value, n));
		if (value.n == 0)
			value.p = name.p + name.n;
		int rc = 0;
		char z[24] = "";
		if (name.n < sizeof(z))
			memcpy(z, name.p, name.n);
		if (str_is(name, "nocase"))
			lower(c);
		else if (str_is(name, "fast_pattern"))
			c->fast = true;
		else if (str_is(name, "fast_pattern_offset") ||
		         str_is(name, "fast_pattern_length")) {
			uint64_t v = 0;
			rc = parse_u64(p, value, 0, c->n, &v);
			*(z[13] == 'o' ? &c->fast_offset : &c->fast_len) = (uint32_t)v;
			c->fast = true;
		} else if (str_is(name, "startswith") || str_is(name, "endswith"))
			rc = set_edge(p, c, z, name.p);
		else if (!str_is(name, "rawbytes"))
			rc = set_place(p, i, z, value);
		if (rc == -ENOENT)
			return parse_fail(p, name.p, "content has no option \"%.*s\"",
			                  name.n > 40 ? 40 : STR_ARG(name));
		if (rc < 0)
			return rc;
	}
	if (c->fast_offset + c->fast_len > c->n)
		return parse_fail(p, rest.p ? rest.p : p->text.p, "the content is shorter");
	return 0;
}

/* The value up to its closing quote; *rest is what follows the comma behind it. */
static int cut_quoted(struct parser *p, struct str value, bool *negated, struct str *inside,
                      struct str *rest)
{
	struct str s = value;
	*negated = s.p[0] == '!';
	if (*negated)
		s = str_trim(str_skip(s, 1));
	if (s.n < 2 || s.p[0] != '"')
		return parse_fail(p, s.p, "expected a value in quotes");
	size_t end = s.n - 1;
	/* The last quote that is followed by the end, or by a comma. */
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '\\') {
			i++;
			continue;
		}
		struct str behind = str_trim(str_skip(s, i + 1));
		if (s.p[i] == '"' && (behind.n == 0 || behind.p[0] == ',')) {
			end = i;
			break;
		}
	}
	if (s.p[end] != '"')
		return parse_fail(p, s.p + end, "expected the quote that ends the value");
	*inside = (struct str){ s.p + 1, end - 1 };
	*rest = str_trim(str_skip(s, end + 1));
	if (rest->n > 0)
		*rest = str_trim(str_skip(*rest, 1));
	return 0;
}

int keyword_content(struct parser *p, const struct keyword *k, struct str value)
{
	struct str inside = { 0 }, rest = { 0 };
	bool negated = false;
	(void)k;
	int rc = cut_quoted(p, value, &negated, &inside, &rest);
	struct item *i = rc == 0 ? parse_item(p, value.p, ITEM_CONTENT) : NULL;
	if (!i)
		return -EINVAL;
	size_t n = 0;
	i->negated = negated;
	rc = parse_bytes(p, inside, &i->content.bytes, &n);
	i->content.n = (uint32_t)n;
	p->last_draft = p->current;
	p->last_item = (int)p->drafts[p->current].nitems - 1;
	return rc < 0 ? rc : snort3_options(p, i, rest);
}

int keyword_nocase(struct parser *p, const struct keyword *k, struct str value)
{
	(void)k;
	struct item *i = last_content(p, value.p);
	if (!i)
		return -EINVAL;
	lower(&i->content);
	return 0;
}

int keyword_place(struct parser *p, const struct keyword *k, struct str value)
{
	struct item *i = last_content(p, value.p);
	return i ? set_place(p, i, k->words.name, value) : -EINVAL;
}

int keyword_edge(struct parser *p, const struct keyword *k, struct str value)
{
	struct item *i = last_content(p, value.p);
	return i ? set_edge(p, &i->content, k->words.name, value.p) : -EINVAL;
}

int keyword_fast_pattern(struct parser *p, const struct keyword *k, struct str value)
{
	(void)k;
	struct item *i = last_content(p, value.p);
	return i ? set_fast(p, &i->content, value) : -EINVAL;
}

int keyword_rawbytes(struct parser *p, const struct keyword *k, struct str value)
{
	(void)k;
	return last_content(p, value.p) ? 0 : -EINVAL;
}

/* Moves the last content from the raw bytes to the buffer that an old modifier names. */
static int move_last(struct parser *p, const char *where, int buffer)
{
	struct item *last = last_content(p, where);
	if (!last)
		return -EINVAL;
	struct draft *from = &p->drafts[p->last_draft];
	if (from->list.buffer != IPS_RAW)
		return parse_fail(p, where, "the content before it has a buffer already");
	struct item moved = *last;
	int before = p->current, draft = p->last_draft;
	unsigned behind = from->nitems - (unsigned)p->last_item - 1;
	memmove(last, last + 1, behind * sizeof(*last));
	from->nitems--;
	/* The buffer that old modifiers named before is continued. */
	p->current = -1;
	for (unsigned d = 0; d < p->ndrafts; d++)
		if (p->drafts[d].list.buffer == buffer && p->drafts[d].parent < 0)
			p->current = (int)d;
	if (p->current < 0 && parse_begin(p, where, buffer) < 0)
		return -EINVAL;
	struct item *to = parse_item(p, where, moved.kind);
	if (!to)
		return -EINVAL;
	*to = moved;
	p->last_draft = p->current;
	p->last_item = (int)p->drafts[p->current].nitems - 1;
	p->current = before == draft && from->nitems == 0 ? -1 : before;
	return 0;
}

int keyword_old_modifier(struct parser *p, const struct keyword *k, struct str value)
{
	return move_last(p, value.p, k->buffer);
}

int keyword_uricontent(struct parser *p, const struct keyword *k, struct str value)
{
	int before = p->current;
	p->current = -1;
	for (unsigned d = 0; d < p->ndrafts; d++)
		if (p->drafts[d].list.buffer == BUFFER_HTTP_URI)
			p->current = (int)d;
	if (p->current < 0 && parse_begin(p, value.p, BUFFER_HTTP_URI) < 0)
		return -EINVAL;
	int rc = keyword_content(p, k, value);
	p->current = before;
	return rc;
}

int keyword_replace(struct parser *p, const struct keyword *k, struct str value)
{
	(void)k;
	return parse_fail(p, value.p, "traffic is never rewritten; use drop");
}

/* ---- sticky buffers ---- */

int keyword_sticky(struct parser *p, const struct keyword *k, struct str value)
{
	return parse_begin(p, value.p, k->buffer) < 0 ? -EINVAL : 0;
}

int keyword_raw(struct parser *p, const struct keyword *k, struct str value)
{
	return parse_begin(p, value.p, k->buffer) < 0 ? -EINVAL : 0;
}

static int transform_argument(struct parser *p, struct transform *t, struct str value)
{
	struct str text = parse_unquote(value, NULL);
	t->text = parse_keep(p, text);
	if (t->kind == TRANSFORM_PCREXFORM) {
		if (text.n == 0)
			return parse_fail(p, value.p, "expected a regular expression");
		return parse_pcre(p, text.p, text, 0, &t->code);
	}
	if (t->kind != TRANSFORM_XOR)
		return 0;
	uint8_t *key = arena_alloc(&p->rules->arena, text.n / 2 + 1);
	if (text.n == 0 || text.n % 2)
		return parse_fail(p, value.p, "expected a key in hexadecimal digits");
	for (size_t i = 0; i < text.n; i++) {
		int c = tolower((unsigned char)text.p[i]);
		if (!isxdigit(c))
			return parse_fail(p, text.p + i, "expected a hexadecimal digit");
		key[i / 2] = (uint8_t)(key[i / 2] << 4 | (c <= '9' ? c - '0' : c - 'a' + 10));
	}
	t->key = key;
	t->nkey = text.n / 2;
	return 0;
}

int keyword_transform(struct parser *p, const struct keyword *k, struct str value)
{
	struct draft *d = p->current >= 0 ? &p->drafts[p->current] : NULL;
	if (!d || d->nitems > 0)
		return parse_fail(p, value.p, "%s comes behind a buffer and before its contents",
		                  k->words.name);
	if (d->list.ntransforms == TRANSFORMS_MAX)
		return parse_fail(p, value.p, "more than %d transforms", TRANSFORMS_MAX);
	struct transform *t = &d->list.transforms[d->list.ntransforms++];
	*t = (struct transform){ .kind = (enum transform_kind)k->buffer };
	return transform_argument(p, t, value);
}

/* ---- pcre ---- */

struct pcre_words {
	uint32_t options;
	int buffer; /* -1: the one that is named */
	bool relative, utf;
};

static int pcre_flag(struct parser *p, const char *at, struct pcre_words *w)
{
	static const struct {
		char flag;
		uint32_t option;
	} options[] = { { 'i', PCRE2_CASELESS },
		        { 'm', PCRE2_MULTILINE },
		        { 's', PCRE2_DOTALL },
		        { 'x', PCRE2_EXTENDED },
		        { 'A', PCRE2_ANCHORED },
		        { 'E', PCRE2_DOLLAR_ENDONLY },
		        { 'G', PCRE2_UNGREEDY },
		        { 'B', 0 },
		        { 'O', 0 } };
	static const struct {
		char flag;
		int buffer;
	} buffers[] = { { 'U', BUFFER_HTTP_URI },          { 'I', BUFFER_HTTP_URI_RAW },
		        { 'P', BUFFER_HTTP_REQUEST_BODY }, { 'Q', BUFFER_HTTP_RESPONSE_BODY },
		        { 'H', BUFFER_HTTP_HEADER },       { 'D', BUFFER_HTTP_HEADER_RAW },
		        { 'M', BUFFER_HTTP_METHOD },       { 'C', BUFFER_HTTP_COOKIE },
		        { 'K', BUFFER_HTTP_COOKIE },       { 'S', BUFFER_HTTP_STAT_CODE },
		        { 'Y', BUFFER_HTTP_STAT_MSG },     { 'V', BUFFER_HTTP_USER_AGENT },
		        { 'W', BUFFER_HTTP_HOST },         { 'Z', BUFFER_HTTP_HOST_RAW } };
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (options[i].flag == *at) {
			w->options |= options[i].option;
			return 0;
		}
	for (size_t i = 0; i < ARRAY_LEN(buffers); i++)
		if (buffers[i].flag == *at) {
			if (w->buffer >= 0 && w->buffer != buffers[i].buffer)
				return parse_fail(p, at, "two buffers for one pcre");
			w->buffer = buffers[i].buffer;
			return 0;
		}
	if (*at != 'R')
		return parse_fail(p, at, "pcre has no flag %c",
		                  isprint((unsigned char)*at) ? *at : '?');
	w->relative = true;
	return 0;
}

/* Goes to the buffer of the flags for one item; the caller puts p->current back. */
static int pcre_buffer(struct parser *p, const char *where, const struct pcre_words *w)
{
	if (w->buffer < 0 || (p->current >= 0 && p->drafts[p->current].list.buffer == w->buffer))
		return 0;
	p->current = -1;
	for (unsigned d = 0; d < p->ndrafts; d++)
		if (p->drafts[d].list.buffer == w->buffer && p->drafts[d].parent < 0)
			p->current = (int)d;
	if (p->current < 0 && parse_begin(p, where, w->buffer) < 0)
		return -EINVAL;
	return 0;
}

/* Could the answer change when bytes are added? */
static bool pcre_sees_end(struct str pattern)
{
	static const char *const signs[] = { "$", "\\z", "\\Z", "\\b", "\\B", "(?!", "(?<!" };
	for (size_t i = 0; i < ARRAY_LEN(signs); i++)
		if (memmem(pattern.p, pattern.n, signs[i], strlen(signs[i])))
			return true;
	return false;
}

int keyword_pcre(struct parser *p, const struct keyword *k, struct str value)
{
	bool negated = false;
	struct str s = parse_unquote(value, &negated);
	struct pcre_words w = { .buffer = -1 };
	(void)k;
	/* m#...# and the like: any character may end it. */
	if (s.n > 2 && s.p[0] == 'm')
		s = str_skip(s, 1);
	if (s.n < 2)
		return parse_fail(p, value.p, "expected /pattern/flags");
	const char *end = memrchr(s.p + 1, s.p[0], s.n - 1);
	if (!end)
		return parse_fail(p, s.p, "expected /pattern/flags");
	struct str pattern = { s.p + 1, (size_t)(end - s.p - 1) };
	for (const char *f = end + 1; f < s.p + s.n; f++) {
		int rc = *f == ' ' ? 0 : pcre_flag(p, f, &w);
		if (rc < 0)
			return rc;
	}
	int before = p->current;
	if (pcre_buffer(p, value.p, &w) < 0)
		return -EINVAL;
	struct item *i = parse_item(p, value.p, ITEM_PCRE);
	if (!i)
		return -EINVAL;
	i->negated = negated;
	i->relative = w.relative;
	i->pcre.end = negated || pcre_sees_end(pattern);
	if (w.buffer >= 0)
		p->current = before;
	return parse_pcre(p, pattern.p, pattern, w.options, &i->pcre.code);
}

/* ---- sizes ---- */

int keyword_isdataat(struct parser *p, const struct keyword *k, struct str value)
{
	struct item *i = parse_item(p, value.p, ITEM_DATAAT);
	(void)k;
	if (!i)
		return -EINVAL;
	struct str rest = value;
	if (rest.n > 0 && rest.p[0] == '!') {
		i->negated = true;
		rest = str_trim(str_skip(rest, 1));
	}
	int rc = parse_number(p, str_cut(&rest, ','), 0, PATTERN_MAX, &i->dataat);
	while (rc == 0 && rest.p) {
		struct str word = str_trim(str_cut(&rest, ','));
		if (str_is(word, "relative"))
			i->relative = true;
		else if (!str_is(word, "rawbytes"))
			rc = parse_fail(p, word.p, "expected relative or rawbytes");
	}
	return rc;
}

int keyword_bsize(struct parser *p, const struct keyword *k, struct str value)
{
	struct item *i = NULL;
	(void)k;
	if (p->current < 0 && !p->ndrafts)
		return parse_fail(p, value.p, "bsize needs a buffer before it");
	/* Snort 3's "0<=>5,relative" is not about the buffer. */
	if (memchr(value.p, ',', value.n))
		return parse_fail(p, value.p, "expected one comparison");
	i = parse_item(p, value.p, ITEM_SIZE);
	return i ? parse_compare(p, value, UINT32_MAX, &i->size.op, &i->size.a, &i->size.b)
	         : -EINVAL;
}

/* "20<>40,norm": the URI as it came, unless norm. */
int keyword_urilen(struct parser *p, const struct keyword *k, struct str value)
{
	struct str rest = value, test = str_cut(&rest, ','), form = str_trim(rest);
	int before = p->current;
	(void)k;
	if (form.n > 0 && !str_is(form, "raw") && !str_is(form, "norm"))
		return parse_fail(p, form.p, "expected raw or norm");
	int buffer = str_is(form, "norm") ? BUFFER_HTTP_URI : BUFFER_HTTP_URI_RAW;
	if (parse_begin(p, value.p, buffer) < 0)
		return -EINVAL;
	struct item *i = parse_item(p, value.p, ITEM_SIZE);
	p->current = before;
	return i ? parse_compare(p, test, UINT32_MAX, &i->size.op, &i->size.a, &i->size.b)
	         : -EINVAL;
}
