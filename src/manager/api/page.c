#include "manager/api/page.h"

#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/policy.h"
#include "manager/api/resources.h"

enum { PAGE_ROOM = 64 * 1024 }; /* most pages fit without growing */

/* ---- cutting ---- */

/* Behind the string that begins at i; 0: it does not end. */
static size_t behind_string(struct str s, size_t i)
{
	for (i++; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return 0;
}

/* Behind the object or list that begins at i. */
static size_t behind_nested(struct str s, size_t i)
{
	for (size_t depth = 0; i < s.n;) {
		char ch = s.p[i];
		if (ch == '"') {
			i = behind_string(s, i);
			if (i == 0)
				return 0;
			continue;
		}
		depth += ch == '{' || ch == '[';
		depth -= ch == '}' || ch == ']';
		i++;
		if (depth == 0)
			return i;
	}
	return 0;
}

static size_t behind_value(struct str s, size_t i)
{
	if (s.p[i] == '"')
		return behind_string(s, i);
	if (s.p[i] == '{' || s.p[i] == '[')
		return behind_nested(s, i);
	size_t start = i;
	while (i < s.n &&
	       (strchr("+-.eE", s.p[i]) || (s.p[i] >= '0' && s.p[i] <= '9') ||
	        (s.p[i] >= 'a' && s.p[i] <= 'z')) &&
	       s.p[i])
		i++;
	return i > start ? i : 0;
}

bool page_cut(struct str s, struct page_members *out)
{
	size_t i = 1;
	out->n = 0;
	if (s.n < 2 || s.p[0] != '{')
		return false;
	if (s.p[1] == '}')
		return s.n == 2;
	while (i < s.n && s.p[i] == '"' && out->n < PAGE_MEMBERS) {
		size_t end = behind_string(s, i);
		if (end == 0 || end + 1 >= s.n || s.p[end] != ':')
			return false;
		out->key[out->n] = (struct str){ s.p + i + 1, end - i - 2 };
		size_t behind = behind_value(s, end + 1);
		if (behind == 0 || behind >= s.n)
			return false;
		out->value[out->n++] = (struct str){ s.p + end + 1, behind - end - 1 };
		if (s.p[behind] == '}')
			return behind + 1 == s.n;
		if (s.p[behind] != ',')
			return false;
		i = behind + 1;
	}
	return false;
}

/* ---- writing ---- */

static bool is_empty(struct str v)
{
	return str_is(v, "\"\"") || str_is(v, "0") || str_is(v, "[]");
}

/* Members mostly stand in the table's order: the next one is looked at first. */
static const struct str *value_of(const struct page_members *m, const char *name, size_t n,
                                  size_t *hint)
{
	for (size_t k = 0; k < m->n; k++) {
		size_t i = *hint + k < m->n ? *hint + k : *hint + k - m->n;
		if (m->key[i].n == n && memcmp(m->key[i].p, name, n) == 0) {
			*hint = i + 1 < m->n ? i + 1 : 0;
			return &m->value[i];
		}
	}
	return NULL;
}

static bool is_id(const struct field *f)
{
	return strcmp(f->name, "ID") == 0;
}

bool page_write(struct buf *b, const struct field *from, const struct field *to,
                const struct page_members *m)
{
	size_t hint = 0;
	for (const struct field *f = from; f->name && f != to; f++) {
		size_t n = strlen(f->name);
		const struct str *v =
			f->flags & F_SECRET || is_id(f) ? NULL : value_of(m, f->name, n, &hint);
		if (!v || (f->flags & F_OMIT_EMPTY && is_empty(*v)))
			continue;
		if (v->p[0] == '{' || (v->p[0] == '-' && v->n == 2 && v->p[1] == '0'))
			return false; /* sealed, or a number that looks like none */
		char *p = buf_room(b, n + v->n + 4);
		if (!p)
			return false;
		*p++ = '"';
		memcpy(p, f->name, n);
		p += n;
		*p++ = '"';
		*p++ = ':';
		memcpy(p, v->p, v->n);
		p[v->n] = ',';
		b->n += n + v->n + 4;
	}
	return true;
}

static void write_number(struct buf *b, int64_t v)
{
	char text[24], *p = text + sizeof(text);
	uint64_t rest = v < 0 ? -(uint64_t)v : (uint64_t)v;
	do
		*--p = (char)('0' + rest % 10);
	while (rest /= 10);
	if (v < 0)
		*--p = '-';
	buf_add(b, p, (size_t)(text + sizeof(text) - p));
}

static void write_id(struct buf *b, int64_t id)
{
	buf_str(b, STR("\"ID\":"));
	write_number(b, id);
	buf_char(b, '}');
}

/* ---- pages ---- */

/* Every object that is there may be seen. */
static bool sees_all(const struct call *c)
{
	return !c->role || (json_bool(c->role, "allComputers", true) &&
	                    json_bool(c->role, "allPolicies", true));
}

/* One level of members that are stored, and the ID last. */
static bool is_flat(const struct resource *r)
{
	const struct field *f = r->fields;
	for (; f->name; f++)
		if (f->type == T_OBJECT || f->type == T_OBJECTS || f->flags & F_COMPUTED ||
		    (is_id(f) && f[1].name))
			return false;
	return f > r->fields && is_id(f - 1);
}

/* All that is asked for are IDs, which bound what is read. */
static bool by_id_only(const struct search *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->criteria[i].field || !search_is_bound(&s->criteria[i]))
			return false;
	return true;
}

