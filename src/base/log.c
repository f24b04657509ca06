#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

enum { FOLD_AFTER = 10, FOLD_MS = 10000, QUOTE_MAX = 200 };

/* The one state that is the process's: where its lines go and what the last one was. */
static struct {
	const char *proc;
	bool debug;
	char last[256];
	unsigned repeated;
	uint64_t since_ms;
} state;

void log_open(const char *proc)
{
	state.proc = proc;
}

void log_verbose(bool debug)
{
	state.debug = debug;
}

static void put(enum log_level level, const char *text)
{
	char line[1200];
	const char *proc = state.proc ? state.proc : "yagura";
	int n = isatty(STDERR_FILENO)
	                ? snprintf(line, sizeof(line), "%s: %s\n", proc, text)
	                : snprintf(line, sizeof(line), "<%d>%s: %s\n", (int)level, proc, text);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(line)) {
		n = (int)sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	/* One write a line, so that lines of several processes do not mix; nobody can be told if it
	 * fails. */
	ssize_t ignored = write(STDERR_FILENO, line, (size_t)n);
	(void)ignored;
}

static bool folded(const char *text)
{
	uint64_t now = clock_mono_ms();
	bool same = strncmp(state.last, text, sizeof(state.last) - 1) == 0;
	if (same && now - state.since_ms < FOLD_MS)
		return ++state.repeated > FOLD_AFTER;
	if (state.repeated > FOLD_AFTER) {
		char note[400];
		snprintf(note, sizeof(note), "said %u times more: %s", state.repeated - FOLD_AFTER,
		         state.last);
		put(LOG_LEVEL_WARNING, note);
	}
	snprintf(state.last, sizeof(state.last), "%.255s", text);
	state.repeated = 1;
	state.since_ms = now;
	return false;
}

void log_at(enum log_level level, const char *fmt, ...)
{
	if (level == LOG_LEVEL_DEBUG && !state.debug)
		return;
	char text[1100];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!folded(text))
		put(level, text);
}

const char *log_quote(struct str s)
{
	static char quoted[4][QUOTE_MAX * 4 + 8];
	static unsigned turn;
	char *out = quoted[turn++ % 4];
	struct buf b = { 0 };
	bool cut = s.n > QUOTE_MAX;
	buf_safe(&b, (struct str){ s.p, cut ? QUOTE_MAX : s.n });
	snprintf(out, sizeof(quoted[0]), "\"%s%s\"", b.p ? b.p : "", cut ? "..." : "");
	buf_done(&b);
	return out;
}
