#include "agent/sensor/tree/integrity.h"

#include <errno.h>
#include <gcrypt.h>
#include <limits.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "module/integritymonitoring/policy.h"
#include "module/integritymonitoring/section.h"
#include "module/module.h"

enum { SLICE_MS = 15, STEP = 64, PROGRESS_MS = 1000, WAITING_MAX = 1 << 20, LEDGER_MAX = 64 << 20 };

static const char baseline[] = INTEGRITY_BASELINE;

/* ---- telling ---- */

static void progress(struct integrity *i, int64_t id, const char *status, const char *message)
{
	AUTO(buf_done) struct buf b = { 0 };
	struct survey_counts c = { 0 };
	if (id < 0)
		return;
	if (i->survey)
		survey_counts(i->survey, &c);
	json_t *p = json_object();
	json_set_text(p, "phase", i->root[0] ? "compare" : "baseline");
	json_set_int(p, "entities", (int64_t)c.entities);
	json_set_int(p, "bytes", (int64_t)c.bytes);
	json_set_int(p, "found", (int64_t)c.changes);
	if (i->survey)
		json_set_bytes(p, "folder", survey_at(i->survey));
	AUTO(json_decrefp) json_t *o = json_object();
	json_set_int(o, "ID", id);
	json_set_text(o, "state", status);
	json_t *r = json_deep_copy(p);
	json_set_int(r, "known", (int64_t)c.known);
	json_set_int(r, "errors", (int64_t)c.troubles);
	json_set(o, "result", r);
	json_set(o, "progress", p);
	if (message)
		json_set_text(o, "message", message);
	json_write(&b, o);
	self_send(i->me, P_COMMS, 0, M_PROGRESS, 0, buf_view(&b));
}

static void on_change(void *arg, const struct im_change *c)
{
	struct integrity *i = arg;
	AUTO(buf_done) struct buf against = { 0 };
	struct event ev;
	if (i->packages && packages_explain(i->packages, c))
		return;
	live_against(&i->live, c->is ? c->is : c->was, &against);
	im_change_event(c, buf_view(&against), &ev);
	outbox_put(i->outbox, &ev);
	event_done(&ev);
	live_note(&i->live, c);
}

static void on_newer(void *arg, const struct im_entity *e)
{
	struct integrity *i = arg;
	live_look_again(&i->live, e);
}

/* What package managers did: an event for each of their transactions. */
static void tell_groups(struct integrity *i)
{
	const struct im_group *g = NULL;
	for (size_t n = 0; i->packages && (g = packages_group(i->packages, n)); n++) {
		struct event ev;
		im_group_event(g, str_of(i->root), &ev);
		outbox_put(i->outbox, &ev);
		event_done(&ev);
	}
}

static void on_trouble(void *arg, struct str path, int error)
{
	(void)arg;
	log_warning("integrity: read %s: %s", log_quote(path), strerror(-error));
}

/* A new baseline, and the one that it was made from: the manager keeps the root of the last. */
static void say(struct integrity *i, const char *kind, const struct im_chain *root)
{
	AUTO(buf_done) struct buf b = { 0 }, was = { 0 }, is = { 0 };
	struct survey_counts c;
	struct event ev;
	char hex[2 * IM_CHAIN + 1];
	survey_counts(i->survey, &c);
	hex_lower(hex, root->hash, IM_CHAIN);
	AUTO(json_decrefp) json_t *before = json_pack("{s:s}", "root", i->root);
	AUTO(json_decrefp) json_t *after = json_pack("{s:s}", "root", hex);
	json_set_text(after, "cause", i->id >= 0 ? "asked" : "rules");
	json_set_bool(after, "asked", i->asked);
	json_set_int(after, "entities", (int64_t)c.entities);
	json_set_int(after, "changes", (int64_t)c.changes);
	json_write(&was, before);
	json_write(&is, after);
	buf_fmt(&b, "%llu entities, %llu changes, %llu unreadable; baseline %s%s%s",
	        (unsigned long long)c.entities, (unsigned long long)c.changes,
	        (unsigned long long)c.troubles, i->root, i->root[0] ? " -> " : "", hex);
	event_init(&ev, &event_class_system, kind);
	event_text(&ev, "Description", b.p);
	event_text(&ev, "Before", was.p);
	event_text(&ev, "After", is.p);
	outbox_put(i->outbox, &ev);
	event_done(&ev);
}

