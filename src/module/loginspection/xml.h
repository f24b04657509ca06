#pragma once
#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/*
 * The dialect of OSSEC's rule files, which is not XML: several roots, no entities, `\<` is text and
 * stays as it is written, comments run from `<!` to `!>` or `-->`, text beside child elements is
 * kept apart. All memory is the arena's, or the text's that was parsed.
 */
struct xml_attr {
	struct str name, value;
	struct xml_attr *next;
};

struct xml_node {
	struct str name, text;
	struct xml_attr *attrs;
	struct xml_node *child, *next;
	unsigned line;
	bool closed; /* its end tag was there */
};

struct xml_options {
	bool toggles; /* `\\<` begins a tag (Wazuh); otherwise any backslash before `<` makes it
	                 text */
};

/*
 * The roots of a file. -EINVAL: the text ends or breaks off where why says ("line 3: ..."); *out
 * then holds what was complete before (look at `closed`). A root `<?yagura a="b"?>` is returned as
 * a node named "?yagura"; other `<?...?>` are skipped.
 */
int xml_parse(struct arena *a, struct str file, const struct xml_options *o, struct xml_node **out,
              struct err *why);

/* The attribute's value, or an empty string with p NULL. */
struct str xml_attr(const struct xml_node *n, const char *name);

/*
 * Replaces `$NAME` in all texts and attribute values by the roots `<var name="NAME">`. A file
 * without any is left as it is. Unknown names stay, and are told one by one.
 */
void xml_variables(struct arena *a, struct xml_node *roots,
                   void (*unknown)(void *to, unsigned line, struct str name), void *to);
