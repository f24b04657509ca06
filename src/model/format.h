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

/* The words of a configuration, in the order of enum format and of facilities' numbers. */
#define FORMAT_WORDS "cef|leef|json|basic"
#define FACILITY_WORDS                                                                         \
	"kernel|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|ntp|audit|alert|" \
	"clock|local0|local1|local2|local3|local4|local5|local6|local7"

/* Who says it, for the header. Borrowed. */
struct format_source {
	enum format format;
	const char *vendor, *product; /* "Yagura": "Yagura Agent" and "Yagura Manager" */
	const char *version;          /* of who sends: a manager that relays says its own */
	const char *host;             /* that sends: the syslog header's */
	const char *tenant, *tenant_id;
	int facility;         /* 0 to 23 */
	int64_t offset;       /* added to ids */
	int64_t utc_offset_s; /* of the header's time; RFC 5424 says it, RFC 3164 does not */
};

/* An event as the store has it. Borrowed. */
struct format_event {
	const struct event *event;
	int64_t id;       /* in the store; 0: not known, it is left out */
	int64_t computer; /* 0: the manager's own */
	const char *host; /* of the computer, or "" */
};

/*
 * What a syslog configuration says of it (docs/forwarding.md); version, tenant, tenant_id and
 * utc_offset_s are the caller's. Borrows from o; host is where the configuration names none.
 */
struct format_source format_source_of(const json_t *o, const char *host);
/* A message without framing; without newlines, control characters and bytes that are no UTF-8. */
void format_event(struct buf *out, const struct format_source *s, const struct format_event *e);
bool format_has_basic(const struct event_class *class); /* is FORMAT_BASIC offered for it? */
