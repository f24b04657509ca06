#pragma once
#include "module/integritymonitoring/integritymonitoring.h"

/*
 * Changes with one cause: told as one event that counts them, names what caused them, and lists
 * as many of them as fit.
 */
struct im_group {
	const char *cause; /* "package" */
	struct buf id;     /* of the cause: the same one has the same */
	struct buf text;   /* for people: "dpkg: 2 packages: a 1.0 -> 1.1, b 2" */
	int64_t from_ms, to_ms;
	uint64_t count, counts[4]; /* by im_kind */
	json_t *members;           /* owned: [{"key","change","class"}, ...] */
	size_t room;               /* bytes of members left */
};

void im_group_init(struct im_group *g, const char *cause);
void im_group_done(struct im_group *g);
void im_group_add(struct im_group *g, const struct im_change *c);
/* {"cause","ID","text","from","to","changes","created",...,"members"}; new reference. */
json_t *im_group_json(const struct im_group *g);
/* One line for people. */
void im_group_line(const struct im_group *g, struct buf *out);
