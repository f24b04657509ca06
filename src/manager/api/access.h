#pragma once
#include "manager/api/app.h"

/*
 * Who may do what: roles, their rights, and the computers and policies that they reach. It is
 * decided here, before a handler runs, from the path, the collection's row and the role.
 */

struct rights_group {
	const char *area, *name, *rights; /* "platformRights", "computerRights", "canA canB" */
};
extern const struct rights_group rights_groups[]; /* {0} last */

/* The tree of all rights, those that the stored role has being true. New reference. */
json_t *role_rights(const json_t *role, int64_t id);
/* Merges what a client sent into the role's rights; 0 or -EINVAL. */
int role_rights_take(const json_t *in, json_t *role, struct err *why);
bool role_has(const json_t *role, int64_t id, const char *right);
/* May somebody with this role make or change users of that role? Only when it has no right more. */
bool access_grants(struct call *c, int64_t role);
bool access_covers(struct call *c,
                   const json_t *role); /* the same of a role that is not stored yet */
