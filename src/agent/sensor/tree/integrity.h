#pragma once
#include "agent/outbox.h"
#include "agent/sensor/tree/live.h"
#include "agent/sensor/tree/pace.h"
#include "module/integritymonitoring/survey/packages.h"
#include "module/integritymonitoring/survey/survey.h"

struct rules;

/*
 * Integrity Monitoring in `tree`: the baseline (LIB/tree/baseline) and the surveys that compare the
 * host with it and write the next one. A baseline is replaced when its events are kept: a crash
 * before that finds the changes once more, and tells them under the same name.
 */
struct integrity {
	struct self *me;       /* borrowed */
	struct outbox *outbox; /* borrowed */
	struct pace *pace;     /* borrowed */
	int dir;               /* borrowed */
	struct rules *rules;   /* owned; NULL: off */
	struct survey *survey; /* owned; NULL: none runs */
	struct keep was;
	struct keeper to;
	struct im_rules then;
	struct package_paths *paths; /* owned */
	struct packages *packages;   /* owned; NULL: nothing is compared */
	struct live live;            /* real time, and what it told since the baseline */
	char root[2 * IM_CHAIN + 1]; /* of was, hexadecimal; "": there is none */
	int64_t id;                  /* of the command; -1: nobody asked */
	uint64_t told_ms;
	bool due;  /* the rules are others than the baseline's */
	bool done; /* all was looked at: the baseline is replaced as soon as the events are kept */
	bool cancelled;
	bool asked; /* somebody wants it made anew: nothing is compared */
};

/* The baseline, and how many before it are kept as INTEGRITY_BASELINE.1 and so on. */
#define INTEGRITY_BASELINE "baseline"
enum { INTEGRITY_KEPT = 3 };

int integrity_init(struct integrity *i, struct self *me, struct outbox *o, struct pace *p, int dir);
void integrity_done(struct integrity *i);
void integrity_policy(struct integrity *i, struct str policy); /* as M_POLICY brings it */
/* A command: scan, or (rebuild) a new baseline that nothing is compared with; reread: also files
 * whose size, times and inode are as they were. */
void integrity_begin(struct integrity *i, int64_t id, bool rebuild, bool reread);
/* Commands that read the baseline: a page of it, or of what differs from an older one; and its
 * root, after all of it was read (integrity_view.c). */
void integrity_view(struct integrity *i, int64_t id, const json_t *args);
void integrity_prove(struct integrity *i, int64_t id);
void integrity_cancel(struct integrity *i, int64_t id); /* 0: whatever runs */
void integrity_go_on(struct integrity *i);
bool integrity_runs(const struct integrity *i);
