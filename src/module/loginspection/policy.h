#pragma once
#include "base/arena.h"
#include "base/map.h"
#include "module/loginspection/section.h"

struct li_source {
	const char *location;
	enum li_format format;
};

/* What events tell of the rule of the API that a rule of the language came from. */
struct li_named {
	int64_t id;
	const char *name;
	bool alert;
	unsigned alert_level; /* an alert from this level on */
};

/* What a policy says of it. */
struct rules {
	bool on;
	unsigned store_level, send_level;
	struct arena arena;
	struct li_set *set; /* owned; NULL when it is off */
	struct map named;   /* by the name of the rule's text: struct li_named */
	struct li_source *sources;
	size_t nsources;
	json_t *source; /* owned: the rules as they came */
};
