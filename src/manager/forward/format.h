#pragma once
#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/event.h"

/*
 * Events as syslog messages (log-rules.md, "Forwarding"): CEF, LEEF 2.0, JSON in RFC 5424, or one
 * sentence. Pure. Which field becomes which key is a table by class of events.
 */
enum format { FORMAT_CEF, FORMAT_LEEF, FORMAT_JSON, FORMAT_BASIC };

/* Who says it, for the header. Borrowed. */
struct format_source {
	enum format format;
	const char *vendor, *product; /* "Yagura": "Yagura Agent" and "Yagura Manager" */
	const char *version;          /* the manager's: it relays */
	const char *host;             /* that sends: the syslog header's */
	const char *tenant, *tenant_id;
	int facility;         /* 0 to 23 */
	int64_t offset;       /* added to ids */
	int64_t utc_offset_s; /* of the header's time; RFC 5424 says it, RFC 3164 does not */
};

/* An event as the store has it. Borrowed. */
struct format_event {
	const struct event *event;
	int64_t id, computer; /* 0: the manager's own */
	const char *host;     /* of the computer, or "" */
};

/* A message without framing; without newlines, control characters and bytes that are no UTF-8. */
void format_event(struct buf *out, const struct format_source *s, const struct format_event *e);
bool format_has_basic(const struct event_class *class); /* is FORMAT_BASIC offered for it? */