static void tell_notes(struct integrity *i, const struct im_rules *r)
{
	static const char *const kinds[] = {
		[IM_NOTE_VARIABLE] = "integrity-variable-unknown",
		[IM_NOTE_BASE] = "integrity-base-bad",
		[IM_NOTE_ENTITY] = "integrity-entity-unsupported",
		[IM_NOTE_ATTRIBUTE] = "integrity-attribute-unsupported",
		[IM_NOTE_FEATURE] = "integrity-feature-unsupported",
	};
	for (size_t n = 0; n < r->nnotes; n++) {
		AUTO(buf_done) struct buf b = { 0 };
		buf_safe(&b, r->notes[n].rule->name);
		buf_z(&b, ": ");
		buf_safe(&b, r->notes[n].text);
		outbox_system(i->outbox, kinds[r->notes[n].kind], b.p);
	}
}

/* ---- a survey ---- */

static void end(struct integrity *i)
{
	survey_free(i->survey);
	keep_close(&i->was);
	keeper_close(&i->to);
	im_rules_done(&i->then);
	packages_free(i->packages);
	package_paths_free(i->paths);
	i->packages = NULL;
	i->paths = NULL;
	i->survey = NULL;
	i->done = i->cancelled = false;
	i->root[0] = '\0';
}

/* The baseline that there is; false: none that can be compared with. */
static bool open_was(struct integrity *i)
{
	struct err why = { { 0 } };
	int rc = keep_open(&i->was, i->dir, baseline, &why);
	im_rules_init(&i->then, 0, NULL);
	if (rc == 0)
		rc = im_rules_add_source(&i->then, json_object_at(i->was.header, "source"), &why);
	if (rc == 0) {
		hex_lower(i->root, i->was.root.hash, IM_CHAIN);
		return true;
	}
	/* Its changes cannot be told any more; that it was changed is told. */
	if (rc != -ENOENT)
		outbox_system(i->outbox, "integrity-baseline-damaged", why.text);
	keep_close(&i->was);
	return false;
}

/* Where only a part of the host is protected, its packages are looked for there. */
static void read_packages(struct integrity *i)
{
	const char *only = agent_options(i->me)->protect;
	i->paths = package_paths_new(only ? only : "/");
	if (i->was.header)
		i->packages =
			packages_new(only ? only : "/", packages_since(i->was.header), i->paths);
}

void integrity_begin(struct integrity *i, int64_t id, bool rebuild, bool reread)
{
	struct err why = { { 0 } };
	if (!i->rules || !i->rules->on) {
		progress(i, id, "failed", "no policy that monitors integrity is in force");
		return;
	}
	if (i->survey) {
		progress(i, id, "failed", "another survey is running");
		return;
	}
	i->id = id;
	i->asked = rebuild;
	bool compare = !rebuild && open_was(i);
	bool since = i->live.open && (!compare || strcmp(i->live.ledger.root, i->root) == 0);
	if (since)
		ledger_freeze(&i->live.ledger);
	read_packages(i);
	int rc = keeper_open(&i->to, i->dir, baseline, i->rules->im.source,
	                     compare ? &i->was.root : NULL, &why);
	const struct survey_options o = { .now = &i->rules->im,
		                          .then = &i->then,
		                          .was = compare ? &i->was : NULL,
		                          .since = compare && since ? &i->live.ledger : NULL,
		                          .newer = on_newer,
		                          .to = &i->to,
		                          .packages = i->paths,
		                          .reread = reread,
		                          .here = true,
		                          .change = on_change,
		                          .trouble = on_trouble,
		                          .arg = i };
	if (rc == 0)
		rc = survey_new(&i->survey, &o);
	if (rc == 0) {
		i->due = false;
		progress(i, id, "running", NULL);
		return;
	}
	log_error("integrity: begin: %s", why.text[0] ? why.text : strerror(-rc));
	progress(i, id, "failed", why.text);
	end(i);
}

/* Everything was looked at and every event of it is on disk. */
static void commit(struct integrity *i)
{
	struct err why = { { 0 } };
	struct survey_counts c;
	bool first = !i->root[0];
	survey_counts(i->survey, &c);
	if (c.changes)
		keep_rotate(i->dir, baseline, INTEGRITY_KEPT);
	if (keeper_commit(&i->to, &why) < 0) {
		log_error("integrity: %s", why.text);
		outbox_system(i->outbox, "integrity-scan-failed", why.text);
		progress(i, i->id, "failed", why.text);
	} else {
		say(i, first ? "integrity-baseline-created" : "integrity-scan-ended", &i->to.chain);
		progress(i, i->id, "done", NULL);
		live_reopen(&i->live, i->dir, baseline);
	}
	end(i);
}