static bool is_computers(const struct resource *r)
{
	return strcmp(r->path, "computers") == 0;
}

bool page_fits(struct call *c, const struct resource *r, const struct search *s)
{
	bool shown = is_computers(r) ? computer_is_plain(c->rq) : !r->show;
	return shown && !s->computed && !r->count && is_flat(r) && by_id_only(s) && sees_all(c);
}

static bool write_stored(struct buf *b, const struct resource *r, const struct rows *rows)
{
	struct page_members m;
	buf_char(b, '{');
	if (!page_cut(col_str(rows, 1), &m) || !page_write(b, r->fields, NULL, &m))
		return false;
	write_id(b, rows->col[0].i);
	return true;
}

/* Columns: ID, body; of its agent fingerprint, last call, when it took its policy. In the order of
 * computer_show(). */
static bool write_computer(struct buf *b, const struct resource *r, const struct field *guid,
                           const struct rows *rows)
{
	struct page_members m;
	buf_char(b, '{');
	if (!page_cut(col_str(rows, 1), &m) || !page_write(b, r->fields, guid, &m))
		return false;
	if (rows->col[2].type == V_TEXT) {
		buf_str(b, STR("\"agentFingerPrint\":\""));
		buf_str(b, col_str(rows, 2));
		buf_str(b, STR("\",\"lastAgentCommunication\":"));
		write_number(b, rows->col[3].i);
		buf_char(b, ',');
	}
	if (rows->col[2].type == V_TEXT && rows->col[4].i) {
		buf_str(b, STR("\"lastSendPolicySuccess\":"));
		write_number(b, rows->col[4].i);
		buf_char(b, ',');
	}
	if (!page_write(b, guid, NULL, &m))
		return false;
	write_id(b, rows->col[0].i);
	return true;
}

/* By way of a tree. */
static void write_shown(struct call *c, const struct resource *r, const struct rows *rows)
{
	int64_t id = rows->col[0].i;
	AUTO(json_decrefp) json_t *full = json_parse(col_str(rows, 1), NULL);
	AUTO(json_decrefp) json_t *o = fields_show(r->fields, full, id);
	if (r->show)
		r->show(c, id, full, o);
	json_write(&c->raw, o);
}

static int begin(struct call *c, const struct resource *r, const struct search *s,
                 struct rows *rows)
{
	struct store *st = c->app->store;
	int64_t below = strchr(r->path, '/') ? c->owner : -1;
	if (is_computers(r))
		return store_query(st, s->by_id ? STMT_COMPUTER_PAGE : STMT_COMPUTER_PAGE_NAMES,
		                   ARGS(VAL_INT(s->low), VAL_INT(s->high)), rows);
	return store_query(
		st, s->by_id ? STMT_OBJECT_PAGE : STMT_OBJECT_PAGE_NAMES,
		ARGS(VAL_TEXT(r->path), VAL_INT(s->low), VAL_INT(s->high), VAL_INT(below)), rows);
}

int page_answer(struct call *c, const struct resource *r, const struct search *s)
{
	struct rows rows;
	bool computers = is_computers(r);
	const struct field *guid = computers ? field_find(r->fields, "hostGUID") : NULL;
	int rc = begin(c, r, s, &rows);
	buf_room(&c->raw, PAGE_ROOM);
	buf_fmt(&c->raw, "{\"%s\":[", r->list);
	for (int64_t n = 0; rc == 0 && n < s->max && (rc = rows_next(&rows)) == 1; n++) {
		if (n)
			buf_char(&c->raw, ',');
		size_t before = c->raw.n;
		if (!(computers ? write_computer(&c->raw, r, guid, &rows)
		                : write_stored(&c->raw, r, &rows))) {
			c->raw.n = before;
			write_shown(c, r, &rows);
		}
		rc = 0;
	}
	rows_done(&rows);
	buf_z(&c->raw, "]}");
	c->raw_type = "application/json;charset=utf-8";
	if (rc >= 0 && buf_end(&c->raw) == 0)
		return 200;
	err_set(&c->why, 0, "The database refused: %s.", store_error(c->app->store));
	return 500;
}
