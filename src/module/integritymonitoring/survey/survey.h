#pragma once
#include "module/integritymonitoring/survey/ledger.h"

/*
 * A survey of the host: everything that the rules cover, in order, merged with the baseline that
 * there was. What the baseline knows and nobody touched is not read again. Memory: the directories
 * that are open and a few hundred files under way.
 */
struct survey;
struct package_paths;

struct survey_options {
	const struct im_rules *now, *then; /* borrowed; then: of the baseline */
	struct keep *was;                  /* borrowed; NULL: there is none */
	/* borrowed; what real time told since that baseline, frozen; NULL: nothing. What it tells
	 * after that is its own: instead of a comparison newer() is called. */
	struct ledger *since;
	struct keeper *to; /* borrowed; NULL: nothing is written */
	bool reread;       /* also what seems untouched */
	unsigned threads;  /* that read files, besides the one that calls */
	bool here;         /* the caller's thread reads files too */
	/* borrowed; which paths belong to packages, for the new baseline; NULL: nothing is known */
	const struct package_paths *packages;
	void (*change)(void *arg, const struct im_change *c);
	void (*trouble)(void *arg, struct str path, int error); /* what could not be read */
	void (*newer)(void *arg, const struct im_entity *e);
	void *arg;
};

struct survey_counts {
	uint64_t entities, read, bytes, known, changes, troubles;
};

enum survey_state { SURVEY_MORE, SURVEY_WAITING, SURVEY_DONE };

int survey_new(struct survey **out, const struct survey_options *o);
/* Goes on for at most this many entities: WAITING when files are being read and nothing else can
 * be done meanwhile; -errno: the baseline could not be read to its end. */
int survey_step(struct survey *s, unsigned entities);
/* Waits for a file to be read after WAITING. */
void survey_wait(struct survey *s);
void survey_counts(const struct survey *s, struct survey_counts *out);
struct str survey_at(const struct survey *s); /* where it is: a path, borrowed */
void survey_free(struct survey *s);           /* also in the middle */
