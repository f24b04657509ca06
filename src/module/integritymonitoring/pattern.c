#include "module/integritymonitoring/integritymonitoring.h"

static char folded(char c, bool nocase)
{
	if (nocase && c >= 'A' && c <= 'Z')
		c = (char)(c - 'A' + 'a');
	return c;
}

/*
 * A wildcard is tried short first; when what follows it fails, only the last one has to be tried
 * longer, so the work is at most |pattern| * |text|.
 */
bool im_glob(struct im_pattern pattern, struct str t)
{
	struct str p = pattern.text;
	size_t i = 0, j = 0, star = SIZE_MAX, from = 0;
	while (j < t.n) {
		bool escaped = i + 1 < p.n && p.p[i] == '\\';
		size_t at = i + escaped;
		if (i < p.n && !escaped && p.p[i] == '*') {
			star = ++i;
			from = j;
		} else if (i < p.n &&
		           ((!escaped && p.p[i] == '?') ||
		            folded(p.p[at], pattern.nocase) == folded(t.p[j], pattern.nocase))) {
			i = at + 1;
			/* One character, not one byte. */
			size_t n = !escaped && p.p[at] == '?' ? str_utf8_len(str_skip(t, j)) : 1;
			j += n ? n : 1;
		} else if (star != SIZE_MAX) {
			i = star;
			j = ++from;
		} else {
			return false;
		}
	}
	while (i < p.n && p.p[i] == '*')
		i++;
	return i == p.n;
}

/* The same way by sections: only the last `**` has to be tried longer. */
static bool match(struct im_pattern pattern, struct str path, bool below)
{
	struct str p = pattern.text, s = path, p_star = { NULL, 0 }, s_star = { NULL, 0 };
	bool star = false;
	if (!p.n)
		p.p = NULL;
	if (!s.n)
		s.p = NULL;
	while (s.p) {
		struct str p_rest = p, s_rest = s;
		struct im_pattern section = { p.p ? str_cut(&p_rest, '/') : p, pattern.nocase };
		if (p.p && str_is(section.text, "**")) {
			star = true;
			p = p_star = p_rest;
			s_star = s;
		} else if (p.p && im_glob(section, str_cut(&s_rest, '/'))) {
			p = p_rest;
			s = s_rest;
		} else if (star) {
			str_cut(&s_star, '/');
			s = s_star;
			p = p_star;
		} else {
			return false;
		}
	}
	if (below)
		return star || p.p;
	while (p.p)
		if (!str_is(str_cut(&p, '/'), "**"))
			return false;
	return true;
}

bool im_match(struct im_pattern p, struct str path)
{
	return match(p, path, false);
}

bool im_match_below(struct im_pattern p, struct str dir)
{
	return match(p, dir, true);
}
