#pragma once
#include "manager/api/app.h"

/* What the families of collections share. Fields stand in the order of the wire (rest-api.md
 * section 9). */

/* clang-format off */
#define ID_FIELD { "ID", T_INT, F_READ_ONLY, .doc = "given by the manager" }
#define NAME_FIELD { "name", T_TEXT, F_REQUIRED, .max = 254, .doc = "unique" }
#define DESCRIPTION_FIELD { "description", T_TEXT, 0, .otherwise = "\"\"", .max = 2000, .doc = "in own words" }
/* clang-format on */

extern const struct resource computer_resources[], malware_resources[], common_resources[],
	admin_resources[];                               /* {0} last */
extern const struct resource *const resource_families[]; /* NULL last */

/* A `changed` hook: every computer's effective policy may be another one now. */
void policies_affected(struct call *c, int64_t id, const json_t *old, const json_t *o);
/* For `may_delete`: says that something is in use. -EINVAL. */
int resource_in_use(struct call *c, const char *what);
/* Does any object of a kind name this ID in one of these fields (or below antiMalware)? */
bool resource_named_by(struct app *a, const char *kind, const char *const *fields, int64_t id);
