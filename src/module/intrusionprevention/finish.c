#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "module/intrusionprevention/match.h"
#include "module/intrusionprevention/parse.h"

/* What a rule is, once all of its options are read. */

static void *keep_array(struct parser *p, const void *from, size_t n, size_t size)
{
	if (n == 0)
		return NULL;
	void *to = arena_array(&p->rules->arena, n, size);
	memcpy(to, from, n * size);
	return to;
}

bool transforms_same(const struct list *a, const struct list *b)
{
	if (a->ntransforms != b->ntransforms)
		return false;
	for (unsigned i = 0; i < a->ntransforms; i++)
		if (a->transforms[i].kind != b->transforms[i].kind ||
		    strcmp(a->transforms[i].text, b->transforms[i].text) != 0)
			return false;
	return true;
}

/* Two drafts of one buffer with the same transforms are one, but where a buffer is a list. */
static bool same_buffer(const struct draft *a, const struct draft *b)
{
	int buffer = a->list.buffer;
	bool many = buffer < APP_BUFFERS && app_buffers[buffer].many;
	return !many && buffer == b->list.buffer && a->parent < 0 && b->parent < 0 &&
	       transforms_same(&a->list, &b->list);
}

static void append_items(struct draft *to, struct draft *from)
{
	unsigned n = to->nitems + from->nitems;
	to->items = reallocarray(to->items, n, sizeof(*to->items));
	if (!to->items)
		abort();
	memcpy(to->items + to->nitems, from->items, from->nitems * sizeof(*from->items));
	to->nitems = to->cap = n;
	from->nitems = 0;
}

static int join_drafts(struct parser *p)
{
	for (unsigned i = 0; i < p->ndrafts; i++)
		for (unsigned j = i + 1; j < p->ndrafts; j++) {
			struct draft *a = &p->drafts[i], *b = &p->drafts[j];
			bool empty = a->nitems == 0 || b->nitems == 0;
			/* Indices of base64_decode count from the start of their draft. */
			bool named = false;
			for (unsigned k = 0; k < p->ndrafts; k++)
				named |= p->drafts[k].parent == (int)j;
			if (empty || named || !same_buffer(a, b))
				continue;
			if (a->nitems + b->nitems > ITEMS_MAX)
				return parse_fail(p, p->text.p,
				                  "more than %d conditions on one buffer",
				                  ITEMS_MAX);
			append_items(a, b);
		}
	return 0;
}

/* Does an item's answer depend on where the buffer ends? */
static bool sees_end(const struct item *i)
{
	switch (i->kind) {
	case ITEM_CONTENT:
		return i->content.endswith;
	case ITEM_PCRE:
		return i->pcre.end;
	case ITEM_BYTE_JUMP:
		return i->bytes.from == FROM_END;
	case ITEM_SIZE:
	case ITEM_BASE64:
	case ITEM_DATASET:
	case ITEM_FTPBOUNCE:
		return true;
	case ITEM_ENTROPY:
		return !i->entropy.bytes;
	case ITEM_DATAAT: /* these wait by themselves */
	case ITEM_BYTE_TEST:
	case ITEM_BYTE_EXTRACT:
	case ITEM_BYTE_MATH:
	case ITEM_KINDS:
		return false;
	}
	return false;
}

static int check_item(struct parser *p, const struct item *i)
{
	const struct content *c = &i->content;
	if (i->kind != ITEM_CONTENT)
		return 0;
	if ((c->has_offset || c->has_depth) && (c->has_distance || c->has_within))
		return parse_fail(p, p->text.p,
		                  "offset or depth, and distance or within, exclude each other");
	if (c->startswith && (c->has_offset || c->has_depth || i->relative))
		return parse_fail(p, p->text.p, "startswith and a place exclude each other");
	if (c->has_depth && c->depth.var < 0 && c->depth.value < c->n)
		return parse_fail(p, p->text.p, "the depth is smaller than the content");
	if (c->has_within && c->within.var < 0 && c->within.value < c->n)
		return parse_fail(p, p->text.p, "within is smaller than the content");
	if (c->fast && i->negated && (c->has_offset || c->has_depth || i->relative))
		return parse_fail(p, p->text.p,
		                  "a negated content with a place is no fast pattern");
	return 0;
}

