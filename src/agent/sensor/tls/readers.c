#include "agent/sensor/tls/readers.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"

int readers_init(struct readers *r, struct host *host)
{
	*r = (struct readers){ 0 };
	for (; plaintext_rows[r->n]; r->n++) {
		assert(r->n < PLAINTEXT_ROWS_MAX);
		r->rows[r->n].instance = plaintext_rows[r->n]->module->start(host);
		if (!r->rows[r->n].instance)
			return -ENOMEM;
	}
	return 0;
}

void readers_done(struct readers *r)
{
	for (size_t i = 0; i < r->n; i++) {
		plaintext_rows[i]->module->stop(r->rows[i].instance);
		plaintext_rows[i]->module->section->free(r->rows[i].rules);
	}
	*r = (struct readers){ 0 };
}

/* ---- policy ---- */

struct taken {
	struct rules *rules[PLAINTEXT_ROWS_MAX]; /* owned */
};

static void taken_done(struct taken *t)
{
	for (size_t i = 0; plaintext_rows[i]; i++)
		plaintext_rows[i]->module->section->free(t->rules[i]);
}

int readers_apply(struct readers *r, const json_t *policy, struct err *why)
{
	AUTO(taken_done) struct taken t = { { NULL } };
	const json_t *parts = json_object_at(policy, "sections");
	for (size_t i = 0; i < r->n; i++) {
		const struct section *s = plaintext_rows[i]->module->section;
		const json_t *part = json_object_at(parts, s->name);
		int rc = part ? s->parse(part, &t.rules[i], why) : 0;
		if (rc < 0)
			return err_add(why, rc, "%s", s->name);
	}
	for (size_t i = 0; i < r->n; i++) {
		struct rules *old = r->rows[i].rules;
		int rc = plaintext_rows[i]->module->apply(r->rows[i].instance, t.rules[i]);
		if (rc < 0)
			return err_set(why, rc, "%s: %s", plaintext_rows[i]->module->section->name,
			               strerror(-rc));
		r->rows[i].rules = TAKE(t.rules[i]);
		plaintext_rows[i]->module->section->free(old);
	}
	return 0;
}

static bool is_on(const struct readers *r, size_t i)
{
	return r->rows[i].rules && plaintext_rows[i]->on(r->rows[i].rules);
}

bool readers_on(const struct readers *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (is_on(r, i))
			return true;
	return false;
}

/* ---- connections ---- */

void readers_open(struct readers *r, const struct plaintext_ends *ends, struct reading *out)
{
	*out = (struct reading){ { NULL } };
	for (size_t i = 0; i < r->n; i++)
		if (is_on(r, i))
			out->of[i] = plaintext_rows[i]->open(r->rows[i].instance, ends);
}

static void close_one(struct readers *r, struct reading *at, size_t i)
{
	if (at->of[i])
		plaintext_rows[i]->close(r->rows[i].instance, at->of[i]);
	at->of[i] = NULL;
}

enum plaintext_answer readers_data(struct readers *r, struct reading *at, enum app_side from,
                                   const uint8_t *data, size_t len, uint64_t missed)
{
	bool any = false;
	for (size_t i = 0; i < r->n; i++) {
		if (!at->of[i])
			continue;
		enum plaintext_answer a = plaintext_rows[i]->data(r->rows[i].instance, at->of[i],
		                                                  from, data, len, missed);
		if (a == PLAINTEXT_END)
			return a;
		if (a == PLAINTEXT_ENOUGH)
			close_one(r, at, i);
		any = any || at->of[i];
	}
	return any ? PLAINTEXT_GO_ON : PLAINTEXT_ENOUGH;
}

void readers_close(struct readers *r, struct reading *at)
{
	for (size_t i = 0; i < r->n; i++)
		close_one(r, at, i);
}

void readers_tick(struct readers *r, uint64_t now_ms)
{
	for (size_t i = 0; i < r->n; i++)
		plaintext_rows[i]->tick(r->rows[i].instance, now_ms);
}

void readers_place(struct readers *r, int64_t utc_offset_s)
{
	for (size_t i = 0; i < r->n; i++)
		plaintext_rows[i]->place(r->rows[i].instance, utc_offset_s);
}

void readers_flush(struct readers *r)
{
	for (size_t i = 0; i < r->n; i++)
		plaintext_rows[i]->flush(r->rows[i].instance);
}
