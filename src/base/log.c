#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"

enum { FOLD_AFTER = 10, FOLD_MS = 10000, QUOTE_MAX = 200, TEXT_MAX = 1100 };

/* A line said lately. */
struct said {
	char text[256]; /* its start */
	unsigned times; /* 0: a free row */
	uint64_t since_ms;
	uint64_t turn; /* the row with the smallest is given up first */
};

/* The one state that is the process's: where its lines go and what was said lately. */
static struct {
	const char *proc;
	bool debug;
	struct said said[8];
	uint64_t turn;
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
	struct str s = str_utf8_cut(str_of(text), TEXT_MAX);
	int n = isatty(STDERR_FILENO) ? snprintf(line, sizeof(line), "%s: %.*s", proc, STR_ARG(s))
	                              : snprintf(line, sizeof(line), "<%d>%s: %.*s", (int)level,
	                                         proc, STR_ARG(s));
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(line))
		n = (int)sizeof(line) - 1;
	/* A line stays one line: what follows a line break could pass for a message of its own. */
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[n] = '\n';
	/* One write a line, so that lines of several processes do not mix; nobody can be told if it
	 * fails. */
	ssize_t ignored = write(STDERR_FILENO, line, (size_t)n + 1);
	(void)ignored;
}

/* Frees a row, after saying how often its line was kept back. */
static void forget(struct said *s)
{
	if (s->times > FOLD_AFTER) {
		char note[320];
		snprintf(note, sizeof(note), "said %u times more: %s", s->times - FOLD_AFTER,
		         s->text);
		put(LOG_LEVEL_WARNING, note);
	}
	*s = (struct said){ 0 };
}

static bool again(struct said *s)
{
	s->turn = ++state.turn;
	return ++s->times > FOLD_AFTER;
}

static bool folded(const char *text)
{
	uint64_t now = clock_mono_ms();
	struct said *oldest = &state.said[0];
	for (size_t i = 0; i < ARRAY_LEN(state.said); i++) {
		struct said *s = &state.said[i];
		if (s->times && now - s->since_ms >= FOLD_MS)
			forget(s);
		if (s->times && strncmp(s->text, text, sizeof(s->text) - 1) == 0)
			return again(s);
		if (s->turn < oldest->turn)
			oldest = s;
	}
	forget(oldest);
	snprintf(oldest->text, sizeof(oldest->text), "%.255s", text);
	oldest->since_ms = now;
	return again(oldest);
}

void log_at(enum log_level level, const char *fmt, ...)
{
	if (level == LOG_LEVEL_DEBUG && !state.debug)
		return;
	char text[TEXT_MAX + 4];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!folded(text))
		put(level, text);
}

/* s as buf_safe() writes it, and its quotes escaped too, so that the closing one is the last. */
const char *log_quote(struct str s)
{
	static char quoted[4][QUOTE_MAX * 4 + 8];
	static unsigned turn;
	char *out = quoted[turn++ % 4];
	AUTO(buf_done) struct buf b = { 0 };
	struct str rest = str_utf8_cut(s, QUOTE_MAX);
	const char *tail = rest.n < s.n ? "..." : "";
	while (rest.p) {
		buf_safe(&b, str_cut(&rest, '"'));
		if (rest.p)
			buf_z(&b, "\\x22");
	}
	snprintf(out, sizeof(quoted[0]), "\"%s%s\"", b.p ? b.p : "", tail);
	return out;
}
