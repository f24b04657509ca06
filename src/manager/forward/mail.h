#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * One mail or web hook, sent now. Calls take half a minute at most, and no longer than until `stop`
 * can be read: for a process that does nothing else. Secrets are in no error.
 *
 * mail: {"server":"HOST[:PORT]","startTls":bool,"user","password","ca","from","to":["..."],"text"}
 * hook: {"url":"https://...","ca","body","headers":["Name: value"]}
 * ca: PEM, or "" for what the system trusts.
 */
int mail_send(const json_t *order, int stop, struct err *why);
int hook_send(const json_t *order, int stop, struct err *why);
/* {"url":"https://...","ca","body"}: what is there, or what a form is answered when body is not
 * empty; at most 1 MiB. -EREMOTEIO for any status but 200. */
int fetch(const json_t *order, int stop, struct buf *said, struct err *why);
