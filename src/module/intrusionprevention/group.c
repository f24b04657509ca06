#include <ctype.h>
#include <errno.h>
#include <nettle/sha2.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "module/intrusionprevention/set.h"

/* One pattern database: the fast patterns of the rules of one group. */

struct pattern {
	const uint8_t *bytes;
	uint32_t n;
	bool nocase;
	uint32_t rule;
};

void group_done(struct group *g)
{
	hs_free_database(g->patterns);
	free(g->awake);
	free(g->first);
	free(g->always);
}

static struct pattern pattern_of(const struct rule *r)
{
	const struct content *c = &r->lists[r->fast_list].items[r->fast_item].content;
	uint32_t n = c->fast_len ? c->fast_len : c->n - c->fast_offset;
	return (struct pattern){ .bytes = c->bytes + c->fast_offset,
		                 .n = n < FAST_MAX ? n : FAST_MAX,
		                 .nocase = c->nocase,
		                 .rule = r->index };
}

static int pattern_order(const void *a, const void *b)
{
	const struct pattern *x = a, *y = b;
	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	if (x->nocase != y->nocase)
		return x->nocase ? 1 : -1;
	int order = memcmp(x->bytes, y->bytes, x->n);
	return order ? order : x->rule < y->rule ? -1 : x->rule > y->rule;
}

static bool pattern_same(const struct pattern *a, const struct pattern *b)
{
	return a->n == b->n && a->nocase == b->nocase && memcmp(a->bytes, b->bytes, a->n) == 0;
}

/* Unique patterns, as Hyperscan takes them. */
struct literals {
	const char **bytes;
	size_t *lens;
	unsigned *flags, *ids;
	unsigned n;
};

static void literals_done(struct literals *l)
{
	free(l->bytes);
	free(l->lens);
	free(l->flags);
	free(l->ids);
}

static void literals_init(struct literals *l, size_t n)
{
	l->bytes = xcalloc(n, sizeof(*l->bytes));
	l->lens = xcalloc(n, sizeof(*l->lens));
	l->flags = xcalloc(n, sizeof(*l->flags));
	l->ids = xcalloc(n, sizeof(*l->ids));
}

/* What the database depends on, as 32 digits. */
static void cache_key(const struct literals *l, char key[static 33])
{
	struct sha256_ctx c;
	uint8_t digest[SHA256_DIGEST_SIZE];
	const char *version = hs_version();
	sha256_init(&c);
	sha256_update(&c, strlen(version), (const uint8_t *)version);
	for (unsigned i = 0; i < l->n; i++) {
		uint32_t head[2] = { (uint32_t)l->lens[i], l->flags[i] };
		sha256_update(&c, sizeof(head), (const uint8_t *)head);
		sha256_update(&c, l->lens[i], (const uint8_t *)l->bytes[i]);
	}
	sha256_digest(&c, sizeof(digest), digest);
	hex_lower(key, digest, 16);
}

/* A cached database of another processor or version is refused by Hyperscan itself. */
static hs_database_t *cache_get(const struct ips_cache *cache, const char *key)
{
	AUTO(buf_done) struct buf kept = { 0 };
	hs_database_t *db = NULL;
	if (!cache || !cache->load || cache->load(cache->arg, key, &kept) < 0)
		return NULL;
	return hs_deserialize_database(kept.p, kept.n, &db) == HS_SUCCESS ? db : NULL;
}

static void cache_put(const struct ips_cache *cache, const char *key, const hs_database_t *db)
{
	char *bytes = NULL;
	size_t n = 0;
	if (!cache || !cache->save || hs_serialize_database(db, &bytes, &n) != HS_SUCCESS)
		return;
	cache->save(cache->arg, key, (struct str){ bytes, n });
	free(bytes);
}

static int compile(struct group *g, const struct literals *l, const struct ips_cache *cache,
                   struct err *why)
{
	char key[33];
	hs_compile_error_t *error = NULL;
	cache_key(l, key);
	g->patterns = cache_get(cache, key);
	if (g->patterns)
		return 0;
	if (hs_compile_lit_multi(l->bytes, l->flags, l->ids, l->lens, l->n, HS_MODE_BLOCK, NULL,
	                         &g->patterns, &error) != HS_SUCCESS) {
		int rc = err_set(why, -ENOMEM, "patterns of %s: %s",
		                 g->buffer < APP_BUFFERS ? app_buffers[g->buffer].name : "raw data",
		                 error ? error->message : "no memory");
		hs_free_compile_error(error);
		return rc;
	}
	cache_put(cache, key, g->patterns);
	return 0;
}

static int add_patterns(struct group *g, struct pattern *all, size_t n, struct ips_set *s,
                        const struct ips_cache *cache, struct err *why)
{
	AUTO(literals_done) struct literals l = { 0 };
	g->awake = xcalloc(n + 1, sizeof(*g->awake));
	g->first = xcalloc(n + 1, sizeof(*g->first));
	literals_init(&l, n + 1);
	qsort(all, n, sizeof(*all), pattern_order);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || !pattern_same(&all[i - 1], &all[i])) {
			l.bytes[l.n] = (const char *)all[i].bytes;
			l.lens[l.n] = all[i].n;
			l.flags[l.n] = HS_FLAG_SINGLEMATCH | (all[i].nocase ? HS_FLAG_CASELESS : 0);
			l.ids[l.n] = l.n;
			g->first[l.n++] = (uint32_t)i;
		}
		g->awake[i] = all[i].rule;
		if (all[i].n - 1 > g->overlap)
			g->overlap = all[i].n - 1;
	}
	g->first[l.n] = (uint32_t)n;
	g->npatterns = l.n;
	size_t size = 0;
	int rc = compile(g, &l, cache, why);
	if (rc < 0)
		return rc;
	if (hs_database_size(g->patterns, &size) == HS_SUCCESS)
		s->memory += size;
	return 0;
}

int group_compile(struct group *g, struct rule *const *rules, const uint32_t *members, size_t n,
                  bool (*of)(const struct rule *r, const struct group *g), struct ips_set *s,
                  const struct ips_cache *cache, struct err *why)
{
	AUTO(freep) struct pattern *all = xcalloc(n + 1, sizeof(*all));
	size_t patterns = 0;
	g->always = xcalloc(n + 1, sizeof(*g->always));
	for (size_t i = 0; i < n; i++) {
		const struct rule *r = rules[members[i]];
		if (of(r, g))
			all[patterns++] = pattern_of(r);
		else
			g->always[g->nalways++] = r->index;
	}
	return patterns ? add_patterns(g, all, patterns, s, cache, why) : 0;
}
