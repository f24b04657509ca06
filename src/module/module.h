#pragma once
#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "model/event.h"
#include "model/sight.h"

struct rules; /* each module's own: only that module looks inside */

/*
 * The face of a protection module, in two halves. A section says what its part of a policy means;
 * it is pure (no files, clock or network), so the manager links it to refuse a bad policy when it
 * is written and the agent links it to obey. A module judges what sensors see; only the agent links
 * it.
 */
struct section {
	const char *name; /* "antimalware": policy key, event class, command-line word */
	const struct event_class *events;
	int (*parse)(const json_t *in, struct rules **out, struct err *why);
	void (*free)(struct rules *r);
};

/* What a module may ask for to be done with the file of a sight; processes that run it are ended.
 */
enum deed { DEED_QUARANTINE, DEED_DELETE };

/*
 * What a module may ask of the process it lives in. A test hands it a fake. A sight stays open
 * until settle() AND every ask() and deed() of it was answered and release() was called.
 */
struct host {
	void (*emit)(struct host *h, const struct event *ev);
	/* Answers the one who waits (nothing waits after SENSE_CHANGE or SENSE_WALK; call it all
	 * the same). */
	void (*settle)(struct host *h, uint64_t sight, enum verdict v);
	/* The host may remember the PASS for this very file version. */
	void (*remember)(struct host *h, uint64_t sight);
	/* Content scan of the sight's file; the answer comes through answer(). */
	int (*ask_scan)(struct host *h, uint64_t sight, const json_t *options);
	/* The outcome comes through done(). detail: for the quarantine record (borrowed). */
	int (*deed)(struct host *h, uint64_t sight, enum deed d, const json_t *detail);
	void (*release)(struct host *h, uint64_t sight);
	uint64_t (*now_ms)(struct host *h);
};

/* First member of every module's own state. */
struct instance {
	const struct module *module;
	struct host *host;
};

struct module {
	const struct section *section;
	unsigned senses; /* SENSE_ bits it wants to be shown */
	struct instance *(*start)(struct host *h);
	int (*apply)(struct instance *i,
	             const struct rules *r); /* new policy; rules stay valid until the next apply */
	enum verdict (*decide)(struct instance *i, const struct sight *s);
	/* result NULL: the scanner could not answer (died, too slow: why says which). */
	void (*answer)(struct instance *i, uint64_t sight, const json_t *result, const char *why);
	/* The one who waits has waited long enough: settle now; the look goes on. */
	void (*late)(struct instance *i, uint64_t sight);
	void (*done)(struct instance *i, uint64_t sight, enum deed d, int rc, const json_t *record);
	json_t *(*report)(
		const struct instance *i); /* its part of the agent's status; new reference */
	void (*stop)(struct instance *i);
};

extern const struct section *const sections[];        /* sections.c: a row each, NULL last */
const struct section *section_find(const char *name); /* or NULL */
/* All event classes: the system's and every section's; NULL last. */
extern const struct event_class *const event_classes[];