static void fail(struct integrity *i, int rc)
{
	outbox_system(i->outbox, "integrity-scan-failed", strerror(-rc));
	progress(i, i->id, "failed", strerror(-rc));
	end(i);
}

static unsigned load_limit(const struct integrity *i)
{
	switch (i->rules->cpu) {
	case IM_CPU_LOW:
		return 200;
	case IM_CPU_MEDIUM:
		return 500;
	case IM_CPU_HIGH:
		break;
	}
	return UINT_MAX;
}

static void step(struct integrity *i)
{
	uint64_t now = clock_mono_ms(), until = now + SLICE_MS;
	unsigned limit = load_limit(i);
	unsigned entities = limit == UINT_MAX ? STEP : 1;
	while (!i->done && now < until && i->outbox->bytes < WAITING_MAX &&
	       pace_allows(i->pace, limit, now)) {
		int rc = survey_step(i->survey, entities);
		if (rc < 0) {
			fail(i, rc);
			return;
		}
		if (limit != UINT_MAX)
			pace_began(i->pace, now);
		if (rc == SURVEY_WAITING)
			survey_wait(i->survey);
		i->done = rc == SURVEY_DONE;
		if (i->done)
			tell_groups(i);
		now = clock_mono_ms();
	}
	if (now - i->told_ms >= PROGRESS_MS) {
		i->told_ms = now;
		progress(i, i->id, "running", NULL);
	}
}

void integrity_go_on(struct integrity *i)
{
	live_go_on(&i->live, clock_mono_ms() + SLICE_MS);
	/* What changed since the baseline is held in memory: it becomes a part of the next one. */
	i->due |= i->live.judges && i->live.ledger.bytes > LEDGER_MAX;
	if (!i->survey && i->due && i->rules && i->rules->on)
		integrity_begin(i, -1, false, false);
	if (!i->survey)
		return;
	if (i->cancelled) {
		outbox_system(i->outbox, "integrity-scan-cancelled", "");
		progress(i, i->id, "cancelled", NULL);
		end(i);
		return;
	}
	if (!i->done)
		step(i);
	if (i->survey && i->done && TAILQ_EMPTY(&i->outbox->waiting))
		commit(i);
}

bool integrity_runs(const struct integrity *i)
{
	return i->survey != NULL;
}

void integrity_cancel(struct integrity *i, int64_t id)
{
	if (i->survey && (id == 0 || i->id == id))
		i->cancelled = true;
}

/* ---- policy ---- */

void integrity_policy(struct integrity *i, struct str policy)
{
	AUTO(json_decrefp) json_t *j = policy.n ? json_parse(policy, NULL) : NULL;
	const json_t *part =
		json_object_at(json_object_at(j, "sections"), integritymonitoring_section.name);
	struct rules *rules = NULL;
	struct err why = { { 0 } };
	int rc = part ? integritymonitoring_section.parse(part, &rules, &why) : 0;
	if (rc < 0) {
		log_error("policy: %s", why.text);
		outbox_system(i->outbox, "policy-refused", why.text);
		return; /* the last one stays in force */
	}
	bool same = rules && i->rules && json_equal(rules->im.source, i->rules->im.source) &&
	            rules->on == i->rules->on && rules->real_time == i->rules->real_time;
	if (same) {
		i->rules->cpu = rules->cpu;
		integritymonitoring_section.free(rules);
		return;
	}
	/* What runs goes by rules that are no more. */
	if (i->survey) {
		progress(i, i->id, "failed", "the policy changed");
		end(i);
	}
	live_policy(&i->live, rules, i->dir, baseline);
	integritymonitoring_section.free(i->rules);
	i->rules = rules;
	if (!rules || !rules->on)
		return;
	tell_notes(i, &rules->im);
	i->due = !live_is_of(&i->live, &rules->im);
}

int integrity_init(struct integrity *i, struct self *me, struct outbox *o, struct pace *p, int dir)
{
	*i = (struct integrity){ .me = me, .outbox = o, .pace = p, .dir = dir, .id = -1 };
	i->was.fd = i->to.fd = -1;
	gcry_check_version(NULL);
	gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	return live_init(&i->live, me, o);
}

void integrity_done(struct integrity *i)
{
	end(i);
	live_done(&i->live);
	integritymonitoring_section.free(i->rules);
	i->rules = NULL;
}
