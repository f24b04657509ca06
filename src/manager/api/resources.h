#pragma once
#include "manager/api/app.h"

/* What the families of collections share. Fields stand in the order of the wire (rest-api.md
 * section 9). */

/* clang-format off */
#define ID_FIELD { "ID", T_INT, F_READ_ONLY, .doc = "given by the manager" }
#define NAME_FIELD { "name", T_TEXT, F_REQUIRED, .max = 254, .doc = "unique" }
#define DESCRIPTION_FIELD { "description", T_TEXT, 0, .otherwise = "\"\"", .max = 2000, .doc = "in own words" }
/* The rights that most collections ask for: of a row's designated members. */
#define RIGHTS_OF(Noun) .make = "canCreateNew" Noun "s", .edit = "canEdit" Noun "Properties", .erase = "canDelete" Noun "s"
/* clang-format on */

/* The member that says in which object one of an inner collection lies; never shown. */
#define RESOURCE_OWNER "@owner"

extern const struct resource computer_resources[], malware_resources[], common_resources[],
	admin_resources[], rule_resources[], control_resources[], system_resources[]; /* {0} last */
extern const struct resource *const resource_families[]; /* NULL last */
extern const struct resource
	settings_resource; /* documents of settings; no collection of the API */

/* A `changed` hook: every computer's effective policy may be another one now. */
void policies_affected(struct call *c, int64_t id, const json_t *old, const json_t *o);
/* For `may_delete`: says that something is in use. -EINVAL. */
int resource_in_use(struct call *c, const char *what);
/* Does any object of a kind name this ID in one of these fields (or below antiMalware)? */
bool resource_named_by(struct app *a, const char *kind, const char *const *fields, int64_t id);
/* Does any policy or computer name this ID in a member of a module's object, or in a list there? */
bool module_names(struct app *a, const char *module, const char *field, int64_t id);
bool module_says(struct app *a, const char *module, const char *field, const char *text);
/* The IDs of a kind's objects that do. New reference. */
json_t *module_users(struct app *a, const char *kind, const char *module, const char *field,
                     const char *text);
bool ids_have(const json_t *ids, int64_t id);

/* ---- checks beyond types; 0, or -EINVAL with a sentence ---- */

struct ref {
	const char *field,
		*kind; /* a number or a list of them that must be IDs of the collection */
};
int refs_right(struct call *c, const json_t *o, const struct ref *refs); /* {0} last */

struct need {
	const char *field, *choice, *needs; /* field = choice asks for a member */
};
int needs_right(struct call *c, const json_t *o, const struct need *needs); /* {0} last */

/* Texts in a form of their own. A comment may follow behind #. */
struct item_kind {
	const char *field;
	bool (*right)(struct str item);
};
int items_right(struct call *c, const json_t *o, const struct item_kind *kinds); /* {0} last */
bool item_ip(struct str item);   /* an address, network, or range of either family */
bool item_mac(struct str item);  /* six octets in hexadecimal, with : or - */
bool item_port(struct str item); /* a port, or a range */