/* Does what is behind it count from where it ended? Negations and tests leave the place as it is.
 */
static bool moves(const struct item *i)
{
	bool found = i->kind == ITEM_CONTENT || i->kind == ITEM_PCRE;
	return (found && !i->negated) || i->kind == ITEM_BYTE_JUMP ||
	       i->kind == ITEM_BYTE_EXTRACT || i->kind == ITEM_BYTE_MATH;
}

static void mark_dependence(struct list *l)
{
	bool counted = false;
	for (unsigned i = l->nitems; i-- > 0;) {
		struct item *item = &l->items[i];
		item->next_relative = counted;
		counted = item->relative || (counted && !moves(item));
	}
}

static int finish_list(struct parser *p, struct draft *d, struct list *out)
{
	struct list *l = &d->list;
	l->nitems = d->nitems;
	l->items = keep_array(p, d->items, d->nitems, sizeof(*d->items));
	for (unsigned i = 0; i < l->nitems; i++) {
		int rc = check_item(p, &l->items[i]);
		if (rc < 0)
			return rc;
		l->needs_whole |= sees_end(&l->items[i]);
	}
	mark_dependence(l);
	l->needs_whole |= l->ntransforms > 0;
	if (l->buffer < APP_BUFFERS) {
		l->client = app_buffers[l->buffer].client;
		l->server = app_buffers[l->buffer].server;
	} else {
		l->client = l->server = true;
	}
	if (p->rule->flow & FLOW_TO_SERVER && l->client)
		l->server = false;
	if (p->rule->flow & FLOW_TO_CLIENT && l->server)
		l->client = false;
	*out = *l;
	return 0;
}

static int finish_lists(struct parser *p)
{
	struct rule *r = p->rule;
	int rc = join_drafts(p);
	if (rc < 0)
		return rc;
	struct list *inside[LISTS_MAX] = { 0 };
	for (unsigned i = 0; i < p->ndrafts; i++) {
		struct draft *d = &p->drafts[i];
		if (d->pending)
			return parse_fail(p, p->text.p, "nothing is looked for in the buffer %s",
			                  d->list.buffer < APP_BUFFERS
			                          ? app_buffers[d->list.buffer].name
			                          : "pkt_data");
		if (d->parent < 0 || d->nitems == 0)
			continue;
		inside[i] = arena_alloc(&p->rules->arena, sizeof(*inside[i]));
		rc = finish_list(p, d, inside[i]);
		if (rc < 0)
			return rc;
		p->drafts[d->parent].items[d->parent_item].base64.inside = inside[i];
	}
	struct list lists[LISTS_MAX];
	for (unsigned i = 0; i < p->ndrafts && rc == 0; i++)
		if (p->drafts[i].parent < 0 && p->drafts[i].nitems > 0)
			rc = finish_list(p, &p->drafts[i], &lists[r->nlists++]);
	r->lists = keep_array(p, lists, r->nlists, sizeof(lists[0]));
	return rc;
}

/* ---- the fast pattern ---- */

static uint32_t fast_len(const struct content *c)
{
	uint32_t n = c->fast_len ? c->fast_len : c->n;
	return n < FAST_MAX ? n : FAST_MAX;
}

/* Longer is better; among short ones, bytes that are rare. */
static unsigned worth(const struct item *i, const struct list *l)
{
	const struct content *c = &i->content;
	unsigned w = fast_len(c) * 16;
	if (c->fast)
		w += 100000;
	/* Buffers that are small and come early are cheaper to look into than bodies and streams.
	 */
	if (l->buffer < APP_BUFFERS && l->buffer != BUFFER_HTTP_RESPONSE_BODY &&
	    l->buffer != BUFFER_FILE_DATA && l->buffer != BUFFER_HTTP_METHOD &&
	    l->buffer != BUFFER_HTTP_PROTOCOL && l->buffer != BUFFER_HTTP_STAT_CODE)
		w += 8;
	return w;
}

