#pragma once
#include <jansson.h>

#include "agent/outbox.h"
#include "agent/sensor/log/follow.h"

struct rules;
struct journal_reader;

/* The process `logs`, as its files share it. */

/* A log that was rotated away while it was not read to its end: the rest is looked for in copies.
 */
struct remnant {
	TAILQ_ENTRY(remnant) next;
	struct position at; /* at.path owned */
	unsigned tries;
};

/* A copy that the guard found beside a log. */
struct copy {
	char *name; /* owned */
	int fd;     /* owned */
	uint64_t dev, ino;
	int64_t changed_ns;
	bool used;
};

enum { COPIES_MAX = 64 };

struct logs {
	struct self *me;
	struct outbox outbox;
	struct watch tick;
	int dir;             /* owned: where the state is kept */
	struct rules *rules; /* NULL: none in force */
	struct li_engine *engine;
	struct follow_list files;
	TAILQ_HEAD(remnant_list, remnant) remnants;
	struct copy copies[COPIES_MAX]; /* of the log that was asked about */
	size_t ncopies;
	char *asked; /* owned: that log, or NULL */
	struct look_room room;
	/* what was looked for last: by the number in LOG_FILE */
	const struct li_source **patterns; /* owned array, borrowed from rules */
	size_t npatterns;
	char **known; /* owned: "format location" of sources that were looked for before */
	size_t nknown;
	struct journal_reader *journal; /* NULL: none is read */
	char *cursor;                   /* owned: of the journal, or NULL */
	struct buf kept_engine;         /* of the last life, until there is an engine */
	int64_t before_ns, last_ns; /* when files were looked for before the last time, and then */
	int64_t saved_ns;           /* when the last life kept its state */
	bool looking, again, looked, renew;
	bool dirty, holding;
	uint64_t sent_ms, looked_ms, asked_ms, save_ms, status_ms, cut_ms[32];
	uint64_t nlines, nevents, nread, unread; /* unread: logs whose rest was not found */
	unsigned told_problems;
	int save_error;
};

/* logs.c */
void logs_line(void *arg, struct follow *f, struct str text, uint64_t offset, bool cut);
void logs_system(struct logs *l, const char *kind, const char *description);

/* rotated.c */
/* away: as it was kept by the last life. */
void remnant_add(struct logs *l, const struct position *at, bool away);
/* It was cut off since then, perhaps more than once. */
void remnant_since(struct logs *l, const struct position *at, int64_t since_ns);
/* The log was renamed since it was looked for last: others may have had its name meanwhile. */
void remnant_between(struct logs *l, const struct position *at);
void remnants_free(struct logs *l);
void remnants_ask(struct logs *l, uint64_t now_ms);
void remnant_copy(struct logs *l, const char *name, int fd); /* takes fd */
void copies_forget(struct logs *l);
void remnants_judge(struct logs *l); /* all copies of the log that was asked about are here */

/* keep.c: the state over restarts */
void logs_load(struct logs *l);
int logs_save(struct logs *l);

/* tell.c */
void logs_status(struct logs *l);
void logs_problems(struct logs *l);
void logs_cuts(struct logs *l, const char *where, uint64_t now_ms);
