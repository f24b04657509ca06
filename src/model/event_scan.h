#pragma once
#include "model/event.h"

/*
 * Reads events from where they were written without making JSON values of them: managers store a
 * great many. It knows only what event_write() writes, without escapes in strings; of anything else
 * it says so, and event_parse() has the word. What it takes, event_parse() takes as well, and
 * understands the same.
 */
struct event_value {
	enum { EVENT_VALUE_NONE, EVENT_VALUE_INT, EVENT_VALUE_TEXT } type; /* booleans: 0 and 1 */
	int64_t i;
	struct str s; /* borrowed from the text */
};

enum { EVENT_VALUES_MAX = 64 }; /* no class has as many fields */

/*
 * The event that valid UTF-8 begins with: its values in the order of the class's fields. out has no
 * fields but `text`, borrowed, from which event_load() makes them. The length of its text, 0: it is
 * written otherwise, or no event.
 */
size_t event_scan(struct str in, const struct event_class *const *classes, struct event *out,
                  struct event_value values[static EVENT_VALUES_MAX]);

/*
 * Cuts a batch, {"first":N,"events":[EVENT,...]} as the spool writes it, into its events.
 * batch_open(): false, it is written otherwise. batch_next(): 1 another event, which begins *rest;
 * 0 the end of the batch, with nothing behind it; -EBADMSG.
 */
struct event_batch {
	struct str rest;
	bool any;
};

bool event_batch_open(struct event_batch *b, struct str in, int64_t *first);
int event_batch_next(struct event_batch *b);
/* The event at b->rest by its braces: its length, or 0. */
size_t event_extent(struct str in);