static void choose_fast(struct rule *r)
{
	unsigned best = 0;
	for (unsigned l = 0; l < r->nlists; l++)
		for (unsigned i = 0; i < r->lists[l].nitems; i++) {
			const struct item *item = &r->lists[l].items[i];
			if (item->kind != ITEM_CONTENT || item->negated)
				continue;
			unsigned w = worth(item, &r->lists[l]);
			if (w > best) {
				best = w;
				r->fast_list = (int)l;
				r->fast_item = (int)i;
			}
		}
}

/* ---- where ---- */

static int check_protocol(struct parser *p, const struct list *l)
{
	struct rule *r = p->rule;
	if (l->buffer == IPS_RAW)
		return 0;
	enum app_protocol of = app_buffers[l->buffer].protocol;
	if (of == APP_UNKNOWN)
		return 0;
	if (r->app != APP_UNKNOWN && r->app != of && !(r->app == APP_HTTP2 && of == APP_HTTP))
		return parse_fail(p, p->text.p, "%s is a buffer of %s, the rule is about %s",
		                  app_buffers[l->buffer].name, app_protocol_name(of),
		                  app_protocol_name(r->app));
	if (!(r->protos & (RULE_TCP | RULE_UDP | RULE_IP)) || r->packet)
		return parse_fail(p, p->text.p, "%s needs a connection",
		                  app_buffers[l->buffer].name);
	r->app = r->app == APP_UNKNOWN ? of : r->app;
	return 0;
}

/* A stream's rule with a place from the start is tried on each piece as well. */
static bool has_place(const struct list *l)
{
	for (unsigned i = 0; i < l->nitems; i++) {
		const struct item *item = &l->items[i];
		if (item->kind == ITEM_CONTENT &&
		    (item->content.has_depth || item->content.has_offset ||
		     item->content.startswith))
			return true;
		if (item->kind != ITEM_CONTENT && item->kind != ITEM_PCRE && !item->relative)
			return true;
	}
	return false;
}

static void choose_where(struct rule *r)
{
	bool raw = false, placed = false;
	for (unsigned l = 0; l < r->nlists; l++) {
		raw |= r->lists[l].buffer == IPS_RAW;
		placed |= r->lists[l].buffer == IPS_RAW && has_place(&r->lists[l]);
		r->at_tx |= r->lists[l].buffer != IPS_RAW;
	}
	bool facts = false;
	for (unsigned i = 0; i < r->nconditions; i++)
		facts |= r->conditions[i].more != NULL;
	r->at_tx |= r->event >= 0 || (facts && r->app != APP_UNKNOWN);
	if (r->at_tx)
		return;
	bool packet_only = r->packet || r->packet_conditions || (r->flow & FLOW_NO_STREAM) || !raw;
	if (!raw && r->app != APP_UNKNOWN) {
		r->at_tx = true;
		return;
	}
	bool tcp = r->protos & (RULE_TCP | RULE_IP);
	r->at_stream = tcp && raw && !packet_only;
	r->at_piece = r->at_stream && placed && !r->stream && !(r->flow & FLOW_ONLY_STREAM);
	/* UDP and the rest have packets alone. */
	r->at_packet = packet_only || (r->protos & ~(unsigned)RULE_TCP) != 0;
	r->header_only = r->nlists == 0 && !r->packet_conditions && r->nconditions == 0 &&
	                 r->nbits == 0 && r->nints == 0 &&
	                 !(r->flow & (FLOW_ESTABLISHED_ONLY | FLOW_NOT_ESTABLISHED));
}

int parse_finish(struct parser *p)
{
	struct rule *r = p->rule;
	if (!p->said_sid)
		return parse_fail(p, p->text.p, "the rule has no sid");
	if (!r->words.tag)
		r->words.tag = r->words.sid;
	int rc = finish_lists(p);
	for (unsigned i = 0; i < r->nlists && rc == 0; i++)
		rc = check_protocol(p, &r->lists[i]);
	if (rc < 0)
		return rc;
	r->conditions = keep_array(p, p->conditions, r->nconditions, sizeof(*p->conditions));
	r->bits = keep_array(p, p->bits, r->nbits, sizeof(*p->bits));
	r->ints = keep_array(p, p->ints, r->nints, sizeof(*p->ints));
	choose_fast(r);
	choose_where(r);
	return 0;
}
