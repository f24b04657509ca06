#pragma once
#include <sys/queue.h>

#include "agent/outbox.h"
#include "agent/sensor/change/touched.h"
#include "module/integritymonitoring/survey/ledger.h"

struct moved;
struct reader;
struct rules;
struct walk;

/*
 * Integrity Monitoring in real time, the half that judges: the sensor (sensor/change) tells which
 * paths were touched and by whom, here each is looked at and compared with the ledger, as a scan
 * would. What happened while nobody watched is found by a sweep over everything that is watched.
 */
struct live {
	struct self *me;       /* borrowed */
	struct outbox *outbox; /* borrowed */
	struct rules *rules;   /* borrowed; NULL: off */
	struct im_rules watched;
	struct ledger ledger;
	bool open;   /* there is a ledger */
	bool judges; /* real time is on, and the ledger is of these rules */
	struct walk *walk;
	struct moved *moved;
	struct map movers;                     /* by path: who renamed it */
	struct reader *reader;                 /* owned */
	STAILQ_HEAD(items, item) items, later; /* later: files that take long to read */
	struct map slow;                       /* by path: until when it is left alone, owned */
	struct map queued;                     /* by path: items that can still be added to */
	struct sweep *sweep;
	struct item *sweeping; /* owned: whom the sweep is for; NULL: everything */
	bool due;              /* a sweep over everything */
	bool swept;            /* one ended since the sensor began */
	struct {
		bool due;
		uint64_t after_ms;
		struct item *by; /* owned: who touched it; NULL: not known */
	} classes[IM_LINUX_CLASSES];
	char state[16];   /* of the sensor: "on", "starting", "lost", "off" */
	json_t *sensor;   /* owned: what it said last, for the status */
	uint64_t told;    /* changes */
	uint64_t rest_ms; /* when halves of renamings were last given up */
};

int live_init(struct live *l, struct self *me, struct outbox *o);
void live_done(struct live *l);
/* The rules in force (borrowed until the next call), NULL: none. */
void live_policy(struct live *l, struct rules *r, int dir, const char *baseline);
/* There is another baseline. */
void live_reopen(struct live *l, int dir, const char *baseline);
/* Is the baseline one of these rules? */
bool live_is_of(const struct live *l, const struct im_rules *r);
/* Goes on until then (monotonic). */
void live_go_on(struct live *l, uint64_t until_ms);
/* Somebody touched it, but a survey came first: it is looked at once more. */
void live_look_again(struct live *l, const struct im_entity *e);
/* A survey told this change: it is known from now on. */
void live_note(struct live *l, const struct im_change *c);
/* Against what a change is one, for the event's name: the root and how often it was told since. */
void live_against(const struct live *l, const struct im_entity *e, struct buf *out);
void live_status(struct live *l);
int live_touched(struct live *l, uint32_t id, struct str body); /* M_TOUCHED */
void live_sensor(struct live *l, struct str body);              /* M_WATCHING */
void live_sensor_gone(struct live *l);

/* ---- for sweep.c ---- */

/* Looks at one path and tells what is different. touch: as in struct touched. */
void live_judge(struct live *l, struct str path, uint32_t touch, const struct im_actor *by);
void live_class(struct live *l, enum im_class class, const struct im_actor *by);
/* Over everything that is watched, or (path) what is and was below one. */
struct sweep *sweep_new(struct live *l, struct str path, const struct im_actor *by);
bool sweep_go_on(struct sweep *s, uint64_t until_ms); /* true: it is done */
void sweep_free(struct sweep *s);
