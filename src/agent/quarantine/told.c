#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "agent/quarantine/vault.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

/* So long it may take until an event is on disk. */
enum { GRACE_MS = 60000 };

static const char file_name[] = "told";

void told_load(struct quarantine *q)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (file_read(q->dir, file_name, 32, &b) < 0 ||
	    str_i64(buf_view(&b), 0, INT64_MAX, &q->told_ms) < 0)
		q->told_ms = 0;
}

void told_note(struct quarantine *q)
{
	char text[32];
	int64_t now = (int64_t)clock_ms();
	/* A clock that was set back must not hide what comes now. */
	if (now - q->told_ms < 2 * (int64_t)GRACE_MS && now >= q->told_ms)
		return;
	q->told_ms = now - GRACE_MS;
	int n = snprintf(text, sizeof(text), "%lld", (long long)q->told_ms);
	int rc = file_replace(q->dir, file_name, text, (size_t)n, 0600);
	if (rc < 0)
		log_error("quarantine: note what was told: %s", strerror(-rc));
}

void quarantine_tell(struct quarantine *q, bool started)
{
	int64_t since = started ? q->told_ms : (int64_t)clock_ms() - GRACE_MS;
	const struct entry *e = NULL;
	TAILQ_FOREACH_REVERSE(e, &q->entries, entries, next)
	{
		AUTO(kept_done) struct kept r = { 0 };
		if (e->time_ms < since)
			break;
		if (vault_load(q, e->id, &r, NULL) == 0 && *r.event)
			q->ears.tell(q->ears.arg, r.event, r.id);
	}
}
