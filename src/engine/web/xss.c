#include "engine/web/scan.h"

/*
 * Cross-site scripting: a value as it would be read inside a page, in one of its quoted attributes,
 * or in a script's string. Marks alone (p, b, a with a plain link) are nobody's attack.
 */

enum { TAG_MAX = 2048 };

static const char *const loading[] = { "iframe",  "frame",   "object", "embed", "applet", "base",
	                               "svg",     "math",    "link",   "meta",  "form",   "portal",
	                               "isindex", "bgsound", "xml",    NULL };

static const char *const calls[] = { "alert(",         "confirm(",        "prompt(",
	                             "eval(",          "alert`",          "document.cookie",
	                             "document.write", "document.domain", "fromcharcode",
	                             "atob(",          "settimeout(",     "setinterval(",
	                             "function(",      "fetch(",          "import(",
	                             "window[",        "self[",           "top[",
	                             "constructor",    "localstorage",    "xmlhttprequest",
	                             "onerror=",       "location=",       ".src=",
	                             "print()",        "javascript",      NULL };

static bool has_call(struct str s)
{
	for (const char *const *c = calls; *c; c++)
		if (look_for(s, 0, *c) < s.n)
			return true;
	return false;
}

/* How names of events begin, in lower case. */
static const char *const events[] = {
	"abort",    "activate", "after",   "animation",  "aux",        "before",     "begin",
	"blur",     "bounce",   "cancel",  "canplay",    "cellchange", "change",     "click",
	"close",    "context",  "control", "copy",       "cue",        "cut",        "data",
	"dbl",      "drag",     "drop",    "duration",   "emptied",    "end",        "error",
	"filter",   "finish",   "focus",   "form",       "fullscreen", "gotpointer", "hash",
	"help",     "input",    "invalid", "key",        "layout",     "load",       "lose",
	"lost",     "message",  "mouse",   "move",       "offline",    "online",     "open",
	"page",     "paste",    "pause",   "play",       "pointer",    "pop",        "progress",
	"property", "rate",     "ready",   "redo",       "rejection",  "repeat",     "reset",
	"resize",   "row",      "scroll",  "search",     "seek",       "select",     "show",
	"slot",     "stalled",  "start",   "stop",       "storage",    "submit",     "suspend",
	"time",     "toggle",   "touch",   "transition", "undo",       "unhandled",  "unload",
	"volume",   "waiting",  "webkit",  "wheel",      "zoom",       NULL
};

static bool is_event(struct str s, size_t i)
{
	for (const char *const *e = events; *e; e++)
		if (goes_on(s, i, *e))
			return true;
	return false;
}

/* on, an event's name, blanks, =, and something: the length of the name, 0: none. */
static size_t handler(struct str s, size_t i)
{
	size_t k = i + 2;
	if (!goes_on(s, i, "on") || !is_event(s, i + 2))
		return 0;
	while (k < s.n && is_alpha(s.p[k]))
		k++;
	size_t name = k - i;
	k = skip_blanks(s, k);
	return name >= 5 && name <= 30 && at(s, k) == '=' && k + 1 < s.n ? name : 0;
}

/* Is there an attribute that is a handler from i to the tag's end? Between attributes: blanks, /,
 * a quote that closed the one before. */
static bool has_handler(struct str tag)
{
	for (size_t i = 1; i < tag.n; i++)
		if ((is_blank(tag.p[i - 1]) || strchr("/'\"`,;", tag.p[i - 1])) && handler(tag, i))
			return true;
	return false;
}

/* A scheme with what browsers leave out inside of it; true also for data: with HTML in it. */
static bool scheme(struct str s, size_t i)
{
	static const char *const schemes[] = { "javascript:", "vbscript:", "livescript:", NULL };
	char squeezed[24];
	size_t n = 0;
	i = skip_blanks(s, i);
	while (i < s.n && n < sizeof(squeezed)) {
		char c = s.p[i++];
		if ((uint8_t)c > ' ')
			squeezed[n++] = lower(c);
	}
	struct str text = { squeezed, n };
	for (const char *const *c = schemes; *c; c++)
		if (goes_on(text, 0, *c))
			return true;
	return goes_on(text, 0, "data:text/html") || goes_on(text, 0, "data:image/svg+xml") ||
	       goes_on(text, 0, "data:text/xml");
}

