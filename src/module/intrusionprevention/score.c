#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "module/intrusionprevention/condition.h"
#include "module/intrusionprevention/scoring.h"

/* Requests of HTTP and the scores of what is in them. */

enum { STEP = 8192 };

bool scoring_glob(struct str pattern, struct str text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, back = 0;
	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			back = t;
		} else if (p < pattern.n && pattern.p[p] == text.p[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++back;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

static struct str buffer(const struct look *l, enum app_buffer which)
{
	struct app_bytes b = { 0 };
	if (!l->face->buffer(l->tx, which, APP_CLIENT, 0, &b) || !b.data)
		return (struct str){ "", 0 };
	return (struct str){ (const char *)b.data, b.len };
}

/* All rules of one step look at the same values. */
static const struct web_request *request(const struct look *l, const struct app_bytes *body)
{
	struct scratch *s = l->scratch;
	if (!s->request)
		s->request = calloc(1, sizeof(*s->request));
	if (!s->request || s->request_is == l->tx)
		return s->request;
	s->request_is = l->tx;
	web_request_clear(s->request);
	web_request_uri(s->request, buffer(l, BUFFER_HTTP_URI_RAW));
	web_request_cookies(s->request, buffer(l, BUFFER_HTTP_COOKIE));
	web_request_headers(s->request, buffer(l, BUFFER_HTTP_HEADER));
	if (body->len)
		web_request_body(s->request, buffer(l, BUFFER_HTTP_CONTENT_TYPE),
		                 (struct str){ (const char *)body->data, body->len }, body->offset);
	return s->request;
}

static bool exempt(const struct scoring *s, struct str path, const struct web_request *r,
                   const struct web_value *v)
{
	struct str name = web_value_name(r, v);
	for (size_t i = 0; i < s->nexemptions; i++) {
		const struct scoring_exemption *e = &s->exemptions[i];
		/* A value whose name is gone may be any of them. */
		if (scoring_glob(e->resource, path) &&
		    (v->headless || scoring_glob(e->parameter, name)))
			return true;
	}
	return false;
}

struct best {
	unsigned score;
	const struct web_value *value;
};

static struct best best_of(const struct scoring *s, struct str path, const struct web_request *r)
{
	struct best best = { 0 };
	for (unsigned i = 0; i < r->n; i++) {
		const struct web_value *v = &r->values[i];
		if (v->plain && s->nwords == 0)
			continue;
		unsigned score = web_score(&s->policy, v, web_value_text(r, v), NULL);
		if (score > best.score && !exempt(s, path, r, v))
			best = (struct best){ score, v };
	}
	return best;
}

/* "sql 7 in q (query): quote, comment" */
static void note(struct scratch *to, const struct scoring *s, const struct web_request *r,
                 const struct best *best)
{
	AUTO(buf_done) struct buf names = { 0 }, text = { 0 };
	struct str name = str_utf8_cut(web_value_name(r, best->value), 60);
	(void)web_score(&s->policy, best->value, web_value_text(r, best->value), &names);
	buf_fmt(&text, "%s %u in ", web_attack_name(s->policy.attack), best->score);
	if (name.n) {
		buf_safe(&text, name);
		buf_fmt(&text, " (%s)", web_place_name(best->value->place));
	} else {
		buf_z(&text, web_place_name(best->value->place));
	}
	buf_fmt(&text, ": %s", names.p ? names.p : "");
	struct str cut = str_utf8_cut(buf_view(&text), sizeof(to->note) - 1);
	snprintf(to->note, sizeof(to->note), "%.*s", STR_ARG(cut));
}

static void thresholds(const struct scoring *s, struct str path, unsigned *log, unsigned *drop)
{
	*log = s->log;
	*drop = s->drop;
	for (size_t i = 0; i < s->nplaces; i++)
		if (scoring_glob(s->places[i].resource, path)) {
			*log = s->places[i].log;
			*drop = s->places[i].drop;
			return;
		}
}

/*
 * Looked at when the head is there, then whenever a body grew by so much, and at its end: what
 * reaches the threshold to log alone waits for the end, since more may come.
 */
bool test_web_attack(const struct condition *c, const struct look *l)
{
	const struct scoring *s = c->more;
	struct app_bytes body = { 0 };
	struct scratch *scratch = l->scratch;
	unsigned log = 0, drop = 0;
	if (!l->tx || !l->scored || *l->scored == UINT64_MAX)
		return false;
	enum app_stage stage = l->face->stage(l->tx, APP_CLIENT);
	if (stage < STAGE_HEADERS)
		return false;
	bool done = stage == STAGE_DONE;
	if (!l->face->buffer(l->tx, BUFFER_HTTP_REQUEST_BODY, APP_CLIENT, 0, &body) || !body.data)
		body.len = 0;
	uint64_t end = body.offset + body.len;
	if (!done && *l->scored > 0 && end < *l->scored - 1 + STEP)
		return false;
	*l->scored = done ? UINT64_MAX : end + 1;
	const struct web_request *r = request(l, &body);
	if (!r)
		return false;
	struct str query = buffer(l, BUFFER_HTTP_URI), path = str_cut(&query, '?');
	struct best best = best_of(s, path, r);
	thresholds(s, path, &log, &drop);
	bool drops = drop && best.score >= drop;
	if (!best.value || !(drops || (done && log && best.score >= log)))
		return false;
	scratch->log_only = !drops;
	note(scratch, s, r, &best);
	return true;
}
