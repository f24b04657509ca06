#include <ctype.h>
#include <string.h>

#include "module/loginspection/event.h"

/* Phase 1: control characters go, then the date, the host and the program are taken off. */

/* ( ) - . / 0-9 @ A-Z _ a-z */
static bool name_byte(char c)
{
	static const uint64_t valid[4] = { 0x03ffe30000000000, 0x07fffffe87ffffff };
	unsigned char b = (unsigned char)c;
	return valid[b / 64] >> b % 64 & 1;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

typedef uint8_t block __attribute__((vector_size(16)));

static block controls_of(const char *p)
{
	block v;
	memcpy(&v, p, sizeof(v));
	return (block)(v < 0x20) | (block)(v == 0x7f);
}

/* Sixteen bytes at a time; the last block may overlap the one before. */
static bool has_control(const char *p, size_t n)
{
	block found = { 0 };
	uint64_t halves[2];
	if (n < sizeof(block)) {
		for (size_t i = 0; i < n; i++)
			if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
				return true;
		return false;
	}
	for (size_t i = 0; i + sizeof(block) <= n; i += sizeof(block))
		found |= controls_of(p + i);
	found |= controls_of(p + n - sizeof(block));
	memcpy(halves, &found, sizeof(halves));
	return (halves[0] | halves[1]) != 0;
}

static struct str cleaned(struct li_event *ev, struct str line)
{
	if (line.n > LI_LINE_MAX) {
		line.n = LI_LINE_MAX;
		ev->engine->cut |= LI_CUT_LINE;
	}
	if (!has_control(line.p, line.n))
		return line;
	char *to = scratch_room(ev, line.n);
	size_t n = 0;
	for (size_t i = 0; to && i < line.n; i++)
		if ((unsigned char)line.p[i] >= 0x20 && line.p[i] != 0x7f)
			to[n++] = line.p[i];
	return (struct str){ to, n };
}

/* ---- dates ---- */

/* A shape: '_' is any byte, '9' a digit, everything else itself. */
static bool shaped(struct str s, const char *shape)
{
	size_t n = strlen(shape);
	if (s.n < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (shape[i] != '_' && (shape[i] == '9' ? !is_digit(s.p[i]) : shape[i] != s.p[i]))
			return false;
	return true;
}

/* yyyy-mm-ddThh:mm:ss[.,f1-6]+hh:mm and a space. */
static size_t iso_date(struct str s)
{
	size_t at = 19;
	if (!shaped(s, "____-__-__T__:__:__") || s.n < 27)
		return 0;
	if (s.p[at] == '.' || s.p[at] == ',') {
		size_t digits = 0;
		for (at++; at < s.n && digits < 7 && is_digit(s.p[at]); at++)
			digits++;
		if (digits < 1 || digits > 6)
			return 0;
	}
	struct str zone = str_skip(s, at);
	return shaped(zone, "___:__ ") && (zone.p[0] == '+' || zone.p[0] == '-') ? at + 7 : 0;
}

/* Mmm dd hh:mm:ss and a space: what most lines begin with. */
static bool plain_date(struct str s)
{
	return s.n > 16 && s.p[3] == ' ' && s.p[6] == ' ' && s.p[9] == ':' && s.p[12] == ':' &&
	       s.p[15] == ' ';
}

/* How long the date is that a syslog line begins with; 0: none. */
static size_t syslog_date(struct str s)
{
	if (plain_date(s))
		return 16;
	if (shaped(s, "____-__-__ __:__:__,") && s.n > 23)
		return 23;
	size_t iso = iso_date(s);
	if (iso)
		return iso;
	if (shaped(s, "9___ ___ __ __:__:__ ") && s.n > 20)
		return 21;
	if (shaped(s, "9___:__:__-__:__:__") && s.n > 19)
		return 20;
	return 0;
}

/* ---- host and program ---- */

static size_t name_length(struct str s)
{
	size_t n = 0;
	while (n < s.n && name_byte(s.p[n]))
		n++;
	return n;
}

static bool at_two(struct str s, size_t i, char a, char b)
{
	return i + 1 < s.n && s.p[i] == a && s.p[i + 1] == b;
}

/* Behind `p: `, `p[123]: ` or `p[123] `; 0: no program stands there. */
static size_t program_end(struct str s, size_t n, bool colon_only)
{
	if (at_two(s, n, ':', ' '))
		return n + 2;
	if (n + 1 >= s.n || s.p[n] != '[' || !is_digit(s.p[n + 1]))
		return 0;
	for (n++; n < s.n && is_digit(s.p[n]); n++)
		;
	if (n + 2 < s.n && s.p[n] == ']' && s.p[n + 1] == ':' && s.p[n + 2] == ' ')
		return n + 3;
	return !colon_only && at_two(s, n, ']', ' ') ? n + 2 : 0;
}

static size_t alnum_length(struct str s)
{
	size_t n = 0;
	while (n < s.n && isalnum((unsigned char)s.p[n]))
		n++;
	return n;
}

/* AIX: `auth|security:info p: `. s begins behind the name before '|'. */
static bool aix_program(struct li_event *ev, struct str s)
{
	if (s.n < 2 || s.p[0] != '|' || !islower((unsigned char)s.p[1]))
		return false;
	s = str_skip(s, 2);
	s = str_skip(s, alnum_length(s));
	if (!s.n || s.p[0] != ':')
		return false;
	s = str_skip(s, 1);
	s = str_skip(s, alnum_length(s));
	if (!s.n || s.p[0] != ' ')
		return false;
	s = str_skip(s, 1);
	size_t n = name_length(s), end = program_end(s, n, true);
	if (!end)
		return false;
	ev->f[FIELD_PROGRAM] = (struct str){ s.p, n };
	ev->f[FIELD_LOG] = str_skip(s, end);
	return true;
}

/* `[ID n facility.severity] ` of Solaris. */
static void without_id(struct li_event *ev)
{
	struct str s = ev->f[FIELD_LOG];
	if (!str_starts(s, STR("[ID ")))
		return;
	const char *end = memchr(s.p, ']', s.n);
	if (end)
		ev->f[FIELD_LOG] = str_skip(s, (size_t)(end - s.p) + 2);
}

static void host_and_program(struct li_event *ev, struct str s)
{
	if (s.n && s.p[0] == ' ')
		s = str_skip(s, 1);
	ev->f[FIELD_LOG] = s;
	size_t n = name_length(s);
	if (at_two(s, n, ':', ' ')) { /* Solaris without a host */
		ev->f[FIELD_PROGRAM] = (struct str){ s.p, n };
		ev->f[FIELD_LOG] = str_skip(s, n + 2);
		without_id(ev);
		return;
	}
	if (n >= s.n || s.p[n] != ' ')
		return;
	ev->f[FIELD_HOSTNAME] = (struct str){ s.p, n };
	s = str_skip(s, n + 1);
	ev->f[FIELD_LOG] = s;
	n = name_length(s);
	size_t end = program_end(s, n, false);
	if (end) {
		ev->f[FIELD_PROGRAM] = (struct str){ s.p, n };
		ev->f[FIELD_LOG] = str_skip(s, end);
	} else if (!aix_program(ev, str_skip(s, n))) {
		return;
	}
	without_id(ev);
}

/* ---- dates of other formats ---- */

/* [Time 2006.12.28 15:53:55 UTC] [Facility auth] [Sender sshd] [PID 1] [Message x] [Level 3] [UID
 * -2] [GID -2] [Host h] */
static struct str asl_part(struct str s, const char *name)
{
	const char *p = memmem(s.p, s.n, name, strlen(name));
	if (!p)
		return (struct str){ 0 };
	s = str_skip(s, (size_t)(p - s.p) + strlen(name));
	const char *end = memmem(s.p, s.n, "] [", 3);
	if (!end && s.n && s.p[s.n - 1] == ']')
		end = s.p + s.n - 1;
	return end ? (struct str){ s.p, (size_t)(end - s.p) } : (struct str){ 0 };
}

static void asl(struct li_event *ev, struct str s)
{
	struct str message = asl_part(s, "[Message "), host = asl_part(s, "[Host "),
		   sender = asl_part(s, "[Sender ");
	if (!message.p)
		return;
	ev->f[FIELD_LOG] = message;
	ev->f[FIELD_HOSTNAME] = host;
	ev->f[FIELD_PROGRAM] = sender;
}

static void other_dates(struct li_event *ev, struct str s)
{
	size_t n = 0;
	if (shaped(s, "___ ___ __ __:__:__ ____ _ ") && s.n > 27)
		n = 24;
	else if (shaped(s, "__/__-__:__:__.______ ") && s.n > 23)
		n = 23;
	else if (shaped(s, "__/__/____-__:__:__.______ ") && s.n > 27)
		n = 28;
	else if (shaped(s, "[___ ___ __ __:__:__ ____]") && s.n > 26)
		n = 27;
	else if (shaped(s, "[T___ ____.__.__ __:"))
		asl(ev, s);
	else if (shaped(s, "1999______.__9 ") && s.n > 31 && (s.p[21] == ' ' || s.p[22] == ' '))
		for (n = 14; n < s.n && s.p[n] == ' '; n++)
			;
	if (n)
		ev->f[FIELD_LOG] = str_skip(s, n);
}

void event_predecode(struct li_event *ev, struct str line)
{
	struct str s = cleaned(ev, line);
	if (!s.p)
		s.p = "";
	ev->size = s.n;
	ev->f[FIELD_LOG] = s;
	size_t date = syslog_date(s);
	if (date)
		host_and_program(ev, str_skip(s, date));
	else
		other_dates(ev, s);
	if (!ev->f[FIELD_HOSTNAME].p && ev->engine->hostname)
		ev->f[FIELD_HOSTNAME] = str_of(ev->engine->hostname);
}