static bool has_scheme(struct str tag)
{
	for (size_t i = look_for(tag, 0, "="); i < tag.n; i = look_for(tag, i + 1, "=")) {
		size_t k = skip_blanks(tag, i + 1);
		k += at(tag, k) == '"' || at(tag, k) == '\'' || at(tag, k) == '`';
		if (scheme(tag, k))
			return true;
	}
	return false;
}

static bool runs_style(struct str tag)
{
	size_t i = look_for(tag, 0, "style");
	return i < tag.n &&
	       (look_for(tag, i, "expression(") < tag.n ||
	        look_for(tag, i, "-moz-binding") < tag.n || look_for(tag, i, "behavior:") < tag.n ||
	        look_for(tag, i, "@import") < tag.n);
}

static struct str tag_at(struct str s, size_t i)
{
	size_t end = i + 1;
	while (end < s.n && s.p[end] != '>' && s.p[end] != '<' && end - i < TAG_MAX)
		end++;
	return part(s, i, end);
}

static void one_tag(struct str s, size_t i, struct web_found *f)
{
	bool closes = at(s, i + 1) == '/';
	size_t from = i + 1 + closes;
	if (!is_alpha(at(s, from)) || (uint8_t)at(s, from) >= 0x80)
		return;
	struct str tag = tag_at(s, i), name = part(s, from, skip_word(s, from));
	if (str_eq_nocase(name, STR("script"))) {
		web_find(f, WEB_XSS_SCRIPT);
		return;
	}
	if (has_handler(tag))
		web_find(f, WEB_XSS_HANDLER);
	if (closes)
		return;
	if (has_scheme(tag))
		web_find(f, WEB_XSS_SCHEME);
	if (one_of(name, loading))
		web_find(f, WEB_XSS_ELEMENT);
	bool source = look_for(tag, 0, "srcdoc") < tag.n || runs_style(tag) ||
	              (str_eq_nocase(name, STR("style")) && look_for(s, i, "@import") < s.n);
	if (source)
		web_find(f, WEB_XSS_SOURCE);
}

/* A value in an attribute: " onfocus=... autofocus x=" */
static void in_attribute(struct str s, struct web_found *f)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '"' && s.p[i] != '\'' && s.p[i] != '`')
			continue;
		size_t k = i + 1;
		while (k < s.n && (is_blank(s.p[k]) || s.p[k] == '/'))
			k++;
		bool spread = look_for(part(s, 0, i), 0, "<") == i;
		if (spread && (k > i + 1 || i == 0) && handler(s, k)) {
			web_find(f, WEB_XSS_ATTRIBUTE);
			return;
		}
		/* Other attributes may come first. */
		if (spread && k > i + 1 && is_alpha(at(s, k)) && has_handler(part(s, k, s.n))) {
			web_find(f, WEB_XSS_ATTRIBUTE);
			return;
		}
	}
}

/* A value in a script's string: ';alert(1)// "-alert(1)-" */
static void in_script(struct str s, struct web_found *f)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '"' && s.p[i] != '\'' && s.p[i] != '`')
			continue;
		size_t k = skip_blanks(s, i + 1);
		char c = at(s, k);
		if (!c || !strchr(";-+*/^|&,:)}<>?=%", c))
			return;
		struct str rest = part(s, k, s.n);
		if (look_for(rest, 0, "(") == rest.n && look_for(rest, 0, "`") == rest.n &&
		    look_for(rest, 0, "=") == rest.n)
			return;
		if (has_call(rest)) {
			web_find(f, WEB_XSS_ESCAPE);
			web_find(f, WEB_XSS_CODE);
		}
		return;
	}
}

void web_read_xss(const struct web_value *v, struct str text, struct web_found *found)
{
	struct web_found is = { 0 };
	if (v->place == WEB_IN_HEADER && look_for(text, 0, "<") == text.n)
		return;
	for (size_t i = look_for(text, 0, "<"); i < text.n; i = look_for(text, i + 1, "<"))
		one_tag(text, i, &is);
	if (scheme(text, 0)) {
		web_find(&is, WEB_XSS_SCHEME);
	} else {
		in_attribute(text, &is);
		in_script(text, &is);
	}
	if (is.times[WEB_XSS_ELEMENT] && has_call(text) && !is.times[WEB_XSS_CODE])
		web_find(&is, WEB_XSS_CODE);
	for (unsigned i = 0; i < WEB_FEATURES; i++)
		found->times[i] = (uint8_t)(found->times[i] | is.times[i]);
}
