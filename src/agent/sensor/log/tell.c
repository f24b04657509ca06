#include <stdio.h>
#include <string.h>

#include "agent/sensor/log/journal.h"
#include "agent/sensor/log/logs.h"
#include "base/auto.h"
#include "base/json.h"
#include "module/loginspection/policy.h"

/* What `logs` tells of itself: status, rules that are wrong, what had to be cut. */

enum { FILES_TOLD = 1000, PROBLEMS_TOLD = 50, CUT_PAUSE_MS = 3600000 };

static json_t *file_status(const struct follow *f)
{
	json_t *o = json_object();
	json_set_bytes(o, "path", str_of(f->name));
	json_set_text(o, "format", li_format_names[f->at.format]);
	json_set_int(o, "size", (int64_t)f->seen);
	json_set_int(o, "read", (int64_t)f->at.done);
	json_set_int(o, "lines", (int64_t)f->nlines);
	json_set_int(o, "events", (int64_t)f->nevents);
	json_set_text(o, "state", f->at.finite ? "rotated" : f->left_ms ? "renamed" : "followed");
	return o;
}

static json_t *files_status(const struct logs *l)
{
	json_t *list = json_array();
	const struct follow *f;
	TAILQ_FOREACH (f, &l->files, next)
		if (f->fd >= 0 && json_array_size(list) < FILES_TOLD)
			json_array_append_new(list, file_status(f));
	journal_status(l->journal, list);
	return list;
}

static json_t *problems_status(const struct li_set *set)
{
	json_t *list = json_array();
	const struct li_problem *p = NULL;
	for (size_t i = 0; i < PROBLEMS_TOLD && (p = li_set_problem(set, i)); i++)
		json_array_append_new(list,
		                      json_sprintf("%s, line %u: %s", p->file, p->line, p->text));
	return list;
}

static void put_counts(const struct logs *l, json_t *o)
{
	size_t problems = 0;
	while (li_set_problem(l->rules->set, problems))
		problems++;
	json_set_int(o, "rules", (int64_t)li_set_rules(l->rules->set));
	json_set_int(o, "decoders", (int64_t)li_set_decoders(l->rules->set));
	json_set_int(o, "lines", (int64_t)l->nlines);
	json_set_int(o, "events", (int64_t)l->nevents);
	json_set_int(o, "bytes", (int64_t)l->nread);
	json_set_int(o, "unread", (int64_t)l->unread);
	json_set_int(o, "problems", (int64_t)problems);
	json_set(o, "problemTexts", problems_status(l->rules->set));
	json_set(o, "files", files_status(l));
	if (l->save_error)
		json_set_text(o, "error", strerror(-l->save_error));
	json_set_text(o, "message",
	              l->save_error ? "On, its positions cannot be kept"
	              : problems    ? "On, some rules are wrong"
	                            : "On");
}

void logs_status(struct logs *l)
{
	AUTO(json_decrefp) json_t *o = json_object();
	AUTO(buf_done) struct buf b = { 0 };
	json_t *part = json_object();
	json_set_text(part, "message", "Off");
	if (l->rules)
		put_counts(l, part);
	json_set(o, "modules", json_pack("{s:o}", "loginspection", part));
	json_write(&b, o);
	struct peer *p = self_peer(l->me, P_COMMS, 0);
	if (p && peer_is_up(p))
		peer_send_big(p, M_STATUS, 0, buf_view(&b));
}

void logs_problems(struct logs *l)
{
	AUTO(buf_done) struct buf b = { .max = 4096 };
	const struct li_problem *p = NULL;
	size_t n = 0;
	for (; l->rules && (p = li_set_problem(l->rules->set, n)); n++)
		if (n < 10)
			buf_fmt(&b, "%s%s, line %u: %s", n ? "; " : "", p->file, p->line, p->text);
	if (n > 10)
		buf_fmt(&b, "; and %zu more", n - 10);
	if (n)
		logs_system(l, "log-rules-wrong", b.p);
}

/* One event a kind and hour. */
void logs_cuts(struct logs *l, const char *where, uint64_t now_ms)
{
	unsigned cut = li_engine_cut(l->engine);
	if (*where)
		cut |= LI_CUT_LINE;
	for (unsigned i = 0; cut >> i; i++) {
		AUTO(buf_done) struct buf b = { 0 };
		if (!(cut >> i & 1) || (l->cut_ms[i] && now_ms - l->cut_ms[i] < CUT_PAUSE_MS))
			continue;
		l->cut_ms[i] = now_ms;
		buf_z(&b, li_cut_text(1u << i));
		if (*where && 1u << i == LI_CUT_LINE)
			buf_fmt(&b, " (%s)", where);
		logs_system(l, "log-input-cut", b.p);
	}
}
