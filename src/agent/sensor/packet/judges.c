#include "agent/sensor/packet/judges.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"

enum { FIREWALL = 0 };

int judges_init(struct judges *j, struct host *host)
{
	*j = (struct judges){ .host = host };
	while (packet_rows[j->n]) {
		assert(j->n < PACKET_ROWS_MAX);
		j->rows[j->n].instance = packet_rows[j->n]->module->start(host);
		if (!j->rows[j->n].instance)
			return -ENOMEM;
		j->n++;
	}
	return 0;
}

void judges_done(struct judges *j)
{
	for (size_t i = 0; i < j->n; i++) {
		packet_rows[i]->module->stop(j->rows[i].instance);
		packet_rows[i]->module->section->free(j->rows[i].rules);
	}
	firewall_section.free(j->engine_only);
	*j = (struct judges){ 0 };
}

/* ---- policy ---- */

void judges_taken_done(struct judges_taken *t)
{
	for (size_t i = 0; packet_rows[i]; i++)
		packet_rows[i]->module->section->free(t->rules[i]);
	firewall_section.free(t->engine_only);
}

static bool is_on(size_t row, const struct rules *r)
{
	return r && packet_rows[row]->on(r);
}

static int take(struct judges_taken *t, const json_t *parts, struct err *why)
{
	bool others = false;
	const json_t *firewall = json_object_at(parts, firewall_section.name);
	for (size_t i = 0; packet_rows[i]; i++) {
		const struct section *s = packet_rows[i]->module->section;
		const json_t *part = json_object_at(parts, s->name);
		int rc = part ? s->parse(part, &t->rules[i], why) : 0;
		if (rc == 0 && packet_rows[i]->prepare && is_on(i, t->rules[i]))
			rc = packet_rows[i]->prepare(t->rules[i], why);
		if (rc < 0)
			return err_add(why, rc, "%s", s->name);
		others = others || (i != FIREWALL && is_on(i, t->rules[i]));
	}
	if (!others || is_on(FIREWALL, t->rules[FIREWALL]))
		return 0;
	return firewall_engine_only(firewall, &t->engine_only, why);
}

int judges_take(const json_t *policy, struct judges_taken *out, struct err *why)
{
	*out = (struct judges_taken){ .version = policy ? json_int(policy, "version", 0) : 0 };
	return take(out, json_object_at(policy, "sections"), why);
}

int judges_put(struct judges *j, struct judges_taken *t, struct err *why)
{
	for (size_t i = 0; i < j->n; i++) {
		struct rules *old = j->rows[i].rules;
		int rc = packet_rows[i]->module->apply(j->rows[i].instance, t->rules[i]);
		if (rc < 0)
			return err_set(why, rc, "%s: %s", packet_rows[i]->module->section->name,
			               strerror(-rc));
		j->rows[i].rules = TAKE(t->rules[i]);
		packet_rows[i]->module->section->free(old);
	}
	firewall_section.free(j->engine_only);
	j->engine_only = TAKE(t->engine_only);
	j->version = t->version;
	return 0;
}

/* ---- packets ---- */

struct packet_answer judges_ask(struct judges *j, const struct packet *p, enum reason why)
{
	struct packet_answer all = { .settled = true };
	for (size_t i = 0; i < j->n; i++) {
		struct packet_answer a = packet_rows[i]->judge(j->rows[i].instance, p, why);
		all.settled = all.settled && a.settled;
		all.skip = a.skip;
		if (a.drop) {
			all.drop = true;
			all.reset = a.reset;
			return all;
		}
		if (a.skip)
			return all;
	}
	return all;
}

void judges_tick(struct judges *j, uint64_t now_ms)
{
	for (size_t i = 0; i < j->n; i++)
		packet_rows[i]->tick(j->rows[i].instance, now_ms);
}

void judges_place(struct judges *j, int64_t utc_offset_s, unsigned places)
{
	for (size_t i = 0; i < j->n; i++)
		if (packet_rows[i]->place)
			packet_rows[i]->place(j->rows[i].instance, utc_offset_s, places);
}

void judges_flush(struct judges *j)
{
	for (size_t i = 0; i < j->n; i++)
		packet_rows[i]->flush(j->rows[i].instance);
}

/* ---- the Firewall's part ---- */

struct firewall *judges_firewall(const struct judges *j)
{
	return firewall_of(j->rows[FIREWALL].instance);
}

const struct rules *judges_engine(const struct judges *j)
{
	return j->rows[FIREWALL].rules;
}

const struct rules *judges_ruleset(const struct judges *j)
{
	return is_on(FIREWALL, j->rows[FIREWALL].rules) ? j->rows[FIREWALL].rules : j->engine_only;
}

size_t judges_wants(const struct judges *j, struct packet_want out[static PACKET_WANTS_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < j->n; i++)
		if (packet_rows[i]->wants && is_on(i, j->rows[i].rules))
			n += packet_rows[i]->wants(j->rows[i].instance, out + n,
			                           PACKET_WANTS_MAX - n);
	return n;
}

json_t *judges_report(const struct judges *j)
{
	json_t *o = json_object();
	for (size_t i = 0; i < j->n; i++)
		json_set(o, packet_rows[i]->module->section->name,
		         packet_rows[i]->module->report(j->rows[i].instance));
	return o;
}
