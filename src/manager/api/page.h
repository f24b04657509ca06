#pragma once
#include "manager/api/app.h"

/*
 * Pages of collections whose objects are shown as they are stored: their text is cut into members
 * and put together in the table's order, without a tree in between.
 */

enum { PAGE_MEMBERS = 100 };

struct page_members {
	size_t n;
	struct str key[PAGE_MEMBERS], value[PAGE_MEMBERS]; /* borrowed; values as they stand */
};

/* Cuts a compact JSON object, as json_write() makes it. False: it is something else (it may still
 * be JSON). What it is given is trusted to be JSON: the database's, or a test's. */
bool page_cut(struct str body, struct page_members *out);
/*
 * Writes the members of the fields from `from` up to `to` (excluded; NULL: to the table's end) as
 * fields_show() shows them, each with a comma behind it, but the ID. False: only a tree can do it.
 */
bool page_write(struct buf *b, const struct field *from, const struct field *to,
                const struct page_members *m);

/* Can this list be written so? */
bool page_fits(struct call *c, const struct resource *r, const struct search *s);
/* Answers it, in c->raw: a status of HTTP. */
int page_answer(struct call *c, const struct resource *r, const struct search *s);
