#pragma once
#include "engine/web/web.h"

/* What the keyword web_attack says: a policy of scores, and where others hold. */

enum { SCORING_LISTS_MAX = 200 };

/* "*" stands for anything, also for nothing. */
bool scoring_glob(struct str pattern, struct str text);

struct scoring_place {
	struct str resource; /* pattern of the path */
	unsigned log, drop;
};

struct scoring_exemption {
	struct str resource, parameter; /* patterns */
};

struct scoring {
	struct web_policy policy;
	unsigned log, drop; /* from this score on; 0: never */
	struct web_word *words;
	struct scoring_place *places; /* the first whose pattern holds */
	struct scoring_exemption *exemptions;
	size_t nwords, nplaces, nexemptions;
};
